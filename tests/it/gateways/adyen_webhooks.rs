//! Adyen's webhooks: signatures, modes, and what each event code tells.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gateways::adyen::{AdyenWebhookSettings, AdyenWebhooks};
use gateways::{News, NewsKind, WebhookError, WebhookReader};
use hmac::{Hmac, KeyInit, Mac};
use payment::{Answer, DeclineReason, FactKind, Identity};
use serde_json::{Value, json};
use settings::Settings;
use sha2::Sha256;

use super::adyen_world::{HMAC_KEY, MERCHANT, description, read_body, reader, settings};
use super::table::count;

/// Signs a text as Adyen does.
fn signature(key: &str, text: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(&hex::decode(key).unwrap()).unwrap();
    STANDARD.encode(mac.chain_update(text).finalize().into_bytes())
}

/// Puts a right signature into every item.
fn signed(mut webhook: Value, key: &str) -> Vec<u8> {
    for item in webhook["notificationItems"].as_array_mut().into_iter().flatten() {
        let item = &mut item["NotificationRequestItem"];
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        let parts = [
            text(&item["pspReference"]),
            text(&item["originalReference"]),
            text(&item["merchantAccountCode"]),
            text(&item["merchantReference"]),
            text(&item["amount"]["value"]),
            text(&item["amount"]["currency"]),
            text(&item["eventCode"]),
            text(&item["success"]),
        ];
        if !item["additionalData"].is_object() {
            item["additionalData"] = json!({});
        }
        item["additionalData"]["hmacSignature"] = json!(signature(key, parts.join(":").as_bytes()));
    }
    webhook.to_string().into_bytes()
}

fn webhook(items: &[Value]) -> Value {
    let wrapped: Vec<_> = items.iter().map(|item| json!({"NotificationRequestItem": item})).collect();
    json!({"live": "false", "notificationItems": wrapped})
}

fn item(event: &str, success: &str) -> Value {
    json!({
        "eventCode": event, "success": success, "pspReference": "QFQTPCQ8HXSKGK82", "originalReference": "9913140798220028",
        "merchantAccountCode": MERCHANT, "merchantReference": "renewal.332332332.20260301T120000Z.1",
        "amount": {"value": 1000, "currency": "EUR"}, "eventDate": "2021-01-01T01:00:00+01:00", "paymentMethod": "visa",
        "reason": "",
    })
}

fn told(item: Value) -> Vec<News> {
    read_body(&reader(), &[], &signed(webhook(&[item]), HMAC_KEY)).unwrap()
}

fn kind(news: &News) -> String {
    match &news.kind {
        NewsKind::Settled(Answer::Approved(_)) => "approved".to_owned(),
        NewsKind::Settled(Answer::Declined(_)) => "declined".to_owned(),
        NewsKind::Fact { kind, .. } => format!("{kind:?}"),
        NewsKind::TokenUpdated { .. } => "token updated".to_owned(),
        NewsKind::TokenGone { .. } => "token gone".to_owned(),
        NewsKind::Ignored => "ignored".to_owned(),
    }
}

#[test]
fn adyens_own_test_vector_is_believed() {
    let item = json!({
        "pspReference": "7914073381342284", "merchantAccountCode": "TestMerchant", "merchantReference": "TestPayment-1407325143704",
        "amount": {"value": 1130, "currency": "EUR"}, "eventCode": "AUTHORISATION", "success": "true",
        "eventDate": "2014-08-06T17:15:34.121+02:00",
        "additionalData": {"hmacSignature": "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="},
    });
    let anyone = Settings::from_table([("CONNECTOR_MODE", "test"), ("ADYEN_HMAC_KEYS", HMAC_KEY)]);
    let reader = AdyenWebhooks::new(AdyenWebhookSettings::from_settings(&anyone).unwrap());
    let news = read_body(&reader, &[], webhook(&[item]).to_string().as_bytes()).unwrap();
    assert_eq!(news[0].id, "AUTHORISATION:7914073381342284:true");
    assert_eq!(news[0].at.to_string(), "2014-08-06T15:15:34.121Z");
    assert_eq!(reader.acknowledgement(), "[accepted]");
}

#[test]
fn a_forged_changed_or_unsigned_item_refuses_the_whole_delivery() {
    let good = signed(webhook(&[item("CAPTURE", "true"), item("REFUND", "true")]), HMAC_KEY);
    assert_eq!(read_body(&reader(), &[], &good).unwrap().len(), 2);
    let text = String::from_utf8(good).unwrap();
    for (from, to) in [
        ("1000", "1001"),
        ("\"REFUND\"", "\"CAPTURE\""),
        ("\"success\":\"true\"", "\"success\":\"false\""),
        ("QFQTPCQ8HXSKGK82", "QFQTPCQ8HXSKGK83"),
        ("hmacSignature", "other"),
    ] {
        let forged = text.replacen(from, to, 1);
        assert_ne!(forged, text, "{from}");
        assert_eq!(read_body(&reader(), &[], forged.as_bytes()), Err(WebhookError::Signature), "{from}");
    }
    let other_key = "00".repeat(32);
    let forged = signed(webhook(&[item("CAPTURE", "true")]), &other_key);
    assert_eq!(read_body(&reader(), &[], &forged), Err(WebhookError::Signature));
    for garbage in ["", "{", "[]", "null", "\u{feff}{}", "<html>"] {
        assert!(read_body(&reader(), &[], garbage.as_bytes()).is_err(), "{garbage}");
    }
}

#[test]
fn two_keys_are_live_while_one_is_rotated() {
    let new_key = "AB".repeat(32);
    let both = settings().with([("ADYEN_HMAC_KEYS", format!("{HMAC_KEY}, {new_key}"))]);
    let reader = AdyenWebhooks::new(AdyenWebhookSettings::from_settings(&both).unwrap());
    for key in [HMAC_KEY, &new_key] {
        assert!(read_body(&reader, &[], &signed(webhook(&[item("CAPTURE", "true")]), key)).is_ok());
    }
    let third = signed(webhook(&[item("CAPTURE", "true")]), &"CD".repeat(32));
    assert_eq!(read_body(&reader, &[], &third), Err(WebhookError::Signature));
}

#[test]
fn user_and_password_are_asked_for_where_they_are_set() {
    let with_login = settings().with([("ADYEN_WEBHOOK_USER", "adyen"), ("ADYEN_WEBHOOK_PASSWORD", "s3cret")]);
    let reader = AdyenWebhooks::new(AdyenWebhookSettings::from_settings(&with_login).unwrap());
    let body = signed(webhook(&[item("CAPTURE", "true")]), HMAC_KEY);
    let with = |login: &str| vec![("authorization".to_owned(), format!("Basic {}", STANDARD.encode(login)))];
    assert!(read_body(&reader, &with("adyen:s3cret"), &body).is_ok());
    for wrong in [vec![], with("adyen:wrong"), with("adyen"), with("")] {
        assert_eq!(read_body(&reader, &wrong, &body), Err(WebhookError::Signature));
    }
    let half = settings().with([("ADYEN_WEBHOOK_USER", "adyen")]);
    let named = AdyenWebhookSettings::from_settings(&half).err().map(|error| error.name());
    assert_eq!(named, Some("ADYEN_WEBHOOK_PASSWORD"));
}

#[test]
fn an_event_of_the_other_world_is_refused() {
    let mut live = webhook(&[item("CAPTURE", "true")]);
    live["live"] = json!("true");
    let body = signed(live, HMAC_KEY);
    assert_eq!(read_body(&reader(), &[], &body), Err(WebhookError::WrongMode));
    let deployed = settings().with([("CONNECTOR_MODE", "live")]);
    let reader = AdyenWebhooks::new(AdyenWebhookSettings::from_settings(&deployed).unwrap());
    assert!(read_body(&reader, &[], &body).is_ok());
    let test = signed(webhook(&[item("CAPTURE", "true")]), HMAC_KEY);
    assert_eq!(read_body(&reader, &[], &test), Err(WebhookError::WrongMode));
}

#[test]
fn news_of_a_foreign_account_is_kept_and_ignored() {
    let mut foreign = item("AUTHORISATION", "true");
    foreign["merchantAccountCode"] = json!("SomebodyElse");
    let news = told(foreign);
    assert_eq!((news[0].kind.clone(), news[0].attempt.clone()), (NewsKind::Ignored, None));
    assert_eq!(news[0].account.as_ref().unwrap().as_str(), "SomebodyElse");
}

/// Every event code of the description: what success and failure tell.
const EVENTS: [(&str, &[&str], &[&str]); 23] = [
    ("AUTHORISATION", &["approved"], &["declined"]),
    ("AUTHORISATION_ADJUSTMENT", &["ignored"], &["ignored"]),
    ("AUTORESCUE", &["ignored"], &["ignored"]),
    ("CANCELLATION", &["Cancelled"], &["declined"]),
    ("CANCEL_OR_REFUND", &["ignored"], &["ignored"]),
    ("CAPTURE", &["Captured"], &["CaptureFailed"]),
    ("CAPTURE_FAILED", &["CaptureFailed"], &["CaptureFailed"]),
    ("CHARGEBACK", &["Disputed"], &["ignored"]),
    ("CHARGEBACK_REVERSED", &["DisputeReversed"], &["ignored"]),
    ("EXPIRE", &["Expired"], &["ignored"]),
    ("NOTIFICATION_OF_CHARGEBACK", &["ignored"], &["ignored"]),
    ("NOTIFICATION_OF_FRAUD", &["ignored"], &["ignored"]),
    ("PREARBITRATION_LOST", &["Disputed"], &["ignored"]),
    ("PREARBITRATION_WON", &["DisputeReversed"], &["ignored"]),
    ("RECURRING_CONTRACT", &["ignored"], &["ignored"]),
    ("REFUND", &["Refunded"], &["RefundFailed"]),
    ("REFUNDED_REVERSED", &["RefundFailed"], &["RefundFailed"]),
    ("REFUND_FAILED", &["RefundFailed"], &["RefundFailed"]),
    ("REFUND_WITH_DATA", &["Refunded"], &["RefundFailed"]),
    ("REPORT_AVAILABLE", &["ignored"], &["ignored"]),
    ("REQUEST_FOR_INFORMATION", &["ignored"], &["ignored"]),
    ("SECOND_CHARGEBACK", &["Disputed"], &["ignored"]),
    ("TECHNICAL_CANCEL", &["Cancelled", "declined"], &["ignored"]),
];

#[test]
fn every_event_code_of_the_description_has_a_meaning() {
    for (event, success, failure) in EVENTS {
        for (said, expected) in [("true", success), ("false", failure)] {
            let kinds: Vec<_> = told(item(event, said)).iter().map(kind).collect();
            assert_eq!(kinds, expected, "{event} {said}");
        }
    }
    for unknown in ["OFFER_CLOSED", "MANUAL_REVIEW_ACCEPT", "SOMETHING_NEW", ""] {
        assert_eq!(told(item(unknown, "true"))[0].kind, NewsKind::Ignored, "{unknown}");
    }
    let Some(description) = description("adyen-Webhooks-v1.trimmed.json") else { return };
    let described =
        description["webhooks"].as_object().unwrap().keys().map(|name| name.trim_start_matches('/'));
    let unknown: Vec<_> = described.filter(|name| !EVENTS.iter().any(|(event, ..)| event == name)).collect();
    assert_eq!(unknown, Vec::<&str>::new());
}

#[test]
fn the_official_examples_are_read_however_members_come_and_go() {
    let Some(description) = description("adyen-Webhooks-v1.trimmed.json") else { return };
    let anyone = Settings::from_table([("CONNECTOR_MODE", "test"), ("ADYEN_HMAC_KEYS", HMAC_KEY)]);
    let reader = AdyenWebhooks::new(AdyenWebhookSettings::from_settings(&anyone).unwrap());
    let read = |mut webhook: Value| {
        webhook["live"] = json!("false");
        read_body(&reader, &[], &signed(webhook, HMAC_KEY))
    };
    let mut examples = 0;
    for (name, example) in description["components"]["examples"].as_object().unwrap() {
        let whole = &example["value"];
        let told = read(whole.clone()).unwrap();
        let right = &whole["notificationItems"][0]["NotificationRequestItem"];
        let event = right["eventCode"].as_str().unwrap();
        let (_, success, failure) = EVENTS.iter().find(|(known, ..)| *known == event).unwrap();
        let expected = if right["success"] == "true" { success } else { failure };
        let kinds: Vec<_> = told.iter().map(kind).collect();
        match right["additionalData"]["modification.action"].as_str() {
            Some(action) => assert_eq!((action, kinds[0].as_str()), ("cancel", "Cancelled"), "{name}"),
            None => assert_eq!(kinds, *expected, "{name}"),
        }
        for member in right.as_object().unwrap().keys() {
            for odd in [None, Some(json!(null)), Some(json!({"new": [1]})), Some(json!("ANOTHER_WORD"))] {
                let mut changed = whole.clone();
                let item =
                    changed["notificationItems"][0]["NotificationRequestItem"].as_object_mut().unwrap();
                match odd {
                    Some(odd) => item.insert(member.clone(), odd),
                    None => item.remove(member),
                };
                let news =
                    read(changed).unwrap_or_else(|error| panic!("{name} with another {member}: {error}"));
                let turned = news.iter().any(|news| kind(news) == "declined")
                    && !kinds.iter().any(|kind| kind == "declined");
                assert!(!turned || member == "success", "{name}: another {member} turns it into a refusal");
            }
        }
        let mut more = whole.clone();
        more["notificationItems"][0]["NotificationRequestItem"]["novelty"] = json!([{"a": 1}]);
        more["novelty"] = json!(1);
        assert_eq!(read(more).unwrap(), told, "{name}");
        examples += 1;
    }
    assert_eq!(examples, count("Adyen: official webhooks read"));
}

#[test]
fn an_approval_by_webhook_brings_token_card_and_whether_the_money_moved() {
    let approval = |reference: &str, verb: Option<&str>| {
        let mut item = item("AUTHORISATION", "true");
        item["merchantReference"] = json!(reference);
        item["reason"] = json!("098871:1111:03/2030");
        item["additionalData"] =
            json!({"tokenization.shopperReference": "cleeng-1", "tokenization.storedPaymentMethodId": "T1"});
        if let Some(verb) = verb {
            item["additionalData"]["metadata.verb"] = json!(verb);
        }
        match told(item).remove(0) {
            News { kind: NewsKind::Settled(Answer::Approved(approval)), attempt, payment, .. } => {
                (approval, attempt, payment)
            }
            other => panic!("{other:?}"),
        }
    };
    let (approved, attempt, payment) = approval("order.696713353.2", None);
    assert_eq!(attempt, Some("order/696713353/2".parse::<Identity>().unwrap()));
    assert_eq!(payment.unwrap().as_str(), "QFQTPCQ8HXSKGK82");
    assert_eq!((approved.captured, approved.token.unwrap().expose()), (true, "cleeng-1|T1"));
    let card = approved.card.unwrap();
    assert_eq!(
        (card.variant.as_str(), card.last_four.as_str(), card.expires),
        ("visa", "1111", Some((3, 2030)))
    );
    let renewal = "renewal.332332332.20260301T120000Z.1";
    let captured = |reference, verb| approval(reference, verb).0.captured;
    assert_eq!(
        [captured(renewal, None), captured(renewal, Some("authorise")), captured(renewal, Some("charge"))],
        [false, false, true]
    );
    assert_eq!([captured("order.1.1", Some("verify")), captured("someone's own", None)], [false, false]);
}

#[test]
fn a_refusal_by_webhook_means_what_the_answer_would_have_meant() {
    for (reason, advice, expected) in [
        ("Not enough balance", "", DeclineReason::InsufficientFunds),
        ("Refused", "03 : Do not try again", DeclineReason::DoNotTryAgain),
        ("3D Not Authenticated", "", DeclineReason::AuthenticationRequired),
        ("Some new words", "", DeclineReason::UnknownDecline),
        ("null", "", DeclineReason::UnknownDecline),
    ] {
        let mut refused = item("AUTHORISATION", "false");
        refused["reason"] = json!(reason);
        refused["additionalData"] = json!({"merchantAdviceCode": advice});
        match &told(refused)[0].kind {
            NewsKind::Settled(Answer::Declined(decline)) => {
                assert_eq!(decline.reason, expected, "{reason}");
                assert_eq!(decline.reference.as_ref().unwrap().as_str(), "QFQTPCQ8HXSKGK82");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn things_keep_their_own_ids_so_that_a_late_failure_finds_its_refund() {
    let thing = |event: &str| match told(item(event, "true")).remove(0) {
        News { kind: NewsKind::Fact { kind, thing, money }, payment, .. } => {
            (kind, thing.to_string(), money.minor, payment.unwrap().to_string())
        }
        other => panic!("{other:?}"),
    };
    let (own, payment) = ("QFQTPCQ8HXSKGK82".to_owned(), "9913140798220028".to_owned());
    for (event, kind) in [
        ("REFUND", FactKind::Refunded),
        ("REFUND_FAILED", FactKind::RefundFailed),
        ("CAPTURE", FactKind::Captured),
        ("CAPTURE_FAILED", FactKind::CaptureFailed),
        ("CHARGEBACK", FactKind::Disputed),
        ("CHARGEBACK_REVERSED", FactKind::DisputeReversed),
    ] {
        assert_eq!(thing(event), (kind, own.clone(), 1000, payment.clone()), "{event}");
    }
    assert_eq!(thing("CANCELLATION"), (FactKind::Cancelled, payment.clone(), 1000, payment));
}

#[test]
fn a_token_webhook_is_believed_by_its_signature_over_the_raw_body() {
    let token = |kind: &str, environment: &str| {
        json!({"createdAt": "2025-06-30T16:40:23+02:00", "eventId": "QBQQ9DLNRHHKGK38", "environment": environment, "type": kind,
               "data": {"merchantAccount": MERCHANT, "storedPaymentMethodId": "M5N7TQ4TG5PFWR50", "type": "visastandarddebit",
                        "operation": "x", "shopperReference": "cleeng-1"}}).to_string() + "\n"
    };
    let read = |body: &str, signed: &str| {
        let header = ("hmacsignature".to_owned(), signature(HMAC_KEY, signed.as_bytes()));
        read_body(&reader(), &[header], body.as_bytes())
    };
    for (event, expected) in [
        ("recurring.token.disabled", "token gone"),
        ("recurring.token.updated", "token updated"),
        ("recurring.token.created", "ignored"),
        ("recurring.token.alreadyExisting", "ignored"),
        ("new.kind", "ignored"),
    ] {
        let body = token(event, "test");
        let news = read(&body, &body).unwrap();
        assert_eq!((kind(&news[0]).as_str(), news[0].event.as_str()), (expected, event));
        assert_eq!(news[0].at.to_string(), "2025-06-30T14:40:23Z");
        if let NewsKind::TokenGone { token } | NewsKind::TokenUpdated { token, .. } = &news[0].kind {
            assert_eq!(token.expose(), "cleeng-1|M5N7TQ4TG5PFWR50");
        }
        assert_eq!(
            read(&body, body.trim_end()),
            Err(WebhookError::Signature),
            "a lost newline goes unnoticed"
        );
        assert_eq!(read_body(&reader(), &[], body.as_bytes()), Err(WebhookError::Signature));
    }
    let live = token("recurring.token.disabled", "live");
    assert_eq!(read(&live, &live), Err(WebhookError::WrongMode));
    let nothing = "{}";
    assert!(matches!(read(nothing, nothing), Err(WebhookError::Unreadable(_))));
    let Some(description) = description("adyen-TokenizationNotification-v1.json") else { return };
    for (name, example) in description["components"]["examples"].as_object().unwrap() {
        let body = example["value"].to_string();
        assert!(read(&body, &body).is_ok(), "{name}");
    }
}

proptest::proptest! {
    #[test]
    fn no_body_and_no_header_can_break_the_reader(body: Vec<u8>, header in "[ -~]{0,60}") {
        let signature = [("hmacsignature".to_owned(), header)];
        proptest::prop_assert!(read_body(&reader(), &signature, &body).is_err());
    }

    #[test]
    fn a_signed_item_of_any_words_is_read(event in ".{0,20}", reference in ".{0,90}", value: i64, reason in ".{0,40}") {
        let mut odd = item(&event, "true");
        odd["merchantReference"] = json!(reference);
        odd["amount"]["value"] = json!(value);
        odd["reason"] = json!(reason);
        proptest::prop_assert!(read_body(&reader(), &[], &signed(webhook(&[odd]), HMAC_KEY)).is_ok());
    }
}
