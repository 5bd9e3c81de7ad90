//! Subscriptions that we bill ourselves: our own calendar charges, and Cleeng hears of all of it.

use http::Method;
use jiff::{SignedDuration, Timestamp};
use ledger::{ManagedBy, Standing};
use local::buyer::{Billing, TestCard};
use local::simulators::cleeng::{PaymentState, SubscriptionState, offers};
use serde_json::json;
use wire::Clock;

use super::details::{another_card, back, give};
use super::money_back::{What, ask_refund, control, happens};
use crate::world::{GATEWAYS, Subscriber, World, code};

pub(super) const PATIENT: SignedDuration = SignedDuration::from_mins(10);
pub(super) const EMPTY: (&str, &str) = ("insufficient_funds", "12");
const STOLEN: (&str, &str) = ("stolen_card", "5");

pub(super) async fn ours(world: &World, gateway: &str) -> Subscriber {
    world.subscriber_by(gateway, TestCard::Pays, offers::MONTHLY, Billing::OwnSchedule).await
}

pub(super) async fn due(world: &World, subscriber: &Subscriber) -> Timestamp {
    world.mapping(subscriber.subscription).await.period_end.unwrap()
}

pub(super) async fn refused(world: &World, gateway: &str) -> usize {
    world.payments(gateway).iter().filter(|it| it.declined).count()
}

pub(super) fn ended(world: &World, subscriber: &Subscriber) -> Option<String> {
    let row = world.at_cleeng(subscriber.subscription);
    (row.status == SubscriptionState::Terminated).then(|| row.terminated.unwrap().0)
}

#[tokio::test]
async fn a_subscription_of_ours_is_made_when_it_is_paid_and_renewed_by_our_own_calendar() {
    for gateway in GATEWAYS {
        let world = World::new();
        let buyer = world.buyer(gateway);
        let order = buyer.order_by(&world.system, offers::MONTHLY, Billing::OwnSchedule, None).unwrap();
        let reply = buyer.pay(&world.system, order, TestCard::Pays).await;
        assert_eq!(reply.text("/responseData/payment/status"), Some("captured"), "{}", reply.body);
        let row = world.system.peers.cleeng.subscriptions().remove(0);
        assert!(row.has_access && row.externally_managed, "{gateway}: access comes with the answer");
        assert_eq!(row.external_id.as_deref(), Some(format!("order-{order}").as_str()));
        world.pass(PATIENT).await;
        let mapping = world.mapping(row.id).await;
        assert_eq!((mapping.managed_by, mapping.standing), (ManagedBy::Connector, Standing::Active));
        assert_eq!(mapping.period_end.unwrap().to_string(), "2027-02-04T09:00:00Z");
        world.pass_days(80).await;
        assert_eq!(world.charges(), 3, "{gateway}: the first payment, February and March");
        let told = world.recorded();
        assert!(told.iter().all(|row| row.order.is_none() && row.status == PaymentState::Captured));
        assert!(told.iter().all(|row| row.price.to_string() == "6.99 EUR" && row.tax.to_string() == "1.21"));
        assert_eq!(told[1].subscription, Some(row.id));
        assert!(world.at_cleeng(row.id).has_access);
        assert_eq!(world.mapping(row.id).await.period_end.unwrap().to_string(), "2027-03-04T09:00:00Z");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_card_that_is_refused_is_tried_on_our_own_dates_and_keeps_access_meanwhile() {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber = ours(&world, gateway).await;
        let due = due(&world, &subscriber).await;
        world.refuses(gateway, subscriber.subscription, EMPTY, 2).await;
        world.system.run_until(due + SignedDuration::from_hours(60)).await;
        assert_eq!(refused(&world, gateway).await, 2, "{gateway}: when due, and a day later");
        assert!(world.at_cleeng(subscriber.subscription).has_access, "{gateway}");
        let told: Vec<_> =
            world.recorded().into_iter().filter(|it| it.status == PaymentState::Rejected).collect();
        assert!(
            told.iter().all(|row| row.rejected_reason.as_deref().unwrap().starts_with("insufficient_funds"))
        );
        world.pass_days(3).await;
        assert_eq!(
            (world.charges(), ended(&world, &subscriber)),
            (2, None),
            "{gateway}: paid on the third date"
        );
        world.system.run_until(due + SignedDuration::from_hours(24 * 27)).await;
        assert_eq!(world.charges(), 2, "{gateway}");
        world.pass_days(2).await;
        assert_eq!(world.charges(), 3, "{gateway}: the next one is due on its old day");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_subscription_of_ours_that_cannot_be_paid_ends_after_the_grace() {
    for gateway in GATEWAYS {
        let world = World::new();
        let card = TestCard::RefusesLater;
        let subscriber = world.subscriber_by(gateway, card, offers::MONTHLY, Billing::OwnSchedule).await;
        let due = due(&world, &subscriber).await;
        world.system.run_until(due + SignedDuration::from_hours(95)).await;
        assert!(world.at_cleeng(subscriber.subscription).has_access, "{gateway}");
        world.system.run_until(due + SignedDuration::from_hours(103)).await;
        assert_eq!(ended(&world, &subscriber).as_deref(), Some("paymentCancel"), "{gateway}");
        assert_eq!((world.charges(), refused(&world, gateway).await), (1, 3), "{gateway}");
        world.pass_days(40).await;
        assert_eq!(refused(&world, gateway).await, 3, "{gateway}: nothing is tried after the end");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_card_that_is_refused_for_good_is_not_tried_again() {
    for gateway in GATEWAYS {
        for (setting, ends_at_once) in [("grace", false), ("end", true)] {
            let world = World::with_settings(&[("MANAGED_HARD_DECLINE", setting)]);
            let subscriber = ours(&world, gateway).await;
            let due = due(&world, &subscriber).await;
            world.refuses(gateway, subscriber.subscription, STOLEN, 9).await;
            world.system.run_until(due + SignedDuration::from_hours(80)).await;
            assert_eq!(refused(&world, gateway).await, 1, "{gateway} {setting}");
            assert_eq!(ended(&world, &subscriber).is_some(), ends_at_once, "{gateway} {setting}");
            world.pass_days(2).await;
            assert_eq!(ended(&world, &subscriber).as_deref(), Some("paymentCancel"), "{gateway} {setting}");
            world.agrees().await;
        }
    }
}

#[tokio::test]
async fn a_card_that_is_refused_for_good_before_the_due_date_takes_nothing_that_was_paid_for() {
    for gateway in GATEWAYS {
        let settings = [("MANAGED_HARD_DECLINE", "end"), ("MANAGED_ATTEMPTS_HOURS", "24,0,-24")];
        let world = World::with_settings(&settings);
        let subscriber = ours(&world, gateway).await;
        let due = due(&world, &subscriber).await;
        world.refuses(gateway, subscriber.subscription, STOLEN, 9).await;
        world.system.run_until(due - SignedDuration::from_mins(10)).await;
        assert_eq!(refused(&world, gateway).await, 1, "{gateway}");
        assert!(world.at_cleeng(subscriber.subscription).has_access, "{gateway}: that period is paid");
        world.system.run_until(due + SignedDuration::from_mins(10)).await;
        assert_eq!(ended(&world, &subscriber).as_deref(), Some("paymentCancel"), "{gateway}");
        assert_eq!(refused(&world, gateway).await, 1, "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_new_card_pays_at_once_what_the_old_one_could_not() {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber = ours(&world, gateway).await;
        let due = due(&world, &subscriber).await;
        world.refuses(gateway, subscriber.subscription, STOLEN, 9).await;
        world.system.run_until(due + SignedDuration::from_hours(30)).await;
        assert_eq!(world.charges(), 1, "{gateway}");
        let reply = give(&world, &back(&world, &subscriber), another_card(gateway)).await;
        assert_eq!(reply.text("/responseData/paymentDetails/status"), Some("active"), "{}", reply.body);
        world.pass(PATIENT).await;
        assert_eq!(world.charges(), 2, "{gateway}");
        let method = world.mapping(subscriber.subscription).await.method.number();
        let kept = local::buyer::method_for(gateway, Billing::OwnSchedule);
        assert_eq!(method, kept, "{gateway}: it stays with the payment method that Cleeng has it by");
        world.pass_days(40).await;
        assert_eq!((world.charges(), ended(&world, &subscriber)), (3, None), "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_new_card_between_two_periods_charges_nothing() {
    let world = World::new();
    let subscriber = ours(&world, "stripe").await;
    world.pass_days(10).await;
    give(&world, &back(&world, &subscriber), another_card("stripe")).await;
    world.pass_days(10).await;
    assert_eq!(world.charges(), 1);
    let mapping = world.mapping(subscriber.subscription).await;
    assert_eq!(
        (mapping.capture_asked, mapping.due),
        (None, mapping.period_end),
        "only the due date is waited for"
    );
    world.agrees().await;
}

#[tokio::test]
async fn a_customer_who_stopped_or_ended_or_paused_what_is_ours_is_not_charged() {
    for gateway in GATEWAYS {
        for verb in ["stop", "terminate", "pause"] {
            let world = World::new();
            let subscriber = ours(&world, gateway).await;
            world.pass_days(20).await;
            let id = subscriber.subscription;
            match verb {
                "terminate" => {
                    let body = json!({ "terminationType": "publisherCancel" });
                    world.staff(Method::POST, &format!("subscriptions/{id}/terminate"), &body);
                }
                verb => drop(control(&world, "cleeng", &format!("subscriptions/{id}/{verb}"), &json!({}))),
            }
            world.pass_days(20).await;
            assert_eq!(world.charges(), 1, "{gateway} {verb}");
            let (told, standing) = match verb {
                "stop" => (Some("userCancel"), Standing::Closed),
                "terminate" => (Some("publisherCancel"), Standing::Closed),
                _ => (None, Standing::Active),
            };
            assert_eq!(ended(&world, &subscriber).as_deref(), told, "{gateway} {verb}");
            assert_eq!(world.mapping(id).await.standing, standing, "{gateway} {verb}");
            if verb == "pause" {
                control(&world, "cleeng", &format!("subscriptions/{id}/resume"), &json!({}));
                world.pass_days(10).await;
                assert_eq!(world.charges(), 1, "{gateway}: eleven days were left");
                world.pass_days(2).await;
                assert_eq!(world.charges(), 2, "{gateway}: it goes on where it stopped");
            }
            world.agrees().await;
        }
    }
}

#[tokio::test]
async fn a_customer_who_paused_what_is_ours_has_the_time_that_was_left() {
    for gateway in GATEWAYS {
        let world = World::with_settings(&[("MANAGED_ATTEMPTS_HOURS", "24,0")]);
        let subscriber = ours(&world, gateway).await;
        let (id, due) = (subscriber.subscription, due(&world, &subscriber).await);
        world.pass_days(10).await;
        control(&world, "cleeng", &format!("subscriptions/{id}/pause"), &json!({}));
        world.pass_days(5).await;
        control(&world, "cleeng", &format!("subscriptions/{id}/resume"), &json!({}));
        let moved = due + SignedDuration::from_hours(24 * 5);
        world.system.run_until(moved - SignedDuration::from_hours(25)).await;
        assert_eq!(world.charges(), 1, "{gateway}: nothing is due yet");
        let before = world.at_cleeng(id).ends;
        world.system.run_until(moved).await;
        assert_eq!(world.charges(), 2, "{gateway}: a day before it is due, as ever");
        let more = world.at_cleeng(id).ends.duration_since(before);
        assert!(more >= SignedDuration::from_hours(24 * 28), "{gateway}: a whole period");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_trial_of_ours_keeps_the_card_and_pays_when_it_ends() {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber =
            world.subscriber_by(gateway, TestCard::Pays, offers::TRIAL, Billing::OwnSchedule).await;
        let row = world.at_cleeng(subscriber.subscription);
        assert!(row.in_trial && row.has_access, "{gateway}");
        assert_eq!((world.charges(), world.recorded().len()), (0, 0), "{gateway}: nothing was paid");
        world.pass_days(13).await;
        assert_eq!(world.charges(), 0, "{gateway}");
        world.pass_days(2).await;
        assert_eq!(world.charges(), 1, "{gateway}");
        assert!(!world.at_cleeng(subscriber.subscription).in_trial, "{gateway}");
        world.pass_days(31).await;
        assert_eq!(world.charges(), 2, "{gateway}: months are counted from the trial's end");
        world.agrees().await;
    }
}

#[tokio::test]
async fn what_has_no_price_for_its_renewals_is_refused_before_anything_is_charged() {
    let plain = format!(r#"[{{"offerId":"{}","period":"P1M"}}]"#, offers::MONTHLY);
    let world = World::with_settings(&[("MANAGED_OFFERS", &plain)]);
    let buyer = world.buyer("stripe");
    for (offer, coupon) in
        [(offers::ANNUAL, None), (offers::TRIAL, None), (offers::MONTHLY, Some(offers::COUPON_HALF))]
    {
        let order = buyer.order_by(&world.system, offer, Billing::OwnSchedule, coupon).unwrap();
        let reply = buyer.pay(&world.system, order, TestCard::Pays).await;
        assert_eq!(code(&reply), (422, Some("STRIPE0001")), "{offer}: {}", reply.body);
    }
    assert_eq!(world.payments("stripe"), []);
    let order = buyer.order_by(&world.system, offers::MONTHLY, Billing::OwnSchedule, None).unwrap();
    assert_eq!(buyer.pay(&world.system, order, TestCard::Pays).await.status.as_u16(), 200);
}

#[tokio::test]
async fn the_agreed_price_stands_after_a_discounted_beginning_and_a_new_price() {
    for gateway in GATEWAYS {
        let world = World::new();
        let buyer = world.buyer(gateway);
        let half = Some(offers::COUPON_HALF);
        let order = buyer.order_by(&world.system, offers::MONTHLY, Billing::OwnSchedule, half).unwrap();
        buyer.pay(&world.system, order, TestCard::Pays).await;
        let price = json!({ "net": 9 });
        control(&world, "cleeng", &format!("offers/{}/price", offers::MONTHLY), &price);
        world.pass_days(40).await;
        let taken: Vec<_> = world.payments(gateway).iter().map(|it| it.captured_minor).collect();
        assert_eq!(taken, [349, 699], "{gateway}");
        world.agrees().await;
    }
}

#[tokio::test]
async fn payments_of_ours_are_returned_and_told_like_any_other() {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber = ours(&world, gateway).await;
        world.pass_days(35).await;
        let told = world.recorded();
        ask_refund(&world, told[1].id, Some("2.00"));
        world.pass(PATIENT).await;
        ask_refund(&world, told[0].id, None);
        world.pass(PATIENT).await;
        let external = told[1].external.clone().unwrap();
        happens(&world, gateway, What::Refund(&external, 100));
        for _ in 0..4 {
            world.pass(PATIENT).await;
        }
        let told: Vec<_> = world.recorded().iter().map(|row| row.refunded.to_string()).collect();
        assert_eq!(told, ["6.99", "3"], "{gateway}");
        assert_eq!(ended(&world, &subscriber), None);
        world.agrees().await;
    }
}

#[tokio::test]
async fn our_calendar_and_a_webhook_for_the_same_renewal_charge_once() {
    for gateway in GATEWAYS {
        let world = World::slow();
        let subscriber = ours(&world, gateway).await;
        let due = due(&world, &subscriber).await;
        world.system.run_until(due - SignedDuration::from_hours(1)).await;
        // Cleeng asks for what is not its to ask for: a while before it is due, and at that very moment.
        for (topic, hours) in
            [("subscriptionReadyForPaymentAuthorisation", 72), ("subscriptionReadyForPaymentCapture", 0)]
        {
            let event = world.renewal_event(topic, subscriber.subscription, hours);
            assert_eq!(world.cleeng_says(&event).await.status().as_u16(), 200);
        }
        world.system.settle().await;
        assert_eq!(world.charges(), 1, "{gateway}: our calendar decides when");
        world.system.clock.move_to(due);
        for _ in 0..5 {
            let event = world.renewal_event("subscriptionReadyForPaymentCapture", subscriber.subscription, 0);
            assert_eq!(world.cleeng_says(&event).await.status().as_u16(), 200);
        }
        world.system.settle().await;
        world.pass_days(2).await;
        assert_eq!(world.charges(), 2, "{gateway}");
        assert_eq!(world.payments(gateway).len(), 2, "{gateway}: nothing was even tried twice");
        world.agrees().await;
    }
}

#[tokio::test]
async fn our_daily_look_and_a_late_webhook_for_the_same_renewal_charge_once() {
    for gateway in GATEWAYS {
        let world = World::slow();
        let subscriber = world.subscriber(gateway).await;
        let id = subscriber.subscription;
        let paid_until = world.at_cleeng(id).ends;
        let look: Timestamp = "2027-02-05T03:00:00Z".parse().unwrap();
        world.system.run_until(paid_until - SignedDuration::from_hours(24 * 5)).await;
        while world.system.clock.now() < look {
            world.system.clock.move_to(world.system.clock.now() + SignedDuration::from_mins(30));
            for delivery in world.system.peers.cleeng_host.deliveries() {
                control(&world, "cleeng", &format!("deliveries/{}", delivery.id), &json!({ "status": 200 }));
            }
            if world.system.clock.now() == look {
                for _ in 0..3 {
                    let event = world.renewal_event("subscriptionReadyForPaymentCapture", id, 0);
                    assert_eq!(world.cleeng_says(&event).await.status().as_u16(), 200);
                }
            }
            world.system.settle().await;
        }
        world.pass_days(1).await;
        assert_eq!(world.charges(), 2, "{gateway}");
        assert!(world.at_cleeng(id).ends > paid_until, "{gateway}");
        world.agrees().await;
    }
}
