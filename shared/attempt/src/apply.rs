//! The transitions of an attempt, as pure changes of its mapping. Nothing else writes a stage.

pub(crate) mod undo;

use std::time::Duration;

use jiff::Timestamp;
use ledger::{Attempt, ManagedBy, Mapping, Stage, Standing, Subject};
use payment::{
    Action, Answer, Approval, Fact, FactKind, GatewayReference, Identity, Intention, PaymentId, Price, Token,
    Uncertainty, Verb,
};

use self::undo::is_taken_back_by;
use crate::caps::count_decline;
use crate::due::pause;
use crate::mirror::Partly;

/// How long a worker has an attempt to itself: longer than any function may run, so that two never ask side by side.
pub const LEASE: Duration = Duration::from_secs(90);
/// How long a buyer may take over 3-D Secure before the gateway is asked what came of it.
const BUYER_PATIENCE: Duration = Duration::from_secs(30 * 60);
/// When a paid order is first looked for among Cleeng's subscriptions.
const LINK_FIRST: Duration = Duration::from_secs(20);

/// A new attempt, as it is written down before the gateway hears of it.
pub fn began(
    intention: Intention,
    price: Price,
    asked: Option<Timestamp>,
    payment: Option<PaymentId>,
) -> Attempt {
    let wait_until = Some(later(intention.began, LEASE));
    Attempt {
        intention,
        price,
        asked,
        stage: Stage::Intended,
        wait_until,
        looks: 0,
        reference: None,
        payment,
        unsent: false,
        late: false,
        by_bank: false,
        method: None,
        facts: payment::Facts::default(),
    }
}

/// News of a payment, merged into its attempt; whether anything was new.
pub fn learn(
    mapping: &mut Mapping,
    identity: &Identity,
    kind: FactKind,
    thing: GatewayReference,
    fact: Fact,
) -> bool {
    let at = fact.at;
    let told = format!("the gateway says: {kind:?} {}", fact.money);
    let new = mapping.attempt_mut(identity).is_some_and(|attempt| attempt.facts.learn(kind, thing, fact));
    if new {
        mapping.tell(at, told);
    }
    new
}

/// Opens the period that a renewal is for. What an earlier period finished makes room; what a person must look at stays.
pub fn open_period(mapping: &mut Mapping, period_end: Timestamp) {
    if mapping.period_end != Some(period_end) {
        // What failed late may succeed later still.
        let was_taken =
            |attempt: &&Attempt| is_renewal_taken(attempt) || attempt.facts.has(FactKind::CaptureFailed);
        let paid = mapping.attempts.iter().filter(was_taken).filter_map(Attempt::order);
        let paid: Vec<_> = paid.filter(|order| !mapping.paid_orders.contains(order)).collect();
        mapping.paid_orders.extend(paid);
        if mapping.attempts.iter().any(|attempt| is_renewal_taken(attempt) && !is_lost(attempt)) {
            let lost = mapping.attempts.iter().filter(|attempt| is_lost(attempt));
            let lost: Vec<_> = lost.map(|attempt| attempt.intention.identity.base()).collect();
            mapping.paid_again.extend(lost);
        }
        keep_newest(&mut mapping.paid_orders);
        keep_newest(&mut mapping.paid_again);
        mapping.attempts.retain(|attempt| !attempt.is_finished());
        mapping.period_end = Some(period_end);
    }
}

/// Chargebacks come up to 540 days later: so many monthly periods.
const PERIODS_MAX: usize = 18;

fn keep_newest<T>(of_periods: &mut Vec<T>) {
    let surplus = of_periods.len().saturating_sub(PERIODS_MAX);
    of_periods.drain(..surplus);
}

/// Whether it took the money of a renewal.
pub(crate) fn is_renewal_taken(attempt: &Attempt) -> bool {
    matches!(attempt.answer(), Some(Answer::Approved(approval)) if approval.captured)
        && matches!(attempt.intention.verb, Verb::Charge | Verb::Capture)
}

/// Whether what it took failed late, and has not succeeded since.
pub(crate) fn is_lost(attempt: &Attempt) -> bool {
    attempt.facts.has(FactKind::CaptureFailed) && !attempt.facts.holds_money()
}

/// Begins to end a subscription: nothing new starts, and what is still open is marked, so that a charge which wins the
/// race is returned.
pub fn begin_end(mapping: &mut Mapping, now: Timestamp) {
    mapping.standing = Standing::Ending;
    mapping.capture_asked = None;
    // No message of Cleeng's comes back for what our own calendar ends.
    mapping.wake = (mapping.managed_by == ManagedBy::Connector).then(|| later(now, LEASE));
    for attempt in mapping.attempts.iter_mut().filter(|attempt| !attempt.is_finished()) {
        attempt.late = true;
    }
    mapping.tell(now, "being ended");
}

/// Writes an intention into its mapping. An earlier attempt of the same identity that certainly never happened makes room;
/// the timer watches the new one too, because the message that brings it again may have come for the last time.
pub(crate) fn intend(mapping: &mut Mapping, mut attempt: Attempt, now: Timestamp) {
    let identity = attempt.intention.identity.clone();
    if mapping.attempt(&identity).is_some() {
        attempt.looks = attempt.looks.max(1);
    }
    mapping.attempts.retain(|earlier| earlier.intention.identity != identity);
    mapping.tell(now, format!("{identity}: {} {} intended", attempt.intention.verb.as_str(), attempt.price));
    mapping.attempts.push(attempt);
}

/// What needs no asking, written down together with its answer, by a worker that has it to itself.
pub(crate) fn recorded(mapping: &mut Mapping, attempt: Attempt, answer: &Answer, now: Timestamp) {
    let identity = attempt.intention.identity.clone();
    intend(mapping, attempt, now);
    note(mapping, &identity, answer, now);
    if let Some(attempt) = mapping.attempt_mut(&identity) {
        attempt.stage = Stage::Answered(answer.clone());
    }
    hold(mapping, &identity, now);
}

/// A later worker takes an attempt over; from now on the timer watches it too, and nobody can be certain any more that
/// Cleeng has not heard of it.
pub(crate) fn take_over(mapping: &mut Mapping, identity: &Identity, now: Timestamp) {
    if let Some(attempt) = mapping.attempt_mut(identity) {
        attempt.unsent = false;
        attempt.looks = attempt.looks.saturating_add(1);
        attempt.wait_until = Some(later(now, LEASE));
    }
}

/// This worker has an attempt to itself.
pub(crate) fn hold(mapping: &mut Mapping, identity: &Identity, now: Timestamp) {
    if let Some(attempt) = mapping.attempt_mut(identity) {
        attempt.wait_until = Some(later(now, LEASE));
    }
}

/// An attempt that still waits for the gateway's answer. The gateway's news may bring it while a worker asks, and what that
/// worker then finds comes second: from an answer on there is only forward.
fn unanswered<'a>(mapping: &'a mut Mapping, identity: &Identity) -> Option<&'a mut Attempt> {
    mapping.attempt_mut(identity).filter(|attempt| {
        matches!(attempt.stage, Stage::Intended | Stage::AwaitingBuyer { .. } | Stage::Unknown { .. })
    })
}

/// The buyer must act first.
pub(crate) fn await_buyer(mapping: &mut Mapping, identity: &Identity, action: &Action, now: Timestamp) {
    if let Some(attempt) = unanswered(mapping, identity) {
        let since = match attempt.stage {
            Stage::AwaitingBuyer { since } => since,
            _ => now,
        };
        attempt.stage = Stage::AwaitingBuyer { since };
        attempt.reference = action.reference.clone().or(attempt.reference.take());
        attempt.wait_until = Some(later(now, BUYER_PATIENCE.max(pause(attempt.looks))));
        mapping.tell(now, format!("{identity}: the buyer must authenticate"));
    }
}

/// Nobody knows. After so many looks, or at once where asking again cannot settle it, it is parked for a person.
pub(crate) fn doubt(
    mapping: &mut Mapping,
    identity: &Identity,
    doubt: &Uncertainty,
    looks_max: u32,
    now: Timestamp,
) {
    let Some(attempt) = unanswered(mapping, identity) else { return };
    let since = match attempt.stage {
        Stage::Unknown { since, .. } => since,
        _ => now,
    };
    attempt.reference = doubt.reference.clone().or(attempt.reference.take());
    if doubt.alarm || attempt.looks >= looks_max {
        attempt.stage = Stage::Parked { since, why: doubt.why.clone() };
        attempt.wait_until = None;
        tracing::error!(alarm = "parked", attempt = %identity, why = %doubt.why, "Parked `{identity}`: a person must find out");
        mapping.tell(now, format!("{identity}: parked, a person must find out ({})", doubt.why));
    } else {
        attempt.stage = Stage::Unknown { since, why: doubt.why.clone() };
        attempt.wait_until = Some(later(now, pause(attempt.looks)));
        mapping.tell(now, format!("{identity}: unknown ({})", doubt.why));
    }
}

/// It certainly never happened.
pub(crate) fn withdraw(mapping: &mut Mapping, identity: &Identity, why: &str, now: Timestamp) {
    if unanswered(mapping, identity).is_some() {
        withdrawn(mapping, identity, why, now);
        // What it was to take back is owed still, but is not tried again at once. Only what is open was counted as looked at.
        if let Some(owed) = mapping.attempts.iter_mut().find(|attempt| is_taken_back_by(attempt, identity)) {
            owed.looks = owed.looks.saturating_add(u32::from(owed.is_finished()));
            owed.wait_until = Some(later(now, pause(owed.looks)));
        }
    }
}

fn withdrawn(mapping: &mut Mapping, identity: &Identity, why: &str, now: Timestamp) {
    if let Some(attempt) = mapping.attempt_mut(identity) {
        attempt.stage = Stage::Withdrawn { why: why.to_owned() };
        attempt.wait_until = None;
        mapping.tell(now, format!("{identity}: withdrawn, nothing happened ({why})"));
    }
}

/// The gateway answered, and Cleeng has not heard yet.
pub(crate) fn answered(mapping: &mut Mapping, identity: &Identity, answer: &Answer, now: Timestamp) {
    note_answer(mapping, identity, answer, now);
    if let Some(attempt) = mapping.attempt_mut(identity) {
        attempt.stage = Stage::Answered(answer.clone());
        attempt.wait_until = Some(later(now, pause(attempt.looks)));
    }
}

/// Cleeng has heard a part of it, or certainly nothing.
pub(crate) fn partly_told(mapping: &mut Mapping, identity: &Identity, partly: Partly) {
    if let Some(attempt) = mapping.attempt_mut(identity) {
        attempt.payment = partly.payment.or(attempt.payment);
        attempt.unsent = partly.unsent;
    }
}

/// The gateway answered and Cleeng knows: finished. `told` is Cleeng's record, where it made one.
pub(crate) fn reported(
    mapping: &mut Mapping,
    identity: &Identity,
    answer: &Answer,
    told: &Told,
    now: Timestamp,
) {
    note_answer(mapping, identity, answer, now);
    let Some(attempt) = mapping.attempt_mut(identity) else { return };
    attempt.stage = Stage::Reported(without_token(answer));
    attempt.wait_until = None;
    attempt.payment = told.payment.or(attempt.payment);
    attempt.unsent = false;
    let verb = attempt.intention.verb;
    if told.details.is_some() {
        mapping.details = told.details;
        // The customer's subscriptions still pay with the old card: whoever comes first, this worker or the timer, moves them.
        if matches!(mapping.subject, Subject::Customer(_)) {
            mapping.wake = Some(later(now, LEASE));
            if let Answer::Approved(Approval { token: Some(token), .. }) = answer {
                keep_card(mapping, identity, token);
            }
        }
    }
    if let (Verb::Purchase | Verb::Verify, Answer::Approved(_)) = (verb, answer)
        && mapping.standing == Standing::Open
    {
        let links = mapping.offer.as_ref().is_some_and(payment::OfferId::is_subscription);
        mapping.standing = if links { Standing::Active } else { Standing::Closed };
        mapping.wake = links.then(|| later(now, LINK_FIRST));
    }
    if let Some(new) = told.became {
        mapping.became = Some(new);
        mapping.wake = Some(now);
        mapping.tell(now, format!("Cleeng made {new} of it"));
    }
    undo::settle(mapping, identity, answer, now);
    mapping.tell(now, format!("{identity}: Cleeng knows"));
}

/// What Cleeng recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Its payment.
    pub(crate) payment: Option<PaymentId>,
    /// Its record of the token.
    pub(crate) details: Option<payment::PaymentDetailsId>,
    /// The subscription that took this one's place.
    pub(crate) became: Option<payment::SubscriptionId>,
}

pub(crate) fn later(now: Timestamp, time: Duration) -> Timestamp {
    jiff::SignedDuration::try_from(time)
        .ok()
        .and_then(|time| now.checked_add(time).ok())
        .unwrap_or(Timestamp::MAX)
}

/// Once Cleeng has the token, the mapping's is the only copy that is needed: nothing charges from an old answer.
fn without_token(answer: &Answer) -> Answer {
    match answer {
        Answer::Approved(approval) => Answer::Approved(Approval { token: None, ..approval.clone() }),
        Answer::Declined(_) => answer.clone(),
    }
}

/// What a gateway's answer means for the mapping, once, when it is first written down.
fn note_answer(mapping: &mut Mapping, identity: &Identity, answer: &Answer, now: Timestamp) {
    let Some(attempt) = mapping.attempt(identity).filter(|attempt| attempt.answer().is_none()) else {
        return;
    };
    if let (Verb::Authorise | Verb::Charge, Answer::Declined(decline)) = (attempt.intention.verb, answer) {
        count_decline(mapping, decline, now);
    }
    note(mapping, identity, answer, now);
}

/// What an answer means for the mapping, whoever gave it.
fn note(mapping: &mut Mapping, identity: &Identity, answer: &Answer, now: Timestamp) {
    let Some(attempt) = mapping.attempt_mut(identity) else { return };
    let verb = attempt.intention.verb;
    match answer {
        Answer::Approved(Approval { reference, token, money, captured, .. }) => {
            attempt.reference = Some(reference.clone());
            if let (true, Some(token)) = (verb.buyer_present(), token) {
                keep_card(mapping, identity, token);
            }
            let moved = match verb {
                Verb::Refund => "returned",
                Verb::Cancel => "let go",
                _ if *captured => "captured",
                _ => "held",
            };
            mapping
                .tell(now, format!("{identity}: {} approved, {money} {moved} ({reference})", verb.as_str()));
        }
        Answer::Declined(decline) => {
            attempt.reference = decline.reference.clone().or(attempt.reference.take());
            if decline.class.forbids_retry() && matches!(verb, Verb::Authorise | Verb::Charge) {
                mapping.barred = Some(decline.clone());
            }
            mapping
                .tell(now, format!("{identity}: {} declined ({})", verb.as_str(), decline.rejected_reason()));
        }
    }
}

/// The card that a present buyer gave pays from now on. A customer's, once Cleeng has a record of it: until then the item's
/// payment details are those of the card before, and go with that one.
pub(crate) fn keep_card(mapping: &mut Mapping, identity: &Identity, token: &Token) {
    if matches!(mapping.subject, Subject::Customer(_)) {
        let told = |attempt: &Attempt| matches!(attempt.stage, Stage::Reported(_));
        if !mapping.attempt(identity).is_some_and(told) || !is_newest_card(mapping, identity) {
            return;
        }
        if let Some(attempt) = mapping.attempt(identity) {
            let (intention, method) = (attempt.intention.clone(), attempt.method);
            mapping.method = method.unwrap_or(mapping.method);
            mapping.gateway = intention.gateway;
            mapping.account = intention.account;
        }
    }
    mapping.token = Some(token.clone());
    mapping.clear_declines();
}

/// Whether no later try of this item was approved: the answers of two tries may come in any order.
pub(crate) fn is_newest_card(mapping: &Mapping, identity: &Identity) -> bool {
    let later = mapping.attempts.iter().skip_while(|attempt| attempt.intention.identity != *identity).skip(1);
    !later.into_iter().any(|attempt| {
        attempt.intention.verb.buyer_present() && matches!(attempt.answer(), Some(Answer::Approved(_)))
    })
}

#[cfg(test)]
mod tests;
