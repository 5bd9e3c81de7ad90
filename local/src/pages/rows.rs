//! The list of the console: one short row for each deal, and which of them a person asked for.

use std::collections::HashMap;

use jiff::Timestamp;
use ledger::{Mapping, Stage};
use payment::Answer;
use rust_decimal::Decimal;
use serde::Serialize;

use super::books::{Books, Deal, Taken};
use crate::simulators::cleeng::{CleengPayment, PaymentState, SubscriptionState};

/// One deal, at a glance.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    pub(super) key: String,
    customer: u64,
    offer: String,
    gateway: String,
    /// Cleeng's word for a subscription, ours for an order.
    standing: &'static str,
    in_trial: bool,
    has_access: bool,
    /// The end of the paid period.
    ends: Option<Timestamp>,
    /// When the timer looks at it.
    due: Option<Timestamp>,
    kept: Decimal,
    currency: String,
    paid: usize,
    refused: usize,
    /// What a person should notice: `differs`, `parked`, `unknown`, `buyer`, `refused`, `barred`.
    marks: Vec<&'static str>,
    began: Timestamp,
    #[serde(skip)]
    ended: bool,
    #[serde(skip)]
    is_order: bool,
}

/// Which rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Which {
    #[default]
    All,
    Living,
    Ended,
    Orders,
    Attention,
    Due,
}

/// How many rows there are of each kind.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Counts {
    all: usize,
    living: usize,
    ended: usize,
    orders: usize,
    attention: usize,
    due: usize,
}

impl Row {
    pub(super) fn is(&self, which: Which) -> bool {
        match which {
            Which::All => true,
            Which::Living => !self.is_order && !self.ended,
            Which::Ended => !self.is_order && self.ended,
            Which::Orders => self.is_order,
            Which::Attention => !self.marks.is_empty(),
            Which::Due => self.due.is_some(),
        }
    }

    /// Whether a person who types this means it.
    pub(super) fn matches(&self, text: &str) -> bool {
        let customer = self.customer.to_string();
        [self.key.as_str(), &customer, &self.offer, &self.gateway, self.standing]
            .iter()
            .any(|member| member.to_lowercase().contains(text))
    }
}

impl Counts {
    pub(super) fn of(rows: &[Row]) -> Self {
        let count = |which| rows.iter().filter(|row| row.is(which)).count();
        Self {
            all: rows.len(),
            living: count(Which::Living),
            ended: count(Which::Ended),
            orders: count(Which::Orders),
            attention: count(Which::Attention),
            due: count(Which::Due),
        }
    }
}

/// All rows, the newest first. `differing` are the deals on which the ledgers do not agree.
pub(super) fn rows(books: &Books, items: &[Mapping], differing: &HashMap<Deal, Vec<String>>) -> Vec<Row> {
    let mut by_deal: HashMap<Deal, Vec<&Mapping>> = HashMap::new();
    for item in items {
        if let Some(deal) = books.of_item(item) {
            by_deal.entry(deal).or_default().push(item);
        }
    }
    for id in books.subscriptions.keys() {
        by_deal.entry(Deal::Subscription(*id)).or_default();
    }
    let mut rows: Vec<_> = by_deal
        .into_iter()
        .filter_map(|(deal, items)| row(books, deal, &items, differing.contains_key(&deal)))
        .collect();
    rows.sort_by(|a, b| b.began.cmp(&a.began).then_with(|| b.key.cmp(&a.key)));
    rows
}

fn row(books: &Books, deal: Deal, items: &[&Mapping], differs: bool) -> Option<Row> {
    let payments = books.payments.get(&deal).map(Vec::as_slice).unwrap_or_default();
    let taken = books.at_gateways.get(&deal).map(Vec::as_slice).unwrap_or_default();
    let subscription = match deal {
        Deal::Subscription(id) => books.subscriptions.get(&id),
        Deal::Order(_) => None,
    };
    // The subscription's own item speaks for it; before there is one, its order does.
    let own = items.iter().max_by_key(|item| matches!(item.subject, ledger::Subject::Subscription(_)));
    let mut marks = Vec::new();
    if differs {
        marks.push("differs");
    }
    marks.extend(items.iter().flat_map(|item| item.attempts.iter()).filter_map(|it| mark(&it.stage)));
    if own.is_some_and(|item| item.barred.is_some()) {
        marks.push("barred");
    }
    let last_refused = payments.last().is_some_and(|it| it.status == PaymentState::Rejected);
    if last_refused {
        marks.push("refused");
    }
    marks.dedup();
    let standing = match (subscription, own) {
        (Some(row), _) => row.status.as_str(),
        (None, Some(item)) => order_standing(item, payments),
        (None, None) => return None,
    };
    let offer = subscription
        .map(|row| row.offer.clone())
        .or_else(|| own.and_then(|item| item.offer.as_ref().map(ToString::to_string)));
    let first = items.iter().flat_map(|item| item.history.iter().map(|line| line.at)).min();
    let began = subscription.map(|row| row.began).or(first).unwrap_or(Timestamp::UNIX_EPOCH);
    Some(Row {
        key: deal.to_string(),
        customer: subscription.map(|row| row.customer).or_else(|| own.map(|it| it.customer.number()))?,
        offer: offer.unwrap_or_default(),
        gateway: own.map_or_else(String::new, |item| item.gateway.to_string()),
        standing,
        in_trial: subscription.is_some_and(|row| row.in_trial),
        has_access: subscription.is_some_and(|row| row.has_access),
        ends: subscription.map(|row| row.ends),
        due: items.iter().filter_map(|item| item.due).min(),
        kept: taken.iter().map(Taken::kept).sum(),
        currency: currency(taken, payments),
        paid: taken.iter().filter(|it| it.payment.captured_minor > 0).count(),
        refused: taken.iter().filter(|it| it.payment.declined).count(),
        marks,
        began,
        ended: subscription.is_some_and(|row| row.status == SubscriptionState::Terminated),
        is_order: matches!(deal, Deal::Order(_)),
    })
}

fn mark(stage: &Stage) -> Option<&'static str> {
    match stage {
        Stage::Parked { .. } => Some("parked"),
        Stage::Unknown { .. } => Some("unknown"),
        Stage::AwaitingBuyer { .. } => Some("buyer"),
        _ => None,
    }
}

fn order_standing(item: &Mapping, payments: &[CleengPayment]) -> &'static str {
    let answer = item.attempts.last().and_then(|attempt| attempt.answer());
    match (answer, payments.last().map(|it| it.status)) {
        (_, Some(PaymentState::Captured)) => "paid",
        (_, Some(PaymentState::Refunded)) => "returned",
        (Some(Answer::Declined(_)), _) => "refused",
        (Some(Answer::Approved(_)), _) => "paid",
        (None, _) => "open",
    }
}

fn currency(taken: &[Taken], payments: &[CleengPayment]) -> String {
    let at_gateway = taken.last().map(|it| it.payment.asked.currency.to_string());
    at_gateway.or_else(|| payments.last().map(|it| it.price.currency.to_string())).unwrap_or_default()
}
