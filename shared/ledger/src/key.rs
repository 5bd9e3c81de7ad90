//! The names of items.

use std::fmt;
use std::str::FromStr;

use payment::{CustomerId, IdError, Identity, OrderId, PaymentId, SubscriptionId};
use serde::{Deserialize, Serialize};

/// What money moves on: each has one item, and everything that moves its money serialises there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Subject {
    /// A customer's own card verifications (`customer#…`).
    Customer(CustomerId),
    /// A purchase, until its subscription is known (`order#…`).
    Order(OrderId),
    /// A payment that is being refunded (`payment#…`).
    Payment(PaymentId),
    /// A subscription (`subscription#…`).
    Subscription(SubscriptionId),
}

impl Subject {
    /// Whose item holds the attempt of this identity.
    pub fn of(identity: &Identity) -> Option<Self> {
        let mut parts = identity.as_str().split('/');
        let (kind, id) = (parts.next()?, parts.next()?);
        match kind {
            "order" => id.parse().ok().map(Self::Order),
            "renewal" => id.parse().ok().map(Self::Subscription),
            "details" => id.parse().ok().map(Self::Customer),
            "refund" | "payment" => id.parse().ok().map(Self::Payment),
            _ => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Customer(id) => write!(f, "customer#{id}"),
            Self::Order(id) => write!(f, "order#{id}"),
            Self::Payment(id) => write!(f, "payment#{id}"),
            Self::Subscription(id) => write!(f, "subscription#{id}"),
        }
    }
}

impl FromStr for Subject {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        match text.split_once('#') {
            Some(("customer", id)) => id.parse().map(Self::Customer),
            Some(("order", id)) => id.parse().map(Self::Order),
            Some(("payment", id)) => id.parse().map(Self::Payment),
            Some(("subscription", id)) => id.parse().map(Self::Subscription),
            _ => Err(IdError { kind: "subject" }),
        }
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.to_string()
    }
}

impl TryFrom<String> for Subject {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

/// Any item's key, as the due index lists it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemKey {
    /// A webhook that was kept but not queued.
    Event(String),
    /// Something that money moves on.
    Subject(Subject),
}

impl fmt::Display for ItemKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(digest) => write!(f, "event#{digest}"),
            Self::Subject(subject) => subject.fmt(f),
        }
    }
}

impl FromStr for ItemKey {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        match text.split_once('#') {
            Some(("event", digest)) => Ok(Self::Event(digest.to_owned())),
            _ => text.parse().map(Self::Subject),
        }
    }
}
