//! One row as both stores keep it, and the way from a thing to its row and back.

use std::error::Error;

use jiff::Timestamp;
use payment::IdError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::history::HISTORY_LINES_MIN;
use crate::{DUE_SHARDS, ItemKey, KeptEvent, LedgerError, Mapping, Standing, body};

/// A row. Not `Debug`: its body holds a token. Two rows are equal only if the same write left them: the fence tells
/// whose it is, the rest that no other write of the same worker is taken for it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// Subject or event, as text: the table's key.
    pub(crate) key: String,
    /// How often it was written.
    pub(crate) version: u64,
    /// Who wrote it last.
    pub(crate) fence: u64,
    /// Where a subject stands, beside the body so that a scan can leave out what is over.
    pub(crate) standing: Option<Standing>,
    /// The thing itself, as JSON.
    pub(crate) body: String,
    /// Since when the timer must look at it.
    pub(crate) due: Option<Timestamp>,
    /// When the table may drop it.
    pub(crate) expires: Option<Timestamp>,
}

impl Item {
    /// The row that a write of this mapping leaves, and the mapping as it then is: one version higher than the one that was
    /// read, and without the oldest lines of history where they would cost another kilobyte of writing.
    pub(crate) fn of_mapping(mapping: &Mapping) -> Result<(Self, Mapping), LedgerError> {
        let key = mapping.subject.to_string();
        let mut item = Self {
            version: mapping.version.saturating_add(1),
            fence: mapping.fence,
            standing: Some(mapping.standing),
            body: String::new(),
            due: mapping.due,
            expires: None,
            key,
        };
        let mut written = Mapping { version: item.version, ..mapping.clone() };
        item.body = mapping_body(&item.key, &written)?;
        if item.bytes() > KILOBYTE && written.history.len() > HISTORY_LINES_MIN {
            item.drop_costly_lines(&mut written)?;
        }
        Ok((item, written))
    }

    /// Drops the oldest lines of history until the write costs no more kilobytes than it would with the newest ones alone:
    /// what is paid anyway is filled.
    fn drop_costly_lines(&mut self, written: &mut Mapping) -> Result<(), LedgerError> {
        let whole = std::mem::take(&mut self.body);
        let mut history = std::mem::take(&mut written.history);
        written.history = history.split_off(history.len().saturating_sub(HISTORY_LINES_MIN));
        self.body = mapping_body(&self.key, written)?;
        let paid = self.bytes().div_ceil(KILOBYTE);
        history.append(&mut written.history);
        (self.body, written.history) = (whole, history);
        while self.bytes().div_ceil(KILOBYTE) > paid {
            written.history.remove(0);
            self.body = mapping_body(&self.key, written)?;
        }
        Ok(())
    }

    /// The mapping in this row.
    pub(crate) fn mapping(&self) -> Result<Mapping, LedgerError> {
        let subject = self.key.parse().map_err(|error: IdError| unreadable(&self.key, &error.to_string()))?;
        let mut body: Map<String, Value> = read_body(&self.key, &self.body)?;
        body::lengthen(&mut body, subject, self.standing.map(Standing::as_str));
        let mapping: Mapping = serde_json::from_value(Value::Object(body))
            .map_err(|error| unreadable_json(&self.key, &error))?;
        if mapping.subject != subject {
            return Err(unreadable(&self.key, "its body is another subject's"));
        }
        Ok(Mapping { version: self.version, fence: self.fence, due: self.due, ..mapping })
    }

    /// What DynamoDB counts as its size: names and values in UTF-8, numbers at two digits a byte and one more.
    pub(crate) fn bytes(&self) -> usize {
        let number = |digits: usize| digits.div_ceil(2) + 1;
        let version = "version".len() + number(self.version.to_string().len());
        let fence = "fence".len() + FENCE_DIGITS;
        let standing = self.standing.map_or(0, |standing| "standing".len() + standing.as_str().len());
        let due =
            self.due.map_or(0, |due| "due_shard".len() + "due#0".len() + "due".len() + sortable(due).len());
        let expires = self.expires.map_or(0, |at| "expires".len() + number(at.as_second().to_string().len()));
        "pk".len()
            + self.key.len()
            + version
            + fence
            + standing
            + "body".len()
            + self.body.len()
            + due
            + expires
    }

    /// The row of a webhook; `fence` tells one keeper's write from another's.
    pub(crate) fn of_event(event: &KeptEvent, fence: u64) -> Result<Self, LedgerError> {
        let key = event_key(&event.digest);
        Ok(Self {
            version: 1,
            fence,
            standing: None,
            body: write_body(&key, event)?,
            due: None,
            expires: Some(event.expires),
            key,
        })
    }

    /// The webhook in this row.
    pub(crate) fn event(&self) -> Result<KeptEvent, LedgerError> {
        read_body(&self.key, &self.body)
    }

    /// Whether it is a mapping: only they have a standing.
    pub(crate) fn is_mapping(&self) -> bool {
        self.standing.is_some()
    }
}

/// DynamoDB counts writes by the begun kilobyte.
const KILOBYTE: usize = 1024;

/// A fence is written in so many hexadecimal digits.
pub(crate) const FENCE_DIGITS: usize = 16;

/// The key of a webhook's row.
pub(crate) fn event_key(digest: &str) -> String {
    ItemKey::Event(digest.to_owned()).to_string()
}

/// One that cannot be read is told and left out of a page, so that it does not hide the others.
pub(crate) fn if_readable<T>(read: Result<T, LedgerError>) -> Option<T> {
    read.inspect_err(|error| {
        let why = error.source().map(ToString::to_string);
        tracing::error!(%error, why, "An item of the ledger is left out of a page");
    })
    .ok()
}

/// The shard of the due index that lists this key: the same for ever.
pub(crate) fn shard(key: &str) -> u8 {
    Sha256::digest(key.as_bytes()).first().map_or(0, |byte| byte % DUE_SHARDS)
}

/// A time as text whose order is the order of time, without losing a digit: no zone, so that a fraction sorts after its
/// whole second.
pub(crate) fn sortable(time: Timestamp) -> String {
    time.to_string().trim_end_matches('Z').to_owned()
}

/// Reads what [`sortable`] wrote.
pub(crate) fn read_sortable(text: &str) -> Option<Timestamp> {
    format!("{text}Z").parse().ok()
}

/// An item that this version cannot read, with what is wrong.
pub(crate) fn unreadable(key: &str, why: &str) -> LedgerError {
    LedgerError::Unreadable { key: key.to_owned(), source: serde::de::Error::custom(why) }
}

/// The reader's words where they only name a field; others repeat what they stumbled over, which may be a token.
fn unreadable_json(key: &str, error: &serde_json::Error) -> LedgerError {
    let words = error.to_string();
    if words.starts_with("missing field") {
        unreadable(key, &words)
    } else {
        unreadable(key, &format!("{:?} error at column {}", error.classify(), error.column()))
    }
}

fn mapping_body(key: &str, mapping: &Mapping) -> Result<String, LedgerError> {
    let mut body = serde_json::to_value(mapping).map_err(|error| unreadable_json(key, &error))?;
    if let Value::Object(fields) = &mut body {
        body::shorten(fields, mapping.subject);
    }
    write_body(key, &body)
}

fn write_body(key: &str, thing: &impl Serialize) -> Result<String, LedgerError> {
    serde_json::to_string(thing).map_err(|error| unreadable_json(key, &error))
}

fn read_body<T: DeserializeOwned>(key: &str, body: &str) -> Result<T, LedgerError> {
    serde_json::from_str(body).map_err(|error| unreadable_json(key, &error))
}
