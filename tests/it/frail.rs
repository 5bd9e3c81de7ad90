//! A ledger that breaks once, at a chosen write: before it takes effect, or after, as a function does that dies there.

use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;
use ledger::{
    DueItem, DuePage, Kept, KeptEvent, Ledger, LedgerError, Mapping, MemoryLedger, Subject, Written,
};

/// Breaks at one write of a mapping, then serves for ever.
pub(crate) struct Frail {
    kept: MemoryLedger,
    /// Writes until it breaks; below zero it is sound.
    left: AtomicI64,
    takes_effect: bool,
}

impl Frail {
    /// Sound until [`Frail::breaks_at`]; then a write is lost, or only its answer is.
    pub(crate) fn new(takes_effect: bool) -> Self {
        Self { kept: MemoryLedger::new(), left: AtomicI64::new(-1), takes_effect }
    }

    /// The `n`th write from now on (1 is the next) breaks.
    pub(crate) fn breaks_at(&self, n: i64) {
        self.left.store(n, Ordering::SeqCst);
    }

    /// Whether it broke; from now on it is sound either way.
    pub(crate) fn broke(&self) -> bool {
        self.left.swap(-1, Ordering::SeqCst) <= 0
    }
}

#[async_trait]
impl Ledger for Frail {
    async fn mapping(&self, subject: Subject) -> Result<Option<Mapping>, LedgerError> {
        self.kept.mapping(subject).await
    }

    async fn write(&self, mapping: &Mapping) -> Result<Written, LedgerError> {
        let breaks = self.left.load(Ordering::SeqCst) > 0 && self.left.fetch_sub(1, Ordering::SeqCst) == 1;
        if !breaks {
            return self.kept.write(mapping).await;
        }
        if self.takes_effect {
            self.kept.write(mapping).await?;
        }
        Err(LedgerError::Unavailable("the function died".to_owned()))
    }

    async fn keep_event(&self, event: &KeptEvent) -> Result<Kept, LedgerError> {
        self.kept.keep_event(event).await
    }

    async fn event(&self, digest: &str) -> Result<Option<KeptEvent>, LedgerError> {
        self.kept.event(digest).await
    }

    async fn mark_event(&self, digest: &str, due: Option<Timestamp>) -> Result<(), LedgerError> {
        self.kept.mark_event(digest, due).await
    }

    async fn due(
        &self,
        shard: u8,
        until: Timestamp,
        limit: u32,
        after: Option<&DueItem>,
    ) -> Result<DuePage, LedgerError> {
        self.kept.due(shard, until, limit, after).await
    }

    async fn page(&self, limit: u32, after: Option<Subject>) -> Result<Vec<Mapping>, LedgerError> {
        self.kept.page(limit, after).await
    }
}
