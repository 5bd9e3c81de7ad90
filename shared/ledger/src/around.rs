//! Ledgers around another ledger: each sees, counts or breaks some of what goes through it, and hands on the rest.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{DueItem, DuePage, Kept, KeptEvent, Ledger, LedgerError, Mapping, Subject, Written};

/// A [`Ledger`] in which everything goes to the one inside, but for what is written otherwise.
#[async_trait]
pub trait Around: Send + Sync {
    /// The one inside.
    fn inner(&self) -> &dyn Ledger;

    /// See [`Ledger::mapping`].
    async fn mapping(&self, subject: Subject) -> Result<Option<Mapping>, LedgerError> {
        self.inner().mapping(subject).await
    }

    /// See [`Ledger::write`].
    async fn write(&self, mapping: &Mapping) -> Result<Written, LedgerError> {
        self.inner().write(mapping).await
    }

    /// See [`Ledger::keep_event`].
    async fn keep_event(&self, event: &KeptEvent) -> Result<Kept, LedgerError> {
        self.inner().keep_event(event).await
    }

    /// See [`Ledger::event`].
    async fn event(&self, digest: &str) -> Result<Option<KeptEvent>, LedgerError> {
        self.inner().event(digest).await
    }

    /// See [`Ledger::mark_event`].
    async fn mark_event(&self, digest: &str, due: Option<Timestamp>) -> Result<(), LedgerError> {
        self.inner().mark_event(digest, due).await
    }
}

#[async_trait]
impl<T: Around> Ledger for T {
    async fn mapping(&self, subject: Subject) -> Result<Option<Mapping>, LedgerError> {
        Around::mapping(self, subject).await
    }

    async fn write(&self, mapping: &Mapping) -> Result<Written, LedgerError> {
        Around::write(self, mapping).await
    }

    async fn keep_event(&self, event: &KeptEvent) -> Result<Kept, LedgerError> {
        Around::keep_event(self, event).await
    }

    async fn event(&self, digest: &str) -> Result<Option<KeptEvent>, LedgerError> {
        Around::event(self, digest).await
    }

    async fn mark_event(&self, digest: &str, due: Option<Timestamp>) -> Result<(), LedgerError> {
        Around::mark_event(self, digest, due).await
    }

    async fn due(
        &self,
        shard: u8,
        until: Timestamp,
        limit: u32,
        after: Option<&DueItem>,
    ) -> Result<DuePage, LedgerError> {
        self.inner().due(shard, until, limit, after).await
    }

    async fn page(&self, limit: u32, after: Option<Subject>) -> Result<Vec<Mapping>, LedgerError> {
        self.inner().page(limit, after).await
    }
}
