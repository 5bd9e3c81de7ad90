//! What carries one request to a peer, once.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

/// The largest answer that is read; what is longer is an unreadable body, so the outcome is unknown.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// What became of one request. The three are different things and stay different.
#[derive(Debug)]
pub enum Reply {
    /// The peer answered, whatever it answered (also 429 and 5xx), with its whole body.
    Answered(http::Response<Bytes>),
    /// It is certain that the peer did not get the request (no connection was made).
    NotSent(String),
    /// The peer may or may not have acted (timeout, reset, a body cut in half or too long).
    Unknown(String),
}

/// Carries one request, once. The real one is [`crate::Http`]; the simulated ones break on purpose.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends and waits for the whole answer, no longer than `timeout`.
    async fn send(&self, request: http::Request<Bytes>, timeout: Duration) -> Reply;
}
