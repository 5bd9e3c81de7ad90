//! Refusals: what the bank or the gateway answered, and what may be done after it.

use std::fmt;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::GatewayReference;

/// What a refusal allows next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclineClass {
    /// Never again with this card.
    Hard,
    /// The same card may pay later.
    Soft,
    /// The customer must act: another card, or authenticate.
    Customer,
    /// Suspected fraud: as hard, and never shown to the buyer.
    Fraud,
    /// Nothing was charged for a technical reason; soon is fine.
    Technical,
    /// Our own configuration or fault: somebody of ours must act.
    Ours,
}

impl DeclineClass {
    /// Whether the networks forbid another try with the same card.
    pub fn forbids_retry(self) -> bool {
        matches!(self, Self::Hard | Self::Fraud)
    }
}

/// The closed vocabulary that Cleeng and the operators read, in alphabetical order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclineReason {
    /// The customer must authenticate (3-D Secure).
    AuthenticationRequired,
    /// The authorisation lapsed before it was captured.
    AuthorisationExpired,
    /// The scheme or currency is not accepted.
    CardNotSupported,
    /// The customer withdrew consent.
    ConsentRevoked,
    /// Never again with this card.
    DoNotTryAgain,
    /// The gateway saw the same payment shortly before.
    Duplicate,
    /// The card's validity ended.
    ExpiredCard,
    /// Suspected fraud.
    FraudSuspected,
    /// Refused without a reason.
    GenericDecline,
    /// Number, code or address is wrong.
    IncorrectCardData,
    /// Not enough money.
    InsufficientFunds,
    /// The account is closed or unknown.
    InvalidAccount,
    /// The gateway does not take this amount or currency.
    InvalidAmount,
    /// The bank did not answer.
    IssuerUnavailable,
    /// A limit of amount or number is reached.
    LimitExceeded,
    /// Lost, stolen or picked up.
    LostOrStolen,
    /// The bank gave the card a new number.
    NewCardInformation,
    /// A PIN is needed or wrong.
    PinProblem,
    /// The gateway could not process it; nothing was charged.
    ProcessingError,
    /// The buyer gave up.
    ShopperCancelled,
    /// A test card in production.
    TestCard,
    /// No stored token to charge.
    TokenMissing,
    /// This kind of transaction is not allowed on the card.
    TransactionNotAllowed,
    /// Later is fine.
    TryAgainLater,
    /// A code that no table knows.
    UnknownDecline,
}

impl DeclineReason {
    /// The word that goes out, snake_case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthenticationRequired => "authentication_required",
            Self::AuthorisationExpired => "authorisation_expired",
            Self::CardNotSupported => "card_not_supported",
            Self::ConsentRevoked => "consent_revoked",
            Self::DoNotTryAgain => "do_not_try_again",
            Self::Duplicate => "duplicate",
            Self::ExpiredCard => "expired_card",
            Self::FraudSuspected => "fraud_suspected",
            Self::GenericDecline => "generic_decline",
            Self::IncorrectCardData => "incorrect_card_data",
            Self::InsufficientFunds => "insufficient_funds",
            Self::InvalidAccount => "invalid_account",
            Self::InvalidAmount => "invalid_amount",
            Self::IssuerUnavailable => "issuer_unavailable",
            Self::LimitExceeded => "limit_exceeded",
            Self::LostOrStolen => "lost_or_stolen",
            Self::NewCardInformation => "new_card_information",
            Self::PinProblem => "pin_problem",
            Self::ProcessingError => "processing_error",
            Self::ShopperCancelled => "shopper_cancelled",
            Self::TestCard => "test_card",
            Self::TokenMissing => "token_missing",
            Self::TransactionNotAllowed => "transaction_not_allowed",
            Self::TryAgainLater => "try_again_later",
            Self::UnknownDecline => "unknown_decline",
        }
    }
}

impl fmt::Display for DeclineReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refusal, as the gateway answered it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decline {
    /// What it allows next.
    pub class: DeclineClass,
    /// Why, in our vocabulary.
    pub reason: DeclineReason,
    /// The gateway's own machine codes (`stripe:card_declined/insufficient_funds net=51`); no card data, not for buyers.
    pub codes: String,
    /// The gateway's id of the refused payment, where it has one.
    pub reference: Option<GatewayReference>,
    /// How long the network bids to wait before the same card is tried again, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<SignedDuration>,
}

impl Decline {
    /// What Cleeng records as `rejectedReason`: our word, then the gateway's codes.
    pub fn rejected_reason(&self) -> String {
        if self.codes.is_empty() {
            self.reason.to_string()
        } else {
            format!("{} | {}", self.reason, self.codes)
        }
    }
}
