//! Messages between jobs: to SQS in the cloud, to a queue in the process on a laptop.

use std::time::Duration;

use async_trait::async_trait;

/// Where messages go. Whoever reads them is driven by the platform (an event source), so there is no receive here.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Queues one message for a job, to be seen after `delay` (at most 15 minutes). Success means durable.
    async fn send(&self, job: Job, body: &str, delay: Duration) -> Result<(), QueueError>;
}

/// The jobs that read a queue, by the name they have everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Job {
    /// Renewals: authorise, capture, direct charge.
    RecurringCapture,
    /// What comes late.
    Settlement,
    /// Ends of subscriptions.
    Termination,
}

impl Job {
    /// Its name: folder, template block, events, log field.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RecurringCapture => "recurring-capture",
            Self::Settlement => "settlement",
            Self::Termination => "termination",
        }
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
