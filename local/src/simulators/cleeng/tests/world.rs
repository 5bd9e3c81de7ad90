//! A simulated Cleeng with the real adapter in front of it, and a clock that stops at everything that is due.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use cleeng::webhook::{Event, Verifier};
use cleeng::{
    Cleeng, CleengSettings, DetailsGiven, MediaStore, MediaStoreSettings, NewDetails, NewPayment,
    NewRenewalOrder, Order, Payment, PaymentOperation, PaymentStatus, WebhookSettings,
};
use http::{HeaderMap, HeaderName};
use jiff::Timestamp;
use payment::{CustomerId, OrderId, SubscriptionId, Token};
use serde_json::{Value, json};
use settings::Settings;
use wire::simulated::{Network, Peer};
use wire::{Deadline, Wire};

use super::network::Spell;
use crate::simulators::Simulator;
use crate::simulators::cleeng::{CleengSimulator, CleengSimulatorSettings};

pub(super) const STRIPE: u64 = 194_856_795;
pub(super) const ADYEN: u64 = 320_113_641;
/// Set up for externally managed purchases.
pub(super) const EXTERNAL: u64 = 194_856_797;

pub(super) struct World {
    pub(super) simulator: Arc<CleengSimulator>,
    pub(super) cleeng: Cleeng,
    pub(super) media: MediaStore,
    pub(super) weather: Arc<Spell>,
    verifier: Verifier,
    hour: Arc<Mutex<Timestamp>>,
}

struct Clocked {
    simulator: Arc<CleengSimulator>,
    hour: Arc<Mutex<Timestamp>>,
}

impl Peer for Clocked {
    fn handle(&self, request: http::Request<Bytes>) -> http::Response<Bytes> {
        let now = *self.hour.lock().unwrap();
        self.simulator.handle(now, request)
    }
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(CleengSimulatorSettings::default(), &[])
    }

    pub(super) fn with(simulated: CleengSimulatorSettings, more: &[(&'static str, &str)]) -> Self {
        let settings = Settings::from_table([
            ("CLEENG_API_URL", "http://cleeng.test/3.1"),
            ("CLEENG_MEDIASTORE_URL", "http://cleeng.test/mediastore"),
            ("CLEENG_PUBLISHER_TOKEN", &simulated.publisher_token),
            ("CLEENG_PUBLISHER_ID", "558186818"),
            ("CLEENG_WEBHOOK_SECRETS", &simulated.webhook_secret),
        ])
        .with(more.iter().copied());
        let simulator = Arc::new(CleengSimulator::new(simulated));
        let hour = Arc::new(Mutex::new("2026-01-31T10:00:00Z".parse().unwrap()));
        let peer: Arc<dyn Peer> = Arc::new(Clocked { simulator: simulator.clone(), hour: hour.clone() });
        let weather = Arc::new(Spell::of([]));
        let wire = Wire::new(Arc::new(Network::new(vec![("cleeng.test".to_owned(), peer)], weather.clone())));
        Self {
            cleeng: Cleeng::new(wire.clone(), CleengSettings::from_settings(&settings).unwrap()),
            media: MediaStore::new(wire, MediaStoreSettings::from_settings(&settings).unwrap()),
            weather,
            verifier: WebhookSettings::from_settings(&settings).unwrap().into(),
            simulator,
            hour,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        *self.hour.lock().unwrap()
    }

    /// Moves the clock, stopping nowhere.
    pub(super) fn jump(&self, to: Timestamp) {
        *self.hour.lock().unwrap() = to;
    }

    /// Does something in the simulator; its answer.
    pub(super) fn control(&self, path: &str, body: &Value) -> Value {
        let request = http::Request::post(format!("http://cleeng.test/_simulator/{path}"));
        let answer = self.simulator.handle(self.now(), request.body(Bytes::from(body.to_string())).unwrap());
        assert!(answer.status().is_success(), "{path}: {:?}", answer.body());
        serde_json::from_slice(answer.body()).unwrap()
    }

    pub(super) fn customer(&self) -> CustomerId {
        serde_json::from_value(self.control("customers", &json!({}))["customerId"].clone()).unwrap()
    }

    pub(super) async fn order(&self, customer: CustomerId, offer: &str) -> Order {
        let country = &offer[offer.len() - 2..];
        let currency = match country {
            "US" => "USD",
            "JP" => "JPY",
            "KW" => "KWD",
            _ => "EUR",
        };
        let body = json!({
            "customerId": customer.number(), "offerId": offer, "currency": currency, "country": country,
            "paymentMethodId": STRIPE,
        });
        let id: OrderId = serde_json::from_value(self.control("orders", &body)["id"].clone()).unwrap();
        self.cleeng.order(id, soon()).await.unwrap()
    }

    /// Buys an offer and waits until its subscription is there.
    pub(super) async fn buy(&self, offer: &str) -> (CustomerId, SubscriptionId) {
        let customer = self.customer();
        let order = self.order(customer, offer).await;
        self.cleeng.create_payment(&captured(&order, "pi_first"), soon()).await.unwrap();
        self.jump(self.now().checked_add(Duration::from_secs(5)).unwrap());
        self.simulator.deliveries(self.now());
        let bought = self.simulator.subscriptions().pop().unwrap();
        (customer, bought.id.try_into().unwrap())
    }

    pub(super) async fn renewal_order(&self, subscription: SubscriptionId) -> Order {
        let it = self.cleeng.subscription(subscription, soon()).await.unwrap().unwrap();
        let new = NewRenewalOrder {
            customer: it.customer.unwrap(),
            offer: it.offer.unwrap(),
            currency: "EUR".parse().unwrap(),
            country: it.country.unwrap(),
            method: it.method.unwrap(),
            subscription,
        };
        self.cleeng.create_renewal_order(&new, soon()).await.unwrap()
    }

    /// Records a payment of a renewal.
    pub(super) async fn renewal_payment(
        &self,
        subscription: SubscriptionId,
        status: PaymentStatus,
        external: &str,
    ) -> (OrderId, Payment) {
        let order = self.renewal_order(subscription).await;
        let it = self.cleeng.subscription(subscription, soon()).await.unwrap().unwrap();
        let new = NewPayment {
            status,
            operation: PaymentOperation::RecurringPayment,
            details: it.details.map(DetailsGiven::Id),
            subscription: Some(subscription),
            ..captured(&order, external)
        };
        (order.id, self.cleeng.create_payment(&new, soon()).await.unwrap())
    }

    /// Goes on to the next event, verifies and reads it, and answers 200. None where nothing more is due by `until`.
    pub(super) fn next_event(&self, until: Timestamp) -> Option<(Timestamp, Event)> {
        loop {
            let now = self.now();
            if let Some(delivery) = self.simulator.deliveries(now).into_iter().next() {
                let event = self.read(&delivery.headers, &delivery.body);
                self.control(&format!("deliveries/{}", delivery.id), &json!({"status": 200}));
                return Some((now, event));
            }
            match self.simulator.next_due().filter(|due| *due <= until) {
                Some(due) => self.jump(due.max(now)),
                None => {
                    self.jump(until);
                    return None;
                }
            }
        }
    }

    /// The topics of all events until then, each with its hour.
    pub(super) fn topics(&self, until: &str) -> Vec<(String, String)> {
        let until = until.parse().unwrap();
        let next = || self.next_event(until);
        std::iter::from_fn(next).map(|(at, event)| (at.to_string(), event.topic.to_string())).collect()
    }

    pub(super) fn read(&self, headers: &[(String, String)], body: &[u8]) -> Event {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .collect();
        self.verifier.verify(&headers, body).unwrap();
        let event = cleeng::webhook::read(body).unwrap();
        assert!(self.verifier.is_of_this_publisher(&event));
        event
    }
}

pub(super) fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(30))
}

/// A first payment with a new token.
pub(super) fn captured(order: &Order, external: &str) -> NewPayment {
    NewPayment {
        order: order.id,
        status: PaymentStatus::Captured,
        operation: PaymentOperation::InitialPayment,
        details: Some(DetailsGiven::Inline(card(order.customer, "cus_1|pm_1"))),
        external: Some(external.parse().unwrap()),
        rejected_reason: None,
        subscription: None,
    }
}

pub(super) fn card(customer: CustomerId, token: &str) -> NewDetails {
    NewDetails {
        customer,
        token: Token::new(token),
        method: STRIPE.try_into().unwrap(),
        card: Some(payment::Card {
            variant: "visa".to_owned(),
            last_four: "4242".to_owned(),
            expires: Some((3, 2030)),
        }),
        active: true,
    }
}
