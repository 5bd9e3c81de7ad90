//! A simulator of Cleeng: orders, payments, subscriptions and dunning as the reference describes them, refusals included.

mod answer;
mod calendar;
mod control;
mod deliveries;
mod dunning;
mod external;
mod life;
mod mediastore;
pub mod offers;
mod orders;
mod patch_payment;
mod payment_details;
mod payments;
mod post_payment;
mod quirks;
mod reading;
mod records;
mod router;
mod settings;
mod shop;
mod state;
mod subscriptions;
mod violations;
mod webhook_subscriptions;

#[cfg(test)]
mod tests;

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;

pub use quirks::Quirks;
pub use records::{
    CleengDetails, CleengOrder, CleengPass, CleengPayment, CleengSubscription, PaymentState,
    SubscriptionState,
};
pub use settings::{CleengSimulatorSettings, SimulatedMethod};
pub use violations::{Violation, ViolationKind};

use state::State;

use super::{Delivery, Simulator};

/// Cleeng on one machine: `/3.1/…` (the API), `/mediastore/…` (the customer check), `/_simulator/…` (what happens there).
pub struct CleengSimulator {
    state: Mutex<State>,
}

impl CleengSimulator {
    /// A publisher with the offers of [`offers`], the given payment methods, and nothing sold yet.
    pub fn new(settings: CleengSimulatorSettings) -> Self {
        Self { state: Mutex::new(State::new(settings)) }
    }

    /// All orders, by id.
    pub fn orders(&self) -> Vec<CleengOrder> {
        self.state().orders.values().cloned().collect()
    }

    /// All payments, by id.
    pub fn payments(&self) -> Vec<CleengPayment> {
        self.state().payments.values().cloned().collect()
    }

    /// All stored payment details, by id.
    pub fn payment_details(&self) -> Vec<CleengDetails> {
        self.state().details.values().cloned().collect()
    }

    /// All subscriptions, by id.
    pub fn subscriptions(&self) -> Vec<CleengSubscription> {
        self.state().subscriptions.values().cloned().collect()
    }

    /// All passes, by id.
    pub fn passes(&self) -> Vec<CleengPass> {
        self.state().passes.values().cloned().collect()
    }

    /// What must never happen and did, oldest first.
    pub fn violations(&self) -> Vec<Violation> {
        violations::all(&self.state())
    }

    /// When something happens next: a dunning date, a subscription's beginning, a delivery. For whoever moves the clock.
    pub fn next_due(&self) -> Option<Timestamp> {
        let state = self.state();
        let planned = state.due.first_key_value().map(|((at, _), _)| *at);
        [planned, state.outbox.next_due()].into_iter().flatten().min()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Simulator for CleengSimulator {
    fn handle(&self, now: Timestamp, request: http::Request<Bytes>) -> http::Response<Bytes> {
        let mut state = self.state();
        life::advance(&mut state, now);
        router::route(&mut state, &request)
    }

    fn deliveries(&self, now: Timestamp) -> Vec<Delivery> {
        let mut state = self.state();
        // What becomes due depends on the hour alone, so a replay of the requests ends in the same state without this.
        life::advance(&mut state, now);
        state.outbox.due_by(now)
    }
}
