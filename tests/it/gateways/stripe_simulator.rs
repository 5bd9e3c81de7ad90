//! The simulator of Stripe is strict, forgets keys after a day, and answers in the official shapes.

use jiff::{SignedDuration, Timestamp};
use local::simulators::stripe::{StripeAccount, StripeSimulator};
use local::simulators::{GatewaySimulator, Simulator};
use serde_json::{Value, json};

use crate::gateways::stripe_requests::specs;
use crate::gateways::table::count;

struct Desk {
    stripe: StripeSimulator,
    now: Timestamp,
}

struct Answer {
    status: u16,
    replayed: bool,
    body: Value,
}

impl Desk {
    fn new() -> Self {
        let now = "2026-11-02T09:00:00Z".parse().unwrap();
        Self { stripe: StripeSimulator::new(StripeAccount::default()), now }
    }

    fn wait(&mut self, time: SignedDuration) {
        self.now = self.now.checked_add(time).unwrap();
    }

    fn send(&self, request: http::request::Builder, body: &str) -> Answer {
        let response = self.stripe.handle(self.now, request.body(body.to_owned().into()).unwrap());
        Answer {
            status: response.status().as_u16(),
            replayed: response.headers().contains_key("idempotent-replayed"),
            body: serde_json::from_slice(response.body()).unwrap_or(Value::Null),
        }
    }

    fn post(&self, path: &str, key: &str, form: &str) -> Answer {
        let request = http::Request::post(format!("http://stripe.test/v1/{path}"))
            .header("authorization", "Bearer sk_test_simulator")
            .header("stripe-version", "2026-10-28.endive")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("idempotency-key", key);
        self.send(request, form)
    }

    fn get(&self, path: &str) -> Answer {
        let request = http::Request::get(format!("http://stripe.test/v1/{path}"))
            .header("authorization", "Bearer sk_test_simulator")
            .header("stripe-version", "2026-10-28.endive");
        self.send(request, "")
    }

    fn control(&self, path: &str, body: &Value) -> Value {
        let answer = self
            .send(http::Request::post(format!("http://stripe.test/_simulator/{path}")), &body.to_string());
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    /// A customer with a card that was kept by a payment.
    fn customer(&self, card: &str) -> (String, String) {
        let customer = self
            .post("customers", &format!("customer {card} {}", self.now), "metadata[cleeng_customer_id]=7")
            .body["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let form = format!(
            "customer={customer}&payment_method={card}&confirm=true&usage=off_session\
             &automatic_payment_methods[enabled]=true&return_url=https://shop.example"
        );
        let setup = self.post("setup_intents", &format!("setup {card} {}", self.now), &form);
        if setup.body["status"] == "requires_action" {
            let id = setup.body["id"].as_str().unwrap();
            self.control(&format!("authenticate/{id}"), &json!({ "result": "success" }));
        }
        (customer, setup.body["payment_method"].as_str().unwrap().to_owned())
    }

    fn charge(&self, key: &str, customer: &str, card: &str, capture: &str) -> Answer {
        let form = format!(
            "amount=1299&currency=eur&customer={customer}&payment_method={card}&confirm=true&off_session=true\
             &capture_method={capture}&automatic_payment_methods[enabled]=true\
             &automatic_payment_methods[allow_redirects]=never&metadata[reference]={key}"
        );
        self.post("payment_intents", key, &form)
    }

    fn events(&self) -> Vec<String> {
        let deliveries = self.stripe.deliveries(self.now);
        let kind =
            |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap()["type"].as_str().unwrap().to_owned();
        deliveries.iter().map(|delivery| kind(&delivery.body)).collect()
    }

    fn acknowledge_all(&self, status: u16) {
        for delivery in self.stripe.deliveries(self.now) {
            self.control(&format!("deliveries/{}", delivery.id), &json!({ "status": status }));
        }
    }
}

#[test]
fn a_key_is_executed_once_replayed_for_a_day_and_then_forgotten() {
    let mut desk = Desk::new();
    let (customer, card) = desk.customer("pm_card_visa");
    let first = desk.charge("k", &customer, &card, "automatic");
    let again = desk.charge("k", &customer, &card, "automatic");
    assert!(!first.replayed && again.replayed && first.body == again.body);
    let other = desk.charge("k", &customer, &card, "manual");
    assert_eq!((other.status, other.body["error"]["type"].as_str().unwrap()), (400, "idempotency_error"));
    assert_eq!(desk.stripe.payments().len(), 1);
    desk.wait(SignedDuration::from_hours(24));
    assert!(!desk.charge("k", &customer, &card, "automatic").replayed, "a day later it charges again");
    assert_eq!(desk.stripe.payments().len(), 2);
}

#[test]
fn a_refusal_and_a_stored_500_are_replayed_and_a_refused_request_is_not() {
    let desk = Desk::new();
    let (customer, card) = desk.customer("pm_card_visa");
    desk.control(
        &format!("payment_methods/{card}"),
        &json!({ "behaviour": "insufficient_funds", "times": 1 }),
    );
    let refused = desk.charge("a", &customer, &card, "automatic");
    assert_eq!((refused.status, &refused.body["error"]["decline_code"]), (402, &json!("insufficient_funds")));
    assert!(refused.body["error"]["payment_intent"]["id"].is_string());
    assert!(desk.charge("a", &customer, &card, "automatic").replayed, "the same key keeps the old refusal");
    assert_eq!(desk.charge("b", &customer, &card, "automatic").status, 200, "a new key may succeed");
    desk.control("next", &json!({ "fault": "500_after" }));
    assert_eq!(desk.charge("c", &customer, &card, "automatic").status, 500);
    let again = desk.charge("c", &customer, &card, "automatic");
    assert!(again.status == 500 && again.replayed, "Stripe replays its own failure");
    let done = desk.stripe.payments();
    assert_eq!(done.iter().filter(|payment| payment.captured_minor == 1299).count(), 2, "and had charged");
    desk.control("next", &json!({ "fault": "504_after" }));
    assert_eq!(desk.charge("d", &customer, &card, "automatic").status, 504);
    assert_eq!(desk.charge("d", &customer, &card, "automatic").status, 200, "behind the proxy it was well");
    assert_eq!(desk.charge("e", &customer, "pm_unknown", "automatic").status, 400);
    assert_eq!(
        desk.charge("e", &customer, &card, "automatic").status,
        200,
        "what is not taken uses no key up"
    );
}

#[test]
fn what_is_asked_wrongly_is_refused_and_remembered() {
    let desk = Desk::new();
    let (customer, card) = desk.customer("pm_card_visa");
    assert_eq!(desk.stripe.violations(), Vec::<String>::new());
    let bare = || {
        http::Request::post("http://stripe.test/v1/customers")
            .header("authorization", "Bearer sk_test_simulator")
            .header("content-type", "application/x-www-form-urlencoded")
    };
    assert_eq!(desk.send(bare().header("stripe-version", "2026-10-28.endive"), "").status, 400, "no key");
    assert_eq!(desk.send(bare().header("idempotency-key", "k"), "").status, 400, "no version");
    assert_eq!(desk.stripe.violations().len(), 2);
    assert_eq!(desk.post("customers", &"k".repeat(256), "").status, 400, "too long a key");
    let stranger =
        http::Request::post("http://stripe.test/v1/customers").header("authorization", "Bearer sk_test_x");
    assert_eq!(desk.send(stranger, "").status, 401);
    assert_eq!(desk.charge("k", "cus_unknown", &card, "automatic").body["error"]["param"], "customer");
    let other = desk.post("customers", "c2", "").body["id"].as_str().unwrap().to_owned();
    assert_eq!(desk.charge("k2", &other, &card, "automatic").status, 400, "another's card");
    let rules = [
        ("amount=1299&currency=eur&off_session=true", "off_session"),
        ("amount=1299&currency=eur&return_url=https://x.example", "return_url"),
        ("amount=0&currency=eur", "amount"),
        ("amount=49&currency=eur", "amount"),
        ("amount=150&currency=isk", "amount"),
        ("amount=5124&currency=kwd", "amount"),
        ("amount=1299&currency=EUR", "currency"),
        (
            "amount=1299&currency=eur&confirm=true&payment_method=pm_card_visa&automatic_payment_methods[enabled]=true",
            "return_url",
        ),
    ];
    for (index, (form, param)) in rows_of(&rules) {
        let answer = desk.post("payment_intents", &format!("r{index}"), form);
        assert_eq!((answer.status, answer.body["error"]["param"].as_str().unwrap()), (400, param), "{form}");
    }
    assert!(desk.stripe.payments().is_empty() && !customer.is_empty());
    if specs("what_is_asked_wrongly_is_refused_and_remembered").is_some() {
        let before = desk.stripe.violations().len();
        assert_eq!(desk.post("payment_intents", "v", "amount=1299&currency=eur&card[number]=x").status, 400);
        assert_eq!(desk.stripe.violations().len() - before, 2, "both descriptions say so");
    }
}

fn rows_of<'a>(rules: &'a [(&'a str, &'a str)]) -> impl Iterator<Item = (usize, (&'a str, &'a str))> {
    rules.iter().copied().enumerate()
}

#[test]
fn every_answer_and_event_has_the_official_shape() {
    let Some(specs) = specs("every_answer_and_event_has_the_official_shape") else { return };
    let mut desk = Desk::new();
    let check = |schema: &str, value: &Value| {
        assert_eq!(specs.broken_by_answer(schema, value), Vec::<String>::new(), "{schema}: {value}");
    };
    let (customer, card) = desk.customer("pm_card_visa");
    let held = desk.charge("a", &customer, &card, "manual").body;
    let held_id = held["id"].as_str().unwrap().to_owned();
    check("payment_intent", &held);
    check(
        "payment_intent",
        &desk.post(&format!("payment_intents/{held_id}/capture"), "b", "amount_to_capture=1000").body,
    );
    let expanded = desk.get(&format!("payment_intents/{held_id}?expand[]=latest_charge")).body;
    check("charge", &expanded["latest_charge"]);
    let (quiet_customer, quiet) = desk.customer("pm_card_threeDSecureOptional");
    let paid = desk.charge("q", &quiet_customer, &quiet, "automatic").body["id"].as_str().unwrap().to_owned();
    let charge =
        desk.get(&format!("payment_intents/{paid}?expand[]=latest_charge")).body["latest_charge"].clone();
    check("charge", &charge);
    assert_eq!(
        charge["payment_method_details"]["card"]["three_d_secure"]["authentication_flow"],
        "frictionless"
    );
    let refund = desk.post("refunds", "r", &format!("payment_intent={held_id}&amount=400")).body;
    check("refund", &refund);
    check("refund", &desk.control(&format!("refunds/{}/fail", refund["id"].as_str().unwrap()), &json!({})));
    let dispute = desk.control(&format!("payment_intents/{held_id}/dispute"), &json!({}));
    check("dispute", &dispute);
    desk.control(&format!("disputes/{}/close", dispute["id"].as_str().unwrap()), &json!({ "status": "won" }));
    check("payment_method", &desk.get(&format!("payment_methods/{card}")).body);
    check("customer", &desk.get(&format!("customers/{customer}")).body);
    desk.control(
        &format!("payment_methods/{card}"),
        &json!({ "behaviour": "stolen_card", "exp_year": 2036 }),
    );
    check("error", &desk.charge("d", &customer, &card, "automatic").body);
    check("error", &desk.get("payment_intents/pi_unknown").body);
    let lapsing = desk.customer("pm_card_authenticationRequired");
    check("error", &desk.charge("e", &lapsing.0, &lapsing.1, "automatic").body);
    desk.control(&format!("payment_methods/{card}"), &json!({ "behaviour": "ok" }));
    desk.charge("f", &customer, &card, "manual");
    desk.wait(SignedDuration::from_hours(8 * 24));
    desk.control("tick", &json!({}));
    desk.control(&format!("payment_methods/{card}/detach"), &json!({}));
    let mut kinds = std::collections::BTreeSet::new();
    for delivery in desk.stripe.deliveries(desk.now) {
        let event: Value = serde_json::from_slice(&delivery.body).unwrap();
        check("event", &event);
        let object = &event["data"]["object"];
        check(object["object"].as_str().unwrap(), object);
        kinds.insert(event["type"].as_str().unwrap().to_owned());
    }
    assert_eq!(
        kinds.len(),
        count("Stripe: kinds of the simulator's events that have the official shape"),
        "{kinds:?}"
    );
}

#[test]
fn a_hold_without_the_buyer_lapses_after_four_days_and_eighteen_hours() {
    let mut desk = Desk::new();
    let (customer, card) = desk.customer("pm_card_visa");
    let held = desk.charge("a", &customer, &card, "manual").body["id"].as_str().unwrap().to_owned();
    desk.acknowledge_all(200);
    desk.wait(SignedDuration::from_hours(4 * 24 + 18).checked_sub(SignedDuration::from_secs(1)).unwrap());
    assert_eq!(desk.get(&format!("payment_intents/{held}")).body["status"], "requires_capture");
    desk.wait(SignedDuration::from_secs(1));
    assert_eq!(desk.get(&format!("payment_intents/{held}")).body["status"], "canceled");
    assert_eq!(desk.events(), ["payment_intent.canceled", "charge.expired"]);
    assert_eq!(desk.post(&format!("payment_intents/{held}/capture"), "b", "").status, 400);
    assert_eq!(desk.stripe.payments()[0].held_minor, 0);
}

#[test]
fn a_webhook_comes_again_until_it_is_acknowledged_or_given_up() {
    let mut desk = Desk::new();
    desk.customer("pm_card_visa");
    assert_eq!(desk.events(), ["setup_intent.succeeded"]);
    desk.acknowledge_all(500);
    assert!(desk.events().is_empty(), "not at once");
    desk.wait(SignedDuration::from_mins(1));
    assert_eq!(desk.events(), ["setup_intent.succeeded"]);
    desk.acknowledge_all(200);
    desk.wait(SignedDuration::from_hours(100));
    assert!(desk.events().is_empty());
    desk.customer("pm_card_visa");
    for _ in 0..11 {
        desk.wait(SignedDuration::from_hours(25));
        desk.acknowledge_all(503);
    }
    desk.wait(SignedDuration::from_hours(1000));
    assert!(desk.events().is_empty(), "given up");
}

#[test]
fn webhooks_come_late_twice_and_out_of_order_when_they_are_told_to() {
    let mut desk = Desk::new();
    desk.control("webhooks", &json!({ "delay_seconds": 60, "copies": 2, "spread_seconds": 600 }));
    let (customer, card) = desk.customer("pm_card_visa");
    for key in ["a", "b", "c"] {
        desk.charge(key, &customer, &card, "manual");
    }
    assert!(desk.events().is_empty());
    desk.wait(SignedDuration::from_secs(660));
    let ids: Vec<u64> = desk.stripe.deliveries(desk.now).iter().map(|delivery| delivery.id).collect();
    assert_eq!(ids.len(), 8, "a set-up and three holds, twice");
    assert!(!ids.is_sorted(), "{ids:?}");
}

#[test]
fn a_search_does_not_see_the_last_minute_and_a_list_does() {
    let mut desk = Desk::new();
    let (customer, card) = desk.customer("pm_card_visa");
    desk.charge("mine", &customer, &card, "automatic");
    let search = "payment_intents/search?query=metadata['reference']:'mine'";
    let found = |desk: &Desk, path: &str| desk.get(path).body["data"].as_array().unwrap().len();
    assert_eq!(found(&desk, search), 0);
    assert_eq!(found(&desk, &format!("payment_intents?customer={customer}")), 1);
    desk.wait(SignedDuration::from_secs(60));
    assert_eq!(found(&desk, search), 1);
    assert_eq!(found(&desk, "payment_intents/search?query=metadata['reference']:'other'"), 0);
    let later = desk.now.as_second();
    assert_eq!(found(&desk, &format!("payment_intents?customer={customer}&created[gte]={later}")), 0);
}

#[test]
fn the_same_requests_at_the_same_hours_end_in_the_same_state() {
    let play = || {
        let mut desk = Desk::new();
        let mut seen = Vec::new();
        let (customer, card) = desk.customer("pm_card_visa");
        for index in 0..5 {
            seen.push(desk.charge(&format!("k{index}"), &customer, &card, "manual").body);
            desk.wait(SignedDuration::from_hours(30));
        }
        let deliveries: Vec<_> = desk
            .stripe
            .deliveries(desk.now)
            .into_iter()
            .map(|delivery| (delivery.headers, delivery.body))
            .collect();
        (seen, desk.stripe.payments(), deliveries)
    };
    assert_eq!(play(), play());
}
