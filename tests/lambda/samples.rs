//! Every binary takes every sample event of its job, answers in the platform's form, and stays alive.

use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use tests::description::description;

use crate::life::text;
use crate::runtime_api::{Function, JOBS};
use crate::surroundings::Surroundings;

fn samples(job: &str) -> Vec<(String, Value)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../events").join(job);
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
        })
        .collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    assert!(!found.is_empty(), "{job} has sample events");
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_binary_answers_its_sample_events() {
    let around = Surroundings::new().await;
    let mut settings = around.settings.clone();
    // What the samples were signed with (events/README.md).
    settings.retain(|(name, _)| {
        !matches!(*name, "CLEENG_WEBHOOK_SECRETS" | "ADYEN_HMAC_KEYS" | "STRIPE_WEBHOOK_SECRETS")
    });
    settings.extend([
        ("CLEENG_WEBHOOK_SECRETS", "events-cleeng-secret-of-32-bytes".to_owned()),
        ("STRIPE_WEBHOOK_SECRETS", "whsec_events_secret_of_the_samples".to_owned()),
        ("ADYEN_HMAC_KEYS", "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056".to_owned()),
    ]);
    for job in JOBS {
        let function = Function::start(job, &settings).await;
        for (name, event) in samples(job) {
            let answer = function.invoke(&event).await;
            let answer = answer.unwrap_or_else(|error| panic!("{job}/{name}: {error}"));
            if event.get("requestContext").is_some() {
                let status = answer["statusCode"].as_u64().unwrap();
                assert!((200..500).contains(&status), "{job}/{name}: {answer} {}", text(&answer));
                let broken = broken(&event, &answer);
                assert!(broken.is_empty(), "docs/openapi.yaml says otherwise of {job}/{name}: {broken:#?}");
            } else if event.get("Records").is_some() {
                assert!(answer["batchItemFailures"].is_array(), "{job}/{name}: {answer}");
            }
        }
    }
}

/// What a binary's answer to an event of API Gateway's breaks of the description.
fn broken(event: &Value, answer: &Value) -> Vec<String> {
    let http = &event["requestContext"]["http"];
    let (method, path) = (http["method"].as_str().unwrap(), http["path"].as_str().unwrap());
    let body = event["body"].as_str().unwrap_or_default();
    let body = match event["isBase64Encoded"].as_bool() {
        Some(true) => BASE64_STANDARD.decode(body).unwrap(),
        _ => body.as_bytes().to_vec(),
    };
    let status = u16::try_from(answer["statusCode"].as_u64().unwrap()).unwrap();
    let header = |name: &str| Some(answer["headers"][name.to_lowercase()].as_str()?.to_owned());
    description().broken(method, path, &body, status, &header, text(answer).as_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_binary_that_misses_a_setting_does_not_start_and_names_it() {
    let around = Surroundings::new().await;
    for (job, missing) in [
        ("initial-purchase", "CLEENG_PUBLISHER_TOKEN"),
        ("recurring-capture", "STRIPE_SECRET_KEY"),
        ("webhook-ingest", "CLEENG_WEBHOOK_SECRETS"),
        ("renewal-schedule", "LEDGER_TABLE"),
    ] {
        for wrong in [None, Some("changeme")] {
            let mut settings = around.settings.clone();
            settings.retain(|(name, _)| *name != missing);
            settings.extend(wrong.map(|value| (missing, value.to_owned())));
            let (started, text) = Function::start(job, &settings).await.end().await;
            assert!(!started && text.contains(missing), "{job} without {missing}: {text}");
        }
    }
}
