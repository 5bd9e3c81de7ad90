//! The ledger's contract, which DynamoDB and its memory twin both keep.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{ItemKey, Kept, KeptEvent, LedgerError, Mapping, Subject};

/// The due index is spread over so many partitions.
pub const DUE_SHARDS: u8 = 10;

/// What is remembered. Reads are strongly consistent and decide; the due index only points.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// The item of a subject, as of the last finished write.
    async fn mapping(&self, subject: Subject) -> Result<Option<Mapping>, LedgerError>;

    /// Writes a mapping on the condition that its version is still the one that was read (`0`: that there is none).
    ///
    /// On success the stored version is one higher, and so is the returned one. A write that took effect although its
    /// answer was lost is recognised as one's own by its fence, and is [`Written::Done`].
    async fn write(&self, mapping: &Mapping) -> Result<Written, LedgerError>;

    /// Keeps a webhook unless its content is already kept.
    async fn keep_event(&self, event: &KeptEvent) -> Result<Kept, LedgerError>;

    /// A kept webhook.
    async fn event(&self, digest: &str) -> Result<Option<KeptEvent>, LedgerError>;

    /// Marks a kept webhook as due at this time (not queued yet), or as no longer due. One that is gone is left alone.
    async fn mark_event(&self, digest: &str, due: Option<Timestamp>) -> Result<(), LedgerError>;

    /// What one shard (`0..DUE_SHARDS`) lists as due by `until`, oldest first, at most `limit` (1–1000) per page.
    /// Eventually consistent: read the item before acting.
    async fn due(
        &self,
        shard: u8,
        until: Timestamp,
        limit: u32,
        after: Option<&DueItem>,
    ) -> Result<DuePage, LedgerError>;

    /// One page of all mappings, whatever their standing, for the daily comparison and for operators; `after` is the last
    /// subject of the page before. What cannot be read is left out. Costs a scan: never on an event's path.
    async fn page(&self, limit: u32, after: Option<Subject>) -> Result<Vec<Mapping>, LedgerError>;
}

/// What came of a conditional write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// It took effect; this is the item as it now stands.
    Done(Mapping),
    /// Somebody wrote in between; this is what they left (`None` where there is no item).
    Lost(Option<Mapping>),
}

/// One page of what is due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DuePage {
    /// The items, oldest first.
    pub items: Vec<DueItem>,
    /// Whether there may be more after the last one.
    pub more: bool,
}

/// An entry of the due index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueItem {
    /// Since when it is due.
    pub due: Timestamp,
    /// Which item.
    pub key: ItemKey,
}
