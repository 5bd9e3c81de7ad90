//! What a gateway answers to a request to move money: four arms, and unknown is one of them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Decline, GatewayReference, Money, Token};

/// An answer. A decline is an answer; unknown is not a decline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The gateway did it.
    Approved(Approval),
    /// The gateway, or the bank behind it, refused. Nothing is held, charged or returned.
    Declined(Decline),
    /// The buyer must do something first (3-D Secure, a redirect).
    ActionRequired(Action),
    /// It may or may not have happened. Only the gateway can settle it: ask again, look, or wait for its webhook.
    Unknown(Uncertainty),
}

/// The final part of an [`Outcome`]: what is written down, told to Cleeng and carried by webhooks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The gateway did it.
    Approved(Approval),
    /// It was refused.
    Declined(Decline),
}

/// What the gateway holds or moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The gateway's id, by which Cleeng knows the payment: that of the payment for authorisations, charges,
    /// captures and voids; that of the refund for refunds.
    pub reference: GatewayReference,
    /// The amount that the gateway says, already compared with what was asked.
    pub money: Money,
    /// Whether the money moved (a charge, a capture), or is only held.
    pub captured: bool,
    /// The recurring token, where the buyer was present and the card was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
    /// What may be shown of the card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Card>,
    /// The gateway's own deadline for capturing what is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture_before: Option<Timestamp>,
}

/// What the front ends of Cleeng show of a stored card; never a full number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// Scheme as Cleeng's front ends spell it (`visa`, `mc`, `amex`, `discover`, `diners`).
    pub variant: String,
    /// The last four digits.
    pub last_four: String,
    /// Month 1–12 and four-digit year.
    pub expires: Option<(u8, u16)>,
}

/// What the page must do, in the gateway's own JSON, passed through unread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// The JSON text for the gateway's front-end library. It may hold a client secret: never logged, never stored.
    pub page: String,
    /// The gateway's id of the payment so far, where it has one.
    pub reference: Option<GatewayReference>,
}

/// Why nobody knows yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uncertainty {
    /// For the operator: `timeout`, `http_502`, `processing`, `unreadable_body`, `amount_differs`.
    pub why: String,
    /// The gateway's id, where it told us one.
    pub reference: Option<GatewayReference>,
    /// Whether a person must look now, because asking again will not settle it (another amount than asked).
    pub alarm: bool,
}

impl Outcome {
    /// An unknown outcome that a later look may settle.
    pub fn unknown(why: impl Into<String>, reference: Option<GatewayReference>) -> Self {
        Self::Unknown(Uncertainty { why: why.into(), reference, alarm: false })
    }
}
