//! The steps of an authorisation: taking what it holds, or letting it go.

use jiff::Timestamp;
use ledger::{Attempt, Mapping, Stage, Standing};
use payment::{
    Answer, Approval, Decline, DeclineClass, DeclineReason, Identity, Intention, Money, Target, Verb,
};

use crate::apply::began;
use crate::plan::{has_lapsed, held};

/// The capture of what an attempt holds: its amount is the one that was authorised and told, never another.
/// `None` where it holds nothing.
pub fn taking(attempt: &Attempt, now: Timestamp) -> Option<Attempt> {
    let Approval { reference, money, .. } = held_by(attempt)?;
    let identity = attempt.intention.identity.capture();
    Some(step(attempt, identity, Verb::Capture, *money, Target::Payment(reference.clone()), now))
}

/// The void of what an attempt holds. `None` where it holds nothing.
pub(crate) fn letting_go(attempt: &Attempt, now: Timestamp) -> Option<Attempt> {
    let Approval { reference, money, .. } = held_by(attempt)?;
    let nothing = Money { minor: 0, currency: money.currency };
    let identity = attempt.intention.identity.cancel();
    Some(step(attempt, identity, Verb::Cancel, nothing, Target::Payment(reference.clone()), now))
}

/// The void of what the period's tries hold and nobody has begun to take.
pub fn left_over(mapping: &Mapping, now: Timestamp) -> Option<Attempt> {
    let held = held(mapping)?;
    let taken = mapping.attempt(&held.intention.identity.capture()).is_some();
    if taken { None } else { letting_go(held, now) }
}

/// What a request about one hold means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldPlan {
    /// Carry this step out.
    Begin(Box<Attempt>),
    /// The hold is over: write this capture down as refused.
    Refuse(Box<Attempt>),
    /// This comes first, or is what was asked for and under way.
    Finish(Identity),
    /// It was done before.
    Done,
    /// The other step was done or is under way, nothing is held, or a person must look first.
    Impossible,
}

/// Decides what a request to capture what an attempt holds means.
pub fn plan_taking(mapping: &Mapping, identity: &Identity, now: Timestamp) -> HoldPlan {
    let ends = matches!(mapping.standing, Standing::Ending | Standing::Closed);
    match plan_step(mapping, identity, &identity.capture(), &identity.cancel()) {
        Some(plan) => plan,
        None if ends => HoldPlan::Impossible,
        None => match mapping.attempt(identity).and_then(|held| Some((held, taking(held, now)?))) {
            Some((held, step)) if has_lapsed(held, now) => HoldPlan::Refuse(Box::new(step)),
            Some((_, step)) => HoldPlan::Begin(Box::new(step)),
            None => HoldPlan::Impossible,
        },
    }
}

/// Decides what a request to let go what an attempt holds means.
pub fn plan_letting_go(mapping: &Mapping, identity: &Identity, now: Timestamp) -> HoldPlan {
    plan_step(mapping, identity, &identity.cancel(), &identity.capture()).unwrap_or_else(|| {
        let step = mapping.attempt(identity).and_then(|held| letting_go(held, now));
        step.map_or(HoldPlan::Impossible, |step| HoldPlan::Begin(Box::new(step)))
    })
}

fn plan_step(mapping: &Mapping, held: &Identity, asked: &Identity, other: &Identity) -> Option<HoldPlan> {
    let stage = |identity: &Identity| mapping.attempt(identity).map(|attempt| &attempt.stage);
    match (stage(held), stage(asked), stage(other)) {
        (_, Some(Stage::Reported(_)), _) => Some(HoldPlan::Done),
        (Some(Stage::Parked { .. }), ..) | (_, Some(Stage::Parked { .. }), _) => Some(HoldPlan::Impossible),
        (_, None | Some(Stage::Withdrawn { .. }), other) => match other {
            // A refused capture leaves nothing to let go, a refused void what may still be captured.
            None | Some(Stage::Withdrawn { .. }) => match stage(held) {
                Some(Stage::Reported(_)) => None,
                Some(Stage::Withdrawn { .. }) | None => Some(HoldPlan::Impossible),
                Some(_) => Some(HoldPlan::Finish(held.clone())),
            },
            Some(Stage::Reported(Answer::Declined(_))) if asked.as_str().ends_with("/capture") => None,
            Some(_) => Some(HoldPlan::Impossible),
        },
        (_, Some(_), _) => Some(HoldPlan::Finish(asked.clone())),
    }
}

/// The refusal of a capture whose authorisation is over: no gateway need be asked.
pub fn lapsed() -> Decline {
    Decline {
        class: DeclineClass::Soft,
        reason: DeclineReason::AuthorisationExpired,
        codes: String::new(),
        reference: None,
        retry_after: None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::Subject;
    use payment::{Price, Token};

    fn now() -> Timestamp {
        "2027-03-04T09:00:00Z".parse().unwrap()
    }

    fn approved(captured: bool) -> Answer {
        Answer::Approved(Approval {
            reference: "pi_1".parse().unwrap(),
            money: Money { minor: 699, currency: "EUR".parse().unwrap() },
            captured,
            token: None,
            card: None,
            capture_before: Some("2027-03-08T09:00:00Z".parse().unwrap()),
        })
    }

    fn hold() -> Attempt {
        let intention = Intention {
            identity: Identity::renewal("332332332".parse().unwrap(), now(), 1),
            verb: Verb::Authorise,
            gateway: "stripe".parse().unwrap(),
            account: None,
            customer: "362344331".parse().unwrap(),
            money: Money { minor: 699, currency: "EUR".parse().unwrap() },
            target: Target::Token(Token::new("cus_1|pm_1")),
            order: Some("696713353".parse().unwrap()),
            began: now(),
        };
        let price = Price { amount: "6.99".parse().unwrap(), currency: "EUR".parse().unwrap() };
        let stage = Stage::Reported(approved(false));
        Attempt { stage, ..began(intention, price, None, Some("153633108".parse().unwrap())) }
    }

    fn item(attempts: Vec<Attempt>) -> Mapping {
        let subject = Subject::Subscription("332332332".parse().unwrap());
        let (customer, method) = ("362344331".parse().unwrap(), "194856795".parse().unwrap());
        let gateway = "stripe".parse().unwrap();
        Mapping { attempts, ..Mapping::new(subject, customer, method, gateway, Standing::Active) }
    }

    #[test]
    fn a_hold_is_taken_or_let_go_but_never_both() {
        let held = hold();
        let identity = held.intention.identity.clone();
        let HoldPlan::Begin(capture) = plan_taking(&item(vec![held.clone()]), &identity, now()) else {
            panic!("it can be captured")
        };
        let HoldPlan::Begin(cancel) = plan_letting_go(&item(vec![held.clone()]), &identity, now()) else {
            panic!("it can be let go")
        };
        assert_eq!((capture.intention.money.minor, cancel.intention.money.minor), (699, 0));
        let taken = item(vec![held.clone(), *capture]);
        assert_eq!(plan_letting_go(&taken, &identity, now()), HoldPlan::Impossible);
        assert_eq!(plan_taking(&taken, &identity, now()), HoldPlan::Finish(identity.capture()));
        let let_go = item(vec![held, Attempt { stage: Stage::Reported(approved(false)), ..*cancel }]);
        assert_eq!(plan_taking(&let_go, &identity, now()), HoldPlan::Impossible);
        assert_eq!(plan_letting_go(&let_go, &identity, now()), HoldPlan::Done);
    }

    #[test]
    fn a_hold_that_is_over_is_refused_without_asking() {
        let held = hold();
        let identity = held.intention.identity.clone();
        let later = "2027-03-08T09:00:00Z".parse().unwrap();
        assert!(matches!(plan_taking(&item(vec![held.clone()]), &identity, later), HoldPlan::Refuse(_)));
        let ended = Mapping { standing: Standing::Ending, ..item(vec![held]) };
        assert_eq!(plan_taking(&ended, &identity, now()), HoldPlan::Impossible);
    }

    #[test]
    fn what_is_not_known_to_be_held_is_found_out_first() {
        let unknown = Stage::Unknown { since: now(), why: "timeout".to_owned() };
        let held = Attempt { stage: unknown, ..hold() };
        let identity = held.intention.identity.clone();
        let finish = HoldPlan::Finish(identity.clone());
        assert_eq!(plan_taking(&item(vec![held]), &identity, now()), finish);
    }
}
