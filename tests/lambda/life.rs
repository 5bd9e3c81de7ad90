//! One subscription's life through the real binaries: bought, linked, renewed, ended.

use jiff::SignedDuration;
use ledger::Subject;
use local::buyer::{Buyer, TestCard};
use local::ledgers::compare;
use local::simulators::cleeng::{SubscriptionState, offers};
use local::system::System;
use queue::Job;
use queue::event_source::event;
use serde_json::{Value, json};
use wire::Clock;

use crate::runtime_api::Function;
use crate::surroundings::Surroundings;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_lives_its_whole_life_through_the_real_binaries() {
    let around = Surroundings::new().await;
    let system = &around.started.system;
    let shop = Function::start("initial-purchase", &around.settings).await;
    let ingest = Function::start("webhook-ingest", &around.settings).await;
    let workers = [
        (Job::RecurringCapture, Function::start("recurring-capture", &around.settings).await),
        (Job::Settlement, Function::start("settlement", &around.settings).await),
        (Job::Termination, Function::start("termination", &around.settings).await),
    ];
    let schedule = Function::start("renewal-schedule", &around.settings).await;

    let buyer = Buyer::register(system, "stripe").unwrap();
    let order = buyer.order(system, offers::MONTHLY).unwrap();
    let origins = &around.settings.iter().find(|(name, _)| *name == "RETURN_URLS").unwrap().1;
    let shop_origin = origins.split(',').next().unwrap();
    let body = json!({
        "orderId": order, "paymentMethod": TestCard::Pays.data("stripe"), "returnUrl": format!("{shop_origin}/return"),
    });
    let answer =
        shop.invoke(&http_event("/connectors/stripe/initial-payment", &buyer.jwt, &body)).await.unwrap();
    assert_eq!(answer["statusCode"], 200, "{answer}");
    let told: Value = serde_json::from_str(&text(&answer)).unwrap();
    assert_eq!(told["responseData"]["payment"]["status"], "captured", "{told}");

    // The clock stands still between the steps: everything that moves is a binary.
    for hours in [1, 24 * 28, 24, 24, 24, 24] {
        let now = system.clock.now();
        system.clock.move_to(now + SignedDuration::from_hours(hours));
        work(system, &ingest, &schedule, &workers).await;
    }
    let row = system.peers.cleeng.subscriptions().remove(0);
    assert_eq!((row.periods, row.has_access), (2, true), "renewed once: {row:?}");
    let subject = Subject::Subscription(row.id.try_into().unwrap());
    assert!(system.ledger.mapping(subject).await.unwrap().is_some());

    system.peers.cleeng_host.control(&format!("subscriptions/{}/stop", row.id), &json!({}));
    system.clock.move_to(row.ends + SignedDuration::from_hours(1));
    work(system, &ingest, &schedule, &workers).await;
    let row = system.peers.cleeng.subscriptions().remove(0);
    assert_eq!((row.status, row.has_access), (SubscriptionState::Terminated, false));
    assert_eq!(compare(system).await.unwrap().differences, []);
}

/// Delivers, ticks and works queues through the binaries until nothing is waiting.
async fn work(system: &System, ingest: &Function, schedule: &Function, workers: &[(Job, Function)]) {
    for _ in 0..20 {
        let mut busy = false;
        for (name, host) in system.peers.named() {
            for delivery in host.deliveries() {
                busy = true;
                let body = String::from_utf8(delivery.body.to_vec()).unwrap();
                let event = event_of(&format!("/webhooks/{name}"), &delivery.headers, &body);
                let answer = ingest.invoke(&event).await.unwrap();
                assert_eq!(answer["statusCode"], 200, "{name}: {answer}");
                host.control(&format!("deliveries/{}", delivery.id), &json!({ "status": 200 }));
            }
        }
        schedule.invoke(&json!({})).await.unwrap();
        for (job, worker) in workers {
            let batch = system.queue.receive(*job, 10);
            if batch.is_empty() {
                continue;
            }
            busy = true;
            let sent: Value = serde_json::from_str(&event(*job, &batch)).unwrap();
            let answer = worker.invoke(&sent).await.unwrap();
            // Two dunning dates at once: the second message goes back while the first is worked, and is seen again later.
            let back = answer["batchItemFailures"].as_array().unwrap();
            let returned = |id: String| back.iter().any(|failure| failure["itemIdentifier"] == id);
            for received in batch.into_iter().filter(|received| !returned(received.message_id())) {
                system.queue.delete(*job, received.receipt);
            }
        }
        if !busy {
            return;
        }
    }
    panic!("the binaries do not come to rest");
}

pub(crate) fn http_event(path: &str, jwt: &str, body: &Value) -> Value {
    let authorization = ("authorization".to_owned(), format!("Bearer {jwt}"));
    event_of(path, &[authorization], &body.to_string())
}

pub(crate) fn event_of(path: &str, headers: &[(String, String)], body: &str) -> Value {
    let headers: serde_json::Map<_, _> =
        headers.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "", "headers": headers,
        "requestContext": {
            "accountId": "123456789012", "apiId": "api", "domainName": "api.test", "domainPrefix": "api",
            "http": { "method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "198.51.100.7", "userAgent": "test" },
            "requestId": "id", "routeKey": "$default", "stage": "$default",
            "time": "04/Jan/2027:09:00:00 +0000", "timeEpoch": 1_799_053_200_000_u64,
        },
        "body": body, "isBase64Encoded": false,
    })
}

/// An answer's body, whichever way it travels.
pub(crate) fn text(answer: &Value) -> String {
    use base64::Engine;
    let body = answer["body"].as_str().unwrap_or_default();
    match answer["isBase64Encoded"].as_bool() {
        Some(true) => String::from_utf8(base64::prelude::BASE64_STANDARD.decode(body).unwrap()).unwrap(),
        _ => body.to_owned(),
    }
}
