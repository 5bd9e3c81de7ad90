//! What travels in the queues: verified news, parsed at the wall, without e-mail addresses.

use cleeng::webhook::Event;
use gateways::News;
use jiff::Timestamp;
use ledger::Subject;
use payment::SubscriptionId;
use serde::{Deserialize, Serialize};

/// A message between jobs. Old messages must stay readable: a deployment leaves them in the queues.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Message {
    /// The form; readers refuse what they do not know, so that it waits in the dead-letter queue for a newer one.
    pub v: u32,
    /// When the news arrived here.
    pub received: Timestamp,
    /// The news.
    pub what: What,
}

/// The news itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Cleeng says.
    Cleeng(Event),
    /// A gateway says.
    Gateway(News),
    /// The timer found unfinished work.
    Due(Subject),
    /// The day's comparison of these subscriptions with Cleeng's.
    Review(Vec<SubscriptionId>),
}

/// The form that this version writes.
const FORM: u32 = 1;

impl Message {
    /// A message of this version.
    pub fn new(received: Timestamp, what: What) -> Self {
        Self { v: FORM, received, what }
    }

    /// Its text for the queue and for the kept event.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// Reads a text of this form.
    pub fn from_text(text: &str) -> Result<Self, UnreadableMessage> {
        let message: Self = serde_json::from_str(text).map_err(|_| UnreadableMessage)?;
        if message.v == FORM { Ok(message) } else { Err(UnreadableMessage) }
    }
}

/// A queue message that this version cannot read. It does not repeat the text, which may hold a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the queue message is not of a form that this version reads")]
pub struct UnreadableMessage;
