//! Why a gateway certainly did nothing, and why a webhook is not believed.

use std::time::Duration;

use payment::{Failure, GatewayName};

/// The gateway certainly did nothing. Whatever it may have done is an outcome, not an error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// No connection was made, or no time was left.
    #[error("{gateway} was not reached: {why}")]
    NotSent {
        /// Which one.
        gateway: GatewayName,
        /// The transport's words.
        why: String,
    },
    /// Too many requests; nothing was done.
    #[error("{gateway} asks for fewer requests")]
    Throttled {
        /// Which one.
        gateway: GatewayName,
        /// Its `Retry-After`.
        after: Option<Duration>,
    },
    /// The gateway will not take such a request: our settings or our fault (wrong key, unknown parameter), not the card's.
    #[error("{gateway} does not take the request: {status} {code}")]
    Misconfigured {
        /// Which one.
        gateway: GatewayName,
        /// HTTP status.
        status: u16,
        /// Its error type and code; never its message, which can repeat what was sent.
        code: String,
    },
    /// What the page sent is not payment data of this gateway.
    #[error("the payment data is not {gateway}'s: {why}")]
    BadPaymentData {
        /// Which one.
        gateway: GatewayName,
        /// What is missing or wrong, without the value.
        why: String,
    },
}

impl From<GatewayError> for Failure {
    fn from(error: GatewayError) -> Self {
        let what = error.to_string();
        match error {
            GatewayError::NotSent { .. } | GatewayError::Throttled { after: None, .. } => Self::retry(what),
            GatewayError::Throttled { after: Some(after), .. } => Self::retry_after(what, after),
            GatewayError::Misconfigured { .. } => Self::alarm(what),
            GatewayError::BadPaymentData { .. } => Self::refuse(what),
        }
    }
}

/// Why a webhook is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// No live secret made this signature, or there is none.
    #[error("the signature does not match any live secret")]
    Signature,
    /// Signed, but too long ago.
    #[error("the signature is {seconds} s old")]
    Stale {
        /// Its age.
        seconds: i64,
    },
    /// Signed, and still not what this gateway sends.
    #[error("the body cannot be read: {0}")]
    Unreadable(String),
    /// A test event at a live deployment, or the reverse.
    #[error("the event is of the other mode (test or live)")]
    WrongMode,
}
