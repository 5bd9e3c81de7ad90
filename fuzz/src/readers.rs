//! What is fuzzed: a body goes to the reader that stands at the wall, rightly signed, so that the parser behind the
//! signature is reached, and with whatever signature the input brings, which must not be believed.

use std::sync::OnceLock;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cleeng::WebhookSettings;
use cleeng::webhook::Verifier;
use gateways::adyen::{AdyenWebhookSettings, AdyenWebhooks};
use gateways::stripe::{StripeWebhookSettings, StripeWebhooks};
use gateways::{WebhookError, WebhookReader, WebhookRequest};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use serde_json::{Value, json};
use settings::Settings;
use sha2::Sha256;

const SECRET: &str = "whsec_a-secret-of-the-fuzzer";
const ADYEN_KEY: &str = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
const STAMP: i64 = 1_800_000_000;

/// A webhook of Cleeng's: what is read is the same after its way through a queue.
pub(crate) fn cleeng_webhook(body: &[u8]) {
    let signature = hex::encode(mac(SECRET.as_bytes(), &[body]));
    let verified = cleeng().verify(&headers("x-cleeng-signature", signature.as_bytes()), body);
    assert_eq!(verified, Ok(()), "a right signature is believed");
    if let Ok(event) = cleeng::webhook::read(body) {
        let text = serde_json::to_string(&event).unwrap();
        let again: cleeng::webhook::Event = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), text);
    }
}

/// A webhook of Stripe's.
pub(crate) fn stripe_webhook(body: &[u8]) {
    let signature = hex::encode(mac(SECRET.as_bytes(), &[STAMP.to_string().as_bytes(), b".", body]));
    let headers = headers("stripe-signature", format!("t={STAMP},v1={signature}").as_bytes());
    let told = stripe().read(&request(&headers, body));
    assert!(!is_disbelieved(&told), "a right signature is believed");
}

/// A webhook of Adyen's: signed as a whole, as token webhooks are, and item by item, as the others are.
pub(crate) fn adyen_webhook(body: &[u8]) {
    let key = hex::decode(ADYEN_KEY).unwrap();
    let whole = BASE64_STANDARD.encode(mac(&key, &[body]));
    let _ = adyen().read(&request(&headers("hmacsignature", whole.as_bytes()), body));
    let Ok(mut webhook) = serde_json::from_slice::<Value>(body) else { return };
    let Some(items) = webhook.get_mut("notificationItems").and_then(Value::as_array_mut) else { return };
    for item in items.iter_mut().filter_map(|item| item.get_mut("NotificationRequestItem")) {
        let signature = BASE64_STANDARD.encode(mac(&key, &[signed_text(item).as_bytes()]));
        let Some(item) = item.as_object_mut() else { continue };
        let more = item.entry("additionalData").or_insert_with(|| json!({}));
        if let Some(more) = more.as_object_mut() {
            more.insert("hmacSignature".to_owned(), json!(signature));
        }
    }
    let _ = adyen().read(&request(&HeaderMap::new(), webhook.to_string().as_bytes()));
}

/// A signature in the first line and a body after it: believed only where it is the right one.
pub(crate) fn signatures(input: &[u8]) {
    let (given, body) = match input.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, &[][..]),
    };
    if HeaderValue::from_bytes(given).is_err() {
        return;
    }
    let text = String::from_utf8_lossy(given);
    let holds = |right: &str| text.to_ascii_lowercase().contains(&right.to_ascii_lowercase());

    let right = hex::encode(mac(SECRET.as_bytes(), &[body]));
    let believed = cleeng().verify(&headers("x-cleeng-signature", given), body).is_ok();
    assert!(!believed || holds(&right), "Cleeng's");

    let told = stripe().read(&request(&headers("stripe-signature", given), body));
    let right =
        stamp(&text).map(|stamp| hex::encode(mac(SECRET.as_bytes(), &[stamp.as_bytes(), b".", body])));
    assert!(is_disbelieved(&told) || right.is_some_and(|right| holds(&right)), "Stripe's");

    let told = adyen().read(&request(&headers("hmacsignature", given), body));
    let right = BASE64_STANDARD.encode(mac(&hex::decode(ADYEN_KEY).unwrap(), &[body]));
    let inside = String::from_utf8_lossy(body).contains("hmacSignature");
    // In a delivery of no items there is nothing to be signed; each item is told, if only as one that says nothing to us.
    let believed = told.is_ok_and(|news| !news.is_empty());
    assert!(!believed || holds(&right) || inside, "Adyen's");
}

/// The stamp of a `Stripe-Signature`.
fn stamp(header: &str) -> Option<&str> {
    header.split(',').find_map(|part| part.trim().strip_prefix("t="))
}

/// The text that an item's signature is over (Adyen: Verify HMAC signatures).
fn signed_text(item: &Value) -> String {
    let text = |pointer: &str| match item.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let parts = [
        "/pspReference",
        "/originalReference",
        "/merchantAccountCode",
        "/merchantReference",
        "/amount/value",
        "/amount/currency",
        "/eventCode",
        "/success",
    ];
    parts.map(text).join(":")
}

fn is_disbelieved<T>(told: &Result<T, WebhookError>) -> bool {
    matches!(told, Err(WebhookError::Signature | WebhookError::Stale { .. }))
}

fn mac(secret: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

fn headers(name: &'static str, value: &[u8]) -> HeaderMap {
    HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap())])
}

fn request<'a>(headers: &'a HeaderMap, body: &'a [u8]) -> WebhookRequest<'a> {
    WebhookRequest { headers, body, now: Timestamp::from_second(STAMP).unwrap() }
}

fn settings() -> Settings {
    Settings::from_table([
        ("CONNECTOR_MODE", "test"),
        ("CLEENG_WEBHOOK_SECRETS", SECRET),
        ("STRIPE_WEBHOOK_SECRETS", SECRET),
        ("ADYEN_HMAC_KEYS", ADYEN_KEY),
        ("ADYEN_MERCHANT_ACCOUNT", "SimulatedMerchant"),
    ])
}

fn cleeng() -> &'static Verifier {
    static READER: OnceLock<Verifier> = OnceLock::new();
    READER.get_or_init(|| Verifier::new(WebhookSettings::from_settings(&settings()).unwrap()))
}

fn stripe() -> &'static StripeWebhooks {
    static READER: OnceLock<StripeWebhooks> = OnceLock::new();
    READER.get_or_init(|| StripeWebhooks::new(StripeWebhookSettings::from_settings(&settings()).unwrap()))
}

fn adyen() -> &'static AdyenWebhooks {
    static READER: OnceLock<AdyenWebhooks> = OnceLock::new();
    READER.get_or_init(|| AdyenWebhooks::new(AdyenWebhookSettings::from_settings(&settings()).unwrap()))
}
