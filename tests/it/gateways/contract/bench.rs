//! One adapter at the bench: its simulator, the network between them, and what a buyer and a bank do there.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gateways::{
    Buyer, BuyerReturn, Gateway, GatewayError, News, NewsKind, Resolution, WebhookReader, WebhookRequest,
};
use jiff::{SignedDuration, Timestamp};
use local::clock::MovableClock;
use local::simulators::{GatewayPayment, GatewaySimulator};
use payment::{
    Action, Answer, Approval, CustomerId, Decline, FactKind, GatewayReference, Identity, Intention,
    MerchantAccount, Money, OrderId, Outcome, PaymentId, SubscriptionId, Target, Token, Verb,
};
use serde_json::{Value, json};
use wire::simulated::{Fate, Fault, Weather};
use wire::{Clock, Deadline};

/// One adapter, its simulator and the network between them.
pub(crate) struct Bench {
    pub(crate) gateway: Arc<dyn Gateway>,
    pub(crate) simulator: Arc<dyn GatewaySimulator>,
    pub(crate) webhooks: Arc<dyn WebhookReader>,
    pub(crate) account: Option<MerchantAccount>,
    pub(crate) clock: Arc<MovableClock>,
    pub(crate) weather: Arc<Weathers>,
    /// Whether the gateway can be asked for a payment by our reference. If not, no payment is ever certainly absent.
    pub(crate) looks_up: bool,
    /// What the page sends for a card that pays, one that is refused for want of funds, and one that is challenged.
    pub(crate) pays: Value,
    pub(crate) refused: Value,
    pub(crate) challenged: Value,
    /// What the buyer does at the challenge; the details are what the page then sends.
    pub(crate) challenge: fn(&Bench, &Action, bool) -> BuyerReturn,
    /// Makes a stored card refuse from now on, for want of funds.
    pub(crate) spoil: fn(&Bench, &Token),
    /// What the simulator holds against the requests it got.
    pub(crate) violations: Box<dyn Fn() -> Vec<String> + Send + Sync>,
}

/// The weather of the coming exchanges, one by one; clear after the last.
#[derive(Default)]
pub(crate) struct Weathers(Mutex<VecDeque<Fault>>);

impl Weathers {
    /// This happens to the next `times` exchanges.
    pub(crate) fn next(&self, fault: &Fault, times: usize) {
        self.0.lock().unwrap().extend(std::iter::repeat_n(fault.clone(), times));
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }
}

impl Weather for Weathers {
    fn fate(&self, _: &str, _: &http::Request<bytes::Bytes>) -> Fate {
        Fate { latency: Duration::ZERO, fault: self.0.lock().unwrap().pop_front() }
    }
}

/// More than any call is repeated.
pub(crate) const ALWAYS: usize = 20;

impl Bench {
    pub(crate) fn deadline(&self) -> Deadline {
        Deadline::after(Duration::from_secs(300))
    }

    pub(crate) fn wait(&self, time: SignedDuration) {
        self.clock.move_to(self.clock.now().checked_add(time).unwrap());
    }

    /// An intention of customer 7; the order's number makes its identity.
    pub(crate) fn intention(&self, verb: Verb, order: u64, minor: i64, target: Target) -> Intention {
        let order_id = OrderId::try_from(order).unwrap();
        let identity = match verb {
            Verb::Purchase | Verb::Verify => Identity::purchase(order_id, 1),
            Verb::Refund => Identity::refund(PaymentId::try_from(order).unwrap(), "asked"),
            _ => {
                let period_end: Timestamp = "2026-12-01T00:00:00Z".parse().unwrap();
                let renewal = Identity::renewal(SubscriptionId::try_from(order).unwrap(), period_end, 1);
                match verb {
                    Verb::Capture => renewal.capture(),
                    Verb::Cancel => renewal.cancel(),
                    _ => renewal,
                }
            }
        };
        Intention {
            identity,
            verb,
            gateway: self.gateway.name(),
            account: self.account.clone(),
            customer: customer(),
            money: Money { minor, currency: "EUR".parse().unwrap() },
            target,
            order: Some(order_id),
            began: self.clock.now(),
        }
    }

    pub(crate) fn buyer(&self, payment_method: &Value) -> Buyer {
        Buyer {
            payment_method: payment_method.clone(),
            return_url: "https://shop.example/return?order=1".parse().unwrap(),
            origin: Some("https://shop.example".parse().unwrap()),
            browser: Some(json!({
                "userAgent": "Mozilla/5.0", "acceptHeader": "*/*", "language": "nl", "colorDepth": 24,
                "screenHeight": 900, "screenWidth": 1440, "timeZoneOffset": 0, "javaEnabled": false,
            })),
            ip: Some("192.0.2.1".parse().unwrap()),
            billing_address: None,
            country: Some("NL".to_owned()),
            known: None,
        }
    }

    /// Asks the gateway, as the verb wants.
    pub(crate) async fn ask(&self, ask: &Intention, buyer: Option<&Value>) -> Result<Outcome, GatewayError> {
        let deadline = self.deadline();
        let buyer = buyer.map(|payment_method| self.buyer(payment_method));
        match (ask.verb, &buyer) {
            (Verb::Purchase, Some(buyer)) => self.gateway.authorise(ask, buyer, deadline).await,
            (Verb::Verify, Some(buyer)) => self.gateway.verify(ask, buyer, deadline).await,
            (Verb::Authorise | Verb::Charge, _) => self.gateway.authorise_off_session(ask, deadline).await,
            (Verb::Capture, _) => self.gateway.capture(ask, deadline).await,
            (Verb::Cancel, _) => self.gateway.cancel(ask, deadline).await,
            (Verb::Refund, _) => self.gateway.refund(ask, deadline).await,
            (Verb::Purchase | Verb::Verify, None) => panic!("a buyer is needed"),
        }
    }

    /// Asks until there is an answer: what is unknown is resolved, and webhooks are read, as the jobs do.
    pub(crate) async fn conclude(&self, ask: &Intention, first: Outcome) -> Answer {
        let mut outcome = first;
        let mut known = None;
        for _ in 0..40 {
            match outcome {
                Outcome::Approved(approval) => return Answer::Approved(approval),
                Outcome::Declined(decline) => return Answer::Declined(decline),
                Outcome::ActionRequired(_) => panic!("the buyer must act on {ask:?}"),
                Outcome::Unknown(uncertainty) => {
                    assert!(!uncertainty.alarm, "{}", uncertainty.why);
                    known = uncertainty.reference.or(known);
                }
            }
            let age = Duration::try_from(self.clock.now().duration_since(ask.began)).unwrap();
            outcome = match self.gateway.resolve(ask, known.as_ref(), age, self.deadline()).await.unwrap() {
                Resolution::Found(found) => found,
                Resolution::Absent => panic!("{ask:?} is said never to have happened"),
            };
            // Only what asking does not settle is left to the webhook.
            if let Outcome::Unknown(_) = outcome {
                self.wait(SignedDuration::from_mins(2));
                if let Some(answer) = self.told(ask) {
                    return answer;
                }
            }
        }
        panic!("no answer to {ask:?}");
    }

    /// All news that is due, acknowledged.
    pub(crate) fn news(&self) -> Vec<News> {
        let now = self.clock.now();
        let mut news = Vec::new();
        for delivery in self.simulator.deliveries(now) {
            let mut headers = http::HeaderMap::new();
            for (name, value) in &delivery.headers {
                let name: http::HeaderName = name.parse().unwrap();
                headers.insert(name, value.parse().unwrap());
            }
            let request = WebhookRequest { headers: &headers, body: &delivery.body, now };
            news.extend(self.webhooks.read(&request).unwrap());
            let answer = self.control(&format!("deliveries/{}", delivery.id), &json!({ "status": 200 }));
            assert!(answer.status().is_success());
        }
        news
    }

    /// Asks the simulator for what a person would make happen there.
    pub(crate) fn control(&self, path: &str, body: &Value) -> http::Response<bytes::Bytes> {
        let request = http::Request::post(format!("http://peer/_simulator/{path}"));
        self.simulator.handle(self.clock.now(), request.body(body.to_string().into()).unwrap())
    }

    /// The answer to an attempt, where a webhook brought it.
    pub(crate) fn told(&self, ask: &Intention) -> Option<Answer> {
        self.news().into_iter().find_map(|news| match news.kind {
            NewsKind::Settled(answer) if news.attempt.as_ref() == Some(&ask.identity) => Some(answer),
            _ => None,
        })
    }

    pub(crate) async fn approved(&self, ask: &Intention, buyer: Option<&Value>) -> Approval {
        let first = self.ask(ask, buyer).await.unwrap();
        match self.conclude(ask, first).await {
            Answer::Approved(approval) => {
                assert_eq!(approval.money, ask.money);
                approval
            }
            Answer::Declined(decline) => panic!("{ask:?} was refused: {}", decline.rejected_reason()),
        }
    }

    pub(crate) async fn declined(&self, ask: &Intention, buyer: Option<&Value>) -> Decline {
        let first = self.ask(ask, buyer).await.unwrap();
        match self.conclude(ask, first).await {
            Answer::Declined(decline) => decline,
            Answer::Approved(_) => panic!("{ask:?} was approved"),
        }
    }

    /// A card that pays, kept by a purchase of its own (order 1000).
    pub(crate) async fn token(&self) -> Token {
        let ask = self.intention(Verb::Purchase, 1000, 999, Target::Buyer);
        self.approved(&ask, Some(&self.pays.clone())).await.token.expect("the card is kept")
    }

    /// A hold on a stored card.
    pub(crate) async fn hold(&self, order: u64, minor: i64) -> GatewayReference {
        let ask = self.intention(Verb::Authorise, order, minor, Target::Token(self.token().await));
        self.approved(&ask, None).await.reference
    }

    /// The gateway's own record of an attempt: exactly one.
    pub(crate) fn only(&self, ask: &Intention) -> GatewayPayment {
        let reference = ask.identity.reference();
        let mut found: Vec<_> = self.simulator.payments();
        found.retain(|payment| payment.reference.as_deref() == Some(reference.as_str()));
        assert_eq!(found.len(), 1, "payments with the reference of {ask:?}");
        found.remove(0)
    }

    pub(crate) fn of(&self, payment: &GatewayReference) -> GatewayPayment {
        self.simulator
            .payments()
            .into_iter()
            .find(|it| it.id == payment.as_str())
            .expect("the gateway has the payment")
    }

    /// What stands once everything that is on its way has arrived.
    pub(crate) fn settled(&self, payment: &GatewayReference) -> GatewayPayment {
        for _ in 0..5 {
            self.wait(SignedDuration::from_mins(2));
            self.control("tick", &json!({}));
            self.news();
        }
        self.of(payment)
    }
}

pub(crate) fn customer() -> CustomerId {
    CustomerId::try_from(7).unwrap()
}

/// Whether news of this kind of fact about a payment came.
pub(crate) fn has_fact(news: &[News], kind: FactKind, payment: &GatewayReference) -> bool {
    news.iter().any(|news| {
        matches!(&news.kind, NewsKind::Fact { kind: told, .. } if *told == kind)
            && news.payment.as_ref() == Some(payment)
    })
}

pub(crate) fn insufficient_funds() -> (payment::DeclineClass, payment::DeclineReason) {
    (payment::DeclineClass::Soft, payment::DeclineReason::InsufficientFunds)
}
