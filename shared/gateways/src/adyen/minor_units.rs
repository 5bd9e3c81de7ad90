//! How Adyen counts each currency (docs.adyen.com, "Currency codes and minor units"): ISO 4217 but for CLP, CVE, IDR and ISK.

use payment::{Currency, MinorUnits};

/// How Adyen counts this currency; `None` where it does not take it.
pub(super) fn minor_units(currency: Currency) -> Option<MinorUnits> {
    let digits = DIGITS.iter().find(|(_, codes)| codes.contains(&currency.as_str()))?.0;
    Some(MinorUnits { digits, multiple_of: 1 })
}

/// Decimal places, and the currencies that have so many.
const DIGITS: [(u32, &[&str]); 3] = [
    (
        0,
        &[
            "CVE", "DJF", "GNF", "IDR", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF",
            "XPF",
        ],
    ),
    (
        2,
        &[
            "AED", "ALL", "AMD", "ANG", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN", "BMD",
            "BND", "BOB", "BRL", "BSD", "BWP", "BYN", "BZD", "CAD", "CHF", "CLP", "CNY", "COP", "CRC", "CZK",
            "DKK", "DOP", "DZD", "EGP", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS", "GIP", "GMD", "GTQ",
            "GYD", "HKD", "HNL", "HTG", "HUF", "ILS", "INR", "ISK", "JMD", "KES", "KGS", "KHR", "KYD", "KZT",
            "LAK", "LBP", "LKR", "MAD", "MDL", "MKD", "MMK", "MNT", "MOP", "MUR", "MVR", "MWK", "MXN", "MYR",
            "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "QAR",
            "RON", "RSD", "SAR", "SBD", "SCR", "SEK", "SGD", "SHP", "SOS", "SRD", "SVC", "SZL", "THB", "TOP",
            "TRY", "TTD", "TWD", "TZS", "UAH", "USD", "UYU", "UZS", "WST", "XCD", "YER", "ZAR", "ZMW",
        ],
    ),
    (3, &["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]),
];

#[cfg(test)]
mod tests {
    use payment::{Money, Price};

    use super::*;

    fn digits(code: &str) -> Option<u32> {
        minor_units(code.parse().unwrap()).map(|units| units.digits)
    }

    #[test]
    fn adyen_counts_four_currencies_unlike_iso_and_refuses_what_it_does_not_know() {
        let told = ["CLP", "CVE", "IDR", "ISK", "JPY", "EUR", "KWD"].map(digits);
        assert_eq!(told, [Some(2), Some(0), Some(0), Some(2), Some(0), Some(2), Some(3)]);
        assert_eq!((digits("XXX"), digits("MGA"), digits("BTC")), (None, None, None));
    }

    #[test]
    fn every_currency_stands_in_the_table_once_and_goes_there_and_back() {
        let mut seen = std::collections::BTreeSet::new();
        for code in DIGITS.iter().flat_map(|(_, codes)| codes.iter()) {
            assert!(seen.insert(code), "{code} stands there twice");
            let currency = code.parse().unwrap();
            let units = minor_units(currency).unwrap();
            let money = Money { minor: 12_345, currency };
            assert_eq!(Money::from_price(money.to_price(units), units), Ok(money), "{code}");
            let one = Price { amount: "1".parse().unwrap(), currency };
            assert_eq!(Money::from_price(one, units).unwrap().minor, 10_i64.pow(units.digits), "{code}");
        }
    }
}
