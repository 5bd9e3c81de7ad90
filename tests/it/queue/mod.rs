//! The queues: what both keep, what the local one does like SQS, what a kill cannot take, and SQS's own protocol.

mod contract;
mod durable;
mod manners;
mod protocol;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use queue::{LocalQueue, Receipt, Rules};
use wire::Clock;

const RULES: Rules = Rules { visibility: Duration::from_secs(30), receives_max: 3 };

/// A clock that moves only when it is told to.
#[derive(Clone)]
struct HandClock(Arc<Mutex<Timestamp>>);

impl HandClock {
    fn new() -> Self {
        Self(Arc::new(Mutex::new("2026-11-21T09:00:00Z".parse().unwrap())))
    }

    fn pass(&self, seconds: u64) {
        *self.0.lock().unwrap() += Duration::from_secs(seconds);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// Empty queues in memory, with the clock that they go by.
fn fresh() -> (Arc<LocalQueue>, HandClock) {
    let clock = HandClock::new();
    (Arc::new(LocalQueue::new(Arc::new(clock.clone()), RULES)), clock)
}

/// Takes all visible messages, as bodies with receipts.
fn take(queue: &LocalQueue, job: queue::Job) -> Vec<(String, Receipt)> {
    queue.receive(job, 10).into_iter().map(|message| (message.body, message.receipt)).collect()
}

/// The bodies of all visible messages, which are then in flight.
fn bodies(queue: &LocalQueue, job: queue::Job) -> Vec<String> {
    take(queue, job).into_iter().map(|(body, _)| body).collect()
}
