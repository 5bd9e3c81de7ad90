//! What every adapter does against its simulator: one suite, run over a network that loses answers on purpose.
//!
//! An adapter plugs in by a function that makes a [`Bench`] and one line: `crate::gateways::contract::suite!(bench);`.

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

    fn clear(&self) {
        self.0.lock().unwrap().clear();
    }
}

impl Weather for Weathers {
    fn fate(&self, _: &str, _: &http::Request<bytes::Bytes>) -> Fate {
        Fate { latency: Duration::ZERO, fault: self.0.lock().unwrap().pop_front() }
    }
}

/// More than any call is repeated.
const ALWAYS: usize = 20;

/// Makes the whole suite of one adapter.
macro_rules! suite {
    ($bench:path) => {
        $crate::gateways::contract::suite!(@ $bench:
            a_purchase_is_charged_once_and_keeps_the_card
            a_challenged_purchase_ends_when_the_buyer_comes_back
            a_failed_challenge_is_a_refusal
            a_refusal_is_an_answer_with_its_class
            a_card_is_verified_at_zero
            a_stored_card_is_held_then_captured_once
            a_stored_card_is_charged_at_once
            a_stored_card_that_is_refused_says_why
            a_hold_is_let_go_once
            a_payment_is_returned_in_parts_and_never_beyond
            a_refused_connection_did_nothing
            a_throttled_request_did_nothing
            a_broken_answer_leaves_the_outcome_unknown
            a_lost_answer_is_found_for_every_verb
            a_lost_answer_is_told_by_webhook_with_our_attempt
            a_lost_request_is_made_good_for_every_verb_without_a_buyer
            a_lost_purchase_is_absent_only_when_no_request_can_still_arrive
            a_lost_refusal_is_found_as_a_refusal
            an_intention_is_not_sent_again_when_its_key_may_be_forgotten
            a_forgotten_card_cannot_be_charged
            a_raw_card_number_is_refused_before_anything_is_sent
        );
    };
    (@ $bench:path: $($name:ident)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            let bench = $bench();
            $crate::gateways::contract::$name(&bench).await;
            let none: Vec<String> = Vec::new();
            assert_eq!((bench.violations)(), none);
        }
    )*};
}
pub(crate) use suite;

impl Bench {
    pub(crate) fn deadline(&self) -> Deadline {
        Deadline::after(Duration::from_secs(300))
    }

    fn wait(&self, time: SignedDuration) {
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
    fn told(&self, ask: &Intention) -> Option<Answer> {
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

    async fn declined(&self, ask: &Intention, buyer: Option<&Value>) -> Decline {
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
    async fn hold(&self, order: u64, minor: i64) -> GatewayReference {
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

    fn of(&self, payment: &GatewayReference) -> GatewayPayment {
        self.simulator
            .payments()
            .into_iter()
            .find(|it| it.id == payment.as_str())
            .expect("the gateway has the payment")
    }

    /// What stands once everything that is on its way has arrived.
    fn settled(&self, payment: &GatewayReference) -> GatewayPayment {
        for _ in 0..5 {
            self.wait(SignedDuration::from_mins(2));
            self.control("tick", &json!({}));
            self.news();
        }
        self.of(payment)
    }
}

fn customer() -> CustomerId {
    CustomerId::try_from(7).unwrap()
}

pub(crate) async fn a_purchase_is_charged_once_and_keeps_the_card(bench: &Bench) {
    let ask = bench.intention(Verb::Purchase, 1, 699, Target::Buyer);
    let approval = bench.approved(&ask, Some(&bench.pays)).await;
    let again = bench.approved(&ask, Some(&bench.pays)).await;
    assert_eq!(approval.reference, again.reference);
    assert!(approval.token.is_some() && approval.card.as_ref().is_some_and(|card| card.last_four.len() == 4));
    assert!(bench.settled(&approval.reference).captured_minor == 699 && bench.only(&ask).held_minor == 0);
    assert_eq!(bench.only(&ask).id, approval.reference.as_str());
}

pub(crate) async fn a_challenged_purchase_ends_when_the_buyer_comes_back(bench: &Bench) {
    let ask = bench.intention(Verb::Purchase, 1, 699, Target::Buyer);
    let Outcome::ActionRequired(action) = bench.ask(&ask, Some(&bench.challenged)).await.unwrap() else {
        panic!("a challenge is expected");
    };
    assert_eq!(bench.simulator.payments().iter().map(|it| it.captured_minor + it.held_minor).sum::<i64>(), 0);
    let returned = (bench.challenge)(bench, &action, true);
    let outcome = bench.gateway.resume(&ask, &returned, bench.deadline()).await.unwrap();
    let Answer::Approved(approval) = bench.conclude(&ask, outcome).await else {
        panic!("approved is expected")
    };
    assert!(approval.token.is_some());
    assert_eq!(bench.settled(&approval.reference).captured_minor, 699);
}

pub(crate) async fn a_failed_challenge_is_a_refusal(bench: &Bench) {
    let ask = bench.intention(Verb::Purchase, 1, 699, Target::Buyer);
    let Outcome::ActionRequired(action) = bench.ask(&ask, Some(&bench.challenged)).await.unwrap() else {
        panic!("a challenge is expected");
    };
    let returned = (bench.challenge)(bench, &action, false);
    let outcome = bench.gateway.resume(&ask, &returned, bench.deadline()).await.unwrap();
    let Answer::Declined(decline) = bench.conclude(&ask, outcome).await else {
        panic!("a refusal is expected")
    };
    assert_eq!(decline.reason, payment::DeclineReason::AuthenticationRequired);
    assert_eq!(bench.simulator.payments().iter().map(|it| it.captured_minor + it.held_minor).sum::<i64>(), 0);
}

pub(crate) async fn a_refusal_is_an_answer_with_its_class(bench: &Bench) {
    let ask = bench.intention(Verb::Purchase, 1, 699, Target::Buyer);
    let decline = bench.declined(&ask, Some(&bench.refused)).await;
    assert_eq!((decline.class, decline.reason), insufficient_funds());
    assert!(decline.codes.starts_with(bench.gateway.name().as_str()), "{}", decline.codes);
    assert!(bench.only(&ask).declined);
    assert_eq!(decline.reference.unwrap().as_str(), bench.only(&ask).id);
}

pub(crate) async fn a_card_is_verified_at_zero(bench: &Bench) {
    let ask = bench.intention(Verb::Verify, 1, 0, Target::Buyer);
    let approval = bench.approved(&ask, Some(&bench.pays)).await;
    assert!(!approval.captured && approval.card.is_some());
    let token = approval.token.expect("the card is kept");
    let charge = bench.intention(Verb::Charge, 2, 999, Target::Token(token));
    let approval = bench.approved(&charge, None).await;
    assert_eq!(bench.settled(&approval.reference).captured_minor, 999);
}

pub(crate) async fn a_stored_card_is_held_then_captured_once(bench: &Bench) {
    let payment = bench.hold(2, 1299).await;
    assert_eq!((bench.of(&payment).held_minor, bench.of(&payment).captured_minor), (1299, 0));
    let ask = bench.intention(Verb::Capture, 2, 1299, Target::Payment(payment.clone()));
    for _ in 0..2 {
        assert!(bench.approved(&ask, None).await.captured);
    }
    let taken = bench.settled(&payment);
    assert_eq!((taken.held_minor, taken.captured_minor), (0, 1299));
}

pub(crate) async fn a_stored_card_is_charged_at_once(bench: &Bench) {
    let ask = bench.intention(Verb::Charge, 2, 1299, Target::Token(bench.token().await));
    let approval = bench.approved(&ask, None).await;
    assert_eq!(bench.approved(&ask, None).await.reference, approval.reference);
    assert_eq!(bench.settled(&approval.reference).captured_minor, 1299);
    assert_eq!(bench.only(&ask).id, approval.reference.as_str());
}

pub(crate) async fn a_stored_card_that_is_refused_says_why(bench: &Bench) {
    let token = bench.token().await;
    (bench.spoil)(bench, &token);
    let ask = bench.intention(Verb::Charge, 2, 1299, Target::Token(token));
    let decline = bench.declined(&ask, None).await;
    assert_eq!((decline.class, decline.reason), insufficient_funds());
    assert!(bench.only(&ask).declined && decline.reference.is_some());
}

pub(crate) async fn a_hold_is_let_go_once(bench: &Bench) {
    let payment = bench.hold(2, 1299).await;
    let ask = bench.intention(Verb::Cancel, 2, 0, Target::Payment(payment.clone()));
    for _ in 0..2 {
        assert!(!bench.approved(&ask, None).await.captured);
    }
    let gone = bench.settled(&payment);
    assert_eq!((gone.held_minor, gone.captured_minor), (0, 0));
}

pub(crate) async fn a_payment_is_returned_in_parts_and_never_beyond(bench: &Bench) {
    let charge = bench.intention(Verb::Charge, 2, 1000, Target::Token(bench.token().await));
    let payment = bench.approved(&charge, None).await.reference;
    bench.settled(&payment);
    let part = bench.intention(Verb::Refund, 3, 400, Target::Payment(payment.clone()));
    let first = bench.approved(&part, None).await;
    assert_eq!(bench.approved(&part, None).await.reference, first.reference);
    assert_eq!(bench.settled(&payment).refunded_minor, 400);
    let rest = bench.intention(Verb::Refund, 4, 600, Target::Payment(payment.clone()));
    bench.approved(&rest, None).await;
    assert_eq!(bench.settled(&payment).refunded_minor, 1000);
    let beyond = bench.intention(Verb::Refund, 5, 100, Target::Payment(payment.clone()));
    let _answered = bench.ask(&beyond, None).await;
    assert_eq!(bench.settled(&payment).refunded_minor, 1000);
}

pub(crate) async fn a_refused_connection_did_nothing(bench: &Bench) {
    let ask = bench.intention(Verb::Charge, 2, 1299, Target::Token(bench.token().await));
    bench.weather.next(&Fault::Refused, ALWAYS);
    assert!(matches!(bench.ask(&ask, None).await, Err(GatewayError::NotSent { .. })));
    bench.weather.clear();
    let approval = bench.approved(&ask, None).await;
    assert_eq!(bench.settled(&approval.reference).captured_minor, 1299);
}

pub(crate) async fn a_throttled_request_did_nothing(bench: &Bench) {
    let ask = bench.intention(Verb::Charge, 2, 1299, Target::Token(bench.token().await));
    bench.weather.next(
        &Fault::Instead(429, r#"{"error":{"type":"invalid_request_error","code":"rate_limit"}}"#),
        ALWAYS,
    );
    assert!(matches!(bench.ask(&ask, None).await, Err(GatewayError::Throttled { .. })));
    bench.weather.clear();
    // One sending was lost before the next was turned away: it may have arrived.
    bench.weather.next(&Fault::AnswerLost, 1);
    bench.weather.next(&Fault::Instead(429, "{}"), ALWAYS);
    assert!(matches!(bench.ask(&ask, None).await, Ok(Outcome::Unknown(_))));
    bench.weather.clear();
    let approval = bench.approved(&ask, None).await;
    assert_eq!(bench.settled(&approval.reference).captured_minor, 1299);
}

pub(crate) async fn a_broken_answer_leaves_the_outcome_unknown(bench: &Bench) {
    let token = bench.token().await;
    let broken = [
        Fault::AnswerLost,
        Fault::RequestLost,
        Fault::Cut(20),
        Fault::InsteadAfter(200, ""),
        Fault::InsteadAfter(200, "<html>hello</html>"),
        Fault::InsteadAfter(500, "{}"),
        Fault::InsteadAfter(502, "<html>bad gateway</html>"),
        Fault::Instead(503, "<html>unavailable</html>"),
        Fault::Instead(504, ""),
    ];
    for (order, fault) in (2..).zip(broken) {
        let ask = bench.intention(Verb::Charge, order, 1299, Target::Token(token.clone()));
        bench.weather.next(&fault, ALWAYS);
        let outcome = bench.ask(&ask, None).await;
        bench.weather.clear();
        assert!(matches!(&outcome, Ok(Outcome::Unknown(_))), "{fault:?} gave {outcome:?}");
        let Answer::Approved(approval) = bench.conclude(&ask, outcome.unwrap()).await else {
            panic!("{fault:?} became a refusal");
        };
        assert_eq!(bench.only(&ask).id, approval.reference.as_str(), "{fault:?}");
        assert_eq!(bench.settled(&approval.reference).captured_minor, 1299, "{fault:?}");
    }
}

pub(crate) async fn a_lost_answer_is_found_for_every_verb(bench: &Bench) {
    every_verb(bench, &Fault::AnswerLost, true).await;
}

pub(crate) async fn a_lost_request_is_made_good_for_every_verb_without_a_buyer(bench: &Bench) {
    every_verb(bench, &Fault::RequestLost, false).await;
}

pub(crate) async fn a_lost_answer_is_told_by_webhook_with_our_attempt(bench: &Bench) {
    let token = bench.token().await;
    bench.wait(SignedDuration::from_mins(2));
    bench.news();
    let ask = bench.intention(Verb::Authorise, 2, 1299, Target::Token(token));
    bench.weather.next(&Fault::AnswerLost, ALWAYS);
    assert!(matches!(bench.ask(&ask, None).await, Ok(Outcome::Unknown(_))));
    bench.weather.clear();
    bench.wait(SignedDuration::from_mins(2));
    let Some(Answer::Approved(approval)) = bench.told(&ask) else {
        panic!("the webhook is expected to tell")
    };
    assert_eq!((approval.money, approval.reference.as_str()), (ask.money, &*bench.only(&ask).id));
    let capture = bench.intention(Verb::Capture, 2, 1299, Target::Payment(approval.reference.clone()));
    bench.approved(&capture, None).await;
    bench.wait(SignedDuration::from_mins(2));
    let told = bench.news();
    assert!(has_fact(&told, FactKind::Captured, &approval.reference), "{told:?}");
}

/// Asks each verb through a fault, and lets the answer be found; what is done is done once.
async fn every_verb(bench: &Bench, fault: &Fault, with_buyer: bool) {
    let pays = bench.pays.clone();
    let lost = async |ask: &Intention, buyer: Option<&Value>| {
        bench.weather.next(fault, ALWAYS);
        let outcome = bench.ask(ask, buyer).await;
        bench.weather.clear();
        let outcome = outcome.unwrap_or_else(|error| panic!("{ask:?}: {error}"));
        assert!(matches!(outcome, Outcome::Unknown(_)), "{ask:?}");
        let Answer::Approved(approval) = bench.conclude(ask, outcome).await else {
            panic!("{ask:?} was refused")
        };
        approval
    };
    if with_buyer {
        // Making Stripe's customer comes first and may fail alone; here it is the payment that is lost.
        let known = bench.token().await;
        let purchase = bench.intention(Verb::Purchase, 11, 699, Target::Buyer);
        let mut buyer = bench.buyer(&pays);
        buyer.known = Some(known);
        bench.weather.next(fault, ALWAYS);
        let outcome = bench.gateway.authorise(&purchase, &buyer, bench.deadline()).await.unwrap();
        bench.weather.clear();
        let Answer::Approved(approval) = bench.conclude(&purchase, outcome).await else { panic!("refused") };
        assert_eq!(bench.settled(&approval.reference).captured_minor, 699);
        assert!(approval.token.is_some() && bench.only(&purchase).id == approval.reference.as_str());
        let verify = bench.intention(Verb::Verify, 12, 0, Target::Buyer);
        bench.weather.next(fault, ALWAYS);
        let outcome = bench.gateway.verify(&verify, &buyer, bench.deadline()).await.unwrap();
        bench.weather.clear();
        assert!(matches!(
            bench.conclude(&verify, outcome).await,
            Answer::Approved(Approval { token: Some(_), .. })
        ));
    }
    let token = bench.token().await;
    let charge = bench.intention(Verb::Charge, 13, 1000, Target::Token(token.clone()));
    let charged = lost(&charge, None).await.reference;
    assert_eq!(bench.settled(&charged).captured_minor, 1000);
    let refund = bench.intention(Verb::Refund, 14, 300, Target::Payment(charged.clone()));
    lost(&refund, None).await;
    assert_eq!(bench.settled(&charged).refunded_minor, 300);
    let authorise = bench.intention(Verb::Authorise, 15, 1299, Target::Token(token.clone()));
    let held = lost(&authorise, None).await.reference;
    assert_eq!(bench.of(&held).held_minor, 1299);
    let capture = bench.intention(Verb::Capture, 15, 1299, Target::Payment(held.clone()));
    assert!(lost(&capture, None).await.captured);
    assert_eq!(bench.settled(&held).captured_minor, 1299);
    let authorise = bench.intention(Verb::Authorise, 16, 1299, Target::Token(token));
    let held = lost(&authorise, None).await.reference;
    let cancel = bench.intention(Verb::Cancel, 16, 0, Target::Payment(held.clone()));
    lost(&cancel, None).await;
    let gone = bench.settled(&held);
    assert_eq!((gone.held_minor, gone.captured_minor), (0, 0));
    for ask in [charge, authorise] {
        bench.only(&ask);
    }
}

pub(crate) async fn a_lost_purchase_is_absent_only_when_no_request_can_still_arrive(bench: &Bench) {
    let known = bench.token().await;
    let ask = bench.intention(Verb::Purchase, 1, 699, Target::Buyer);
    let mut buyer = bench.buyer(&bench.pays);
    buyer.known = Some(known);
    bench.weather.next(&Fault::RequestLost, ALWAYS);
    assert!(matches!(bench.gateway.authorise(&ask, &buyer, bench.deadline()).await, Ok(Outcome::Unknown(_))));
    bench.weather.clear();
    let resolve = async |age: Duration| {
        bench.clock.move_to(ask.began.checked_add(age).unwrap());
        bench.gateway.resolve(&ask, None, age, bench.deadline()).await.unwrap()
    };
    for age in [Duration::from_secs(30), Duration::from_hours(1), bench.gateway.key_life()] {
        assert!(matches!(resolve(age).await, Resolution::Found(Outcome::Unknown(_))), "{age:?}");
    }
    let at_last = resolve(bench.gateway.key_life() + Duration::from_hours(48)).await;
    assert_eq!(at_last == Resolution::Absent, bench.looks_up, "{at_last:?}");
}

pub(crate) async fn a_lost_refusal_is_found_as_a_refusal(bench: &Bench) {
    let token = bench.token().await;
    (bench.spoil)(bench, &token);
    let ask = bench.intention(Verb::Charge, 2, 1299, Target::Token(token));
    bench.weather.next(&Fault::AnswerLost, ALWAYS);
    let outcome = bench.ask(&ask, None).await.unwrap();
    bench.weather.clear();
    assert!(matches!(outcome, Outcome::Unknown(_)));
    let Answer::Declined(decline) = bench.conclude(&ask, outcome).await else {
        panic!("a refusal is expected")
    };
    assert_eq!((decline.class, decline.reason), insufficient_funds());
    assert!(bench.only(&ask).declined);
}

pub(crate) async fn an_intention_is_not_sent_again_when_its_key_may_be_forgotten(bench: &Bench) {
    let ask = bench.intention(Verb::Charge, 2, 1299, Target::Token(bench.token().await));
    bench.weather.next(&Fault::AnswerLost, ALWAYS);
    assert!(matches!(bench.ask(&ask, None).await, Ok(Outcome::Unknown(_))));
    bench.weather.clear();
    let age = bench.gateway.key_life() + Duration::from_hours(72);
    bench.clock.move_to(ask.began.checked_add(age).unwrap());
    // Sent again now, it would be charged again.
    let found = bench.gateway.resolve(&ask, None, age, bench.deadline()).await.unwrap();
    assert_ne!(found, Resolution::Absent);
    assert_eq!(bench.only(&ask).asked, ask.money);
    match found {
        Resolution::Found(Outcome::Approved(approval)) => {
            assert_eq!(bench.only(&ask).id, approval.reference.as_str())
        }
        Resolution::Found(Outcome::Unknown(_)) => {}
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn a_forgotten_card_cannot_be_charged(bench: &Bench) {
    let token = bench.token().await;
    for _ in 0..2 {
        bench.gateway.forget(&token, customer(), bench.account.as_ref(), bench.deadline()).await.unwrap();
    }
    let ask = bench.intention(Verb::Charge, 2, 1299, Target::Token(token));
    let decline = bench.declined(&ask, None).await;
    assert!(decline.class.forbids_retry(), "{decline:?}");
}

pub(crate) async fn a_raw_card_number_is_refused_before_anything_is_sent(bench: &Bench) {
    let ask = bench.intention(Verb::Purchase, 1, 699, Target::Buyer);
    let mut page = bench.pays.clone();
    if let Some(members) = page.as_object_mut() {
        members.insert("note".to_owned(), json!("4242 4242 4242 4242"));
    }
    let told = bench.ask(&ask, Some(&page)).await.unwrap_err();
    assert!(
        matches!(told, GatewayError::BadPaymentData { .. }) && !told.to_string().contains("4242"),
        "{told}"
    );
    assert!(bench.simulator.payments().is_empty());
}

/// Whether news of this kind of fact about a payment came.
pub(crate) fn has_fact(news: &[News], kind: FactKind, payment: &GatewayReference) -> bool {
    news.iter().any(|news| {
        matches!(&news.kind, NewsKind::Fact { kind: told, .. } if *told == kind)
            && news.payment.as_ref() == Some(payment)
    })
}

fn insufficient_funds() -> (payment::DeclineClass, payment::DeclineReason) {
    (payment::DeclineClass::Soft, payment::DeclineReason::InsufficientFunds)
}
