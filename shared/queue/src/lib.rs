//! Messages between jobs: to SQS in the cloud, to a queue in the process on a laptop.

mod body;
mod dead_letters;
pub mod event_source;
mod job;
mod journal;
mod local;
mod sqs;

use std::time::Duration;

use async_trait::async_trait;

pub use dead_letters::{DeadLetters, Letter, Waiting};
pub use job::{Job, JobError};
pub use local::{DeadLetter, Depth, LocalQueue, Receipt, Received, Rules};
pub use sqs::SqsQueue;

/// Where messages go. Whoever reads them is driven by the platform (an event source), so there is no receive here.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Queues one message for a job, to be seen after `delay` (at most 15 minutes). Success means durable.
    async fn send(&self, job: Job, body: &str, delay: Duration) -> Result<(), QueueError>;
}

/// The queue of a function that sends nothing.
#[derive(Clone, Copy, Debug)]
pub struct NoQueue;

#[async_trait]
impl Queue for NoQueue {
    async fn send(&self, job: Job, _: &str, _: Duration) -> Result<(), QueueError> {
        Err(QueueError::new(job, "this function sends nothing"))
    }
}

/// Why a message is not known to be queued. It may be queued all the same: a repetition is harmless, jobs are re-entrant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the queue of {job} did not take the message: {why}")]
pub struct QueueError {
    /// Whose queue.
    pub job: &'static str,
    /// Its words.
    pub why: String,
}

impl From<QueueError> for payment::Failure {
    fn from(error: QueueError) -> Self {
        Self::retry(error.to_string())
    }
}

impl QueueError {
    fn new(job: Job, why: impl ToString) -> Self {
        Self { job: job.as_str(), why: why.to_string() }
    }
}
