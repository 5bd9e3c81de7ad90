//! What Cleeng hears of late, or will not have: it ends up agreeing with the gateway, or the money goes back.

use std::sync::Arc;

use http::Method;
use jiff::SignedDuration;
use ledger::{Mapping, Stage, Standing, Subject};
use local::buyer::{Buyer, TestCard};
use local::simulators::cleeng::{PaymentState, offers};
use queue::Job;
use rust_decimal::Decimal;
use serde_json::json;
use wire::simulated::Fault;

use super::late_news::renewal;
use super::money_back::{What, ask_refund, control, happens, recorded, taken};
use crate::storm::{Storm, Strike};
use crate::world::{GATEWAYS, World};

const PATIENT: SignedDuration = SignedDuration::from_mins(10);

/// Strikes each word to Cleeng about a payment, so many times.
fn unheard(storm: &Storm, fault: Fault, times: u32) {
    storm.strike(Strike { host: "cleeng", method: "POST", path: "/payments", fault, times });
}

/// Cleeng's last word on an order that was paid too late.
fn expired() -> Fault {
    Fault::Instead(422, r#"{"message":"The order has expired"}"#)
}

/// A buyer with an order.
fn ordered(gateway: &str, offer: &str) -> (Arc<Storm>, World, Buyer, u64) {
    let storm = Storm::calm();
    let world = World::in_weather(storm.clone());
    let buyer = world.buyer(gateway);
    let order = buyer.order(&world.system, offer).unwrap();
    (storm, world, buyer, order)
}

/// An order that was paid, of which Cleeng does not hear until the weather clears.
async fn paid_unheard(gateway: &str, offer: &str) -> (Arc<Storm>, World, u64) {
    let (storm, world, buyer, order) = ordered(gateway, offer);
    unheard(&storm, Fault::RequestLost, u32::MAX);
    buyer.pay(&world.system, order, TestCard::Pays).await;
    (storm, world, order)
}

async fn item(world: &World, order: u64) -> Mapping {
    world.system.ledger.mapping(Subject::Order(order.try_into().unwrap())).await.unwrap().unwrap()
}

/// A renewal was taken, and staff have ended its subscription before Cleeng could hear of that; now it can.
async fn ended_before_cleeng_heard(gateway: &str) -> (Arc<Storm>, World, u64) {
    let storm = Storm::calm();
    let world = World::in_weather(storm.clone());
    let id = world.subscriber(gateway).await.subscription;
    let due = world.at_cleeng(id).ends;
    world.system.run_until(due - SignedDuration::from_hours(1)).await;
    let fault = Fault::RequestLost;
    storm.strike(Strike { host: "cleeng", method: "PATCH", path: "", fault, times: u32::MAX });
    world.system.run_until(due + SignedDuration::from_hours(1)).await;
    assert_eq!(world.charges(), 2, "{gateway}");
    let ends = json!({ "terminationType": "publisherCancel" });
    world.staff(Method::POST, &format!("subscriptions/{id}/terminate"), &ends);
    storm.clear();
    (storm, world, id)
}

#[tokio::test(start_paused = true)]
async fn a_purchase_that_cleeng_refuses_is_given_back_and_not_shown_as_paid() {
    for gateway in GATEWAYS {
        for undo_fails in [false, true] {
            let (storm, world, buyer, order) = ordered(gateway, offers::MONTHLY);
            unheard(&storm, expired(), 1);
            if undo_fails {
                let fault = Fault::RequestLost;
                storm.strike(Strike { host: gateway, method: "POST", path: "/refunds", fault, times: 9 });
            }
            let reply = buyer.pay(&world.system, order, TestCard::Pays).await;
            let (status, shown) = (reply.status.as_u16(), reply.text("/responseData/payment/status"));
            let expected = if undo_fails { (202, Some("pending")) } else { (503, None) };
            assert_eq!((status, shown), expected, "{gateway}: {}", reply.body);
            storm.clear();
            world.pass(SignedDuration::from_mins(20)).await;
            let paid = buyer.pay(&world.system, order, TestCard::Pays).await;
            assert_eq!(paid.text("/responseData/payment/status"), Some("captured"), "{}", paid.body);
            world.pass(SignedDuration::from_mins(20)).await;
            let returned: Vec<_> = world.payments(gateway).iter().map(|it| it.refunded_minor).collect();
            assert_eq!(returned, [699, 0], "{gateway}");
            world.agrees().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_trial_that_cleeng_refuses_is_not_told_as_begun_and_can_be_begun_again() {
    for gateway in GATEWAYS {
        let (storm, world, buyer, order) = ordered(gateway, offers::TRIAL);
        unheard(&storm, expired(), 1);
        let refused = buyer.pay(&world.system, order, TestCard::Pays).await;
        assert_eq!(refused.status.as_u16(), 503, "{gateway}: {}", refused.body);
        let begun = buyer.pay(&world.system, order, TestCard::Pays).await;
        assert_eq!(begun.text("/responseData/payment/status"), Some("captured"), "{}", begun.body);
        world.pass_days(1).await;
        assert!(storm.is_over(), "{gateway}");
        assert_eq!(world.system.peers.cleeng.subscriptions().len(), 1, "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_trial_of_which_cleeng_hears_when_its_order_has_expired_is_over_and_not_looked_for_ever() {
    for gateway in GATEWAYS {
        let (storm, world, order) = paid_unheard(gateway, offers::TRIAL).await;
        world.pass_days(2).await;
        storm.clear();
        world.pass_days(1).await;
        let item = item(&world, order).await;
        let stage = &item.attempts[0].stage;
        assert!(matches!(stage, Stage::Withdrawn { .. }), "{gateway}: {stage:?}");
        assert_eq!((item.standing, item.due), (Standing::Open, None), "{gateway}: nothing was bought");
        assert_eq!(world.recorded(), [], "{gateway}");
        assert_eq!(world.system.peers.cleeng.subscriptions(), [], "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_somebody_returned_of_a_charge_that_cleeng_never_records_is_not_returned_twice() {
    for gateway in GATEWAYS {
        let (storm, world, _) = paid_unheard(gateway, offers::MONTHLY).await;
        let id = world.payments(gateway).remove(0).id;
        happens(&world, gateway, What::Refund(&id, 300));
        world.pass(SignedDuration::from_mins(20)).await;
        storm.clear();
        unheard(&storm, expired(), 1);
        world.pass_days(2).await;
        let payment = world.payments(gateway).remove(0);
        assert_eq!((payment.captured_minor, payment.refunded_minor), (699, 699), "{gateway}");
        assert_eq!(world.recorded(), [], "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_somebody_returned_before_cleeng_knew_of_the_payment_is_told_when_it_does() {
    for gateway in GATEWAYS {
        for news_is_lost in [false, true] {
            let (storm, world, _) = paid_unheard(gateway, offers::MONTHLY).await;
            let id = world.payments(gateway).remove(0).id;
            happens(&world, gateway, What::Refund(&id, 300));
            // Its message comes five times, and dies.
            let until = if news_is_lost { 20 } else { 2 };
            world.pass(SignedDuration::from_mins(until)).await;
            storm.clear();
            world.pass_days(1).await;
            assert_eq!(recorded(&world).refunded.to_string(), "3", "{gateway} {news_is_lost}");
            ask_refund(&world, recorded(&world).id, None);
            world.pass(SignedDuration::from_mins(20)).await;
            world.system.queue.replay(Job::Settlement);
            world.pass(SignedDuration::from_mins(20)).await;
            assert_eq!(taken(&world, gateway).refunded_minor, 699, "{gateway} {news_is_lost}");
            assert_eq!(recorded(&world).refunded.to_string(), "6.99", "{gateway} {news_is_lost}");
            world.agrees().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_bank_took_back_before_cleeng_would_not_record_it_is_over() {
    for gateway in GATEWAYS {
        let (storm, world, order) = paid_unheard(gateway, offers::MONTHLY).await;
        let id = world.payments(gateway).remove(0).id;
        world.pass(SignedDuration::from_mins(20)).await;
        happens(&world, gateway, What::Chargeback(&id));
        world.pass(SignedDuration::from_mins(2)).await;
        storm.clear();
        unheard(&storm, expired(), 1);
        world.pass_days(2).await;
        let item = item(&world, order).await;
        assert!(item.attempts.iter().all(|it| it.is_finished()), "{gateway}: {:?}", item.attempts);
        assert_eq!(world.payments(gateway)[0].refunded_minor, 0, "{gateway}: the bank has it already");
        // Its news waited for Cleeng to hear of the payment, which it never will.
        world.system.queue.replay(Job::Settlement);
        world.pass_days(1).await;
        assert_eq!(world.system.queue.depth(Job::Settlement).dead, 0, "{gateway}: its news is done with");
        world.agrees().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_chargeback_of_what_succeeded_late_is_told_after_that_success() {
    let storm = Storm::calm();
    let world = World::in_weather(storm.clone());
    world.subscriber("adyen").await;
    let psp = taken(&world, "adyen").id;
    control(&world, "adyen", &format!("payments/{psp}/capture-failed"), &json!({}));
    world.pass(PATIENT).await;
    storm.strike(Strike { host: "cleeng", method: "PATCH", path: "", fault: Fault::Refused, times: 1 });
    control(&world, "adyen", &format!("payments/{psp}/capture-retried"), &json!({}));
    happens(&world, "adyen", What::Chargeback(&psp));
    for _ in 0..6 {
        world.pass(PATIENT).await;
    }
    assert!(storm.is_over());
    let row = world.recorded().remove(0);
    assert_eq!((row.status, row.refund_kind.as_deref()), (PaymentState::Refunded, Some("chargeback")));
    world.agrees().await;
}

#[tokio::test(start_paused = true)]
async fn a_payment_that_failed_before_cleeng_would_not_have_it_is_given_back_when_it_succeeds_after_all() {
    // Cleeng hears of the payment only when its order has expired; until then its capture has failed.
    let (storm, world, order) = paid_unheard("adyen", offers::MONTHLY).await;
    let psp = taken(&world, "adyen").id;
    world.pass(SignedDuration::from_hours(20)).await;
    control(&world, "adyen", &format!("payments/{psp}/capture-failed"), &json!({}));
    world.pass(SignedDuration::from_hours(6)).await;
    storm.clear();
    world.pass_days(2).await;
    let item = item(&world, order).await;
    assert!(item.attempts.iter().all(|it| it.is_finished()), "{:?}", item.attempts);
    assert_eq!(item.due, None);
    world.agrees().await;
    // Heard of more than once.
    control(&world, "adyen", "webhooks", &json!({ "copies": 3, "spread_seconds": 60 }));
    control(&world, "adyen", &format!("payments/{psp}/capture-retried"), &json!({}));
    world.pass(PATIENT).await;
    let late = taken(&world, "adyen");
    assert_eq!((late.captured_minor, late.refunded_minor), (699, 699), "Cleeng would not have it");
    assert!(world.recorded().iter().all(|row| row.held() == Decimal::ZERO));
    world.agrees().await;
}

#[tokio::test(start_paused = true)]
async fn a_renewal_of_which_cleeng_hears_when_staff_have_ended_its_subscription_is_returned() {
    for gateway in GATEWAYS {
        for answer_is_lost in [false, true] {
            let (storm, world, id) = ended_before_cleeng_heard(gateway).await;
            if answer_is_lost {
                let fault = Fault::AnswerLost;
                storm.strike(Strike { host: gateway, method: "POST", path: "/refunds", fault, times: 1 });
            }
            world.pass_days(2).await;
            assert!(storm.is_over(), "{gateway}");
            let returned: Vec<_> =
                world.payments(gateway).into_iter().filter(|it| it.refunded_minor > 0).collect();
            assert_eq!((returned.len(), returned[0].refunded_minor), (1, 699), "{gateway}");
            let row = renewal(&world);
            assert_eq!((row.status, row.refunded.to_string()), (PaymentState::Refunded, "6.99".to_owned()));
            assert_eq!(world.mapping(id).await.standing, Standing::Closed, "{gateway}");
            world.agrees().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_staff_have_returned_and_ended_is_not_returned_again() {
    for gateway in GATEWAYS {
        let (_, world, id) = ended_before_cleeng_heard(gateway).await;
        world.pass(SignedDuration::from_hours(8)).await;
        assert_eq!(renewal(&world).status, PaymentState::Captured, "{gateway}");
        ask_refund(&world, renewal(&world).id, None);
        world.pass_days(2).await;
        assert_eq!(renewal(&world).refunded.to_string(), "6.99", "{gateway}");
        let mapping = world.mapping(id).await;
        assert_eq!(mapping.standing, Standing::Closed, "{gateway}");
        let parked = mapping.attempts.iter().any(|attempt| matches!(attempt.stage, Stage::Parked { .. }));
        assert!(!parked, "{gateway}: {:?}", mapping.attempts);
        world.agrees().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_bank_took_back_in_part_before_an_unserved_renewal_is_returned_is_taken_off_once() {
    // Stripe returns nothing of a payment that is disputed.
    let (storm, world, _) = ended_before_cleeng_heard("adyen").await;
    let fault = Fault::RequestLost;
    storm.strike(Strike { host: "cleeng", method: "PATCH", path: "", fault, times: u32::MAX });
    let psp = world.payments("adyen").pop().unwrap().id;
    control(&world, "adyen", &format!("payments/{psp}/chargeback"), &json!({ "minor": 300 }));
    world.pass(SignedDuration::from_mins(20)).await;
    storm.clear();
    world.pass_days(2).await;
    let returned: Vec<_> = world.payments("adyen").iter().map(|it| it.refunded_minor).collect();
    assert_eq!(returned, [0, 399], "the bank has the rest");
    assert_eq!(renewal(&world).held(), Decimal::ZERO);
    world.agrees().await;
}
