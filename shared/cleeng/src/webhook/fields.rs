//! A webhook's payload as named texts: nested or flat, ids as integer or string, without e-mail addresses.

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::value::RawValue;

use super::{Topic, Unreadable};
use crate::reading;

/// The three constant members of every webhook.
pub(super) struct Envelope {
    pub(super) topic: Topic,
    pub(super) publisher: Option<u64>,
    pub(super) fields: Fields,
}

impl Envelope {
    pub(super) fn read(body: &[u8]) -> Result<Self, Unreadable> {
        let members: Members<'_> =
            serde_json::from_slice(body).map_err(|_| Unreadable::new("the body is not a JSON object"))?;
        let topic: String = members
            .get("topic")
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
            .ok_or_else(|| Unreadable::new("topic is missing"))?;
        let topic = Topic::from(topic);
        if topic.as_str().is_empty() {
            return Err(Unreadable::new("topic is empty"));
        }
        let mut fields = Fields::default();
        if let Some(data) = members.get("data") {
            fields.collect(data, None, DEPTH_MAX);
        }
        Ok(Self { topic, publisher: publisher(&members), fields })
    }
}

fn publisher(members: &Members<'_>) -> Option<u64> {
    reading::scalar(members.get("broadcasterId")?)?.parse().ok()
}

type Members<'a> = BTreeMap<String, &'a RawValue>;

/// Deeper than any payload seen; a bound on what a hostile body can make us do.
const DEPTH_MAX: u8 = 4;

/// The payload's leaves by name. An id inside an object takes the object's name (`{"payment":{"id":1}}` is
/// `paymentId`); any other leaf inside an object is known as `object.leaf` only, so that a payment's amount is never
/// taken for the amount of its refund.
#[derive(Default)]
pub(super) struct Fields(BTreeMap<String, String>);

impl Fields {
    fn collect(&mut self, raw: &RawValue, parent: Option<&str>, depth: u8) {
        let Some(depth) = depth.checked_sub(1) else { return };
        // Most members are leaves, and asking serde about each costs it an error.
        if !raw.get().starts_with('{') {
            return;
        }
        let Ok(members) = serde_json::from_str::<Members<'_>>(raw.get()) else { return };
        for (name, value) in &members {
            let Some(text) = reading::scalar(value) else { continue };
            if name.to_ascii_lowercase().contains("mail") || text.contains('@') {
                continue;
            }
            let name = match parent {
                Some(parent) if name == "id" => format!("{parent}Id"),
                Some(parent) if !name.ends_with("Id") => format!("{parent}.{name}"),
                _ => name.clone(),
            };
            self.0.entry(name).or_insert(text);
        }
        for (name, value) in &members {
            self.collect(value, Some(name), depth);
        }
    }

    /// The text of a field.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A field that may be absent or of a shape that this version does not know.
    pub(super) fn maybe<T: FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    /// A field without which the event means nothing.
    pub(super) fn required<T: FromStr>(&self, name: &str) -> Result<T, Unreadable> {
        self.maybe(name).ok_or_else(|| Unreadable::new(format!("{name} is missing or malformed")))
    }

    /// A time that may be absent.
    pub(super) fn time(&self, name: &str) -> Option<Timestamp> {
        reading::time(self.text(name)?)
    }

    /// An exact amount that may be absent.
    pub(super) fn amount(&self, names: &[&str]) -> Option<Decimal> {
        names.iter().find_map(|name| reading::exact(self.text(name)?))
    }

    /// A flag that may be absent.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        reading::flag(self.text(name)?)
    }

    /// All of them, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_ids_are_found_and_nested_amounts_keep_their_distance() {
        let body = br#"{"topic":"refundPayment","data":{"payment":{"id":111,"amount":6.99,"orderId":"222"},
            "refund":{"amount":1.5},"customerEmail":"jo@example.com","customer":{"contact":"jo@example.com","id":3}}}"#;
        let fields = Envelope::read(body).unwrap().fields;
        assert_eq!(fields.text("paymentId"), Some("111"));
        assert_eq!(fields.text("orderId"), Some("222"));
        assert_eq!(fields.text("customerId"), Some("3"));
        assert_eq!(fields.text("amount"), None);
        assert_eq!(fields.text("payment.amount"), Some("6.99"));
        assert!(fields.iter().all(|(_, text)| !text.contains('@')));
    }

    #[test]
    fn a_hostile_depth_is_not_followed() {
        let body = format!(r#"{{"topic":"x","data":{}1{}}}"#, r#"{"a":"#.repeat(100), "}".repeat(100));
        assert_eq!(Envelope::read(body.as_bytes()).unwrap().fields.iter().count(), 0);
    }
}
