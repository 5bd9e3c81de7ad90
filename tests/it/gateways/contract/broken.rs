//! What every adapter does when requests and answers are lost, turned away or broken.

use std::time::Duration;

use gateways::{GatewayError, Resolution};
use jiff::SignedDuration;
use payment::{Answer, Approval, FactKind, Intention, Outcome, Target, Verb};
use serde_json::{Value, json};
use wire::simulated::Fault;

use super::*;

pub(crate) async fn a_refused_connection_did_nothing(bench: &Bench) {
    let ask = bench.intention(Verb::Charge, 2, 1299, Target::Token(bench.token().await));
    bench.weather.next(&Fault::Refused, ALWAYS);
    assert!(matches!(bench.ask(&ask, None).await, Err(GatewayError::NotSent { .. })));
    bench.weather.clear();
    let approval = bench.approved(&ask, None).await;
    assert_eq!(bench.settled(&approval.reference).captured_minor, 1299);
}

pub(crate) async fn a_throttled_request_did_nothing(bench: &Bench) {
    let ask = bench.intention(Verb::Charge, 2, 1299, Target::Token(bench.token().await));
    bench.weather.next(
        &Fault::Instead(429, r#"{"error":{"type":"invalid_request_error","code":"rate_limit"}}"#),
        ALWAYS,
    );
    assert!(matches!(bench.ask(&ask, None).await, Err(GatewayError::Throttled { .. })));
    bench.weather.clear();
    // One sending was lost before the next was turned away: it may have arrived.
    bench.weather.next(&Fault::AnswerLost, 1);
    bench.weather.next(&Fault::Instead(429, "{}"), ALWAYS);
    assert!(matches!(bench.ask(&ask, None).await, Ok(Outcome::Unknown(_))));
    bench.weather.clear();
    let approval = bench.approved(&ask, None).await;
    assert_eq!(bench.settled(&approval.reference).captured_minor, 1299);
}

pub(crate) async fn a_broken_answer_leaves_the_outcome_unknown(bench: &Bench) {
    let token = bench.token().await;
    let broken = [
        Fault::AnswerLost,
        Fault::RequestLost,
        Fault::Cut(20),
        Fault::InsteadAfter(200, ""),
        Fault::InsteadAfter(200, "<html>hello</html>"),
        Fault::InsteadAfter(500, "{}"),
        Fault::InsteadAfter(502, "<html>bad gateway</html>"),
        Fault::Instead(503, "<html>unavailable</html>"),
        Fault::Instead(504, ""),
    ];
    for (order, fault) in (2..).zip(broken) {
        let ask = bench.intention(Verb::Charge, order, 1299, Target::Token(token.clone()));
        bench.weather.next(&fault, ALWAYS);
        let outcome = bench.ask(&ask, None).await;
        bench.weather.clear();
        assert!(matches!(&outcome, Ok(Outcome::Unknown(_))), "{fault:?} gave {outcome:?}");
        let Answer::Approved(approval) = bench.conclude(&ask, outcome.unwrap()).await else {
            panic!("{fault:?} became a refusal");
        };
        assert_eq!(bench.only(&ask).id, approval.reference.as_str(), "{fault:?}");
        assert_eq!(bench.settled(&approval.reference).captured_minor, 1299, "{fault:?}");
    }
}

pub(crate) async fn a_lost_answer_is_found_for_every_verb(bench: &Bench) {
    every_verb(bench, &Fault::AnswerLost, true).await;
}

pub(crate) async fn a_lost_request_is_made_good_for_every_verb_without_a_buyer(bench: &Bench) {
    every_verb(bench, &Fault::RequestLost, false).await;
}

pub(crate) async fn a_lost_answer_is_told_by_webhook_with_our_attempt(bench: &Bench) {
    let token = bench.token().await;
    bench.wait(SignedDuration::from_mins(2));
    bench.news();
    let ask = bench.intention(Verb::Authorise, 2, 1299, Target::Token(token));
    bench.weather.next(&Fault::AnswerLost, ALWAYS);
    assert!(matches!(bench.ask(&ask, None).await, Ok(Outcome::Unknown(_))));
    bench.weather.clear();
    bench.wait(SignedDuration::from_mins(2));
    let Some(Answer::Approved(approval)) = bench.told(&ask) else {
        panic!("the webhook is expected to tell")
    };
    assert_eq!((approval.money, approval.reference.as_str()), (ask.money, &*bench.only(&ask).id));
    let capture = bench.intention(Verb::Capture, 2, 1299, Target::Payment(approval.reference.clone()));
    bench.approved(&capture, None).await;
    bench.wait(SignedDuration::from_mins(2));
    let told = bench.news();
    assert!(has_fact(&told, FactKind::Captured, &approval.reference), "{told:?}");
}

/// Asks each verb through a fault, and lets the answer be found; what is done is done once.
async fn every_verb(bench: &Bench, fault: &Fault, with_buyer: bool) {
    let pays = bench.pays.clone();
    let lost = async |ask: &Intention, buyer: Option<&Value>| {
        bench.weather.next(fault, ALWAYS);
        let outcome = bench.ask(ask, buyer).await;
        bench.weather.clear();
        let outcome = outcome.unwrap_or_else(|error| panic!("{ask:?}: {error}"));
        assert!(matches!(outcome, Outcome::Unknown(_)), "{ask:?}");
        let Answer::Approved(approval) = bench.conclude(ask, outcome).await else {
            panic!("{ask:?} was refused")
        };
        approval
    };
    if with_buyer {
        // Making Stripe's customer comes first and may fail alone; here it is the payment that is lost.
        let known = bench.token().await;
        let purchase = bench.intention(Verb::Purchase, 11, 699, Target::Buyer);
        let mut buyer = bench.buyer(&pays);
        buyer.known = Some(known);
        bench.weather.next(fault, ALWAYS);
        let outcome = bench.gateway.authorise(&purchase, &buyer, bench.deadline()).await.unwrap();
        bench.weather.clear();
        let Answer::Approved(approval) = bench.conclude(&purchase, outcome).await else { panic!("refused") };
        assert_eq!(bench.settled(&approval.reference).captured_minor, 699);
        assert!(approval.token.is_some() && bench.only(&purchase).id == approval.reference.as_str());
        let verify = bench.intention(Verb::Verify, 12, 0, Target::Buyer);
        bench.weather.next(fault, ALWAYS);
        let outcome = bench.gateway.verify(&verify, &buyer, bench.deadline()).await.unwrap();
        bench.weather.clear();
        assert!(matches!(
            bench.conclude(&verify, outcome).await,
            Answer::Approved(Approval { token: Some(_), .. })
        ));
    }
    let token = bench.token().await;
    let charge = bench.intention(Verb::Charge, 13, 1000, Target::Token(token.clone()));
    let charged = lost(&charge, None).await.reference;
    assert_eq!(bench.settled(&charged).captured_minor, 1000);
    let refund = bench.intention(Verb::Refund, 14, 300, Target::Payment(charged.clone()));
    lost(&refund, None).await;
    assert_eq!(bench.settled(&charged).refunded_minor, 300);
    let authorise = bench.intention(Verb::Authorise, 15, 1299, Target::Token(token.clone()));
    let held = lost(&authorise, None).await.reference;
    assert_eq!(bench.of(&held).held_minor, 1299);
    let capture = bench.intention(Verb::Capture, 15, 1299, Target::Payment(held.clone()));
    assert!(lost(&capture, None).await.captured);
    assert_eq!(bench.settled(&held).captured_minor, 1299);
    let authorise = bench.intention(Verb::Authorise, 16, 1299, Target::Token(token));
    let held = lost(&authorise, None).await.reference;
    let cancel = bench.intention(Verb::Cancel, 16, 0, Target::Payment(held.clone()));
    lost(&cancel, None).await;
    let gone = bench.settled(&held);
    assert_eq!((gone.held_minor, gone.captured_minor), (0, 0));
    for ask in [charge, authorise] {
        bench.only(&ask);
    }
}

pub(crate) async fn a_lost_purchase_is_absent_only_when_no_request_can_still_arrive(bench: &Bench) {
    let known = bench.token().await;
    let ask = bench.intention(Verb::Purchase, 1, 699, Target::Buyer);
    let mut buyer = bench.buyer(&bench.pays);
    buyer.known = Some(known);
    bench.weather.next(&Fault::RequestLost, ALWAYS);
    assert!(matches!(bench.gateway.authorise(&ask, &buyer, bench.deadline()).await, Ok(Outcome::Unknown(_))));
    bench.weather.clear();
    let resolve = async |age: Duration| {
        bench.clock.move_to(ask.began.checked_add(age).unwrap());
        bench.gateway.resolve(&ask, None, age, bench.deadline()).await.unwrap()
    };
    for age in [Duration::from_secs(30), Duration::from_hours(1), bench.gateway.key_life()] {
        assert!(matches!(resolve(age).await, Resolution::Found(Outcome::Unknown(_))), "{age:?}");
    }
    let at_last = resolve(bench.gateway.key_life() + Duration::from_hours(48)).await;
    assert_eq!(at_last == Resolution::Absent, bench.looks_up, "{at_last:?}");
}

pub(crate) async fn a_lost_refusal_is_found_as_a_refusal(bench: &Bench) {
    let token = bench.token().await;
    (bench.spoil)(bench, &token);
    let ask = bench.intention(Verb::Charge, 2, 1299, Target::Token(token));
    bench.weather.next(&Fault::AnswerLost, ALWAYS);
    let outcome = bench.ask(&ask, None).await.unwrap();
    bench.weather.clear();
    assert!(matches!(outcome, Outcome::Unknown(_)));
    let Answer::Declined(decline) = bench.conclude(&ask, outcome).await else {
        panic!("a refusal is expected")
    };
    assert_eq!((decline.class, decline.reason), insufficient_funds());
    assert!(bench.only(&ask).declined);
}

pub(crate) async fn an_intention_is_not_sent_again_when_its_key_may_be_forgotten(bench: &Bench) {
    let ask = bench.intention(Verb::Charge, 2, 1299, Target::Token(bench.token().await));
    bench.weather.next(&Fault::AnswerLost, ALWAYS);
    assert!(matches!(bench.ask(&ask, None).await, Ok(Outcome::Unknown(_))));
    bench.weather.clear();
    let age = bench.gateway.key_life() + Duration::from_hours(72);
    bench.clock.move_to(ask.began.checked_add(age).unwrap());
    // Sent again now, it would be charged again.
    let found = bench.gateway.resolve(&ask, None, age, bench.deadline()).await.unwrap();
    assert_ne!(found, Resolution::Absent);
    assert_eq!(bench.only(&ask).asked, ask.money);
    match found {
        Resolution::Found(Outcome::Approved(approval)) => {
            assert_eq!(bench.only(&ask).id, approval.reference.as_str())
        }
        Resolution::Found(Outcome::Unknown(_)) => {}
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn a_refund_that_was_lost_is_not_mistaken_for_the_payment_that_stands(bench: &Bench) {
    let charge = bench.intention(Verb::Charge, 2, 1299, Target::Token(bench.token().await));
    let charged = bench.approved(&charge, None).await.reference;
    let ask = bench.intention(Verb::Refund, 3, 1299, Target::Payment(charged.clone()));
    bench.weather.next(&Fault::RequestLost, ALWAYS);
    let Ok(Outcome::Unknown(doubt)) = bench.ask(&ask, None).await else { panic!("nobody can know yet") };
    bench.weather.clear();
    let age = bench.gateway.key_life() + Duration::from_hours(72);
    bench.clock.move_to(ask.began.checked_add(age).unwrap());
    let found = bench.gateway.resolve(&ask, doubt.reference.as_ref(), age, bench.deadline()).await.unwrap();
    assert!(!matches!(found, Resolution::Found(Outcome::Approved(_))), "{found:?}");
    assert_eq!(bench.settled(&charged).refunded_minor, 0);
}

pub(crate) async fn a_forgotten_card_cannot_be_charged(bench: &Bench) {
    let token = bench.token().await;
    for _ in 0..2 {
        bench.gateway.forget(&token, customer(), bench.account.as_ref(), bench.deadline()).await.unwrap();
    }
    let ask = bench.intention(Verb::Charge, 2, 1299, Target::Token(token));
    let decline = bench.declined(&ask, None).await;
    assert!(decline.class.forbids_retry(), "{decline:?}");
}

pub(crate) async fn a_raw_card_number_is_refused_before_anything_is_sent(bench: &Bench) {
    let ask = bench.intention(Verb::Purchase, 1, 699, Target::Buyer);
    let mut page = bench.pays.clone();
    if let Some(members) = page.as_object_mut() {
        members.insert("note".to_owned(), json!("4242 4242 4242 4242"));
    }
    let told = bench.ask(&ask, Some(&page)).await.unwrap_err();
    assert!(
        matches!(told, GatewayError::BadPaymentData { .. }) && !told.to_string().contains("4242"),
        "{told}"
    );
    assert!(bench.simulator.payments().is_empty());
}
