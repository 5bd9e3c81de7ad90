//! What comes late: news that answers an open attempt, and news that contradicts what Cleeng was told.

use gateways::News;
use jiff::Timestamp;
use ledger::{Attempt, ManagedBy, Mapping, Stage, Standing, Subject, Written};
use payment::{
    Answer, Approval, Card, Decline, DeclineClass, DeclineReason, FactKind, Failure, GatewayReference,
    Identity, Intention, Money, Target, Token, Verb,
};
use wire::Deadline;

use crate::apply::undo::undoing;
use crate::apply::{self, LEASE, is_lost, keep_card, later};
use crate::plan::stands;
use crate::run::{Done, Ended, Means, tell_again, undo_now};
use crate::write::{change, write};

/// Corrections that one visit makes: each contradicts another attempt.
const CORRECTIONS_MAX: usize = 8;

/// The attempt that a fact is about. Gateways repeat the reference of the payment or that of its capture or void;
/// what happened to the money belongs to the step that moved it.
pub fn aimed_at(mapping: &Mapping, named: &Identity, kind: FactKind) -> Option<Identity> {
    let base = named.base();
    let step = match kind {
        FactKind::Captured | FactKind::CaptureFailed => base.capture(),
        FactKind::Cancelled | FactKind::Expired => base.cancel(),
        _ => named.clone(),
    };
    let there = |identity: &Identity| mapping.attempt(identity).is_some();
    [step, named.clone(), base].into_iter().find(there)
}

/// What a fact answers where its attempt has no answer yet: Adyen's captures, voids and refunds are answered in this
/// way only, once their keys are too old to ask again.
pub fn answer_in(
    attempt: &Attempt,
    kind: FactKind,
    thing: &GatewayReference,
    money: Money,
) -> Option<Answer> {
    let intention = &attempt.intention;
    let Target::Payment(of) = &intention.target else { return None };
    let whole = money == intention.money;
    let approved = |reference: &GatewayReference, captured| {
        Answer::Approved(Approval {
            reference: reference.clone(),
            money: intention.money,
            captured,
            token: None,
            card: None,
            capture_before: None,
        })
    };
    match (intention.verb, kind) {
        (Verb::Capture, FactKind::Captured) if whole => Some(approved(of, true)),
        (Verb::Cancel, FactKind::Cancelled | FactKind::Expired) => Some(approved(of, false)),
        (Verb::Refund, FactKind::Refunded) if whole => Some(approved(thing, true)),
        (Verb::Capture, FactKind::CaptureFailed) | (Verb::Refund, FactKind::RefundFailed) => {
            Some(Answer::Declined(failed_late(&intention.gateway, kind)))
        }
        _ => None,
    }
}

/// What all news so far answers where an attempt has no answer yet.
pub(crate) fn answer_by_facts(attempt: &Attempt) -> Option<Answer> {
    use FactKind::{Cancelled, CaptureFailed, Captured, Expired, RefundFailed, Refunded};
    let failed = !attempt.facts.holds_money();
    let kinds = [Captured, CaptureFailed, Cancelled, Expired, RefundFailed, Refunded];
    let counts = |kind: &FactKind| match kind {
        Captured => !failed,
        CaptureFailed => failed,
        _ => true,
    };
    kinds.into_iter().filter(counts).find_map(|kind| {
        attempt.facts.of(kind).find_map(|(thing, fact)| answer_in(attempt, kind, thing, fact.money))
    })
}

/// What Cleeng must hear because the facts say otherwise than what it was told: a capture that failed after it had
/// looked well, and one that succeeded after all.
pub fn correction(mapping: &Mapping) -> Option<(Identity, Answer)> {
    mapping.attempts.iter().find_map(|attempt| {
        let moved = attempt.intention.verb.takes_money();
        let answer = match &attempt.stage {
            Stage::Reported(answer @ Answer::Approved(_)) => lost(attempt, answer)?,
            Stage::Reported(Answer::Declined(_)) if attempt.facts.holds_money() => {
                Answer::Approved(Approval {
                    reference: attempt.reference.clone()?,
                    money: attempt.intention.money,
                    captured: true,
                    token: None,
                    card: None,
                    capture_before: None,
                })
            }
            _ => return None,
        };
        moved.then(|| (attempt.intention.identity.clone(), answer))
    })
}

/// The refusal that an approval has come to, where what it took failed late and has not succeeded since.
pub(crate) fn lost(attempt: &Attempt, answer: &Answer) -> Option<Answer> {
    let taken = matches!(answer, Answer::Approved(approval) if approval.captured);
    let refusal = || Answer::Declined(failed_late(&attempt.intention.gateway, FactKind::CaptureFailed));
    (taken && is_lost(attempt)).then(refusal)
}

/// Tells Cleeng what the facts of an item say by now, wherever that differs from what it was told.
pub async fn correct(means: &Means, mut mapping: Mapping, deadline: Deadline) -> Result<Mapping, Failure> {
    for _ in 0..CORRECTIONS_MAX {
        let Some((identity, answer)) = correction(&mapping) else { return Ok(mapping) };
        let done = reopen(means, mapping, &identity, answer, deadline).await?;
        mapping = done.mapping;
        if !matches!(done.ended, Ended::Answered { told: true, .. } | Ended::Withdrawn) {
            return Ok(mapping);
        }
    }
    Ok(mapping)
}

/// A finished attempt has another end than was told. A refusal is told; money that came after a refusal is told too,
/// unless another attempt has paid for the same thing meanwhile or may still: then it is given back.
pub async fn reopen(
    means: &Means,
    mapping: Mapping,
    identity: &Identity,
    answer: Answer,
    deadline: Deadline,
) -> Result<Done, Failure> {
    let now = means.clock.now();
    let surplus =
        mapping.attempt(identity).is_some_and(|attempt| attempt.late) || has_rival(&mapping, identity);
    let one_too_many = matches!(answer, Answer::Approved(_)) && surplus;
    // What is known from Cleeng's own record only is recorded there.
    let ours = mapping.managed_by == ManagedBy::Connector && !matches!(mapping.subject, Subject::Payment(_));
    let mut claimed = mapping;
    if let Some(attempt) = claimed.attempt_mut(identity) {
        attempt.stage = Stage::Answered(answer.clone());
        attempt.wait_until = Some(later(now, LEASE));
        attempt.looks = attempt.looks.saturating_add(1);
        // A refusal that we recorded ourselves stays recorded; what was taken after all is a payment of its own.
        if ours && matches!(answer, Answer::Approved(_)) && !attempt.facts.has(FactKind::CaptureFailed) {
            attempt.payment = None;
        }
    }
    claimed.tell(now, format!("{identity}: the gateway says otherwise now"));
    // What our own calendar took for paid is not, or the other way round.
    if ours && matches!((claimed.subject, claimed.standing), (Subject::Subscription(_), Standing::Active)) {
        claimed.wake = Some(later(now, LEASE));
    }
    let undo = claimed.attempt(identity).filter(|_| one_too_many).and_then(|it| undoing(it, None, now));
    if let Some(undo) = undo {
        tracing::error!(alarm = "paid_twice", attempt = %identity, "Gives back `{identity}`: it succeeded late, and another attempt has paid or may pay");
        let undoing = undo.intention.identity.clone();
        apply::intend(&mut claimed, undo, now);
        return match write(means, claimed).await? {
            Written::Done(mapping) => undo_now(means, mapping, &undoing, deadline).await,
            Written::Lost(_) => Err(between(identity)),
        };
    }
    match write(means, claimed).await? {
        Written::Done(mapping) => tell_again(means, mapping, identity, answer, deadline).await,
        Written::Lost(_) => Err(between(identity)),
    }
}

/// The stored card of an approval that came without it, from later news of the same payment.
pub async fn learn_card(
    means: &Means,
    mapping: Mapping,
    identity: &Identity,
    token: &Token,
    card: Option<&Card>,
) -> Result<Mapping, Failure> {
    change(means, mapping, |mapping| {
        let nameless = mapping.token.is_none();
        let Some(attempt) = mapping.attempt_mut(identity) else { return };
        let learned = match &mut attempt.stage {
            Stage::Answered(Answer::Approved(approval)) if approval.token.is_none() => {
                approval.token = Some(token.clone());
                approval.card = approval.card.take().or(card.cloned());
                true
            }
            // What Cleeng knows has no copy of the token: the item's is the only one.
            Stage::Reported(Answer::Approved(_)) => nameless,
            _ => false,
        };
        if learned {
            keep_card(mapping, identity, token);
        }
    })
    .await
}

/// Puts the capture of a payment whose period is over back on the payment's own item, as Cleeng was told of it, so that
/// late news has a place where it can contradict that. What another try has paid meanwhile is one too many.
pub(crate) fn recall(
    item: &mut Mapping,
    taking: &Identity,
    told_well: bool,
    paid_again: bool,
    now: Timestamp,
) {
    let (Some(paid), Subject::Payment(payment)) = (item.paid.clone(), item.subject) else { return };
    if item.attempt(taking).is_some() {
        return;
    }
    let intention = Intention {
        identity: taking.clone(),
        verb: Verb::Capture,
        gateway: item.gateway.clone(),
        account: item.account.clone(),
        customer: item.customer,
        money: paid.money,
        target: Target::Payment(paid.reference.clone()),
        order: paid.order,
        began: now,
    };
    let mut attempt = apply::began(intention, paid.price, None, Some(payment));
    attempt.stage = Stage::Reported(if told_well {
        Answer::Approved(Approval {
            reference: paid.reference.clone(),
            money: paid.money,
            captured: true,
            token: None,
            card: None,
            capture_before: None,
        })
    } else {
        Answer::Declined(failed_late(&item.gateway, FactKind::CaptureFailed))
    });
    attempt.reference = Some(paid.reference);
    attempt.late = paid_again;
    attempt.wait_until = None;
    item.attempts.push(attempt);
}

/// Whether a fact takes back what looked well, so that a person must know of it.
pub fn takes_back(news: &News) -> bool {
    matches!(
        news.kind,
        gateways::NewsKind::Fact {
            kind: FactKind::CaptureFailed
                | FactKind::RefundFailed
                | FactKind::Disputed
                | FactKind::DisputeReversed,
            ..
        }
    )
}

/// Another try for the same order or period that has paid, holds money, or may still.
pub fn has_rival(mapping: &Mapping, identity: &Identity) -> bool {
    if matches!(mapping.subject, Subject::Customer(_) | Subject::Payment(_)) {
        return false;
    }
    let base = identity.base();
    mapping.attempts.iter().any(|other| {
        let tries =
            matches!(other.intention.verb, Verb::Purchase | Verb::Verify | Verb::Authorise | Verb::Charge);
        let alive = match &other.stage {
            Stage::Reported(Answer::Approved(_)) => stands(mapping, other),
            Stage::Reported(Answer::Declined(_)) | Stage::Withdrawn { .. } => false,
            _ => true,
        };
        tries && other.intention.identity != base && alive
    })
}

fn failed_late(gateway: &payment::GatewayName, kind: FactKind) -> Decline {
    let what = if kind == FactKind::RefundFailed { "refund_failed" } else { "capture_failed" };
    Decline {
        class: DeclineClass::Technical,
        reason: DeclineReason::ProcessingError,
        codes: format!("{gateway}:{what}"),
        reference: None,
        retry_after: None,
    }
}

fn between(identity: &Identity) -> Failure {
    Failure::retry(format!("another worker changes the item of {identity}"))
}

/// Whether a worker may be busy with an attempt right now, or is owed to Cleeng.
pub(crate) fn is_under_way(attempt: &Attempt, now: Timestamp) -> bool {
    match &attempt.stage {
        Stage::Answered(_) => true,
        Stage::Intended => attempt.wait_until.is_some_and(|until| until > now),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
