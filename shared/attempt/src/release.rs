//! Lets go of what still stands on a subscription that is being ended: holds are voided, a charge that won the race is returned.

use jiff::Timestamp;
use ledger::{Attempt, Mapping, Stage};
use payment::{Answer, Failure, Identity, Verb};
use wire::Deadline;

use crate::apply::undo::undoing;
use crate::holds::letting_go;
use crate::plan::{held, unfinished};
use crate::run::{Begun, Done, Ended, Means, begin, finish};

/// How many steps one subscription can need: finish, void or return, and finish those.
const STEPS_MAX: usize = 8;

/// Brings every attempt of an ending subscription to its end: finishes what is open, voids what is held, and returns
/// what was taken by a charge that won the race. What stays unknown stays due.
///
/// The mapping must already stand as ending, so that nothing new begins in between.
pub async fn release(means: &Means, mut mapping: Mapping, deadline: Deadline) -> Result<Mapping, Failure> {
    for _ in 0..STEPS_MAX {
        let done = if let Some(open) = unfinished(&mapping) {
            let identity = open.intention.identity.clone();
            finish(means, mapping, &identity, deadline).await?
        } else if let Some(giving_back) = giving_back(&mapping, means.clock.now()) {
            match begin(means, mapping, giving_back, None, deadline).await? {
                Begun::Done(done) => *done,
                Begun::Lost(Some(current)) => Done { mapping: *current, ended: Ended::Withdrawn },
                Begun::Lost(None) => {
                    return Err(Failure::alarm("the item of an ending subscription is gone"));
                }
            }
        } else {
            return Ok(mapping);
        };
        mapping = done.mapping;
        match done.ended {
            Ended::Busy => {
                return Err(Failure::retry("another worker has an attempt of an ending subscription"));
            }
            // Durable and due: the timer goes on from here.
            Ended::Unknown | Ended::Answered { told: false, .. } | Ended::AwaitingBuyer(_) => {
                return Ok(mapping);
            }
            Ended::Answered { .. } | Ended::Parked | Ended::Withdrawn => {}
        }
    }
    Err(Failure::retry("an ending subscription needs more steps than one visit has"))
}

/// The next void or refund that an ending subscription owes: what is held is let go, and what was taken by an attempt
/// that was still open when the end began is returned.
pub(crate) fn giving_back(mapping: &Mapping, now: Timestamp) -> Option<Attempt> {
    voiding(mapping, now).or_else(|| returning(mapping, now))
}

fn voiding(mapping: &Mapping, now: Timestamp) -> Option<Attempt> {
    let attempt = held(mapping)?;
    let identity = &attempt.intention.identity;
    if is_begun(mapping, &identity.capture()) || is_begun(mapping, &identity.cancel()) {
        return None;
    }
    letting_go(attempt, now)
}

fn returning(mapping: &Mapping, now: Timestamp) -> Option<Attempt> {
    let taken = |attempt: &&Attempt| {
        let captured =
            matches!(&attempt.stage, Stage::Reported(Answer::Approved(approval)) if approval.captured);
        let charge = matches!(attempt.intention.verb, Verb::Charge | Verb::Capture);
        attempt.late && captured && charge && !is_begun(mapping, &attempt.intention.identity.undo())
    };
    let attempt = mapping.attempts.iter().find(taken)?;
    undoing(attempt, attempt.payment, now)
}

fn is_begun(mapping: &Mapping, step: &Identity) -> bool {
    mapping.attempt(step).is_some_and(|step| !matches!(step.stage, Stage::Withdrawn { .. }))
}
