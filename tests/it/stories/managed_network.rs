//! Subscriptions that we bill ourselves, when the network loses what Cleeng said and functions die: Cleeng has no
//! idempotency there, and still nothing is recorded twice, charged twice or lost.

use std::sync::Arc;

use http::Method;
use jiff::{SignedDuration, Timestamp};
use ledger::{ManagedBy, Standing};
use local::buyer::{Billing, TestCard};
use local::simulators::cleeng::{PaymentState, SubscriptionState, offers};
use queue::Job;
use serde_json::json;
use wire::simulated::Fault;

use super::crashes::whenever_it_dies;
use super::managed::{EMPTY, ended, ours};
use super::money_back::control;
use crate::frail::Frail;
use crate::storm::{Storm, Strike};
use crate::world::{GATEWAYS, Subscriber, World};

const PATIENT: SignedDuration = SignedDuration::from_mins(10);

/// What may go wrong with one word to Cleeng.
const FAULTS: [Fault; 5] = [
    Fault::Refused,
    Fault::RequestLost,
    Fault::AnswerLost,
    Fault::InsteadAfter(502, "<html>"),
    Fault::Instead(500, "{}"),
];

fn captured(world: &World) -> usize {
    world.recorded().iter().filter(|row| row.status == PaymentState::Captured).count()
}

/// A subscription of ours, one hour before it is renewed.
async fn an_hour_before_its_due_date(gateway: &str) -> (Arc<Storm>, World, u64, Timestamp) {
    let storm = Storm::calm();
    let world = World::in_weather(storm.clone());
    let id = ours(&world, gateway).await.subscription;
    let due = world.mapping(id).await.period_end.unwrap();
    world.system.run_until(due - SignedDuration::from_hours(1)).await;
    (storm, world, id, due)
}

#[tokio::test(start_paused = true)]
async fn a_purchase_of_ours_is_recorded_and_made_once_whatever_the_network_loses() {
    for gateway in GATEWAYS {
        for path in ["/payments", "/subscriptions"] {
            for fault in FAULTS {
                let storm = Storm::calm();
                let world = World::in_weather(storm.clone());
                let what = format!("{gateway} {path} {fault:?}");
                // A request that is certainly not sent is sent again at once.
                let times = if matches!(fault, Fault::Refused) { 3 } else { 1 };
                storm.strike(Strike { host: "cleeng", method: "POST", path, fault, times });
                let buyer = world.buyer(gateway);
                let order =
                    buyer.order_by(&world.system, offers::MONTHLY, Billing::OwnSchedule, None).unwrap();
                let reply = buyer.pay(&world.system, order, TestCard::Pays).await;
                assert_eq!(
                    reply.text("/responseData/payment/status"),
                    Some("captured"),
                    "{what}: {}",
                    reply.body
                );
                for _ in 0..3 {
                    world.pass(PATIENT).await;
                }
                assert!(storm.is_over(), "{what}");
                assert_eq!((captured(&world), world.charges()), (1, 1), "{what}");
                let made = world.system.peers.cleeng.subscriptions();
                assert_eq!(made.len(), 1, "{what}");
                assert_eq!(world.mapping(made[0].id).await.managed_by, ManagedBy::Connector, "{what}");
                world.agrees().await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_of_ours_is_recorded_and_prolonged_once_whatever_the_network_loses() {
    for gateway in GATEWAYS {
        for (method, path) in [("POST", "/payments"), ("POST", "/renew"), ("GET", "")] {
            for fault in FAULTS {
                let storm = Storm::calm();
                let world = World::in_weather(storm.clone());
                let what = format!("{gateway} {path} {fault:?}");
                let id = ours(&world, gateway).await.subscription;
                let due = world.mapping(id).await.period_end.unwrap();
                world.system.run_until(due - SignedDuration::from_hours(1)).await;
                let before = world.at_cleeng(id).ends;
                storm.strike(Strike { host: "cleeng", method, path, fault, times: 1 });
                world.pass_days(2).await;
                assert!(storm.is_over(), "{what}");
                assert_eq!((captured(&world), world.charges()), (2, 2), "{what}");
                let row = world.at_cleeng(id);
                assert!(row.ends > before && row.periods == 2, "{what}: {row:?}");
                world.agrees().await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_cleeng_hears_of_late_has_its_whole_first_period() {
    for gateway in GATEWAYS {
        let storm = Storm::calm();
        let world = World::in_weather(storm.clone());
        storm.strike(Strike {
            host: "cleeng",
            method: "POST",
            path: "/subscriptions",
            fault: Fault::Refused,
            times: u32::MAX,
        });
        let buyer = world.buyer(gateway);
        let order = buyer.order_by(&world.system, offers::WEEKLY, Billing::OwnSchedule, None).unwrap();
        buyer.pay(&world.system, order, TestCard::Pays).await;
        world.pass_days(2).await;
        storm.clear();
        world.pass_days(2).await;
        let row = world.system.peers.cleeng.subscriptions().remove(0);
        let mapping = world.mapping(row.id).await;
        let due = mapping.period_end.unwrap();
        assert!(due.duration_since(row.began) >= SignedDuration::from_hours(7 * 24), "{gateway}");
        assert_eq!(row.ends, mapping.terms.unwrap().access_end(due), "{gateway}");
        world.system.run_until(due - PATIENT).await;
        assert_eq!(world.charges(), 1, "{gateway}");
        world.pass(PATIENT + PATIENT).await;
        assert_eq!(world.charges(), 2, "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test(start_paused = true)]
async fn where_cleeng_does_not_show_its_payments_a_lost_answer_is_not_posted_again() {
    let storm = Storm::calm();
    let settings = [("CLEENG_EXTERNAL_PAYMENTS_PATH", "/no_such_list/{externalPaymentId}")];
    let world = World::deployed(&settings, storm.clone(), Vec::new());
    storm.strike(Strike {
        host: "cleeng",
        method: "POST",
        path: "/payments",
        fault: Fault::AnswerLost,
        times: 1,
    });
    let id = ours(&world, "stripe").await.subscription;
    world.pass(PATIENT).await;
    assert_eq!((captured(&world), world.charges()), (1, 1), "it had arrived, and was not recorded twice");
    assert!(world.at_cleeng(id).has_access);
    storm.strike(Strike {
        host: "cleeng",
        method: "POST",
        path: "/payments",
        fault: Fault::Refused,
        times: 9,
    });
    world.pass_days(40).await;
    assert_eq!(
        (captured(&world), world.charges()),
        (2, 2),
        "one that was certainly not sent is posted again"
    );
    world.agrees().await;
}

#[tokio::test(start_paused = true)]
async fn what_cleeng_certainly_had_not_heard_is_recorded_once_whoever_dies_then() {
    for gateway in GATEWAYS {
        for takes_effect in [false, true] {
            for n in 1..6 {
                let (storm, ledger) = (Storm::calm(), Arc::new(Frail::new(takes_effect)));
                let world = World::in_weather_with_ledger(storm.clone(), ledger.clone());
                let throttled = Fault::Instead(429, "{}");
                storm.strike(Strike {
                    host: "cleeng",
                    method: "POST",
                    path: "/payments",
                    fault: throttled,
                    times: 1,
                });
                let buyer = world.buyer(gateway);
                let order = buyer.order_by(&world.system, offers::PASS, Billing::OwnSchedule, None).unwrap();
                buyer.pay(&world.system, order, TestCard::Pays).await;
                ledger.breaks_at(n);
                for _ in 0..6 {
                    world.pass(PATIENT).await;
                }
                let what = format!("{gateway}, write {n}, which takes effect: {takes_effect}");
                assert!(storm.is_over(), "{what}");
                ledger.broke();
                world.pass_days(1).await;
                assert_eq!((captured(&world), world.charges()), (1, 1), "{what}");
                assert_eq!(world.system.peers.cleeng.passes().len(), 1, "{what}");
                world.agrees().await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_that_cleeng_does_not_hear_says_nothing_of_what_was_posted_before() {
    for gateway in GATEWAYS {
        let storm = Storm::calm();
        let world = World::in_weather(storm.clone());
        let strike =
            |method, fault, times| Strike { host: "cleeng", method, path: "/payments", fault, times };
        storm.strike(strike("POST", Fault::AnswerLost, 1));
        storm.strike(strike("GET", Fault::Refused, 3));
        storm.strike(strike("GET", Fault::Instead(200, "<html>"), 2));
        let buyer = world.buyer(gateway);
        let order = buyer.order_by(&world.system, offers::MONTHLY, Billing::OwnSchedule, None).unwrap();
        buyer.pay(&world.system, order, TestCard::Pays).await;
        world.pass_days(1).await;
        assert!(storm.is_over(), "{gateway}");
        assert_eq!((captured(&world), world.charges()), (1, 1), "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_paid_and_lapsed_while_cleeng_was_away_is_revived() {
    for gateway in GATEWAYS {
        let storm = Storm::calm();
        let settings = [("MANAGED_GRACE_HOURS", "24"), ("MANAGED_ATTEMPTS_HOURS", "0")];
        let world = World::deployed(&settings, storm.clone(), Vec::new());
        let id = ours(&world, gateway).await.subscription;
        let due = world.mapping(id).await.period_end.unwrap();
        world.system.run_until(due - SignedDuration::from_hours(1)).await;
        storm.strike(Strike {
            host: "cleeng",
            method: "POST",
            path: "/payments",
            fault: Fault::Refused,
            times: 999,
        });
        world.system.run_until(due + SignedDuration::from_hours(40)).await;
        assert_eq!(world.at_cleeng(id).status, SubscriptionState::Terminated, "{gateway}: it lapsed");
        assert_eq!(world.charges(), 2, "{gateway}");
        storm.clear();
        world.pass_days(3).await;
        let old = world.at_cleeng(id);
        let new = world.at_cleeng(old.replaced_by.unwrap());
        assert!(new.has_access && new.status == SubscriptionState::Active, "{gateway}");
        assert_eq!(world.mapping(id).await.standing, Standing::Closed, "{gateway}");
        let goes_on = world.mapping(new.id).await;
        assert_eq!((goes_on.standing, goes_on.managed_by), (Standing::Active, ManagedBy::Connector));
        assert_eq!(goes_on.period_end.unwrap().to_string(), "2027-03-04T09:00:00Z", "{gateway}");
        assert_eq!(world.charges(), 2, "{gateway}: the period is paid");
        world.pass_days(30).await;
        assert_eq!(world.charges(), 3, "{gateway}: and the next one is charged there");
        world.agrees().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_ended_while_it_was_being_charged_is_given_back() {
    for gateway in GATEWAYS {
        let (storm, world, id, due) = an_hour_before_its_due_date(gateway).await;
        storm.strike(Strike {
            host: "cleeng",
            method: "POST",
            path: "/renew",
            fault: Fault::Refused,
            times: 3,
        });
        world.system.clock.move_to(due);
        world.system.settle().await;
        world.staff(
            Method::POST,
            &format!("subscriptions/{id}/terminate"),
            &json!({ "terminationType": "publisherCancel" }),
        );
        world.pass_days(1).await;
        let back: Vec<_> = world.payments(gateway).iter().map(|it| it.refunded_minor).collect();
        assert_eq!(back, [0, 699], "{gateway}");
        let told = world.recorded();
        assert_eq!(told[1].status, PaymentState::Refunded, "{gateway}");
        world.pass_days(40).await;
        assert_eq!(world.mapping(id).await.standing, Standing::Closed, "{gateway}");
        world.agrees().await;
    }
}

async fn almost_due(world: &World, gateway: &str) -> Subscriber {
    let subscriber = ours(world, gateway).await;
    let due = world.mapping(subscriber.subscription).await.period_end.unwrap();
    world.system.run_until(due - SignedDuration::from_mins(30)).await;
    subscriber
}

#[tokio::test]
async fn a_renewal_of_ours_survives_a_function_that_dies_at_any_of_its_writes() {
    for gateway in GATEWAYS {
        whenever_it_dies(
            gateway,
            async |world| almost_due(world, gateway).await,
            async |world, _| world.pass(SignedDuration::from_hours(1)).await,
            async |world, subscriber, what| {
                assert_eq!((captured(world), world.charges()), (2, 2), "{what}");
                assert_eq!(world.at_cleeng(subscriber.subscription).periods, 2, "{what}");
                assert_eq!(world.mapping(subscriber.subscription).await.standing, Standing::Active, "{what}");
            },
        )
        .await;
    }
}

#[tokio::test]
async fn a_purchase_of_ours_survives_a_function_that_dies_at_any_of_its_writes() {
    for gateway in GATEWAYS {
        for takes_effect in [false, true] {
            for n in 1..9 {
                let ledger = Arc::new(Frail::new(takes_effect));
                let world = World::with_ledger(ledger.clone());
                let buyer = world.buyer(gateway);
                let order =
                    buyer.order_by(&world.system, offers::MONTHLY, Billing::OwnSchedule, None).unwrap();
                ledger.breaks_at(n);
                buyer.pay(&world.system, order, TestCard::Pays).await;
                for _ in 0..4 {
                    world.pass(PATIENT).await;
                }
                ledger.broke();
                world.pass_days(1).await;
                let what = format!("{gateway}, write {n}, which takes effect: {takes_effect}");
                let made = world.system.peers.cleeng.subscriptions();
                assert_eq!(made.len(), world.charges(), "{what}: whoever paid has it");
                assert_eq!(captured(&world), world.charges(), "{what}");
                if let Some(row) = made.first() {
                    assert_eq!(world.mapping(row.id).await.managed_by, ManagedBy::Connector, "{what}");
                }
                world.agrees().await;
            }
        }
    }
}

/// A subscription that could not be paid, an hour before its grace is over.
async fn almost_over(world: &World, gateway: &str) -> Subscriber {
    let subscriber = ours(world, gateway).await;
    let due = world.mapping(subscriber.subscription).await.period_end.unwrap();
    world.refuses(gateway, subscriber.subscription, EMPTY, 99).await;
    world.system.run_until(due + SignedDuration::from_hours(95)).await;
    subscriber
}

async fn is_ended_unpaid(world: &World, subscriber: &Subscriber, what: &str) {
    let row = world.at_cleeng(subscriber.subscription);
    assert_eq!(row.terminated.unwrap().0, "paymentCancel", "{what}");
    let mapping = world.mapping(subscriber.subscription).await;
    assert_eq!((mapping.standing, mapping.due), (Standing::Closed, None), "{what}");
    assert_eq!(world.charges(), 1, "{what}");
}

#[tokio::test]
async fn an_end_of_ours_survives_a_function_that_dies_at_any_of_its_writes() {
    for gateway in GATEWAYS {
        whenever_it_dies(
            gateway,
            async |world| almost_over(world, gateway).await,
            async |world, _| world.pass(SignedDuration::from_hours(2)).await,
            async |world, subscriber, what| is_ended_unpaid(world, subscriber, what).await,
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_of_ours_that_cleeng_does_not_hear_is_said_again_until_it_does() {
    for gateway in GATEWAYS {
        let storm = Storm::calm();
        let world = World::in_weather(storm.clone());
        let subscriber = almost_over(&world, gateway).await;
        storm.strike(Strike {
            host: "cleeng",
            method: "POST",
            path: "/terminate",
            fault: Fault::Refused,
            times: 60,
        });
        world.pass(SignedDuration::from_hours(2)).await;
        for _ in 0..40 {
            world.pass(SignedDuration::from_mins(5)).await;
        }
        assert!(storm.is_over(), "{gateway}");
        is_ended_unpaid(&world, &subscriber, gateway).await;
        world.agrees().await;
    }
}

/// Adyen's answer without the stored card, which its webhook names.
const NAMELESS: &str = r#"{"pspReference":"PSP0000000000001","resultCode":"Authorised","merchantReference":"order.696713353.1",
    "amount":{"value":699,"currency":"EUR"}}"#;

#[tokio::test(start_paused = true)]
async fn a_card_that_only_the_webhook_names_renews_and_cleeng_hears_of_no_payment_details() {
    let storm = Storm::calm();
    storm.strike(Strike {
        host: "adyen",
        method: "POST",
        path: "/payments",
        fault: Fault::InsteadAfter(200, NAMELESS),
        times: 1,
    });
    let world = World::in_weather(storm.clone());
    let subscriber = ours(&world, "adyen").await;
    assert!(storm.is_over());
    assert!(world.mapping(subscriber.subscription).await.token.is_some());
    assert_eq!(world.system.peers.cleeng.payment_details(), []);
    world.pass_days(35).await;
    assert_eq!(world.charges(), 2);
    world.agrees().await;
}

#[tokio::test(start_paused = true)]
async fn who_stopped_has_ended_it_themselves_even_if_cleeng_has_to_be_told_twice() {
    for gateway in GATEWAYS {
        let storm = Storm::calm();
        let world = World::in_weather(storm.clone());
        let subscriber = ours(&world, gateway).await;
        let due = world.mapping(subscriber.subscription).await.period_end.unwrap();
        world.refuses(gateway, subscriber.subscription, EMPTY, 9).await;
        world.system.run_until(due + SignedDuration::from_hours(12)).await;
        control(&world, "cleeng", &format!("subscriptions/{}/stop", subscriber.subscription), &json!({}));
        storm.strike(Strike {
            host: "cleeng",
            method: "POST",
            path: "/terminate",
            fault: Fault::Instead(503, ""),
            times: 1,
        });
        world.system.run_until(due + SignedDuration::from_hours(48)).await;
        assert!(storm.is_over(), "{gateway}");
        assert_eq!(ended(&world, &subscriber).as_deref(), Some("userCancel"), "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_of_ours_that_another_worker_sees_at_cleeng_before_it_is_told_moves_no_due_date() {
    for gateway in GATEWAYS {
        let (storm, world, id, due) = an_hour_before_its_due_date(gateway).await;
        // The timer and a webhook ask side by side: one waits for Cleeng's answer while the other charges and renews, and
        // looks again when that has arrived there and nobody knows it yet.
        for (method, path) in [("GET", ""), ("POST", "/renew")] {
            storm.strike(Strike { host: "cleeng", method, path, fault: Fault::AnswerLost, times: 1 });
        }
        let event = world.renewal_event("subscriptionReadyForPaymentCapture", id, 0);
        world.system.clock.move_to(due);
        for _ in 0..2 {
            assert_eq!(world.cleeng_says(&event).await.status().as_u16(), 200);
        }
        world.pass_days(2).await;
        assert!(storm.is_over(), "{gateway}");
        assert_eq!((captured(&world), world.charges()), (2, 2), "{gateway}");
        assert_eq!(world.at_cleeng(id).periods, 2, "{gateway}: one payment, one period");
        assert_eq!(world.mapping(id).await.period_end, Some(due), "{gateway}");
        world.pass_days(30).await;
        assert_eq!((world.charges(), world.at_cleeng(id).periods), (3, 3), "{gateway}: due on its old day");
        world.agrees().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_cleeng_that_is_away_for_days_is_not_asked_about_a_renewal_of_ours_every_minute() {
    let (storm, world, id, due) = an_hour_before_its_due_date("stripe").await;
    storm.strike(Strike { host: "cleeng", method: "GET", path: "", fault: Fault::Refused, times: u32::MAX });
    world.system.run_until(due + SignedDuration::from_hours(6)).await;
    assert_eq!(world.system.queue.depth(Job::RecurringCapture).dead, 0, "the date is looked at again later");
    storm.clear();
    world.pass(SignedDuration::from_mins(20)).await;
    assert_eq!((captured(&world), world.charges(), world.at_cleeng(id).periods), (2, 2, 2));
    world.agrees().await;
}
