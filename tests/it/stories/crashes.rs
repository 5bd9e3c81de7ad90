//! A function that dies at any of its writes, before or after the write takes effect: every flow is entered again and
//! ends as if nothing had happened.

use std::sync::Arc;

use http::Method;
use jiff::SignedDuration;
use ledger::Standing;
use local::simulators::cleeng::PaymentState;
use serde_json::json;

use super::details::{another_card, back, give};
use super::money_back::{What, ask_refund, control, happens, recorded, taken};
use crate::frail::Frail;
use crate::world::{GATEWAYS, Subscriber, World};

/// More writes than any of these flows has.
const WRITES_MAX: i64 = 40;

/// Plays a flow with the first write broken, then with the second, and so on until a flow has no more of them.
pub(super) async fn whenever_it_dies(
    gateway: &str,
    begin: impl AsyncFn(&World) -> Subscriber,
    play: impl AsyncFn(&World, &Subscriber),
    check: impl AsyncFn(&World, &Subscriber, &str),
) {
    for takes_effect in [false, true] {
        let mut broken = 0;
        for n in 1..WRITES_MAX {
            let ledger = Arc::new(Frail::new(takes_effect));
            let world = World::with_ledger(ledger.clone());
            let subscriber = begin(&world).await;
            ledger.breaks_at(n);
            play(&world, &subscriber).await;
            for _ in 0..20 {
                world.pass(SignedDuration::from_mins(10)).await;
            }
            let broke = ledger.broke();
            world.pass_days(1).await;
            let what = format!("{gateway}, write {n}, which takes effect: {takes_effect}");
            check(&world, &subscriber, &what).await;
            world.agrees().await;
            if !broke {
                break;
            }
            broken += 1;
        }
        assert!((1..WRITES_MAX - 1).contains(&broken), "{gateway}: {broken} writes");
    }
}

async fn subscribed(world: &World, gateway: &str) -> Subscriber {
    world.subscriber(gateway).await
}

async fn authorised(world: &World, gateway: &str) -> Subscriber {
    let subscriber = world.subscriber(gateway).await;
    let due = world.at_cleeng(subscriber.subscription).ends;
    world.system.run_until(due - SignedDuration::from_hours(60)).await;
    subscriber
}

#[tokio::test]
async fn a_refund_is_returned_and_told_once() {
    for gateway in GATEWAYS {
        whenever_it_dies(
            gateway,
            async |world| subscribed(world, gateway).await,
            async |world, _| {
                let payment = recorded(world).id;
                ask_refund(world, payment, Some("2.50"));
                ask_refund(world, payment, Some("1.00"));
            },
            async |world, _, what| {
                assert_eq!(taken(world, gateway).refunded_minor, 350, "{what}");
                assert_eq!(recorded(world).refunded.to_string(), "3.5", "{what}");
            },
        )
        .await;
    }
}

#[tokio::test]
async fn a_refund_by_hand_and_a_chargeback_are_told_once() {
    for gateway in GATEWAYS {
        whenever_it_dies(
            gateway,
            async |world| subscribed(world, gateway).await,
            async |world, _| {
                let id = taken(world, gateway).id;
                happens(world, gateway, What::Refund(&id, 100));
                world.pass(SignedDuration::from_mins(30)).await;
                happens(world, gateway, What::Chargeback(&id));
            },
            async |world, _, what| {
                assert_eq!(recorded(world).refunded.to_string(), "6.99", "{what}");
                assert_eq!(recorded(world).refund_kind.as_deref(), Some("chargeback"), "{what}");
            },
        )
        .await;
    }
}

#[tokio::test]
async fn a_new_card_reaches_the_subscription() {
    for gateway in GATEWAYS {
        whenever_it_dies(
            gateway,
            async |world| subscribed(world, gateway).await,
            async |world, subscriber| {
                // Whoever is not told that it is done tries once more, a little later.
                let reply = give(world, &back(world, subscriber), another_card(gateway)).await;
                if reply.text("/responseData/paymentDetails/status") != Some("active") {
                    world.pass(SignedDuration::from_mins(5)).await;
                    give(world, &back(world, subscriber), another_card(gateway)).await;
                }
            },
            async |world, subscriber, what| {
                let mapping = world.mapping(subscriber.subscription).await;
                let row = world.at_cleeng(subscriber.subscription);
                assert_eq!(mapping.details.map(payment::PaymentDetailsId::number), row.details, "{what}");
                let kept = world.system.peers.cleeng.payment_details();
                let current = kept.iter().find(|it| Some(it.id) == row.details).unwrap();
                assert_eq!(mapping.token.as_ref(), Some(&current.token), "{what}");
                assert!(kept.len() > 1, "{what}: the new one");
            },
        )
        .await;
    }
}

#[tokio::test]
async fn a_hold_on_a_card_that_is_gone_is_let_go() {
    for gateway in GATEWAYS {
        whenever_it_dies(
            gateway,
            async |world| authorised(world, gateway).await,
            async |world, subscriber| {
                let details = world.at_cleeng(subscriber.subscription).details.unwrap();
                control(world, "cleeng", &format!("payment_details/{details}/deactivate"), &json!({}));
            },
            async |world, subscriber, what| {
                assert!(world.payments(gateway).iter().all(|it| it.held_minor == 0), "{what}");
                assert_eq!(world.mapping(subscriber.subscription).await.token, None, "{what}");
                assert_eq!(world.charges(), 1, "{what}");
            },
        )
        .await;
    }
}

#[tokio::test]
async fn a_capture_on_request_is_done_once() {
    for gateway in GATEWAYS {
        whenever_it_dies(
            gateway,
            async |world| authorised(world, gateway).await,
            async |world, _| {
                let rows = world.recorded();
                let row = rows.iter().find(|row| row.status == PaymentState::Authorized).unwrap();
                control(world, "cleeng", &format!("payments/{}/capture", row.id), &json!({}));
            },
            async |world, _, what| {
                assert_eq!(world.charges(), 2, "{what}");
                assert!(world.payments(gateway).iter().all(|it| it.held_minor == 0), "{what}");
            },
        )
        .await;
    }
}

#[tokio::test]
async fn a_capture_that_fails_and_then_succeeds_is_corrected() {
    whenever_it_dies(
        "adyen",
        async |world| subscribed(world, "adyen").await,
        async |world, _| {
            let psp = taken(world, "adyen").id;
            control(world, "adyen", &format!("payments/{psp}/capture-failed"), &json!({}));
            for _ in 0..3 {
                world.pass(SignedDuration::from_mins(10)).await;
            }
            control(world, "adyen", &format!("payments/{psp}/capture-retried"), &json!({}));
        },
        async |world, _, what| {
            assert_eq!(recorded(world).status, PaymentState::Captured, "{what}");
        },
    )
    .await;
}

#[tokio::test]
async fn a_subscription_that_cleengs_staff_ended_is_ended_here_too() {
    for gateway in GATEWAYS {
        whenever_it_dies(
            gateway,
            async |world| {
                let subscriber = authorised(world, gateway).await;
                let end = json!({ "terminationType": "publisherCancel" });
                world.staff(
                    Method::POST,
                    &format!("subscriptions/{}/terminate", subscriber.subscription),
                    &end,
                );
                subscriber
            },
            async |world, _| world.pass(SignedDuration::from_hours(20)).await,
            async |world, subscriber, what| {
                let mapping = world.mapping(subscriber.subscription).await;
                assert_eq!((mapping.standing, mapping.due), (Standing::Closed, None), "{what}");
                assert!(world.payments(gateway).iter().all(|it| it.held_minor == 0), "{what}");
                assert_eq!(world.charges(), 1, "{what}");
            },
        )
        .await;
    }
}
