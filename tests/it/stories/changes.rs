//! Customers who change their mind between authorisation and capture: what they are charged is what they want now.

use jiff::SignedDuration;
use local::simulators::GatewayPayment;
use local::simulators::cleeng::{PaymentState, SubscriptionState, offers};
use serde_json::json;

use super::money_back::control;
use crate::world::{GATEWAYS, Subscriber, World};

/// A subscription whose next period is authorised and not captured yet.
async fn authorised(world: &World, gateway: &str) -> Subscriber {
    let subscriber = world.subscriber(gateway).await;
    let due = world.at_cleeng(subscriber.subscription).ends;
    world.system.run_until(due - SignedDuration::from_hours(60)).await;
    assert_eq!(held(world, gateway), 1, "{gateway}");
    subscriber
}

fn held(world: &World, gateway: &str) -> usize {
    world.payments(gateway).iter().filter(|it: &&GatewayPayment| it.held_minor > 0).count()
}

fn changes(world: &World, subscriber: &Subscriber, verb: &str) {
    control(world, "cleeng", &format!("subscriptions/{}/{verb}", subscriber.subscription), &json!({}));
}

#[tokio::test]
async fn a_customer_who_stops_is_not_charged_and_the_hold_is_let_go() {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber = authorised(&world, gateway).await;
        changes(&world, &subscriber, "stop");
        world.pass_days(6).await;
        assert_eq!(world.at_cleeng(subscriber.subscription).status, SubscriptionState::Terminated);
        assert_eq!((world.charges(), held(&world, gateway)), (1, 0), "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_customer_who_stops_and_resumes_pays_once() {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber = authorised(&world, gateway).await;
        changes(&world, &subscriber, "stop");
        world.pass(SignedDuration::from_hours(5)).await;
        changes(&world, &subscriber, "resume");
        world.pass_days(6).await;
        assert_eq!(world.at_cleeng(subscriber.subscription).status, SubscriptionState::Active);
        assert_eq!((world.charges(), held(&world, gateway)), (2, 0), "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_customer_who_pauses_pays_when_the_time_that_was_left_is_over() {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber = authorised(&world, gateway).await;
        changes(&world, &subscriber, "pause");
        world.pass_days(20).await;
        assert_eq!((world.charges(), held(&world, gateway)), (1, 0), "{gateway}: nothing is held for weeks");
        changes(&world, &subscriber, "resume");
        world.pass_days(6).await;
        assert_eq!(world.at_cleeng(subscriber.subscription).status, SubscriptionState::Active, "{gateway}");
        assert_eq!(world.charges(), 2, "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_hold_whose_period_never_came_is_let_go_before_the_next_one_is_charged() {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber = authorised(&world, gateway).await;
        let due = world.at_cleeng(subscriber.subscription).ends;
        world.system.run_until(due - SignedDuration::from_hours(2)).await;
        changes(&world, &subscriber, "pause");
        world.system.run_until(due + SignedDuration::from_hours(73)).await;
        // It goes on, and is due, before the day's comparison has seen that the hold is of no use any more.
        assert_eq!(held(&world, gateway), 1, "{gateway}");
        changes(&world, &subscriber, "resume");
        world.pass(SignedDuration::from_hours(4)).await;
        assert_eq!((world.charges(), held(&world, gateway)), (2, 0), "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_customer_who_switches_pays_the_new_offer_and_the_old_hold_is_let_go() {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber = authorised(&world, gateway).await;
        let path = format!("subscriptions/{}/switch", subscriber.subscription);
        control(&world, "cleeng", &path, &json!({ "offerId": offers::ANNUAL }));
        world.pass_days(6).await;
        assert_eq!(held(&world, gateway), 0, "{gateway}");
        let charged: Vec<_> = world.payments(gateway).iter().map(|it| it.captured_minor).collect();
        assert!(charged.contains(&5999), "{gateway}: {charged:?}");
        assert_eq!(world.charges(), 2, "{gateway}");
        let captured = world.recorded().into_iter().filter(|row| row.status == PaymentState::Captured);
        assert_eq!(captured.count(), 2, "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_price_that_changes_between_authorisation_and_capture_is_charged_from_the_next_period_on() {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber = authorised(&world, gateway).await;
        let price = json!({ "net": 9 });
        control(&world, "cleeng", &format!("offers/{}/price", offers::MONTHLY), &price);
        world.pass_days(6).await;
        let taken = || world.payments(gateway).iter().map(|it| it.captured_minor).collect::<Vec<_>>();
        assert_eq!(taken(), [699, 699], "{gateway}: what was authorised and told is what is taken");
        world.pass_days(31).await;
        assert_eq!(taken(), [699, 699, 1089], "{gateway}: the next order says the new price");
        assert!(world.at_cleeng(subscriber.subscription).has_access);
        world.agrees().await;
    }
}
