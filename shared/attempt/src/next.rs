//! What is to be done next about one attempt: a pure function of what the ledger holds and the hour.

use jiff::Timestamp;
use ledger::{Attempt, Stage};

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Finished.
    Nothing,
    /// Another worker has it, or its next look is not due yet.
    Wait(Timestamp),
    /// The buyer must act.
    AwaitBuyer,
    /// Find out from the gateway what became of it.
    Resolve,
    /// Tell Cleeng, looking first whether it knows already.
    Tell,
    /// Only a person can find out.
    Person,
}

/// Decides what is to be done next. There is no "ask again from the start": whoever finds an intention without an
/// answer resolves it.
pub fn next(attempt: &Attempt, now: Timestamp) -> Next {
    match (&attempt.stage, attempt.wait_until) {
        (Stage::Reported(_) | Stage::Withdrawn { .. }, _) => Next::Nothing,
        (Stage::Parked { .. }, _) => Next::Person,
        (Stage::AwaitingBuyer { .. }, Some(until)) if until > now => Next::AwaitBuyer,
        (_, Some(until)) if until > now => Next::Wait(until),
        (Stage::Answered(_), _) => Next::Tell,
        (Stage::Intended | Stage::Unknown { .. } | Stage::AwaitingBuyer { .. }, _) => Next::Resolve,
    }
}
