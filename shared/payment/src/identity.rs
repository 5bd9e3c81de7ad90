//! Who an attempt is: a pure function of the business, from which the gateway's key and our reference are derived.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{CustomerId, IdError, OrderId, PaymentId, SubscriptionId};

/// The identity of one business intention to move money, such as `renewal/332332332/20191107T195541Z/1/capture`.
///
/// Never made from time, chance or payload: two workers with the same intention make the same identity, and a new
/// one exists only after a definite refusal (a higher try) or for another step.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Identity(String);

impl Identity {
    /// Try `n` of paying an order with the buyer present, or of verifying a card for it at zero.
    pub fn purchase(order: OrderId, n: u32) -> Self {
        Self(format!("order/{order}/{n}"))
    }

    /// Try `n` of renewing a subscription for the period that follows `period_end` (whole seconds).
    pub fn renewal(subscription: SubscriptionId, period_end: Timestamp, n: u32) -> Self {
        Self(format!("renewal/{subscription}/{}/{n}", period_end.strftime("%Y%m%dT%H%M%SZ")))
    }

    /// Try `n` of verifying new payment details of a customer.
    pub fn details(customer: CustomerId, n: u32) -> Self {
        Self(format!("details/{customer}/{n}"))
    }

    /// A refund of a payment; `name` is what Cleeng or the gateway calls this refund.
    pub fn refund(payment: PaymentId, name: &str) -> Self {
        Self(format!("refund/{payment}/{}", bounded(name)))
    }

    /// A payment that Cleeng has and no attempt of ours made; only its steps are ever carried out.
    pub fn payment(payment: PaymentId) -> Self {
        Self(format!("payment/{payment}"))
    }

    /// A refund or void that we owe on our own account, because the charge of this attempt may not stand.
    pub fn undo(&self) -> Self {
        self.step("undo")
    }

    /// Whether this takes back another attempt.
    pub fn is_undo(&self) -> bool {
        self.0.ends_with("/undo")
    }

    /// The capture of what this attempt authorised.
    pub fn capture(&self) -> Self {
        self.step("capture")
    }

    /// The void of what this attempt authorised.
    pub fn cancel(&self) -> Self {
        self.step("cancel")
    }

    /// Whether this is a step of `other` (its capture, cancel or undo).
    pub fn is_step_of(&self, other: &Self) -> bool {
        self.0.strip_prefix(&other.0).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The attempt that this is a step of, or itself.
    pub fn base(&self) -> Self {
        let mut text = self.0.as_str();
        while let Some((shorter, step)) = text.rsplit_once('/')
            && STEPS.contains(&step)
        {
            text = shorter;
        }
        Self(text.to_owned())
    }

    /// The identity as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the gateway is given to recognise a repeated request: 64 characters, Adyen's limit and within Stripe's.
    pub fn key(&self) -> IdempotencyKey {
        IdempotencyKey(hex::encode(Sha256::digest(self.0.as_bytes())))
    }

    /// The same key for one further call that the same intention needs, such as making the gateway's customer.
    pub fn key_for(&self, call: &str) -> IdempotencyKey {
        IdempotencyKey(hex::encode(Sha256::digest(format!("{}#{call}", self.0).as_bytes())))
    }

    /// Our reference at the gateway: at most 80 characters (Adyen's limit), one for each identity.
    pub fn reference(&self) -> Reference {
        Reference(self.0.replace('/', "."))
    }

    fn step(&self, name: &str) -> Self {
        Self(format!("{}/{name}", self.0))
    }
}

impl FromStr for Identity {
    type Err = IdError;

    /// Reads an identity that was written before; its shape is bounded, its meaning is not checked again.
    fn from_str(text: &str) -> Result<Self, IdError> {
        let fits = (1..=TEXT_MAX).contains(&text.len())
            && text.contains('/')
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_/~".contains(&byte));
        fits.then(|| Self(text.to_owned())).ok_or(IdError { kind: "attempt identity" })
    }
}

impl TryFrom<String> for Identity {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<Identity> for String {
    fn from(identity: Identity) -> Self {
        identity.0
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A gateway's idempotency key: 64 hexadecimal digits, the SHA-256 of the identity, so that nobody can guess it
/// from an order's number (Adyen shares keys within a company account).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The header's value.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Our own reference of an attempt at the gateway, by which it is looked up when its answer was lost.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference(String);

impl Reference {
    /// The reference as the gateway keeps it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The identity that a gateway's reference came from, where it is one of ours.
    pub fn identity(text: &str) -> Option<Identity> {
        text.replace('.', "/").parse().ok()
    }
}

/// Adyen's bound on `reference`.
const TEXT_MAX: usize = 80;
/// What a refund's name may take of it beside `refund/`, fifteen digits and a step.
const NAME_MAX: usize = 48;

/// What an attempt may be followed by.
const STEPS: [&str; 3] = ["capture", "cancel", "undo"];

/// A name that fits stays readable; any other, and one that would look like a step, becomes a digest, marked so that no
/// readable name can equal it.
fn bounded(name: &str) -> String {
    let readable = (1..=NAME_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if readable && !STEPS.contains(&name) {
        name.to_owned()
    } else {
        let digest = hex::encode(Sha256::digest(name.as_bytes()));
        format!("~{}", digest.get(..40).unwrap_or(&digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renewal(n: u32) -> Identity {
        Identity::renewal("332332332".parse().unwrap(), "2019-11-07T20:55:41+01:00".parse().unwrap(), n)
    }

    #[test]
    fn the_same_instant_in_another_zone_is_the_same_renewal() {
        assert_eq!(renewal(1).capture().as_str(), "renewal/332332332/20191107T195541Z/1/capture");
        assert_ne!(renewal(1).key(), renewal(2).key());
        assert!(renewal(1).capture().is_step_of(&renewal(1)));
        assert!(!renewal(11).is_step_of(&renewal(1)));
        assert_eq!(renewal(1).capture().undo().base(), renewal(1));
    }

    #[test]
    fn a_reference_leads_back_to_its_identity() {
        let identity = renewal(3).cancel();
        assert_eq!(Reference::identity(identity.reference().as_str()), Some(identity));
        assert_eq!(Reference::identity("somebody else's order"), None);
    }

    #[test]
    fn no_refund_name_breaks_the_bound_or_meets_another() {
        let payment: PaymentId = "999999999999999".parse().unwrap();
        for name in ["re_3Pxyz", "", "a/b", "a.b", &"x".repeat(49), &"x".repeat(5000), "~aa"] {
            let identity = Identity::refund(payment, name);
            assert!(identity.reference().as_str().len() <= 80 && identity.key().as_str().len() == 64);
            assert_eq!(identity.as_str().parse::<Identity>().as_ref(), Ok(&identity), "{name}");
        }
        assert_ne!(Identity::refund(payment, "a/b"), Identity::refund(payment, "a.b"));
    }
}
