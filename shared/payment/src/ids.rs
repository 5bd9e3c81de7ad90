//! The ids of Cleeng and of the gateways, one type each, in one alphabetical list, built by parsing.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Cleeng's numeric ids: digits, in JSON as an integer or as a string; written as an integer.
macro_rules! cleeng_number {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "NumberOrText", into = "u64")]
        pub struct $name(u64);

        impl $name {
            /// The id as Cleeng's REST bodies write it.
            pub fn number(self) -> u64 {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            /// Reads 1 to 15 digits, without sign or space; zero is nobody's id.
            fn from_str(text: &str) -> Result<Self, IdError> {
                number(text).map(Self).ok_or(IdError { kind: stringify!($name) })
            }
        }

        impl TryFrom<u64> for $name {
            type Error = IdError;

            fn try_from(number: u64) -> Result<Self, IdError> {
                (1..=NUMBER_MAX).contains(&number).then_some(Self(number)).ok_or(IdError { kind: stringify!($name) })
            }
        }

        impl TryFrom<NumberOrText> for $name {
            type Error = IdError;

            fn try_from(raw: NumberOrText) -> Result<Self, IdError> {
                match raw {
                    NumberOrText::Number(number) => number.try_into(),
                    NumberOrText::Text(text) => text.parse(),
                }
            }
        }

        impl From<$name> for u64 {
            fn from(id: $name) -> u64 {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    )*};
}

/// Ids that are bounded text: printable ASCII without spaces or quotes, so that none can break out of a path, a query or a log line.
macro_rules! text {
    ($($(#[$doc:meta])* $name:ident(max $max:literal))*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as its owner writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            #[doc = concat!("Reads 1 to ", stringify!($max), " letters, digits or `-._~:|=+`.")]
            fn from_str(text: &str) -> Result<Self, IdError> {
                let fits = (1..=$max).contains(&text.len())
                    && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:|=+".contains(&byte));
                fits.then(|| Self(text.to_owned())).ok_or(IdError { kind: stringify!($name) })
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    )*};
}

cleeng_number! {
    /// Cleeng's customer (9–10 digits today).
    CustomerId
    /// Cleeng's order: the only source of an amount.
    OrderId
    /// Cleeng's record of a stored token (9 digits today).
    PaymentDetailsId
    /// Cleeng's record of a payment.
    PaymentId
    /// Cleeng's payment method: settings map it to a gateway.
    PaymentMethodId
    /// Cleeng's subscription (9–10 digits today).
    SubscriptionId
}

text! {
    /// A gateway's short name, lower case, as in its route and its settings (`stripe`).
    GatewayName(max 32)
    /// The gateway's own id of a payment, a capture or a refund (`pi_…`, a pspReference): Cleeng's externalPaymentId.
    GatewayReference(max 128)
    /// The account at the gateway that a payment method settles into.
    MerchantAccount(max 128)
    /// Cleeng's offer (`S916977979_NL`); its first letter tells a subscription from a pass, an event or a rental.
    OfferId(max 64)
}

impl OfferId {
    /// What is bought with it, by its first letter.
    pub fn kind(&self) -> OfferKind {
        match self.0.as_bytes().first() {
            Some(b'S') => OfferKind::Subscription,
            Some(b'P') => OfferKind::Pass,
            _ => OfferKind::Other,
        }
    }

    /// Whether buying this offer starts a subscription.
    pub fn is_subscription(&self) -> bool {
        self.kind() == OfferKind::Subscription
    }
}

/// What an offer sells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfferKind {
    /// Access that renews (`S`).
    Subscription,
    /// Access for a time, once (`P`).
    Pass,
    /// An event, a rental, a single title (`E`, `R`, `A`).
    Other,
}

/// A text that is not an id of its kind. It does not repeat the text, which may be anything a stranger typed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind}")]
pub struct IdError {
    /// The id type that was wanted.
    pub kind: &'static str,
}

/// Far above Cleeng's ten digits, and exact in every JSON reader.
const NUMBER_MAX: u64 = 999_999_999_999_999;

fn number(text: &str) -> Option<u64> {
    let digits = (1..=15).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().filter(|number| *number > 0)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(u64),
    Text(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleengs_ids_are_read_as_integer_and_as_string() {
        let id: SubscriptionId = "332332332".parse().unwrap();
        assert_eq!(serde_json_like("332332332"), Ok(id));
        for wrong in ["", "0", "-1", "+1", " 1", "1.0", "1e3", "12345678901234567", "abc"] {
            assert!(wrong.parse::<SubscriptionId>().is_err(), "{wrong}");
        }
    }

    fn serde_json_like(text: &str) -> Result<SubscriptionId, IdError> {
        NumberOrText::Text(text.to_owned()).try_into()
    }

    #[test]
    fn a_text_id_cannot_leave_its_place_in_a_path_or_query() {
        for wrong in ["", "a b", "a/b", "a'b", "a\"b", "a?b", "a#b", "a\nb", "é"] {
            assert!(wrong.parse::<GatewayReference>().is_err(), "{wrong:?}");
        }
        assert!("pi_3PxyZ|abc".parse::<GatewayReference>().is_ok());
    }
}
