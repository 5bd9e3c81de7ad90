//! What takes an attempt back: the void or refund of what it holds or took, and what that means for it.

use jiff::Timestamp;
use ledger::{Attempt, ManagedBy, Mapping, Stage};
use payment::{Answer, Identity, Intention, Money, PaymentId, Price, Target, Verb};
use rust_decimal::Decimal;

use super::{Told, began, intend, reported, withdrawn};

/// Whether this step voids or returns what the attempt did.
pub(crate) fn is_taken_back_by(attempt: &Attempt, step: &Identity) -> bool {
    let identity = &attempt.intention.identity;
    identity.undo() == *step || identity.cancel() == *step
}

/// The attempt that takes back what may not stand: a void of what is held, a refund of what was taken. `told` is
/// Cleeng's payment where Cleeng knows of it, and is then told of the return too. What went back at the gateway already is
/// not returned again.
/// `None` where there is nothing to take back or it cannot be (a refund that Cleeng refuses).
pub(crate) fn undoing(attempt: &Attempt, told: Option<PaymentId>, now: Timestamp) -> Option<Attempt> {
    let Some(Answer::Approved(approval)) = attempt.answer() else { return None };
    let verb = match attempt.intention.verb {
        Verb::Purchase | Verb::Charge | Verb::Capture => Verb::Refund,
        Verb::Authorise => Verb::Cancel,
        Verb::Verify | Verb::Cancel | Verb::Refund => return None,
    };
    let whole = approval.money;
    let left = Money { minor: whole.minor.saturating_sub(attempt.facts.returned_minor()), ..whole };
    if left.minor <= 0 && !whole.is_zero() {
        return None;
    }
    let intention = Intention {
        identity: attempt.intention.identity.undo(),
        verb,
        money: left,
        target: Target::Payment(approval.reference.clone()),
        began: now,
        ..attempt.intention.clone()
    };
    Some(began(intention, part_of(attempt.price, left, whole), None, told))
}

/// The price of a part, where the whole has this one.
pub(crate) fn part_of(price: Price, part: Money, whole: Money) -> Price {
    if part == whole {
        return price;
    }
    Price { amount: price.amount * Decimal::from(part.minor) / Decimal::from(whole.minor.max(1)), ..price }
}

/// Writes down what takes an answered attempt back. A buyer's try of which nothing stands at the gateway (a card that was
/// only checked, money that went back already) has bought nothing and is withdrawn. Anything else that has nothing to take
/// back (a refusal), or cannot be taken back (a refund), is over as far as can be.
pub(crate) fn begin(mapping: &mut Mapping, identity: &Identity, answer: &Answer, now: Timestamp) {
    // What we manage ourselves may be recorded although what it paid for is refused.
    let ours = mapping.managed_by == ManagedBy::Connector;
    let undoing = |attempt: &Attempt| undoing(attempt, attempt.payment.filter(|_| ours), now);
    let Some(attempt) = mapping.attempt(identity) else { return };
    let bought = attempt.intention.verb.buyer_present() && matches!(answer, Answer::Approved(_));
    match undoing(attempt) {
        Some(undoing) => intend(mapping, undoing, now),
        None if bought => withdrawn(mapping, identity, "Cleeng will not record it", now),
        None => reported(mapping, identity, answer, &Told::default(), now),
    }
}

/// When what undoes an attempt has its answer, the attempt itself is over: nothing of it stands at the gateway.
pub(super) fn settle(mapping: &mut Mapping, undo: &Identity, answer: &Answer, now: Timestamp) {
    let undone = mapping
        .attempts
        .iter()
        .map(|attempt| attempt.intention.identity.clone())
        .find(|it| it.undo() == *undo);
    let Some(undone) = undone else { return };
    let untold = mapping.attempt(&undone).is_some_and(|attempt| matches!(attempt.stage, Stage::Answered(_)));
    match answer {
        Answer::Approved(_) if !untold => {}
        Answer::Approved(_) => withdrawn(mapping, &undone, "undone", now),
        Answer::Declined(decline) => {
            let why = format!("cannot be undone: {}", decline.rejected_reason());
            if let Some(attempt) = mapping.attempt_mut(&undone) {
                attempt.stage = Stage::Parked { since: now, why: why.clone() };
                attempt.wait_until = None;
            }
            tracing::error!(alarm = "parked", attempt = %undone, "Parked `{undone}`: {why}");
            mapping.tell(now, format!("{undone}: parked, {why}"));
        }
    }
}
