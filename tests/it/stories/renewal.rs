//! Renewals: one charge for each period, at the amount that was told, on the card that the customer wants.

use jiff::SignedDuration;
use local::buyer::TestCard;
use local::simulators::cleeng::{PaymentState, SubscriptionState};
use serde_json::json;
use wire::Clock;

use crate::world::{GATEWAYS, World};

#[tokio::test]
async fn a_renewal_is_authorised_before_it_is_due_and_captured_when_it_is() {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber = world.subscriber(gateway).await;
        let paid_until = world.at_cleeng(subscriber.subscription).ends;
        world.pass_days(29).await;
        let held: Vec<_> = world.payments(gateway).into_iter().filter(|it| it.held_minor > 0).collect();
        assert_eq!(held.len(), 1, "{gateway}: authorised, not captured yet");
        world.pass_days(4).await;
        let row = world.at_cleeng(subscriber.subscription);
        assert!(row.ends > paid_until && row.has_access);
        assert_eq!(world.charges(), 2);
        let mapping = world.mapping(subscriber.subscription).await;
        assert_eq!(mapping.due, None, "a normal renewal never touches the due index");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_refused_renewal_is_told_with_its_reason_and_paid_on_the_next_dunning_date() {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber = world.subscriber(gateway).await;
        let token = world.mapping(subscriber.subscription).await.token.unwrap();
        let card = token.expose().split_once('|').unwrap().1;
        let (host, path, behaviour) = match gateway {
            "stripe" => {
                (&world.system.peers.stripe_host, format!("payment_methods/{card}"), "insufficient_funds")
            }
            _ => (&world.system.peers.adyen_host, format!("stored/{card}"), "12"),
        };
        assert!(host.control(&path, &json!({ "behaviour": behaviour, "times": 1 })).status().is_success());
        world.pass_days(33).await;
        let refused: Vec<_> =
            world.recorded().into_iter().filter(|row| row.status == PaymentState::Rejected).collect();
        assert_eq!(refused.len(), 1, "{gateway}");
        assert!(refused[0].rejected_reason.as_deref().unwrap().starts_with("insufficient_funds"));
        assert_eq!(world.charges(), 2);
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_subscription_that_cannot_pay_is_ended_for_that_reason() {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber = world.subscriber_with(gateway, TestCard::RefusesLater).await;
        world.pass_days(40).await;
        let row = world.at_cleeng(subscriber.subscription);
        assert_eq!(row.status, SubscriptionState::Terminated, "{gateway}");
        assert_eq!(row.terminated.unwrap().0, "paymentCancel");
        assert_eq!(world.charges(), 1);
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_subscription_that_its_customer_stopped_is_ended_at_its_end() {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber = world.subscriber(gateway).await;
        world.pass_days(33).await;
        let stop = format!("subscriptions/{}/stop", subscriber.subscription);
        assert!(world.system.peers.cleeng_host.control(&stop, &json!({})).status().is_success());
        world.pass_days(33).await;
        let row = world.at_cleeng(subscriber.subscription);
        assert_eq!(row.status, SubscriptionState::Terminated, "{gateway}");
        assert_eq!(row.terminated.unwrap().0, "userCancel");
        assert_eq!(world.charges(), 2, "the first payment and one renewal");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_renewal_whose_webhooks_never_came_is_found_and_made_up_for_within_a_day() {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber = world.subscriber(gateway).await;
        let paid_until = world.at_cleeng(subscriber.subscription).ends;
        let end = paid_until + SignedDuration::from_hours(24);
        while world.system.clock.now() < end {
            world.system.clock.move_to(world.system.clock.now() + SignedDuration::from_mins(30));
            // Cleeng believes that they arrived, and will not send them again.
            for delivery in world.system.peers.cleeng_host.deliveries() {
                let path = format!("deliveries/{}", delivery.id);
                world.system.peers.cleeng_host.control(&path, &json!({ "status": 200 }));
            }
            world.system.settle().await;
            if world.at_cleeng(subscriber.subscription).ends > paid_until {
                break;
            }
        }
        let row = world.at_cleeng(subscriber.subscription);
        assert!(row.ends > paid_until && row.has_access, "{gateway}: {row:?}");
        assert_eq!(world.charges(), 2);
        world.agrees().await;
    }
}
