//! One deal's time-line: what was said, what we wrote down, and what the other two ledgers recorded, merged by time.

use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;
use ledger::Mapping;
use serde::Serialize;

use super::books::{Deal, Taken};
use crate::overheard::{Party, Said};
use crate::simulators::cleeng::CleengPayment;

/// One line.
#[derive(Serialize)]
pub(super) struct Event {
    at: Timestamp,
    #[serde(flatten)]
    what: What,
    #[serde(skip)]
    order: (Timestamp, u8),
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum What {
    /// Somebody asked, somebody answered.
    Said(Said),
    /// A line of our own item's history.
    Wrote { item: String, text: String },
    /// What a ledger that is not ours has, where nobody heard how it came there.
    Record { lane: &'static str, text: String },
}

/// The names under which a deal is spoken of.
pub(super) fn keys(
    deal: Deal,
    customer: Option<u64>,
    orders: &BTreeSet<u64>,
    payments: &[CleengPayment],
    taken: &[Taken],
) -> BTreeSet<String> {
    let mut keys: BTreeSet<_> = orders.iter().map(|id| format!("order/{id}")).collect();
    keys.insert(deal.to_string());
    keys.extend(customer.map(|id| format!("customer/{id}")));
    keys.extend(payments.iter().map(|row| format!("payment/{}", row.id)));
    keys.extend(taken.iter().map(|it| format!("at/{}", it.payment.id)));
    keys
}

/// Oldest first.
pub(super) fn merge(
    items: &[Mapping],
    payments: &[CleengPayment],
    taken: &[Taken],
    said: Vec<Said>,
) -> Vec<Event> {
    let heard: HashSet<_> = said.iter().flat_map(|said| said.about.iter().cloned()).collect();
    let written: HashSet<_> = said.iter().map(|said| (said.came.clone(), said.what.clone())).collect();
    let mut events: Vec<Event> = Vec::new();
    for item in items {
        let subject = item.subject.to_string();
        let unheard =
            item.history.iter().filter(|line| !written.contains(&(subject.clone(), line.what.clone())));
        events.extend(unheard.map(|line| wrote(&subject, line)));
    }
    events.extend(said.into_iter().map(heard_event));
    let unheard = |row: &&CleengPayment| !heard.contains(&format!("payment/{}", row.id));
    events.extend(payments.iter().filter(unheard).flat_map(of_cleeng));
    let unheard = |taken: &&Taken| !heard.contains(&format!("at/{}", taken.payment.id));
    events.extend(taken.iter().filter(unheard).map(of_gateway));
    events.sort_by_key(|event| event.order);
    events
}

fn event(at: Timestamp, what: What) -> Event {
    Event { at, what, order: (at, 1) }
}

fn heard_event(said: Said) -> Event {
    let what = match said.to {
        Party::Ledger => What::Wrote { item: said.came, text: said.what },
        _ => return event(said.at, What::Said(said)),
    };
    event(said.at, what)
}

/// History is kept by the second: an intention is written before its call goes out, everything else after the answer.
fn wrote(subject: &str, line: &ledger::Line) -> Event {
    let order = if line.what.contains("intended") { (line.at, 0) } else { (end_of_second(line.at), 2) };
    let what = What::Wrote { item: subject.to_owned(), text: line.what.clone() };
    Event { at: line.at, what, order }
}

fn end_of_second(at: Timestamp) -> Timestamp {
    at.checked_add(jiff::SignedDuration::from_millis(999)).unwrap_or(at)
}

fn of_cleeng(row: &CleengPayment) -> Vec<Event> {
    let record = |at, text| event(at, What::Record { lane: "cleeng", text });
    let made = format!("payment {} of {} recorded as {}", row.id, row.price, row.status.as_str());
    let captured = row.captured.filter(|at| *at != row.created);
    let captured = captured.map(|at| record(at, format!("payment {} recorded as captured", row.id)));
    [record(row.created, made)].into_iter().chain(captured).collect()
}

fn of_gateway(taken: &Taken) -> Event {
    let money = taken.payment.asked.currency;
    let text = format!("{} of {} {money} is {}", taken.payment.id, taken.asked, taken.standing());
    event(taken.payment.created, What::Record { lane: "gateway", text })
}
