//! The steps of an authorisation: taking what it holds, or letting it go.

use jiff::Timestamp;
use ledger::Attempt;
use payment::{
    Answer, Approval, Decline, DeclineClass, DeclineReason, Identity, Intention, Money, Target, Verb,
};

use crate::apply::began;

/// The capture of what an attempt holds: its amount is the one that was authorised and told, never another.
/// `None` where it holds nothing.
pub fn taking(attempt: &Attempt, now: Timestamp) -> Option<Attempt> {
    let Approval { reference, money, .. } = held_by(attempt)?;
    let identity = attempt.intention.identity.capture();
    Some(step(attempt, identity, Verb::Capture, *money, Target::Payment(reference.clone()), now))
}

/// The void of what an attempt holds. `None` where it holds nothing.
pub fn letting_go(attempt: &Attempt, now: Timestamp) -> Option<Attempt> {
    let Approval { reference, money, .. } = held_by(attempt)?;
    let nothing = Money { minor: 0, currency: money.currency };
    let identity = attempt.intention.identity.cancel();
    Some(step(attempt, identity, Verb::Cancel, nothing, Target::Payment(reference.clone()), now))
}

/// The refusal of a capture whose authorisation is over: no gateway need be asked.
pub fn lapsed() -> Decline {
    Decline {
        class: DeclineClass::Soft,
        reason: DeclineReason::AuthorisationExpired,
        codes: String::new(),
        reference: None,
    }
}

fn held_by(attempt: &Attempt) -> Option<&Approval> {
    match attempt.answer() {
        Some(Answer::Approved(approval)) if !approval.captured => Some(approval),
        _ => None,
    }
}

fn step(
    of: &Attempt,
    identity: Identity,
    verb: Verb,
    money: Money,
    target: Target,
    now: Timestamp,
) -> Attempt {
    let intention = Intention { identity, verb, money, target, began: now, ..of.intention.clone() };
    began(intention, of.price, None, of.payment)
}
