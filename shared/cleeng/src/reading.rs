//! Tolerant readers: ids as integer or string, times as seconds or ISO 8601, amounts exactly and never through a float.

use std::str::FromStr;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// The text of a JSON string, number or boolean; `None` for null, objects, lists and the empty string.
pub(crate) fn scalar(raw: &RawValue) -> Option<String> {
    let text = raw.get().trim();
    match text.as_bytes().first()? {
        b'"' => serde_json::from_str::<String>(text).ok().filter(|text| !text.is_empty()),
        b'{' | b'[' | b'n' => None,
        _ => Some(text.to_owned()),
    }
}

/// An exact decimal: `6.99`, `"6.9900"`, `1e2`; nothing that would have to be rounded.
pub(crate) fn exact(text: &str) -> Option<Decimal> {
    let text = text.trim();
    if text.contains(['e', 'E']) { Decimal::from_scientific(text) } else { Decimal::from_str_exact(text) }
        .ok()
}

/// Unix seconds, or ISO 8601 with `Z` or an offset.
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    match text.parse::<i64>() {
        Ok(seconds) if seconds > 0 => Timestamp::from_second(seconds).ok(),
        Ok(_) => None,
        Err(_) => text.parse().ok(),
    }
}

/// For `deserialize_with`: a value that must be there.
pub(crate) fn required<'de, D: Deserializer<'de>, T: FromStr>(deserializer: D) -> Result<T, D::Error> {
    text(deserializer)?
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| serde::de::Error::custom("a value is missing or malformed"))
}

/// For `deserialize_with`: a value that may be absent, null, empty, 0 or something this version does not know.
pub(crate) fn maybe<'de, D: Deserializer<'de>, T: FromStr>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(text(deserializer)?.and_then(|text| text.parse().ok()))
}

/// For `deserialize_with`: an amount that must be there.
pub(crate) fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    maybe_amount(deserializer)?.ok_or_else(|| serde::de::Error::custom("an amount is missing or not exact"))
}

/// For `deserialize_with`: an amount that may be absent.
pub(crate) fn maybe_amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
    Ok(text(deserializer)?.and_then(|text| exact(&text)))
}

/// For `deserialize_with`: a time that may be absent.
pub(crate) fn maybe_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(text(deserializer)?.and_then(|text| time(&text)))
}

/// For `deserialize_with`: `true`, `1` and `"true"`, and their opposites; `None` for anything else.
pub(crate) fn maybe_flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    Ok(text(deserializer)?.and_then(|text| flag(&text)))
}

/// The text of a flag.
pub(crate) fn flag(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Box::<RawValue>::deserialize(deserializer).ok().and_then(|raw| scalar(&raw)))
}

/// An amount as Cleeng writes it: a JSON number with exactly these digits.
pub(crate) struct Exact(pub(crate) Decimal);

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.normalize().to_string())
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

/// For `serialize_with`: a time as Unix seconds.
pub(crate) fn seconds<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(at.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_keep_every_digit_or_are_refused() {
        for (text, told) in
            [("6.99", "6.99"), ("5.7768", "5.7768"), ("1e2", "100"), ("0", "0"), ("0.10", "0.10")]
        {
            assert_eq!(exact(text).unwrap().to_string(), told);
        }
        for wrong in ["", "abc", "1,5", "0.00000000000000000000000000001", "NaN"] {
            assert_eq!(exact(wrong), None, "{wrong}");
        }
        let written = serde_json::to_string(&Exact(Decimal::new(69900, 4))).unwrap();
        assert_eq!(written, "6.99");
    }

    #[test]
    fn the_same_instant_is_read_from_seconds_and_from_both_iso_forms() {
        let instant = Some(Timestamp::from_second(1_573_156_541).unwrap());
        assert_eq!(time("1573156541"), instant);
        assert_eq!(time("2019-11-07T19:55:41Z"), instant);
        assert_eq!(time("2019-11-07T20:55:41+01:00"), instant);
        assert_eq!(time("2019-11-07T20:55:41+0100"), instant);
        assert_eq!(time("0"), None);
        assert_eq!(time("soon"), None);
    }
}
