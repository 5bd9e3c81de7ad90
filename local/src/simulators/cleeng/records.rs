//! What the simulated Cleeng keeps, as plain records: for comparison with the other ledgers, and for the console.

use jiff::Timestamp;
use payment::{Price, Token};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::calendar::Cycle;
use super::offers::Cost;

/// A customer.
pub(super) struct Customer {
    pub(super) email: String,
    pub(super) country: String,
    pub(super) subscriptions: Vec<u64>,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleengOrder {
    /// Its id.
    pub id: u64,
    /// Who buys.
    pub customer: u64,
    /// What.
    pub offer: String,
    /// The whole price.
    pub price: Price,
    /// The price without tax.
    pub net: Decimal,
    /// What is taken off the price without tax.
    pub discount: Decimal,
    /// The tax's share, such as 0.21.
    pub tax_rate: Decimal,
    /// `trial`, `coupon` or empty.
    pub discount_kind: String,
    /// Where.
    pub country: String,
    /// By which payment method, once chosen.
    pub method: Option<u64>,
    /// When it was made.
    pub created: Timestamp,
    /// When it lapses.
    pub expires: Timestamp,
    /// The subscription that it renews.
    pub subscription: Option<u64>,
    /// The end of the period that it renews.
    pub period_end: Option<Timestamp>,
    /// Its payments, oldest first.
    pub payments: Vec<u64>,
    /// The payment that paid it.
    pub paid_by: Option<u64>,
}

impl CleengOrder {
    pub(super) fn tax(&self) -> Decimal {
        self.price.amount - self.net
    }

    pub(super) fn set_cost(&mut self, cost: &Cost) {
        self.price.amount = cost.total;
        self.net = cost.net;
        self.discount = cost.discount;
        self.tax_rate = cost.tax_rate;
    }
}

/// Where a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PaymentState {
    /// Held.
    Authorized,
    /// Taken.
    Captured,
    /// Refused.
    Rejected,
    /// Returned, whole or in part.
    Refunded,
    /// Let go.
    Cancelled,
}

impl PaymentState {
    /// Cleeng's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authorized => "authorized",
            Self::Captured => "captured",
            Self::Rejected => "rejected",
            Self::Refunded => "refunded",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleengPayment {
    /// Its id.
    pub id: u64,
    /// The order that it pays; none for externally managed purchases.
    pub order: Option<u64>,
    /// Who paid.
    pub customer: u64,
    /// For what.
    pub offer: String,
    /// Where it stands.
    pub status: PaymentState,
    /// Cleeng's word for what it is.
    pub operation: String,
    /// The whole amount.
    pub price: Price,
    /// The tax in it.
    pub tax: Decimal,
    /// Where.
    pub country: String,
    /// By which payment method.
    pub method: u64,
    /// With which record of a token.
    pub details: Option<u64>,
    /// The gateway's id.
    pub external: Option<String>,
    /// The subscription that it renews.
    pub subscription: Option<u64>,
    /// The end of the period that it renews.
    pub period_end: Option<Timestamp>,
    /// Why it was refused.
    pub rejected_reason: Option<String>,
    /// Why it was returned.
    pub refunded_reason: Option<String>,
    /// How much was returned so far.
    pub refunded: Decimal,
    /// `refund` or `chargeback`.
    pub refund_kind: Option<String>,
    /// When it was recorded.
    pub created: Timestamp,
    /// When it was recorded as captured.
    pub captured: Option<Timestamp>,
}

impl CleengPayment {
    /// What Cleeng believes that we hold: captured and not returned.
    pub fn held(&self) -> Decimal {
        match self.status {
            PaymentState::Captured | PaymentState::Refunded => self.price.amount - self.refunded,
            _ => Decimal::ZERO,
        }
    }
}

/// A stored token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleengDetails {
    /// Its id.
    pub id: u64,
    /// Whose.
    pub customer: u64,
    /// By which payment method.
    pub method: u64,
    /// The gateway's token.
    pub token: Token,
    /// What front ends show of it, as JSON text.
    pub params: Option<String>,
    /// Whether renewals use it.
    pub active: bool,
    /// Whether it was deleted.
    pub deleted: bool,
}

/// Where a subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubscriptionState {
    /// It renews.
    Active,
    /// The customer cancelled: access until the end.
    Stopped,
    /// Ended.
    Terminated,
    /// Paused.
    Paused,
}

impl SubscriptionState {
    /// Cleeng's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Stopped => "stopped",
            Self::Terminated => "terminated",
            Self::Paused => "paused",
        }
    }
}

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleengSubscription {
    /// Its id.
    pub id: u64,
    /// Whose.
    pub customer: u64,
    /// Of what.
    pub offer: String,
    /// Where it stands.
    pub status: SubscriptionState,
    /// When it began.
    pub began: Timestamp,
    /// The end of the paid period.
    pub ends: Timestamp,
    /// Whether the customer may watch: until the end of the paid period and its grace.
    pub has_access: bool,
    /// Whether it is in its trial.
    pub in_trial: bool,
    /// By which payment method.
    pub method: u64,
    /// With which record of a token.
    pub details: Option<u64>,
    /// In which currency it is charged.
    pub currency: String,
    /// Where.
    pub country: String,
    /// The order that began it.
    pub order: Option<u64>,
    /// The gateway's id of its latest payment.
    pub latest_payment: Option<String>,
    /// How many periods were paid.
    pub periods: u32,
    /// Whether the connector decides when to charge.
    pub externally_managed: bool,
    /// The connector's id of an externally managed one.
    pub external_id: Option<String>,
    /// What took its place after a switch.
    pub replaced_by: Option<u64>,
    /// Whose place it took.
    pub originated_from: Option<u64>,
    /// Why it ended, and when.
    pub terminated: Option<(String, Timestamp)>,
    /// The open authorisation for the next period.
    pub authorised: Option<u64>,
    /// From when periods are counted, and how many lie behind.
    pub(super) anchor: (Timestamp, u32),
    pub(super) cycle: Cycle,
    /// Raised by everything that makes earlier plans void.
    pub(super) plan: u64,
    /// Whether the running period's capture was asked for.
    pub(super) capture_asked: bool,
    pub(super) paused: Option<Timestamp>,
}

/// A pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleengPass {
    /// Its id.
    pub id: u64,
    /// Whose.
    pub customer: u64,
    /// Of what.
    pub offer: String,
    /// When it ends; none is never.
    pub expires: Option<Timestamp>,
    /// The connector's id of it.
    pub external_id: Option<String>,
    /// Whether it was ended.
    pub terminated: bool,
}
