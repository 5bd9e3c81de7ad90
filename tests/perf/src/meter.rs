//! The outside with the usual latencies, counted: what a job calls, reads, writes and sends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use ledger::{
    DueItem, DuePage, Kept, KeptEvent, Ledger, LedgerError, Mapping, MemoryLedger, Subject, Written,
};
use queue::{Job, LocalQueue, Queue, QueueError};
use wire::{Reply, Transport};

use crate::latency_ms;

/// What one piece of work did outside.
#[derive(Clone, Debug, Default)]
pub(crate) struct Did {
    /// Calls to Cleeng and gateways, in their order.
    pub(crate) calls: Vec<String>,
    pub(crate) reads: usize,
    pub(crate) writes: usize,
    pub(crate) messages: usize,
}

/// Counts, and makes everything take its time, while it is on.
#[derive(Default)]
pub(crate) struct Meter {
    on: AtomicBool,
    did: Mutex<Did>,
}

impl Meter {
    /// From now on calls take their time and are counted.
    pub(crate) fn start(&self) {
        *self.did.lock().unwrap_or_else(PoisonError::into_inner) = Did::default();
        self.on.store(true, Ordering::SeqCst);
    }

    /// Everything is at once again; what was counted.
    pub(crate) fn stop(&self) -> Did {
        self.on.store(false, Ordering::SeqCst);
        std::mem::take(&mut *self.did.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn pass(&self, peer: &str, note: impl FnOnce(&mut Did)) {
        if !self.on.load(Ordering::SeqCst) {
            return;
        }
        note(&mut self.did.lock().unwrap_or_else(PoisonError::into_inner));
        tokio::time::sleep(Duration::from_millis(latency_ms(peer))).await;
    }
}

/// A transport whose peers take their time.
pub(crate) struct MeteredNetwork<T> {
    pub(crate) inner: T,
    pub(crate) meter: Arc<Meter>,
}

#[async_trait]
impl<T: Transport> Transport for MeteredNetwork<T> {
    async fn send(&self, request: http::Request<Bytes>, timeout: Duration) -> Reply {
        let host = request.uri().host().unwrap_or_default().trim_end_matches(".test").to_owned();
        let call = format!("{host} {} {}", request.method(), shape(request.uri().path()));
        self.meter.pass(&host, |did| did.calls.push(call)).await;
        self.inner.send(request, timeout).await
    }
}

/// A path with its ids left out.
fn shape(path: &str) -> String {
    let part = |part: &str| {
        if part.len() > 3 && part.chars().any(|sign| sign.is_ascii_digit()) {
            "…".to_owned()
        } else {
            part.to_owned()
        }
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// A ledger that takes its time.
pub(crate) struct MeteredLedger {
    pub(crate) inner: MemoryLedger,
    pub(crate) meter: Arc<Meter>,
}

impl MeteredLedger {
    async fn read(&self) {
        self.meter.pass("table", |did| did.reads += 1).await;
    }

    async fn written(&self) {
        self.meter.pass("table", |did| did.writes += 1).await;
    }
}

#[async_trait]
impl Ledger for MeteredLedger {
    async fn mapping(&self, subject: Subject) -> Result<Option<Mapping>, LedgerError> {
        self.read().await;
        self.inner.mapping(subject).await
    }

    async fn write(&self, mapping: &Mapping) -> Result<Written, LedgerError> {
        self.written().await;
        self.inner.write(mapping).await
    }

    async fn keep_event(&self, event: &KeptEvent) -> Result<Kept, LedgerError> {
        self.written().await;
        self.inner.keep_event(event).await
    }

    async fn event(&self, digest: &str) -> Result<Option<KeptEvent>, LedgerError> {
        self.read().await;
        self.inner.event(digest).await
    }

    async fn mark_event(&self, digest: &str, due: Option<Timestamp>) -> Result<(), LedgerError> {
        self.written().await;
        self.inner.mark_event(digest, due).await
    }

    async fn due(
        &self,
        shard: u8,
        until: Timestamp,
        limit: u32,
        after: Option<&DueItem>,
    ) -> Result<DuePage, LedgerError> {
        self.read().await;
        self.inner.due(shard, until, limit, after).await
    }

    async fn page(&self, limit: u32, after: Option<Subject>) -> Result<Vec<Mapping>, LedgerError> {
        self.read().await;
        self.inner.page(limit, after).await
    }
}

/// A queue that takes its time.
pub(crate) struct MeteredQueue {
    pub(crate) inner: Arc<LocalQueue>,
    pub(crate) meter: Arc<Meter>,
}

#[async_trait]
impl Queue for MeteredQueue {
    async fn send(&self, job: Job, body: &str, delay: Duration) -> Result<(), QueueError> {
        self.meter.pass("queue", |did| did.messages += 1).await;
        self.inner.send(job, body, delay).await
    }
}
