//! What Stripe remembers: its objects, their indexes and the keys of requests. Ids are counted, never drawn.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::cards::{Behaviour, TestCard};
use super::control::Fault;
use super::deliveries::Deliveries;

/// Everything. `now` is the hour of the request that is being handled.
pub(super) struct State {
    pub(super) now: Timestamp,
    pub(super) live: bool,
    pub(super) customers: BTreeMap<String, Customer>,
    pub(super) cards: BTreeMap<String, StoredCard>,
    pub(super) payments: BTreeMap<String, Payment>,
    pub(super) setups: BTreeMap<String, Setup>,
    pub(super) refunds: BTreeMap<String, Refund>,
    pub(super) disputes: BTreeMap<String, Dispute>,
    /// Ids by `(kind, metadata name, value)`, for searches.
    pub(super) by_metadata: BTreeMap<(&'static str, String, String), Vec<String>>,
    /// Payments and set-ups by customer, oldest first.
    pub(super) by_customer: BTreeMap<(&'static str, String), Vec<String>>,
    /// Holds by the hour at which they lapse.
    pub(super) holds: BTreeSet<(Timestamp, String)>,
    pub(super) keys: BTreeMap<String, Remembered>,
    pub(super) deliveries: Deliveries,
    pub(super) faults: VecDeque<Fault>,
    pub(super) violations: Vec<String>,
    last_id: u64,
}

/// What a key's first execution answered.
#[derive(Clone)]
pub(super) struct Remembered {
    pub(super) at: Timestamp,
    /// Method, path and parameters: a key serves one request only.
    pub(super) request: String,
    pub(super) status: u16,
    pub(super) body: String,
}

#[derive(Clone)]
pub(super) struct Customer {
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) metadata: BTreeMap<String, String>,
}

/// A payment method with a card.
#[derive(Clone)]
pub(super) struct StoredCard {
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) customer: Option<String>,
    pub(super) brand: String,
    pub(super) last4: String,
    pub(super) expires: (i64, i64),
    pub(super) behaviour: Behaviour,
    /// Instead of its own behaviour, so many times (for ever where there is no number).
    pub(super) instead: Option<(Behaviour, Option<u64>)>,
    /// Whether the buyer authenticated it for later use.
    pub(super) set_up: bool,
}

#[derive(Clone)]
pub(super) struct Payment {
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) customer: Option<String>,
    pub(super) card: Option<String>,
    pub(super) manual: bool,
    pub(super) off_session: bool,
    pub(super) keeps_card: bool,
    pub(super) redirect_to: Option<String>,
    pub(super) status: &'static str,
    pub(super) received: i64,
    pub(super) refunded: i64,
    pub(super) error: Option<Value>,
    pub(super) cancelled: Option<(Timestamp, String)>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) charge: Option<Charge>,
    pub(super) refunds: Vec<String>,
    pub(super) disputes: Vec<String>,
}

/// The latest try of a payment.
#[derive(Clone)]
pub(super) struct Charge {
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) status: &'static str,
    pub(super) outcome: Value,
    /// The card as it was then.
    pub(super) card: Value,
    pub(super) capture_before: Option<Timestamp>,
}

#[derive(Clone)]
pub(super) struct Setup {
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) customer: Option<String>,
    pub(super) card: Option<String>,
    pub(super) redirect_to: Option<String>,
    pub(super) status: &'static str,
    pub(super) error: Option<Value>,
    pub(super) metadata: BTreeMap<String, String>,
}

#[derive(Clone)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) payment: String,
    pub(super) charge: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) status: &'static str,
    pub(super) failure: Option<String>,
    pub(super) metadata: BTreeMap<String, String>,
}

#[derive(Clone)]
pub(super) struct Dispute {
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) payment: String,
    pub(super) charge: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) reason: String,
    pub(super) status: String,
}

/// An answer that is not 200.
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) error: Value,
    /// Whether the request was executed, so that its key replays this.
    pub(super) executed: bool,
}

/// Keys are forgotten after a day.
const KEY_LIFE: SignedDuration = SignedDuration::from_hours(24);

impl State {
    pub(super) fn new(live: bool) -> Self {
        Self {
            now: Timestamp::UNIX_EPOCH,
            live,
            customers: BTreeMap::new(),
            cards: BTreeMap::new(),
            payments: BTreeMap::new(),
            setups: BTreeMap::new(),
            refunds: BTreeMap::new(),
            disputes: BTreeMap::new(),
            by_metadata: BTreeMap::new(),
            by_customer: BTreeMap::new(),
            holds: BTreeSet::new(),
            keys: BTreeMap::new(),
            deliveries: Deliveries::default(),
            faults: VecDeque::new(),
            violations: Vec::new(),
            last_id: 0,
        }
    }

    /// The next id of a kind: counted, and in the order of making also as text.
    pub(super) fn next_id(&mut self, kind: &str) -> String {
        self.last_id += 1;
        format!("{kind}_3Sim{:016}", self.last_id)
    }

    /// What a key answered before, where it still lives.
    pub(super) fn remembered(&self, key: &str) -> Option<&Remembered> {
        self.keys.get(key).filter(|remembered| self.now.duration_since(remembered.at) < KEY_LIFE)
    }

    /// Lets an object be found by what was written beside it.
    pub(super) fn index(&mut self, kind: &'static str, id: &str, metadata: &BTreeMap<String, String>) {
        for (name, value) in metadata {
            self.by_metadata.entry((kind, name.clone(), value.clone())).or_default().push(id.to_owned());
        }
    }

    /// Notes whose a payment or set-up is.
    pub(super) fn list_under(&mut self, kind: &'static str, customer: Option<&String>, id: &str) {
        if let Some(customer) = customer {
            self.by_customer.entry((kind, customer.clone())).or_default().push(id.to_owned());
        }
    }

    /// A stored card made of a test card.
    pub(super) fn make_card(&mut self, test: TestCard, customer: Option<String>) -> String {
        let id = self.next_id("pm");
        let card = StoredCard {
            id: id.clone(),
            created: self.now,
            customer,
            brand: test.brand.to_owned(),
            last4: test.last4.to_owned(),
            expires: (12, 2034),
            behaviour: test.behaviour,
            instead: None,
            set_up: false,
        };
        self.cards.insert(id.clone(), card);
        id
    }
}

impl StoredCard {
    /// How it behaves this time; what was set for a number of times is used up.
    pub(super) fn behave(&mut self) -> Behaviour {
        let Some((behaviour, left)) = self.instead.take() else {
            return self.behaviour.clone();
        };
        match left {
            None => self.instead = Some((behaviour.clone(), None)),
            Some(left) if left > 1 => self.instead = Some((behaviour.clone(), Some(left - 1))),
            Some(_) => {}
        }
        behaviour
    }
}

impl Payment {
    /// What may still be captured.
    pub(super) fn capturable(&self) -> i64 {
        if self.status == "requires_capture" { self.amount } else { 0 }
    }
}

impl Failure {
    /// A request that Stripe will not take; its key is not used up.
    pub(super) fn invalid(code: Option<&str>, param: Option<&str>, message: impl Into<String>) -> Self {
        let error = json!({ "type": "invalid_request_error", "code": code, "param": param, "message": message.into() });
        Self { status: 400, error, executed: false }
    }

    /// An object that is not there, named by the path.
    pub(super) fn missing(kind: &str, id: &str) -> Self {
        Self { status: 404, ..Self::unknown_parameter(kind, "id", id) }
    }

    /// An object that is not there, named by a parameter.
    pub(super) fn unknown_parameter(kind: &str, param: &str, id: &str) -> Self {
        Self::invalid(Some("resource_missing"), Some(param), format!("No such {kind}: '{id}'"))
    }

    /// A request that was executed and refused because of where an object stands.
    pub(super) fn unexpected_state(code: &str, message: &str, object: Option<(&str, Value)>) -> Self {
        let mut failure = Self { executed: true, ..Self::invalid(Some(code), None, message) };
        failure.embed(object);
        failure
    }

    /// A refusal of the bank: 402.
    pub(super) fn refused(error: Value, object: (&str, Value)) -> Self {
        let mut failure = Self { status: 402, error, executed: true };
        failure.embed(Some(object));
        failure
    }

    fn embed(&mut self, object: Option<(&str, Value)>) {
        if let (Some(members), Some((name, object))) = (self.error.as_object_mut(), object) {
            members.insert(name.to_owned(), object);
        }
    }
}
