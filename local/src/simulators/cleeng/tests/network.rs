//! A network that breaks: what is asked again, what is not, and what the caller hears.

use std::collections::VecDeque;
use std::sync::Mutex;

use bytes::Bytes;
use cleeng::Error;
use wire::simulated::{Fate, Fault, Weather};

use super::world::{World, captured, soon};
use crate::simulators::Simulator;
use crate::simulators::cleeng::CleengSimulatorSettings;
use crate::simulators::cleeng::offers::MONTHLY;

/// These faults, one for each exchange, and clear weather afterwards.
pub(super) struct Spell(Mutex<VecDeque<Fault>>);

impl Spell {
    pub(super) fn of(faults: impl IntoIterator<Item = Fault>) -> Self {
        Self(Mutex::new(faults.into_iter().collect()))
    }

    pub(super) fn comes(&self, faults: impl IntoIterator<Item = Fault>) {
        *self.0.lock().unwrap() = faults.into_iter().collect();
    }

    fn is_over(&self) -> bool {
        self.0.lock().unwrap().is_empty()
    }
}

impl Weather for Spell {
    fn fate(&self, _: &str, _: &http::Request<Bytes>) -> Fate {
        Fate { fault: self.0.lock().unwrap().pop_front(), ..Fate::default() }
    }
}

const HTML: &str = "<html><title>502 Bad Gateway</title></html>";

#[tokio::test]
async fn a_payment_whose_answer_is_lost_is_recorded_once_and_nobody_says_refused() {
    let world = World::new();
    for fault in [
        Fault::InsteadAfter(502, HTML),
        Fault::InsteadAfter(200, HTML),
        Fault::InsteadAfter(500, ""),
        Fault::Cut(20),
    ] {
        let order = world.order(world.customer(), MONTHLY).await;
        world.weather.comes([fault.clone()]);
        let error = world.cleeng.create_payment(&captured(&order, "pi_1"), soon()).await.unwrap_err();
        assert!(error.may_have_happened() && !error.is_refusal(), "{fault:?}: {error}");
        assert_eq!(world.cleeng.order_payments(order.id, soon()).await.unwrap().len(), 1, "{fault:?}");
    }
    assert_eq!(world.simulator.violations(), []);
}

#[tokio::test]
async fn what_certainly_did_not_arrive_is_sent_again_also_a_payment() {
    let world = World::new();
    let order = world.order(world.customer(), MONTHLY).await;
    world.weather.comes([Fault::Refused, Fault::Refused]);
    world.cleeng.create_payment(&captured(&order, "pi_1"), soon()).await.unwrap();
    assert_eq!(world.simulator.payments().len(), 1);
    let order = world.order(world.customer(), MONTHLY).await;
    world.weather.comes([Fault::Refused, Fault::Refused, Fault::Refused]);
    let error = world.cleeng.create_payment(&captured(&order, "pi_2"), soon()).await.unwrap_err();
    assert!(matches!(error, Error::NotSent { .. }) && !error.may_have_happened(), "{error}");
}

#[tokio::test]
async fn reads_are_repeated_through_bad_weather() {
    let world = World::new();
    let order = world.order(world.customer(), MONTHLY).await;
    for faults in [
        [Fault::Instead(503, HTML), Fault::Cut(30)],
        [Fault::Instead(429, "{}"), Fault::InsteadAfter(504, "")],
    ] {
        world.weather.comes(faults);
        assert_eq!(world.cleeng.order(order.id, soon()).await.unwrap(), order);
        assert!(world.weather.is_over());
    }
    world.weather.comes([Fault::Instead(429, r#"{"message":"Too many requests"}"#)]);
    let error = world.cleeng.create_payment(&captured(&order, "pi_1"), soon()).await.unwrap_err();
    assert!(matches!(error, Error::Throttled { .. }), "{error}");
    world.weather.comes([Fault::Instead(404, HTML)]);
    let error = world.cleeng.order(order.id, soon()).await.unwrap_err();
    assert!(!error.is_refusal(), "a page in between is not Cleeng's no: {error}");
}

#[tokio::test]
async fn malformed_requests_get_cleengs_own_refusals() {
    let world = World::new();
    let send = |method: &str, path: &str, body: &'static str| {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("http://cleeng.test{path}"))
            .header("X-Publisher-Token", CleengSimulatorSettings::default().publisher_token);
        let answer =
            world.simulator.handle(world.now(), request.body(Bytes::from_static(body.as_bytes())).unwrap());
        (answer.status().as_u16(), serde_json::from_slice::<serde_json::Value>(answer.body()).unwrap())
    };
    for (method, path, body, status) in [
        ("POST", "/3.1/payments", "", 400),
        ("POST", "/3.1/payments", "[]", 400),
        ("POST", "/3.1/payments", r#"{"orderId":"x"}"#, 400),
        ("POST", "/3.1/payments", r#"{"orderId":1,"status":"captured"}"#, 400),
        ("POST", "/3.1/orders", r#"{"customerId":1}"#, 400),
        ("PATCH", "/3.1/payments/1", r#"{"status":"captured"}"#, 404),
        ("POST", "/3.1/subscriptions/1/terminate", r#"{"terminationType":"boredom"}"#, 400),
        ("GET", "/3.1/subscriptions?limit=1000", "", 400),
        ("GET", "/3.1/nothing", "", 404),
        ("PUT", "/3.1/webhook_subscriptions/refundPayment", r#"[{"url":"ftp://x"}]"#, 400),
        ("POST", "/_simulator/deliveries/7", r#"{"status":200}"#, 404),
        ("GET", "/elsewhere", "", 404),
    ] {
        let (told, body) = send(method, path, body);
        assert_eq!(told, status, "{method} {path}: {body}");
        assert!(body["message"].is_string(), "{body}");
    }
    let (_, body) = send("PATCH", "/3.1/payments/1", r#"{"status":"captured"}"#);
    assert_eq!(body, serde_json::json!({"success": false, "message": "Payment not found", "payment": null}));
}
