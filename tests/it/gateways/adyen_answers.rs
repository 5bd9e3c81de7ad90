//! What the adapter makes of Adyen's answers: yes, no, act first, or unknown; and unknown never becomes no.

use bytes::Bytes;
use gateways::{BuyerReturn, Gateway, GatewayError, Resolution};
use http::Response;
use payment::{DeclineClass, DeclineReason, Outcome, Token, Uncertainty, Verb};
use serde_json::{Value, json};

use super::adyen_world::{
    CHECKOUT, CUSTOMER, Script, answer, buyer, description, purchase, renewal, soon, step, verification,
};
use super::table::count;

fn token() -> Token {
    Token::new(format!("cleeng-{CUSTOMER}|M5N7TQ4TG5PFWR50"))
}

async fn paid(response: Response<Bytes>) -> Result<Outcome, GatewayError> {
    let (_, adyen) = Script::of(std::iter::repeat_n(response, 3));
    adyen.authorise(&purchase(1, 1000), &buyer("test_visa"), soon()).await
}

async fn renewed(response: Response<Bytes>) -> Result<Outcome, GatewayError> {
    let (_, adyen) = Script::of(std::iter::repeat_n(response, 3));
    adyen.authorise_off_session(&renewal(Verb::Authorise, 1, 1000, &token()), soon()).await
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Approved(_) => "approved",
        Outcome::Declined(_) => "declined",
        Outcome::ActionRequired(_) => "act",
        Outcome::Unknown(Uncertainty { alarm: false, .. }) => "unknown",
        Outcome::Unknown(_) => "alarm",
    }
}

/// Every result code of the description, for a present and for an absent buyer.
const RESULTS: [(&str, &str, &str); 14] = [
    ("AuthenticationFinished", "alarm", "alarm"),
    ("AuthenticationNotRequired", "alarm", "alarm"),
    ("Authorised", "approved", "approved"),
    ("Cancelled", "declined", "declined"),
    ("ChallengeShopper", "act", "declined"),
    ("Error", "declined", "declined"),
    ("IdentifyShopper", "act", "declined"),
    ("PartiallyAuthorised", "alarm", "alarm"),
    ("Pending", "unknown", "unknown"),
    ("PresentToShopper", "act", "declined"),
    ("Received", "unknown", "unknown"),
    ("RedirectShopper", "act", "declined"),
    ("Refused", "declined", "declined"),
    ("Success", "unknown", "unknown"),
];

#[tokio::test]
async fn every_result_code_of_the_descriptions_has_a_meaning() {
    for (code, present, absent) in RESULTS {
        let body =
            json!({"resultCode": code, "pspReference": "993617895199574A", "action": {"type": "redirect"}});
        assert_eq!(word(&paid(answer(200, &body)).await.unwrap()), present, "{code}");
        assert_eq!(word(&renewed(answer(200, &body)).await.unwrap()), absent, "{code}");
    }
    for code in ["", "authorised", "AUTHORISED", "Novelty"] {
        let body = json!({"resultCode": code, "pspReference": "993617895199574A"});
        assert_eq!(word(&paid(answer(200, &body)).await.unwrap()), "unknown", "{code}");
    }
    for file in CHECKOUT {
        let Some(description) = description(file) else { return };
        for schema in ["PaymentResponse", "PaymentDetailsResponse"] {
            let codes = description["components"]["schemas"][schema]["properties"]["resultCode"]["enum"]
                .as_array()
                .unwrap();
            let known: Vec<_> = RESULTS.iter().map(|(code, ..)| json!(code)).collect();
            assert_eq!(*codes, known, "{file} {schema}");
        }
    }
}

#[tokio::test]
async fn an_approval_brings_the_token_and_what_may_be_shown_of_the_card() {
    let body = json!({
        "resultCode": "Authorised", "pspReference": "993617895199574A", "merchantReference": "order.696713353.1",
        "amount": {"value": 1000, "currency": "EUR"}, "paymentMethod": {"brand": "visa_applepay", "type": "applepay"},
        "additionalData": {"cardSummary": "1111", "expiryDate": "3/2030", "tokenization.shopperReference": "cleeng-338816082",
                           "tokenization.storedPaymentMethodId": "M5N7TQ4TG5PFWR50", "authCode": 98871},
    });
    let Outcome::Approved(approval) = paid(answer(200, &body)).await.unwrap() else { panic!("not approved") };
    assert!(approval.captured);
    assert_eq!(approval.reference.as_str(), "993617895199574A");
    assert_eq!(approval.token, Some(token()));
    let card = approval.card.unwrap();
    assert_eq!(
        (card.variant.as_str(), card.last_four.as_str(), card.expires),
        ("visa", "1111", Some((3, 2030)))
    );

    let Outcome::Approved(held) = renewed(answer(200, &body)).await.unwrap() else { panic!("not approved") };
    assert_eq!((held.captured, held.token), (false, None));

    let older = json!({"resultCode": "Authorised", "pspReference": "993617895199574A",
                       "additionalData": {"recurring.recurringDetailReference": "8415746437121234"}});
    let (_, adyen) = Script::of([answer(200, &older)]);
    let verified = adyen.verify(&verification(), &buyer("test_visa"), soon()).await.unwrap();
    let Outcome::Approved(verified) = verified else { panic!("not approved") };
    assert_eq!(verified.token.unwrap().expose(), format!("cleeng-{CUSTOMER}|8415746437121234"));
    assert!(!verified.captured);
}

#[tokio::test]
async fn another_amount_than_asked_rings_instead_of_being_believed() {
    for amount in [
        json!({"value": 999, "currency": "EUR"}),
        json!({"value": 1000, "currency": "USD"}),
        json!({}),
        json!({"value": "10.00", "currency": "EUR"}),
        json!({"value": null, "currency": "EUR"}),
    ] {
        let body = json!({"resultCode": "Authorised", "pspReference": "P1", "amount": amount});
        assert_eq!(word(&paid(answer(200, &body)).await.unwrap()), "alarm", "{amount}");
    }
    let ask = step(&purchase(1, 1000), Verb::Capture, "993617894903480A", 1000);
    for (changed, value) in
        [("amount", json!({"value": 2000, "currency": "EUR"})), ("paymentPspReference", json!("OTHER"))]
    {
        let mut body = json!({"status": "received", "pspReference": "M1", "paymentPspReference": "993617894903480A",
                              "amount": {"value": 1000, "currency": "EUR"}});
        body[changed] = value;
        let (_, adyen) = Script::of([answer(201, &body)]);
        assert_eq!(word(&adyen.capture(&ask, soon()).await.unwrap()), "alarm", "{changed}");
    }
}

#[tokio::test]
async fn a_refusal_says_what_may_be_done_after_it() {
    let body = json!({"resultCode": "Refused", "pspReference": "P1", "refusalReasonCode": 12, "refusalReason": "Not enough balance",
                      "additionalData": {"refusalReasonRaw": "51 : Insufficient funds", "merchantAdviceCode": "24 : Retry after 1 hour"}});
    let Outcome::Declined(decline) = renewed(answer(200, &body)).await.unwrap() else {
        panic!("not declined")
    };
    assert_eq!((decline.class, decline.reason), (DeclineClass::Soft, DeclineReason::InsufficientFunds));
    assert_eq!(decline.rejected_reason(), "insufficient_funds | adyen:12 raw=51 adv=24");
    assert_eq!(decline.reference.unwrap().as_str(), "P1");

    let gone = json!({"status": 422, "errorCode": "803", "errorType": "validation", "message": "PaymentDetail not found"});
    let Outcome::Declined(decline) = renewed(answer(422, &gone)).await.unwrap() else {
        panic!("not declined")
    };
    assert_eq!((decline.class, decline.reason), (DeclineClass::Hard, DeclineReason::TokenMissing));

    let challenge =
        json!({"resultCode": "RedirectShopper", "pspReference": "P1", "action": {"type": "redirect"}});
    let Outcome::Declined(decline) = renewed(answer(200, &challenge)).await.unwrap() else {
        panic!("not declined")
    };
    assert_eq!(
        (decline.class, decline.reason),
        (DeclineClass::Customer, DeclineReason::AuthenticationRequired)
    );
}

#[tokio::test(start_paused = true)]
async fn whatever_does_not_plainly_say_no_is_unknown() {
    let text = |status: u16, body: &'static str| {
        Response::builder().status(status).body(Bytes::from_static(body.as_bytes())).unwrap()
    };
    let error = |status: u16, code: &str, kind: &str| {
        answer(
            status,
            &json!({"status": status, "errorCode": code, "errorType": kind, "message": "4111111111111111"}),
        )
    };
    for unknown in [
        text(200, ""),
        text(200, "<html>ok</html>"),
        text(200, "{\"resultCode\":\"Autho"),
        text(200, "null"),
        text(200, "[]"),
        text(204, ""),
        text(302, ""),
        text(400, "<html>bad</html>"),
        text(422, ""),
        text(500, ""),
        text(502, "<html>bad gateway</html>"),
        text(503, "{}"),
        error(409, "704", "validation"),
        error(422, "704", "validation"),
        error(422, "999", "internal"),
        error(500, "905", "configuration"),
        answer(200, &json!({"resultCode": {"deep": 1}})),
        answer(200, &json!({"resultCode": "RedirectShopper", "pspReference": "P1"})),
    ] {
        let outcome = paid(unknown.clone()).await.unwrap();
        assert_eq!(word(&outcome), "unknown", "{unknown:?}");
    }
    let mut transient = error(422, "123", "validation");
    transient.headers_mut().insert("transient-error", "true".parse().unwrap());
    assert_eq!(word(&paid(transient).await.unwrap()), "unknown");
    let no_id = json!({"resultCode": "Authorised"});
    assert_eq!(word(&paid(answer(200, &no_id)).await.unwrap()), "alarm");
}

#[tokio::test(start_paused = true)]
async fn what_certainly_did_nothing_is_an_error_that_says_who_acts() {
    let error = |status: u16, code: &str, kind: &str| {
        answer(
            status,
            &json!({"status": status, "errorCode": code, "errorType": kind, "message": "4111111111111111"}),
        )
    };
    for (response, what) in [
        (error(401, "000", "security"), "misconfigured"),
        (error(403, "901", "security"), "misconfigured"),
        (
            Response::builder().status(403).body(Bytes::from_static(b"<html>blocked</html>")).unwrap(),
            "misconfigured",
        ),
        (error(400, "702", "validation"), "misconfigured"),
        (error(422, "14_030", "validation"), "misconfigured"),
        (error(422, "905", "configuration"), "misconfigured"),
        (error(422, "101", "validation"), "bad data"),
        (error(422, "172", "validation"), "bad data"),
        (error(422, "702", "validation"), "bad data"),
        (error(404, "803", "validation"), "bad data"),
        (error(429, "000", "security"), "throttled"),
    ] {
        let told = paid(response.clone()).await.unwrap_err();
        assert!(!told.to_string().contains("4111"), "{told}");
        let kind = match told {
            GatewayError::Misconfigured { .. } => "misconfigured",
            GatewayError::BadPaymentData { .. } => "bad data",
            GatewayError::Throttled { .. } => "throttled",
            GatewayError::NotSent { .. } => "not sent",
        };
        assert_eq!(kind, what, "{response:?}");
    }
}

#[tokio::test]
async fn what_a_page_brings_back_is_believed_only_of_its_own_payment() {
    let ask = purchase(1, 1000);
    let back = |reference: Option<&str>| BuyerReturn {
        reference: reference.map(|known| known.parse().unwrap()),
        details: json!({"redirectResult": "abc"}),
    };
    let resume = async |body: Value, known: Option<&str>| {
        let (_, adyen) = Script::of([answer(200, &body)]);
        adyen.resume(&ask, &back(known), soon()).await
    };
    let authorised = json!({"resultCode": "Authorised", "pspReference": "V4HZ4RBFJGXXGN82"});
    let with = |name: &str, value: Value| {
        let mut body = authorised.clone();
        body[name] = value;
        body
    };
    let ours = with("merchantReference", json!("order.696713353.1"));
    assert_eq!(word(&resume(ours, None).await.unwrap()), "approved");
    assert_eq!(word(&resume(authorised.clone(), Some("V4HZ4RBFJGXXGN82")).await.unwrap()), "approved");
    assert_eq!(word(&resume(authorised.clone(), Some("ANOTHER")).await.unwrap()), "unknown");
    assert_eq!(word(&resume(authorised.clone(), None).await.unwrap()), "unknown");
    let refused =
        json!({"resultCode": "Refused", "pspReference": "V4HZ4RBFJGXXGN82", "refusalReasonCode": "2"});
    assert_eq!(word(&resume(refused, None).await.unwrap()), "unknown");
    let foreign = resume(with("merchantReference", json!("order.1.1")), Some("V4HZ4RBFJGXXGN82")).await;
    assert!(matches!(foreign, Err(GatewayError::BadPaymentData { .. })));
    let challenge = json!({"resultCode": "ChallengeShopper", "action": {"type": "threeDS2", "token": "x"}});
    assert_eq!(word(&resume(challenge, None).await.unwrap()), "act");
}

#[tokio::test]
async fn the_official_answers_are_read_and_no_missing_or_new_member_turns_unknown_into_no() {
    let Some(description) = description(CHECKOUT[0]) else { return };
    let examples = description["components"]["examples"].as_object().unwrap();
    let mut read = 0;
    for (name, example) in
        examples.iter().filter(|(name, _)| name.starts_with("post-payments") && name.ends_with("-200"))
    {
        let body = &example["value"];
        let outcome = renewed_with_amount_of(body).await;
        assert_ne!(word(&outcome), "alarm", "{name}");
        read += 1;
        let approved = body["resultCode"] == "Authorised";
        let Some(fields) = body.as_object() else { continue };
        for member in fields.keys() {
            let mut less = body.clone();
            less.as_object_mut().unwrap().remove(member);
            let mut odd = body.clone();
            odd[member] = json!({"unexpected": [null]});
            for changed in [less, odd] {
                let outcome = renewed_with_amount_of(&changed).await;
                assert!(!approved || word(&outcome) != "declined", "{name} without {member}: {outcome:?}");
            }
        }
        let mut more = body.clone();
        more["somethingNew"] = json!({"a": [1]});
        assert_eq!(word(&renewed_with_amount_of(&more).await), word(&outcome), "{name}");
    }
    assert_eq!(read, count("Adyen: official answers read"));
}

/// An intention of the amount that the example speaks of, buyer present, so that every arm can be reached.
async fn renewed_with_amount_of(body: &Value) -> Outcome {
    let minor = body["amount"]["value"].as_i64().unwrap_or(1000);
    let mut ask = purchase(1, minor);
    if let Some(currency) = body["amount"]["currency"].as_str() {
        ask.money.currency = currency.parse().unwrap();
    }
    let (_, adyen) = Script::of([answer(200, body)]);
    adyen.authorise(&ask, &buyer("test_visa"), soon()).await.unwrap()
}

#[tokio::test]
async fn a_received_modification_counts_as_done_and_an_unread_one_does_not() {
    let held = renewal(Verb::Authorise, 1, 1000, &token());
    let received = |verb: Verb| {
        let mut body = json!({"status": "received", "pspReference": "993617894906488A", "paymentPspReference": "993617894903480A",
                              "merchantAccount": "M", "reference": "R"});
        if verb != Verb::Cancel {
            body["amount"] = json!({"value": 1000, "currency": "EUR"});
        }
        body
    };
    for (verb, reference, moved) in [
        (Verb::Capture, "993617894903480A", true),
        (Verb::Cancel, "993617894903480A", false),
        (Verb::Refund, "993617894906488A", true),
    ] {
        let ask = step(&held, verb, "993617894903480A", if verb == Verb::Cancel { 0 } else { 1000 });
        for (body, expected) in
            [(received(verb), "approved"), (json!({"status": "someday"}), "unknown"), (json!({}), "unknown")]
        {
            let (_, adyen) = Script::of([answer(201, &body)]);
            let Resolution::Found(outcome) =
                adyen.resolve(&ask, None, std::time::Duration::ZERO, soon()).await.unwrap()
            else {
                panic!("absent")
            };
            assert_eq!(word(&outcome), expected, "{verb:?} {body}");
            if let Outcome::Approved(approval) = outcome {
                assert_eq!((approval.reference.as_str(), approval.captured), (reference, moved), "{verb:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_card_that_is_already_gone_counts_as_forgotten() {
    let forget = async |response: Response<Bytes>| {
        let (_, adyen) = Script::of(std::iter::repeat_n(response, 3));
        adyen.forget(&token(), CUSTOMER.parse().unwrap(), None, soon()).await
    };
    let gone = |status: u16, code: &str| {
        answer(status, &json!({"status": status, "errorCode": code, "errorType": "validation"}))
    };
    for fine in [answer(204, &json!(null)), gone(404, "000"), gone(422, "800"), gone(422, "803")] {
        assert_eq!(forget(fine.clone()).await, Ok(()), "{fine:?}");
    }
    assert!(matches!(forget(gone(422, "702")).await, Err(GatewayError::Misconfigured { .. })));
    for elses in [answer(500, &json!(null)), answer(200, &json!("<html>"))] {
        assert!(matches!(forget(elses).await, Err(GatewayError::NotSent { .. })), "it is tried again");
    }
}
