//! What a renewal event asks for, given what has already been done: pure functions, so that any order and repetition of events can be searched.

use std::time::Duration;

use jiff::Timestamp;
use ledger::{Attempt, Mapping, Stage, Standing};
use payment::{Answer, FactKind, Identity, SubscriptionId, Verb};

/// What a request to authorise a renewal means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RenewalPlan {
    /// A new try of this identity; with a new period, the attempts of the one before make room.
    Start {
        /// The try.
        identity: Identity,
        /// The period's end as it is kept from its first event on.
        period_end: Timestamp,
    },
    /// An attempt is unfinished: it comes first.
    Finish(Identity),
    /// This very request was served, or the period is already paid.
    Done,
    /// The request is older than what has been done since.
    Stale,
    /// The subscription is being ended, or has ended.
    Ended,
    /// A person must first find out what became of an earlier try.
    Parked,
}

/// What a request to capture a renewal means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CapturePlan {
    /// Take what this try authorised.
    Capture(Identity),
    /// What this try authorised has lapsed: tell Cleeng so, then charge anew.
    Lapsed(Identity),
    /// Nothing is authorised: what a direct charge would mean, if the settings want one.
    Nothing(RenewalPlan),
    /// As for authorisations: finish, done, stale, ended or parked.
    Other(RenewalPlan),
}

/// Events whose period ends lie closer together than this speak of the same period: the shortest cycle is a week, and
/// Cleeng may move the end while dunning (not documented either way).
const SAME_PERIOD: Duration = Duration::from_secs(72 * 3600);

/// Whether two period ends name the same period.
pub fn same_period(one: Timestamp, other: Timestamp) -> bool {
    one.duration_since(other).unsigned_abs() <= SAME_PERIOD
}

/// Decides what a request to authorise (or to charge in one step) means. `asked` is the dunning date that it carries:
/// the same date never starts a second try.
pub fn plan_authorisation(
    subscription: SubscriptionId,
    mapping: Option<&Mapping>,
    asked: Timestamp,
    period_end: Timestamp,
) -> RenewalPlan {
    let Some(mapping) = mapping else {
        return RenewalPlan::Start { identity: Identity::renewal(subscription, period_end, 1), period_end };
    };
    if matches!(mapping.standing, Standing::Ending | Standing::Closed) {
        return RenewalPlan::Ended;
    }
    if let Some(open) = unfinished(mapping) {
        return RenewalPlan::Finish(open.intention.identity.clone());
    }
    let period_end = match mapping.period_end {
        Some(kept) if same_period(kept, period_end) => kept,
        Some(kept) if kept > period_end => return RenewalPlan::Stale,
        _ => {
            return RenewalPlan::Start {
                identity: Identity::renewal(subscription, period_end, 1),
                period_end,
            };
        }
    };
    if mapping.attempts.iter().any(|attempt| matches!(attempt.stage, Stage::Parked { .. })) {
        return RenewalPlan::Parked;
    }
    if tries_of(mapping).any(|attempt| serves(mapping, attempt, asked)) {
        return RenewalPlan::Done;
    }
    let again = tries_of(mapping)
        .find(|attempt| matches!(attempt.stage, Stage::Withdrawn { .. }) && attempt.asked == Some(asked));
    let identity = again.map(|attempt| attempt.intention.identity.clone());
    let next = || {
        let tries = u32::try_from(tries_of(mapping).count()).unwrap_or(u32::MAX);
        Identity::renewal(subscription, period_end, tries.saturating_add(1))
    };
    RenewalPlan::Start { identity: identity.unwrap_or_else(next), period_end }
}

/// Whether a try has served a request, so that nothing new begins for it: it pays the period, whoever asked for it; or
/// it came to its end for this date or a later one, for late repetitions of earlier events start nothing.
fn serves(mapping: &Mapping, attempt: &Attempt, asked: Timestamp) -> bool {
    let asked_since = attempt.asked.is_some_and(|date| date >= asked);
    match &attempt.stage {
        Stage::Reported(Answer::Approved(_)) if stands(mapping, attempt) => true,
        Stage::Reported(_) => asked_since,
        // What was done and taken back has used its key up: the gateway would only repeat its answer.
        Stage::Withdrawn { .. } => asked_since && is_undone(mapping, attempt),
        _ => false,
    }
}

/// Decides what a request to capture means. A missing `period_end` is the period that is under way.
pub fn plan_capture(
    subscription: SubscriptionId,
    mapping: Option<&Mapping>,
    asked: Timestamp,
    period_end: Option<Timestamp>,
    now: Timestamp,
) -> CapturePlan {
    let kept = mapping.and_then(|mapping| mapping.period_end);
    let period_end = period_end.or(kept).unwrap_or(asked);
    let plan = plan_authorisation(subscription, mapping, asked, period_end);
    let held = mapping
        .filter(|mapping| mapping.period_end.is_some_and(|kept| same_period(kept, period_end)))
        .and_then(|mapping| held(mapping).map(|attempt| (mapping, attempt)));
    match (plan, held) {
        (RenewalPlan::Done, Some((mapping, attempt))) => {
            let identity = &attempt.intention.identity;
            match mapping.attempt(&identity.capture()).map(|capture| &capture.stage) {
                Some(Stage::Reported(_)) => CapturePlan::Other(RenewalPlan::Done),
                _ if has_lapsed(attempt, now) => CapturePlan::Lapsed(identity.clone()),
                _ => CapturePlan::Capture(identity.clone()),
            }
        }
        (RenewalPlan::Start { identity, period_end }, _) => {
            CapturePlan::Nothing(RenewalPlan::Start { identity, period_end })
        }
        (other, _) => CapturePlan::Other(other),
    }
}

/// The attempt that holds money which was not taken, let go or lost since.
pub(crate) fn held(mapping: &Mapping) -> Option<&Attempt> {
    tries_of(mapping).find(|attempt| {
        let held =
            matches!(&attempt.stage, Stage::Reported(Answer::Approved(approval)) if !approval.captured);
        held && stands(mapping, attempt)
    })
}

/// Whether an approved try still pays its period: it was not let go, and its capture was not refused.
pub(crate) fn stands(mapping: &Mapping, attempt: &Attempt) -> bool {
    let identity = &attempt.intention.identity;
    let approved = |step: Identity| mapping.attempt(&step).and_then(Attempt::answer).map(is_approved);
    let let_go = approved(identity.cancel()) == Some(true) || approved(identity.undo()) == Some(true);
    let refused = approved(identity.capture()) == Some(false);
    !let_go && !refused
}

/// Whether a try of the period has taken its money.
pub(crate) fn is_paid(mapping: &Mapping) -> bool {
    tries_of(mapping).any(|attempt| {
        let taken =
            matches!(&attempt.stage, Stage::Reported(Answer::Approved(approval)) if approval.captured);
        taken && stands(mapping, attempt)
    })
}

/// Of the attempts that are under way and that we can bring to their end ourselves, the one whose turn is next: a payment
/// may wait for a day to be told again while what takes it back is due now.
pub fn unfinished(mapping: &Mapping) -> Option<&Attempt> {
    let is_open =
        |attempt: &&Attempt| !attempt.is_finished() && !matches!(attempt.stage, Stage::Parked { .. });
    mapping.attempts.iter().filter(is_open).min_by_key(|attempt| attempt.wait_until)
}

/// The tries of the current period, oldest first.
fn tries_of(mapping: &Mapping) -> impl Iterator<Item = &Attempt> {
    mapping.attempts.iter().filter(|attempt| matches!(attempt.intention.verb, Verb::Authorise | Verb::Charge))
}

/// Whether a hold is over: by the gateway's own deadline, or by its news.
pub(crate) fn has_lapsed(attempt: &Attempt, now: Timestamp) -> bool {
    let over = [FactKind::Cancelled, FactKind::Expired].into_iter().any(|kind| attempt.facts.has(kind));
    let deadline = match attempt.answer() {
        Some(Answer::Approved(approval)) => approval.capture_before,
        _ => None,
    };
    over || deadline.is_some_and(|deadline| deadline <= now)
}

/// Whether what an attempt did was taken back.
fn is_undone(mapping: &Mapping, attempt: &Attempt) -> bool {
    mapping.attempt(&attempt.intention.identity.undo()).and_then(Attempt::answer).is_some_and(is_approved)
}

fn is_approved(answer: &Answer) -> bool {
    matches!(answer, Answer::Approved(_))
}

#[cfg(test)]
mod tests;
