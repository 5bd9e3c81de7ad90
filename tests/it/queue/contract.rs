//! What every queue does, asked of the local one and of the SQS client against the local one's SQS face.

use std::sync::Arc;
use std::time::Duration;

use local::sqs::LocalSqs;
use queue::{Job, LocalQueue, Queue, SqsQueue};
use settings::Settings;

use super::{HandClock, bodies, fresh, take};

/// Each sentence of the contract becomes two tests: how messages go in differs, how they come out does not.
macro_rules! contract {
    ($($sentence:ident)*) => {
        mod in_process {
            $(#[tokio::test]
            async fn $sentence() {
                let (queue, clock) = super::fresh();
                super::$sentence(&*queue, &queue, &clock).await;
            })*
        }

        mod over_sqs {
            $(#[tokio::test]
            async fn $sentence() {
                let (queue, clock) = super::fresh();
                let sqs = super::LocalSqs::start(std::sync::Arc::clone(&queue)).await.unwrap();
                super::$sentence(&super::client(&sqs), &queue, &clock).await;
                sqs.stop().await.unwrap();
            })*
        }
    };
}

contract! {
    a_message_arrives_as_it_was_sent
    a_delayed_message_is_not_seen_too_early
    a_message_that_cannot_be_queued_is_refused
    fifty_messages_sent_at_once_all_arrive
}

async fn a_message_arrives_as_it_was_sent(queue: &dyn Queue, inside: &LocalQueue, _: &HandClock) {
    let body = "{\"note\":\"a \\\"quoted\\\" word, ünïcode 💶\",\n\t\"n\":1}";
    for job in Job::ALL {
        queue.send(job, body, Duration::ZERO).await.unwrap();
        assert_eq!(bodies(inside, job), [body]);
    }
}

async fn a_delayed_message_is_not_seen_too_early(queue: &dyn Queue, inside: &LocalQueue, clock: &HandClock) {
    queue.send(Job::Settlement, "later", Duration::from_millis(899_001)).await.unwrap();
    clock.pass(899);
    assert!(take(inside, Job::Settlement).is_empty());
    clock.pass(1);
    assert_eq!(bodies(inside, Job::Settlement), ["later"]);
}

async fn a_message_that_cannot_be_queued_is_refused(
    queue: &dyn Queue,
    inside: &LocalQueue,
    clock: &HandClock,
) {
    let long = "x".repeat(1024 * 1024 + 1);
    for (body, delay) in [("", 0), ("a\u{0}b", 0), (long.as_str(), 0), ("fine", 901)] {
        let error = queue.send(Job::Settlement, body, Duration::from_secs(delay)).await.unwrap_err();
        assert_eq!(error.job, "settlement");
    }
    clock.pass(2000);
    assert!(take(inside, Job::Settlement).is_empty());
    queue.send(Job::Settlement, &long[1..], Duration::from_secs(900)).await.unwrap();
}

async fn fifty_messages_sent_at_once_all_arrive(queue: &dyn Queue, inside: &LocalQueue, _: &HandClock) {
    let texts: Vec<_> = (0..50).map(|n| format!("message {n:02}")).collect();
    let sent =
        futures::future::join_all(texts.iter().map(|text| queue.send(Job::Settlement, text, Duration::ZERO)));
    assert!(sent.await.into_iter().all(|sent| sent.is_ok()));
    let mut arrived: Vec<_> = (0..5).flat_map(|_| bodies(inside, Job::Settlement)).collect();
    arrived.sort();
    assert_eq!(arrived, texts);
}

#[tokio::test]
async fn a_function_needs_only_the_queues_that_it_sends_to() {
    let (queue, _) = fresh();
    let sqs = LocalSqs::start(queue).await.unwrap();
    let settings = sqs.settings().into_iter().filter(|(name, _)| *name != "TERMINATION_QUEUE_URL");
    let settings = Settings::from_table(settings);
    let http = || wire::Http::new().unwrap();

    let narrow = SqsQueue::new(&settings, http(), &[Job::Settlement]).unwrap();
    narrow.warm().await;
    narrow.send(Job::Settlement, "fine", Duration::ZERO).await.unwrap();
    let error = narrow.send(Job::RecurringCapture, "not mine", Duration::ZERO).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the queue of recurring-capture did not take the message: this function does not send to it"
    );

    let error = SqsQueue::new(&settings, http(), &[Job::Settlement, Job::Termination]).err().unwrap();
    assert_eq!(error.to_string(), "setting TERMINATION_QUEUE_URL is missing");
}

#[tokio::test]
async fn a_queue_that_is_gone_or_silent_is_told_and_not_waited_for_ever() {
    let (queue, _) = fresh();
    let sqs = LocalSqs::start(Arc::clone(&queue)).await.unwrap();
    let gone = sqs.settings().into_iter().map(|(name, value)| match name {
        "SETTLEMENT_QUEUE_URL" => (name, value.replace("settlement", "no-such-queue")),
        _ => (name, value),
    });
    let gone =
        SqsQueue::new(&Settings::from_table(gone), wire::Http::new().unwrap(), &[Job::Settlement]).unwrap();
    let error = gone.send(Job::Settlement, "lost?", Duration::ZERO).await.unwrap_err();
    assert!(error.why.contains("NonExistentQueue") || error.why.contains("QueueDoesNotExist"), "{error}");

    let client = client(&sqs);
    sqs.stop().await.unwrap();
    let error = client.send(Job::Settlement, "lost?", Duration::ZERO).await.unwrap_err();
    assert!(error.why.contains("connect"), "{error}");
}

fn client(sqs: &LocalSqs) -> SqsQueue {
    SqsQueue::new(&Settings::from_table(sqs.settings()), wire::Http::new().unwrap(), &Job::ALL).unwrap()
}
