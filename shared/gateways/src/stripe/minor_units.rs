//! How Stripe counts each currency (docs.stripe.com/currencies); a currency that is not in the table is refused.

use payment::{Currency, MinorUnits};

/// What a currency's amount counts, by Stripe's list of presentment currencies.
pub(super) fn minor_units(currency: Currency) -> Option<MinorUnits> {
    TABLE
        .iter()
        .find(|(_, list)| list.split(' ').any(|code| code == currency.as_str()))
        .map(|(units, _)| *units)
}

const TABLE: [(MinorUnits, &str); 4] = [
    (
        MinorUnits { digits: 2, multiple_of: 1 },
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CNY COP \
         CRC CVE CZK DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR JMD KES KGS \
         KHR KYD KZT LAK LBP LKR LRD LSL MAD MDL MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB \
         PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SEK SGD SHP SLE SOS SRD STD SZL THB TJS TOP TRY TTD TWD TZS \
         UAH USD UYU UZS WST XCD YER ZAR ZMW",
    ),
    (MinorUnits { digits: 0, multiple_of: 1 }, "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"),
    // Without a minor unit in the world, with two decimals in the API, the decimals always 00 ("special cases").
    (MinorUnits { digits: 2, multiple_of: 100 }, "ISK UGX"),
    // The last of the three digits must be 0.
    (MinorUnits { digits: 3, multiple_of: 10 }, "BHD JOD KWD OMR TND"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use payment::{Money, Price};

    use super::*;

    fn minor(amount: &str, currency: &str) -> Option<i64> {
        let currency: Currency = currency.parse().unwrap();
        let price = Price { amount: amount.parse().unwrap(), currency };
        Money::from_price(price, minor_units(currency)?).ok().map(|money| money.minor)
    }

    #[test]
    fn stripes_special_cases_are_counted_as_stripe_counts_them() {
        let rows = [
            ("6.99", "EUR", Some(699)),
            ("500", "JPY", Some(500)),
            ("500.5", "JPY", None),
            ("5", "UGX", Some(500)),
            ("5.50", "UGX", None),
            ("1500", "ISK", Some(150_000)),
            ("5.12", "KWD", Some(5120)),
            ("5.124", "KWD", None),
            ("10.45", "HUF", Some(1045)),
            ("1000", "CLP", Some(1000)),
            ("1000", "IDR", Some(100_000)),
            ("1", "XXX", None),
        ];
        for (amount, currency, expected) in rows {
            assert_eq!(minor(amount, currency), expected, "{amount} {currency}");
        }
    }

    #[test]
    fn no_currency_stands_in_the_table_twice_and_each_comes_back_exactly() {
        let mut seen = BTreeSet::new();
        for (units, list) in TABLE {
            for code in list.split(' ') {
                assert!(seen.insert(code), "{code} twice");
                let money = Money { minor: units.multiple_of * 7, currency: code.parse().unwrap() };
                assert_eq!(Money::from_price(money.to_price(units), units), Ok(money));
            }
        }
    }
}
