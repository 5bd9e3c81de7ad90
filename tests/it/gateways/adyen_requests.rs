//! What the adapter sends to Adyen, held against both official descriptions and against what must never be sent.

use std::collections::BTreeMap;

use bytes::Bytes;
use gateways::{BuyerReturn, Checkout, Gateway, GatewayError};
use http::Request;
use jsonschema::Validator;
use payment::{Intention, Outcome, Token, Verb};
use serde_json::{Value, json};

use super::adyen_world::{
    CHECKOUT, CUSTOMER, MERCHANT, Script, World, answer, buyer, description, eur, purchase, renewal, soon,
    step, verification,
};
use super::table::count;

fn token() -> Token {
    Token::new(format!("cleeng-{CUSTOMER}|M5N7TQ4TG5PFWR50"))
}

fn returned(details: Value) -> BuyerReturn {
    BuyerReturn { reference: Some("PSP0000000000001".parse().unwrap()), details }
}

/// One request of every operation, by the operation's path in the description.
async fn every_request() -> Vec<(&'static str, Request<Bytes>)> {
    let (script, adyen) = Script::of([]);
    let bare = gateways::Buyer {
        payment_method: json!({"type": "googlepay", "googlePayToken": "{\"signature\":\"x\"}"}),
        origin: None,
        browser: None,
        ip: None,
        billing_address: None,
        country: None,
        ..buyer("test_visa")
    };
    let checkout = Checkout {
        customer: CUSTOMER.parse().unwrap(),
        order: None,
        money: eur(999),
        country: Some("NL".to_owned()),
        account: Some("OtherMerchant".parse().unwrap()),
        known: None,
    };
    let held = renewal(Verb::Authorise, 1, 999, &token());
    let psp = "993617894903480A";
    let three_ds = returned(
        json!({"details": {"threeDSResult": "eyJ0cmFuc1N0YXR1cyI6IlkifQ"}, "paymentData": "Ab02b4c0"}),
    );
    let redirect = returned(json!({"redirectResult": "X6XtfGC3!Y"}));
    let mut paths = Vec::new();
    let mut sent = |path: &'static str| paths.push(path);
    adyen.checkout(&checkout, soon()).await.unwrap_err();
    sent("/paymentMethods");
    adyen.checkout(&Checkout { country: None, account: None, ..checkout }, soon()).await.unwrap_err();
    sent("/paymentMethods");
    adyen.authorise(&purchase(1, 999), &buyer("test_visa"), soon()).await.unwrap();
    sent("/payments");
    adyen.authorise(&purchase(2, 999), &bare, soon()).await.unwrap();
    sent("/payments");
    adyen.verify(&verification(), &buyer("test_visa"), soon()).await.unwrap();
    sent("/payments");
    adyen.resume(&purchase(1, 999), &three_ds, soon()).await.unwrap();
    sent("/payments/details");
    adyen.resume(&purchase(1, 999), &redirect, soon()).await.unwrap();
    sent("/payments/details");
    adyen.authorise_off_session(&held, soon()).await.unwrap();
    sent("/payments");
    adyen.authorise_off_session(&renewal(Verb::Charge, 2, 999, &token()), soon()).await.unwrap();
    sent("/payments");
    adyen.capture(&step(&held, Verb::Capture, psp, 999), soon()).await.unwrap();
    sent("/payments/{paymentPspReference}/captures");
    adyen.cancel(&step(&held, Verb::Cancel, psp, 0), soon()).await.unwrap();
    sent("/payments/{paymentPspReference}/cancels");
    adyen.refund(&step(&held, Verb::Refund, psp, 100), soon()).await.unwrap();
    sent("/payments/{paymentPspReference}/refunds");
    adyen.resolve(&held, None, adyen.key_life(), soon()).await.unwrap();
    sent("/cancels");
    adyen.forget(&token(), CUSTOMER.parse().unwrap(), None, soon()).await.unwrap_err();
    sent("/storedPaymentMethods/{storedPaymentMethodId}");
    let seen: Vec<_> = script.seen.lock().unwrap().drain(..).collect();
    assert_eq!(seen.len(), paths.len());
    paths.into_iter().zip(seen).collect()
}

/// The validators of a description's request bodies, by path.
fn validators(description: &Value) -> BTreeMap<String, Validator> {
    let bodies = description["paths"].as_object().unwrap().iter().filter_map(|(path, operations)| {
        let schema = &operations["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        let root = json!({"$ref": schema.as_str()?, "components": &description["components"]});
        Some((path.clone(), jsonschema::validator_for(&root).unwrap()))
    });
    bodies.collect()
}

fn body(request: &Request<Bytes>) -> Value {
    serde_json::from_slice(request.body()).unwrap()
}

#[tokio::test]
async fn every_request_fits_both_official_descriptions() {
    let requests = every_request().await;
    let mut checked = 0;
    for file in CHECKOUT {
        let Some(description) = description(file) else { return };
        let validators = validators(&description);
        for (path, request) in &requests {
            checked += 1;
            let operation = &description["paths"][path][request.method().as_str().to_ascii_lowercase()];
            assert!(operation.is_object(), "{file}: no {} {path}", request.method());
            let literal: Vec<_> = path.split('/').filter(|part| !part.starts_with('{')).collect();
            assert!(
                literal.iter().all(|part| request.uri().path().contains(part)),
                "{path}: {}",
                request.uri()
            );
            if let Some(validator) = validators.get(*path) {
                let body = body(request);
                let complaints: Vec<_> =
                    validator.iter_errors(&body).map(|error| error.to_string()).collect();
                assert_eq!(complaints, Vec::<String>::new(), "{file} {path}: {body}");
            } else {
                assert_eq!(request.method(), "DELETE", "{path} has no schema to be checked with");
                assert_eq!(
                    request.uri().query(),
                    Some(format!("shopperReference=cleeng-{CUSTOMER}&merchantAccount={MERCHANT}").as_str())
                );
            }
        }
    }
    assert_eq!(checked, count("Adyen: requests valid by both descriptions (v71, v72)"));
}

#[tokio::test]
async fn the_descriptions_refuse_a_request_with_a_fault() {
    let requests = every_request().await;
    let mut refused = 0;
    for file in CHECKOUT {
        let Some(description) = description(file) else { return };
        let validators = validators(&description);
        for (path, request) in &requests {
            let Some(validator) = validators.get(*path) else { continue };
            let right = body(request);
            for (name, value) in right.as_object().unwrap() {
                let mut renamed = right.clone();
                let fields = renamed.as_object_mut().unwrap();
                fields.remove(name);
                fields.insert(format!("{name}X"), value.clone());
                assert!(!validator.is_valid(&renamed), "{file} {path}: {name}X passes");
                let mut retyped = right.clone();
                retyped[name] = json!([[1]]);
                assert!(!validator.is_valid(&retyped), "{file} {path}: {name} of another type passes");
                refused += 2;
            }
        }
        let payment =
            requests.iter().find(|(path, _)| *path == "/payments").map(|(_, request)| body(request)).unwrap();
        for (name, wrong) in [
            ("shopperInteraction", json!("Sometimes")),
            ("recurringProcessingModel", json!("Rental")),
            ("amount", json!({"value": "9.99", "currency": "EUR"})),
            ("shopperReference", json!("ab")),
        ] {
            let mut faulty = payment.clone();
            faulty[name] = wrong;
            assert!(!validators["/payments"].is_valid(&faulty), "{file}: {name}");
            refused += 1;
        }
    }
    assert_eq!(refused, count("Adyen: faulty requests refused by the descriptions"));
}

#[tokio::test]
async fn every_write_carries_our_key_and_our_reference_within_adyens_bounds() {
    for (path, request) in every_request().await {
        let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("x-api-key"), Some("simulated-adyen-api-key"), "{path}");
        assert!(
            !format!("{:?}", request.headers()).contains("simulated-adyen-api-key"),
            "the key can be logged"
        );
        if request.method() == "DELETE" || path == "/paymentMethods" {
            assert_eq!(header("idempotency-key"), None, "{path}");
            continue;
        }
        assert_eq!(header("idempotency-key").unwrap().len(), 64, "{path}");
        let body = body(&request);
        let reference = body.get("reference").or(body.get("paymentReference"));
        match reference.and_then(Value::as_str) {
            Some(reference) => assert!((1..=80).contains(&reference.len()), "{reference}"),
            None => assert_eq!(path, "/payments/details"),
        }
    }
}

#[tokio::test]
async fn the_same_intention_is_asked_in_the_same_words_and_another_try_under_another_key() {
    let (script, adyen) = Script::of([]);
    let ask = renewal(Verb::Authorise, 1, 999, &token());
    adyen.authorise_off_session(&ask, soon()).await.unwrap();
    adyen.resolve(&ask, None, std::time::Duration::from_secs(60), soon()).await.unwrap();
    adyen
        .authorise_off_session(
            &Intention { identity: renewal(Verb::Authorise, 2, 999, &token()).identity, ..ask },
            soon(),
        )
        .await
        .unwrap();
    let seen = script.seen.lock().unwrap();
    let key = |n: usize| seen[n].headers()["idempotency-key"].clone();
    assert_eq!((seen[0].uri(), seen[0].body(), key(0)), (seen[1].uri(), seen[1].body(), key(1)));
    assert_ne!(key(0), key(2));
}

#[tokio::test]
async fn only_an_authorisation_is_held() {
    for (path, request) in every_request().await.into_iter().filter(|(path, _)| *path == "/payments") {
        let body = body(&request);
        let held = body["additionalData"]["manualCapture"] == "true";
        assert_eq!(held, body["metadata"]["verb"] == "authorise", "{path}: {body}");
        assert_eq!(body["shopperInteraction"] == "Ecommerce", body["storePaymentMethod"] == true, "{body}");
    }
}

#[tokio::test]
async fn a_bare_card_number_never_leaves_the_house() {
    let (script, adyen) = Script::of([]);
    for method in [
        json!({"type": "scheme", "number": "4111111111111111", "cvc": "737"}),
        json!({"type": "scheme", "encryptedCardNumber": "4111 1111 1111 1111"}),
        json!({"type": "scheme", "encryptedCardNumber": "test_5555444433331111"}),
        json!({"type": "scheme", "holderName": "370000000000002"}),
        json!("4111111111111111"),
        json!({"encryptedCardNumber": "test_visa"}),
    ] {
        let page = gateways::Buyer { payment_method: method.clone(), ..buyer("test_visa") };
        let refused = adyen.authorise(&purchase(1, 999), &page, soon()).await.unwrap_err();
        assert!(matches!(refused, GatewayError::BadPaymentData { .. }), "{method}");
        assert!(!refused.to_string().contains("4111") && !refused.to_string().contains("3700"), "{refused}");
    }
    for details in [
        json!({}),
        json!(null),
        json!({"details": {}}),
        json!({"redirectResult": 7}),
        json!({"shopperIP": "x"}),
        json!({"payload": "4111111111111111"}),
    ] {
        let refused = adyen.resume(&purchase(1, 999), &returned(details.clone()), soon()).await;
        assert!(matches!(refused, Err(GatewayError::BadPaymentData { .. })), "{details}");
    }
    assert_eq!(script.asked(), 0);
}

#[tokio::test]
async fn what_adyen_takes_whole_or_not_at_all_is_the_pages_to_complete() {
    let (script, adyen) = Script::of([]);
    let whole = buyer("test_visa").browser.unwrap();
    let lacking = |field: &str| {
        let mut browser = whole.clone();
        browser.as_object_mut().unwrap().remove(field);
        browser
    };
    for browser in
        [lacking("colorDepth"), lacking("userAgent"), json!({"userAgent": "x"}), json!({}), json!("x")]
    {
        let page = gateways::Buyer { browser: Some(browser.clone()), ..buyer("test_visa") };
        let refused = adyen.authorise(&purchase(1, 999), &page, soon()).await.unwrap_err();
        assert!(matches!(refused, GatewayError::BadPaymentData { .. }), "{browser}: {refused}");
        assert!(refused.to_string().contains("screenHeight"), "it says what is wanted: {refused}");
    }
    let page = gateways::Buyer { billing_address: Some(json!({"city": "Utrecht"})), ..buyer("test_visa") };
    let refused = adyen.authorise(&purchase(1, 999), &page, soon()).await.unwrap_err();
    assert!(refused.to_string().contains("postalCode"), "{refused}");
    assert_eq!(script.asked(), 0, "it is not sent, so that it is not taken for a fault of ours");
}

#[tokio::test]
async fn another_customers_card_is_never_charged_or_removed() {
    let (script, adyen) = Script::of([]);
    let foreign = Token::new("cleeng-1|M5N7TQ4TG5PFWR50");
    let ask = renewal(Verb::Charge, 1, 999, &foreign);
    assert!(matches!(
        adyen.authorise_off_session(&ask, soon()).await,
        Err(GatewayError::BadPaymentData { .. })
    ));
    let forgot = adyen.forget(&foreign, CUSTOMER.parse().unwrap(), None, soon()).await;
    assert!(matches!(forgot, Err(GatewayError::BadPaymentData { .. })));
    assert_eq!(script.asked(), 0);
}

#[tokio::test]
async fn a_verb_with_a_wrong_target_is_our_own_fault_and_is_not_sent() {
    let (script, adyen) = Script::of([]);
    let upon_payment = step(&purchase(1, 999), Verb::Capture, "PSP0000000000001", 999);
    let misused = |result: Result<Outcome, GatewayError>| {
        matches!(result, Err(GatewayError::Misconfigured { status: 0, .. }))
    };
    assert!(misused(adyen.capture(&purchase(1, 999), soon()).await));
    assert!(misused(adyen.authorise_off_session(&purchase(1, 999), soon()).await));
    assert!(misused(adyen.authorise_off_session(&upon_payment, soon()).await));
    assert!(misused(adyen.authorise(&upon_payment, &buyer("test_visa"), soon()).await));
    assert_eq!(script.asked(), 0);
}

#[tokio::test]
async fn the_page_gets_public_values_only() {
    let methods = json!({"paymentMethods": [{"name": "Cards", "type": "scheme"}]});
    let (_, adyen) = Script::of([answer(200, &methods)]);
    let checkout = Checkout {
        customer: CUSTOMER.parse().unwrap(),
        order: None,
        money: eur(999),
        country: Some("NL".to_owned()),
        account: None,
        known: None,
    };
    let page = adyen.checkout(&checkout, soon()).await.unwrap();
    assert_eq!(
        page.page,
        json!({"gateway": "adyen", "environment": "test", "clientKey": "test_CLIENTKEY", "countryCode": "NL",
               "amount": {"value": 999, "currency": "EUR"}, "paymentMethodsResponse": methods})
    );
    assert_eq!(page.known, None);
    let world = World::new();
    assert_eq!(world.adyen.checkout(&checkout, soon()).await.unwrap().page["clientKey"], "test_CLIENTKEY");
    world.check();
}
