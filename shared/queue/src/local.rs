//! A queue in the process with the manners of SQS: delays, visibility time-outs, receive counts, dead letters.

use std::fmt;
use std::io;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wire::Clock;

use crate::journal::{Journal, Messages};
use crate::{Job, Queue, QueueError, body};

/// The queues of all jobs, in one process. Deterministic: the same calls at the same hours give the same answers, the
/// oldest visible message first.
pub struct LocalQueue {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    rules: Rules,
}

/// What the template sets for each queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How long a received message stays unseen by others; after that it returns.
    pub visibility: Duration,
    /// How often a message is handed out before it becomes a dead letter.
    pub receives_max: u32,
}

impl LocalQueue {
    /// Queues that are forgotten when they are dropped.
    pub fn new(clock: Arc<dyn Clock>, rules: Rules) -> Self {
        let state = State { messages: Messages::default(), journal: None };
        Self { state: Mutex::new(state), clock, rules }
    }

    /// Queues that a directory keeps: what was sent before a stop, or a kill at any moment, is found again.
    /// One process at a time.
    pub fn open(directory: &Path, clock: Arc<dyn Clock>, rules: Rules) -> io::Result<Self> {
        let (journal, messages) = Journal::open(directory)?;
        Ok(Self { state: Mutex::new(State { messages, journal: Some(journal) }), clock, rules })
    }

    /// How it hands out.
    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// Queues one message, as [`Queue::send`] does, and answers its id.
    pub fn put(&self, job: Job, message: &str, delay: Duration) -> Result<u64, QueueError> {
        let refused = |why| QueueError::new(job, why);
        body::check(message).map_err(refused)?;
        body::delay_seconds(delay).map_err(refused)?;
        let sent = self.clock.now();
        let mut state = self.state();
        let id = state.messages.next_id();
        let message = Message {
            id,
            job,
            body: message.to_owned(),
            sent,
            visible: later(sent, delay),
            receives: 0,
            complaint: None,
            died: None,
        };
        state.keep(message).map_err(|error| QueueError::new(job, error))?;
        Ok(id)
    }

    /// Takes up to `max` visible messages. Each is then unseen for the visibility time-out; one that was handed out
    /// often enough becomes a dead letter instead.
    pub fn receive(&self, job: Job, max: usize) -> Vec<Received> {
        let now = self.clock.now();
        let mut state = self.state();
        let mut taken = Vec::new();
        for id in state.visible(job, now) {
            if taken.len() == max {
                break;
            }
            let Some(mut message) = state.messages.get(id).cloned() else { continue };
            if message.receives >= self.rules.receives_max {
                let why = message.complaint.take().unwrap_or_else(|| "it was never done".to_owned());
                let why = format!("handed out {} times: {why}", message.receives);
                message.died = Some(Death { at: now, why });
                // Receipts from before its death are void; from now on it is handed out to whoever looks.
                message.receives += 1;
                message.visible = now;
            } else {
                message.receives += 1;
                message.visible = later(now, self.rules.visibility);
                taken.push(message.received());
            }
            state.keep_or_tell(message);
        }
        taken
    }

    /// Takes up to `max` visible dead letters, each unseen for the visibility time-out: they are deleted, or made visible
    /// again, by their receipts as any message is.
    pub fn receive_dead(&self, job: Job, max: usize) -> Vec<Received> {
        let now = self.clock.now();
        let mut state = self.state();
        let mut taken = Vec::new();
        let dead: Vec<_> =
            state.of(job).filter(|it| it.died.is_some() && it.visible <= now).cloned().collect();
        for mut message in dead.into_iter().take(max) {
            message.receives += 1;
            message.visible = later(now, self.rules.visibility);
            taken.push(message.received());
            state.keep_or_tell(message);
        }
        taken
    }

    /// Deletes a message that is done. Nothing happens, and the answer is `false`, if it was handed out again since.
    pub fn delete(&self, job: Job, receipt: Receipt) -> bool {
        let mut state = self.state();
        let found = state.held(job, receipt).is_some();
        if found {
            state.remove_or_tell(receipt.id);
        }
        found
    }

    /// Makes a received message visible after this time from now, whatever its time-out was; `false` as for [`Self::delete`].
    pub fn change_visibility(&self, job: Job, receipt: Receipt, after: Duration) -> bool {
        let visible = later(self.clock.now(), after);
        self.change(job, receipt, |message| message.visible = visible)
    }

    /// Notes why a received message was not done, for whoever finds it among the dead letters.
    pub fn complain(&self, job: Job, receipt: Receipt, why: &str) -> bool {
        self.change(job, receipt, |message| message.complaint = Some(why.to_owned()))
    }

    /// How many messages a job's queue holds.
    pub fn depth(&self, job: Job) -> Depth {
        let now = self.clock.now();
        let state = self.state();
        let mut depth = Depth::default();
        for message in state.of(job) {
            let place = match message {
                Message { died: Some(_), .. } => &mut depth.dead,
                message if message.visible <= now => &mut depth.visible,
                Message { receives: 0, .. } => &mut depth.delayed,
                _ => &mut depth.in_flight,
            };
            *place += 1;
        }
        depth
    }

    /// When the oldest message that still waits to be done was sent.
    pub fn oldest(&self, job: Job) -> Option<Timestamp> {
        self.state().of(job).filter(|message| message.died.is_none()).map(|message| message.sent).min()
    }

    /// The next moment at which there will be something to receive; in the past if there already is.
    pub fn next_visible(&self, job: Job) -> Option<Timestamp> {
        self.state().of(job).filter(|message| message.died.is_none()).map(|message| message.visible).min()
    }

    /// The messages that were handed out too often, oldest first.
    pub fn dead_letters(&self, job: Job) -> Vec<DeadLetter> {
        self.state().of(job).filter_map(Message::dead_letter).collect()
    }

    /// Sends all dead letters of a job to its queue again, their receives uncounted; answers how many.
    pub fn replay(&self, job: Job) -> usize {
        let now = self.clock.now();
        let mut state = self.state();
        let dead: Vec<_> = state.of(job).filter(|message| message.died.is_some()).cloned().collect();
        for message in &dead {
            state.keep_or_tell(Message { died: None, receives: 0, visible: now, ..message.clone() });
        }
        dead.len()
    }

    fn change(&self, job: Job, receipt: Receipt, change: impl FnOnce(&mut Message)) -> bool {
        let mut state = self.state();
        let Some(mut message) = state.held(job, receipt).cloned() else { return false };
        change(&mut message);
        state.keep_or_tell(message);
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No method can panic between two changes, so what a poisoned lock guards is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Queue for LocalQueue {
    async fn send(&self, job: Job, message: &str, delay: Duration) -> Result<(), QueueError> {
        self.put(job, message, delay).map(|_| ())
    }
}

/// A message in the hands of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// By which it is deleted; another one each time it is handed out.
    pub receipt: Receipt,
    /// What was sent.
    pub body: String,
    /// When it was sent.
    pub sent: Timestamp,
    /// How often it was handed out, this time included.
    pub receives: u32,
}

impl Received {
    /// Its id, the same each time it is handed out.
    pub fn message_id(&self) -> String {
        self.receipt.id.to_string()
    }
}

/// Shows that one holds a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Receipt {
    id: u64,
    receives: u32,
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.id, self.receives)
    }
}

impl FromStr for Receipt {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (id, receives) = text.split_once('-').unwrap_or((text, ""));
        Ok(Self { id: id.parse()?, receives: receives.parse()? })
    }
}

/// How many messages a queue holds, by where they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Depth {
    /// Ready to be received.
    pub visible: usize,
    /// Sent with a delay that has not passed.
    pub delayed: usize,
    /// Received and neither done nor returned.
    pub in_flight: usize,
    /// Dead letters.
    pub dead: usize,
}

/// A message that was handed out too often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// Its id.
    pub id: u64,
    /// What was sent.
    pub body: String,
    /// When it was sent.
    pub sent: Timestamp,
    /// When it became a dead letter.
    pub died: Timestamp,
    /// How often it was handed out, and the last complaint.
    pub why: String,
}

/// A message as the journal keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) id: u64,
    job: Job,
    body: String,
    sent: Timestamp,
    visible: Timestamp,
    receives: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    complaint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    died: Option<Death>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Death {
    at: Timestamp,
    why: String,
}

impl Message {
    fn received(&self) -> Received {
        let receipt = Receipt { id: self.id, receives: self.receives };
        Received { receipt, body: self.body.clone(), sent: self.sent, receives: self.receives }
    }

    fn dead_letter(&self) -> Option<DeadLetter> {
        let Death { at, why } = self.died.clone()?;
        Some(DeadLetter { id: self.id, body: self.body.clone(), sent: self.sent, died: at, why })
    }
}

struct State {
    messages: Messages,
    journal: Option<Journal>,
}

impl State {
    fn of(&self, job: Job) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter(move |message| message.job == job)
    }

    /// The ids of what can be received, the longest visible first.
    fn visible(&self, job: Job, now: Timestamp) -> Vec<u64> {
        let alive = self.of(job).filter(|message| message.died.is_none() && message.visible <= now);
        let mut order: Vec<_> = alive.map(|message| (message.visible, message.id)).collect();
        order.sort_unstable();
        order.into_iter().map(|(_, id)| id).collect()
    }

    fn held(&self, job: Job, receipt: Receipt) -> Option<&Message> {
        let held = |message: &&Message| message.job == job && message.receives == receipt.receives;
        self.messages.get(receipt.id).filter(held)
    }

    /// Keeps a new state of a message: first in the journal, so that what was promised is there.
    fn keep(&mut self, message: Message) -> io::Result<()> {
        if let Some(journal) = &mut self.journal {
            journal.keep(&message)?;
        }
        self.messages.insert(message);
        self.compact_or_tell();
        Ok(())
    }

    /// The same where a lost line only means that a message is seen again, as any message may be.
    fn keep_or_tell(&mut self, message: Message) {
        if let Some(Err(error)) = self.journal.as_mut().map(|journal| journal.keep(&message)) {
            tracing::warn!(%error, "The local queue's journal cannot be written: a message may be seen again after a restart");
        }
        self.messages.insert(message);
        self.compact_or_tell();
    }

    fn remove_or_tell(&mut self, id: u64) {
        if let Some(Err(error)) = self.journal.as_mut().map(|journal| journal.remove(id)) {
            tracing::warn!(%error, "The local queue's journal cannot be written: a message may be seen again after a restart");
        }
        self.messages.remove(id);
        self.compact_or_tell();
    }

    fn compact_or_tell(&mut self) {
        let Some(journal) = &mut self.journal else { return };
        if let Err(error) = journal.compact_if_long(&self.messages) {
            tracing::warn!(%error, "The local queue's journal cannot be shortened");
        }
    }
}

fn later(now: Timestamp, by: Duration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}
