//! Simulators of the peers: deterministic state machines that answer whole requests and remember what they did.

pub mod adyen;
pub mod cleeng;
pub mod stripe;
mod travel;

use bytes::Bytes;
use jiff::Timestamp;
use payment::Money;
use serde::{Deserialize, Serialize};

/// A peer's simulator. Its state changes only through [`Simulator::handle`], with the hour given to it and ids counted
/// by itself, so that the same requests at the same hours always end in the same state (they can be journaled and replayed).
///
/// Beside the peer's own API it answers `/_simulator/…` (JSON, no authorisation): what a person, a test or the console
/// makes happen there. Deliveries are acknowledged by `POST /_simulator/deliveries/{id}` with `{"status":200}`; any
/// other status makes the simulator deliver again later, as its real peer does.
pub trait Simulator: Send + Sync {
    /// Acts on one request as the real peer would.
    fn handle(&self, now: Timestamp, request: http::Request<Bytes>) -> http::Response<Bytes>;

    /// The webhooks that are due by `now`, oldest first; each is listed until it is acknowledged or given up.
    fn deliveries(&self, now: Timestamp) -> Vec<Delivery>;
}

/// A signed webhook on its way.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// By which it is acknowledged.
    pub id: u64,
    /// When it is due.
    pub due: Timestamp,
    /// Headers in lower case, signature included.
    pub headers: Vec<(String, String)>,
    /// The exact bytes that were signed.
    pub body: Bytes,
}

/// A simulator of a payment gateway: beside its API, a ledger to compare with.
pub trait GatewaySimulator: Simulator {
    /// Every payment, in the order they were made.
    fn payments(&self) -> Vec<GatewayPayment>;

    /// Whether a stored card, by the gateway's id, is still kept for its customer.
    fn keeps(&self, card: &str) -> bool;

    /// Cleeng's customer whose token this is (`customer|card`, in the gateway's ids), whether it is still kept or not.
    fn owner(&self, token: &str) -> Option<String>;
}

/// A payment as a gateway's own ledger has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayPayment {
    /// The gateway's id.
    pub id: String,
    /// Our reference, as it was sent.
    pub reference: Option<String>,
    /// Cleeng's customer, as the gateway knows it.
    pub customer: Option<String>,
    /// The token that was charged or kept.
    pub token: Option<String>,
    /// What was asked.
    pub asked: Money,
    /// Whether it was refused.
    pub declined: bool,
    /// Minor units held and not yet captured.
    pub held_minor: i64,
    /// Minor units captured.
    pub captured_minor: i64,
    /// Minor units returned.
    pub refunded_minor: i64,
    /// Minor units taken back by chargebacks that stand.
    pub disputed_minor: i64,
    /// When it was made.
    pub created: Timestamp,
}
