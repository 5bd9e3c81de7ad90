//! Stripe's webhooks: whom to believe, and what each event says in our words.

use gateways::stripe::{StripeWebhookSettings, StripeWebhooks};
use gateways::{News, NewsKind, WebhookError, WebhookReader, WebhookRequest};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use payment::{Answer, DeclineReason, FactKind, Token};
use serde_json::{Value, json};
use settings::Settings;
use sha2::Sha256;

const SECRET: &str = "whsec_test_secret";
/// Made with Stripe's own library, npm `stripe`.
const VECTOR: &str = "v1=d95c6b7477fbd7e9f90b1b0ef5f9c7ac25abca5382460e0d988c2b2a5b71b990";
const VECTOR_BODY: &str = r#"{"id":"evt_test_webhook","object":"event"}"#;
const STAMP: i64 = 1_700_000_000;

pub(super) fn reader(secrets: &str, mode: &str) -> StripeWebhooks {
    let settings = Settings::from_table([("STRIPE_WEBHOOK_SECRETS", secrets), ("CONNECTOR_MODE", mode)]);
    StripeWebhooks::new(StripeWebhookSettings::from_settings(&settings).unwrap())
}

pub(super) fn read_at(
    reader: &StripeWebhooks,
    signature: Option<&str>,
    body: &[u8],
    now: i64,
) -> Result<Vec<News>, WebhookError> {
    let mut headers = http::HeaderMap::new();
    if let Some(signature) = signature {
        headers.insert("stripe-signature", signature.parse().unwrap());
    }
    reader.read(&WebhookRequest { headers: &headers, body, now: Timestamp::from_second(now).unwrap() })
}

fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{STAMP}.").as_bytes());
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

/// The single piece of news of an event.
fn told(kind: &str, object: &Value) -> News {
    let mut news = told_with(kind, object, &Value::Null);
    assert_eq!(news.len(), 1, "{kind}");
    news.remove(0)
}

fn told_with(kind: &str, object: &Value, before: &Value) -> Vec<News> {
    let body = json!({
        "id": "evt_1", "object": "event", "type": kind, "created": STAMP, "livemode": false, "account": null,
        "data": { "object": object, "previous_attributes": before },
    });
    let body = body.to_string();
    let signature = format!("t={STAMP},v1={}", sign(SECRET, body.as_bytes()));
    read_at(&reader(SECRET, "test"), Some(&signature), body.as_bytes(), STAMP).unwrap()
}

#[test]
fn the_vendors_own_signature_is_believed_and_nothing_near_it() {
    let reader = reader(SECRET, "test");
    let read = |signature: &str, body: &[u8], now: i64| read_at(&reader, Some(signature), body, now);
    let right = format!("t={STAMP},{VECTOR}");
    let believed = |answer: Result<Vec<News>, WebhookError>| {
        !matches!(answer, Err(WebhookError::Signature | WebhookError::Stale { .. }))
    };
    let body = VECTOR_BODY.as_bytes();
    assert!(believed(read(&right, body, STAMP)));
    assert!(believed(read(&right, body, STAMP + 300)), "just young enough");
    assert!(believed(read(&right, body, STAMP - 3600)), "only old stamps are refused");
    assert_eq!(read(&right, body, STAMP + 301), Err(WebhookError::Stale { seconds: 301 }));
    let wrong = VECTOR.replace("d95c", "d95d");
    assert!(believed(read(&format!("t={STAMP},{wrong},{VECTOR}"), body, STAMP)), "any v1 may match");
    assert!(believed(read(&format!("t={STAMP}, v0=00, {VECTOR}"), body, STAMP)), "other schemes are skipped");
    let refused = [
        read(&format!("t={STAMP},{wrong}"), body, STAMP),
        read(&format!("t={},{VECTOR}", STAMP + 1), body, STAMP),
        read(&right, format!("{VECTOR_BODY}\n").as_bytes(), STAMP),
        read(&right, VECTOR_BODY.replace("evt_test", "evt_tesT").as_bytes(), STAMP),
        read(&format!("t={STAMP},{}", VECTOR.replace("v1=", "v0=")), body, STAMP),
        read(VECTOR, body, STAMP),
        read(&format!("t={STAMP}"), body, STAMP),
        read(&format!("t={STAMP},v1="), body, STAMP),
        read("", body, STAMP),
        read_at(&reader, None, body, STAMP),
    ];
    for (index, answer) in refused.into_iter().enumerate() {
        assert_eq!(answer, Err(WebhookError::Signature), "{index}");
    }
}

#[test]
fn while_a_secret_is_rotated_both_are_live() {
    let body = VECTOR_BODY.as_bytes();
    let both = reader("whsec_new, whsec_test_secret", "test");
    for secret in ["whsec_new", SECRET] {
        let signature = format!("t={STAMP},v1={}", sign(secret, body));
        assert!(
            matches!(read_at(&both, Some(&signature), body, STAMP), Err(WebhookError::Unreadable(_))),
            "believed"
        );
    }
    let signature = format!("t={STAMP},v1={}", sign("whsec_old", body));
    assert_eq!(read_at(&both, Some(&signature), body, STAMP), Err(WebhookError::Signature));
}

#[test]
fn an_event_of_the_other_mode_or_without_sense_is_refused_without_repeating_it() {
    let event = |live: bool| json!({"id": "evt_1", "type": "x", "created": 1, "livemode": live, "data": {"object": {}}});
    let read = |mode: &str, body: &str| {
        let signature = format!("t={STAMP},v1={}", sign(SECRET, body.as_bytes()));
        read_at(&reader(SECRET, mode), Some(&signature), body.as_bytes(), STAMP)
    };
    assert_eq!(read("live", &event(false).to_string()), Err(WebhookError::WrongMode));
    assert_eq!(read("test", &event(true).to_string()), Err(WebhookError::WrongMode));
    assert!(read("live", &event(true).to_string()).is_ok());
    for body in ["", "[]", "{}", r#"{"id":"canary","type":7}"#] {
        let Err(WebhookError::Unreadable(why)) = read("test", body) else { panic!("{body}") };
        assert!(!why.contains("canary"));
    }
}

fn intent(changes: &Value) -> Value {
    let mut intent = json!({
        "id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 1299, "amount_received": 1299,
        "currency": "eur", "customer": "cus_1", "payment_method": "pm_1", "capture_method": "automatic",
        "metadata": { "reference": "order.5.1", "cleeng_customer_id": "7" }, "latest_charge": "ch_1",
    });
    let members = intent.as_object_mut().unwrap();
    members.extend(changes.as_object().unwrap().clone());
    intent
}

#[test]
fn a_payment_that_ends_settles_its_attempt() {
    let news = told("payment_intent.succeeded", &intent(&json!({})));
    assert_eq!(
        (news.id.as_str(), news.event.as_str(), news.at.as_second()),
        ("evt_1", "payment_intent.succeeded", STAMP)
    );
    assert_eq!(news.attempt.unwrap().as_str(), "order/5/1");
    assert_eq!(news.payment.unwrap().as_str(), "pi_1");
    let NewsKind::Settled(Answer::Approved(approval)) = news.kind else { panic!("approved") };
    assert!(approval.captured && approval.money.minor == 1299);
    assert_eq!(approval.token, Some(Token::new("cus_1|pm_1")));
    let held =
        intent(&json!({"status": "requires_capture", "capture_method": "manual", "amount_received": 0}));
    let NewsKind::Settled(Answer::Approved(approval)) =
        told("payment_intent.amount_capturable_updated", &held).kind
    else {
        panic!("held");
    };
    assert!(!approval.captured);
    let error = json!({"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds"});
    let refused = intent(&json!({"status": "requires_payment_method", "last_payment_error": error}));
    let NewsKind::Settled(Answer::Declined(decline)) = told("payment_intent.payment_failed", &refused).kind
    else {
        panic!("refused");
    };
    assert_eq!(
        (decline.reason, decline.reference.unwrap().as_str()),
        (DeclineReason::InsufficientFunds, "pi_1")
    );
    let given_up = told("payment_intent.canceled", &intent(&json!({"status": "canceled"})));
    let NewsKind::Settled(Answer::Declined(decline)) = given_up.kind else { panic!("given up") };
    assert_eq!(decline.reason, DeclineReason::ShopperCancelled);
}

#[test]
fn what_happens_to_a_hold_later_is_a_fact() {
    let manual = |changes: Value| {
        let mut changes = changes;
        changes["capture_method"] = json!("manual");
        intent(&changes)
    };
    let part = manual(json!({"amount_received": 1000}));
    let rows = [
        ("payment_intent.succeeded", part, FactKind::Captured, 1000),
        (
            "payment_intent.canceled",
            manual(json!({"status": "canceled", "cancellation_reason": "abandoned"})),
            FactKind::Cancelled,
            1299,
        ),
        (
            "payment_intent.canceled",
            manual(json!({"status": "canceled", "cancellation_reason": "automatic"})),
            FactKind::Expired,
            1299,
        ),
        (
            "charge.expired",
            json!({"id": "ch_1", "amount": 1299, "currency": "eur", "payment_intent": "pi_1", "metadata": {"reference": "order.5.1"}}),
            FactKind::Expired,
            1299,
        ),
    ];
    for (event, object, expected, minor) in rows {
        let news = told(event, &object);
        let NewsKind::Fact { kind, thing, money } = &news.kind else { panic!("{event}: {news:?}") };
        assert_eq!((*kind, thing.as_str(), money.minor), (expected, "pi_1", minor), "{event}");
        assert_eq!(news.attempt.unwrap().as_str(), "order/5/1", "{event}");
    }
}

#[test]
fn a_set_up_that_ends_settles_its_attempt() {
    let setup = json!({
        "id": "seti_1", "status": "succeeded", "customer": "cus_1", "payment_method": "pm_1",
        "metadata": { "reference": "details.7.1", "currency": "eur" },
    });
    let news = told("setup_intent.succeeded", &setup);
    assert_eq!(news.attempt.unwrap().as_str(), "details/7/1");
    let NewsKind::Settled(Answer::Approved(approval)) = news.kind else { panic!("approved") };
    assert!(approval.money.is_zero() && approval.token.is_some() && !approval.captured);
    let mut failed = setup;
    failed["last_setup_error"] = json!({"code": "setup_intent_authentication_failure"});
    let NewsKind::Settled(Answer::Declined(decline)) = told("setup_intent.setup_failed", &failed).kind else {
        panic!()
    };
    assert_eq!(decline.reason, DeclineReason::AuthenticationRequired);
}

#[test]
fn money_on_its_way_back_is_told_by_its_own_id() {
    let refund = |status: &str, metadata: Value| json!({"id": "re_1", "amount": 400, "currency": "eur", "payment_intent": "pi_1", "status": status, "metadata": metadata});
    for (event, status, expected) in [
        ("refund.created", "succeeded", FactKind::Refunded),
        ("refund.created", "pending", FactKind::Refunded),
        ("refund.updated", "succeeded", FactKind::Refunded),
        ("refund.failed", "failed", FactKind::RefundFailed),
        ("charge.refund.updated", "failed", FactKind::RefundFailed),
        ("refund.updated", "canceled", FactKind::RefundFailed),
    ] {
        let news = told(event, &refund(status, json!({"reference": "refund.9.asked"})));
        assert_eq!(news.attempt.as_ref().unwrap().as_str(), "refund/9/asked");
        assert_eq!(news.payment.unwrap().as_str(), "pi_1");
        let NewsKind::Fact { kind, thing, money } = news.kind else { panic!("{event}") };
        assert_eq!((kind, thing.as_str(), money.minor), (expected, "re_1", 400), "{event} {status}");
    }
    let by_hand = told("refund.created", &refund("succeeded", json!({})));
    assert!(by_hand.attempt.is_none(), "made in the dashboard");
    // Newer versions say in the charge only how much was returned in all.
    let charge = json!({"id": "ch_1", "amount": 1299, "amount_refunded": 400, "currency": "eur", "payment_intent": "pi_1"});
    assert_eq!(told("charge.refunded", &charge).kind, NewsKind::Ignored);
    let mut older = charge;
    older["refunds"] = json!({"data": [refund("succeeded", json!({})), refund("succeeded", json!({}))]});
    let both = told_with("charge.refunded", &older, &Value::Null);
    assert_eq!(both.len(), 2);
    assert_ne!(both[0].id, both[1].id);
}

#[test]
fn a_chargeback_is_told_apart_from_a_refund_and_from_an_inquiry() {
    let dispute = |status: &str| json!({"id": "du_1", "amount": 1299, "currency": "eur", "charge": "ch_1", "payment_intent": "pi_1", "status": status});
    for (event, status, expected) in [
        ("charge.dispute.created", "needs_response", Some(FactKind::Disputed)),
        ("charge.dispute.funds_withdrawn", "under_review", Some(FactKind::Disputed)),
        ("charge.dispute.closed", "lost", Some(FactKind::Disputed)),
        ("charge.dispute.closed", "won", Some(FactKind::DisputeReversed)),
        ("charge.dispute.funds_reinstated", "won", Some(FactKind::DisputeReversed)),
        ("charge.dispute.created", "warning_needs_response", None),
        ("charge.dispute.closed", "warning_closed", None),
        ("charge.dispute.closed", "prevented", None),
    ] {
        let news = told(event, &dispute(status));
        let kind = match &news.kind {
            NewsKind::Fact { kind, thing, .. } if thing.as_str() == "du_1" => Some(*kind),
            _ => None,
        };
        assert_eq!(kind, expected, "{event} {status}");
        assert!(expected.is_none() || news.payment.unwrap().as_str() == "pi_1");
    }
}

#[test]
fn a_stored_card_that_changes_or_goes_is_told_by_our_token() {
    let card = |customer: Value| {
        json!({"id": "pm_1", "type": "card", "customer": customer,
               "card": {"brand": "mastercard", "last4": "4444", "exp_month": 3, "exp_year": 2031}})
    };
    for event in ["payment_method.automatically_updated", "payment_method.updated"] {
        let NewsKind::TokenUpdated { token, successor, card } = told(event, &card(json!("cus_1"))).kind
        else {
            panic!()
        };
        assert_eq!((token, successor), (Token::new("cus_1|pm_1"), None));
        let card = card.unwrap();
        assert_eq!(
            (card.variant.as_str(), card.last_four.as_str(), card.expires),
            ("mc", "4444", Some((3, 2031)))
        );
    }
    let gone = told_with("payment_method.detached", &card(Value::Null), &json!({"customer": "cus_1"}));
    assert_eq!(gone[0].kind, NewsKind::TokenGone { token: Token::new("cus_1|pm_1") });
    let whose = told("payment_method.detached", &card(Value::Null));
    assert_eq!(whose.kind, NewsKind::Ignored, "nobody's token can be named");
}

#[test]
fn everything_else_is_kept_and_ignored() {
    for event in [
        "payment_intent.processing",
        "payment_intent.requires_action",
        "payment_intent.created",
        "setup_intent.requires_action",
        "customer.deleted",
        "radar.early_fraud_warning.created",
        "mandate.updated",
        "word.of.tomorrow",
    ] {
        assert_eq!(told(event, &intent(&json!({}))).kind, NewsKind::Ignored, "{event}");
    }
    // An object that is not what its event promises.
    for event in
        ["payment_intent.succeeded", "refund.created", "charge.dispute.created", "payment_method.updated"]
    {
        for object in [
            json!({}),
            json!([]),
            json!("x"),
            json!({"id": 7, "status": 8}),
            json!({"id": "a/b", "status": "succeeded"}),
        ] {
            assert_eq!(told(event, &object).kind, NewsKind::Ignored, "{event} {object}");
        }
    }
}
