//! What Stripe answers, in our words: every state, every error, and answers of later versions.

use gateways::{Gateway, GatewayError, Resolution};
use payment::{DeclineClass, DeclineReason, Intention, Outcome, Target, Verb};
use serde_json::{Value, json};
use std::time::Duration;

use crate::gateways::stripe::bench;
use crate::gateways::stripe_requests::{Canned, specs, stored};
use crate::gateways::table::count;

/// What the adapter makes of this answer to this verb (a set-up where the verb is [`Verb::Verify`]).
async fn made_of(verb: Verb, status: u16, body: &Value) -> Result<Outcome, GatewayError> {
    let bench = bench();
    let (stripe, _) = Canned::stripe(status, body);
    let payment = || Target::Payment("pi_1".parse().unwrap());
    let target = match verb {
        Verb::Purchase | Verb::Verify => Target::Buyer,
        Verb::Authorise | Verb::Charge => stored(),
        Verb::Capture | Verb::Cancel | Verb::Refund => payment(),
    };
    let ask: Intention = bench.intention(verb, 2, if verb == Verb::Verify { 0 } else { 1299 }, target);
    let mut buyer = bench.buyer(&json!({ "payment_method": "pm_1" }));
    buyer.known = Some(payment::Token::new("cus_1"));
    match verb {
        Verb::Purchase => stripe.authorise(&ask, &buyer, bench.deadline()).await,
        Verb::Verify => stripe.verify(&ask, &buyer, bench.deadline()).await,
        Verb::Authorise | Verb::Charge => stripe.authorise_off_session(&ask, bench.deadline()).await,
        Verb::Capture => stripe.capture(&ask, bench.deadline()).await,
        Verb::Cancel => stripe.cancel(&ask, bench.deadline()).await,
        Verb::Refund => stripe.refund(&ask, bench.deadline()).await,
    }
}

fn intent(changes: &Value) -> Value {
    let mut intent = json!({
        "id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 1299, "amount_received": 1299,
        "currency": "eur", "customer": "cus_1", "payment_method": "pm_1", "capture_method": "automatic",
        "client_secret": "pi_1_secret_canary", "next_action": { "type": "use_stripe_sdk" },
        "metadata": { "reference": "order.2.1", "cleeng_customer_id": "7" },
        "latest_charge": { "id": "ch_1", "payment_method_details": { "card": {
            "brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2034, "capture_before": 1_800_000_000,
        } } },
    });
    intent.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    intent
}

fn arm(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Approved(approval) if approval.captured => "captured",
        Outcome::Approved(_) => "approved",
        Outcome::Declined(_) => "declined",
        Outcome::ActionRequired(_) => "action",
        Outcome::Unknown(uncertainty) if uncertainty.alarm => "alarm",
        Outcome::Unknown(_) => "unknown",
    }
}

/// Every status of a payment, by verb.
const PAYMENT_STATES: [(&str, [(Verb, &str); 3]); 7] = {
    use Verb::{Cancel, Capture, Charge};
    [
        ("canceled", [(Charge, "declined"), (Capture, "declined"), (Cancel, "approved")]),
        ("processing", [(Charge, "unknown"), (Capture, "unknown"), (Cancel, "unknown")]),
        ("requires_action", [(Charge, "action"), (Capture, "alarm"), (Cancel, "unknown")]),
        ("requires_capture", [(Charge, "approved"), (Capture, "unknown"), (Cancel, "unknown")]),
        ("requires_confirmation", [(Charge, "unknown"), (Capture, "alarm"), (Cancel, "unknown")]),
        ("requires_payment_method", [(Charge, "unknown"), (Capture, "alarm"), (Cancel, "unknown")]),
        ("succeeded", [(Charge, "captured"), (Capture, "captured"), (Cancel, "declined")]),
    ]
};

#[tokio::test]
async fn every_state_of_a_payment_has_its_meaning() {
    for (status, rows) in PAYMENT_STATES {
        for (verb, expected) in rows {
            let outcome = made_of(verb, 200, &intent(&json!({ "status": status }))).await.unwrap();
            assert_eq!(arm(&outcome), expected, "{status} {verb:?}");
        }
    }
    let later = made_of(Verb::Charge, 200, &intent(&json!({ "status": "word_of_tomorrow" }))).await.unwrap();
    assert_eq!(arm(&later), "unknown");
    let error = json!({ "code": "card_declined", "decline_code": "do_not_honor" });
    let failed = intent(&json!({ "status": "requires_payment_method", "last_payment_error": error }));
    assert_eq!(arm(&made_of(Verb::Purchase, 200, &failed).await.unwrap()), "declined");
    let Some(specs) = specs("every_state_of_a_payment_has_its_meaning") else { return };
    let words = specs.words("/payment_intent/properties/status/enum");
    assert_eq!(words.len(), PAYMENT_STATES.len());
    for word in words {
        assert!(PAYMENT_STATES.iter().any(|(status, _)| *status == word), "{word}");
    }
}

#[tokio::test]
async fn every_state_of_a_set_up_and_of_a_refund_has_its_meaning() {
    let setups = [
        ("canceled", "declined"),
        ("processing", "unknown"),
        ("requires_action", "action"),
        ("requires_confirmation", "unknown"),
        ("requires_payment_method", "unknown"),
        ("succeeded", "approved"),
        ("word_of_tomorrow", "unknown"),
    ];
    for (status, expected) in setups {
        let outcome =
            made_of(Verb::Verify, 200, &intent(&json!({ "id": "seti_1", "status": status }))).await.unwrap();
        assert_eq!(arm(&outcome), expected, "{status}");
    }
    let refunds = [
        (json!("canceled"), "declined"),
        (json!("failed"), "declined"),
        (json!("pending"), "approved"),
        (json!("requires_action"), "unknown"),
        (json!("succeeded"), "captured"),
        (json!("word_of_tomorrow"), "unknown"),
        (json!(null), "unknown"),
    ];
    for (status, expected) in refunds {
        let body = json!({ "id": "re_1", "amount": 1299, "currency": "eur", "payment_intent": "pi_1", "status": status });
        let outcome = made_of(Verb::Refund, 200, &body).await.unwrap();
        assert_eq!(arm(&outcome), expected, "{status}");
    }
    let Some(specs) = specs("every_state_of_a_set_up_and_of_a_refund_has_its_meaning") else { return };
    for word in specs.words("/setup_intent/properties/status/enum") {
        assert!(setups.iter().any(|(status, _)| *status == word), "{word}");
    }
}

#[tokio::test]
async fn an_approval_tells_what_was_kept_and_until_when_it_is_held() {
    let held = intent(&json!({ "status": "requires_capture", "amount_received": 0 }));
    let Ok(Outcome::Approved(approval)) = made_of(Verb::Authorise, 200, &held).await else { panic!("held") };
    assert_eq!(approval.capture_before.unwrap().as_second(), 1_800_000_000);
    assert!(approval.token.is_none(), "the buyer is away: nothing new is kept");
    let Ok(Outcome::Approved(approval)) = made_of(Verb::Purchase, 200, &intent(&json!({}))).await else {
        panic!("paid")
    };
    assert_eq!(approval.token.unwrap().expose(), "cus_1|pm_1");
    let card = approval.card.unwrap();
    assert_eq!(
        (card.variant.as_str(), card.last_four.as_str(), card.expires),
        ("visa", "4242", Some((12, 2034)))
    );
    assert!(approval.capture_before.is_none(), "nothing is held any more");
}

#[tokio::test]
async fn another_amount_or_another_customer_rings() {
    let rows = [
        (Verb::Charge, json!({ "amount": 1300 })),
        (Verb::Charge, json!({ "currency": "usd" })),
        (Verb::Charge, json!({ "amount": null })),
        (Verb::Charge, json!({ "amount_received": 1298 })),
        (Verb::Capture, json!({ "amount_received": 1298 })),
        (Verb::Charge, json!({ "customer": "cus_2" })),
        (Verb::Charge, json!({ "customer": null })),
        (Verb::Purchase, json!({ "customer": "cus_2" })),
        (Verb::Capture, json!({ "metadata": { "cleeng_customer_id": "8" } })),
        (Verb::Cancel, json!({ "status": "canceled", "metadata": { "cleeng_customer_id": "8" } })),
    ];
    for (verb, changes) in rows {
        let outcome = made_of(verb, 200, &intent(&changes)).await.unwrap();
        assert_eq!(arm(&outcome), "alarm", "{verb:?} {changes}");
    }
    let expanded = intent(&json!({ "customer": { "id": "cus_1", "object": "customer", "email": "x" } }));
    assert_eq!(arm(&made_of(Verb::Charge, 200, &expanded).await.unwrap()), "captured");
}

#[tokio::test]
async fn every_error_is_a_refusal_an_unknown_or_certainly_nothing() {
    let error = |kind: &str, code: &str| json!({ "error": { "type": kind, "code": code, "payment_intent": { "id": "pi_9" } } });
    let rows = [
        (402, error("card_error", "card_declined"), "declined"),
        (402, error("word_of_tomorrow", "word_of_tomorrow"), "declined"),
        (400, error("card_error", "expired_card"), "declined"),
        (400, error("invalid_request_error", "amount_too_small"), "declined"),
        (400, error("idempotency_error", ""), "unknown"),
        (400, error("api_error", ""), "unknown"),
        (409, error("idempotency_error", "idempotency_key_in_use"), "unknown"),
        (409, json!({}), "unknown"),
        (429, error("invalid_request_error", "lock_timeout"), "unknown"),
        (429, error("invalid_request_error", "rate_limit"), "throttled"),
        (424, error("api_error", "x"), "unknown"),
        (500, error("api_error", ""), "unknown"),
        (502, json!("<html>"), "unknown"),
        (301, json!({}), "unknown"),
        (402, json!("<html>"), "unknown"),
        (404, json!("<html>"), "unknown"),
        (401, error("invalid_request_error", "api_key_expired"), "misconfigured"),
        (403, error("invalid_request_error", ""), "misconfigured"),
        (400, error("invalid_request_error", "parameter_unknown"), "misconfigured"),
        (404, error("invalid_request_error", "resource_missing"), "misconfigured"),
    ];
    for (status, body, expected) in rows {
        let made = made_of(Verb::Charge, status, &body).await;
        let told = match &made {
            Ok(outcome) => arm(outcome),
            Err(GatewayError::Throttled { .. }) => "throttled",
            Err(GatewayError::Misconfigured { .. }) => "misconfigured",
            Err(_) => "not sent",
        };
        assert_eq!(told, expected, "{status} {body}");
        if let Ok(Outcome::Declined(decline)) = made {
            assert_eq!(decline.reference.unwrap().as_str(), "pi_9", "the refused payment's id is kept");
        }
    }
    let Some(specs) = specs("every_error_is_a_refusal_an_unknown_or_certainly_nothing") else { return };
    let kinds = specs.words("/api_errors/properties/type/enum");
    assert_eq!(kinds, ["api_error", "card_error", "idempotency_error", "invalid_request_error"]);
}

#[tokio::test]
async fn a_token_that_stripe_no_longer_has_is_a_refusal_that_is_not_repeated() {
    for (code, param) in
        [("resource_missing", "payment_method"), ("resource_missing", "customer"), ("", "payment_method")]
    {
        let error = json!({ "error": { "type": "invalid_request_error", "code": code, "param": param } });
        let Ok(Outcome::Declined(decline)) = made_of(Verb::Charge, 400, &error).await else {
            panic!("{param}")
        };
        assert_eq!((decline.class, decline.reason), (DeclineClass::Hard, DeclineReason::TokenMissing));
    }
}

#[tokio::test]
async fn an_id_that_the_page_made_up_is_the_pages_fault_and_nobody_is_called() {
    let made = async |param: &str| {
        let error = json!({ "error": { "type": "invalid_request_error", "code": "resource_missing", "param": param } });
        made_of(Verb::Purchase, 400, &error).await
    };
    for param in ["payment_method", "confirmation_token"] {
        assert!(matches!(made(param).await, Err(GatewayError::BadPaymentData { .. })), "{param}");
    }
    assert!(matches!(made("customer").await, Err(GatewayError::Misconfigured { .. })));
}

#[tokio::test]
async fn a_client_secret_goes_to_the_page_and_nowhere_else() {
    let outcome =
        made_of(Verb::Purchase, 200, &intent(&json!({ "status": "requires_action" }))).await.unwrap();
    let Outcome::ActionRequired(action) = outcome else { panic!("action") };
    let page: Value = serde_json::from_str(&action.page).unwrap();
    assert_eq!(page["client_secret"], "pi_1_secret_canary");
    assert_eq!(page["next_action"]["type"], "use_stripe_sdk");
    for status in ["processing", "succeeded", "canceled", "requires_capture"] {
        let outcome = made_of(Verb::Purchase, 200, &intent(&json!({ "status": status }))).await;
        assert!(!format!("{outcome:?}").contains("canary"), "{status}");
    }
}

/// Every member of the answer that may be missing, renamed or of another kind leaves an answer that is not worse
/// than unknown, and never a refusal.
#[tokio::test]
async fn an_answer_of_another_version_is_never_a_refusal() {
    for (verb, whole) in [
        (Verb::Charge, intent(&json!({}))),
        (Verb::Authorise, intent(&json!({ "status": "requires_capture" }))),
    ] {
        for variant in variants(&whole) {
            let outcome = made_of(verb, 200, &variant).await.unwrap();
            assert!(!matches!(outcome, Outcome::Declined(_)), "{variant}");
        }
    }
    // What is only shown or kept never costs the answer itself.
    for member in [
        "payment_method",
        "latest_charge",
        "client_secret",
        "next_action",
        "metadata",
        "capture_method",
        "object",
    ] {
        for value in
            [json!(null), json!(7), json!("x"), json!({}), json!([1]), json!({ "id": "x", "card": 3 })]
        {
            let outcome = made_of(Verb::Charge, 200, &intent(&json!({ member: value }))).await.unwrap();
            assert_eq!(arm(&outcome), "captured", "{member} {value}");
        }
    }
}

#[tokio::test]
async fn every_official_sample_is_read_whatever_is_taken_from_it() {
    let Some(_) = specs("every_official_sample_is_read_whatever_is_taken_from_it") else { return };
    let place = local::simulators::stripe::schema::directory().join("stripe-fixtures3-2026-08.trimmed.json");
    let samples: Value = serde_json::from_slice(&std::fs::read(place).unwrap()).unwrap();
    let ask = |changes: Value, sample: &Value| {
        let mut sample = sample.clone();
        sample.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        sample
    };
    let payment = ask(
        json!({ "status": "succeeded", "amount": 1299, "amount_received": 1299, "currency": "eur", "customer": "cus_1" }),
        &samples["resources"]["payment_intent"],
    );
    let setup =
        ask(json!({ "status": "succeeded", "customer": "cus_1" }), &samples["resources"]["setup_intent"]);
    let refund = ask(json!({ "amount": 1299, "currency": "eur" }), &samples["resources"]["refund"]);
    let mut read = 0;
    for (verb, sample, expected) in [
        (Verb::Charge, payment, "captured"),
        (Verb::Verify, setup, "approved"),
        (Verb::Refund, refund, "captured"),
    ] {
        assert_eq!(arm(&made_of(verb, 200, &sample).await.unwrap()), expected, "{verb:?}");
        for variant in variants(&sample) {
            let outcome = made_of(verb, 200, &variant).await.unwrap();
            assert!(!matches!(outcome, Outcome::Declined(_)), "{verb:?}: {variant}");
            read += 1;
        }
    }
    assert_eq!(read, count("Stripe: variants of 3 official samples read, none as a refusal"));
}

/// The same object with each member removed, null, of another kind or another word, and with one that is new.
fn variants(whole: &Value) -> Vec<Value> {
    let mut all = vec![{
        let mut more = whole.clone();
        more["word_of_tomorrow"] = json!({ "a": [1] });
        more
    }];
    for member in whole.as_object().unwrap().keys() {
        let mut without = whole.clone();
        without.as_object_mut().unwrap().remove(member);
        all.push(without);
        for value in
            [json!(null), json!("word_of_tomorrow"), json!(7), json!([]), json!({ "id": {} }), json!(1.5)]
        {
            let mut other = whole.clone();
            other[member] = value;
            all.push(other);
        }
    }
    all
}

#[tokio::test]
async fn a_card_is_forgotten_only_where_stripe_itself_says_so() {
    let bench = bench();
    let forget = async |body: Value| {
        let (stripe, _) = Canned::stripe(200, &body);
        let customer = "7".parse().unwrap();
        stripe.forget(&payment::Token::new("cus_1|pm_1"), customer, None, bench.deadline()).await
    };
    assert_eq!(forget(json!({ "id": "pm_1", "object": "payment_method", "customer": null })).await, Ok(()));
    for elses in [json!("<html>"), json!(null)] {
        assert!(forget(elses).await.is_err(), "it is tried again");
    }
}

#[tokio::test]
async fn two_payments_of_one_attempt_are_for_a_person() {
    let bench = bench();
    let ours = |id: &str, status: &str| {
        let metadata = json!({ "reference": "renewal.2.20261201T000000Z.1", "cleeng_customer_id": "7" });
        intent(&json!({ "id": id, "status": status, "metadata": metadata }))
    };
    let foreign =
        intent(&json!({ "id": "pi_8", "metadata": { "reference": "renewal.3.20261201T000000Z.1" } }));
    let ask = bench.intention(Verb::Charge, 2, 1299, stored());
    let resolve = async |data: Vec<Value>, has_more: bool| {
        let (stripe, _) = Canned::stripe(200, &json!({ "data": data, "has_more": has_more }));
        let age = Duration::from_hours(30);
        match stripe.resolve(&ask, None, age, bench.deadline()).await.unwrap() {
            Resolution::Absent => "absent",
            Resolution::Found(outcome) => arm(&outcome),
        }
    };
    assert_eq!(resolve(vec![ours("pi_1", "succeeded"), ours("pi_2", "succeeded")], false).await, "alarm");
    assert_eq!(resolve(vec![ours("pi_1", "canceled"), ours("pi_2", "succeeded")], false).await, "captured");
    assert_eq!(resolve(vec![foreign.clone()], false).await, "absent");
    assert_eq!(resolve(vec![foreign], true).await, "alarm");
    assert_eq!(resolve(Vec::new(), false).await, "absent");
}
