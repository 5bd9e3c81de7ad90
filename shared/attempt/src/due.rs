//! When the timer must look at a mapping: derived from what it holds, so that nothing unfinished can be forgotten.

use std::time::Duration;

use jiff::Timestamp;
use ledger::{Attempt, Mapping, Stage, Standing};

use crate::apply::undo::is_taken_back_by;
use crate::late::correction;
use crate::release::giving_back;

/// After so many looks without an answer a person must find out.
pub const LOOKS_MAX: u32 = 9;
/// After so many where the last one did not reach the gateway: some days more, since its silence says nothing of what became
/// of it, and a person could not ask it either.
pub(crate) const UNREACHED_MAX: u32 = LOOKS_MAX + 3;

/// When the timer must look; `None` where it need not.
///
/// A renewal's fresh intention is not due: its queue message comes back by itself. A purchase and what takes an attempt
/// back have no message, and a renewal that was taken over once may have lost its own, so those are.
pub fn due(mapping: &Mapping) -> Option<Timestamp> {
    let owed = owes_capture(mapping) || correction(mapping).is_some();
    let standing = owed.then_some(Timestamp::UNIX_EPOCH).into_iter().chain(return_due(mapping));
    mapping.attempts.iter().filter_map(attempt_due).chain(mapping.wake).chain(standing).min()
}

/// An ended subscription still holds or keeps money that nobody is giving back: at once, or after a pause where it
/// certainly was not given back the last time.
fn return_due(mapping: &Mapping) -> Option<Timestamp> {
    if !matches!(mapping.standing, Standing::Ending | Standing::Closed) {
        return None;
    }
    let step = giving_back(mapping, Timestamp::UNIX_EPOCH)?.intention.identity;
    let owed = mapping.attempts.iter().find(|attempt| is_taken_back_by(attempt, &step));
    Some(owed.and_then(|owed| owed.wait_until).unwrap_or(Timestamp::UNIX_EPOCH))
}

/// A capture was asked for, what it waited for is over, and nothing has ended the subscription since.
fn owes_capture(mapping: &Mapping) -> bool {
    let waits = |attempt: &Attempt| !attempt.is_finished();
    let ends = matches!(mapping.standing, Standing::Ending | Standing::Closed);
    mapping.capture_asked.is_some() && !ends && !mapping.attempts.iter().any(waits)
}

/// How long to wait before the next look: 30 s, 2 min, 10 min, 1 h, 6 h, then daily.
pub fn pause(looks: u32) -> Duration {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    Duration::from_secs(match looks {
        0 => 30,
        1 => 2 * MINUTE,
        2 => 10 * MINUTE,
        3 => HOUR,
        4 => 6 * HOUR,
        _ => 24 * HOUR,
    })
}

/// Whether a queue message asked for it, which comes back until it is done.
fn has_a_message(attempt: &Attempt) -> bool {
    !attempt.intention.verb.buyer_present() && !attempt.intention.identity.is_undo()
}

fn attempt_due(attempt: &Attempt) -> Option<Timestamp> {
    match &attempt.stage {
        Stage::Reported(_) | Stage::Withdrawn { .. } | Stage::Parked { .. } => None,
        Stage::Intended if attempt.looks == 0 && has_a_message(attempt) => None,
        Stage::Intended | Stage::AwaitingBuyer { .. } | Stage::Unknown { .. } | Stage::Answered(_) => {
            Some(attempt.wait_until.unwrap_or(Timestamp::UNIX_EPOCH))
        }
    }
}
