//! A ledger that breaks where a test wants it: once at a chosen write, before it takes effect or after, as a function does
//! that dies there; at every event; or by somebody else who is always faster.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;
use ledger::{Around, Kept, KeptEvent, Ledger, LedgerError, Mapping, MemoryLedger, Subject, Written};

/// Sound until it is told to break.
pub(crate) struct Frail {
    kept: MemoryLedger,
    /// Writes until it breaks; below zero it is sound.
    left: AtomicI64,
    takes_effect: bool,
    /// Writes that lose against somebody else's.
    contended: AtomicI64,
    /// Whether events can be kept, and marked.
    pub(crate) keeps: AtomicBool,
    pub(crate) marks: AtomicBool,
}

impl Frail {
    /// Sound until [`Frail::breaks_at`]; then a write is lost, or only its answer is.
    pub(crate) fn new(takes_effect: bool) -> Self {
        Self {
            kept: MemoryLedger::new(),
            left: AtomicI64::new(-1),
            takes_effect,
            contended: AtomicI64::new(0),
            keeps: AtomicBool::new(true),
            marks: AtomicBool::new(true),
        }
    }

    /// Somebody else writes the same item just before each of the next `n` writes.
    pub(crate) fn is_contended(&self, n: i64) {
        self.contended.store(n, Ordering::SeqCst);
    }

    async fn somebody_else_writes(&self, subject: Subject) -> Result<(), LedgerError> {
        if let Some(mut there) = self.kept.mapping(subject).await? {
            there.fence = there.fence.wrapping_add(1);
            self.kept.write(&there).await?;
        }
        Ok(())
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
impl Around for Frail {
    fn inner(&self) -> &dyn Ledger {
        &self.kept
    }

    async fn write(&self, mapping: &Mapping) -> Result<Written, LedgerError> {
        let breaks = self.left.load(Ordering::SeqCst) > 0 && self.left.fetch_sub(1, Ordering::SeqCst) == 1;
        if self.contended.load(Ordering::SeqCst) > 0 {
            self.contended.fetch_sub(1, Ordering::SeqCst);
            self.somebody_else_writes(mapping.subject).await?;
        }
        if !breaks {
            return self.kept.write(mapping).await;
        }
        if self.takes_effect {
            self.kept.write(mapping).await?;
        }
        Err(LedgerError::Unavailable("the function died".to_owned()))
    }

    async fn keep_event(&self, event: &KeptEvent) -> Result<Kept, LedgerError> {
        if !self.keeps.load(Ordering::SeqCst) {
            return Err(LedgerError::Unavailable("no event is kept".to_owned()));
        }
        self.kept.keep_event(event).await
    }

    async fn mark_event(&self, digest: &str, due: Option<Timestamp>) -> Result<(), LedgerError> {
        if !self.marks.load(Ordering::SeqCst) {
            return Err(LedgerError::Unavailable("no event is marked".to_owned()));
        }
        self.kept.mark_event(digest, due).await
    }
}
