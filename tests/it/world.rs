//! The world in which stories play: the whole system in this process, at a standing hour, with what people do in it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{Method, Request, Response};
use jiff::SignedDuration;
use ledger::{Ledger, Mapping, MemoryLedger, Subject};
use local::buyer::{Billing, Buyer, Reply, TestCard};
use local::clock::MovableClock;
use local::ledgers::compare;
use local::simulators::GatewayPayment;
use local::simulators::cleeng::{CleengPayment, CleengSimulatorSettings, CleengSubscription, offers};
use local::system::{Addresses, Peers, QUEUE_RULES, System, settings_table};
use queue::LocalQueue;
use serde_json::{Value, json};
use settings::Settings;
use sha2::Sha256;
use tests::description::hold_to_description;
use wire::Wire;
use wire::simulated::{Clear, Fate, Network, Peer, Weather};

pub(crate) const GATEWAYS: [&str; 2] = ["stripe", "adyen"];

pub(crate) struct World {
    pub(crate) system: System,
}

struct Slow;

impl Weather for Slow {
    fn fate(&self, _: &str, _: &Request<Bytes>) -> Fate {
        Fate { latency: Duration::from_millis(4), fault: None }
    }
}

/// A subscription and whose it is.
pub(crate) struct Subscriber {
    pub(crate) buyer: Buyer,
    pub(crate) subscription: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::of(System::calm(Arc::new(MemoryLedger::new())).unwrap())
    }

    /// A world whose peers take a moment, so that what runs side by side really meets.
    pub(crate) fn slow() -> Self {
        Self::in_weather(Arc::new(Slow))
    }

    /// A world that remembers in this ledger.
    pub(crate) fn with_ledger(ledger: Arc<dyn Ledger>) -> Self {
        Self::of(System::calm(ledger).unwrap())
    }

    /// A world of a deployment with these settings beside the usual ones.
    pub(crate) fn with_settings(settings: &[(&'static str, &str)]) -> Self {
        Self::deployed(settings, Arc::new(Clear), Vec::new())
    }

    /// The same with a network that does as this weather says, and with somebody more on it.
    pub(crate) fn deployed(
        settings: &[(&'static str, &str)],
        weather: Arc<dyn Weather>,
        somebody: Vec<(String, Arc<dyn Peer>)>,
    ) -> Self {
        let clock = Arc::new(MovableClock::standing("2027-01-04T09:00:00Z".parse().unwrap()));
        let peers = Peers::in_memory(clock.clone());
        let hosts = peers.by_host().into_iter().chain(somebody).collect();
        let wire = Wire::new(Arc::new(Network::new(hosts, weather)));
        let queue = Arc::new(LocalQueue::new(clock.clone(), QUEUE_RULES));
        let usual = settings_table(&Addresses::simulated());
        let more = settings.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let settings = Settings::from_table(usual.into_iter().chain(more));
        let ledger = Arc::new(MemoryLedger::new());
        Self::of(System::assemble(settings, clock, peers, queue, ledger, wire).unwrap())
    }

    /// A world whose network does as this weather says.
    pub(crate) fn in_weather(weather: Arc<dyn Weather>) -> Self {
        Self::in_weather_with_ledger(weather, Arc::new(MemoryLedger::new()))
    }

    /// The same that remembers in this ledger.
    pub(crate) fn in_weather_with_ledger(weather: Arc<dyn Weather>, ledger: Arc<dyn Ledger>) -> Self {
        let clock = Arc::new(MovableClock::standing("2027-01-04T09:00:00Z".parse().unwrap()));
        Self::of(System::in_process(clock, ledger, weather).unwrap())
    }

    /// Whatever is asked of it and answered must be as docs/openapi.yaml says.
    fn of(mut system: System) -> Self {
        system.witness = Some(hold_to_description);
        Self { system }
    }

    pub(crate) fn buyer(&self, gateway: &str) -> Buyer {
        Buyer::register(&self.system, gateway).unwrap()
    }

    /// A monthly subscription, bought and seen at Cleeng.
    pub(crate) async fn subscriber(&self, gateway: &str) -> Subscriber {
        self.subscriber_with(gateway, TestCard::Pays).await
    }

    pub(crate) async fn subscriber_with(&self, gateway: &str, card: TestCard) -> Subscriber {
        self.subscriber_by(gateway, card, offers::MONTHLY, Billing::TwoSteps).await
    }

    /// A subscription to this offer, paid by a method that is billed so.
    pub(crate) async fn subscriber_by(
        &self,
        gateway: &str,
        card: TestCard,
        offer: &str,
        billing: Billing,
    ) -> Subscriber {
        let buyer = self.buyer(gateway);
        let order = buyer.order_by(&self.system, offer, billing, None).unwrap();
        let reply = buyer.pay(&self.system, order, card).await;
        assert_eq!(reply.text("/responseData/payment/status"), Some("captured"), "{}", reply.body);
        self.pass(SignedDuration::from_mins(5)).await;
        let of_buyer = |row: &CleengSubscription| row.customer == buyer.customer;
        let subscription = self.system.peers.cleeng.subscriptions().into_iter().find(of_buyer).unwrap().id;
        Subscriber { buyer, subscription }
    }

    pub(crate) async fn pass(&self, time: SignedDuration) {
        self.system.run_for(time).await;
    }

    /// From its next charge on a subscription's card is refused so (each gateway has its own word), so many times.
    pub(crate) async fn refuses(&self, gateway: &str, subscription: u64, words: (&str, &str), times: u32) {
        let token = self.mapping(subscription).await.token.unwrap();
        let card = token.expose().split_once('|').unwrap().1;
        let (path, behaviour) = match gateway {
            "stripe" => (format!("payment_methods/{card}"), words.0),
            _ => (format!("stored/{card}"), words.1),
        };
        let host = self.system.peers.host(gateway).unwrap();
        let answer = host.control(&path, &json!({ "behaviour": behaviour, "times": times }));
        assert!(answer.status().is_success(), "{gateway} {behaviour}");
    }

    pub(crate) async fn pass_days(&self, days: i64) {
        self.pass(SignedDuration::from_hours(24 * days)).await;
    }

    pub(crate) fn payments(&self, gateway: &str) -> Vec<GatewayPayment> {
        self.system.peers.gateway(gateway).unwrap().payments()
    }

    /// Everything that any gateway took.
    pub(crate) fn charges(&self) -> usize {
        GATEWAYS.iter().flat_map(|gateway| self.payments(gateway)).filter(|it| it.captured_minor > 0).count()
    }

    pub(crate) fn recorded(&self) -> Vec<CleengPayment> {
        self.system.peers.cleeng.payments()
    }

    pub(crate) fn at_cleeng(&self, subscription: u64) -> CleengSubscription {
        let all = self.system.peers.cleeng.subscriptions();
        all.into_iter().find(|row| row.id == subscription).unwrap()
    }

    pub(crate) async fn mapping(&self, subscription: u64) -> Mapping {
        let subject = Subject::Subscription(subscription.try_into().unwrap());
        self.system.ledger.mapping(subject).await.unwrap().unwrap()
    }

    /// The three ledgers agree, and no simulator saw anything that must not be.
    pub(crate) async fn agrees(&self) {
        let comparison = compare(&self.system).await.unwrap();
        assert_eq!(comparison.differences, []);
        assert_eq!(self.system.peers.stripe.violations(), Vec::<String>::new());
        assert_eq!(self.system.peers.adyen.violations(), Vec::<String>::new());
    }

    /// Cleeng's renewal event for a subscription, as it would send it `hours` before the period ends.
    pub(crate) fn renewal_event(&self, topic: &str, subscription: u64, hours: i64) -> Value {
        let row = self.at_cleeng(subscription);
        let token =
            self.system.peers.cleeng.payment_details().into_iter().find(|it| Some(it.id) == row.details);
        json!({
            "broadcasterId": CleengSimulatorSettings::default().publisher_id,
            "topic": topic,
            "data": {
                "subscriptionId": row.id.to_string(), "offerId": row.offer, "customerId": row.customer,
                "customerEmail": "viewer@example.com", "paymentDetailsId": row.details, "active": true,
                "dunningAttemptDate": (row.ends - SignedDuration::from_hours(hours)).to_string(),
                "dunningStatus": if topic.ends_with("Capture") { "capture" } else { "authorize" },
                "expirationDate": row.ends.to_string(), "currency": row.currency, "paymentCountry": row.country,
                "paymentMethodId": row.method, "token": token.map(|it| it.token.expose().to_owned()),
                "paymentGateway": "any",
            },
        })
    }

    /// A call of Cleeng's API that somebody else than the connector makes.
    pub(crate) fn staff(&self, method: Method, path: &str, body: &Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://cleeng.test/3.1/{path}"))
            .header("x-publisher-token", CleengSimulatorSettings::default().publisher_token)
            .body(Bytes::from(body.to_string()));
        let answer = self.system.peers.cleeng_host.handle(request.unwrap());
        assert!(answer.status().is_success(), "{path}: {}", String::from_utf8_lossy(answer.body()));
    }

    /// Posts a webhook of Cleeng's, signed as Cleeng signs.
    pub(crate) async fn cleeng_says(&self, event: &Value) -> Response<Bytes> {
        self.cleeng_posts(&event.to_string(), Some(&signature(&event.to_string()))).await
    }

    /// Posts any body with any signature.
    pub(crate) async fn cleeng_posts(&self, body: &str, signature: Option<&str>) -> Response<Bytes> {
        let mut request = Request::post("http://connector.test/webhooks/cleeng");
        if let Some(signature) = signature {
            request = request.header("x-cleeng-signature", signature);
        }
        self.system.request(request.body(Bytes::from(body.to_owned())).unwrap()).await
    }
}

/// HMAC-SHA256 of a body with the simulated publisher's secret.
pub(crate) fn signature(body: &str) -> String {
    let secret = CleengSimulatorSettings::default().webhook_secret;
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(body.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

pub(crate) fn code(reply: &Reply) -> (u16, Option<&str>) {
    (reply.status.as_u16(), reply.text("/code"))
}
