//! The three ledgers, read once and laid side by side: which order, payment and gateway payment belongs to which deal.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use ledger::{Mapping, Subject};
use payment::Reference;
use rust_decimal::Decimal;

use crate::simulators::GatewayPayment;
use crate::simulators::cleeng::{CleengPayment, CleengSubscription};
use crate::system::System;

/// What a person looks at as one thing: a subscription with the order that began it, or an order that became none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Deal {
    Order(u64),
    Subscription(u64),
}

impl fmt::Display for Deal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(id) => write!(f, "order/{id}"),
            Self::Subscription(id) => write!(f, "subscription/{id}"),
        }
    }
}

impl Deal {
    pub(super) fn read(kind: &str, id: u64) -> Option<Self> {
        match kind {
            "order" => Some(Self::Order(id)),
            "subscription" => Some(Self::Subscription(id)),
            _ => None,
        }
    }

    /// Our item of it.
    pub(super) fn subject(self) -> Option<Subject> {
        match self {
            Self::Order(id) => id.to_string().parse().ok().map(Subject::Order),
            Self::Subscription(id) => id.to_string().parse().ok().map(Subject::Subscription),
        }
    }
}

/// What Cleeng and the gateways have, by deal.
pub(super) struct Books {
    pub(super) subscriptions: HashMap<u64, CleengSubscription>,
    pub(super) payments: HashMap<Deal, Vec<CleengPayment>>,
    pub(super) at_gateways: HashMap<Deal, Vec<Taken>>,
    deal_of_order: HashMap<u64, Deal>,
}

/// A gateway's payment, in major units too.
pub(super) struct Taken {
    pub(super) gateway: &'static str,
    pub(super) payment: GatewayPayment,
    pub(super) asked: Decimal,
    pub(super) captured: Decimal,
    pub(super) returned: Decimal,
}

impl Taken {
    /// What the gateway still has for us.
    pub(super) fn kept(&self) -> Decimal {
        self.captured - self.returned
    }

    /// One word for where it stands.
    pub(super) fn standing(&self) -> &'static str {
        match &self.payment {
            it if it.disputed_minor > 0 => "disputed",
            it if it.captured_minor > 0 && it.refunded_minor >= it.captured_minor => "refunded",
            it if it.refunded_minor > 0 => "partly refunded",
            it if it.captured_minor > 0 => "captured",
            it if it.held_minor > 0 => "held",
            it if it.declined => "refused",
            _ => "open",
        }
    }
}

/// Reads what Cleeng and the gateways have.
pub(super) fn read(system: &System) -> Books {
    let cleeng = &system.peers.cleeng;
    let all = cleeng.payments();
    let subscriptions: HashMap<_, _> = cleeng.subscriptions().into_iter().map(|row| (row.id, row)).collect();
    let of_subscription = |order: Option<u64>, id| order.map(|order| (order, Deal::Subscription(id)));
    let renewals = all.iter().filter_map(|row| of_subscription(row.order, row.subscription?));
    let firsts = subscriptions.values().filter_map(|row| of_subscription(row.order, row.id));
    let mut books = Books {
        deal_of_order: renewals.chain(firsts).collect(),
        subscriptions,
        payments: HashMap::new(),
        at_gateways: HashMap::new(),
    };
    let mut by_external = HashMap::new();
    for payment in all {
        let deal = match (payment.subscription, payment.order) {
            (Some(id), _) => Deal::Subscription(id),
            (None, Some(order)) => books.of_order(order),
            (None, None) => continue,
        };
        by_external.extend(payment.external.clone().map(|external| (external, deal)));
        books.payments.entry(deal).or_default().push(payment);
    }
    for name in ["stripe", "adyen"] {
        let Some(gateway) = system.peers.gateway(name) else { continue };
        for payment in gateway.payments() {
            let deal = by_external.get(&payment.id).copied().or_else(|| books.of_reference(&payment));
            if let Some((deal, taken)) = deal.zip(taken(system, name, payment)) {
                books.at_gateways.entry(deal).or_default().push(taken);
            }
        }
    }
    books
}

impl Books {
    /// The deal that an order belongs to.
    pub(super) fn of_order(&self, order: u64) -> Deal {
        self.deal_of_order.get(&order).copied().unwrap_or(Deal::Order(order))
    }

    /// The orders of a deal.
    pub(super) fn orders(&self, deal: Deal) -> BTreeSet<u64> {
        let own = match deal {
            Deal::Order(id) => Some(id),
            Deal::Subscription(id) => self.subscriptions.get(&id).and_then(|row| row.order),
        };
        let paid = self.payments.get(&deal).into_iter().flatten().filter_map(|row| row.order);
        own.into_iter().chain(paid).collect()
    }

    fn of_reference(&self, payment: &GatewayPayment) -> Option<Deal> {
        match Subject::of(&Reference::identity(payment.reference.as_deref()?)?)? {
            Subject::Order(id) => Some(self.of_order(id.number())),
            Subject::Subscription(id) => Some(Deal::Subscription(id.number())),
            Subject::Customer(_) | Subject::Payment(_) => None,
        }
    }

    /// The deal that an item of ours is of; an order that became a subscription is part of it.
    pub(super) fn of_item(&self, item: &Mapping) -> Option<Deal> {
        match item.subject {
            Subject::Order(id) => Some(
                item.became.map_or_else(|| self.of_order(id.number()), |id| Deal::Subscription(id.number())),
            ),
            Subject::Subscription(id) => Some(Deal::Subscription(id.number())),
            Subject::Customer(_) | Subject::Payment(_) => None,
        }
    }
}

fn taken(system: &System, gateway: &'static str, payment: GatewayPayment) -> Option<Taken> {
    let units = system.gateways.get(&gateway.parse().ok()?)?.minor_units(payment.asked.currency)?;
    let price = |minor| payment::Money { minor, ..payment.asked }.to_price(units).amount;
    Some(Taken {
        gateway,
        asked: price(payment.asked.minor),
        captured: price(payment.captured_minor),
        returned: price(payment.refunded_minor.saturating_add(payment.disputed_minor)),
        payment,
    })
}
