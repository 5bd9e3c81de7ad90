//! Finds what is due and queues it: unfinished attempts, answers that Cleeng has not heard, purchases without a
//! subscription, events that were kept but not queued; and once a day all living subscriptions. It moves nothing itself.

mod daily;

use std::sync::Arc;
use std::time::Duration;

use entrypoint::{Message, Outside, What};
use futures::future::join_all;
use jiff::Timestamp;
use ledger::{DUE_SHARDS, DueItem, ItemKey, Ledger, Subject};
use payment::Failure;
use queue::{Job, Queue};
use settings::{SettingError, Settings};
use wire::{Clock, Deadline};

pub use daily::next_comparison;

/// What this job may use: the due index, kept events and the queues.
pub struct Schedule {
    ledger: Arc<dyn Ledger>,
    queue: Arc<dyn Queue>,
    clock: Arc<dyn Clock>,
}

impl Schedule {
    /// Works on this outside; there is nothing to set.
    pub fn from_settings(_: &Settings, outside: &Outside) -> Result<Self, SettingError> {
        Ok(Self {
            ledger: outside.ledger.clone(),
            queue: outside.queue.clone(),
            clock: outside.clock.clone(),
        })
    }
}

/// What one round found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Items queued.
    pub queued: u32,
    /// Items that could not be queued; they stay due.
    pub failed: u32,
    /// How long the oldest item has been due.
    pub oldest_seconds: u64,
    /// Whether there may be more than one round takes.
    pub more: bool,
    /// Subscriptions handed out for the day's comparison.
    pub reviewed: usize,
}

/// Items per page of the index.
const PAGE: u32 = 100;
/// Pages per shard and round: what is beyond waits for the next tick, so that a round is bounded.
const PAGES_MAX: usize = 10;
/// A page is begun only with this much time left.
const PAGE_TIME: Duration = Duration::from_secs(5);

/// One round over all shards, side by side. Items stay due until the work on them says otherwise, so a round that is
/// cut short, or whose messages are lost, loses nothing.
pub async fn sweep(schedule: &Schedule, deadline: Deadline) -> Result<Swept, Failure> {
    let until = schedule.clock.now();
    let shards = (0..DUE_SHARDS).map(|shard| sweep_shard(schedule, shard, until, deadline));
    let mut whole = Swept::default();
    let mut broken = None;
    for swept in join_all(shards).await {
        match swept {
            Ok(swept) => {
                whole.queued += swept.queued;
                whole.failed += swept.failed;
                whole.more |= swept.more;
                whole.oldest_seconds = whole.oldest_seconds.max(swept.oldest_seconds);
            }
            Err(failure) => broken = Some(failure),
        }
    }
    match daily::hand_out(schedule, until, deadline).await {
        Ok(reviewed) => whole.reviewed = reviewed,
        Err(failure) => broken = Some(failure),
    }
    tracing::info!(target: "metric", name = "DueOldestSeconds", value = whole.oldest_seconds);
    tracing::info!(queued = whole.queued, failed = whole.failed, more = whole.more, "Swept the due index");
    broken.map_or(Ok(whole), Err)
}

async fn sweep_shard(
    schedule: &Schedule,
    shard: u8,
    until: Timestamp,
    deadline: Deadline,
) -> Result<Swept, Failure> {
    let mut swept = Swept::default();
    let mut after: Option<DueItem> = None;
    for _ in 0..PAGES_MAX {
        if !deadline.allows(PAGE_TIME) {
            swept.more = true;
            break;
        }
        let page = schedule.ledger.due(shard, until, PAGE, after.as_ref()).await?;
        // What is owed at once is marked with the beginning of time: its age is not known, and is not long.
        let since = page.items.iter().map(|item| item.due).filter(|due| *due > Timestamp::UNIX_EPOCH).min();
        let age = since.map_or(0, |since| until.duration_since(since).as_secs());
        swept.oldest_seconds = swept.oldest_seconds.max(u64::try_from(age).unwrap_or_default());
        let all = page.items.iter().map(|item| queue_item(schedule, item, until));
        for done in join_all(all).await {
            match done {
                Ok(()) => swept.queued += 1,
                Err(failure) => {
                    tracing::warn!("A due item could not be queued and stays due: {}", failure.chain());
                    swept.failed += 1;
                }
            }
        }
        swept.more = page.more;
        after = page.items.into_iter().next_back();
        if !page.more || after.is_none() {
            break;
        }
    }
    Ok(swept)
}

async fn queue_item(schedule: &Schedule, item: &DueItem, now: Timestamp) -> Result<(), Failure> {
    match &item.key {
        ItemKey::Subject(subject) => {
            let text = Message::new(now, What::Due(*subject))
                .to_text()
                .map_err(|error| Failure::alarm("a due message cannot be written").because(error))?;
            Ok(schedule.queue.send(job_of(*subject), &text, Duration::ZERO).await?)
        }
        ItemKey::Event(digest) => {
            let Some(event) = schedule.ledger.event(digest).await? else { return Ok(()) };
            if let Some(job) = event.job.as_deref().and_then(|name| name.parse::<Job>().ok()) {
                schedule.queue.send(job, &event.message, Duration::ZERO).await?;
            }
            Ok(schedule.ledger.mark_event(digest, None).await?)
        }
    }
}

/// Renewals know how to go on from a finished attempt to its capture; everything else is settled where it stands.
fn job_of(subject: Subject) -> Job {
    match subject {
        Subject::Subscription(_) => Job::RecurringCapture,
        Subject::Customer(_) | Subject::Order(_) | Subject::Payment(_) => Job::Settlement,
    }
}
