//! Webhooks as they were kept, for dedup and replay.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A verified webhook, without e-mail addresses, kept for a bounded time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptEvent {
    /// The digest of its content, by which a repetition is recognised: lower-case hex.
    pub digest: String,
    /// Who said it and what: `cleeng/subscriptionReadyForPaymentCapture`, `stripe/charge.refunded`.
    pub topic: String,
    /// The job that its message is for (`recurring-capture`); absent where it is kept only.
    pub job: Option<String>,
    /// The message that was or will be queued.
    pub message: String,
    /// When it arrived.
    pub received: Timestamp,
    /// When it may be forgotten (the table's time to live).
    pub expires: Timestamp,
}

/// What keeping an event found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It was not known.
    New,
    /// The same content was kept before.
    Known,
}
