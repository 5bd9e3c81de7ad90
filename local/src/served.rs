//! A system that people watch: where its clock is being sent, whether its workers are to be killed, and what its pages know.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use wire::Clock;

use crate::disk::{Hour, Started};
use crate::pages::Snapshots;

/// What the routes hold.
pub(crate) type Shared = Arc<Served>;

/// A system, and what its pages make of it.
pub(crate) struct Served {
    pub(crate) started: Arc<Started>,
    pub(crate) crash: Crash,
    pub(crate) snapshots: Snapshots,
    /// Buyers who are still to come.
    pub(crate) buyers: AtomicU32,
    goal: Mutex<Option<Timestamp>>,
}

/// How far the clock goes before the pages see it again.
const STRIDE: SignedDuration = SignedDuration::from_hours(6);

impl Served {
    pub(crate) fn new(started: Arc<Started>) -> Self {
        let (crash, snapshots) = (Crash::default(), Snapshots::default());
        let buyers = AtomicU32::new(0);
        Self { started, crash, snapshots, buyers, goal: Mutex::new(None) }
    }

    /// Sends the clock to this hour; `None` stops it where it is.
    pub(crate) fn send_clock(&self, goal: Option<Timestamp>) {
        *self.goal.lock().unwrap_or_else(PoisonError::into_inner) = goal;
    }

    /// Where the clock is on its way to.
    pub(crate) fn goal(&self) -> Option<Timestamp> {
        let mut goal = self.goal.lock().unwrap_or_else(PoisonError::into_inner);
        if goal.is_some_and(|goal| goal <= self.started.system.clock.now()) {
            *goal = None;
        }
        *goal
    }

    /// The next place on that way where the pages are shown the hour.
    pub(crate) fn next_stop(&self) -> Option<Timestamp> {
        let stride = self.started.system.clock.now().checked_add(STRIDE).unwrap_or(Timestamp::MAX);
        self.goal().map(|goal| goal.min(stride))
    }

    /// So that a restart goes on from the same hour.
    pub(crate) fn keep_hour(&self) {
        let ahead = i64::try_from(self.started.system.clock.ahead().as_millis()).unwrap_or(i64::MAX);
        if let Err(error) = self.started.keep_hour(Hour::Running(ahead)) {
            tracing::warn!("The hour cannot be kept: {error}");
        }
    }
}

/// Kills every worker at the worst moment: the gateway has acted, and nobody has written down its answer.
pub(crate) struct Crash {
    armed: AtomicBool,
    count: watch::Sender<u32>,
}

impl Default for Crash {
    fn default() -> Self {
        Self { armed: AtomicBool::new(false), count: watch::Sender::new(0) }
    }
}

impl Crash {
    /// The next request that a gateway acts on is the last thing that the workers do.
    pub(crate) fn arm(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_armed(&self) -> bool {
        self.armed.load(Ordering::SeqCst)
    }

    /// Kills, if it is armed; whether it did.
    pub(crate) fn happens(&self) -> bool {
        let armed = self.armed.swap(false, Ordering::SeqCst);
        if armed {
            self.count.send_modify(|count| *count += 1);
        }
        armed
    }

    /// Does this work, unless it is killed on the way.
    pub(crate) async fn unless<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut killed = self.count.subscribe();
        tokio::select! {
            done = work => Some(done),
            _ = killed.changed() => None,
        }
    }
}
