//! Refunds: asked for by Cleeng or made by hand at the gateway, each returned once and told once, with its amount.

use jiff::SignedDuration;
use local::buyer::TestCard;
use local::simulators::cleeng::{PaymentState, SubscriptionState, offers};
use rust_decimal::Decimal;
use serde_json::json;
use wire::simulated::Fault;

use super::money_back::{What, ask_refund, control, happens, recorded, taken};
use crate::storm::{Storm, Strike};
use crate::world::{GATEWAYS, World};

#[tokio::test]
async fn a_refund_that_cleeng_asks_for_returns_the_money_and_is_told() {
    for gateway in GATEWAYS {
        let world = World::new();
        world.subscriber(gateway).await;
        ask_refund(&world, recorded(&world).id, None);
        world.pass(SignedDuration::from_mins(5)).await;
        assert_eq!(taken(&world, gateway).refunded_minor, 699, "{gateway}");
        let row = recorded(&world);
        assert_eq!((row.status, row.refunded.to_string().as_str()), (PaymentState::Refunded, "6.99"));
        assert_eq!(row.refund_kind.as_deref(), Some("refund"));
        assert_eq!(row.operation, "initial-payment");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_repeated_refund_request_returns_the_money_once() {
    for gateway in GATEWAYS {
        let world = World::slow();
        world.subscriber(gateway).await;
        let payment = recorded(&world).id;
        for _ in 0..3 {
            ask_refund(&world, payment, Some("2.50"));
        }
        world.pass(SignedDuration::from_hours(1)).await;
        ask_refund(&world, payment, Some("2.50"));
        world.pass(SignedDuration::from_hours(1)).await;
        assert_eq!(taken(&world, gateway).refunded_minor, 250, "{gateway}");
        assert_eq!(recorded(&world).refunded.to_string(), "2.5");
        world.agrees().await;
    }
}

#[tokio::test]
async fn parts_are_returned_one_by_one_and_then_what_is_left() {
    for gateway in GATEWAYS {
        let world = World::slow();
        world.subscriber(gateway).await;
        let payment = recorded(&world).id;
        // At the same moment: they wait for each other.
        ask_refund(&world, payment, Some("2.50"));
        ask_refund(&world, payment, Some("1.00"));
        world.pass(SignedDuration::from_hours(1)).await;
        assert_eq!(taken(&world, gateway).refunded_minor, 350, "{gateway}");
        ask_refund(&world, payment, None);
        world.pass(SignedDuration::from_hours(1)).await;
        assert_eq!(taken(&world, gateway).refunded_minor, 699, "{gateway}");
        assert_eq!(recorded(&world).held(), Decimal::ZERO);
        world.agrees().await;
    }
}

#[tokio::test]
async fn more_than_is_left_is_not_returned() {
    for gateway in GATEWAYS {
        let world = World::new();
        world.subscriber(gateway).await;
        let row = recorded(&world);
        let event = json!({
            "broadcasterId": 558186818, "topic": "refundPayment",
            "data": { "paymentId": row.id, "orderId": row.order, "amount": "7.00", "currency": "EUR" },
        });
        assert_eq!(world.cleeng_says(&event).await.status().as_u16(), 200);
        world.pass(SignedDuration::from_hours(2)).await;
        assert_eq!(taken(&world, gateway).refunded_minor, 0, "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_payment_is_returned_after_its_subscription_has_ended() {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber = world.subscriber(gateway).await;
        let stop = format!("subscriptions/{}/stop", subscriber.subscription);
        assert!(world.system.peers.cleeng_host.control(&stop, &json!({})).status().is_success());
        world.pass_days(40).await;
        assert_eq!(world.at_cleeng(subscriber.subscription).status, SubscriptionState::Terminated);
        ask_refund(&world, recorded(&world).id, None);
        world.pass(SignedDuration::from_mins(10)).await;
        assert_eq!(taken(&world, gateway).refunded_minor, 699, "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_renewal_of_an_earlier_period_is_returned() {
    for gateway in GATEWAYS {
        let world = World::new();
        world.subscriber(gateway).await;
        world.pass_days(75).await;
        let renewals: Vec<_> =
            world.recorded().into_iter().filter(|row| row.operation == "recurring-payment").collect();
        assert_eq!(renewals.len(), 2, "{gateway}: one for each of two periods");
        ask_refund(&world, renewals[0].id, None);
        world.pass(SignedDuration::from_mins(10)).await;
        let rows = world.recorded();
        let returned: Vec<_> = rows.iter().filter(|row| row.status == PaymentState::Refunded).collect();
        assert_eq!(returned.len(), 1, "{gateway}");
        assert_eq!(returned[0].id, renewals[0].id);
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_refund_made_by_hand_is_told_once_and_one_that_cleeng_asks_for_afterwards_knows_of_it() {
    for gateway in GATEWAYS {
        let world = World::new();
        world.subscriber(gateway).await;
        let id = taken(&world, gateway).id;
        happens(&world, gateway, What::Refund(&id, 200));
        world.pass(SignedDuration::from_mins(10)).await;
        let row = recorded(&world);
        assert_eq!((row.refunded.to_string().as_str(), row.refund_kind.as_deref()), ("2", Some("refund")));
        ask_refund(&world, row.id, None);
        world.pass(SignedDuration::from_mins(10)).await;
        assert_eq!(taken(&world, gateway).refunded_minor, 699, "{gateway}: the rest, not all of it");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_refund_by_hand_of_an_old_renewal_finds_its_payment() {
    for gateway in GATEWAYS {
        let world = World::new();
        world.subscriber(gateway).await;
        world.pass_days(75).await;
        let rows = world.recorded();
        let old = rows.iter().find(|row| row.operation == "recurring-payment").unwrap();
        happens(&world, gateway, What::Refund(old.external.as_deref().unwrap(), 100));
        world.pass(SignedDuration::from_mins(10)).await;
        let rows = world.recorded();
        let told: Vec<_> = rows.iter().filter(|row| row.refunded > Decimal::ZERO).collect();
        assert_eq!(told.len(), 1, "{gateway}");
        assert_eq!((told[0].id, told[0].refunded.to_string().as_str()), (old.id, "1"));
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_refund_that_fails_late_is_written_down() {
    let world = World::new();
    world.subscriber("adyen").await;
    ask_refund(&world, recorded(&world).id, None);
    world.pass(SignedDuration::from_mins(5)).await;
    let id = taken(&world, "adyen").id;
    control(&world, "adyen", &format!("payments/{id}/refund-failed"), &json!({}));
    world.pass(SignedDuration::from_mins(5)).await;
    let subject = ledger::Subject::Payment(recorded(&world).id.try_into().unwrap());
    let item = world.system.ledger.mapping(subject).await.unwrap().unwrap();
    assert!(item.attempts[0].facts.has(payment::FactKind::RefundFailed));
    assert_eq!(
        recorded(&world).status,
        PaymentState::Refunded,
        "Cleeng has no word for it: a person decides"
    );
}

#[tokio::test]
async fn a_pass_is_returned_like_anything_else() {
    for gateway in GATEWAYS {
        let world = World::new();
        let buyer = world.buyer(gateway);
        let order = buyer.order(&world.system, offers::PASS).unwrap();
        buyer.pay(&world.system, order, TestCard::Pays).await;
        world.pass(SignedDuration::from_mins(5)).await;
        ask_refund(&world, recorded(&world).id, None);
        world.pass(SignedDuration::from_mins(5)).await;
        assert_eq!(taken(&world, gateway).refunded_minor, 399, "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_payment_that_is_returned_before_we_know_that_cleeng_has_it_is_told_and_returned_once() {
    for gateway in GATEWAYS {
        let storm = Storm::calm();
        let world = World::in_weather(storm.clone());
        let subscriber = world.subscriber(gateway).await;
        // Cleeng records the renewal, and its answer gets lost on the way.
        let lost = Fault::InsteadAfter(504, "");
        storm.strike(Strike { host: "cleeng", method: "POST", path: "/payments", fault: lost, times: 1 });
        let capture = world.renewal_event("subscriptionReadyForPaymentCapture", subscriber.subscription, 0);
        assert_eq!(world.cleeng_says(&capture).await.status(), 200);
        world.pass(SignedDuration::from_secs(10)).await;
        assert!(storm.is_over());
        let renewal = world.recorded().into_iter().find(|row| row.operation == "recurring-payment").unwrap();
        ask_refund(&world, renewal.id, None);
        world.pass(SignedDuration::from_secs(10)).await;
        let status =
            |world: &World| world.recorded().into_iter().find(|row| row.id == renewal.id).unwrap().status;
        assert_eq!(status(&world), PaymentState::Refunded, "{gateway}: before we looked again");
        world.pass_days(3).await;
        assert_eq!(world.recorded().len(), 2, "{gateway}: told once");
        let returned: Vec<_> =
            world.payments(gateway).into_iter().filter(|it| it.refunded_minor > 0).collect();
        assert_eq!(returned.len(), 1, "{gateway}");
        assert_eq!(returned[0].refunded_minor, returned[0].captured_minor, "{gateway}: and no more");
        let mapping = world.mapping(subscriber.subscription).await;
        assert!(mapping.attempts.iter().all(|it| it.is_finished()), "{gateway}: {:?}", mapping.attempts);
        assert_eq!(world.system.peers.cleeng.violations(), [], "{gateway}");
        world.agrees().await;
    }
}
