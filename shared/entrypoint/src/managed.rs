//! The settings of what we manage ourselves: the offers with their periods and prices, and our own dunning.

use std::collections::BTreeMap;

use attempt::Dunning;
use cleeng::Order;
use ledger::Terms;
use payment::{Currency, OfferId, Period, Price};
use rust_decimal::Decimal;
use serde::Deserialize;
use settings::{SettingError, Settings};

/// `MANAGED_OFFERS`: the subscription offers whose renewals our own schedule charges.
///
/// A JSON array such as `[{"offerId":"S916977979_NL","period":"P1M"}]`. A renewal costs what the first order did, tax
/// included. Where that order is discounted (a trial, a coupon) it does not say so; then `prices` must:
/// `"trial":"P14D","prices":[{"country":"NL","currency":"EUR","net":"5.78","tax":"1.21"}]`.
#[derive(Clone, Debug, Default)]
pub struct ManagedOffers(BTreeMap<OfferId, Row>);

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Row {
    offer_id: OfferId,
    period: Period,
    #[serde(default)]
    trial: Option<Period>,
    #[serde(default)]
    prices: Vec<PriceRow>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PriceRow {
    country: String,
    currency: Currency,
    /// Texts, so that no float comes near them.
    net: String,
    tax: String,
}

/// Longer than any hold on access for want of a payment.
const GRACE_HOURS_MAX: u32 = 24 * 60;

impl ManagedOffers {
    const NAME: &'static str = "MANAGED_OFFERS";

    /// Reads `MANAGED_OFFERS`; there are none where it is absent.
    pub fn from_settings(settings: &Settings) -> Result<Self, SettingError> {
        if settings.optional(Self::NAME)?.is_none() {
            return Ok(Self::default());
        }
        let wrong = |why: String| SettingError::malformed(Self::NAME, why);
        let mut offers = BTreeMap::new();
        for row in settings.json::<Vec<Row>>(Self::NAME)? {
            let id = row.offer_id.clone();
            if !id.is_subscription() {
                return Err(wrong(format!("{id} is no subscription: only those are renewed")));
            }
            if row.period.is_short() {
                return Err(wrong(format!("a period of {id} is at least a week")));
            }
            if let Some(price) = row.prices.iter().find(|price| price.amounts().is_none()) {
                let at = &price.country;
                return Err(wrong(format!("net and tax of {id} in {at} are texts such as \"5.78\"")));
            }
            if offers.insert(id.clone(), row).is_some() {
                return Err(wrong(format!("{id} stands in it twice")));
            }
        }
        Ok(Self(offers))
    }

    /// What is agreed when this order is paid; an error says what the operator must set first.
    pub fn terms(&self, order: &Order, dunning: &Dunning) -> Result<Terms, String> {
        let (offer, name) = (&order.offer, Self::NAME);
        let row = self.0.get(offer).ok_or_else(|| format!("{name} does not name {offer}"))?;
        let discounted = order.discount.applied;
        let trial = order.is_free_trial();
        if trial && row.trial.is_none() {
            return Err(format!("{name} does not say how long the trial of {offer} is"));
        }
        if discounted && !trial && order.discount.periods > 1 {
            return Err(format!("a discount over several periods cannot be kept for {offer}"));
        }
        let (price, tax) = match order.tax {
            Some(tax) if !discounted => (order.price, tax),
            _ => row.price(order).ok_or_else(|| {
                let country = order.country.as_deref().unwrap_or("no country");
                let currency = order.price.currency;
                format!("{name} has no price of {offer} in {country} and {currency}")
            })?,
        };
        if price.is_zero() {
            return Err(format!("a renewal of {offer} would cost nothing"));
        }
        Ok(Terms {
            price,
            tax,
            period: row.period,
            trial: row.trial.filter(|_| trial),
            grace_hours: dunning.grace_hours,
            anchor: None,
        })
    }
}

impl Row {
    fn price(&self, order: &Order) -> Option<(Price, Decimal)> {
        let currency = order.price.currency;
        let fits = |row: &&PriceRow| row.currency == currency && Some(&row.country) == order.country.as_ref();
        let (net, tax) = self.prices.iter().find(fits)?.amounts()?;
        Some((Price { amount: net + tax, currency }, tax))
    }
}

impl PriceRow {
    fn amounts(&self) -> Option<(Decimal, Decimal)> {
        let read =
            |text: &str| Decimal::from_str_exact(text).ok().filter(|amount| !amount.is_sign_negative());
        Some((read(&self.net)?, read(&self.tax)?))
    }
}

/// Reads `MANAGED_ATTEMPTS_HOURS` (`0,-24,-72`: when due, a day and three days later), `MANAGED_GRACE_HOURS` (96) and
/// `MANAGED_HARD_DECLINE` (`grace`: the customer may give another card until the grace is over; `end`: it ends at once).
pub fn dunning(settings: &Settings) -> Result<Dunning, SettingError> {
    const ATTEMPTS: &str = "MANAGED_ATTEMPTS_HOURS";
    const GRACE: &str = "MANAGED_GRACE_HOURS";
    const HARD: &str = "MANAGED_HARD_DECLINE";
    let hours =
        settings.optional(ATTEMPTS)?.unwrap_or("0,-24,-72").split(',').map(|text| text.trim().parse());
    let attempts_hours = hours.collect::<Result<Vec<i32>, _>>().map_err(|_| {
        SettingError::malformed(ATTEMPTS, "whole hours before the due date are needed, by commas")
    })?;
    let grace_hours: u32 = settings.parsed_or(GRACE, 96)?;
    if grace_hours > GRACE_HOURS_MAX {
        return Err(SettingError::malformed(GRACE, format!("at most {GRACE_HOURS_MAX} hours")));
    }
    let grace = i64::from(grace_hours);
    if attempts_hours.iter().any(|hours| i64::from(*hours) < -grace || i64::from(*hours) > 24 * 6) {
        let why = "each is at most six days before the due date, and not after the grace";
        return Err(SettingError::malformed(ATTEMPTS, why));
    }
    let hard_decline_ends = match settings.optional(HARD)? {
        None | Some("grace") => false,
        Some("end") => true,
        Some(_) => return Err(SettingError::malformed(HARD, "it is `grace` or `end`")),
    };
    Ok(Dunning { attempts_hours, grace_hours, hard_decline_ends })
}

/// When a stored card is removed at the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForgetTokens {
    /// When its payment details were deactivated.
    pub deactivated: bool,
    /// When the last subscription that pays with it has ended.
    pub ended: bool,
}

/// Reads `FORGET_TOKENS`: `no` (the default), `yes` (once its payment details are deactivated) or `ended` (also when the last
/// subscription that pays with it has ended).
pub fn forget_tokens(settings: &Settings) -> Result<ForgetTokens, SettingError> {
    const FORGET: &str = "FORGET_TOKENS";
    match settings.optional(FORGET)? {
        None | Some("no") => Ok(ForgetTokens { deactivated: false, ended: false }),
        Some("yes") => Ok(ForgetTokens { deactivated: true, ended: false }),
        Some("ended") => Ok(ForgetTokens { deactivated: true, ended: true }),
        Some(_) => Err(SettingError::malformed(FORGET, "it is `no`, `yes` or `ended`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(value: &str) -> Result<ManagedOffers, SettingError> {
        ManagedOffers::from_settings(&Settings::from_table([("MANAGED_OFFERS", value)]))
    }

    fn order(discount: &str, periods: u32) -> Order {
        let applied = !discount.is_empty();
        Order {
            id: "696713353".parse().unwrap(),
            customer: "362344331".parse().unwrap(),
            offer: "S916977979_NL".parse().unwrap(),
            price: Price { amount: "6.99".parse().unwrap(), currency: "EUR".parse().unwrap() },
            tax: Some("1.21".parse().unwrap()),
            country: Some("NL".to_owned()),
            method: None,
            expires: None,
            requires_details: true,
            discount: cleeng::Discount { applied, kind: discount.to_owned(), periods },
            subscription: None,
            title: None,
        }
    }

    #[test]
    fn a_renewal_costs_what_the_order_did_and_where_that_was_discounted_what_is_set() {
        let dunning = dunning(&Settings::from_table::<&str, &str>([])).unwrap();
        let plain = offers(r#"[{"offerId":"S916977979_NL","period":"P1M"}]"#).unwrap();
        let terms = plain.terms(&order("", 0), &dunning).unwrap();
        assert_eq!(
            (terms.price.to_string(), terms.tax.to_string()),
            ("6.99 EUR".to_owned(), "1.21".to_owned())
        );
        for discounted in ["trial", "coupon"] {
            assert!(plain.terms(&order(discounted, 1), &dunning).unwrap_err().contains("MANAGED_OFFERS"));
        }
        let priced = r#"[{"offerId":"S916977979_NL","period":"P1M","trial":"P14D",
            "prices":[{"country":"NL","currency":"EUR","net":"6.60","tax":"1.39"}]}]"#;
        let priced = offers(priced).unwrap();
        let terms = priced.terms(&order("trial", 1), &dunning).unwrap();
        assert_eq!((terms.price.to_string(), terms.trial), ("7.99 EUR".to_owned(), "P14D".parse().ok()));
        assert_eq!(priced.terms(&order("coupon", 1), &dunning).unwrap().trial, None);
        assert!(priced.terms(&order("coupon", 3), &dunning).is_err());
        assert_eq!(priced.terms(&order("", 0), &dunning).unwrap().price.to_string(), "6.99 EUR");
    }

    #[test]
    fn an_offer_that_could_not_be_renewed_is_refused_at_the_start() {
        for wrong in [
            r#"[{"offerId":"P916977987_NL","period":"P1M"}]"#,
            r#"[{"offerId":"S1","period":"P1D"}]"#,
            r#"[{"offerId":"S1","period":"monthly"}]"#,
            r#"[{"offerId":"S1","period":"P1M"},{"offerId":"S1","period":"P1M"}]"#,
            r#"[{"offerId":"S1","period":"P1M","prices":[{"country":"NL","currency":"EUR","net":5.78,"tax":1.21}]}]"#,
            r#"[{"offerId":"S1","period":"P1M","prices":[{"country":"NL","currency":"EUR","net":"-1","tax":"0"}]}]"#,
            r#"{"S1":"P1M"}"#,
        ] {
            assert_eq!(offers(wrong).unwrap_err().name(), "MANAGED_OFFERS", "{wrong}");
        }
        for (name, value) in [
            ("MANAGED_ATTEMPTS_HOURS", "0,-97"),
            ("MANAGED_ATTEMPTS_HOURS", "soon"),
            ("MANAGED_ATTEMPTS_HOURS", "200"),
            ("MANAGED_GRACE_HOURS", "99999"),
            ("MANAGED_HARD_DECLINE", "never"),
        ] {
            assert_eq!(dunning(&Settings::from_table([(name, value)])).unwrap_err().name(), name, "{value}");
        }
    }
}
