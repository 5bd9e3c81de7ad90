//! Periods: what Cleeng asks for, when, and what follows.

use cleeng::webhook::EventData;
use cleeng::{PaymentOperation, PaymentStatus, PaymentUpdate, SubscriptionStatus, TerminationKind};
use jiff::Timestamp;
use serde_json::json;

use super::world::{World, captured, card, soon};
use crate::simulators::Simulator;
use crate::simulators::cleeng::offers::{MONTHLY, TRIAL, WEEKLY};
use crate::simulators::cleeng::{CleengSimulatorSettings, SimulatedMethod};

const AUTHORISE: &str = "subscriptionReadyForPaymentAuthorisation";
const CAPTURE: &str = "subscriptionReadyForPaymentCapture";
const TERMINATE: &str = "subscriptionReadyForTermination";

fn told(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter().map(|(at, topic)| ((*at).to_owned(), (*topic).to_owned())).collect()
}

fn update(order: payment::OrderId, status: PaymentStatus) -> PaymentUpdate {
    PaymentUpdate {
        order: Some(order),
        status,
        operation: Some(PaymentOperation::RecurringPayment),
        external: None,
        rejected_reason: None,
        refunded_reason: None,
        refunded: None,
        refund_kind: None,
    }
}

#[tokio::test]
async fn a_month_is_authorised_ahead_captured_when_due_and_the_next_one_follows() {
    let world = World::new();
    let (customer, subscription) = world.buy(MONTHLY).await;
    let (at, event) = world.next_event(Timestamp::MAX).unwrap();
    assert_eq!(at, "2026-02-25T10:00:00Z".parse().unwrap());
    let EventData::Authorise(billing) = event.data else { panic!("{event:?}") };
    assert_eq!((billing.customer, billing.subscription), (customer, subscription));
    assert_eq!(billing.token.as_ref().map(payment::Token::expose), Some("cus_1|pm_1"));
    assert_eq!(billing.period_end, Some("2026-02-28T10:00:00Z".parse().unwrap()));

    let (order, authorised) = world.renewal_payment(subscription, PaymentStatus::Authorized, "pi_2").await;
    let details = billing.details.unwrap();
    let open = world.cleeng.authorised_payments(details, soon()).await.unwrap();
    assert_eq!(open.iter().map(|payment| payment.id).collect::<Vec<_>>(), [authorised.id]);

    let (at, event) = world.next_event(Timestamp::MAX).unwrap();
    assert_eq!(at, "2026-02-28T10:00:00Z".parse().unwrap(), "authorised once, so asked for no more");
    let EventData::Capture(due) = event.data else { panic!("{event:?}") };
    assert_eq!((due.period_end, due.token), (billing.period_end, None));
    let taken =
        PaymentUpdate { external: Some("pi_2b".parse().unwrap()), ..update(order, PaymentStatus::Captured) };
    let taken = world.cleeng.update_payment(authorised.id, &taken, soon()).await.unwrap();
    assert_eq!((taken.status, taken.external.unwrap().as_str()), (PaymentStatus::Captured, "pi_2b"));
    assert!(world.cleeng.authorised_payments(details, soon()).await.unwrap().is_empty());

    let renewed = world.cleeng.subscription(subscription, soon()).await.unwrap().unwrap();
    assert_eq!(renewed.ends, Some("2026-03-31T10:00:00Z".parse().unwrap()), "not shifted by February");
    assert_eq!(renewed.latest_payment.unwrap().as_str(), "pi_2b");
    assert_eq!(world.topics("2026-03-29T00:00:00Z"), told(&[("2026-03-28T10:00:00Z", AUTHORISE)]));
    assert_eq!(world.simulator.violations(), []);
}

#[tokio::test]
async fn what_nobody_pays_is_asked_for_at_every_attempt_and_then_ended() {
    let world = World::new();
    let (_, subscription) = world.buy(MONTHLY).await;
    assert_eq!(
        world.topics("2026-06-01T00:00:00Z"),
        told(&[
            ("2026-02-25T10:00:00Z", AUTHORISE),
            ("2026-02-26T10:00:00Z", AUTHORISE),
            ("2026-02-27T10:00:00Z", AUTHORISE),
            ("2026-02-28T10:00:00Z", AUTHORISE),
            ("2026-02-28T10:30:00Z", CAPTURE),
            ("2026-02-28T12:00:00Z", TERMINATE),
        ])
    );
    assert!(!world.simulator.subscriptions()[0].has_access);
    world.cleeng.terminate(subscription, TerminationKind::PaymentCancel, soon()).await.unwrap();
    let ended = world.cleeng.subscription(subscription, soon()).await.unwrap().unwrap();
    assert_eq!(ended.status, SubscriptionStatus::Terminated);
    let again = world.cleeng.terminate(subscription, TerminationKind::PaymentCancel, soon()).await;
    assert!(again.unwrap_err().is_refusal());
}

#[tokio::test]
async fn one_step_charges_are_asked_for_as_captures_only() {
    let method = SimulatedMethod {
        id: super::world::STRIPE,
        gateway: "stripe".to_owned(),
        authorized_first: false,
        external: false,
    };
    let settings =
        CleengSimulatorSettings { payment_methods: vec![method], ..CleengSimulatorSettings::default() };
    let world = World::with(settings, &[]);
    let (_, subscription) = world.buy(WEEKLY).await;
    assert_eq!(world.topics("2026-02-04T12:00:00Z"), told(&[("2026-02-04T10:00:00Z", CAPTURE)]));
    world.renewal_payment(subscription, PaymentStatus::Rejected, "pi_no").await;
    assert_eq!(world.topics("2026-02-05T12:00:00Z"), told(&[("2026-02-05T10:00:00Z", CAPTURE)]));
    world.renewal_payment(subscription, PaymentStatus::Captured, "pi_yes").await;
    assert_eq!(world.topics("2026-02-11T09:00:00Z"), []);
    assert_eq!(world.topics("2026-02-11T12:00:00Z"), told(&[("2026-02-11T10:00:00Z", CAPTURE)]));
}

#[tokio::test]
async fn an_authorisation_after_the_due_date_is_captured_a_minute_later() {
    let world = World::new();
    let (_, subscription) = world.buy(WEEKLY).await;
    world.topics("2026-02-07T10:00:00Z");
    world.renewal_payment(subscription, PaymentStatus::Authorized, "pi_late").await;
    assert_eq!(world.topics("2026-02-07T10:05:00Z"), told(&[("2026-02-07T10:01:00Z", CAPTURE)]));
}

#[tokio::test]
async fn a_trial_is_bought_for_nothing_and_asked_to_pay_when_it_ends() {
    let world = World::new();
    let customer = world.customer();
    let order = world.order(customer, TRIAL).await;
    assert!(order.is_free_trial() && order.is_free() && order.requires_details);
    let with_an_amount = captured(&order, "seti_1");
    assert!(world.cleeng.create_payment(&with_an_amount, soon()).await.unwrap_err().is_refusal());
    let free = cleeng::NewPayment { operation: PaymentOperation::InitialFreeTransaction, ..with_an_amount };
    world.cleeng.create_payment(&free, soon()).await.unwrap();
    assert_eq!(world.topics("2026-02-11T11:00:00Z"), told(&[("2026-02-11T10:00:00Z", AUTHORISE)]));
    let trial = &world.simulator.subscriptions()[0];
    assert!(trial.in_trial && trial.has_access);
    let (order, _) =
        world.renewal_payment(trial.id.try_into().unwrap(), PaymentStatus::Captured, "pi_1").await;
    assert_eq!(world.cleeng.order(order, soon()).await.unwrap().price.to_string(), "6.99 EUR");
    let paid = &world.simulator.subscriptions()[0];
    assert!(!paid.in_trial && paid.ends == "2026-03-14T10:00:00Z".parse().unwrap(), "{paid:?}");
}

#[tokio::test]
async fn a_stopped_subscription_keeps_its_access_until_its_end_and_may_be_resumed() {
    let world = World::new();
    let (_, subscription) = world.buy(WEEKLY).await;
    world.control(&format!("subscriptions/{subscription}/stop"), &json!({}));
    assert_eq!(world.topics("2026-02-07T09:59:59Z"), []);
    assert!(world.simulator.subscriptions()[0].has_access);
    assert_eq!(world.topics("2026-02-08T00:00:00Z"), told(&[("2026-02-07T10:00:00Z", TERMINATE)]));

    let (_, other) = world.buy(WEEKLY).await;
    world.control(&format!("subscriptions/{other}/stop"), &json!({}));
    world.control(&format!("subscriptions/{other}/resume"), &json!({}));
    let topics = world.topics("2026-02-14T23:00:00Z");
    assert!(topics.iter().any(|(_, topic)| topic == AUTHORISE), "{topics:?}");
}

#[tokio::test]
async fn a_new_card_takes_the_place_of_the_old_one_and_its_authorisation_is_asked_back() {
    let world = World::new();
    let (customer, subscription) = world.buy(MONTHLY).await;
    world.next_event(Timestamp::MAX).unwrap();
    let (_, held) = world.renewal_payment(subscription, PaymentStatus::Authorized, "pi_old").await;
    let old = world.cleeng.subscription(subscription, soon()).await.unwrap().unwrap().details.unwrap();
    let new = world.cleeng.create_details(&card(customer, "cus_1|pm_2"), soon()).await.unwrap();

    let (_, event) = world.next_event(world.now()).unwrap();
    let EventData::DetailsDeactivated(gone) = event.data else { panic!("{event:?}") };
    assert_eq!((gone.details, gone.customer), (old, Some(customer)));
    world.cleeng.cancel_payment(held.id, soon()).await.unwrap();
    assert!(world.cleeng.cancel_payment(held.id, soon()).await.unwrap_err().is_refusal());

    let (_, event) = world.next_event(Timestamp::MAX).unwrap();
    let EventData::Authorise(billing) = event.data else { panic!("{event:?}") };
    assert_eq!(billing.details, Some(new.id));
    assert_eq!(billing.token.unwrap().expose(), "cus_1|pm_2");
}

#[tokio::test]
async fn a_switch_makes_a_new_subscription_with_the_paid_time_of_the_old_one() {
    let world = World::new();
    let (customer, old) = world.buy(WEEKLY).await;
    let new = world.control(&format!("subscriptions/{old}/switch"), &json!({"offerId": MONTHLY}));
    let filter = cleeng::SubscriptionFilter { customer: Some(customer), ..Default::default() };
    let page = world.cleeng.subscriptions(&filter, cleeng::Paging::default(), soon()).await.unwrap();
    assert_eq!(page.total, Some(2));
    assert_eq!(page.items[1].originated_from, Some(old));
    assert_eq!((page.items[1].ends, page.items[1].details), (page.items[0].ends, page.items[0].details));
    assert!(new["subscription"]["subscriptionId"].is_string());
    assert_eq!(world.topics("2026-02-04T23:00:00Z").len(), 1, "only the new one is asked to pay");
}

#[tokio::test]
async fn a_pause_asks_for_nothing_and_gives_its_time_back() {
    let world = World::new();
    let (_, subscription) = world.buy(WEEKLY).await;
    world.topics("2026-02-01T10:00:00Z");
    world.control(&format!("subscriptions/{subscription}/pause"), &json!({}));
    assert_eq!(world.topics("2026-03-01T10:00:00Z"), []);
    world.control(&format!("subscriptions/{subscription}/resume"), &json!({}));
    assert_eq!(world.simulator.subscriptions()[0].ends, "2026-03-07T10:00:00Z".parse().unwrap());
}

#[tokio::test]
async fn the_same_requests_at_the_same_hours_end_in_the_same_state() {
    let play = || async {
        let world = World::new();
        let (_, subscription) = world.buy(MONTHLY).await;
        world.next_event(Timestamp::MAX).unwrap();
        world.renewal_payment(subscription, PaymentStatus::Authorized, "pi_2").await;
        world.next_event(Timestamp::MAX).unwrap();
        let bodies: Vec<_> =
            world.simulator.deliveries(Timestamp::MAX).into_iter().map(|it| it.body).collect();
        let simulator = &world.simulator;
        (simulator.orders(), simulator.payments(), simulator.subscriptions(), bodies)
    };
    assert_eq!(play().await, play().await);
}

#[tokio::test]
async fn ten_thousand_subscriptions_are_asked_in_their_order() {
    let world = World::new();
    for _ in 0..10_000 {
        let customer = world.control("customers", &json!({}))["customerId"].clone();
        let body = json!({
            "customerId": customer, "offerId": WEEKLY, "currency": "EUR", "country": "NL",
            "paymentMethodId": super::world::STRIPE,
        });
        let order = world.control("orders", &body)["id"].clone();
        let body = json!({
            "orderId": order, "status": "captured", "paymentOperation": "initial-payment",
            "externalPaymentId": format!("pi_{order}"),
            "paymentDetails": {"token": "t", "paymentMethodId": super::world::STRIPE},
        });
        let request = http::Request::post("http://cleeng.test/3.1/payments")
            .header("X-Publisher-Token", CleengSimulatorSettings::default().publisher_token);
        let answer = world.simulator.handle(world.now(), request.body(body.to_string().into()).unwrap());
        assert_eq!(answer.status(), 201);
    }
    let due = world.simulator.deliveries("2026-02-07T23:00:00Z".parse().unwrap());
    assert_eq!(due.len(), 10_000 * 6);
    assert!(due.is_sorted_by_key(|delivery| delivery.due));
    assert_eq!(world.simulator.violations(), []);
}
