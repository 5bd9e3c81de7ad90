//! An intention to move money: all that a gateway needs to be asked, and to be asked again.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{CustomerId, GatewayName, GatewayReference, Identity, MerchantAccount, Money, OrderId, Token};

/// One business intention. It is in the ledger before the gateway hears of it, and whoever finds it there can ask
/// the gateway the very same thing again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intention {
    /// Who it is; key and reference are derived from it.
    pub identity: Identity,
    /// What is asked.
    pub verb: Verb,
    /// Of which gateway.
    pub gateway: GatewayName,
    /// Into which account there, where the gateway has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<MerchantAccount>,
    /// For whom. Checked against the token's owner where the gateway says it.
    pub customer: CustomerId,
    /// How much; zero for a verification and for a void.
    pub money: Money,
    /// What it is charged to or done to.
    pub target: Target,
    /// The order that gave the amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
    /// When the key may first have been used; its life at the gateway counts from here.
    pub began: Timestamp,
}

/// What an intention acts on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The buyer is present and gives payment data that is used once and not kept.
    Buyer,
    /// A stored card, charged while the customer is away.
    Token(Token),
    /// A payment that the gateway already has: captured, voided or refunded by this id.
    Payment(GatewayReference),
}

/// The trade's verbs, as far as they move or hold money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Buyer present: charged at once, the card kept for renewals.
    Purchase,
    /// Buyer present: the card checked at zero amount and kept.
    Verify,
    /// Off-session: held, to be captured later.
    Authorise,
    /// Off-session: charged at once.
    Charge,
    /// What was authorised is taken.
    Capture,
    /// What was authorised is let go (void).
    Cancel,
    /// What was captured is returned, whole or in part.
    Refund,
}

impl Verb {
    /// The word in logs and time-lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Purchase => "purchase",
            Self::Verify => "verify",
            Self::Authorise => "authorise",
            Self::Charge => "charge",
            Self::Capture => "capture",
            Self::Cancel => "cancel",
            Self::Refund => "refund",
        }
    }

    /// Whether the buyer is there, so that an answer may be "act first".
    pub fn buyer_present(self) -> bool {
        matches!(self, Self::Purchase | Self::Verify)
    }

    /// Whether its approval means that money was taken.
    pub fn takes_money(self) -> bool {
        matches!(self, Self::Purchase | Self::Charge | Self::Capture)
    }
}
