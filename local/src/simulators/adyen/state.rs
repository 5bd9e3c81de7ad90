//! What this Adyen remembers: payments, stored cards, idempotency keys, webhooks on their way.

use std::collections::{BTreeMap, HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use payment::Money;
use serde::Serialize;

use super::answer::Answer;
use super::cards::{Behaviour, Refusal};
use super::faults::Fault;
use super::notifications::Outbox;
use crate::simulators::GatewayPayment;

/// Everything.
#[derive(Default)]
pub(super) struct State {
    counter: u64,
    pub(super) payments: Vec<Payment>,
    places: HashMap<String, usize>,
    pub(super) stored: BTreeMap<String, Stored>,
    keys: HashMap<String, Remembered>,
    pub(super) outbox: Outbox,
    pub(super) faults: VecDeque<Fault>,
    pub(super) violations: Vec<String>,
}

/// How long a key is recognised.
const KEY_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Violations beyond this many are counted by nobody.
const VIOLATIONS_MAX: usize = 200;

/// An answer remembered by its key.
struct Remembered {
    request: Vec<u8>,
    answer: Answer,
    at: Timestamp,
}

/// What a key says of a request.
pub(super) enum Recall {
    /// Not seen, or too long ago.
    New,
    /// The very same: this was answered.
    Same(Answer),
    /// Another request under the same key.
    Other,
}

impl State {
    /// Sixteen characters, like a pspReference, counted.
    pub(super) fn next_id(&mut self, prefix: &str) -> String {
        self.counter = self.counter.saturating_add(1);
        let width = 16_usize.saturating_sub(prefix.len());
        format!("{prefix}{:0width$}", self.counter)
    }

    /// Remembers a new payment.
    pub(super) fn add(&mut self, payment: Payment) {
        self.places.insert(payment.psp.clone(), self.payments.len());
        self.payments.push(payment);
    }

    /// The payment of this pspReference.
    pub(super) fn payment(&mut self, psp: &str) -> Option<&mut Payment> {
        let place = *self.places.get(psp)?;
        self.payments.get_mut(place)
    }

    /// What became of an earlier request with this key.
    pub(super) fn recall(&mut self, key: &str, request: &[u8], now: Timestamp) -> Recall {
        match self.keys.get(key) {
            Some(known) if now.duration_since(known.at) >= KEY_LIFE => Recall::New,
            Some(known) if known.request == request => Recall::Same(known.answer.clone()),
            Some(_) => Recall::Other,
            None => Recall::New,
        }
    }

    /// Remembers an answer by its key.
    pub(super) fn remember(&mut self, key: String, request: Vec<u8>, answer: Answer, at: Timestamp) {
        self.keys.insert(key, Remembered { request, answer, at });
    }

    /// Writes down what a client may not do.
    pub(super) fn violate(&mut self, what: String) {
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(what);
        }
    }
}

/// A payment.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Payment {
    pub(super) psp: String,
    pub(super) account: String,
    pub(super) reference: String,
    pub(super) shopper: Option<String>,
    pub(super) asked: Money,
    pub(super) created: Timestamp,
    pub(super) standing: Standing,
    /// Held until it is captured, instead of captured by itself.
    pub(super) manual: bool,
    pub(super) held: i64,
    pub(super) captures: Vec<Modification>,
    pub(super) refunds: Vec<Modification>,
    pub(super) disputed: i64,
    pub(super) dispute: Option<String>,
    /// Kept when it is authorised.
    pub(super) keep: bool,
    pub(super) stored: Option<String>,
    pub(super) brand: String,
    pub(super) last_four: String,
    pub(super) later: Behaviour,
    pub(super) later_times: Option<u32>,
    /// What 3-D Secure or waiting will come to, where control chose.
    pub(super) result: Option<String>,
    pub(super) return_url: String,
    pub(super) metadata: BTreeMap<String, String>,
}

/// A capture or a refund.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Modification {
    pub(super) psp: String,
    pub(super) reference: String,
    pub(super) minor: i64,
    pub(super) failed: bool,
}

/// Where a payment stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Standing {
    AwaitingFingerprint,
    AwaitingFingerprintAlone,
    AwaitingChallenge,
    AwaitingRedirect,
    Pending,
    Authorised,
    Refused(Refusal),
    Error,
    Cancelled,
}

impl Payment {
    /// Minor units captured by captures that stand.
    pub(super) fn captured(&self) -> i64 {
        sum(&self.captures)
    }

    /// Minor units returned by refunds that stand.
    pub(super) fn refunded(&self) -> i64 {
        sum(&self.refunds)
    }

    /// Whether it can still be authorised.
    pub(super) fn is_open(&self) -> bool {
        matches!(
            self.standing,
            Standing::AwaitingFingerprint
                | Standing::AwaitingFingerprintAlone
                | Standing::AwaitingChallenge
                | Standing::AwaitingRedirect
                | Standing::Pending
        )
    }

    /// As one compares ledgers: Cleeng's customer and the token in the connector's shape.
    pub(super) fn as_seen(&self) -> GatewayPayment {
        let token =
            self.shopper.as_ref().zip(self.stored.as_ref()).map(|(shopper, id)| format!("{shopper}|{id}"));
        let customer = self
            .shopper
            .as_ref()
            .map(|shopper| shopper.strip_prefix("cleeng-").unwrap_or(shopper).to_owned());
        GatewayPayment {
            id: self.psp.clone(),
            reference: Some(self.reference.clone()),
            customer,
            token,
            asked: self.asked,
            declined: matches!(self.standing, Standing::Refused(_) | Standing::Error),
            held_minor: self.held,
            captured_minor: self.captured(),
            refunded_minor: self.refunded(),
            disputed_minor: self.disputed,
            created: self.created,
        }
    }
}

fn sum(modifications: &[Modification]) -> i64 {
    modifications.iter().filter(|step| !step.failed).map(|step| step.minor).fold(0, i64::saturating_add)
}

/// A stored card.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Stored {
    pub(super) shopper: String,
    pub(super) account: String,
    pub(super) brand: String,
    pub(super) last_four: String,
    pub(super) behaviour: Behaviour,
    pub(super) times: Option<u32>,
    pub(super) disabled: bool,
}

impl Stored {
    /// How it behaves this time; a limited behaviour wears off.
    pub(super) fn charge(&mut self) -> Behaviour {
        match &mut self.times {
            Some(0) => Behaviour::Approve,
            Some(left) => {
                *left = left.saturating_sub(1);
                self.behaviour.clone()
            }
            None => self.behaviour.clone(),
        }
    }
}
