//! The doctor: nothing wrong is said to be fine, and each wrong thing has a line that says what to do.

use std::sync::Mutex;

use bytes::Bytes;
use http::{Request, Response};
use jiff::SignedDuration;
use local::simulators::cleeng::CleengSimulatorSettings;
use queue::Job;
use serde_json::json;
use std::sync::Arc;
use wire::simulated::{Clear, Network, Peer};
use wire::{Http, Wire};

use super::{Ops, foreign, the_runbook_shows};

#[tokio::test]
async fn a_healthy_deployment_has_nothing_wrong() {
    let ops = Ops::new().await;
    ops.world.subscriber("stripe").await;
    let report = ops.run("doctor").await.unwrap();
    assert!(!report.needs_a_person, "{}", report.text);
    insta::assert_snapshot!(report.text);
}

#[tokio::test]
async fn five_wrong_things_are_named_with_what_to_do() {
    let ops =
        Ops::with(CleengSimulatorSettings::default(), &[("STRIPE_SECRET_KEY", "sk_test_of_another_account")])
            .await;
    let subscription = ops.world.subscriber("adyen").await.subscription;
    ops.world.pass(SignedDuration::from_hours(29 * 24)).await;
    // The topic was written over by another connector; the other one got a filter that drops everything.
    ops.at_cleeng("PUT", "/webhook_subscriptions/capturePayment", &json!([foreign()]));
    let secret = CleengSimulatorSettings::default().webhook_secret;
    let filtered = json!([{
        "url": "http://connector.test/webhooks/cleeng",
        "filters": [{ "name": "paymentMethodId", "options": { "value": 320_113_641 } }],
        "verification": { "name": "HMAC", "options": { "hashAlg": "SHA256", "sharedSecret": secret } },
    }]);
    ops.at_cleeng("PUT", "/webhook_subscriptions/refundPayment", &filtered);
    ops.park(subscription).await;
    let queue = &ops.world.system.queue;
    queue.put(Job::Settlement, "not a message", std::time::Duration::ZERO).unwrap();
    for _ in 0..=local::system::QUEUE_RULES.receives_max {
        queue.receive(Job::Settlement, 1);
        let clock = &ops.world.system.clock;
        clock.move_to(wire::Clock::now(&**clock) + SignedDuration::from_secs(181));
    }
    let report = ops.run("doctor").await.unwrap();
    assert!(report.needs_a_person);
    insta::assert_snapshot!(report.text);
    the_runbook_shows(&report.text);
}

#[tokio::test]
async fn a_setting_that_stops_the_functions_is_named() {
    for (name, value) in [
        ("STRIPE_SECRET_KEY", "sk_live_1"),
        ("ADYEN_HMAC_KEYS", "not-hexadecimal"),
        ("CLEENG_WEBHOOK_SECRETS", "short"),
        ("CLEENG_PUBLISHER_TOKEN", "changeme"),
        ("PAYMENT_METHODS", "[]"),
        ("CLEENG_WEBHOOK_URL", ""),
    ] {
        let ops = Ops::with(CleengSimulatorSettings::default(), &[(name, value)]).await;
        let report = ops.run("doctor").await.unwrap();
        assert!(report.text.contains(&format!("WRONG  settings: setting {name}")), "{name}: {}", report.text);
        assert!(value.len() < 6 || !report.text.contains(value), "{name} is repeated: {}", report.text);
    }
}

#[tokio::test]
async fn a_token_of_another_environment_is_told_apart_from_an_outage() {
    let ops =
        Ops::with(CleengSimulatorSettings::default(), &[("CLEENG_PUBLISHER_TOKEN", "of-production")]).await;
    let text = ops.text("doctor").await;
    assert!(text.contains("put the publisher token of this environment"), "{text}");
}

/// Stands at the front door and keeps what is posted.
struct Door(Mutex<Vec<Request<Bytes>>>);

impl Peer for Door {
    fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        self.0.lock().unwrap().push(request);
        Response::new(Bytes::from_static(b"OK"))
    }
}

#[tokio::test]
async fn a_knock_at_the_front_door_is_taken_in_by_the_real_function() {
    let mut ops = Ops::new().await;
    let door = Arc::new(Door(Mutex::new(Vec::new())));
    let mut hosts = ops.world.system.peers.by_host();
    hosts.push(("connector.test".to_owned(), door.clone()));
    let wire = Wire::new(Arc::new(Network::new(hosts, Arc::new(Clear))));
    ops.at = ops::Deployment::new(
        ops.settings.clone(),
        wire,
        ops.world.system.clock.clone(),
        &Http::new().unwrap(),
    );
    let text = ops.text("doctor --knock").await;
    assert!(text.contains("front door: a signed event was taken in and kept"), "{text}");
    let knocked = door.0.lock().unwrap().pop().unwrap();
    assert_eq!(ops.world.system.request(knocked).await.status(), 200);
}
