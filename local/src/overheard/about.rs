//! What a message is about and what came of it, read from the few members that are safe to show.

use std::collections::BTreeSet;

use bytes::Bytes;
use ledger::Subject;
use payment::Reference;
use serde_json::{Map, Value};

/// A body as JSON; `null` where it is none.
pub(super) fn json(body: &Bytes) -> Value {
    serde_json::from_slice(body).unwrap_or_default()
}

/// Stripe's form bodies, flat.
pub(super) fn form(body: &Bytes) -> Value {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(body).unwrap_or_default();
    Value::Object(pairs.into_iter().map(|(name, value)| (name, Value::String(value))).collect::<Map<_, _>>())
}

/// What path and body name, such as `order/696713353`, `payment/9`, `at/pi_1` (the gateway's own id).
pub(super) fn keys(path: &str, body: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let parts: Vec<_> = path.split('/').collect();
    for pair in parts.windows(2) {
        if let [collection, id] = pair
            && !id.is_empty()
        {
            found.extend(kind_of(collection).map(|kind| format!("{kind}/{id}")));
            found.insert(format!("at/{id}"));
        }
    }
    walk(body, &mut found);
    found
}

/// The number of what a POST to a collection made.
pub(super) fn made(path: &str, answer: &Value) -> Option<String> {
    let kind = kind_of(path.rsplit('/').next()?)?;
    let places = ["/id", "/order/id", "/payment/id", "/subscriptionId"];
    let id = places.iter().find_map(|place| text(answer.pointer(place)?))?;
    Some(format!("{kind}/{id}"))
}

fn kind_of(collection: &str) -> Option<&'static str> {
    Some(match collection {
        "orders" => "order",
        "payments" => "payment",
        "subscriptions" => "subscription",
        "payment_details" => "details",
        _ => return None,
    })
}

fn walk(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
        Value::Object(members) => {
            for (name, value) in members {
                if let Some(text) = text(value) {
                    member(name, &text, found);
                } else {
                    walk(value, found);
                }
            }
        }
        _ => {}
    }
}

fn member(name: &str, text: &str, found: &mut BTreeSet<String>) {
    let kind = match name {
        "orderId" | "metadata[cleeng_order_id]" | "cleeng_order_id" => "order",
        "subscriptionId" => "subscription",
        "paymentId" => "payment",
        "paymentDetailsId" => "details",
        "externalPaymentId"
        | "pspReference"
        | "originalReference"
        | "paymentPspReference"
        | "payment_intent"
        | "charge" => "at",
        "id" if text.contains('_') => "at",
        "reference" | "merchantReference" | "metadata[reference]" | "originalMerchantReference" => {
            if let Some(identity) = Reference::identity(text) {
                found.extend(
                    Subject::of(&identity.base()).map(|subject| subject.to_string().replace('#', "/")),
                );
            }
            return;
        }
        _ => return,
    };
    found.insert(format!("{kind}/{text}"));
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() && text.len() <= TEXT_MAX => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// An id is short; whatever is longer is not one.
const TEXT_MAX: usize = 80;

/// A path without the host's prefix and version.
pub(super) fn short(path: &str) -> String {
    let at = ["/3.1/", "/v1/", "/v71/"].iter().find_map(|version| path.split_once(version));
    format!("/{}", at.map_or(path.trim_start_matches('/'), |(_, rest)| rest))
}

/// What came of a call to a peer.
pub(super) fn came(asked: &Value, replied: &Value) -> String {
    let found = [
        (asked, "/status"),
        (asked, "/paymentOperation"),
        (asked, "/terminationType"),
        (replied, "/totalPrice"),
        (replied, "/order/totalPrice"),
        (replied, "/resultCode"),
        (replied, "/refusalReason"),
        (replied, "/error/decline_code"),
        (replied, "/error/code"),
        (replied, "/status"),
        (replied, "/message"),
    ];
    words(found.into_iter().filter_map(|(value, pointer)| word(value, pointer)))
}

/// What the page was told.
pub(super) fn page_came(replied: &Value) -> String {
    let action = replied.pointer("/responseData/action").map(|_| "the buyer must act".to_owned());
    let found = ["/responseData/payment/status", "/responseData/paymentDetails/status", "/code"];
    words(action.into_iter().chain(found.into_iter().filter_map(|pointer| word(replied, pointer))))
}

/// A webhook's topic, in its sender's word.
pub(super) fn topic(body: &Value) -> String {
    let found = ["/topic", "/type", "/notificationItems/0/NotificationRequestItem/eventCode"];
    found.into_iter().find_map(|pointer| word(body, pointer)).unwrap_or_else(|| "webhook".to_owned())
}

/// What a webhook says of what it is about.
pub(super) fn webhook_came(body: &Value) -> String {
    let found =
        ["/data/dunningStatus", "/data/object/status", "/data/object/last_payment_error/decline_code"];
    let failed = body.pointer("/notificationItems/0/NotificationRequestItem/success")
        == Some(&Value::String("false".to_owned()));
    // Of a success the reason holds digits of the card.
    let reason = failed.then(|| word(body, "/notificationItems/0/NotificationRequestItem/reason")).flatten();
    let failed = failed.then(|| "without success".to_owned());
    words(failed.into_iter().chain(reason).chain(found.into_iter().filter_map(|pointer| word(body, pointer))))
}

fn word(value: &Value, pointer: &str) -> Option<String> {
    text(value.pointer(pointer)?).filter(|text| !text.contains('@'))
}

fn words(found: impl Iterator<Item = String>) -> String {
    let mut all: Vec<String> = Vec::new();
    for word in found {
        if !all.contains(&word) {
            all.push(word);
        }
    }
    all.join(" · ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_is_about_every_id_that_it_names_and_never_shows_a_token() {
        let body = json!({
            "topic": "refundPayment",
            "data": {"paymentId": 9, "orderId": "8", "token": "cus_1|pm_1", "customerEmail": "a@b.c"},
        });
        let found = keys("/3.1/subscriptions/7/terminate", &body);
        for key in ["payment/9", "order/8", "subscription/7"] {
            assert!(found.contains(key), "{key} in {found:?}");
        }
        assert!(!found.iter().any(|key| key.contains("pm_1") || key.contains('@')), "{found:?}");
        assert_eq!(topic(&body), "refundPayment");
    }

    #[test]
    fn our_own_reference_at_a_gateway_leads_to_its_order_or_subscription() {
        let stripe = form(&Bytes::from("amount=699&metadata%5Breference%5D=order.696713353.1.capture"));
        assert!(
            keys("/v1/payment_intents/pi_1/capture", &stripe)
                .is_superset(&["order/696713353".to_owned(), "at/pi_1".to_owned()].into_iter().collect())
        );
        let adyen = json!({"notificationItems": [{"NotificationRequestItem": {
            "merchantReference": "renewal.332332332.20270204T090000Z.1", "eventCode": "CAPTURE", "success": "false",
        }}]});
        let paid = json!({"notificationItems": [{"NotificationRequestItem": {
            "eventCode": "AUTHORISATION", "success": "true", "reason": "098871:1111:03/2030",
        }}]});
        assert_eq!(webhook_came(&paid), "", "a success tells the card's digits");
        assert!(keys("", &adyen).contains("subscription/332332332"));
        assert_eq!(
            (topic(&adyen), webhook_came(&adyen)),
            ("CAPTURE".to_owned(), "without success".to_owned())
        );
    }

    #[test]
    fn what_a_post_made_is_known_by_the_answer() {
        assert_eq!(made("/3.1/orders", &json!({"order": {"id": 5}})), Some("order/5".to_owned()));
        assert_eq!(made("/v71/payments", &json!({"resultCode": "Authorised"})), None);
    }
}
