//! The topics that a connector subscribes to.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A webhook's topic. Cleeng writes some with a small first letter in one place and a capital in another: both are read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Topic {
    /// `subscriptionReadyForPaymentAuthorisation`.
    Authorise,
    /// `subscriptionReadyForPaymentCapture`.
    Capture,
    /// `capturePayment`.
    CapturePayment,
    /// `paymentDetailsDeactivated`.
    DetailsDeactivated,
    /// `refundPayment`.
    Refund,
    /// `subscriptionReadyForTermination`.
    Terminate,
    /// Any other: letters, digits, `-`, `_` and `.`, at most 64 of them.
    Other(String),
}

impl Topic {
    /// All topics that the connector subscribes to.
    pub const OURS: [Self; 6] = [
        Self::Authorise,
        Self::Capture,
        Self::CapturePayment,
        Self::DetailsDeactivated,
        Self::Refund,
        Self::Terminate,
    ];

    /// Whether its payload is known to name the payment method. A filter by it on any other topic may drop everything.
    pub fn names_method(&self) -> bool {
        matches!(self, Self::Authorise | Self::Capture)
    }

    /// Cleeng's word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Authorise => "subscriptionReadyForPaymentAuthorisation",
            Self::Capture => "subscriptionReadyForPaymentCapture",
            Self::CapturePayment => "capturePayment",
            Self::DetailsDeactivated => "paymentDetailsDeactivated",
            Self::Refund => "refundPayment",
            Self::Terminate => "subscriptionReadyForTermination",
            Self::Other(word) => word,
        }
    }
}

impl From<String> for Topic {
    fn from(word: String) -> Self {
        // Made safe before it is known: what is written down must be read back as the same topic.
        let safe = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
        let word: String = word.chars().filter(safe).take(64).collect();
        let known = Self::OURS.into_iter().find(|topic| topic.as_str().eq_ignore_ascii_case(&word));
        known.unwrap_or(Self::Other(word))
    }
}

impl From<Topic> for String {
    fn from(topic: Topic) -> Self {
        match topic {
            Topic::Other(word) => word,
            known => known.as_str().to_owned(),
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
