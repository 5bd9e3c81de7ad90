//! What the tests of Adyen share: intentions, a scripted peer, the simulator behind the real adapter, and the official descriptions.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use gateways::adyen::{Adyen, AdyenSettings, AdyenWebhookSettings, AdyenWebhooks};
use gateways::{Buyer, News, WebhookError, WebhookReader, WebhookRequest};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use jiff::Timestamp;
use local::simulators::adyen::{AdyenAccount, AdyenSimulator};
use local::simulators::{Delivery, Simulator};
use payment::{Identity, Intention, Money, Target, Token, Verb};
use serde_json::{Value, json};
use settings::Settings;
use wire::simulated::{Clear, Fate, Fault, Network, Peer, Weather};
use wire::{Deadline, Wire};

pub(super) const MERCHANT: &str = "SimulatedMerchant";
pub(super) const HMAC_KEY: &str = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
pub(super) const CUSTOMER: &str = "338816082";

/// The settings of a test deployment.
pub(crate) fn settings() -> Settings {
    Settings::from_table([
        ("CONNECTOR_MODE", "test"),
        ("ADYEN_API_URL", "http://adyen.test/v71"),
        ("ADYEN_API_KEY", "simulated-adyen-api-key"),
        ("ADYEN_CLIENT_KEY", "test_CLIENTKEY"),
        ("ADYEN_MERCHANT_ACCOUNT", MERCHANT),
        ("ADYEN_HMAC_KEYS", HMAC_KEY),
    ])
}

pub(super) fn adapter(network: Network) -> Adyen {
    Adyen::new(Wire::new(Arc::new(network)), AdyenSettings::from_settings(&settings()).unwrap())
}

pub(super) fn reader() -> AdyenWebhooks {
    AdyenWebhooks::new(AdyenWebhookSettings::from_settings(&settings()).unwrap())
}

pub(super) fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

pub(super) fn start() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

pub(super) fn eur(minor: i64) -> Money {
    Money { minor, currency: "EUR".parse().unwrap() }
}

pub(super) fn intention(identity: Identity, verb: Verb, money: Money, target: Target) -> Intention {
    Intention {
        identity,
        verb,
        gateway: "adyen".parse().unwrap(),
        account: None,
        customer: CUSTOMER.parse().unwrap(),
        money,
        target,
        order: Some("696713353".parse().unwrap()),
        began: start(),
    }
}

pub(super) fn purchase(n: u32, minor: i64) -> Intention {
    intention(Identity::purchase("696713353".parse().unwrap(), n), Verb::Purchase, eur(minor), Target::Buyer)
}

pub(super) fn verification() -> Intention {
    intention(Identity::purchase("696713353".parse().unwrap(), 1), Verb::Verify, eur(0), Target::Buyer)
}

pub(super) fn renewal(verb: Verb, n: u32, minor: i64, token: &Token) -> Intention {
    let identity = Identity::renewal("332332332".parse().unwrap(), start(), n);
    intention(identity, verb, eur(minor), Target::Token(token.clone()))
}

/// A step upon a payment of an earlier intention.
pub(super) fn step(of: &Intention, verb: Verb, payment: &str, minor: i64) -> Intention {
    let identity = match verb {
        Verb::Capture => of.identity.capture(),
        Verb::Cancel => of.identity.cancel(),
        _ => Identity::refund("991".parse().unwrap(), "R1"),
    };
    Intention {
        identity,
        verb,
        money: eur(minor),
        target: Target::Payment(payment.parse().unwrap()),
        ..of.clone()
    }
}

/// A buyer with one of the simulator's cards, and everything that a page may send.
pub(super) fn buyer(card: &str) -> Buyer {
    Buyer {
        payment_method: json!({
            "type": "scheme",
            "encryptedCardNumber": card,
            "encryptedExpiryMonth": "test_03",
            "encryptedExpiryYear": "test_2030",
            "encryptedSecurityCode": "test_737",
            "holderName": "A. Buyer",
        }),
        return_url: "https://shop.test/return?orderId=696713353".parse().unwrap(),
        origin: Some("https://shop.test/basket".parse().unwrap()),
        browser: Some(json!({
            "acceptHeader": "*/*", "colorDepth": 24, "javaEnabled": false, "language": "nl-NL", "screenHeight": 1080,
            "screenWidth": 1920, "timeZoneOffset": -60, "userAgent": "Mozilla/5.0",
        })),
        ip: Some("203.0.113.7".parse().unwrap()),
        billing_address: Some(json!({
            "street": "Kade", "houseNumberOrName": "1", "postalCode": "1011 AB", "city": "Amsterdam", "country": "NL",
        })),
        country: Some("NL".to_owned()),
        known: None,
    }
}

/// A peer that answers from a list and remembers what it was asked.
#[derive(Default)]
pub(super) struct Script {
    answers: Mutex<VecDeque<Response<Bytes>>>,
    pub(super) seen: Mutex<Vec<Request<Bytes>>>,
}

impl Peer for Script {
    fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        self.seen.lock().unwrap().push(request);
        let answer = self.answers.lock().unwrap().pop_front();
        answer.unwrap_or_else(|| Response::builder().status(500).body(Bytes::new()).unwrap())
    }
}

impl Script {
    pub(super) fn of(answers: impl IntoIterator<Item = Response<Bytes>>) -> (Arc<Self>, Adyen) {
        let script = Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), ..Self::default() });
        let peers: Vec<(String, Arc<dyn Peer>)> = vec![("adyen.test".to_owned(), script.clone())];
        (script, adapter(Network::new(peers, Arc::new(Clear))))
    }

    pub(super) fn asked(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

pub(super) fn answer(status: u16, body: &Value) -> Response<Bytes> {
    Response::builder().status(status).body(Bytes::from(body.to_string())).unwrap()
}

/// The simulator behind the real adapter, with an hour that can be moved and a network that can break.
pub(super) struct World {
    pub(super) simulator: Arc<AdyenSimulator>,
    pub(super) adyen: Adyen,
    hour: Arc<Mutex<Timestamp>>,
    weather: Arc<Faults>,
}

struct Host(Arc<AdyenSimulator>, Arc<Mutex<Timestamp>>);

impl Peer for Host {
    fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let now = *self.1.lock().unwrap();
        self.0.handle(now, request)
    }
}

/// Faults for the next exchanges, then clear weather.
#[derive(Default)]
struct Faults(Mutex<VecDeque<Fault>>);

impl Weather for Faults {
    fn fate(&self, _: &str, _: &Request<Bytes>) -> Fate {
        Fate { latency: Duration::ZERO, fault: self.0.lock().unwrap().pop_front() }
    }
}

impl World {
    pub(super) fn new() -> Self {
        let simulator = Arc::new(AdyenSimulator::new(AdyenAccount::default()));
        let hour = Arc::new(Mutex::new(start()));
        let weather = Arc::new(Faults::default());
        let host: Arc<dyn Peer> = Arc::new(Host(simulator.clone(), hour.clone()));
        let adyen = adapter(Network::new(vec![("adyen.test".to_owned(), host)], weather.clone()));
        Self { simulator, adyen, hour, weather }
    }

    pub(super) fn now(&self) -> Timestamp {
        *self.hour.lock().unwrap()
    }

    pub(super) fn pass(&self, time: Duration) {
        *self.hour.lock().unwrap() += time;
    }

    /// Three times: the wire repeats what is safe to repeat.
    pub(super) fn break_network(&self, fault: &Fault) {
        self.weather.0.lock().unwrap().extend(std::iter::repeat_n(fault.clone(), 3));
    }

    pub(super) fn control(&self, path: &str, body: &Value) -> Value {
        let request = Request::post(format!("http://adyen.test/_simulator/{path}"));
        let answer = self.simulator.handle(self.now(), request.body(Bytes::from(body.to_string())).unwrap());
        assert_eq!(answer.status(), 200, "{path}: {:?}", answer.body());
        serde_json::from_slice(answer.body()).unwrap()
    }

    pub(super) fn state(&self) -> Value {
        let request = Request::get("http://adyen.test/_simulator/state").body(Bytes::new()).unwrap();
        serde_json::from_slice(self.simulator.handle(self.now(), request).body()).unwrap()
    }

    /// All webhooks that come within the next minutes, read and acknowledged.
    pub(super) fn news(&self) -> Vec<News> {
        self.pass(Duration::from_secs(300));
        let mut all = Vec::new();
        for delivery in self.simulator.deliveries(self.now()) {
            all.extend(read(&reader(), &delivery).unwrap());
            self.control(&format!("deliveries/{}", delivery.id), &json!({"status": 200}));
        }
        all
    }

    /// Fails the test if the adapter did what Adyen forbids.
    pub(super) fn check(&self) {
        assert_eq!(self.simulator.violations(), Vec::<String>::new());
    }
}

pub(super) fn headers(pairs: &[(String, String)]) -> HeaderMap {
    let pair = |(name, value): &(String, String)| {
        (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
    };
    pairs.iter().map(pair).collect()
}

pub(super) fn read(reader: &AdyenWebhooks, delivery: &Delivery) -> Result<Vec<News>, WebhookError> {
    read_body(reader, &delivery.headers, &delivery.body)
}

pub(super) fn read_body(
    reader: &AdyenWebhooks,
    pairs: &[(String, String)],
    body: &[u8],
) -> Result<Vec<News>, WebhookError> {
    reader.read(&WebhookRequest { headers: &headers(pairs), body, now: start() })
}

/// One of Adyen's official descriptions; without it the test says loudly that it was skipped.
pub(super) fn description(file: &str) -> Option<Value> {
    let settings = Settings::from_environment();
    let directory = settings.optional("GATEWAY_SPECS_DIR").unwrap().map(PathBuf::from);
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/specs");
    let path = directory.unwrap_or_else(beside).join(file);
    match std::fs::read(&path) {
        Ok(text) => Some(serde_json::from_slice(&text).unwrap()),
        Err(error) => {
            eprintln!(
                "SKIPPED: the official description {file} is not at hand ({error}); set GATEWAY_SPECS_DIR"
            );
            None
        }
    }
}

pub(super) const CHECKOUT: [&str; 2] =
    ["adyen-CheckoutService-v71.trimmed.json", "adyen-CheckoutService-v72.trimmed.json"];
