//! What the gateway has told us of a payment, merged so that any order and any repetition of the same news ends in the same place.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{GatewayReference, Money};

/// Kinds of news about one payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactKind {
    /// Held.
    Authorised,
    /// Taken.
    Captured,
    /// A capture that had looked well failed later.
    CaptureFailed,
    /// Refused.
    Declined,
    /// Let go before it was captured.
    Cancelled,
    /// The hold lapsed.
    Expired,
    /// Returned, whole or in part.
    Refunded,
    /// A refund that had looked well failed later; the money is still ours.
    RefundFailed,
    /// The bank took the money back (chargeback).
    Disputed,
    /// The chargeback was reversed; the money came back.
    DisputeReversed,
}

/// One piece of news.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fact {
    /// The gateway's own time.
    pub at: Timestamp,
    /// The amount it speaks of.
    pub money: Money,
}

/// All news of one payment: a set that only grows, keyed by kind and the gateway's id of the thing (payment, refund, dispute).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(FactKind, GatewayReference, Fact)>", into = "Vec<(FactKind, GatewayReference, Fact)>")]
pub struct Facts(BTreeMap<(FactKind, GatewayReference), Fact>);

impl Facts {
    /// Adds one piece of news; whether anything changed. Of two accounts of the same thing the later one stays.
    pub fn learn(&mut self, kind: FactKind, thing: GatewayReference, fact: Fact) -> bool {
        match self.0.entry((kind, thing)) {
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(fact);
                true
            }
            std::collections::btree_map::Entry::Occupied(mut place) => {
                let newer = fact > *place.get();
                if newer {
                    place.insert(fact);
                }
                newer
            }
        }
    }

    /// Adds all news of another set.
    pub fn merge(&mut self, other: &Self) {
        for ((kind, thing), fact) in &other.0 {
            self.learn(*kind, thing.clone(), fact.clone());
        }
    }

    /// Whether there is news of this kind.
    pub fn has(&self, kind: FactKind) -> bool {
        self.of(kind).next().is_some()
    }

    /// All news of one kind, by the gateway's id of the thing.
    pub fn of(&self, kind: FactKind) -> impl Iterator<Item = (&GatewayReference, &Fact)> {
        self.0.iter().filter(move |((of, _), _)| *of == kind).map(|((_, thing), fact)| (thing, fact))
    }

    /// Whether the money is ours by all that is known: captured, and not failed after the latest capture.
    pub fn holds_money(&self) -> bool {
        let latest = |kind| self.of(kind).map(|(_, fact)| fact.at).max();
        match (latest(FactKind::Captured), latest(FactKind::CaptureFailed)) {
            (Some(captured), Some(failed)) => captured > failed,
            (captured, _) => captured.is_some(),
        }
    }

    /// What went back and stayed away: refunds that did not fail later, and what banks took back and did not return.
    pub fn returned(&self) -> impl Iterator<Item = (FactKind, &GatewayReference, &Fact)> {
        use FactKind::{DisputeReversed, Disputed, RefundFailed, Refunded};
        [(Refunded, RefundFailed), (Disputed, DisputeReversed)].into_iter().flat_map(move |(gone, back)| {
            let stayed = move |(thing, _): &(&GatewayReference, &Fact)| {
                !self.0.contains_key(&(back, (*thing).clone()))
            };
            self.of(gone).filter(stayed).map(move |(thing, fact)| (gone, thing, fact))
        })
    }

    /// Minor units that went back so far.
    pub fn returned_minor(&self) -> i64 {
        self.returned().map(|(_, _, fact)| fact.money.minor).fold(0, i64::saturating_add)
    }

    /// No news yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<(FactKind, GatewayReference, Fact)>> for Facts {
    fn from(rows: Vec<(FactKind, GatewayReference, Fact)>) -> Self {
        let mut facts = Self::default();
        for (kind, thing, fact) in rows {
            facts.learn(kind, thing, fact);
        }
        facts
    }
}

impl From<Facts> for Vec<(FactKind, GatewayReference, Fact)> {
    fn from(facts: Facts) -> Self {
        facts.0.into_iter().map(|((kind, thing), fact)| (kind, thing, fact)).collect()
    }
}
