//! The simulated Adyen itself: its faults, its webhooks' travels, its rules, and that it always does the same again.

use std::time::Duration;

use bytes::Bytes;
use gateways::Gateway;
use http::Request;
use local::simulators::{GatewaySimulator, Simulator};
use payment::{Outcome, Verb};
use serde_json::{Value, json};

use super::adyen_payments::{DAY, approved, found, kept};
use super::adyen_world::{CHECKOUT, World, description, read, reader, renewal, soon, step};

#[tokio::test]
async fn the_simulators_own_faults_hide_answers_or_come_before_the_deed() {
    for (fault, acts, unknown) in [
        ("500_before", false, true),
        ("500_after", true, true),
        ("empty_before", false, true),
        ("empty_after", true, true),
        ("html_before", false, true),
        ("html_after", true, true),
        ("in_flight", false, true),
        ("401", false, false),
    ] {
        let world = World::new();
        let token = kept(&world, "test_visa").await;
        world.control("next", &json!({"fault": fault, "path": "payments"}));
        let ask = renewal(Verb::Charge, 1, 999, &token);
        let first = world.adyen.authorise_off_session(&ask, soon()).await;
        assert_eq!(matches!(first, Ok(Outcome::Unknown(_))), unknown, "{fault}: {first:?}");
        assert_eq!(world.simulator.payments().len() == 2, acts, "{fault}");
        let again = found(world.adyen.resolve(&ask, None, Duration::from_secs(60), soon()).await.unwrap());
        assert!(approved(again).captured);
        assert_eq!(world.simulator.payments().len(), 2, "{fault}");
        world.check();
    }
}

#[tokio::test]
async fn a_webhook_comes_again_until_it_is_acknowledged_and_travels_as_it_was_told() {
    let world = World::new();
    world.control("webhooks", &json!({"delay_seconds": 60, "copies": 2, "spread_seconds": 600}));
    kept(&world, "test_visa").await;
    assert!(world.simulator.deliveries(world.now()).is_empty(), "not late");
    world.pass(Duration::from_secs(660));
    let first = world.simulator.deliveries(world.now());
    assert_eq!(first.len(), 4);
    let order: Vec<_> = first.iter().map(|delivery| delivery.id).collect();
    assert!(!order.is_sorted(), "{order:?}: nothing overtook anything");
    assert_eq!(world.simulator.deliveries(world.now()).len(), 4, "gone before it was acknowledged");
    for delivery in &first {
        let status = if delivery.id == first[0].id { 500 } else { 202 };
        world.control(&format!("deliveries/{}", delivery.id), &json!({"status": status}));
    }
    assert!(world.simulator.deliveries(world.now()).is_empty());
    world.pass(Duration::from_secs(9));
    let again = world.simulator.deliveries(world.now());
    assert_eq!((again.len(), again[0].id), (1, first[0].id));
    assert_eq!(read(&reader(), &again[0]).unwrap(), read(&reader(), &first[0]).unwrap());
    world.pass(31 * DAY);
    world.control(&format!("deliveries/{}", again[0].id), &json!({"status": 500}));
    world.pass(31 * DAY);
    assert!(world.simulator.deliveries(world.now()).is_empty(), "not given up after thirty days");
}

#[tokio::test]
async fn the_simulator_refuses_what_adyen_refuses_and_remembers_who_broke_a_rule() {
    let world = World::new();
    let post = |path: &str, key: Option<&str>, api_key: &str, body: &Value| {
        let mut request = Request::post(format!("http://adyen.test/v71/{path}"))
            .header("content-type", "application/json")
            .header("x-api-key", api_key);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let answer =
            world.simulator.handle(world.now(), request.body(Bytes::from(body.to_string())).unwrap());
        (answer.status().as_u16(), serde_json::from_slice::<Value>(answer.body()).unwrap_or_default())
    };
    let right = "simulated-adyen-api-key";
    let payment = json!({
        "merchantAccount": "SimulatedMerchant", "amount": {"value": 100, "currency": "EUR"}, "reference": "R", "returnUrl": "https://shop.test/",
        "paymentMethod": {"type": "scheme", "encryptedCardNumber": "test_visa"}, "shopperInteraction": "Ecommerce",
    });
    let with = |name: &str, value: Value| {
        let mut changed = payment.clone();
        changed[name] = value;
        changed
    };
    assert_eq!(post("payments", Some("a"), "wrong", &payment).0, 401);
    assert_eq!(post("payments", Some("a"), right, &with("merchantAccount", json!("Foreign"))).0, 403);
    assert_eq!(
        post(
            "payments",
            Some("a"),
            right,
            &with("paymentMethod", json!({"type": "scheme", "encryptedCardNumber": "x"}))
        )
        .1["errorCode"],
        "101"
    );
    assert_eq!(world.simulator.violations(), Vec::<String>::new());
    let (status, first) = post("payments", Some("a"), right, &payment);
    assert_eq!((status, first["resultCode"].as_str()), (200, Some("Authorised")));
    assert_eq!(post("payments", Some("a"), right, &payment).1, first, "a repeated key was not recognised");
    let mut broken = 0;
    let mut breaks = |(status, _): (u16, Value)| {
        broken += 1;
        assert_eq!(
            (status, world.simulator.violations().len()),
            (422, broken),
            "{:?}",
            world.simulator.violations()
        );
    };
    breaks(post("payments", Some("a"), right, &with("reference", json!("S"))));
    breaks(post("payments", Some(&"k".repeat(65)), right, &payment));
    breaks(post("payments", Some("b"), right, &with("returnUrl", json!(""))));
    breaks(post("payments", Some("c"), right, &with("reference", json!("x".repeat(81)))));
    breaks(post("payments", Some("d"), right, &with("shopperInteraction", json!("ContAuth"))));
    if description(CHECKOUT[0]).is_some() {
        breaks(post("payments", Some("e"), right, &with("novelty", json!(1))));
    }
    assert_eq!(world.simulator.payments().len(), 1);
}

#[tokio::test]
async fn the_same_requests_at_the_same_hours_end_in_the_same_state() {
    let life = async || {
        let world = World::new();
        let token = kept(&world, "test_visa_later_declined_12_times_1").await;
        for n in 1..=5 {
            let ask = renewal(Verb::Authorise, n, 999, &token);
            if let Outcome::Approved(held) = world.adyen.authorise_off_session(&ask, soon()).await.unwrap() {
                world
                    .adyen
                    .capture(&step(&ask, Verb::Capture, held.reference.as_str(), 999), soon())
                    .await
                    .unwrap();
            }
            world.pass(DAY);
        }
        let due: Vec<_> =
            world.simulator.deliveries(world.now()).into_iter().map(|delivery| delivery.body).collect();
        (world.state(), due)
    };
    assert_eq!(life().await, life().await);
}

#[tokio::test]
async fn each_of_many_payments_is_told_once() {
    let world = World::new();
    let token = kept(&world, "test_visa").await;
    for n in 1..=500 {
        world.adyen.authorise_off_session(&renewal(Verb::Charge, n, 999, &token), soon()).await.unwrap();
    }
    assert_eq!(world.simulator.payments().len(), 501);
    assert_eq!(world.news().len(), 502);
    world.check();
}
