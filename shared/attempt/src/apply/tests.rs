//! What a worker finds when the gateway's news was faster.

use ledger::Standing;
use payment::{Decline, DeclineClass, DeclineReason, Money, Target};

use super::*;
use crate::due::{LOOKS_MAX, UNREACHED_MAX, due};
use crate::release::giving_back;

fn now() -> Timestamp {
    "2027-01-17T03:45:30Z".parse().unwrap()
}

/// A card that is being verified, as far as `stage` says.
fn verifying(stage: Stage) -> (Mapping, Identity) {
    let (eur, customer) = ("EUR".parse().unwrap(), "362344333".parse().unwrap());
    let identity = Identity::details(customer, 2);
    let intention = Intention {
        identity: identity.clone(),
        verb: Verb::Verify,
        gateway: "adyen".parse().unwrap(),
        account: None,
        customer,
        money: Money { minor: 0, currency: eur },
        target: Target::Buyer,
        order: None,
        began: now(),
    };
    let price = Price { amount: "0".parse().unwrap(), currency: eur };
    let attempt = Attempt { stage, wait_until: None, ..began(intention, price, None, None) };
    let method = "194856796".parse().unwrap();
    let gateway = "adyen".parse().unwrap();
    let new = Mapping::new(Subject::Customer(customer), customer, method, gateway, Standing::Open);
    (Mapping { attempts: vec![attempt], ..new }, identity)
}

#[test]
fn what_a_second_worker_finds_does_not_take_an_answer_back() {
    let refused = Answer::Declined(Decline {
        class: DeclineClass::Technical,
        reason: DeclineReason::ProcessingError,
        codes: "adyen:technical_cancel".to_owned(),
        reference: None,
        retry_after: None,
    });
    let nobody_knows = Uncertainty { why: "voided by reference".to_owned(), reference: None, alarm: true };
    let action = Action { page: String::new(), reference: None };
    for answered in [Stage::Answered(refused.clone()), Stage::Reported(refused)] {
        let (before, identity) = verifying(answered);
        let mut mapping = before.clone();
        doubt(&mut mapping, &identity, &nobody_knows, LOOKS_MAX, now());
        await_buyer(&mut mapping, &identity, &action, now());
        withdraw(&mut mapping, &identity, "the gateway has no trace of it", now());
        assert_eq!(mapping, before);
    }
    let (mut open, identity) = verifying(Stage::Unknown { since: now(), why: "http_500".to_owned() });
    doubt(&mut open, &identity, &nobody_knows, LOOKS_MAX, now());
    assert!(matches!(open.attempts[0].stage, Stage::Parked { .. }), "while nobody has answered it counts");
}

#[test]
fn what_the_gateway_will_not_give_back_is_tried_again_later_and_later() {
    let (mut item, _) = verifying(Stage::Intended);
    let identity = Identity::renewal("332332332".parse().unwrap(), now(), 1);
    let charge = &mut item.attempts[0];
    let money = Money { minor: 699, currency: charge.price.currency };
    charge.intention =
        Intention { identity: identity.clone(), verb: Verb::Charge, money, ..charge.intention.clone() };
    charge.stage = Stage::Reported(Answer::Approved(Approval {
        reference: "pi_1".parse().unwrap(),
        money,
        captured: true,
        token: None,
        card: None,
        capture_before: None,
    }));
    charge.late = true;
    item.standing = Standing::Closed;
    let mut waits = Vec::new();
    for _ in 0..7 {
        let hour = due(&item).unwrap().max(now());
        waits.push(hour.duration_since(now()).as_secs());
        let step = giving_back(&item, hour).unwrap();
        intend(&mut item, step, hour);
        withdraw(&mut item, &identity.undo(), "the gateway does not take the request", hour);
    }
    let (minute, day) = (60, 86_400);
    assert_eq!(waits[..4], [0, 2 * minute, 12 * minute, 72 * minute]);
    assert_eq!(waits[6] - waits[5], day, "{waits:?}");
}

#[test]
fn what_is_begun_again_is_watched_by_the_timer_too() {
    let (mut item, _) = verifying(Stage::Intended);
    let identity = Identity::renewal("332332332".parse().unwrap(), now(), 1);
    let mut charge = item.attempts.remove(0);
    charge.intention.identity = identity.clone();
    charge.intention.verb = Verb::Charge;
    intend(&mut item, charge.clone(), now());
    assert_eq!(due(&item), None, "its message comes back by itself");
    withdraw(&mut item, &identity, "the gateway was not reached", now());
    intend(&mut item, charge, now());
    assert!(due(&item).is_some(), "its message may have come for the last time");
}

#[test]
fn a_gateway_that_is_away_for_days_is_asked_for_longer_than_one_that_does_not_know() {
    let away = Uncertainty { why: "the peer is away".to_owned(), reference: None, alarm: false };
    for (looks_max, parked) in [(LOOKS_MAX, true), (UNREACHED_MAX, false)] {
        let (mut item, identity) = verifying(Stage::Unknown { since: now(), why: "http_500".to_owned() });
        item.attempts[0].looks = LOOKS_MAX;
        doubt(&mut item, &identity, &away, looks_max, now());
        assert_eq!(matches!(item.attempts[0].stage, Stage::Parked { .. }), parked);
        assert_eq!(due(&item).is_some(), !parked);
    }
}
