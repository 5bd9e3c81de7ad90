//! Money crosses between Cleeng's decimals and a gateway's minor units exactly, or not at all.

use payment::{Currency, MinorUnits, Money, MoneyError, Price};
use proptest::prelude::*;
use proptest::sample::select;
use rust_decimal::Decimal;

use crate::gateways::{adyen, stripe};

/// No decimals, two, three, and those in which the gateways differ from ISO 4217 and from each other.
const CURRENCIES: [&str; 14] =
    ["EUR", "USD", "JPY", "KRW", "KWD", "BHD", "TND", "ISK", "UGX", "CLP", "CVE", "IDR", "HUF", "TWD"];

fn tables() -> Vec<(&'static str, Currency, MinorUnits)> {
    let mut rows = Vec::new();
    for (name, bench) in [("stripe", stripe::bench()), ("adyen", adyen::bench())] {
        for currency in CURRENCIES.map(|code| code.parse().unwrap()) {
            let units = bench.gateway.minor_units(currency);
            rows.extend(units.map(|units| (name, currency, units)));
        }
    }
    assert!(rows.len() > 20, "the tables are really asked");
    rows
}

fn decimals() -> impl Strategy<Value = Decimal> {
    (any::<i64>(), 0_u32..=12).prop_map(|(digits, scale)| Decimal::new(digits, scale))
}

proptest! {
    #[test]
    fn what_a_gateway_counts_is_a_price_and_the_same_again(row in select(tables()), steps in 0_i64..=i64::MAX / 1000) {
        let (_, currency, units) = row;
        let money = Money { minor: steps * units.multiple_of, currency };
        prop_assert_eq!(Money::from_price(money.to_price(units), units), Ok(money));
    }

    #[test]
    fn a_price_is_never_rounded(row in select(tables()), amount in decimals()) {
        let (_, currency, units) = row;
        let price = Price { amount, currency };
        match Money::from_price(price, units) {
            Ok(money) => {
                prop_assert!(money.minor >= 0 && money.minor % units.multiple_of == 0);
                prop_assert_eq!(money.to_price(units).amount, amount);
            }
            Err(MoneyError::Negative { .. }) => prop_assert!(amount < Decimal::ZERO),
            Err(MoneyError::TooPrecise { digits, .. }) => prop_assert!(amount.normalize().scale() > digits),
            Err(MoneyError::NotAMultiple { multiple_of, .. }) => prop_assert!(multiple_of > 1),
            Err(MoneyError::TooLarge) => {
                let largest = Money { minor: i64::MAX, currency }.to_price(units).amount;
                prop_assert!(amount > largest);
            }
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}
