//! What nobody knows is not refused: it is looked for, told once it is known, and left to a person when it never is; and
//! what is refused is refused for its true reason.

use std::time::Duration;

use http::Method;
use jiff::SignedDuration;
use ledger::{Stage, Subject};
use local::buyer::TestCard;
use local::simulators::cleeng::{CleengPayment, PaymentState, SubscriptionState, offers};
use queue::Job;
use serde_json::json;
use wire::simulated::Fault;

use super::money_back::control;
use crate::storm::{Storm, Strike};
use crate::world::{GATEWAYS, World};

const EVER: u32 = u32::MAX;

/// The gateway answers nothing, or hears nothing.
fn silence(storm: &Storm, gateway: &'static str, fault: &Fault, times: u32) {
    for method in ["POST", "GET"] {
        storm.strike(Strike { host: gateway, method, path: "", fault: fault.clone(), times });
    }
}

fn renewals(world: &World) -> Vec<CleengPayment> {
    let mut rows = world.recorded();
    rows.retain(|row| row.operation == "recurring-payment");
    rows
}

/// From now on the subscription's card behaves so.
pub(super) async fn card_turns(world: &World, gateway: &str, subscription: u64, behaviour: &str) {
    let token = world.mapping(subscription).await.token.unwrap();
    let card = token.expose().split_once('|').unwrap().1;
    let path = if gateway == "stripe" { "payment_methods" } else { "stored" };
    control(world, gateway, &format!("{path}/{card}"), &json!({ "behaviour": behaviour }));
}

#[tokio::test(start_paused = true)]
async fn a_buyer_whose_answer_was_lost_is_not_told_refused_and_has_paid() {
    for gateway in GATEWAYS {
        let storm = Storm::calm();
        let world = World::in_weather(storm.clone());
        let buyer = world.buyer(gateway);
        let order = buyer.order(&world.system, offers::MONTHLY).unwrap();
        let path = if gateway == "stripe" { "/payment_intents" } else { "/payments" };
        storm.strike(Strike { host: gateway, method: "POST", path, fault: Fault::AnswerLost, times: 20 });
        let told = buyer.pay(&world.system, order, TestCard::Pays).await;
        assert_eq!(told.status.as_u16(), 202, "{gateway}: {}", told.body);
        assert_eq!(told.text("/responseData/payment/status"), Some("pending"), "{gateway}: {}", told.body);
        world.pass_days(1).await;
        let again = buyer.pay(&world.system, order, TestCard::Pays).await;
        assert!(again.status.as_u16() != 422, "{gateway}: {}", again.body);
        world.pass_days(1).await;
        assert_eq!(world.charges(), 1, "{gateway}");
        assert_eq!(world.system.peers.cleeng.subscriptions().len(), 1, "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_payment_that_its_buyer_left_at_the_banks_page_is_closed_and_not_looked_at_for_ever() {
    for gateway in GATEWAYS {
        let world = World::new();
        let buyer = world.buyer(gateway);
        let order = buyer.order(&world.system, offers::MONTHLY).unwrap();
        let reply = buyer.pay(&world.system, order, TestCard::AsksFirst).await;
        assert!(reply.asks_first(), "{gateway}: {}", reply.body);
        world.pass_days(3).await;
        let subject = Subject::Order(order.try_into().unwrap());
        let item = world.system.ledger.mapping(subject).await.unwrap().unwrap();
        assert!(item.attempts.iter().all(|it| it.is_finished()), "{gateway}: {:?}", item.attempts);
        assert_eq!(item.due, None, "{gateway}");
        assert_eq!(world.recorded()[0].status, PaymentState::Rejected, "{gateway}: Cleeng knows");
        // The page that the buyer has still open cannot pay any more.
        if gateway == "stripe" {
            let id = reply.text("/responseData/action/id").unwrap();
            let late = world
                .system
                .peers
                .stripe_host
                .control(&format!("authenticate/{id}"), &json!({ "result": "success" }));
            assert!(!late.status().is_success());
        }
        assert_eq!(world.charges(), 0, "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_of_which_nobody_hears_again_is_parked_and_never_refused() {
    for gateway in GATEWAYS {
        let storm = Storm::calm();
        let world = World::in_weather(storm.clone());
        let subscriber = world.subscriber(gateway).await;
        let event = |hours| {
            world.renewal_event("subscriptionReadyForPaymentAuthorisation", subscriber.subscription, hours)
        };
        let (first, second) = (event(72), event(48));
        silence(&storm, gateway, &Fault::RequestLost, EVER);
        assert_eq!(world.cleeng_says(&first).await.status(), 200);
        world.pass_days(9).await;
        // Nor does anything new start for the period while a person must look.
        assert_eq!(world.cleeng_says(&second).await.status(), 200);
        world.pass(SignedDuration::from_hours(1)).await;
        let mapping = world.mapping(subscriber.subscription).await;
        let stages: Vec<_> = mapping.attempts.iter().map(|attempt| &attempt.stage).collect();
        assert!(matches!(stages[..], [Stage::Parked { .. }]), "{gateway}: {stages:?}");
        assert_eq!(mapping.due, None, "{gateway}: the timer has looked for the last time");
        assert!(renewals(&world).is_empty(), "{gateway}: Cleeng is told neither yes nor no");
    }
}

#[tokio::test(start_paused = true)]
async fn news_that_is_faster_than_our_own_write_comes_back_and_changes_nothing() {
    for gateway in GATEWAYS {
        let storm = Storm::calm();
        let world = World::in_weather(storm.clone());
        let buyer = world.buyer(gateway);
        let order = buyer.order(&world.system, offers::MONTHLY).unwrap();
        let path = if gateway == "stripe" { "/payment_intents" } else { "/payments" };
        storm.strike(Strike { host: gateway, method: "POST", path, fault: Fault::AnswerLost, times: 1 });
        // The gateway has charged, its answer is lost, and its webhook is here before the second asking is.
        let webhook = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let subject = Subject::Order(order.try_into().unwrap());
            let item = world.system.ledger.mapping(subject).await.unwrap().unwrap();
            assert!(
                matches!(item.attempts[0].stage, Stage::Intended),
                "{gateway}: {:?}",
                item.attempts[0].stage
            );
            world
                .system
                .clock
                .move_to(wire::Clock::now(&*world.system.clock) + SignedDuration::from_secs(10));
            world.system.settle().await;
            let waiting = world.system.queue.depth(Job::Settlement);
            assert!(waiting.in_flight > 0, "{gateway}: the news waits for us: {waiting:?}");
        };
        let (told, ()) = futures::join!(buyer.pay(&world.system, order, TestCard::Pays), webhook);
        assert!(told.status.is_success(), "{gateway}: {}", told.body);
        world.pass_days(1).await;
        assert_eq!(world.charges(), 1, "{gateway}");
        assert_eq!(world.recorded().len(), 1, "{gateway}: told once");
        assert_eq!(world.system.queue.depth(Job::Settlement).dead, 0, "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_renewal_that_needs_authentication_is_refused_for_that_reason_and_asked_once_for_each_date() {
    for (gateway, behaviour) in [("stripe", "authentication_required"), ("adyen", "3ds_challenge")] {
        let world = World::new();
        let subscriber = world.subscriber(gateway).await;
        card_turns(&world, gateway, subscriber.subscription, behaviour).await;
        world.pass_days(40).await;
        let rows = renewals(&world);
        assert!(!rows.is_empty(), "{gateway}");
        for row in &rows {
            assert_eq!(row.status, PaymentState::Rejected, "{gateway}");
            let reason = row.rejected_reason.as_deref().unwrap();
            assert!(reason.starts_with("authentication_required"), "{gateway}: {reason}");
        }
        assert_eq!(
            world.payments(gateway).len(),
            1 + rows.len(),
            "{gateway}: one asking for each of Cleeng's dates"
        );
        assert_eq!(world.charges(), 1, "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_card_that_is_refused_for_good_is_not_asked_again() {
    for (gateway, behaviour) in [("stripe", "lost_card"), ("adyen", "5")] {
        let world = World::new();
        let subscriber = world.subscriber(gateway).await;
        card_turns(&world, gateway, subscriber.subscription, behaviour).await;
        world.pass_days(40).await;
        assert!(renewals(&world).len() > 1, "{gateway}: Cleeng has asked more than once, and was answered");
        assert_eq!(world.payments(gateway).len(), 2, "{gateway}: the bank was asked once after the purchase");
        world.agrees().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_takes_a_charge_back_is_looked_after_though_the_charge_itself_waits_for_a_day() {
    for gateway in GATEWAYS {
        let storm = Storm::calm();
        let world = World::in_weather(storm.clone());
        let subscriber = world.subscriber(gateway).await;
        // Cleeng hears of no payment until its order has expired, and then it will not have it.
        storm.strike(Strike {
            host: "cleeng",
            method: "POST",
            path: "/payments",
            fault: Fault::RequestLost,
            times: EVER,
        });
        let capture = world.renewal_event("subscriptionReadyForPaymentCapture", subscriber.subscription, 0);
        assert_eq!(world.cleeng_says(&capture).await.status(), 200);
        world.pass_days(2).await;
        assert_eq!(world.charges(), 2, "{gateway}: the renewal is charged");
        storm.clear();
        // And of the refund that follows the gateway hears nothing at first.
        let refund = if gateway == "stripe" { "/refunds" } else { "refunds" };
        storm.strike(Strike {
            host: gateway,
            method: "POST",
            path: refund,
            fault: Fault::RequestLost,
            times: 3,
        });
        let returned =
            |world: &World| world.payments(gateway).iter().filter(|it| it.refunded_minor > 0).count();
        world.pass_days(1).await;
        assert_eq!(returned(&world), 1, "{gateway}");
        assert!(storm.is_over(), "{gateway}: it was lost");
        world.agrees().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_answer_that_is_not_cleengs_ends_and_cancels_nothing() {
    for gateway in GATEWAYS {
        let storm = Storm::calm();
        let world = World::in_weather(storm.clone());
        let id = world.subscriber(gateway).await.subscription;
        world.system.run_until(world.at_cleeng(id).ends - SignedDuration::from_hours(60)).await;
        for (method, path) in [("PATCH", "/cancel"), ("POST", "/terminate")] {
            storm.strike(Strike { host: "cleeng", method, path, fault: Fault::Instead(200, ""), times: 1 });
        }
        control(&world, "cleeng", &format!("subscriptions/{id}/stop"), &json!({}));
        world.pass_days(4).await;
        assert!(storm.is_over(), "{gateway}");
        assert_eq!(world.at_cleeng(id).status, SubscriptionState::Terminated, "{gateway}");
        assert_eq!(renewals(&world).remove(0).status, PaymentState::Cancelled, "{gateway}");
        assert_eq!(world.charges(), 1, "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_whose_answer_was_lost_is_told_with_the_payment_details_that_paid_it() {
    for gateway in GATEWAYS {
        for times in [1, 9] {
            let storm = Storm::calm();
            let world = World::in_weather(storm.clone());
            let id = world.subscriber(gateway).await.subscription;
            let details = world.at_cleeng(id).details;
            let path = if gateway == "stripe" { "/payment_intents" } else { "/payments" };
            storm.strike(Strike { host: gateway, method: "POST", path, fault: Fault::AnswerLost, times });
            world.pass_days(32).await;
            assert_eq!(renewals(&world).remove(0).details, details, "{gateway}");
            assert_eq!(
                world.system.peers.cleeng.payment_details().len(),
                1,
                "{gateway}: nothing is kept twice"
            );
            world.agrees().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_hold_that_was_cancelled_at_cleeng_before_we_knew_of_its_record_is_taken_back_and_never_captured() {
    for gateway in GATEWAYS {
        let storm = Storm::calm();
        let world = World::in_weather(storm.clone());
        let id = world.subscriber(gateway).await.subscription;
        let gone = |method, path, fault, times| Strike { host: "cleeng", method, path, fault, times };
        storm.strike(gone("POST", "/payments", Fault::AnswerLost, 1));
        storm.strike(gone("GET", "/payments", Fault::RequestLost, EVER));
        world.system.run_until(world.at_cleeng(id).ends - SignedDuration::from_hours(70)).await;
        let hold = renewals(&world).remove(0);
        assert_eq!(hold.status, PaymentState::Authorized, "{gateway}");
        world.staff(Method::PATCH, &format!("payments/{}/cancel", hold.id), &json!({}));
        storm.clear();
        world.pass(SignedDuration::from_hours(10)).await;
        let states: Vec<_> = renewals(&world).iter().map(|it| it.status).collect();
        assert_eq!(states, [PaymentState::Cancelled], "{gateway}: it is not recorded again");
        assert!(world.payments(gateway).iter().all(|it| it.held_minor == 0), "{gateway}");
        assert_eq!(world.charges(), 1, "{gateway}");
        world.agrees().await;
    }
}
