//! One deal in full: the three ledgers' lines side by side, its time-line, and what a person may try with it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use ledger::{Attempt, LedgerError, Mapping, Stage, Subject};
use payment::{Answer, Reference, Verb};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::{Value, json};
use wire::Clock;

use super::books::{self, Books, Deal, Taken};
use super::snapshot::Snapshots;
use super::timeline::{self, Event};
use crate::overheard::{Party, Said};
use crate::served::Shared;
use crate::simulators::cleeng::{CleengPayment, PaymentState};

/// Everything about one deal. Tokens are left out.
#[derive(Serialize)]
pub(super) struct Whole {
    key: String,
    now: Timestamp,
    customer: u64,
    gateway: String,
    cleeng: Value,
    ours: Vec<Value>,
    lines: Vec<Line>,
    /// What the comparison of all three ledgers found about it.
    differences: Vec<String>,
    timeline: Vec<Event>,
    card: Option<Value>,
    tries: Vec<&'static str>,
}

/// One movement of money, as each ledger has it.
#[derive(Serialize)]
struct Line {
    at: Timestamp,
    what: String,
    ours: Option<Ours>,
    cleeng: Option<AtCleeng>,
    gateway: Option<AtGateway>,
    /// Whether what Cleeng believes to have is not what the gateway keeps.
    differs: bool,
}

#[derive(Serialize)]
struct Ours {
    attempt: String,
    standing: &'static str,
    amount: Option<String>,
    why: Option<String>,
}

#[derive(Serialize)]
struct AtCleeng {
    id: u64,
    standing: &'static str,
    amount: Decimal,
    returned: Decimal,
    currency: String,
    why: Option<String>,
}

#[derive(Serialize)]
struct AtGateway {
    id: String,
    standing: &'static str,
    amount: Decimal,
    returned: Decimal,
    currency: String,
}

/// Reads one deal; `None` where there is none.
pub(super) async fn read(served: &Shared, deal: Deal) -> Result<Option<Whole>, LedgerError> {
    let system = &served.started.system;
    let books = books::read(system);
    let items = items(served, &books, deal).await?;
    let subscription = match deal {
        Deal::Subscription(id) => books.subscriptions.get(&id),
        Deal::Order(_) => None,
    };
    let Some(customer) =
        subscription.map(|row| row.customer).or_else(|| items.first().map(|it| it.customer.number()))
    else {
        return Ok(None);
    };
    let payments = books.payments.get(&deal).map(Vec::as_slice).unwrap_or_default();
    let taken = books.at_gateways.get(&deal).map(Vec::as_slice).unwrap_or_default();
    let keys = timeline::keys(deal, Some(customer), &books.orders(deal), payments, taken);
    let said = system.overheard.about(&keys);
    let lines = lines(&items, payments, taken, &said);
    let details = system.peers.cleeng.payment_details();
    let stored = subscription.and_then(|row| details.iter().find(|it| Some(it.id) == row.details));
    let params = stored.and_then(|it| it.params.as_deref());
    let cleeng = match (subscription, deal) {
        (Some(row), _) => json!(row),
        (None, Deal::Order(id)) => json!(system.peers.cleeng.orders().into_iter().find(|it| it.id == id)),
        (None, Deal::Subscription(_)) => Value::Null,
    };
    Ok(Some(Whole {
        key: deal.to_string(),
        now: system.clock.now(),
        customer,
        gateway: items.first().map_or_else(String::new, |item| item.gateway.to_string()),
        cleeng: without_tokens(cleeng),
        ours: items.iter().map(shown).collect(),
        differences: Snapshots::soon(served).await?.differences_of(deal),
        lines,
        timeline: timeline::merge(&items, payments, taken, said),
        card: params.and_then(|text| serde_json::from_str(text).ok()).map(without_tokens),
        tries: super::tries::allowed(subscription, payments, taken),
    }))
}

/// Our items of it: its own, the order that began it, its payments' and its customer's.
async fn items(served: &Shared, books: &Books, deal: Deal) -> Result<Vec<Mapping>, LedgerError> {
    let ledger = &served.started.system.ledger;
    let order = match deal {
        Deal::Subscription(id) => books.subscriptions.get(&id).and_then(|row| row.order),
        Deal::Order(_) => None,
    };
    let mut subjects: Vec<_> = deal.subject().into_iter().collect();
    subjects.extend(order.and_then(|id| Deal::Order(id).subject()));
    let returned = |row: &&CleengPayment| !row.refunded.is_zero() || row.status == PaymentState::Captured;
    let payments = books.payments.get(&deal).into_iter().flatten().filter(returned);
    subjects.extend(payments.filter_map(|row| row.id.to_string().parse().ok().map(Subject::Payment)));
    let mut items = Vec::new();
    for subject in subjects {
        items.extend(ledger.mapping(subject).await?);
    }
    if let Some(customer) = items.first().map(|item| item.customer) {
        items.extend(ledger.mapping(Subject::Customer(customer)).await?);
    }
    Ok(items)
}

/// An item as JSON, without its time-line (which is merged with the others') and without tokens.
fn shown(item: &Mapping) -> Value {
    let mut body = serde_json::to_value(item).unwrap_or_default();
    if let Some(members) = body.as_object_mut() {
        members.remove("history");
        members.insert("due".to_owned(), json!(item.due));
        members.insert("version".to_owned(), json!(item.version));
    }
    without_tokens(body)
}

/// A token charges a card: not even this page shows it, wherever it stands.
pub(super) fn without_tokens(mut value: Value) -> Value {
    strip(&mut value);
    value
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("token");
            members.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

fn lines(items: &[Mapping], payments: &[CleengPayment], taken: &[Taken], said: &[Said]) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut seen = BTreeSet::new();
    let attempts: Vec<_> = items.iter().flat_map(|item| &item.attempts).filter(|it| begins(it)).collect();
    for it in taken {
        let row = payments.iter().find(|row| row.external.as_deref() == Some(&it.payment.id));
        let identity = it.payment.reference.as_deref().and_then(Reference::identity);
        let ours = attempts.iter().find(|attempt| {
            attempt.reference.as_ref().is_some_and(|id| id.as_str() == it.payment.id)
                || Some(&attempt.intention.identity) == identity.as_ref()
        });
        seen.extend(row.map(|row| row.id));
        seen.extend(ours.and_then(|attempt| attempt.payment).map(|id| id.number()));
        let name = identity.map_or_else(|| "payment".to_owned(), |it| it.base().to_string());
        let ours = ours.map(|attempt| of_attempt(items, attempt)).or_else(|| of_history(items, said, &name));
        lines.push(Line {
            at: it.payment.created,
            what: named(&name),
            ours,
            differs: row.map_or(Decimal::ZERO, CleengPayment::held) != it.kept(),
            cleeng: row.map(of_cleeng),
            gateway: Some(AtGateway {
                id: it.payment.id.clone(),
                standing: it.standing(),
                amount: it.asked,
                returned: it.returned,
                currency: it.payment.asked.currency.to_string(),
            }),
        });
    }
    for row in payments.iter().filter(|row| !seen.contains(&row.id)) {
        let ours = attempts.iter().find(|attempt| attempt.payment.is_some_and(|id| id.number() == row.id));
        let what = ours.map_or_else(|| row.operation.clone(), |it| named(it.intention.identity.as_str()));
        lines.push(Line {
            at: row.created,
            what,
            ours: ours.map(|attempt| of_attempt(items, attempt)),
            differs: !row.held().is_zero(),
            cleeng: Some(of_cleeng(row)),
            gateway: None,
        });
    }
    let open = attempts.iter().filter(|it| it.payment.is_none() && it.reference.is_none());
    lines.extend(open.map(|attempt| Line {
        at: attempt.intention.began,
        what: named(attempt.intention.identity.as_str()),
        ours: Some(of_attempt(items, attempt)),
        cleeng: None,
        gateway: None,
        differs: false,
    }));
    lines.sort_by_key(|line| std::cmp::Reverse(line.at));
    lines
}

/// Whether it asks for money of its own, and is not the capture, void or return of another's.
fn begins(attempt: &Attempt) -> bool {
    let verb = attempt.intention.verb;
    matches!(verb, Verb::Purchase | Verb::Verify | Verb::Authorise | Verb::Charge)
}

/// `renewal/332332332/20270204T090000Z/1` in a person's words.
fn named(identity: &str) -> String {
    let parts: Vec<_> = identity.split('/').collect();
    match parts.as_slice() {
        ["order", _, n] => format!("Purchase, try {n}"),
        ["renewal", _, period, n] => {
            let day = match (period.get(0..4), period.get(4..6), period.get(6..8)) {
                (Some(year), Some(month), Some(day)) => format!("{year}-{month}-{day}"),
                _ => (*period).to_owned(),
            };
            format!("Renewal of {day}, try {n}")
        }
        ["details", _, n] => format!("Card check {n}"),
        _ => identity.to_owned(),
    }
}

/// An attempt as its newest step left it: what was held and then captured is captured.
fn of_attempt(items: &[Mapping], attempt: &Attempt) -> Ours {
    let base = &attempt.intention.identity;
    let steps =
        items.iter().flat_map(|item| &item.attempts).filter(|it| it.intention.identity.base() == *base);
    let (mut standing, why) = standing(attempt);
    for step in steps.filter(|step| matches!(step.stage, Stage::Reported(Answer::Approved(_)))) {
        match step.intention.verb {
            Verb::Capture => standing = "captured",
            Verb::Cancel => standing = "let go",
            Verb::Refund => standing = "returned",
            _ => {}
        }
    }
    let amount = Some(attempt.price.to_string());
    Ours { attempt: base.to_string(), standing, amount, why }
}

fn standing(attempt: &Attempt) -> (&'static str, Option<String>) {
    match &attempt.stage {
        Stage::Intended => ("being asked", None),
        Stage::AwaitingBuyer { .. } => ("waits for the buyer", None),
        Stage::Unknown { why, .. } => ("unknown", Some(why.clone())),
        Stage::Answered(Answer::Approved(_)) => ("approved, Cleeng not told yet", None),
        Stage::Answered(Answer::Declined(it)) => ("refused, Cleeng not told yet", Some(it.rejected_reason())),
        Stage::Reported(Answer::Approved(it)) if it.captured => ("captured", None),
        Stage::Reported(Answer::Approved(_)) => ("approved", None),
        Stage::Reported(Answer::Declined(it)) => ("refused", Some(it.rejected_reason())),
        Stage::Withdrawn { why } => ("never happened", Some(why.clone())),
        Stage::Parked { why, .. } => ("parked: a person must look", Some(why.clone())),
    }
}

/// An attempt that made room on its item for later ones left lines of history, there or with whoever listened.
fn of_history(items: &[Mapping], said: &[Said], identity: &str) -> Option<Ours> {
    let kept = items.iter().flat_map(|item| &item.history).map(|line| line.what.as_str());
    let heard = said.iter().filter(|it| it.to == Party::Ledger).map(|it| it.what.as_str());
    let told: Vec<_> = heard.chain(kept).filter(|line| line.starts_with(identity)).collect();
    let standings = [
        ("let go (", "let go"),
        ("captured (", "captured"),
        ("declined", "refused"),
        ("withdrawn", "never happened"),
        ("held (", "approved"),
    ];
    let found = standings.into_iter().find(|(word, _)| told.iter().any(|line| line.contains(word)));
    told.last().map(|_| Ours {
        attempt: identity.to_owned(),
        standing: found.map_or("done", |(_, standing)| standing),
        amount: None,
        why: Some("made room for later ones".to_owned()),
    })
}

fn of_cleeng(row: &CleengPayment) -> AtCleeng {
    AtCleeng {
        id: row.id,
        standing: row.status.as_str(),
        amount: row.price.amount,
        returned: row.refunded,
        currency: row.price.currency.to_string(),
        why: row.rejected_reason.clone().or_else(|| row.refunded_reason.clone()),
    }
}
