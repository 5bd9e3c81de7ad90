//! Reads requests: ids as integer or string, amounts exactly; what is missing or malformed is a 400.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::value::RawValue;

use super::answer::{Refusal, bad_request};

/// A JSON object's members, unread.
pub(super) struct Body<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Body<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(bytes)
            .map(Self)
            .map_err(|_| bad_request("The request body is not a JSON object"))
    }

    /// As `read`, where a body may be absent.
    pub(super) fn maybe(bytes: &'a [u8]) -> Result<Self, Refusal> {
        if bytes.trim_ascii().is_empty() { Ok(Self(BTreeMap::new())) } else { Self::read(bytes) }
    }

    /// Whether the member is there and not null.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|raw| raw.get() != "null")
    }

    pub(super) fn object(&self, name: &str) -> Result<Option<Body<'a>>, Refusal> {
        match self.0.get(name).filter(|_| self.has(name)) {
            None => Ok(None),
            Some(raw) => serde_json::from_str(raw.get())
                .map(Self)
                .map(Some)
                .map_err(|_| bad_request(format!("{name} is not an object"))),
        }
    }

    /// The member's JSON text.
    pub(super) fn raw(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).filter(|_| self.has(name)).map(|raw| raw.get())
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Refusal> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        if !raw.starts_with('"') {
            return Err(bad_request(format!("{name} is not a string")));
        }
        serde_json::from_str::<String>(raw)
            .map(Some)
            .map_err(|_| bad_request(format!("{name} is not a string")))
    }

    pub(super) fn required_text(&self, name: &str) -> Result<String, Refusal> {
        self.text(name)?.filter(|text| !text.is_empty()).ok_or_else(|| missing(name))
    }

    pub(super) fn id(&self, name: &str) -> Result<Option<u64>, Refusal> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        let number =
            raw.trim_matches('"').parse().map_err(|_| bad_request(format!("{name} is not an id")))?;
        Ok(Some(number))
    }

    pub(super) fn required_id(&self, name: &str) -> Result<u64, Refusal> {
        self.id(name)?.ok_or_else(|| missing(name))
    }

    pub(super) fn seconds(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        raw.parse().map(Some).map_err(|_| bad_request(format!("{name} is not a number of seconds")))
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.raw(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(bad_request(format!("{name} is not a boolean"))),
        }
    }

    pub(super) fn amount(&self, name: &str) -> Result<Option<Decimal>, Refusal> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        Decimal::from_str_exact(raw).map(Some).map_err(|_| bad_request(format!("{name} is not a number")))
    }

    pub(super) fn required_amount(&self, name: &str) -> Result<Decimal, Refusal> {
        self.amount(name)?.ok_or_else(|| missing(name))
    }
}

pub(super) fn missing(name: &str) -> Refusal {
    bad_request(format!("{name} is required"))
}
