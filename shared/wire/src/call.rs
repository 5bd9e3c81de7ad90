//! What rooms hold: sends a call within its deadline and repeats it only where that is safe.

use std::sync::Arc;
use std::time::Duration;

use backon::BackoffBuilder;
use bytes::Bytes;
use http::StatusCode;
use tracing::debug;

use crate::{Deadline, Pace, Reply, Transport};

/// One call to a peer.
#[derive(Debug)]
pub struct Call {
    /// The whole request, absolute URL included.
    pub request: http::Request<Bytes>,
    /// How long one sending may take.
    pub timeout: Duration,
    /// Whether a second sending is harmless.
    pub repeat: Repeat,
    /// Until when the caller waits, repeats included.
    pub deadline: Deadline,
}

/// Whether a request may be sent again when its answer is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Reads, and writes that carry a key by which the peer recognises a repetition.
    Safe,
    /// Writes that a peer would do twice: repeated only when they certainly were not sent.
    OnlyIfNotSent,
}

/// The seam that every room speaks through.
#[derive(Clone)]
pub struct Wire {
    transport: Arc<dyn Transport>,
    pace: Option<Arc<Pace>>,
}

/// How long a connection may take to open while an instance starts.
const WARM_SECONDS_MAX: Duration = Duration::from_secs(1);
/// Sendings of one call, the first included.
const SENDINGS_MAX: usize = 3;
/// A peer that asks for a longer pause than this is left alone: the work goes back to its queue.
const PAUSE_MAX: Duration = Duration::from_secs(2);

impl Wire {
    /// Speaks through this transport.
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport, pace: None }
    }

    /// The same, no faster than this pace.
    #[must_use]
    pub fn paced(self, pace: Arc<Pace>) -> Self {
        Self { pace: Some(pace), ..self }
    }

    /// Opens a connection to a peer, on the pool that will serve the calls, with a request that needs no right and
    /// means nothing. Whatever comes of it, the first call is made all the same.
    pub async fn warm(&self, address: url::Url) {
        if let Ok(request) = http::Request::get(address.as_str()).body(Bytes::new()) {
            let _ = self.transport.send(request, WARM_SECONDS_MAX).await;
        }
    }

    /// Sends a call and answers with what became of it.
    ///
    /// Repeats at most twice, with growing, jittered pauses (or the peer's own `Retry-After`), never past the
    /// deadline. What may be repeated: anything that was certainly not sent; and, where `repeat` is [`Repeat::Safe`],
    /// unknown outcomes, 429, 502, 503 and 504. If a sending was unknown or met a 5xx, and the last one was *not sent* or met
    /// a 429, the whole is unknown: the last one says nothing of the first.
    pub async fn send(&self, call: Call) -> Reply {
        let mut pauses = backon::ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(100))
            .with_max_delay(PAUSE_MAX)
            .with_max_times(SENDINGS_MAX - 1)
            .with_jitter()
            .build();
        let mut unknown_before = false;
        loop {
            let timeout = call.timeout.min(call.deadline.left());
            if timeout.is_zero() {
                return settle(
                    Reply::NotSent("no time is left before the deadline".to_owned()),
                    unknown_before,
                );
            }
            if let Some(pace) = &self.pace
                && !pace.turn(timeout, call.deadline).await
            {
                let why = "the pace towards this peer leaves no time before the deadline";
                return settle(Reply::NotSent(why.to_owned()), unknown_before);
            }
            let reply = self.transport.send(call.request.clone(), timeout).await;
            if let (Some(pace), Some(pause)) = (&self.pace, pause_of(&reply)) {
                pace.pause(pause);
            }
            let unsettled = is_unsettled(&reply);
            let asked = match wish(&reply, call.repeat) {
                Wish::Keep => return settle(reply, unknown_before),
                Wish::Again(asked) => asked,
            };
            let Some(pause) = pauses.next().map(|own| asked.unwrap_or(own)) else {
                return settle(reply, unknown_before);
            };
            if pause > PAUSE_MAX || !call.deadline.allows(pause + call.timeout) {
                return settle(reply, unknown_before);
            }
            unknown_before |= unsettled;
            debug!(pause_ms = %pause.as_millis(), "Repeating a request that is safe to repeat");
            tokio::time::sleep(pause).await;
        }
    }
}

enum Wish {
    Keep,
    Again(Option<Duration>),
}

fn wish(reply: &Reply, repeat: Repeat) -> Wish {
    match reply {
        Reply::NotSent(_) => Wish::Again(None),
        Reply::Unknown(_) if repeat == Repeat::Safe => Wish::Again(None),
        Reply::Answered(answer) if repeat == Repeat::Safe && is_passing(answer.status()) => {
            Wish::Again(retry_after(answer))
        }
        Reply::Unknown(_) | Reply::Answered(_) => Wish::Keep,
    }
}

fn is_passing(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

/// How long a peer that is asked too often wants to be left alone by everybody: what it says, or a second.
fn pause_of(reply: &Reply) -> Option<Duration> {
    match reply {
        Reply::Answered(answer) if answer.status() == StatusCode::TOO_MANY_REQUESTS => {
            Some(retry_after(answer).unwrap_or(Duration::from_secs(1)).min(PAUSE_MAX))
        }
        _ => None,
    }
}

/// `Retry-After` in seconds; its date form is rare among these peers and counts as absent.
fn retry_after(answer: &http::Response<Bytes>) -> Option<Duration> {
    let seconds = answer.headers().get(http::header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Whether this sending may have done something that its answer does not tell.
fn is_unsettled(reply: &Reply) -> bool {
    match reply {
        Reply::Unknown(_) => true,
        Reply::Answered(answer) => answer.status().is_server_error(),
        Reply::NotSent(_) => false,
    }
}

/// An earlier sending that may have arrived makes a last one unknown that did not leave or was turned away at the door.
fn settle(reply: Reply, unknown_before: bool) -> Reply {
    match reply {
        Reply::NotSent(why) if unknown_before => Reply::Unknown(why),
        Reply::Answered(answer) if unknown_before && answer.status() == StatusCode::TOO_MANY_REQUESTS => {
            Reply::Unknown("throttled after a sending without an answer".to_owned())
        }
        reply => reply,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sending_without_an_answer_is_not_forgotten_over_one_that_was_turned_away() {
        let throttled = || {
            let answer = http::Response::builder().status(StatusCode::TOO_MANY_REQUESTS).body(Bytes::new());
            Reply::Answered(answer.unwrap())
        };
        assert!(matches!(settle(throttled(), true), Reply::Unknown(_)));
        assert!(matches!(settle(throttled(), false), Reply::Answered(_)));
        assert!(matches!(settle(Reply::NotSent(String::new()), true), Reply::Unknown(_)));
        assert!(matches!(settle(Reply::NotSent(String::new()), false), Reply::NotSent(_)));
    }
}
