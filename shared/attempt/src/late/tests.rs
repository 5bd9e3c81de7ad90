//! What late news means, in whatever order it comes.

use ledger::Standing;
use payment::{Fact, Intention, Price};

use super::*;
use crate::apply::began;

fn at(minute: u8) -> Timestamp {
    format!("2027-02-04T09:{minute:02}:00Z").parse().unwrap()
}

fn eur(minor: i64) -> Money {
    Money { minor, currency: "EUR".parse().unwrap() }
}

fn reference(text: &str) -> GatewayReference {
    text.parse().unwrap()
}

fn renewal(n: u32) -> Identity {
    Identity::renewal("332332332".parse().unwrap(), at(0), n)
}

fn attempt(identity: Identity, verb: Verb, stage: Stage) -> Attempt {
    let target = match verb {
        Verb::Authorise | Verb::Charge => Target::Token(Token::new("cus_1|pm_1")),
        _ => Target::Payment(reference("PSP1")),
    };
    let intention = Intention {
        identity,
        verb,
        gateway: "adyen".parse().unwrap(),
        account: None,
        customer: "362344331".parse().unwrap(),
        money: eur(if verb == Verb::Cancel { 0 } else { 699 }),
        target,
        order: Some("696713353".parse().unwrap()),
        began: at(0),
    };
    let price = Price { amount: "6.99".parse().unwrap(), currency: "EUR".parse().unwrap() };
    let payment = Some("153633108".parse().unwrap());
    Attempt { stage, reference: Some(reference("PSP1")), ..began(intention, price, None, payment) }
}

fn approved(captured: bool) -> Answer {
    Answer::Approved(Approval {
        reference: reference("PSP1"),
        money: eur(699),
        captured,
        token: None,
        card: None,
        capture_before: None,
    })
}

fn item(attempts: Vec<Attempt>) -> Mapping {
    let subject = Subject::Subscription("332332332".parse().unwrap());
    let (customer, method) = ("362344331".parse().unwrap(), "320113641".parse().unwrap());
    let gateway = "adyen".parse().unwrap();
    Mapping { attempts, ..Mapping::new(subject, customer, method, gateway, Standing::Active) }
}

/// A renewal that was authorised and captured, and what Cleeng was told.
fn renewed() -> Mapping {
    item(vec![
        attempt(renewal(1), Verb::Authorise, Stage::Reported(approved(false))),
        attempt(renewal(1).capture(), Verb::Capture, Stage::Reported(approved(true))),
    ])
}

fn hears(mapping: &mut Mapping, kind: FactKind, thing: &str, minute: u8) {
    let aim = aimed_at(mapping, &renewal(1), kind).unwrap();
    apply::learn(mapping, &aim, kind, reference(thing), Fact { at: at(minute), money: eur(699) });
}

#[test]
fn what_happened_to_the_money_belongs_to_the_step_that_moved_it() {
    let mapping = renewed();
    for named in [renewal(1), renewal(1).capture()] {
        assert_eq!(aimed_at(&mapping, &named, FactKind::CaptureFailed), Some(renewal(1).capture()));
    }
    assert_eq!(aimed_at(&mapping, &renewal(1).cancel(), FactKind::Cancelled), Some(renewal(1)));
    assert_eq!(aimed_at(&mapping, &renewal(2), FactKind::Captured), None);
}

#[test]
fn every_order_of_a_failed_and_a_repeated_capture_ends_the_same() {
    let news =
        [(FactKind::Captured, "C1", 1), (FactKind::CaptureFailed, "C1", 5), (FactKind::Captured, "C2", 9)];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut mapping = renewed();
        for index in order {
            let (kind, thing, minute) = news[index];
            hears(&mut mapping, kind, thing, minute);
        }
        assert_eq!(correction(&mapping), None, "{order:?}: Cleeng was told that it is paid, and it is");
    }
}

#[test]
fn a_capture_that_failed_is_corrected_until_it_succeeds_after_all() {
    let mut mapping = renewed();
    hears(&mut mapping, FactKind::Captured, "C1", 1);
    hears(&mut mapping, FactKind::CaptureFailed, "C1", 5);
    let (identity, answer) = correction(&mapping).unwrap();
    assert_eq!(identity, renewal(1).capture());
    let Answer::Declined(decline) = &answer else { panic!("{answer:?}") };
    assert!(decline.rejected_reason().contains("capture_failed"));
    mapping.attempt_mut(&identity).unwrap().stage = Stage::Reported(answer);
    assert_eq!(correction(&mapping), None);
    hears(&mut mapping, FactKind::Captured, "C2", 9);
    let (_, answer) = correction(&mapping).unwrap();
    assert!(matches!(answer, Answer::Approved(approval) if approval.captured && approval.money == eur(699)));
}

#[test]
fn news_answers_what_is_open_and_only_for_the_amount_that_was_asked() {
    let unknown = || Stage::Unknown { since: at(0), why: "timeout".to_owned() };
    let thing = reference("C1");
    let capture = attempt(renewal(1).capture(), Verb::Capture, unknown());
    assert_eq!(answer_in(&capture, FactKind::Captured, &thing, eur(699)), Some(approved(true)));
    assert_eq!(answer_in(&capture, FactKind::Captured, &thing, eur(500)), None);
    let refund = attempt(renewal(1).undo(), Verb::Refund, unknown());
    let answer = answer_in(&refund, FactKind::Refunded, &reference("R1"), eur(699));
    assert!(matches!(answer, Some(Answer::Approved(approval)) if approval.reference == reference("R1")));
    let void = attempt(renewal(1).cancel(), Verb::Cancel, unknown());
    assert!(answer_in(&void, FactKind::Cancelled, &thing, eur(699)).is_some());
    let charge = attempt(renewal(1), Verb::Charge, unknown());
    assert_eq!(answer_in(&charge, FactKind::Captured, &thing, eur(699)), None, "it has an answer of its own");
}

#[test]
fn a_late_success_has_a_rival_only_in_another_try_that_lives() {
    let refused = Answer::Declined(failed_late(&"adyen".parse().unwrap(), FactKind::CaptureFailed));
    let first = attempt(renewal(1), Verb::Charge, Stage::Reported(refused.clone()));
    let second = |stage| attempt(renewal(2), Verb::Charge, stage);
    let alone = item(vec![first.clone(), second(Stage::Reported(refused))]);
    assert!(!has_rival(&alone, &renewal(1)));
    for stage in [Stage::Reported(approved(true)), Stage::Intended] {
        assert!(has_rival(&item(vec![first.clone(), second(stage)]), &renewal(1)));
    }
}
