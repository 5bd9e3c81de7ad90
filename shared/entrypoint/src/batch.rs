//! The queue entry: a batch is worked side by side, and only what failed goes back.

use std::time::Duration;

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use futures::future::join_all;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use payment::{Failure, WhoActs};
use wire::Deadline;

use crate::Message;

/// One message of a batch.
#[derive(Clone, Debug)]
pub struct Record {
    /// The queue's id of it.
    pub id: String,
    /// Its text.
    pub body: String,
}

/// Kept back from a function's time so that the answer about the batch still gets out.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// Works all messages of a batch side by side and answers with the ids of those that must come back.
///
/// A refusal is final and logged; what should be retried, and what needs a person, stays on the queue (and ends in
/// the dead-letter queue, which rings).
pub async fn work<F>(
    job: &'static str,
    records: Vec<Record>,
    deadline: Deadline,
    handle: impl Fn(Message, Deadline) -> F,
) -> Vec<String>
where
    F: Future<Output = Result<(), Failure>>,
{
    let handle = &handle;
    let all = records.into_iter().map(|record| async move {
        let done = match Message::from_text(&record.body) {
            Ok(message) => handle(message, deadline).await,
            Err(unreadable) => Err(Failure::alarm("a queue message cannot be read").because(unreadable)),
        };
        let failure = done.err()?;
        let why = failure.chain();
        match failure.who_acts() {
            WhoActs::Refuse => {
                tracing::warn!(job, message_id = %record.id, "Dropped a message that cannot be served: {why}");
                None
            }
            WhoActs::Retry { .. } => {
                tracing::info!(job, message_id = %record.id, "A message goes back to its queue: {why}");
                Some(record.id)
            }
            WhoActs::Alarm => {
                tracing::error!(job, message_id = %record.id, alarm = "message", "A message needs a person: {why}");
                Some(record.id)
            }
        }
    });
    join_all(all).await.into_iter().flatten().collect()
}

/// Runs a queue function on Lambda.
pub async fn run<F>(job: &'static str, handle: impl Fn(Message, Deadline) -> F) -> Result<(), Error>
where
    F: Future<Output = Result<(), Failure>>,
{
    let handle = &handle;
    let serve = move |event: LambdaEvent<SqsEvent>| async move {
        let deadline = Deadline::after(time_left(&event.context).saturating_sub(ANSWER_TIME));
        let records = event.payload.records.into_iter().map(|record| Record {
            id: record.message_id.unwrap_or_default(),
            body: record.body.unwrap_or_default(),
        });
        let failed = work(job, records.collect(), deadline, handle).await;
        let mut answer = SqsBatchResponse::default();
        answer.batch_item_failures = failed.into_iter().map(failure_of).collect();
        Ok::<_, Error>(answer)
    };
    lambda_runtime::run(service_fn(serve)).await
}

/// What Lambda still gives this invocation.
pub(crate) fn time_left(context: &lambda_runtime::Context) -> Duration {
    context.deadline().duration_since(now()).unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "Lambda's own deadline is told by the machine's clock")]
fn now() -> std::time::SystemTime {
    std::time::SystemTime::now()
}

fn failure_of(id: String) -> BatchItemFailure {
    let mut failure = BatchItemFailure::default();
    failure.item_identifier = id;
    failure
}
