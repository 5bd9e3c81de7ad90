//! Renewals that we charged ourselves and that fail at the bank when they had looked well.

use jiff::SignedDuration;
use local::simulators::cleeng::PaymentState;
use serde_json::json;

use super::details::{another_card, back, give};
use super::managed::{EMPTY, PATIENT, due, ended, ours, refused};
use super::money_back::control;
use crate::world::World;

/// A renewal of ours that was paid fails at the bank when the dates of its dunning are over.
async fn fails_late(world: &World) {
    let paid = world.recorded().remove(1);
    world.system.run_until(paid.captured.unwrap() + SignedDuration::from_hours(120)).await;
    let psp = paid.external.unwrap();
    control(world, "adyen", &format!("payments/{psp}/capture-failed"), &json!({}));
}

#[tokio::test]
async fn a_renewal_of_ours_that_fails_late_is_paid_again() {
    let world = World::new();
    let subscriber = ours(&world, "adyen").await;
    let due = due(&world, &subscriber).await;
    world.system.run_until(due + PATIENT).await;
    fails_late(&world).await;
    world.pass(PATIENT).await;
    world.pass(PATIENT).await;
    assert_eq!((world.charges(), ended(&world, &subscriber)), (2, None), "asked for again at once");
    let told: Vec<_> = world.recorded().iter().map(|row| row.status).collect();
    assert_eq!(told, [PaymentState::Captured, PaymentState::Rejected, PaymentState::Captured]);
    assert_eq!(world.at_cleeng(subscriber.subscription).periods, 2, "nothing more was given for it");
    world.system.run_until(due + SignedDuration::from_hours(24 * 32)).await;
    assert_eq!(
        (world.charges(), ended(&world, &subscriber)),
        (3, None),
        "the next one is due on its old day"
    );
    world.agrees().await;
}

#[tokio::test]
async fn a_renewal_of_ours_that_fails_when_its_period_is_over_is_told_and_its_late_success_too() {
    let world = World::new();
    ours(&world, "adyen").await;
    world.pass_days(70).await;
    let psp = world.recorded().remove(1).external.unwrap();
    for (happens, status) in
        [("capture-failed", PaymentState::Rejected), ("capture-retried", PaymentState::Captured)]
    {
        control(&world, "adyen", &format!("payments/{psp}/{happens}"), &json!({}));
        world.pass(PATIENT).await;
        assert_eq!(world.recorded().remove(1).status, status, "{happens}");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_renewal_of_ours_that_succeeds_when_it_was_paid_again_and_its_period_is_over_is_given_back() {
    let world = World::new();
    let subscriber = ours(&world, "adyen").await;
    let due = due(&world, &subscriber).await;
    world.system.run_until(due + PATIENT).await;
    let psp = world.recorded().remove(1).external.unwrap();
    fails_late(&world).await;
    world.system.run_until(due + SignedDuration::from_hours(24 * 32)).await;
    assert_eq!(world.charges(), 3, "paid again, and the next period");
    control(&world, "adyen", "webhooks", &json!({ "copies": 3, "spread_seconds": 60 }));
    control(&world, "adyen", &format!("payments/{psp}/capture-retried"), &json!({}));
    world.pass(PATIENT).await;
    let late = world.payments("adyen").into_iter().find(|it| it.id == psp).unwrap();
    assert_eq!((late.captured_minor, late.refunded_minor), (699, 699), "one charge for one period");
    world.agrees().await;
}

#[tokio::test]
async fn a_renewal_of_ours_that_succeeds_after_all_is_told_although_its_date_has_moved() {
    let world = World::new();
    let subscriber = ours(&world, "adyen").await;
    world.system.run_until(due(&world, &subscriber).await + PATIENT).await;
    control(&world, "cleeng", &format!("subscriptions/{}/pause", subscriber.subscription), &json!({}));
    fails_late(&world).await;
    world.pass(PATIENT).await;
    let row = world.recorded().remove(1);
    assert_eq!(row.status, PaymentState::Rejected);
    let psp = row.external.unwrap();
    control(&world, "adyen", &format!("payments/{psp}/capture-retried"), &json!({}));
    world.pass(PATIENT).await;
    assert_eq!(world.recorded().remove(1).status, PaymentState::Captured);
    world.agrees().await;
}

#[tokio::test]
async fn the_time_that_was_paused_is_given_also_when_that_periods_payment_failed_late() {
    let world = World::new();
    let subscriber = ours(&world, "adyen").await;
    let (id, due) = (subscriber.subscription, due(&world, &subscriber).await);
    world.system.run_until(due + PATIENT).await;
    control(&world, "cleeng", &format!("subscriptions/{id}/pause"), &json!({}));
    world.pass_days(4).await;
    control(&world, "cleeng", &format!("subscriptions/{id}/resume"), &json!({}));
    fails_late(&world).await;
    world.system.run_until(due + SignedDuration::from_hours(24 * 31)).await;
    assert_eq!(world.charges(), 2, "paid again; the next is due after 28 days and the four that were paused");
    world.system.run_until(due + SignedDuration::from_hours(24 * 33)).await;
    assert_eq!(world.charges(), 3);
    world.agrees().await;
}

#[tokio::test]
async fn a_renewal_of_ours_that_fails_late_has_its_whole_dunning_from_then_on() {
    for pays_in_the_end in [true, false] {
        let world = World::new();
        let subscriber = ours(&world, "adyen").await;
        world.system.run_until(due(&world, &subscriber).await + PATIENT).await;
        world.refuses("adyen", subscriber.subscription, EMPTY, 99).await;
        fails_late(&world).await;
        world.pass(SignedDuration::from_hours(95)).await;
        assert_eq!(refused(&world, "adyen").await, 3, "on three dates, counted from the failure");
        assert!(world.at_cleeng(subscriber.subscription).has_access);
        if pays_in_the_end {
            give(&world, &back(&world, &subscriber), another_card("adyen")).await;
        }
        world.pass(SignedDuration::from_hours(2)).await;
        let (end, charges) = if pays_in_the_end { (None, 2) } else { (Some("paymentCancel"), 1) };
        assert_eq!((ended(&world, &subscriber).as_deref(), world.charges()), (end, charges));
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_customer_who_stopped_keeps_the_period_whose_payment_fails_late_and_is_not_asked_again() {
    let world = World::new();
    let subscriber = ours(&world, "adyen").await;
    let due = due(&world, &subscriber).await;
    world.system.run_until(due + PATIENT).await;
    control(&world, "cleeng", &format!("subscriptions/{}/stop", subscriber.subscription), &json!({}));
    fails_late(&world).await;
    world.pass(PATIENT).await;
    world.pass(PATIENT).await;
    assert!(world.at_cleeng(subscriber.subscription).has_access);
    let psp = world.recorded().remove(1).external.unwrap();
    control(&world, "adyen", &format!("payments/{psp}/capture-retried"), &json!({}));
    world.pass_days(20).await;
    assert!(world.at_cleeng(subscriber.subscription).has_access, "it was paid after all");
    world.pass_days(10).await;
    assert_eq!((ended(&world, &subscriber).as_deref(), world.charges()), (Some("userCancel"), 2));
    world.agrees().await;
}
