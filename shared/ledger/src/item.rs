//! One row as both stores keep it, and the way from a thing to its row and back.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::{DUE_SHARDS, ItemKey, KeptEvent, LedgerError, Mapping, Standing};

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
    /// The row that a write of this mapping leaves: one version higher than the one that was read.
    pub(crate) fn of_mapping(mapping: &Mapping) -> Result<Self, LedgerError> {
        let key = mapping.subject.to_string();
        Ok(Self {
            version: mapping.version.saturating_add(1),
            fence: mapping.fence,
            standing: Some(mapping.standing),
            body: write_body(&key, mapping)?,
            due: mapping.due,
            expires: None,
            key,
        })
    }

    /// What a mapping is once its write took effect.
    pub(crate) fn written(mapping: &Mapping) -> Mapping {
        Mapping { version: mapping.version.saturating_add(1), ..mapping.clone() }
    }

    /// The mapping in this row.
    pub(crate) fn mapping(&self) -> Result<Mapping, LedgerError> {
        let mapping: Mapping = read_body(&self.key, &self.body)?;
        if mapping.subject.to_string() != self.key {
            return Err(unreadable(&self.key, "its body is another subject's"));
        }
        Ok(Mapping { version: self.version, fence: self.fence, due: self.due, ..mapping })
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

    /// Whether it is the mapping of a subscription that lives.
    pub(crate) fn is_active_subscription(&self) -> bool {
        self.standing == Some(Standing::Active) && self.key.starts_with(SUBSCRIPTION_KEYS)
    }
}

/// How the keys of subscriptions begin.
pub(crate) const SUBSCRIPTION_KEYS: &str = "subscription#";

/// The key of a webhook's row.
pub(crate) fn event_key(digest: &str) -> String {
    ItemKey::Event(digest.to_owned()).to_string()
}

/// The mapping in a row of a page. One that cannot be read is told and left out, so that it does not hide the others.
pub(crate) fn readable_mapping(item: &Item) -> Option<Mapping> {
    item.mapping()
        .inspect_err(|error| tracing::error!(key = item.key, %error, "An item of the ledger cannot be read"))
        .ok()
}

/// The shard of the due index that lists this key: the same for ever.
pub(crate) fn shard(key: &str) -> u8 {
    Sha256::digest(key.as_bytes()).first().map_or(0, |byte| byte % DUE_SHARDS)
}

/// An item that this version cannot read, with what is wrong.
pub(crate) fn unreadable(key: &str, why: &str) -> LedgerError {
    LedgerError::Unreadable { key: key.to_owned(), source: serde::de::Error::custom(why) }
}

fn write_body(key: &str, thing: &impl Serialize) -> Result<String, LedgerError> {
    serde_json::to_string(thing).map_err(|source| LedgerError::Unreadable { key: key.to_owned(), source })
}

fn read_body<T: DeserializeOwned>(key: &str, body: &str) -> Result<T, LedgerError> {
    serde_json::from_str(body).map_err(|source| LedgerError::Unreadable { key: key.to_owned(), source })
}
