//! The adapter against the simulated Adyen: whole lives of payments, lost answers, late webhooks, and ledgers that agree.

use std::time::Duration;

use gateways::{BuyerReturn, Gateway, GatewayError, NewsKind, Resolution};
use local::simulators::GatewaySimulator;
use payment::{Action, Answer, Approval, DeclineReason, FactKind, Outcome, Token, Verb};
use serde_json::{Value, json};
use wire::simulated::Fault;

use super::adyen_world::{CUSTOMER, World, buyer, eur, purchase, renewal, soon, step, verification};

pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) fn approved(outcome: Outcome) -> Approval {
    match outcome {
        Outcome::Approved(approval) => approval,
        other => panic!("not approved: {other:?}"),
    }
}

fn action(outcome: Outcome) -> (Action, Value) {
    match outcome {
        Outcome::ActionRequired(action) => (action.clone(), serde_json::from_str(&action.page).unwrap()),
        other => panic!("nothing to do: {other:?}"),
    }
}

pub(super) fn found(resolution: Resolution) -> Outcome {
    match resolution {
        Resolution::Found(outcome) => outcome,
        Resolution::Absent => panic!("absent"),
    }
}

pub(super) async fn kept(world: &World, card: &str) -> Token {
    let outcome = world.adyen.authorise(&purchase(1, 999), &buyer(card), soon()).await.unwrap();
    approved(outcome).token.unwrap()
}

fn back(of: &Action, details: Value) -> BuyerReturn {
    BuyerReturn { reference: of.reference.clone(), details }
}

#[tokio::test]
async fn a_subscription_lives_from_purchase_to_refund_and_both_ledgers_agree() {
    let world = World::new();
    let bought =
        approved(world.adyen.authorise(&purchase(1, 999), &buyer("test_visa"), soon()).await.unwrap());
    assert!(bought.captured);
    let token = bought.token.unwrap();
    let held = renewal(Verb::Authorise, 1, 999, &token);
    let authorised = approved(world.adyen.authorise_off_session(&held, soon()).await.unwrap());
    let psp = authorised.reference.to_string();
    let seen = world.simulator.payments();
    assert_eq!((seen.len(), seen[1].held_minor, seen[1].captured_minor), (2, 999, 0));
    let captured =
        approved(world.adyen.capture(&step(&held, Verb::Capture, &psp, 999), soon()).await.unwrap());
    assert_eq!((captured.captured, captured.reference.to_string()), (true, psp.clone()));
    let returned = approved(world.adyen.refund(&step(&held, Verb::Refund, &psp, 400), soon()).await.unwrap());
    let seen = world.simulator.payments();
    assert_eq!((seen[1].held_minor, seen[1].captured_minor, seen[1].refunded_minor), (0, 999, 400));
    assert_eq!(seen[1].customer.as_deref(), Some(CUSTOMER));
    assert_eq!(seen[1].token.as_deref(), Some(token.expose()));
    assert_eq!(seen[1].reference.as_deref(), Some(held.identity.reference().as_str()));

    let news = world.news();
    let told: Vec<_> = news
        .iter()
        .map(|news| (news.event.as_str(), news.attempt.as_ref().map(ToString::to_string)))
        .collect();
    let renewal_name = held.identity.to_string();
    assert_eq!(
        told,
        [
            ("AUTHORISATION", Some("order/696713353/1".to_owned())),
            ("recurring.token.created", None),
            ("AUTHORISATION", Some(renewal_name.clone())),
            ("CAPTURE", Some(format!("{renewal_name}/capture"))),
            ("REFUND", Some("refund/991/R1".to_owned())),
        ]
    );
    let NewsKind::Settled(Answer::Approved(by_webhook)) = &news[0].kind else { panic!("{news:?}") };
    assert_eq!((by_webhook.captured, by_webhook.token.as_ref()), (true, Some(&token)));
    let NewsKind::Fact { kind: FactKind::Refunded, thing, money } = &news[4].kind else { panic!("{news:?}") };
    assert_eq!((thing, *money), (&returned.reference, eur(400)));
    assert!(world.news().is_empty(), "an acknowledged webhook came again");
    world.check();
}

#[tokio::test]
async fn a_free_trial_keeps_the_card_and_takes_nothing() {
    let world = World::new();
    let verified =
        approved(world.adyen.verify(&verification(), &buyer("test_mastercard"), soon()).await.unwrap());
    assert!(!verified.captured && verified.token.is_some());
    assert_eq!(verified.card.unwrap().variant, "mc");
    assert_eq!(world.simulator.payments()[0].captured_minor, 0);
    world.check();
}

#[tokio::test]
async fn a_challenge_is_passed_in_two_steps_and_charges_once() {
    let world = World::new();
    let ask = purchase(1, 999);
    let (first, page) =
        action(world.adyen.authorise(&ask, &buyer("test_3ds_challenge"), soon()).await.unwrap());
    assert_eq!((page["subtype"].as_str(), first.reference.as_ref()), (Some("fingerprint"), None));
    let psp = page["token"].as_str().unwrap();
    let fingerprint = back(&first, json!({"details": {"threeDSResult": psp}}));
    let (second, page) = action(world.adyen.resume(&ask, &fingerprint, soon()).await.unwrap());
    assert_eq!(page["subtype"], "challenge");
    let passed = back(&second, json!({"threeDSResult": format!("{psp}.authorised")}));
    let charged = approved(world.adyen.resume(&ask, &passed, soon()).await.unwrap());
    assert_eq!((charged.captured, charged.reference.as_str()), (true, psp));
    assert!(charged.token.is_some());
    // The buyer's second tab brings the same thing.
    assert_eq!(approved(world.adyen.resume(&ask, &passed, soon()).await.unwrap()), charged);
    assert_eq!(world.simulator.payments().len(), 1);
    world.check();
}

#[tokio::test]
async fn a_bank_that_asks_nothing_is_content_with_the_browsers_fingerprint() {
    let world = World::new();
    let ask = purchase(1, 999);
    let (first, page) =
        action(world.adyen.authorise(&ask, &buyer("test_3ds_frictionless"), soon()).await.unwrap());
    assert_eq!(page["subtype"], "fingerprint");
    let fingerprint = back(&first, json!({"threeDSResult": page["token"]}));
    assert!(approved(world.adyen.resume(&ask, &fingerprint, soon()).await.unwrap()).captured);
    assert_eq!(world.simulator.payments()[0].captured_minor, 999);
    world.check();
}

#[tokio::test]
async fn a_redirect_comes_back_with_the_result_that_the_bank_chose() {
    for (result, reason) in [
        ("refused", DeclineReason::AuthenticationRequired),
        ("cancelled", DeclineReason::ShopperCancelled),
        ("12", DeclineReason::InsufficientFunds),
    ] {
        let world = World::new();
        let ask = purchase(1, 999);
        let (first, page) =
            action(world.adyen.authorise(&ask, &buyer("test_3ds_redirect"), soon()).await.unwrap());
        let psp = first.reference.clone().unwrap().to_string();
        assert!(
            page["url"].as_str().unwrap().ends_with(&format!("adyen.test/_simulator/redirect/{psp}")),
            "{page}"
        );
        world.control(&format!("payments/{psp}/result"), &json!({"result": result}));
        let outcome =
            world.adyen.resume(&ask, &back(&first, json!({"redirectResult": psp})), soon()).await.unwrap();
        assert!(
            matches!(&outcome, Outcome::Declined(decline) if decline.reason == reason),
            "{result}: {outcome:?}"
        );
        assert_eq!(world.simulator.payments()[0].captured_minor, 0);
        world.check();
    }
}

#[tokio::test]
async fn the_return_of_a_cheap_payment_does_not_pay_a_dear_one() {
    let world = World::new();
    let (cheap, dear) = (purchase(1, 1), purchase(2, 99_900));
    let (first, _) =
        action(world.adyen.authorise(&cheap, &buyer("test_3ds_redirect"), soon()).await.unwrap());
    let (second, _) =
        action(world.adyen.authorise(&dear, &buyer("test_3ds_redirect"), soon()).await.unwrap());
    let stolen = json!({"redirectResult": format!("{}.authorised", first.reference.unwrap())});
    let refused = world
        .adyen
        .resume(&dear, &BuyerReturn { reference: second.reference, details: stolen }, soon())
        .await;
    assert!(matches!(refused, Err(GatewayError::BadPaymentData { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_stored_card_refuses_as_often_as_it_was_told_and_then_pays() {
    let world = World::new();
    let token = kept(&world, "test_visa_later_declined_12_times_2").await;
    let mut ends = Vec::new();
    for n in 1..=3 {
        let outcome =
            world.adyen.authorise_off_session(&renewal(Verb::Charge, n, 999, &token), soon()).await.unwrap();
        ends.push(matches!(outcome, Outcome::Approved(Approval { captured: true, .. })));
    }
    assert_eq!(ends, [false, false, true]);
    let id = token.expose().split_once('|').unwrap().1.to_owned();
    world.control(&format!("stored/{id}"), &json!({"behaviour": "2_R1"}));
    let outcome =
        world.adyen.authorise_off_session(&renewal(Verb::Charge, 4, 999, &token), soon()).await.unwrap();
    assert!(matches!(&outcome, Outcome::Declined(decline) if decline.class.forbids_retry()), "{outcome:?}");
    world.control(&format!("stored/{id}"), &json!({"behaviour": "3ds_challenge"}));
    let outcome =
        world.adyen.authorise_off_session(&renewal(Verb::Charge, 5, 999, &token), soon()).await.unwrap();
    assert!(
        matches!(&outcome, Outcome::Declined(decline) if decline.reason == DeclineReason::AuthenticationRequired),
        "{outcome:?}"
    );
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_asked_for_again_and_charges_once() {
    for fault in [
        Fault::AnswerLost,
        Fault::RequestLost,
        Fault::Doubled,
        Fault::Cut(10),
        Fault::InsteadAfter(502, "<html>"),
        Fault::InsteadAfter(500, ""),
    ] {
        let world = World::new();
        let token = kept(&world, "test_visa").await;
        let ask = renewal(Verb::Authorise, 1, 999, &token);
        world.break_network(&fault);
        let first = world.adyen.authorise_off_session(&ask, soon()).await.unwrap();
        assert!(
            matches!(first, Outcome::Unknown(_)) || matches!(fault, Fault::Doubled),
            "{fault:?}: {first:?}"
        );
        let mut rest = 0;
        let second = loop {
            match found(world.adyen.resolve(&ask, None, Duration::from_secs(60), soon()).await.unwrap()) {
                Outcome::Unknown(_) if rest < 3 => rest += 1,
                other => break approved(other),
            }
        };
        let capture = step(&ask, Verb::Capture, second.reference.as_str(), 999);
        world.break_network(&fault);
        drop(world.adyen.capture(&capture, soon()).await.unwrap());
        let mut rest = 0;
        while let Outcome::Unknown(_) =
            found(world.adyen.resolve(&capture, None, Duration::from_secs(60), soon()).await.unwrap())
        {
            rest += 1;
            assert!(rest < 4, "{fault:?}");
        }
        let seen = world.simulator.payments();
        assert_eq!((seen.len(), seen[1].captured_minor, seen[1].held_minor), (2, 999, 0), "{fault:?}");
        world.check();
    }
}

#[tokio::test]
async fn an_old_key_is_never_sent_again_and_a_void_by_our_own_reference_ends_the_doubt() {
    let world = World::new();
    let token = kept(&world, "test_visa").await;
    let ask = renewal(Verb::Authorise, 1, 999, &token);
    world.control("next", &json!({"fault": "empty_after"}));
    assert!(matches!(world.adyen.authorise_off_session(&ask, soon()).await.unwrap(), Outcome::Unknown(_)));
    world.news();
    world.pass(8 * DAY);
    let late = found(world.adyen.resolve(&ask, None, 8 * DAY, soon()).await.unwrap());
    assert!(matches!(late, Outcome::Unknown(_)), "{late:?}");
    assert_eq!(world.simulator.payments().len(), 2, "an expired key charged again");
    let news = world.news();
    assert_eq!(news[0].attempt.as_ref(), Some(&ask.identity));
    assert!(matches!(news[0].kind, NewsKind::Fact { kind: FactKind::Cancelled, .. }), "{news:?}");
    assert!(matches!(news[1].kind, NewsKind::Settled(Answer::Declined(_))), "{news:?}");
    assert_ne!(news[0].id, news[1].id);
    assert_eq!(world.simulator.payments()[1].held_minor, 0);
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_void_of_which_nobody_knows_is_asked_for_again_even_when_its_key_is_old() {
    for fault in [Fault::RequestLost, Fault::AnswerLost] {
        let world = World::new();
        let token = kept(&world, "test_visa").await;
        let ask = renewal(Verb::Authorise, 1, 999, &token);
        let held = approved(world.adyen.authorise_off_session(&ask, soon()).await.unwrap());
        let void = step(&ask, Verb::Cancel, held.reference.as_str(), 999);
        world.break_network(&fault);
        assert!(matches!(world.adyen.cancel(&void, soon()).await.unwrap(), Outcome::Unknown(_)), "{fault:?}");
        world.pass(8 * DAY);
        let late = found(world.adyen.resolve(&void, None, 8 * DAY, soon()).await.unwrap());
        assert!(!matches!(late, Outcome::Unknown(_)), "{fault:?}: {late:?}");
        assert_eq!(world.simulator.payments()[1].held_minor, 0, "{fault:?}");
        world.check();
    }
}

#[tokio::test]
async fn a_buyer_who_never_comes_back_is_waited_for_and_then_voided() {
    let world = World::new();
    let ask = purchase(1, 999);
    action(world.adyen.authorise(&ask, &buyer("test_3ds_redirect"), soon()).await.unwrap());
    let hour = Duration::from_secs(60 * 60);
    let early = found(world.adyen.resolve(&ask, None, hour, soon()).await.unwrap());
    assert!(matches!(early, Outcome::Unknown(_)));
    assert!(world.news().is_empty(), "voided while the buyer may still come back");
    found(world.adyen.resolve(&ask, None, 7 * hour, soon()).await.unwrap());
    let news = world.news();
    assert!(
        matches!(&news[1].kind, NewsKind::Settled(Answer::Declined(_)))
            && news[1].attempt.as_ref() == Some(&ask.identity),
        "{news:?}"
    );
    // A purchase that was charged after all stays charged: it cannot be voided, and its own webhook says so.
    let charged = purchase(2, 999);
    world.adyen.authorise(&charged, &buyer("test_visa"), soon()).await.unwrap();
    found(world.adyen.resolve(&charged, None, 7 * hour, soon()).await.unwrap());
    let news = world.news();
    let approvals =
        news.iter().filter(|news| matches!(news.kind, NewsKind::Settled(Answer::Approved(_)))).count();
    let refusals =
        news.iter().filter(|news| matches!(news.kind, NewsKind::Settled(Answer::Declined(_)))).count();
    assert_eq!((approvals, refusals, world.simulator.payments()[1].captured_minor), (1, 0, 999));
    world.check();
}

#[tokio::test]
async fn a_pending_payment_is_settled_by_its_webhook() {
    let world = World::new();
    let outcome = world.adyen.authorise(&purchase(1, 999), &buyer("test_pending"), soon()).await.unwrap();
    let Outcome::Unknown(doubt) = outcome else { panic!("{outcome:?}") };
    let psp = doubt.reference.unwrap().to_string();
    assert!(world.news().is_empty());
    world.control(&format!("payments/{psp}/result"), &json!({"result": "authorised"}));
    let news = world.news();
    assert!(
        matches!(&news[0].kind, NewsKind::Settled(Answer::Approved(approval)) if approval.captured && approval.token.is_some())
    );
    world.check();
}

#[tokio::test]
async fn what_banks_do_later_arrives_as_news_of_the_same_payment() {
    let world = World::new();
    let token = kept(&world, "test_visa").await;
    let ask = renewal(Verb::Authorise, 1, 999, &token);
    let psp = approved(world.adyen.authorise_off_session(&ask, soon()).await.unwrap()).reference.to_string();
    world.adyen.capture(&step(&ask, Verb::Capture, &psp, 999), soon()).await.unwrap();
    world.adyen.refund(&step(&ask, Verb::Refund, &psp, 100), soon()).await.unwrap();
    world.news();
    let money = || {
        let seen = world.simulator.payments();
        (seen[1].captured_minor, seen[1].refunded_minor, seen[1].disputed_minor)
    };
    for (what, kind, left) in [
        ("refund-failed", FactKind::RefundFailed, (999, 0, 0)),
        ("chargeback", FactKind::Disputed, (999, 0, 999)),
        ("chargeback-reversed", FactKind::DisputeReversed, (999, 0, 0)),
        ("capture-failed", FactKind::CaptureFailed, (0, 0, 0)),
        ("capture-retried", FactKind::Captured, (999, 0, 0)),
        ("refund", FactKind::Refunded, (999, 999, 0)),
    ] {
        world.control(&format!("payments/{psp}/{what}"), &json!({}));
        let news = world.news();
        assert!(
            matches!(&news[0].kind, NewsKind::Fact { kind: told, .. } if *told == kind),
            "{what}: {news:?}"
        );
        assert_eq!(news[0].payment.as_ref().unwrap().as_str(), psp, "{what}");
        assert_eq!(money(), left, "{what}");
    }
    world.check();
}

#[tokio::test]
async fn a_modification_that_comes_too_late_fails_by_webhook() {
    let world = World::new();
    let token = kept(&world, "test_visa").await;
    let ask = renewal(Verb::Authorise, 1, 999, &token);
    let psp = approved(world.adyen.authorise_off_session(&ask, soon()).await.unwrap()).reference.to_string();
    world.control(&format!("payments/{psp}/expire"), &json!({}));
    assert!(matches!(world.news().last().unwrap().kind, NewsKind::Fact { kind: FactKind::Expired, .. }));
    let capture = step(&ask, Verb::Capture, &psp, 999);
    assert!(
        approved(world.adyen.capture(&capture, soon()).await.unwrap()).captured,
        "received counts as captured"
    );
    let news = world.news();
    assert!(matches!(news[0].kind, NewsKind::Fact { kind: FactKind::CaptureFailed, .. }), "{news:?}");
    world.adyen.cancel(&step(&ask, Verb::Cancel, &psp, 0), soon()).await.unwrap();
    let news = world.news();
    assert!(matches!(news[0].kind, NewsKind::Settled(Answer::Declined(_))), "{news:?}");
    assert_eq!(news[0].attempt, Some(ask.identity.cancel()));
    assert_eq!(world.simulator.payments()[1].captured_minor, 0);
    world.check();
}

#[tokio::test]
async fn a_removed_card_cannot_be_charged_and_removing_it_twice_is_fine() {
    let world = World::new();
    let token = kept(&world, "test_visa").await;
    world.news();
    let customer = CUSTOMER.parse().unwrap();
    for _ in 0..2 {
        world.adyen.forget(&token, customer, None, soon()).await.unwrap();
    }
    let news = world.news();
    assert!(
        matches!(&news[..], [one] if one.kind == NewsKind::TokenGone { token: token.clone() }),
        "{news:?}"
    );
    let outcome =
        world.adyen.authorise_off_session(&renewal(Verb::Charge, 1, 999, &token), soon()).await.unwrap();
    assert!(
        matches!(&outcome, Outcome::Declined(decline) if decline.reason == DeclineReason::TokenMissing),
        "{outcome:?}"
    );
    world.check();
}
