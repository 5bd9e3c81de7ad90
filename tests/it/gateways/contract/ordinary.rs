//! What every adapter does on an ordinary day.

use payment::{Answer, Outcome, Target, Verb};

use super::*;

pub(crate) async fn a_purchase_is_charged_once_and_keeps_the_card(bench: &Bench) {
    let ask = bench.intention(Verb::Purchase, 1, 699, Target::Buyer);
    let approval = bench.approved(&ask, Some(&bench.pays)).await;
    let again = bench.approved(&ask, Some(&bench.pays)).await;
    assert_eq!(approval.reference, again.reference);
    assert!(approval.token.is_some() && approval.card.as_ref().is_some_and(|card| card.last_four.len() == 4));
    assert!(bench.settled(&approval.reference).captured_minor == 699 && bench.only(&ask).held_minor == 0);
    assert_eq!(bench.only(&ask).id, approval.reference.as_str());
}

pub(crate) async fn a_challenged_purchase_ends_when_the_buyer_comes_back(bench: &Bench) {
    let ask = bench.intention(Verb::Purchase, 1, 699, Target::Buyer);
    let Outcome::ActionRequired(action) = bench.ask(&ask, Some(&bench.challenged)).await.unwrap() else {
        panic!("a challenge is expected");
    };
    assert_eq!(bench.simulator.payments().iter().map(|it| it.captured_minor + it.held_minor).sum::<i64>(), 0);
    let returned = (bench.challenge)(bench, &action, true);
    let outcome = bench.gateway.resume(&ask, &returned, bench.deadline()).await.unwrap();
    let Answer::Approved(approval) = bench.conclude(&ask, outcome).await else {
        panic!("approved is expected")
    };
    assert!(approval.token.is_some());
    assert_eq!(bench.settled(&approval.reference).captured_minor, 699);
}

pub(crate) async fn a_failed_challenge_is_a_refusal(bench: &Bench) {
    let ask = bench.intention(Verb::Purchase, 1, 699, Target::Buyer);
    let Outcome::ActionRequired(action) = bench.ask(&ask, Some(&bench.challenged)).await.unwrap() else {
        panic!("a challenge is expected");
    };
    let returned = (bench.challenge)(bench, &action, false);
    let outcome = bench.gateway.resume(&ask, &returned, bench.deadline()).await.unwrap();
    let Answer::Declined(decline) = bench.conclude(&ask, outcome).await else {
        panic!("a refusal is expected")
    };
    assert_eq!(decline.reason, payment::DeclineReason::AuthenticationRequired);
    assert_eq!(bench.simulator.payments().iter().map(|it| it.captured_minor + it.held_minor).sum::<i64>(), 0);
}

pub(crate) async fn a_refusal_is_an_answer_with_its_class(bench: &Bench) {
    let ask = bench.intention(Verb::Purchase, 1, 699, Target::Buyer);
    let decline = bench.declined(&ask, Some(&bench.refused)).await;
    assert_eq!((decline.class, decline.reason), insufficient_funds());
    assert!(decline.codes.starts_with(bench.gateway.name().as_str()), "{}", decline.codes);
    assert!(bench.only(&ask).declined);
    assert_eq!(decline.reference.unwrap().as_str(), bench.only(&ask).id);
}

pub(crate) async fn a_card_is_verified_at_zero(bench: &Bench) {
    let ask = bench.intention(Verb::Verify, 1, 0, Target::Buyer);
    let approval = bench.approved(&ask, Some(&bench.pays)).await;
    assert!(!approval.captured && approval.card.is_some());
    let token = approval.token.expect("the card is kept");
    let charge = bench.intention(Verb::Charge, 2, 999, Target::Token(token));
    let approval = bench.approved(&charge, None).await;
    assert_eq!(bench.settled(&approval.reference).captured_minor, 999);
}

pub(crate) async fn a_stored_card_is_held_then_captured_once(bench: &Bench) {
    let payment = bench.hold(2, 1299).await;
    assert_eq!((bench.of(&payment).held_minor, bench.of(&payment).captured_minor), (1299, 0));
    let ask = bench.intention(Verb::Capture, 2, 1299, Target::Payment(payment.clone()));
    for _ in 0..2 {
        assert!(bench.approved(&ask, None).await.captured);
    }
    let taken = bench.settled(&payment);
    assert_eq!((taken.held_minor, taken.captured_minor), (0, 1299));
}

pub(crate) async fn a_stored_card_is_charged_at_once(bench: &Bench) {
    let ask = bench.intention(Verb::Charge, 2, 1299, Target::Token(bench.token().await));
    let approval = bench.approved(&ask, None).await;
    assert_eq!(bench.approved(&ask, None).await.reference, approval.reference);
    assert_eq!(bench.settled(&approval.reference).captured_minor, 1299);
    assert_eq!(bench.only(&ask).id, approval.reference.as_str());
}

pub(crate) async fn a_stored_card_that_is_refused_says_why(bench: &Bench) {
    let token = bench.token().await;
    (bench.spoil)(bench, &token);
    let ask = bench.intention(Verb::Charge, 2, 1299, Target::Token(token));
    let decline = bench.declined(&ask, None).await;
    assert_eq!((decline.class, decline.reason), insufficient_funds());
    assert!(bench.only(&ask).declined && decline.reference.is_some());
}

pub(crate) async fn a_hold_is_let_go_once(bench: &Bench) {
    let payment = bench.hold(2, 1299).await;
    let ask = bench.intention(Verb::Cancel, 2, 0, Target::Payment(payment.clone()));
    for _ in 0..2 {
        assert!(!bench.approved(&ask, None).await.captured);
    }
    let gone = bench.settled(&payment);
    assert_eq!((gone.held_minor, gone.captured_minor), (0, 0));
}

pub(crate) async fn a_payment_is_returned_in_parts_and_never_beyond(bench: &Bench) {
    let charge = bench.intention(Verb::Charge, 2, 1000, Target::Token(bench.token().await));
    let payment = bench.approved(&charge, None).await.reference;
    bench.settled(&payment);
    let part = bench.intention(Verb::Refund, 3, 400, Target::Payment(payment.clone()));
    let first = bench.approved(&part, None).await;
    assert_eq!(bench.approved(&part, None).await.reference, first.reference);
    assert_eq!(bench.settled(&payment).refunded_minor, 400);
    let rest = bench.intention(Verb::Refund, 4, 600, Target::Payment(payment.clone()));
    bench.approved(&rest, None).await;
    assert_eq!(bench.settled(&payment).refunded_minor, 1000);
    let beyond = bench.intention(Verb::Refund, 5, 100, Target::Payment(payment.clone()));
    let _answered = bench.ask(&beyond, None).await;
    assert_eq!(bench.settled(&payment).refunded_minor, 1000);
}
