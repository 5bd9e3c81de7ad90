//! Stripe's objects in our words: ids, money, cards, what stands and what was kept.

use jiff::Timestamp;
use payment::{Approval, Card, GatewayReference, Intention, Money, Token};

use crate::stripe::stored_card;
use crate::stripe::wire::{CardFacts, Charge, Linked, PaymentIntent, PaymentMethod, SetupIntent};

/// What is read from an intent that was approved.
pub(in crate::stripe) struct Approved<'a> {
    /// The intent's id.
    pub(in crate::stripe) reference: GatewayReference,
    /// As the answer says it, already compared with what was asked.
    pub(in crate::stripe) money: Money,
    /// Whether the money moved.
    pub(in crate::stripe) captured: bool,
    /// Stripe's customer and payment method, where the card was kept.
    pub(in crate::stripe) kept: Option<Token>,
    /// What is known of the card.
    pub(in crate::stripe) card: Option<&'a CardFacts>,
}

impl From<Approved<'_>> for Approval {
    fn from(approved: Approved<'_>) -> Self {
        let Approved { reference, money, captured, kept, card: facts } = approved;
        Self {
            reference,
            money,
            captured,
            token: kept,
            card: facts.and_then(card),
            // The deadline concerns only what is still held.
            capture_before: facts
                .filter(|_| !captured)
                .and_then(|facts| facts.capture_before)
                .and_then(|second| Timestamp::from_second(second).ok()),
        }
    }
}

impl PaymentIntent {
    /// What may be shown of the card that the last try used.
    pub(in crate::stripe) fn card(&self) -> Option<&CardFacts> {
        let charged = self.latest_charge.as_ref().and_then(Linked::whole).and_then(Charge::card);
        charged.or_else(|| self.payment_method.as_ref().and_then(Linked::whole)?.card.as_ref())
    }

    /// The token of the card that was kept.
    pub(in crate::stripe) fn kept(&self) -> Option<Token> {
        kept(self.customer.as_ref()?, self.payment_method.as_ref()?)
    }
}

impl SetupIntent {
    /// What may be shown of the card.
    pub(in crate::stripe) fn card(&self) -> Option<&CardFacts> {
        self.payment_method.as_ref().and_then(Linked::whole)?.card.as_ref()
    }

    /// The token of the card that was kept.
    pub(in crate::stripe) fn kept(&self) -> Option<Token> {
        kept(self.customer.as_ref()?, self.payment_method.as_ref()?)
    }
}

impl Charge {
    fn card(&self) -> Option<&CardFacts> {
        self.payment_method_details.as_ref()?.card.as_ref()
    }
}

fn kept(customer: &Linked<serde_json::Value>, payment_method: &Linked<PaymentMethod>) -> Option<Token> {
    let token = stored_card::token(customer.id(), payment_method.id());
    stored_card::StoredCard::read(&token).is_some().then_some(token)
}

/// What Cleeng's front ends may show. Needs the last four digits; a wallet without them shows nothing.
pub(in crate::stripe) fn card(facts: &CardFacts) -> Option<Card> {
    let last_four = facts
        .last4
        .clone()
        .filter(|digits| digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let expires = facts.exp_month.zip(facts.exp_year).filter(|(month, _)| (1..=12).contains(month));
    Some(Card { variant: variant(facts.brand.as_deref().unwrap_or_default()), last_four, expires })
}

/// Stripe's `brand` as Cleeng's front ends spell it; a brand they may not know keeps Stripe's word.
fn variant(brand: &str) -> String {
    match brand {
        "mastercard" => "mc",
        "cartes_bancaires" => "cartebancaire",
        "unionpay" => "cup",
        "amex" | "diners" | "discover" | "eftpos_au" | "jcb" | "visa" => brand,
        other if other.len() <= 32 && other.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') => {
            other
        }
        _ => "unknown",
    }
    .to_owned()
}

/// An id as Cleeng will know it; `None` where it is not fit to be one.
pub(in crate::stripe) fn reference(id: &str) -> Option<GatewayReference> {
    stored_card::is_id(id).then(|| id.parse().ok()).flatten()
}

/// An amount as Stripe says it; `None` where it says none.
pub(in crate::stripe) fn money(minor: Option<i64>, currency: Option<&str>) -> Option<Money> {
    let minor = minor.filter(|minor| *minor >= 0)?;
    Some(Money { minor, currency: currency?.parse().ok()? })
}

/// Whether an answer speaks of the very amount that was asked.
pub(super) fn is_asked(ask: &Intention, minor: Option<i64>, currency: Option<&str>) -> bool {
    money(minor, currency) == Some(ask.money)
}
