//! Secrets as the deployment has them: read from Secrets Manager at the start, and anew when they are rotated.

use hmac::{Hmac, KeyInit, Mac};
use local::secrets_manager::LocalSecrets;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::life::event_of;
use crate::runtime_api::Function;
use crate::surroundings::Surroundings;

const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:webhooks";
const FIRST: &str = "the-first-secret-of-32-characters";
const SECOND: &str = "the-second-secret-of-32-characters";

fn value(secret: &str) -> String {
    json!({ "CLEENG_WEBHOOK_SECRETS": secret }).to_string()
}

/// Settings without the secret, and where it is read instead, on every event.
fn settings(around: &Surroundings, secrets: &LocalSecrets) -> Vec<(&'static str, String)> {
    let mut settings = around.settings.clone();
    settings.retain(|(name, _)| *name != "CLEENG_WEBHOOK_SECRETS");
    settings.extend(secrets.settings(&[SECRET]));
    settings.push(("SECRETS_SECONDS_MAX", "0".to_owned()));
    settings
}

async fn status(ingest: &Function, secret: &str) -> u64 {
    let body = json!({ "topic": "subscriptionReadyForTermination", "data": {} }).to_string();
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(&body);
    let header = ("x-cleeng-signature".to_owned(), hex::encode(mac.finalize().into_bytes()));
    let answer = ingest.invoke(&event_of("/webhooks/cleeng", &[header], &body)).await.unwrap();
    answer["statusCode"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotated_secret_is_taken_into_use_and_one_that_does_not_serve_is_not() {
    let around = Surroundings::new().await;
    let secrets = LocalSecrets::start().await.unwrap();
    secrets.put(SECRET, &value(FIRST));
    let ingest = Function::start("webhook-ingest", &settings(&around, &secrets)).await;
    assert_ne!(status(&ingest, FIRST).await, 401);
    assert_eq!(status(&ingest, SECOND).await, 401);

    secrets.put(SECRET, &value(SECOND));
    assert_ne!(status(&ingest, SECOND).await, 401);
    assert_eq!(status(&ingest, FIRST).await, 401);

    for useless in ["not json", "{}", &value("changeme")] {
        secrets.put(SECRET, useless);
        assert_ne!(status(&ingest, SECOND).await, 401, "{useless}");
    }
    secrets.remove(SECRET);
    assert_ne!(status(&ingest, SECOND).await, 401, "what is held may still be good");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_binary_whose_secret_cannot_be_read_does_not_start_and_names_it() {
    let around = Surroundings::new().await;
    let secrets = LocalSecrets::start().await.unwrap();
    for held in [None, Some(Value::from(FIRST).to_string())] {
        if let Some(held) = &held {
            secrets.put(SECRET, held);
        }
        let (started, text) =
            Function::start("webhook-ingest", &settings(&around, &secrets)).await.end().await;
        assert!(!started && text.contains(SECRET), "{text}");
        assert!(!text.contains(FIRST), "no value is written: {text}");
    }
}
