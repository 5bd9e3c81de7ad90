//! The jobs that read a queue.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The jobs that read a queue, by the name they have everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub enum Job {
    /// Renewals: authorise, capture, direct charge.
    RecurringCapture,
    /// What comes late.
    Settlement,
    /// Ends of subscriptions.
    Termination,
}

impl Job {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::RecurringCapture, Self::Settlement, Self::Termination];

    /// Its name: folder, template block, events, log field.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RecurringCapture => "recurring-capture",
            Self::Settlement => "settlement",
            Self::Termination => "termination",
        }
    }

    /// The setting that holds its queue's URL.
    pub fn queue_url_setting(self) -> &'static str {
        match self {
            Self::RecurringCapture => "RECURRING_CAPTURE_QUEUE_URL",
            Self::Settlement => "SETTLEMENT_QUEUE_URL",
            Self::Termination => "TERMINATION_QUEUE_URL",
        }
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Job {
    type Err = JobError;

    fn from_str(name: &str) -> Result<Self, JobError> {
        Self::ALL.into_iter().find(|job| job.as_str() == name).ok_or(JobError)
    }
}

impl From<Job> for &'static str {
    fn from(job: Job) -> Self {
        job.as_str()
    }
}

impl TryFrom<String> for Job {
    type Error = JobError;

    fn try_from(name: String) -> Result<Self, JobError> {
        name.parse()
    }
}

/// No job that reads a queue has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no job that reads a queue has this name")]
pub struct JobError;
