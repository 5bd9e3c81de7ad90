//! What the simulated publisher sells: each offer is there for a case that a connector must master.

use rust_decimal::{Decimal, RoundingStrategy};

use super::calendar::Cycle;

/// 6.99 EUR a month with Dutch tax; the ordinary case.
pub const MONTHLY: &str = "S916977979_NL";
/// 1.99 EUR a week with Dutch tax; the next period comes soon.
pub const WEEKLY: &str = "S916977980_NL";
/// 6.99 EUR a month after a free trial of 14 days.
pub const TRIAL: &str = "S916977981_NL";
/// 59.99 EUR a year with Dutch tax.
pub const ANNUAL: &str = "S916977982_NL";
/// 9.99 USD a month, no tax.
pub const DOLLARS: &str = "S916977983_US";
/// 1078 JPY a month: a currency without decimals.
pub const YEN: &str = "S916977984_JP";
/// 1.250 KWD a month: a currency with three decimals.
pub const DINARS: &str = "S916977985_KW";
/// Nothing a month: no payment details are wanted and no connector is involved.
pub const FREE: &str = "S916977986_NL";
/// 3.99 EUR for 24 hours of access, once.
pub const PASS: &str = "P916977987_NL";
/// 4.99 EUR for one live event.
pub const EVENT: &str = "E916977988_NL";
/// 2.99 EUR for one film.
pub const RENTAL: &str = "R916977989_NL";

/// Takes everything off the first period.
pub const COUPON_ALL: &str = "ALLFREE";
/// Takes half off the first period.
pub const COUPON_HALF: &str = "HALF";

/// One offer.
pub(super) struct Offer {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// Without tax, at up to four decimals as Cleeng keeps it.
    net: (i64, u32),
    pub(super) currency: &'static str,
    pub(super) country: &'static str,
    pub(super) cycle: Option<Cycle>,
    pub(super) trial_days: Option<i64>,
}

const OFFERS: [Offer; 11] = [
    euros(MONTHLY, "Monthly", (57_768, 4), Some(Cycle::Monthly), None),
    euros(WEEKLY, "Weekly", (16_446, 4), Some(Cycle::Weekly), None),
    euros(TRIAL, "Monthly after a trial", (57_768, 4), Some(Cycle::Monthly), Some(14)),
    euros(ANNUAL, "Annual", (495_785, 4), Some(Cycle::Annual), None),
    Offer {
        currency: "USD",
        country: "US",
        ..euros(DOLLARS, "Monthly in dollars", (999, 2), Some(Cycle::Monthly), None)
    },
    Offer {
        currency: "JPY",
        country: "JP",
        ..euros(YEN, "Monthly in yen", (980, 0), Some(Cycle::Monthly), None)
    },
    Offer {
        currency: "KWD",
        country: "KW",
        ..euros(DINARS, "Monthly in dinars", (1250, 3), Some(Cycle::Monthly), None)
    },
    euros(FREE, "Free", (0, 0), Some(Cycle::Monthly), None),
    euros(PASS, "One day", (32_975, 4), None, None),
    euros(EVENT, "Live event", (41_240, 4), None, None),
    euros(RENTAL, "One film", (24_711, 4), None, None),
];

const fn euros(
    id: &'static str,
    title: &'static str,
    net: (i64, u32),
    cycle: Option<Cycle>,
    trial_days: Option<i64>,
) -> Offer {
    Offer { id, title, net, currency: "EUR", country: "NL", cycle, trial_days }
}

/// The offer of this id.
pub(super) fn find(id: &str) -> Option<&'static Offer> {
    OFFERS.iter().find(|offer| offer.id == id)
}

/// All offers.
pub(super) fn all() -> &'static [Offer] {
    &OFFERS
}

impl Offer {
    /// Its price without tax.
    pub(super) fn net(&self) -> Decimal {
        Decimal::new(self.net.0, self.net.1)
    }
}

/// What an order costs, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) total: Decimal,
    pub(super) net: Decimal,
    pub(super) discount: Decimal,
    pub(super) tax: Decimal,
    pub(super) tax_rate: Decimal,
}

/// The cost of an offer at a price without tax in a country, with a share of it (0–100 %) taken off; rounded to the currency's decimals once,
/// at the end, as Cleeng does.
pub(super) fn cost(offer: &Offer, net: Decimal, country: &str, percent_off: i64) -> Cost {
    let tax_rate = Decimal::new(tax_percent(country), 2);
    let decimals = decimals(offer.currency);
    let round =
        |amount: Decimal| amount.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero);
    let kept = net * Decimal::new(100 - percent_off.clamp(0, 100), 2);
    let (total, kept_net) = (round(kept * (Decimal::ONE + tax_rate)), round(kept));
    Cost { total, net: kept_net, discount: round(net) - kept_net, tax: total - kept_net, tax_rate }
}

fn tax_percent(country: &str) -> i64 {
    match country {
        "NL" | "BE" | "ES" => 21,
        "DE" => 19,
        "FR" | "GB" | "AT" => 20,
        "PL" => 23,
        "JP" => 10,
        _ => 0,
    }
}

fn decimals(currency: &str) -> u32 {
    match currency {
        "JPY" => 0,
        "KWD" => 3,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tax_is_rounded_once_to_the_currencys_decimals() {
        let off = |id, country, percent| {
            let offer = find(id).unwrap();
            cost(offer, offer.net(), country, percent).total
        };
        let total = |id, country| off(id, country, 0).to_string();
        assert_eq!(total(MONTHLY, "NL"), "6.99");
        assert_eq!(total(MONTHLY, "DE"), "6.87");
        assert_eq!(total(WEEKLY, "NL"), "1.99");
        assert_eq!(total(ANNUAL, "NL"), "59.99");
        assert_eq!(total(DOLLARS, "US"), "9.99");
        assert_eq!(total(YEN, "JP"), "1078");
        assert_eq!(total(DINARS, "KW"), "1.250");
        assert_eq!(total(PASS, "NL"), "3.99");
        assert_eq!(total(EVENT, "NL"), "4.99");
        assert_eq!(total(RENTAL, "NL"), "2.99");
        assert!(off(MONTHLY, "NL", 100).is_zero());
        assert_eq!(off(MONTHLY, "NL", 50).to_string(), "3.49");
    }
}
