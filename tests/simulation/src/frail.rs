//! A ledger and a queue that fail before or after they act, take their time, and show things twice or late.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use ledger::{
    Attempt, DueItem, DuePage, Kept, KeptEvent, Ledger, LedgerError, ManagedBy, Mapping, MemoryLedger, Stage,
    Standing, Subject, Written,
};
use queue::{Job, LocalQueue, Queue, QueueError};

use crate::chance::{Chance, Kind};
use crate::story;

/// A call takes between one and this many milliseconds.
const LATENCY_MS_MAX: u64 = 12;
/// SQS delays by at most fifteen minutes.
const LATE_SECONDS_MAX: u64 = 900;

/// The ledger of a life.
pub(crate) struct FrailLedger {
    kept: Arc<MemoryLedger>,
    chance: Chance,
    /// What the timer must look at, so that a life need not tick every minute of a month.
    due: Mutex<BTreeMap<String, Due>>,
}

#[derive(Clone, Copy)]
struct Due {
    at: Timestamp,
    /// Whether it is a date of our own calendar: nothing is unfinished before it.
    is_date: bool,
}

/// Whether all that an item waits for is a date of our own calendar.
pub(crate) fn waits_for_its_date(item: &Mapping) -> bool {
    let over = |attempt: &Attempt| attempt.is_finished() || matches!(attempt.stage, Stage::Parked { .. });
    item.managed_by == ManagedBy::Connector
        && matches!(item.subject, Subject::Subscription(_))
        && item.standing == Standing::Active
        && item.due == item.wake
        && item.attempts.iter().all(over)
}

impl FrailLedger {
    /// Frail hands around a sound ledger.
    pub(crate) fn new(kept: Arc<MemoryLedger>, chance: Chance) -> Self {
        Self { kept, chance, due: Mutex::default() }
    }

    /// When the timer will next find something.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.dues().values().map(|due| due.at).min()
    }

    /// When the timer must look at something that is not at rest until then.
    pub(crate) fn next_unrest(&self, now: Timestamp) -> Option<Timestamp> {
        self.dues().values().filter(|due| !due.is_date || due.at <= now).map(|due| due.at).min()
    }

    fn dues(&self) -> MutexGuard<'_, BTreeMap<String, Due>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_due(&self, key: String, due: Option<Due>) {
        let mut all = self.dues();
        match due {
            Some(due) => all.insert(key, due),
            None => all.remove(&key),
        };
    }

    async fn write_soundly(&self, mapping: &Mapping) -> Result<Written, LedgerError> {
        let written = self.kept.write(mapping).await;
        if let Ok(Written::Done(now)) = &written {
            let due = now.due.map(|at| Due { at, is_date: waits_for_its_date(now) });
            self.note_due(now.subject.to_string(), due);
        }
        story::tell(|| match &written {
            Ok(Written::Done(now)) => {
                let line = now.history.last().map_or("", |line| &line.what);
                format!("   wrote {} v{} due {:?}: {line}", now.subject, now.version, now.due)
            }
            Ok(Written::Lost(_)) => {
                format!("   lost the write of {} on v{}", mapping.subject, mapping.version)
            }
            Err(error) => format!("   could not write {}: {error}", mapping.subject),
        });
        written
    }

    /// Fails before `call` acts, after it, or not at all.
    async fn frailly<T>(
        &self,
        place: &str,
        call: impl Future<Output = Result<T, LedgerError>> + Send,
    ) -> Result<T, LedgerError> {
        let unavailable = || Err(LedgerError::Unavailable("simulated".to_owned()));
        self.takes_time(place).await;
        let struck =
            self.chance.strikes(place, &[Kind::LedgerBefore, Kind::LedgerAfter]).map(|(kind, _)| kind);
        if struck == Some(Kind::LedgerBefore) {
            return unavailable();
        }
        let done = call.await;
        self.takes_time(place).await;
        if struck.is_some() { unavailable() } else { done }
    }

    async fn takes_time(&self, place: &str) {
        tokio::time::sleep(Duration::from_millis(1 + self.chance.below(place, LATENCY_MS_MAX))).await;
    }
}

#[async_trait]
impl Ledger for FrailLedger {
    async fn mapping(&self, subject: Subject) -> Result<Option<Mapping>, LedgerError> {
        self.frailly("ledger read", self.kept.mapping(subject)).await
    }

    async fn write(&self, mapping: &Mapping) -> Result<Written, LedgerError> {
        // DynamoDB's client repeats what got no answer; the fence tells one's own write.
        match self.frailly("ledger write", self.write_soundly(mapping)).await {
            Err(LedgerError::Unavailable(_)) if self.chance.below("ledger repeats", 2) == 0 => {
                self.frailly("ledger write", self.write_soundly(mapping)).await
            }
            written => written,
        }
    }

    async fn keep_event(&self, event: &KeptEvent) -> Result<Kept, LedgerError> {
        self.frailly("ledger event", self.kept.keep_event(event)).await
    }

    async fn event(&self, digest: &str) -> Result<Option<KeptEvent>, LedgerError> {
        self.frailly("ledger event read", self.kept.event(digest)).await
    }

    async fn mark_event(&self, digest: &str, due: Option<Timestamp>) -> Result<(), LedgerError> {
        let call = async {
            self.note_due(format!("event#{digest}"), due.map(|at| Due { at, is_date: false }));
            self.kept.mark_event(digest, due).await
        };
        self.frailly("ledger event mark", call).await
    }

    async fn due(
        &self,
        shard: u8,
        until: Timestamp,
        limit: u32,
        after: Option<&DueItem>,
    ) -> Result<DuePage, LedgerError> {
        self.frailly("ledger due", self.kept.due(shard, until, limit, after)).await
    }

    async fn page(&self, limit: u32, after: Option<Subject>) -> Result<Vec<Mapping>, LedgerError> {
        self.frailly("ledger page", self.kept.page(limit, after)).await
    }
}

/// The queue of a life, as seen by those who send.
pub(crate) struct FrailQueue {
    kept: Arc<LocalQueue>,
    chance: Chance,
    /// Whether a later version has been deployed, some of whose instances write members that this one does not know.
    later: AtomicBool,
}

impl FrailQueue {
    /// Frail hands around a sound queue.
    pub(crate) fn new(kept: Arc<LocalQueue>, chance: Chance) -> Self {
        Self { kept, chance, later: AtomicBool::new(false) }
    }

    /// From now on two versions write.
    pub(crate) fn deploy(&self) {
        self.later.store(true, Ordering::Relaxed);
    }

    fn written(&self, body: &str) -> String {
        let later = self.later.load(Ordering::Relaxed) && self.chance.below("version", 2) == 0;
        match body.strip_suffix('}').filter(|_| later) {
            Some(members) => format!(r#"{members},"of_a_later_version":{{"n":1}}}}"#),
            None => body.to_owned(),
        }
    }
}

#[async_trait]
impl Queue for FrailQueue {
    async fn send(&self, job: Job, body: &str, delay: Duration) -> Result<(), QueueError> {
        const KINDS: [Kind; 4] = [Kind::QueueBefore, Kind::QueueAfter, Kind::QueueTwice, Kind::QueueLate];
        let place = format!("queue {job}");
        tokio::time::sleep(Duration::from_millis(1 + self.chance.below(&place, LATENCY_MS_MAX))).await;
        let struck = self.chance.strikes(&place, &KINDS);
        let failed = || QueueError { job: job.as_str(), why: "simulated".to_owned() };
        let late = match struck {
            Some((Kind::QueueBefore, _)) => return Err(failed()),
            Some((Kind::QueueLate, how)) => Duration::from_secs(how % LATE_SECONDS_MAX),
            _ => delay,
        };
        let body = &self.written(body);
        self.kept.send(job, body, late).await?;
        if let Some((Kind::QueueTwice, how)) = struck {
            self.kept.send(job, body, Duration::from_secs(how % 20)).await?;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        if matches!(struck, Some((Kind::QueueAfter, _))) { Err(failed()) } else { Ok(()) }
    }
}
