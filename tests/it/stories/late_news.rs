//! Gateway news that comes late, twice or out of order: Cleeng ends up agreeing with the gateway.

use jiff::SignedDuration;
use ledger::{Standing, Subject};
use local::buyer::TestCard;
use local::simulators::cleeng::{CleengPayment, PaymentState, SubscriptionState, offers};
use queue::Job;
use rust_decimal::Decimal;
use serde_json::json;
use wire::simulated::Fault;

use super::money_back::{What, ask_refund, control, happens, recorded, taken};
use crate::storm::{Storm, Strike};
use crate::world::{GATEWAYS, World};

const PATIENT: SignedDuration = SignedDuration::from_mins(10);

pub(super) fn renewal(world: &World) -> CleengPayment {
    world.recorded().into_iter().rfind(|row| row.operation == "recurring-payment").unwrap()
}

#[tokio::test]
async fn a_capture_that_fails_after_success_is_told_and_its_late_success_too() {
    let world = World::new();
    let subscriber = world.subscriber("adyen").await;
    world.system.run_until(world.at_cleeng(subscriber.subscription).ends + PATIENT).await;
    let row = renewal(&world);
    assert_eq!(row.status, PaymentState::Captured);
    let psp = row.external.unwrap();
    control(&world, "adyen", &format!("payments/{psp}/capture-failed"), &json!({}));
    world.pass(PATIENT).await;
    let failed = renewal(&world);
    assert_eq!(failed.status, PaymentState::Rejected);
    assert!(failed.rejected_reason.unwrap().contains("capture_failed"));
    control(&world, "adyen", &format!("payments/{psp}/capture-retried"), &json!({}));
    world.pass(PATIENT).await;
    assert_eq!(renewal(&world).status, PaymentState::Captured);
    world.agrees().await;
}

#[tokio::test]
async fn a_capture_that_fails_when_its_period_is_over_is_told_and_its_late_success_too() {
    let world = World::new();
    let subscriber = world.subscriber("adyen").await;
    world.system.run_until(world.at_cleeng(subscriber.subscription).ends + PATIENT).await;
    let first = renewal(&world);
    // The next period has begun to be paid.
    let due = world.at_cleeng(subscriber.subscription).ends;
    world.system.run_until(due - SignedDuration::from_hours(60)).await;
    assert_ne!(renewal(&world).id, first.id);
    let recorded = || world.recorded().into_iter().find(|row| row.id == first.id).unwrap().status;
    let psp = first.external.unwrap();
    for _ in 0..2 {
        for (happens, status) in
            [("capture-failed", PaymentState::Rejected), ("capture-retried", PaymentState::Captured)]
        {
            control(&world, "adyen", &format!("payments/{psp}/{happens}"), &json!({}));
            world.pass(PATIENT).await;
            assert_eq!(recorded(), status, "{happens}");
            world.agrees().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_success_that_is_heard_of_before_its_failure_stands() {
    let storm = Storm::calm();
    let world = World::in_weather(storm.clone());
    let subscriber = world.subscriber("adyen").await;
    world.system.run_until(world.at_cleeng(subscriber.subscription).ends + PATIENT).await;
    let first = renewal(&world);
    let due = world.at_cleeng(subscriber.subscription).ends;
    world.system.run_until(due - SignedDuration::from_hours(60)).await;
    // Cleeng is away for so long that the news of the failure dies; somebody replays it when the success is known.
    for method in ["GET", "POST", "PATCH"] {
        storm.strike(Strike { host: "cleeng", method, path: "", fault: Fault::Refused, times: u32::MAX });
    }
    let psp = first.external.unwrap();
    control(&world, "adyen", &format!("payments/{psp}/capture-failed"), &json!({}));
    for _ in 0..6 {
        world.pass(PATIENT).await;
    }
    assert_eq!(world.system.queue.depth(Job::Settlement).dead, 1);
    storm.clear();
    control(&world, "adyen", &format!("payments/{psp}/capture-retried"), &json!({}));
    world.pass(PATIENT).await;
    world.system.queue.replay(Job::Settlement);
    world.pass(PATIENT).await;
    let row = world.recorded().into_iter().find(|row| row.id == first.id).unwrap();
    assert_eq!(row.status, PaymentState::Captured);
    world.agrees().await;
}

#[tokio::test]
async fn a_first_payment_whose_capture_fails_late_is_told_as_refused() {
    let world = World::new();
    world.subscriber("adyen").await;
    let psp = taken(&world, "adyen").id;
    control(&world, "adyen", &format!("payments/{psp}/capture-failed"), &json!({}));
    world.pass(PATIENT).await;
    assert!(world.recorded().iter().all(|row| row.held() == Decimal::ZERO));
    world.agrees().await;
}

#[tokio::test]
async fn a_capture_that_succeeds_after_the_next_try_has_paid_is_given_back() {
    for later in [PATIENT, SignedDuration::from_hours(24 * 60)] {
        let world = World::new();
        let subscriber = world.subscriber("adyen").await;
        // Captured on the first of four dates by a payment method that charges at once; the bank takes it back.
        let event =
            |hours| world.renewal_event("subscriptionReadyForPaymentCapture", subscriber.subscription, hours);
        let (first, second) = (event(72), event(48));
        assert_eq!(world.cleeng_says(&first).await.status().as_u16(), 200);
        world.pass(PATIENT).await;
        let psp = renewal(&world).external.unwrap();
        control(&world, "adyen", &format!("payments/{psp}/capture-failed"), &json!({}));
        world.pass(PATIENT).await;
        assert_eq!(renewal(&world).status, PaymentState::Rejected);
        assert_eq!(world.cleeng_says(&second).await.status().as_u16(), 200);
        world.pass(later).await;
        let captured = |row: &&CleengPayment| row.status == PaymentState::Captured;
        let before: Vec<_> = world.recorded().iter().filter(captured).map(|row| row.id).collect();
        // Heard of more than once.
        control(&world, "adyen", "webhooks", &json!({ "copies": 3, "spread_seconds": 60 }));
        control(&world, "adyen", &format!("payments/{psp}/capture-retried"), &json!({}));
        world.pass(PATIENT).await;
        let late = world.payments("adyen").into_iter().find(|it| it.id == psp).unwrap();
        assert_eq!((late.captured_minor, late.refunded_minor), (699, 699), "one charge for one period");
        assert_eq!(world.recorded().iter().filter(captured).map(|row| row.id).collect::<Vec<_>>(), before);
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_card_that_the_gateway_took_away_is_not_charged_again() {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber = world.subscriber(gateway).await;
        let token = world.mapping(subscriber.subscription).await.token.unwrap();
        let card = token.expose().split_once('|').unwrap().1;
        match gateway {
            "stripe" => control(&world, gateway, &format!("payment_methods/{card}/detach"), &json!({})),
            _ => control(&world, gateway, &format!("stored/{card}/disabled"), &json!({})),
        };
        world.pass(PATIENT).await;
        assert!(world.mapping(subscriber.subscription).await.barred.is_some(), "{gateway}");
        let asked = world.payments(gateway).len();
        world.system.run_until(world.at_cleeng(subscriber.subscription).ends).await;
        assert_eq!(world.payments(gateway).len(), asked, "{gateway}: the bank is not asked");
        let row = renewal(&world);
        assert!(row.rejected_reason.unwrap().starts_with("token_missing"), "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_card_that_the_network_renewed_may_be_charged_again() {
    let world = World::new();
    let subscriber = world.subscriber("adyen").await;
    let token = world.mapping(subscriber.subscription).await.token.unwrap();
    let card = token.expose().split_once('|').unwrap().1;
    // Refused for good: stolen.
    control(&world, "adyen", &format!("stored/{card}"), &json!({ "behaviour": "5", "times": 1 }));
    let due = world.at_cleeng(subscriber.subscription).ends;
    world.system.run_until(due - SignedDuration::from_hours(60)).await;
    assert!(world.mapping(subscriber.subscription).await.barred.is_some());
    control(&world, "adyen", &format!("stored/{card}/updated"), &json!({}));
    world.pass(PATIENT).await;
    assert_eq!(world.mapping(subscriber.subscription).await.barred, None);
    world.pass_days(4).await;
    assert_eq!(world.charges(), 2);
    world.agrees().await;
}

#[tokio::test]
async fn an_authorised_payment_is_captured_when_cleeng_asks_for_it() {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber = world.subscriber(gateway).await;
        let due = world.at_cleeng(subscriber.subscription).ends;
        world.system.run_until(due - SignedDuration::from_hours(60)).await;
        let row = renewal(&world);
        assert_eq!(row.status, PaymentState::Authorized, "{gateway}");
        for _ in 0..2 {
            control(&world, "cleeng", &format!("payments/{}/capture", row.id), &json!({}));
        }
        world.pass(PATIENT).await;
        assert_eq!(renewal(&world).status, PaymentState::Captured, "{gateway}");
        world.pass_days(4).await;
        assert_eq!(world.charges(), 2, "{gateway}: the renewal's own date finds it done");
        world.agrees().await;
    }
}

#[tokio::test]
async fn what_is_held_for_a_subscription_that_its_customer_left_is_not_captured_whoever_asks() {
    for gateway in GATEWAYS {
        let world = World::new();
        let id = world.subscriber(gateway).await.subscription;
        world.system.run_until(world.at_cleeng(id).ends - SignedDuration::from_hours(60)).await;
        let held = renewal(&world).id;
        control(
            &world,
            "cleeng",
            &format!("subscriptions/{id}/switch"),
            &json!({ "offerId": offers::WEEKLY }),
        );
        assert_eq!(world.at_cleeng(id).status, SubscriptionState::Terminated, "{gateway}");
        control(&world, "cleeng", &format!("payments/{held}/capture"), &json!({}));
        world.pass(PATIENT).await;
        assert_eq!(renewal(&world).status, PaymentState::Cancelled, "{gateway}");
        assert_eq!(world.mapping(id).await.standing, Standing::Closed, "{gateway}");
        assert_eq!(world.charges(), 1, "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_hold_that_lapsed_at_the_gateway_is_charged_anew() {
    let world = World::new();
    let subscriber = world.subscriber("adyen").await;
    let due = world.at_cleeng(subscriber.subscription).ends;
    world.system.run_until(due - SignedDuration::from_hours(60)).await;
    let psp = renewal(&world).external.unwrap();
    control(&world, "adyen", &format!("payments/{psp}/expire"), &json!({}));
    world.pass_days(4).await;
    assert!(world.at_cleeng(subscriber.subscription).ends > due);
    assert_eq!(world.charges(), 2);
    world.agrees().await;
}

#[tokio::test]
async fn a_buyer_who_never_comes_back_from_authentication_pays_by_the_gateways_news() {
    for gateway in GATEWAYS {
        let world = World::new();
        let buyer = world.buyer(gateway);
        let order = buyer.order(&world.system, offers::MONTHLY).unwrap();
        let reply = buyer.pay(&world.system, order, TestCard::AsksFirst).await;
        assert!(reply.asks_first(), "{gateway}");
        // The bank's page and Stripe.js finish it, and the buyer closes the window. At Adyen nobody calls
        // /payments/details then, and nothing is ever charged.
        if gateway == "stripe" {
            let id = reply.text("/responseData/action/id").unwrap();
            control(&world, gateway, &format!("authenticate/{id}"), &json!({ "result": "success" }));
        }
        world.pass_days(3).await;
        let expected = usize::from(gateway == "stripe");
        assert_eq!(world.charges(), expected, "{gateway}");
        assert_eq!(world.system.peers.cleeng.subscriptions().len(), expected, "{gateway}");
        let item =
            world.system.ledger.mapping(Subject::Order(order.try_into().unwrap())).await.unwrap().unwrap();
        assert!(item.attempts.iter().all(|attempt| attempt.is_finished()) || gateway == "adyen", "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_refund_is_told_once_whatever_the_network_loses() {
    for gateway in GATEWAYS {
        for (host, method, path, fault) in [
            (gateway, "POST", "/refunds", Fault::AnswerLost),
            (gateway, "POST", "/refunds", Fault::RequestLost),
            (gateway, "POST", "/refunds", Fault::Instead(500, "oops")),
            (gateway, "POST", "/refunds", Fault::InsteadAfter(502, "<html>")),
            (gateway, "POST", "/refunds", Fault::Cut(12)),
            ("cleeng", "PATCH", "", Fault::AnswerLost),
            ("cleeng", "PATCH", "", Fault::RequestLost),
            ("cleeng", "PATCH", "", Fault::InsteadAfter(503, "away")),
            // Somebody in between says yes; Cleeng has not heard.
            ("cleeng", "PATCH", "", Fault::Instead(200, "")),
            ("cleeng", "PATCH", "", Fault::Instead(200, "<html>")),
        ] {
            let storm = Storm::calm();
            let world = World::in_weather(storm.clone());
            world.subscriber(gateway).await;
            let what = format!("{host} {method} {fault:?}");
            storm.strike(Strike { host, method, path, fault, times: 1 });
            let payment = recorded(&world).id;
            ask_refund(&world, payment, Some("2.50"));
            world.pass(PATIENT).await;
            ask_refund(&world, payment, Some("1.00"));
            world.pass_days(2).await;
            assert!(storm.is_over(), "{what}");
            assert_eq!(taken(&world, gateway).refunded_minor, 350, "{what}");
            assert_eq!(recorded(&world).refunded.to_string(), "3.5", "{what}");
            world.agrees().await;
        }
    }
}

#[tokio::test]
async fn news_that_is_repeated_and_reversed_in_order_changes_nothing_more() {
    for gateway in GATEWAYS {
        let world = World::new();
        world.subscriber(gateway).await;
        let payment = taken(&world, gateway).id;
        let habits = json!({ "delay_seconds": 30, "copies": 3, "spread_seconds": 600 });
        control(&world, gateway, "webhooks", &habits);
        happens(&world, gateway, What::Refund(&payment, 100));
        happens(&world, gateway, What::Refund(&payment, 200));
        for _ in 0..6 {
            world.pass(PATIENT).await;
        }
        assert_eq!(recorded(&world).refunded.to_string(), "3", "{gateway}");
        happens(&world, gateway, What::Chargeback(&payment));
        if gateway == "adyen" {
            control(&world, gateway, &format!("payments/{payment}/chargeback-reversed"), &json!({}));
        }
        for _ in 0..6 {
            world.pass(PATIENT).await;
        }
        let row = recorded(&world);
        let told = (row.refunded.to_string(), row.refund_kind.as_deref());
        assert_eq!(told, ("6.99".to_owned(), Some("chargeback")), "{gateway}");
    }
}
