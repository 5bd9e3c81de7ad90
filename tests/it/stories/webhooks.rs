//! Webhooks: believed only when signed, never lost, and acted on once however often they come.

use futures::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::world::{GATEWAYS, World, signature};

const AUTHORISE: &str = "subscriptionReadyForPaymentAuthorisation";
const CAPTURE: &str = "subscriptionReadyForPaymentCapture";

#[tokio::test]
async fn twenty_deliveries_of_one_event_at_once_charge_once() {
    for gateway in GATEWAYS {
        let world = World::slow();
        let subscriber = world.subscriber(gateway).await;
        for topic in [AUTHORISE, CAPTURE] {
            let event = world.renewal_event(topic, subscriber.subscription, 72);
            let answers = join_all((0..20).map(|_| world.cleeng_says(&event))).await;
            assert!(answers.iter().all(|answer| answer.status() == 200));
            world.system.settle().await;
            world.pass(SignedDuration::from_hours(1)).await;
        }
        let renewals: Vec<_> =
            world.payments(gateway).into_iter().skip(1).filter(|it| !it.declined).collect();
        assert_eq!(renewals.len(), 1, "{gateway}: one authorisation");
        assert!(renewals[0].captured_minor > 0, "captured once");
        world.agrees().await;
    }
}

#[tokio::test]
async fn an_event_is_the_same_with_ids_as_numbers_or_texts_and_hours_in_any_zone() {
    let world = World::new();
    let subscriber = world.subscriber("stripe").await;
    let event = world.renewal_event(AUTHORISE, subscriber.subscription, 72);
    let mut other = event.clone();
    other["data"]["subscriptionId"] = json!(subscriber.subscription);
    other["data"]["customerId"] = json!(subscriber.buyer.customer.to_string());
    let asked: jiff::Timestamp = event["data"]["dunningAttemptDate"].as_str().unwrap().parse().unwrap();
    let elsewhere = (asked + SignedDuration::from_hours(1)).strftime("%Y-%m-%dT%H:%M:%S+01:00").to_string();
    other["data"]["dunningAttemptDate"] = json!(elsewhere);
    for event in [&event, &other] {
        assert_eq!(world.cleeng_says(event).await.status(), 200);
        world.system.settle().await;
    }
    assert_eq!(world.payments("stripe").len(), 2, "the purchase and one authorisation");
}

#[tokio::test]
async fn a_webhook_without_a_good_signature_changes_nothing() {
    let world = World::new();
    let subscriber = world.subscriber("stripe").await;
    let event = world.renewal_event(AUTHORISE, subscriber.subscription, 72).to_string();
    let other_body = signature(&format!("{event} "));
    for signature in [None, Some(""), Some("00"), Some(other_body.as_str()), Some("sha256=zz")] {
        let answer = world.cleeng_posts(&event, signature).await;
        assert_eq!(answer.status(), 401, "{signature:?}");
    }
    world.system.settle().await;
    assert_eq!(world.payments("stripe").len(), 1);
}

#[tokio::test]
async fn an_unknown_topic_is_kept_and_answered_200() {
    let world = World::new();
    let event = json!({"broadcasterId": 558_186_818, "topic": "passCreated", "data": {"passId": 7}});
    assert_eq!(world.cleeng_says(&event).await.status(), 200);
    assert_eq!(world.system.ledger.event(&digest(&event)).await.unwrap().unwrap().job, None);
}

#[tokio::test]
async fn another_connectors_event_is_kept_and_left_alone() {
    let world = World::new();
    let subscriber = world.subscriber("stripe").await;
    let mut event = world.renewal_event(AUTHORISE, subscriber.subscription, 72);
    event["data"]["paymentMethodId"] = json!(999_999_999);
    assert_eq!(world.cleeng_says(&event).await.status(), 200);
    world.system.settle().await;
    assert_eq!(world.payments("stripe").len(), 1);
    assert!(world.system.ledger.event(&digest(&event)).await.unwrap().is_some());
}

#[tokio::test]
async fn another_publishers_event_is_refused() {
    let world = World::new();
    let event = json!({"broadcasterId": 1, "topic": "passCreated", "data": {"passId": 7}});
    assert_eq!(world.cleeng_says(&event).await.status(), 403);
}

#[tokio::test]
async fn a_body_that_is_too_long_or_no_event_is_refused_with_a_reason() {
    let world = World::new();
    let long = format!(r#"{{"broadcasterId":558186818,"topic":"t","data":"{}"}}"#, "x".repeat(300 * 1024));
    assert_eq!(world.cleeng_posts(&long, Some(&signature(&long))).await.status(), 413);
    for body in ["", "{", "[]", "null", r#"{"topic":7}"#, r#"{"topic":"subscriptionReadyForPaymentCapture"}"#]
    {
        let answer = world.cleeng_posts(body, Some(&signature(body))).await;
        assert_eq!(answer.status(), 400, "{body}");
        let told: Value = serde_json::from_slice(answer.body()).unwrap();
        assert!(told["errors"][0].as_str().is_some_and(|text| !text.is_empty()));
    }
}

fn digest(event: &Value) -> String {
    cleeng::webhook::read(event.to_string().as_bytes()).unwrap().digest
}
