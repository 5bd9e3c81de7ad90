//! The vendors' own Node libraries: what they sign we believe, and what our simulators sign they believe.
//!
//! Needs Node and `npm ci --prefix tests/vendors`, as `.ci/run` does it; says so loudly where they are missing.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use gateways::WebhookError;
use jiff::SignedDuration;
use local::simulators::Delivery;
use local::simulators::stripe::StripeAccount;
use payment::{Target, Verb};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use wire::Clock;

use super::adyen_world::{HMAC_KEY, MERCHANT, read_body};
use super::contract::Bench;
use super::table::count;
use super::{adyen, adyen_world, stripe, stripe_webhooks};

/// What the vendors' libraries answer to these questions; `None` where they are not at hand.
fn answers(test: &str, questions: &[Value]) -> Option<Vec<Value>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vendors");
    let skipped = |why: &str| {
        writeln!(std::io::stderr(), "SKIPPED: {test}: {why}").unwrap();
    };
    if !folder.join("node_modules/stripe").is_dir() {
        skipped("the vendors' libraries are not installed (npm ci --prefix tests/vendors)");
        return None;
    }
    let node = Command::new("node")
        .arg(folder.join("vendors.mjs"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut node) = node else {
        skipped("there is no node");
        return None;
    };
    node.stdin.take().unwrap().write_all(json!(questions).to_string().as_bytes()).unwrap();
    let done = node.wait_with_output().unwrap();
    assert!(done.status.success(), "vendors.mjs: {}", done.status);
    Some(serde_json::from_slice(&done.stdout).unwrap())
}

const STAMP: i64 = 1_700_000_000;

#[test]
fn what_stripes_library_signs_is_believed() {
    let event = |id: &str| json!({ "id": id, "object": "event", "type": "invoice.paid", "created": STAMP, "livemode": false, "data": { "object": {} } });
    let bodies = [
        event("evt_1").to_string(),
        format!("{:#}\n", event("evt_with_lines")),
        event("evt_Łódź_€_\u{1F4B6}").to_string(),
        event(&format!("evt_{}", "x".repeat(100_000))).to_string(),
    ];
    let question =
        |body| json!({ "ask": "stripe sign", "secret": "whsec_of_the_vendor", "body": body, "at": STAMP });
    let questions: Vec<Value> = bodies.iter().map(question).collect();
    let Some(headers) = answers("what_stripes_library_signs_is_believed", &questions) else { return };
    let reader = stripe_webhooks::reader("whsec_new,whsec_of_the_vendor", "test");
    for (body, header) in bodies.iter().zip(&headers) {
        let read = |body: &str| stripe_webhooks::read_at(&reader, header.as_str(), body.as_bytes(), STAMP);
        assert!(read(body).is_ok(), "{:.200}", body);
        assert_eq!(read(&format!("{body} ")), Err(WebhookError::Signature));
    }
    assert_eq!(headers.len(), count("Stripe: webhooks signed by its own library and believed"));
}

#[test]
fn what_adyens_library_signs_is_believed() {
    let item = |event: &str, reference: &str, reason: &str, original: bool| {
        let mut item = json!({
            "eventCode": event, "success": "true", "pspReference": "QFQTPCQ8HXSKGK82", "merchantAccountCode": MERCHANT,
            "merchantReference": reference, "amount": { "value": 1000, "currency": "EUR" },
            "eventDate": "2021-01-01T01:00:00+01:00", "paymentMethod": "visa", "reason": reason, "additionalData": {},
        });
        if original {
            item["originalReference"] = json!("9913140798220028");
        }
        item
    };
    let items = [
        item("AUTHORISATION", "order.696713353.1", "033899:1111:03/2030", false),
        item("CAPTURE", "renewal.332332332.20260301T120000Z.1", "", true),
        // Colons and backslashes were escaped once, and are not any more.
        item("REFUND", r"a:b\c", "Rückgabe für Zoë", true),
    ];
    let token = json!({
        "createdAt": "2025-06-30T16:40:23+02:00", "eventId": "QBQQ9DLNRHHKGK38", "environment": "test",
        "type": "recurring.token.disabled",
        "data": { "merchantAccount": MERCHANT, "storedPaymentMethodId": "M5N7TQ4TG5PFWR50", "type": "visa", "shopperReference": "cleeng-1" },
    });
    let token = format!("{token:#}\n");
    let question = |data: &Value| json!({ "ask": "adyen sign", "key": HMAC_KEY, "data": data });
    let questions: Vec<Value> = items.iter().chain([&json!(token)]).map(question).collect();
    let Some(signatures) = answers("what_adyens_library_signs_is_believed", &questions) else { return };
    let reader = adyen_world::reader();
    for (item, signature) in items.iter().zip(&signatures) {
        let read = |minor: i64| {
            let mut item = item.clone();
            item["additionalData"]["hmacSignature"] = signature.clone();
            item["amount"]["value"] = json!(minor);
            let body = json!({ "live": "false", "notificationItems": [{ "NotificationRequestItem": item }] });
            read_body(&reader, &[], body.to_string().as_bytes())
        };
        assert!(read(1000).is_ok(), "{item}");
        assert_eq!(read(1001), Err(WebhookError::Signature), "{item}");
    }
    let header = [("hmacsignature".to_owned(), signatures.last().unwrap().as_str().unwrap().to_owned())];
    assert!(read_body(&reader, &header, token.as_bytes()).is_ok());
    assert_eq!(read_body(&reader, &header, token.trim_end().as_bytes()), Err(WebhookError::Signature));
    assert_eq!(signatures.len(), count("Adyen: webhooks signed by its own library and believed"));
}

/// Everything that makes a gateway send webhooks on an ordinary day.
async fn busy_day(bench: &Bench) {
    let pays = bench.pays.clone();
    let bought = bench.intention(Verb::Purchase, 1, 699, Target::Buyer);
    let token = bench.approved(&bought, Some(&pays)).await.token.unwrap();
    bench
        .declined(&bench.intention(Verb::Purchase, 2, 699, Target::Buyer), Some(&bench.refused.clone()))
        .await;
    bench.approved(&bench.intention(Verb::Verify, 3, 0, Target::Buyer), Some(&pays)).await;
    let stored = |verb, order| bench.intention(verb, order, 1299, Target::Token(token.clone()));
    let paid = bench.approved(&stored(Verb::Charge, 4), None).await.reference;
    bench.approved(&bench.intention(Verb::Refund, 4, 300, Target::Payment(paid)), None).await;
    for (order, verb, minor) in [(5, Verb::Capture, 1299), (6, Verb::Cancel, 0)] {
        let held = bench.approved(&stored(Verb::Authorise, order), None).await.reference;
        bench.approved(&bench.intention(verb, order, minor, Target::Payment(held)), None).await;
    }
}

fn waiting(bench: &Bench) -> Vec<Delivery> {
    bench.wait(SignedDuration::from_mins(30));
    bench.control("tick", &json!({}));
    bench.wait(SignedDuration::from_mins(30));
    bench.simulator.deliveries(bench.clock.now())
}

fn header<'a>(delivery: &'a Delivery, name: &str) -> Option<&'a str> {
    delivery.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// Asks about every delivery twice, as it is and changed a little: the one is believed, the other is not.
fn believed(test: &str, questions: &[Value], row: &str) {
    let Some(answers) = answers(test, questions) else { return };
    for (question, answer) in questions.iter().zip(&answers) {
        assert_eq!(*answer, question["right"], "{question}");
    }
    assert_eq!(questions.len() / 2, count(row));
}

#[tokio::test(start_paused = true)]
async fn stripes_library_believes_what_the_simulator_signs() {
    let bench = stripe::bench();
    busy_day(&bench).await;
    let (at, secret) = (bench.clock.now().as_second() + 3600, StripeAccount::default().webhook_secret);
    let questions: Vec<Value> = waiting(&bench)
        .iter()
        .flat_map(|delivery| {
            let body = String::from_utf8(delivery.body.to_vec()).unwrap();
            let ask = |body: String, right: bool| {
                json!({
                    "ask": "stripe verify", "secret": secret.expose_secret(), "at": at, "body": body,
                    "header": header(delivery, "stripe-signature"), "right": right,
                })
            };
            [ask(body.clone(), true), ask(format!("{body} "), false)]
        })
        .collect();
    let row = "Stripe: the simulator's webhooks believed by its own library";
    believed("stripes_library_believes_what_the_simulator_signs", &questions, row);
}

#[tokio::test(start_paused = true)]
async fn adyens_library_believes_what_the_simulator_signs() {
    let bench = adyen::bench();
    busy_day(&bench).await;
    let token = bench.token().await;
    let card = token.expose().split_once('|').unwrap().1;
    for what in ["updated", "disabled"] {
        bench.control(&format!("stored/{card}/{what}"), &json!({}));
    }
    let mut questions = Vec::new();
    for delivery in waiting(&bench) {
        let body: Value = serde_json::from_slice(&delivery.body).unwrap();
        for minor_more in [0, 1] {
            let right = minor_more == 0;
            questions.push(match header(&delivery, "hmacsignature") {
                Some(signature) => json!({
                    "ask": "adyen verify body", "key": HMAC_KEY, "signature": signature, "right": right,
                    "body": format!("{}{}", std::str::from_utf8(&delivery.body).unwrap(), " ".repeat(minor_more)),
                }),
                None => {
                    let mut item = body["notificationItems"][0]["NotificationRequestItem"].clone();
                    let minor = item["amount"]["value"].as_u64().unwrap() + u64::try_from(minor_more).unwrap();
                    item["amount"]["value"] = json!(minor);
                    json!({ "ask": "adyen verify item", "key": HMAC_KEY, "item": item, "right": right })
                }
            });
        }
    }
    let row = "Adyen: the simulator's webhooks believed by its own library";
    believed("adyens_library_believes_what_the_simulator_signs", &questions, row);
}
