//! What the jobs could not do: looked through, sent back and dropped by an operator, never by a function.

use std::collections::BTreeMap;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName};
use jiff::Timestamp;
use serde::Deserialize;
use settings::{SettingError, Settings};
use url::Url;

use crate::{Job, QueueError, sqs};

/// The dead-letter queues of the jobs, found by asking each job's queue where its dead letters go.
#[derive(Clone)]
pub struct DeadLetters {
    client: Client,
    queues: BTreeMap<Job, Url>,
}

/// A message that its job could not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Whose.
    pub job: Job,
    /// The message's id, as the job's log names it.
    pub id: String,
    /// What was sent. It may hold a token: never printed.
    pub body: String,
    /// When it was first sent.
    pub sent: Timestamp,
    /// How often it was handed out, to the job and to those who looked.
    pub receives: u32,
    queue: String,
    receipt: String,
}

/// How many messages a job's queues hold, about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// To be worked, being worked, or sent with a delay.
    pub queued: u64,
    /// Dead letters.
    pub dead: u64,
}

/// A letter that is looked at is unseen by others for so long; if the command dies, it is back after that.
const LOOK_SECONDS: i32 = 60;
/// SQS hands out at most so many at once.
const BATCH: i32 = 10;
/// Receives of one look: SQS may answer with none although there are some, so it is asked again.
const EMPTY_ANSWERS: u32 = 3;
/// Letters of one job that one look takes: its bodies stay in memory.
const LETTERS_MAX: usize = 1000;

impl DeadLetters {
    /// The queues that `RECURRING_CAPTURE_QUEUE_URL` and its siblings name. Its role needs `GetQueueAttributes` on them and
    /// on their dead-letter queues, `ReceiveMessage`, `ChangeMessageVisibility` and `DeleteMessage` on the latter.
    pub fn new(settings: &Settings, http: wire::Http) -> Result<Self, SettingError> {
        let queues = Job::ALL.iter().map(|job| Ok((*job, settings.address(job.queue_url_setting())?)));
        Ok(Self {
            queues: queues.collect::<Result<_, SettingError>>()?,
            client: sqs::client(settings, http, sqs::endpoint(settings)?.as_ref())?,
        })
    }

    /// How many messages wait, and how many are dead letters.
    pub async fn waiting(&self, job: Job) -> Result<Waiting, QueueError> {
        let queue = self.queue(job)?;
        let letters = self.place(job).await?;
        Ok(Waiting { queued: self.count(job, queue.as_str()).await?, dead: self.count(job, &letters).await? })
    }

    /// Takes all dead letters of a job to look at; each must be put back, sent back or dropped.
    pub async fn take(&self, job: Job) -> Result<Vec<Letter>, QueueError> {
        let queue = self.place(job).await?;
        let mut letters: BTreeMap<String, Letter> = BTreeMap::new();
        let mut empty = 0;
        while empty < EMPTY_ANSWERS && letters.len() < LETTERS_MAX {
            let answer = self
                .client
                .receive_message()
                .queue_url(&queue)
                .max_number_of_messages(BATCH)
                .visibility_timeout(LOOK_SECONDS)
                .message_system_attribute_names(MessageSystemAttributeName::All)
                .send()
                .await
                .map_err(|error| QueueError::new(job, sqs::told(&error)))?;
            let found = letters.len();
            for message in answer.messages() {
                if let Some(letter) = letter(job, &queue, message) {
                    letters.insert(letter.id.clone(), letter);
                }
            }
            if letters.len() == found {
                empty += 1;
            }
        }
        let mut letters: Vec<_> = letters.into_values().collect();
        letters.sort_by(|one, other| (one.sent, &one.id).cmp(&(other.sent, &other.id)));
        Ok(letters)
    }

    /// Lets a letter be seen again where it was.
    pub async fn put_back(&self, letter: &Letter) -> Result<(), QueueError> {
        let put = self.client.change_message_visibility().queue_url(&letter.queue);
        put.receipt_handle(&letter.receipt)
            .visibility_timeout(0)
            .send()
            .await
            .map_err(|error| QueueError::new(letter.job, sqs::told(&error)))?;
        Ok(())
    }

    /// Drops a letter for good.
    pub async fn drop(&self, letter: &Letter) -> Result<(), QueueError> {
        let gone = self.client.delete_message().queue_url(&letter.queue);
        gone.receipt_handle(&letter.receipt)
            .send()
            .await
            .map_err(|error| QueueError::new(letter.job, sqs::told(&error)))?;
        Ok(())
    }

    /// Sends a letter to its job again. It is dropped only after that, so that a crash in between leaves it twice: a
    /// repetition, which jobs expect.
    pub async fn send_back(&self, letter: &Letter) -> Result<(), QueueError> {
        let queue = self.queue(letter.job)?;
        let sent = self.client.send_message().queue_url(queue.as_str()).message_body(&letter.body);
        sent.send().await.map_err(|error| QueueError::new(letter.job, sqs::told(&error)))?;
        self.drop(letter).await
    }

    fn queue(&self, job: Job) -> Result<&Url, QueueError> {
        self.queues.get(&job).ok_or_else(|| QueueError::new(job, "its address is not set"))
    }

    /// The dead-letter queue's address: beside the job's own, under the name that its redrive policy gives.
    async fn place(&self, job: Job) -> Result<String, QueueError> {
        let queue = self.queue(job)?;
        let policy = self.attribute(job, queue.as_str(), QueueAttributeName::RedrivePolicy).await?;
        let name = policy.as_deref().and_then(|text| {
            let policy: RedrivePolicy = serde_json::from_str(text).ok()?;
            policy.dead_letter_target_arn.rsplit(':').next().map(str::to_owned)
        });
        let name = name.ok_or_else(|| QueueError::new(job, "it has no dead-letter queue"))?;
        let (account, _) = queue.as_str().rsplit_once('/').unwrap_or_default();
        Ok(format!("{account}/{name}"))
    }

    async fn count(&self, job: Job, queue: &str) -> Result<u64, QueueError> {
        let mut all = 0_u64;
        for name in [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ] {
            let count = self.attribute(job, queue, name).await?;
            all = all.saturating_add(count.and_then(|count| count.parse().ok()).unwrap_or_default());
        }
        Ok(all)
    }

    async fn attribute(
        &self,
        job: Job,
        queue: &str,
        name: QueueAttributeName,
    ) -> Result<Option<String>, QueueError> {
        let ask = self.client.get_queue_attributes().queue_url(queue).attribute_names(name.clone());
        let answer = ask.send().await.map_err(|error| QueueError::new(job, sqs::told(&error)))?;
        Ok(answer.attributes().and_then(|all| all.get(&name)).cloned())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RedrivePolicy {
    dead_letter_target_arn: String,
}

fn letter(job: Job, queue: &str, message: &aws_sdk_sqs::types::Message) -> Option<Letter> {
    let attribute = |name: MessageSystemAttributeName| -> Option<i64> {
        message.attributes().and_then(|all| all.get(&name))?.parse().ok()
    };
    let sent = attribute(MessageSystemAttributeName::SentTimestamp)?;
    let receives = attribute(MessageSystemAttributeName::ApproximateReceiveCount)?;
    Some(Letter {
        job,
        id: message.message_id()?.to_owned(),
        body: message.body()?.to_owned(),
        sent: Timestamp::from_millisecond(sent).ok()?,
        receives: u32::try_from(receives).ok()?,
        queue: queue.to_owned(),
        receipt: message.receipt_handle()?.to_owned(),
    })
}
