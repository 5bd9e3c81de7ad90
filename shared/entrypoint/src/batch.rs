//! The queue entry: a batch is worked side by side, and only what failed goes back.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use futures::FutureExt;
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
/// the dead-letter queue, which rings). A message whose work panics is of the latter kind: it must not take the others,
/// whose gateways may be at work, with it.
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
            // What the units share is behind locks and in the ledger, so that half of one's work is nothing new to the others.
            Ok(message) => AssertUnwindSafe(async { handle(message, deadline).await })
                .catch_unwind()
                .await
                .unwrap_or_else(|panic| Err(panicked(panic.as_ref()))),
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

fn panicked(panic: &(dyn Any + Send)) -> Failure {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word");
    Failure::alarm(format!("the work on a queue message panicked: {words}"))
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
        crate::metrics::flush();
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use jiff::Timestamp;
    use ledger::Subject;
    use tokio::time::Instant;

    use super::*;
    use crate::What;

    fn record(id: &str, order: u64) -> Record {
        let what = What::Due(Subject::Order(order.try_into().unwrap()));
        let body = Message::new(Timestamp::UNIX_EPOCH, what).to_text().unwrap();
        Record { id: id.to_owned(), body }
    }

    fn order_of(message: &Message) -> u64 {
        match message.what {
            What::Due(Subject::Order(order)) => order.number(),
            _ => 0,
        }
    }

    #[tokio::test]
    async fn only_what_failed_comes_back_and_a_refusal_does_not() {
        let unreadable = Record { id: "e".to_owned(), body: "{\"v\":99}".to_owned() };
        let records = vec![record("a", 1), record("b", 2), record("c", 3), record("d", 4), unreadable];
        let deadline = Deadline::after(Duration::from_secs(30));
        let failed = work("settlement", records, deadline, |message, _| async move {
            match order_of(&message) {
                1 => Ok(()),
                2 => Err(Failure::retry("later")),
                3 => Err(Failure::refuse("never")),
                _ => Err(Failure::alarm("a person")),
            }
        })
        .await;
        assert_eq!(failed, ["b", "d", "e"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_whose_work_panics_goes_back_alone() {
        let records = (1..=3).map(|nth| record(&nth.to_string(), nth)).collect();
        let ended = AtomicUsize::new(0);
        let ended = &ended;
        let deadline = Deadline::after(Duration::from_secs(30));
        let failed = work("settlement", records, deadline, |message, _| {
            assert_ne!(order_of(&message), 1, "before it is a future");
            async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                assert_ne!(order_of(&message), 2, "while another one is at work");
                tokio::time::sleep(Duration::from_millis(100)).await;
                ended.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }
        })
        .await;
        assert_eq!(failed, ["1", "2"]);
        assert_eq!(ended.load(Ordering::SeqCst), 1, "what was at work beside it has ended");
    }

    #[tokio::test(start_paused = true)]
    async fn ten_messages_take_as_long_as_the_slowest() {
        let records = (1..=10).map(|nth| record(&nth.to_string(), nth)).collect();
        let (began, most, now) = (Instant::now(), AtomicUsize::new(0), AtomicUsize::new(0));
        let (most, now) = (&most, &now);
        let deadline = Deadline::after(Duration::from_secs(30));
        let failed = work("settlement", records, deadline, |message, _| async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(100 * order_of(&message))).await;
            now.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        })
        .await;
        assert!(failed.is_empty());
        assert_eq!(most.load(Ordering::SeqCst), 10, "all at once");
        assert_eq!(began.elapsed(), Duration::from_secs(1));
    }
}
