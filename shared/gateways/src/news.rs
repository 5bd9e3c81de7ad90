//! What gateways tell us by webhook, in our words.

use jiff::Timestamp;
use payment::{
    Answer, Card, FactKind, GatewayName, GatewayReference, Identity, MerchantAccount, Money, Token,
};
use serde::{Deserialize, Serialize};

use crate::WebhookError;

/// Reads a gateway's webhooks: verifies over the raw bytes, then parses. It holds webhook secrets only, so that the
/// function that faces the world has no key that moves money.
pub trait WebhookReader: Send + Sync {
    /// Whose webhooks these are.
    fn name(&self) -> GatewayName;

    /// Verifies and reads one delivery; it may carry several items. An unknown kind is [`NewsKind::Ignored`], never an error.
    fn read(&self, request: &WebhookRequest<'_>) -> Result<Vec<News>, WebhookError>;

    /// The body this gateway expects with a 200.
    fn acknowledgement(&self) -> &'static str;
}

/// One delivery as it arrived.
pub struct WebhookRequest<'a> {
    /// Its headers.
    pub headers: &'a http::HeaderMap,
    /// The raw bytes that were signed.
    pub body: &'a [u8],
    /// The hour, for the age of a signature.
    pub now: Timestamp,
}

/// One piece of news.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// Whose.
    pub gateway: GatewayName,
    /// The gateway's name for this very news; equal for every repetition of it.
    pub id: String,
    /// The gateway's own word for its kind, for logs.
    pub event: String,
    /// The gateway's time.
    pub at: Timestamp,
    /// The account it speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<MerchantAccount>,
    /// Our attempt, where the gateway repeats our reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Identity>,
    /// The gateway's id of the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<GatewayReference>,
    /// What happened.
    pub kind: NewsKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NewsKind {
    /// The final answer to an attempt: an authorisation, charge or verification that was unknown, pending or at the buyer.
    Settled(Answer),
    /// Something happened to a payment: captured, refunded, failed late, disputed.
    Fact {
        /// What.
        kind: FactKind,
        /// The gateway's id of the thing: refund, dispute, capture; the payment's own where there is no other.
        thing: GatewayReference,
        /// How much.
        money: Money,
    },
    /// The network or the bank renewed a stored card: what is shown of it changed, and perhaps the token.
    TokenUpdated {
        /// The token as we know it.
        token: Token,
        /// Its successor, where the gateway changed it.
        successor: Option<Token>,
        /// What may be shown now.
        card: Option<Card>,
    },
    /// A stored token can no longer be charged.
    TokenGone {
        /// The token as we know it.
        token: Token,
    },
    /// Nothing for us; kept and counted.
    Ignored,
}
