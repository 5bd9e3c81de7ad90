//! What the console knows at a glance, made anew when something was said since, and never more often than it can be made.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use ledger::{LedgerError, Mapping};
use queue::Job;
use rust_decimal::Decimal;
use serde::Serialize;
use tokio::sync::Mutex;
use wire::Clock;

use super::books::{self, Books, Deal};
use super::outcomes::{self, Day};
use super::rows::{self, Counts, Row};
use crate::ledgers::{Comparison, all_mappings, compare_with};
use crate::overheard::Said;
use crate::served::{Served, Shared};
use crate::system::System;

/// Rows and sums as of one moment.
pub(super) struct Snapshot {
    revision: u64,
    taken: Timestamp,
    made: Instant,
    cost: Duration,
    pub(super) rows: Vec<Row>,
    comparison: Comparison,
    recorded: BTreeMap<String, Decimal>,
    counts: Counts,
    outcomes: Vec<Day>,
    due: Vec<Due>,
    due_count: usize,
    differences: Vec<Differing>,
    differing: HashMap<Deal, Vec<String>>,
}

/// An item that the timer looks at.
#[derive(Clone, Debug, Serialize)]
struct Due {
    what: String,
    at: Timestamp,
    deal: Option<String>,
}

/// A row that the ledgers do not agree on, and the deal to open for it.
#[derive(Clone, Debug, Serialize)]
struct Differing {
    about: String,
    what: String,
    deal: Option<String>,
}

/// The newest snapshot.
#[derive(Default)]
pub(crate) struct Snapshots {
    current: StdMutex<Option<Arc<Snapshot>>>,
    making: Mutex<()>,
}

/// Shown at most; the list itself has them all behind its filters.
const SHOWN_MAX: usize = 50;
/// Between two snapshots at least so long, and three times what the last one cost.
const REST: Duration = Duration::from_millis(300);
/// Time alone changes things too: access ends, holds lapse.
const STALE: SignedDuration = SignedDuration::from_mins(10);

impl Snapshots {
    /// The newest without a wait: one that is no longer good is made anew behind it.
    pub(super) async fn soon(served: &Shared) -> Result<Arc<Snapshot>, LedgerError> {
        let snapshots = &served.snapshots;
        let Some(newest) = snapshots.newest() else { return snapshots.fresh(&served.started.system).await };
        if !newest.is_good(&served.started.system) && snapshots.making.try_lock().is_ok() {
            let served = served.clone();
            tokio::spawn(async move {
                if let Err(error) = served.snapshots.fresh(&served.started.system).await {
                    tracing::warn!("The console's front cannot be read: {error}");
                }
            });
        }
        Ok(newest)
    }

    /// The newest, made anew where something happened since.
    pub(super) async fn fresh(&self, system: &System) -> Result<Arc<Snapshot>, LedgerError> {
        let _one_at_a_time = self.making.lock().await;
        if let Some(snapshot) = self.newest().filter(|it| it.is_current(system)) {
            return Ok(snapshot);
        }
        let made = Arc::new(make(system).await?);
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(made.clone());
        Ok(made)
    }

    /// So that a test sees what happened less than a rest ago.
    #[cfg(test)]
    pub(super) fn forget(&self) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn newest(&self) -> Option<Arc<Snapshot>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Snapshot {
    /// What the ledgers do not agree on about one deal.
    pub(super) fn differences_of(&self, deal: Deal) -> Vec<String> {
        self.differing.get(&deal).cloned().unwrap_or_default()
    }

    /// When something happens next, at Cleeng, in a queue, or because the timer looks at an item.
    pub(super) fn next(&self, system: &System) -> Option<Timestamp> {
        let now = system.clock.now();
        let due = self.due.iter().map(|it| it.at).find(|at| *at > now);
        [system.next_due(), due].into_iter().flatten().filter(|at| *at > now).min()
    }

    fn is_current(&self, system: &System) -> bool {
        self.revision == system.overheard.changes() && system.clock.now() < self.taken + STALE
    }

    /// For a page that is told of the next one by itself.
    fn is_good(&self, system: &System) -> bool {
        self.is_current(system) || self.made.elapsed() < REST.max(self.cost * 3)
    }
}

async fn make(system: &System) -> Result<Snapshot, LedgerError> {
    let (made, revision, taken) = (Instant::now(), system.overheard.changes(), system.clock.now());
    let books = books::read(system);
    let items = all_mappings(system).await?;
    let comparison = compare_with(system, &items);
    let deals = deals_by_name(&books, &items);
    let mut differing: HashMap<Deal, Vec<String>> = HashMap::new();
    for difference in &comparison.differences {
        if let Some(deal) = deals.get(&difference.about) {
            let told = format!("{}: {}", difference.about, difference.what);
            differing.entry(*deal).or_default().push(told);
        }
    }
    let rows = rows::rows(&books, &items, &differing);
    let mut due: Vec<_> = items.iter().filter_map(|item| due_item(&books, item)).collect();
    due.sort_by_key(|it| it.at);
    let due_count = due.len();
    due.truncate(SHOWN_MAX);
    let shown = comparison.differences.iter().take(SHOWN_MAX);
    let differences = shown
        .map(|it| Differing {
            about: it.about.clone(),
            what: it.what.clone(),
            deal: deals.get(&it.about).map(Deal::to_string),
        })
        .collect();
    let (counts, outcomes, recorded) = (Counts::of(&rows), outcomes::days(&books), recorded(&books));
    let cost = made.elapsed();
    Ok(Snapshot {
        revision,
        taken,
        made,
        cost,
        rows,
        comparison,
        recorded,
        counts,
        outcomes,
        due,
        due_count,
        differences,
        differing,
    })
}

/// What Cleeng believes to have, by currency.
fn recorded(books: &Books) -> BTreeMap<String, Decimal> {
    let mut sums: BTreeMap<String, Decimal> = BTreeMap::new();
    for row in books.payments.values().flatten() {
        *sums.entry(row.price.currency.to_string()).or_default() += row.held();
    }
    sums
}

fn due_item(books: &Books, item: &Mapping) -> Option<Due> {
    let deal = books.of_item(item).map(|deal| deal.to_string());
    Some(Due { what: item.subject.to_string(), at: item.due?, deal })
}

/// Every name under which the comparison may speak of a deal's rows.
fn deals_by_name(books: &Books, items: &[Mapping]) -> HashMap<String, Deal> {
    let mut names = HashMap::new();
    for (deal, payments) in &books.payments {
        names.extend(payments.iter().map(|it| (format!("Cleeng payment {}", it.id), *deal)));
    }
    for (deal, taken) in &books.at_gateways {
        names.extend(taken.iter().map(|it| (format!("{} {}", it.gateway, it.payment.id), *deal)));
    }
    for item in items {
        let Some(deal) = books.of_item(item) else { continue };
        names.insert(item.subject.to_string(), deal);
        names.extend(item.attempts.iter().map(|it| (it.intention.identity.to_string(), deal)));
    }
    names
}

/// Everything that the console's front shows.
#[derive(Serialize)]
pub(super) struct Overview {
    now: Timestamp,
    /// Where the clock is being sent.
    goal: Option<Timestamp>,
    /// When something happens next.
    next: Option<Timestamp>,
    /// Whether something is under way, so that the ledgers may differ for a moment.
    busy: bool,
    /// Buyers who are still to come.
    buyers: u32,
    crash_armed: bool,
    /// The gateways that are real, not simulated.
    real_gateways: Vec<&'static str>,
    revision: u64,
    counts: Counts,
    /// What Cleeng believes to have, and what the gateways keep, by currency.
    recorded: BTreeMap<String, Decimal>,
    money: BTreeMap<String, Decimal>,
    captured: usize,
    declined: usize,
    refunded: usize,
    held: usize,
    parked: usize,
    difference_count: usize,
    differences: Vec<Differing>,
    queues: Vec<QueueNow>,
    due_count: usize,
    due: Vec<Due>,
    outcomes: Vec<Day>,
    said: Vec<Said>,
}

#[derive(Serialize)]
struct QueueNow {
    job: &'static str,
    waiting: usize,
    in_flight: usize,
    dead: usize,
    dead_letters: Vec<Dead>,
}

/// A dead letter without its body, which may hold a token.
#[derive(Serialize)]
struct Dead {
    id: u64,
    died: Timestamp,
    why: String,
}

/// Lines of the ticker.
const SAID_MAX: usize = 40;

/// Puts the front together.
pub(super) fn overview(served: &Served, snapshot: &Snapshot) -> Overview {
    let system = &served.started.system;
    let queues: Vec<_> = Job::ALL.into_iter().map(|job| queue(system, job)).collect();
    let (goal, buyers) = (served.goal(), served.buyers.load(Ordering::SeqCst));
    let next = snapshot.next(system);
    let comparison = &snapshot.comparison;
    Overview {
        now: system.clock.now(),
        goal,
        next,
        busy: goal.is_some() || buyers > 0 || queues.iter().any(|it| it.waiting + it.in_flight > 0),
        buyers,
        crash_armed: served.crash.is_armed(),
        real_gateways: served.started.real_gateways.clone(),
        revision: snapshot.revision,
        counts: snapshot.counts.clone(),
        recorded: snapshot.recorded.clone(),
        money: comparison.money.clone(),
        captured: comparison.captured,
        declined: comparison.declined,
        refunded: comparison.refunded,
        held: comparison.held,
        parked: comparison.parked,
        difference_count: comparison.differences.len(),
        differences: snapshot.differences.clone(),
        queues,
        due_count: snapshot.due_count,
        due: snapshot.due.clone(),
        outcomes: snapshot.outcomes.clone(),
        said: system.overheard.newest(SAID_MAX),
    }
}

fn queue(system: &System, job: Job) -> QueueNow {
    let depth = system.queue.depth(job);
    let dead = system.queue.dead_letters(job).into_iter().rev().take(SHOWN_MAX);
    QueueNow {
        job: job.as_str(),
        waiting: depth.visible + depth.delayed,
        in_flight: depth.in_flight,
        dead: depth.dead,
        dead_letters: dead.map(|it| Dead { id: it.id, died: it.died, why: it.why }).collect(),
    }
}
