//! What the adapter sends to Stripe, held against both official descriptions and against what no schema says.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use gateways::stripe::{Stripe, StripeSettings};
use gateways::{BuyerReturn, Checkout, Gateway};
use local::simulators::stripe::schema::{self, Specs};
use payment::{Intention, Target, Token, Verb};
use serde_json::{Value, json};
use wire::{Reply, Transport, Wire};

use crate::gateways::contract::Bench;
use crate::gateways::stripe::{bench, settings};
use crate::gateways::table::count;

/// Answers everything with one text, and keeps what was asked.
pub(crate) struct Canned {
    pub(crate) asked: Mutex<Vec<http::Request<Bytes>>>,
    status: u16,
    body: String,
}

impl Canned {
    /// Stripe behind a peer that answers so.
    pub(crate) fn stripe(status: u16, body: &Value) -> (Stripe, Arc<Self>) {
        let canned = Arc::new(Self { asked: Mutex::default(), status, body: body.to_string() });
        let settings = StripeSettings::from_settings(&settings()).unwrap();
        (Stripe::new(Wire::new(canned.clone()), settings), canned)
    }
}

#[async_trait]
impl Transport for Canned {
    async fn send(&self, request: http::Request<Bytes>, _: Duration) -> Reply {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        let answer = http::Response::builder().status(self.status).body(Bytes::from(self.body.clone()));
        Reply::Answered(answer.unwrap())
    }
}

/// The official descriptions; where they are missing the test says so, louder than the harness.
pub(crate) fn specs(test: &str) -> Option<&'static Specs> {
    use std::io::Write;
    let specs = schema::specs();
    if specs.is_none() {
        let place = schema::directory();
        writeln!(std::io::stderr(), "SKIPPED: {test}: no official descriptions in {}", place.display())
            .unwrap();
    }
    specs
}

pub(crate) fn stored() -> Target {
    Target::Token(Token::new("cus_1|pm_1"))
}

/// Every operation's requests, as a person reads them: one line for the call, one for each parameter.
async fn every_request() -> Vec<(String, http::Request<Bytes>)> {
    let bench = bench();
    // Read as a customer, as an intent that is still processing, and as a list of one of either.
    let answer =
        json!({ "id": "cus_1", "status": "processing", "data": [{ "id": "cus_1", "status": "processing" }] });
    let (stripe, canned) = Canned::stripe(200, &answer);
    let deadline = bench.deadline();
    let mut buyer = bench.buyer(&json!({ "payment_method": "pm_1" }));
    let mut with_token = bench.buyer(&json!({ "confirmation_token": "ctoken_1" }));
    let nobody = BuyerReturn { reference: None, details: Value::Null };
    let returned = |id: &str| BuyerReturn { reference: Some(id.parse().unwrap()), details: Value::Null };
    let checkout = Checkout {
        customer: bench.intention(Verb::Charge, 1, 1, stored()).customer,
        order: None,
        money: bench.intention(Verb::Charge, 1, 699, stored()).money,
        country: Some("NL".to_owned()),
        account: None,
        known: None,
    };
    let ask = |verb, order, target| {
        bench.intention(verb, order, if verb == Verb::Verify { 0 } else { 699 }, target)
    };
    let payment = || Target::Payment("pi_1".parse().unwrap());
    let mut all = Vec::new();
    let mut keep = |name: &str| {
        let mut asked = canned.asked.lock().unwrap();
        let many = asked.len() > 1;
        let named = asked.drain(..).enumerate().map(|(index, request)| {
            (if many { format!("{name} ({})", index + 1) } else { name.to_owned() }, request)
        });
        all.extend(named);
    };
    stripe.checkout(&checkout, deadline).await.unwrap();
    keep("checkout");
    stripe.authorise(&ask(Verb::Purchase, 2, Target::Buyer), &buyer, deadline).await.unwrap();
    keep("authorise, nobody known");
    buyer.known = Some(Token::new("cus_1"));
    with_token.known = Some(Token::new("cus_1|pm_9"));
    stripe.authorise(&ask(Verb::Purchase, 3, Target::Buyer), &with_token, deadline).await.unwrap();
    keep("authorise, confirmation token");
    stripe.verify(&ask(Verb::Verify, 4, Target::Buyer), &buyer, deadline).await.unwrap();
    keep("verify");
    stripe.resume(&ask(Verb::Purchase, 5, Target::Buyer), &returned("pi_1"), deadline).await.unwrap();
    keep("resume a purchase");
    stripe.resume(&ask(Verb::Verify, 6, Target::Buyer), &returned("seti_1"), deadline).await.unwrap();
    keep("resume a verification");
    stripe.resume(&ask(Verb::Purchase, 7, Target::Buyer), &nobody, deadline).await.unwrap();
    keep("resume a purchase whose id is lost");
    stripe.resume(&ask(Verb::Verify, 8, Target::Buyer), &nobody, deadline).await.unwrap();
    keep("resume a verification whose id is lost");
    stripe.authorise_off_session(&ask(Verb::Authorise, 9, stored()), deadline).await.unwrap();
    keep("authorise off-session");
    stripe.authorise_off_session(&ask(Verb::Charge, 10, stored()), deadline).await.unwrap();
    keep("charge off-session");
    stripe.capture(&ask(Verb::Capture, 11, payment()), deadline).await.unwrap();
    keep("capture");
    stripe.cancel(&ask(Verb::Cancel, 12, payment()), deadline).await.unwrap();
    keep("cancel");
    stripe.refund(&ask(Verb::Refund, 13, payment()), deadline).await.unwrap();
    keep("refund");
    let old = Duration::from_hours(30);
    stripe.resolve(&ask(Verb::Charge, 14, stored()), None, old, deadline).await.unwrap();
    keep("resolve an old charge");
    stripe.resolve(&ask(Verb::Refund, 15, payment()), None, old, deadline).await.unwrap();
    keep("resolve an old refund");
    stripe.origin(&"pi_1".parse().unwrap(), deadline).await.unwrap();
    keep("origin of a payment");
    stripe.owner(&Token::new("cus_1|pm_1"), deadline).await.unwrap();
    keep("owner of a card");
    let customer = checkout.customer;
    stripe.forget(&Token::new("cus_1|pm_1"), customer, None, deadline).await.unwrap();
    keep("forget");
    all
}

type Parameters = Vec<(String, String)>;

fn parameters(request: &http::Request<Bytes>) -> Parameters {
    let text = match request.method().as_str() {
        "POST" => std::str::from_utf8(request.body()).unwrap().to_owned(),
        _ => request.uri().query().unwrap_or_default().to_owned(),
    };
    url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

fn header<'a>(request: &'a http::Request<Bytes>, name: &str) -> &'a str {
    request.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

#[tokio::test]
async fn every_request_is_the_one_that_was_agreed() {
    let mut text = String::new();
    for (name, request) in every_request().await {
        text.push_str(&format!("# {name}\n{} {}\n", request.method(), request.uri().path()));
        for (name, value) in parameters(&request) {
            text.push_str(&format!("    {name} = {value}\n"));
        }
        text.push('\n');
    }
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn every_request_names_version_key_and_account_as_stripe_wants_them() {
    let mut keys = std::collections::BTreeMap::new();
    for (name, request) in every_request().await {
        assert_eq!(header(&request, "stripe-version"), "2026-10-28.endive", "{name}");
        assert_eq!(header(&request, "authorization"), "Bearer sk_test_simulator", "{name}");
        assert!(!format!("{request:?}").contains("sk_test"), "{name} prints its key");
        let key = header(&request, "idempotency-key");
        if request.method() == "POST" {
            assert_eq!(key.len(), 64, "{name}");
            let body = String::from_utf8(request.body().to_vec()).unwrap();
            // One key, one request: another body under it would be refused.
            let before = keys.insert(key.to_owned(), (name.clone(), body.clone()));
            assert!(before.is_none_or(|(_, before)| before == body), "{name}");
        } else {
            assert!(key.is_empty() && request.body().is_empty(), "{name}");
        }
    }
}

#[tokio::test]
async fn every_write_is_valid_by_both_official_descriptions() {
    let Some(specs) = specs("every_write_is_valid_by_both_official_descriptions") else { return };
    let mut checked = 0;
    for (name, request) in every_request().await.into_iter().filter(|(_, request)| request.method() == "POST")
    {
        let tree = tree(&parameters(&request));
        let none: Vec<String> = Vec::new();
        assert_eq!(specs.broken_by_request("POST", request.uri().path(), &tree), none, "{name}");
        checked += 1;
    }
    assert_eq!(
        checked * 2,
        count("Stripe: requests valid by both descriptions (2023-08-16, 2026-10-28.endive)")
    );
}

#[tokio::test]
async fn what_is_wrong_is_seen_by_the_descriptions() {
    let Some(specs) = specs("what_is_wrong_is_seen_by_the_descriptions") else { return };
    let requests = every_request().await;
    let (_, charge) = requests.iter().find(|(name, _)| name == "charge off-session").unwrap();
    let right = parameters(charge);
    type Form = Vec<(String, String)>;
    let spoil = |change: &dyn Fn(&mut Form)| {
        let mut wrong = right.clone();
        change(&mut wrong);
        specs.broken_by_request("POST", "/v1/payment_intents", &tree(&wrong))
    };
    let set = |name: &'static str, value: &'static str| {
        move |wrong: &mut Parameters| {
            wrong.retain(|(known, _)| known != name);
            wrong.push((name.to_owned(), value.to_owned()));
        }
    };
    let drop = |name: &'static str| move |wrong: &mut Parameters| wrong.retain(|(known, _)| known != name);
    let both: [(&str, Vec<String>); 6] = [
        ("an unknown parameter", spoil(&set("amounts", "699"))),
        ("an unknown member", spoil(&set("automatic_payment_methods[allow]", "never"))),
        ("an unknown word", spoil(&set("capture_method", "by_hand"))),
        ("text for a number", spoil(&set("amount", "6.99"))),
        ("text for a flag", spoil(&set("confirm", "yes"))),
        ("no amount", spoil(&drop("amount"))),
    ];
    let faults = both.len();
    for (name, broken) in both {
        for version in ["2023-08-16", "2026-10-28"] {
            assert!(
                broken.iter().any(|line| line.starts_with(version)),
                "{name} is not seen by {version}: {broken:?}"
            );
        }
    }
    // What one version alone knows shows that both are asked.
    let gone = spoil(&set("payment_method_types[]", "card"));
    assert!(
        gone.iter().any(|line| line.starts_with("2026")) && !gone.iter().any(|line| line.starts_with("2023"))
    );
    let unknown = specs.broken_by_request("POST", "/v1/payment_intent", &json!({}));
    assert!(unknown.iter().any(|line| line.contains("not in the official description")));
    assert_eq!(faults * 2 + 2, count("Stripe: faulty requests refused by the descriptions"));
}

#[tokio::test]
async fn the_same_intention_makes_the_same_bytes_and_another_try_another_key() {
    let bench = bench();
    let (stripe, canned) = Canned::stripe(200, &json!({}));
    let ask = bench.intention(Verb::Charge, 2, 699, stored());
    for _ in 0..2 {
        stripe.authorise_off_session(&ask, bench.deadline()).await.unwrap();
    }
    let next = next_try(&bench, &ask);
    stripe.authorise_off_session(&next, bench.deadline()).await.unwrap();
    let asked = canned.asked.lock().unwrap();
    let [first, again, other] = asked.as_slice() else { panic!("three requests") };
    assert_eq!((first.body(), first.headers()), (again.body(), again.headers()));
    assert_ne!(header(first, "idempotency-key"), header(other, "idempotency-key"));
}

fn next_try(bench: &Bench, ask: &Intention) -> Intention {
    let end = "2026-12-01T00:00:00Z".parse().unwrap();
    let identity = payment::Identity::renewal("2".parse().unwrap(), end, 2);
    assert_ne!(identity, ask.identity);
    Intention { identity, ..bench.intention(Verb::Charge, 2, 699, stored()) }
}

/// The tree of texts that `a[b][]=c` means.
fn tree(parameters: &[(String, String)]) -> Value {
    let mut root = json!({});
    for (name, value) in parameters {
        let mut place = &mut root;
        for step in name.split(['[', ']']).filter(|step| !step.is_empty()) {
            place = &mut place[step];
        }
        match name.strip_suffix("[]") {
            Some(_) if place.is_array() => place.as_array_mut().unwrap().push(json!(value)),
            Some(_) => *place = json!([value]),
            None => *place = json!(value),
        }
    }
    root
}
