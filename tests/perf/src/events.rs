//! Events by the hundred: what a front end posts, what Cleeng's webhooks say, what the queues then hold.

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use jiff::SignedDuration;
use local::buyer::{Buyer, TestCard};
use local::simulators::cleeng::{CleengSimulatorSettings, CleengSubscription, offers};
use local::system::System;
use queue::{Job, Received};
use serde_json::{Value, json};
use sha2::Sha256;
use wire::Clock;

use crate::Result;

/// Buyers' first payments, each of its own customer and order, as the HTTP API hands them on.
pub(crate) fn purchases(system: &System, count: usize) -> Result<Vec<Value>> {
    (0..count).map(|_| Ok(purchase(system)?.1)).collect()
}

/// What a page asks: how the order can be paid, and then to pay it.
pub(crate) fn purchase(system: &System) -> Result<(Value, Value)> {
    let buyer = Buyer::register(system, "stripe")?;
    let order = buyer.order(system, offers::MONTHLY)?;
    let asks = |path, body: Value| {
        let authorization = ("authorization".to_owned(), format!("Bearer {}", buyer.jwt));
        http_event(path, &[authorization], &body.to_string())
    };
    let methods = asks("/connectors/stripe/payment-methods", json!({ "orderId": order }));
    let pays = json!({
        "orderId": order, "paymentMethod": TestCard::Pays.data("stripe"), "returnUrl": "http://shop.test/return",
    });
    Ok((methods, asks("/connectors/stripe/initial-payment", pays)))
}

/// So many living subscriptions, bought and linked.
pub(crate) async fn subscribers(system: &System, count: usize) -> Result<Vec<CleengSubscription>> {
    for _ in 0..count {
        let buyer = Buyer::register(system, "stripe")?;
        let order = buyer.order(system, offers::MONTHLY)?;
        let reply = buyer.pay(system, order, TestCard::Pays).await;
        if !reply.status.is_success() {
            return Err(format!("a purchase failed: {}", reply.body).into());
        }
    }
    system.run_for(SignedDuration::from_mins(10)).await;
    Ok(system.peers.cleeng.subscriptions())
}

/// Webhooks of Cleeng's that ask for authorisations, signed, as the HTTP API hands them on.
pub(crate) fn webhooks(count: usize) -> Result<Vec<Value>> {
    let settings = CleengSimulatorSettings::default();
    let mut all = Vec::with_capacity(count);
    for nth in 0..count {
        let body = json!({
            "broadcasterId": settings.publisher_id,
            "topic": "subscriptionReadyForPaymentAuthorisation",
            "data": {
                "subscriptionId": (100_000_000 + nth).to_string(), "offerId": "S916977979_NL", "customerId": 362_344_331,
                "customerEmail": "viewer@example.com", "paymentDetailsId": 193_925_086, "active": true,
                "dunningAttemptDate": "2027-02-01T09:00:00Z", "dunningStatus": "authorize",
                "expirationDate": "2027-02-04T09:00:00Z", "currency": "EUR", "paymentCountry": "NL",
                "paymentMethodId": 194_856_795, "token": "cus_Q1w2e3r4t5y6u7/pm_1Nnr8XfV4ZsQ9a7Kc2b3d4e5",
                "paymentGateway": "stripe",
            },
        })
        .to_string();
        let mac = Hmac::<Sha256>::new_from_slice(settings.webhook_secret.as_bytes())?.chain_update(&body);
        let signature = ("x-cleeng-signature".to_owned(), hex::encode(mac.finalize().into_bytes()));
        all.push(http_event("/webhooks/cleeng", &[signature], &body));
    }
    Ok(all)
}

/// Lets time pass until Cleeng has asked this job for so many pieces of work, and takes them off its queue.
pub(crate) async fn asked(system: &System, job: Job, count: usize) -> Result<Vec<Received>> {
    let mut found = Vec::new();
    for _ in 0..STEPS_MAX {
        deliver(system).await?;
        loop {
            let batch = system.queue.receive(job, 10);
            if batch.is_empty() {
                break;
            }
            for received in batch {
                system.queue.delete(job, received.receipt);
                found.push(received);
            }
        }
        if found.len() >= count {
            found.truncate(count);
            return Ok(found);
        }
        let next = system.clock.now().checked_add(STEP)?;
        system.clock.move_to(next);
    }
    Err(format!("Cleeng asked {job:?} for {} of {count} pieces of work", found.len()).into())
}

const STEP: SignedDuration = SignedDuration::from_mins(30);
/// Longer than a month.
const STEPS_MAX: usize = 40 * 48;

/// Posts Cleeng's due webhooks to the ingest function of the system, which queues them.
async fn deliver(system: &System) -> Result<()> {
    for delivery in system.peers.cleeng_host.deliveries() {
        let mut request = http::Request::post("http://connector.test/webhooks/cleeng");
        for (name, value) in &delivery.headers {
            request = request.header(name, value);
        }
        let status = system.request(request.body(delivery.body)?).await.status().as_u16();
        system
            .peers
            .cleeng_host
            .control(&format!("deliveries/{}", delivery.id), &json!({ "status": status }));
    }
    Ok(())
}

/// One message as Lambda hands it to its job.
pub(crate) fn queue_event(job: Job, batch: &[Received]) -> Result<Value> {
    Ok(serde_json::from_str(&queue::event_source::event(job, batch))?)
}

/// A request as the HTTP API (payload format 2.0) hands it on.
fn http_event(path: &str, headers: &[(String, String)], body: &str) -> Value {
    let headers: serde_json::Map<_, _> =
        headers.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "", "headers": headers,
        "requestContext": {
            "accountId": "123456789012", "apiId": "api", "domainName": "api.test", "domainPrefix": "api",
            "http": { "method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "198.51.100.7", "userAgent": "perf" },
            "requestId": "id", "routeKey": "$default", "stage": "$default",
            "time": "04/Jan/2027:09:00:00 +0000", "timeEpoch": 1_799_053_200_000_u64,
        },
        "body": body, "isBase64Encoded": false,
    })
}

/// The request that such an event stands for, for the functions in this process.
pub(crate) fn request(event: &Value) -> Result<http::Request<Bytes>> {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let mut request = http::Request::post(format!("http://connector.test{}", text("/rawPath")));
    for (name, value) in event["headers"].as_object().into_iter().flatten() {
        request = request.header(name, value.as_str().unwrap_or_default());
    }
    Ok(request.body(Bytes::from(text("/body").to_owned()))?)
}
