//! What SQS takes as a message (SendMessage, API reference), asked before sending, so that the local queue refuses the same.

use std::time::Duration;

/// One mebibyte.
const BYTES_MAX: usize = 1024 * 1024;
/// Fifteen minutes.
const DELAY_SECONDS_MAX: i32 = 900;

/// Refuses a body that SQS would refuse: empty, too long, or with characters that XML 1.0 does not have.
pub(crate) fn check(body: &str) -> Result<(), &'static str> {
    let allowed = |letter: char| matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..);
    if body.is_empty() {
        Err("a message is never empty")
    } else if body.len() > BYTES_MAX {
        Err("a message has at most 1 MiB")
    } else if body.chars().all(allowed) {
        Ok(())
    } else {
        Err("the message has a control character")
    }
}

/// The delay in SQS's whole seconds, rounded up: a message is never seen too early.
pub(crate) fn delay_seconds(delay: Duration) -> Result<i32, &'static str> {
    let seconds = delay.as_secs().saturating_add(u64::from(delay.subsec_nanos() > 0));
    i32::try_from(seconds)
        .ok()
        .filter(|seconds| *seconds <= DELAY_SECONDS_MAX)
        .ok_or("a message is delayed by at most 15 minutes")
}
