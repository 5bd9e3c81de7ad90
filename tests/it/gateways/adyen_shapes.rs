//! The simulated Adyen speaks in Adyen's own shapes: its answers and webhooks, held against the official descriptions.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Request;
use local::simulators::Simulator;
use serde_json::{Value, json};

use super::adyen_world::{CHECKOUT, World, description};
use super::table::count;

const KEY: &str = "simulated-adyen-api-key";

/// Posts to the API and gives back status and body.
fn post(world: &World, path: &str, key: &str, body: &Value) -> (u16, Value) {
    let request = Request::post(format!("http://adyen.test/v71/{path}"))
        .header("content-type", "application/json")
        .header("x-api-key", KEY)
        .header("idempotency-key", key);
    let answer = world.simulator.handle(world.now(), request.body(Bytes::from(body.to_string())).unwrap());
    (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap())
}

fn payment(card: &str) -> Value {
    json!({
        "merchantAccount": "SimulatedMerchant", "amount": {"value": 999, "currency": "EUR"}, "reference": format!("order.1.{card}"),
        "returnUrl": "https://shop.test/", "paymentMethod": {"type": "scheme", "encryptedCardNumber": card},
        "shopperReference": "cleeng-1", "shopperInteraction": "Ecommerce", "recurringProcessingModel": "Subscription",
        "storePaymentMethod": true, "additionalData": {"manualCapture": "true"},
    })
}

/// Answers of every kind, by the schema that describes them.
fn answers(world: &World) -> Vec<(&'static str, Value)> {
    let mut all = Vec::new();
    let mut of = |schema, (_, body): (u16, Value)| -> Value {
        all.push((schema, body.clone()));
        body
    };
    for card in
        ["test_declined_12", "test_declined_2_R1_03", "test_error", "test_pending", "test_3ds_challenge"]
    {
        of("PaymentResponse", post(world, "payments", card, &payment(card)));
    }
    let redirected = of("PaymentResponse", post(world, "payments", "r", &payment("test_3ds_redirect")));
    let back = |result: &str| json!({"details": {"redirectResult": format!("{}.{result}", redirected["pspReference"].as_str().unwrap())}});
    of("PaymentDetailsResponse", post(world, "payments/details", "d", &back("authorised")));
    let held = of("PaymentResponse", post(world, "payments", "h", &payment("test_visa")));
    let psp = held["pspReference"].as_str().unwrap();
    let step = json!({"merchantAccount": "SimulatedMerchant", "reference": "R", "amount": {"value": 999, "currency": "EUR"}});
    let void = json!({"merchantAccount": "SimulatedMerchant", "reference": "R"});
    of("PaymentCaptureResponse", post(world, &format!("payments/{psp}/captures"), "c", &step));
    of("PaymentRefundResponse", post(world, &format!("payments/{psp}/refunds"), "f", &step));
    of("PaymentCancelResponse", post(world, &format!("payments/{psp}/cancels"), "v", &void));
    let by_reference =
        json!({"merchantAccount": "SimulatedMerchant", "paymentReference": "order.1.test_pending"});
    of("StandalonePaymentCancelResponse", post(world, "cancels", "b", &by_reference));
    of(
        "PaymentMethodsResponse",
        post(world, "paymentMethods", "m", &json!({"merchantAccount": "SimulatedMerchant"})),
    );
    of("ServiceError", post(world, "payments", "e", &json!({"merchantAccount": "Foreign"})));
    of("ServiceError", post(world, "payments/NOBODY/captures", "n", &step));
    for what in ["refund-failed", "chargeback", "chargeback-reversed", "capture-failed"] {
        world.control(&format!("payments/{psp}/{what}"), &json!({}));
    }
    let token = held["additionalData"]["tokenization.storedPaymentMethodId"].as_str().unwrap();
    for what in ["updated", "disabled"] {
        world.control(&format!("stored/{token}/{what}"), &json!({}));
    }
    all
}

fn complaints(description: &Value, schema: &str, body: &Value) -> Vec<String> {
    let root =
        json!({"$ref": format!("#/components/schemas/{schema}"), "components": description["components"]});
    let validator = jsonschema::validator_for(&root).unwrap();
    validator.iter_errors(body).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn every_answer_has_the_official_shape() {
    let Some(description) = description(CHECKOUT[0]) else { return };
    for (schema, body) in answers(&World::new()) {
        assert_eq!(complaints(&description, schema, &body), Vec::<String>::new(), "{schema}: {body}");
    }
}

#[test]
fn every_webhook_has_the_official_shape() {
    let (Some(standard), Some(tokens)) = (
        description("adyen-Webhooks-v1.trimmed.json"),
        description("adyen-TokenizationNotification-v1.json"),
    ) else {
        return;
    };
    let world = World::new();
    answers(&world);
    world.pass(std::time::Duration::from_secs(60));
    let mut seen = BTreeMap::new();
    for delivery in world.simulator.deliveries(world.now()) {
        let mut body: Value = serde_json::from_slice(&delivery.body).unwrap();
        let item = body.pointer_mut("/notificationItems/0/NotificationRequestItem");
        let (description, event) = match item.and_then(Value::as_object_mut) {
            Some(item) => {
                // The strict schemas list `additionalData` by member and miss the signature that Adyen itself puts there.
                item.remove("additionalData");
                (&standard, format!("/{}", item["eventCode"].as_str().unwrap()))
            }
            None => (&tokens, body["type"].as_str().unwrap().to_owned()),
        };
        let content = &description["webhooks"][&event]["post"]["requestBody"]["content"]["application/json"];
        let schema = content["schema"]["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
        assert_eq!(complaints(description, schema, &body), Vec::<String>::new(), "{event}: {body}");
        *seen.entry(event).or_insert(0) += 1;
    }
    let kinds: Vec<_> = seen.keys().map(String::as_str).collect();
    assert_eq!(kinds.len(), count("Adyen: kinds of the simulator's webhooks that have the official shape"));
    assert_eq!(
        kinds,
        [
            "/AUTHORISATION",
            "/CANCELLATION",
            "/CAPTURE",
            "/CAPTURE_FAILED",
            "/CHARGEBACK",
            "/CHARGEBACK_REVERSED",
            "/REFUND",
            "/REFUND_FAILED",
            "/TECHNICAL_CANCEL",
            "recurring.token.created",
            "recurring.token.disabled",
            "recurring.token.updated",
        ]
    );
}

#[test]
fn a_key_is_recognised_for_seven_days_and_charges_anew_after_them() {
    let world = World::new();
    let day = std::time::Duration::from_secs(24 * 60 * 60);
    let first = post(&world, "payments", "k", &payment("test_visa"));
    world.pass(6 * day);
    assert_eq!(post(&world, "payments", "k", &payment("test_visa")), first);
    world.pass(2 * day);
    assert_ne!(
        post(&world, "payments", "k", &payment("test_visa")),
        first,
        "a forgotten key must be dangerous here too"
    );
}
