//! SQS's actions, each turned into a call of the local queue.

use std::collections::BTreeSet;
use std::time::Duration;

use queue::{Job, QueueError, Receipt, Received};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::wire_format::{
    Answer, ChangeMessageVisibility, DeleteMessage, GetQueueAttributes, GetQueueUrl, ReceiveMessage, Refusal,
    SendMessage, SendMessageBatch,
};
use super::{DEAD, Place, queue_url};

/// SQS's own bound on a batch and on one receive.
const BATCH_MAX: usize = 10;
/// How often a waiting poll looks again.
const POLL_PAUSE: Duration = Duration::from_millis(20);

/// Does one action.
pub(super) async fn act(place: &Place, action: &str, body: &[u8]) -> Result<Answer, Refusal> {
    match action {
        "SendMessage" => send(place, &read(body)?),
        "SendMessageBatch" => send_batch(place, &read(body)?),
        "ReceiveMessage" => receive(place, &read(body)?).await,
        "DeleteMessage" => delete(place, &read(body)?),
        "ChangeMessageVisibility" => change_visibility(place, &read(body)?),
        "GetQueueUrl" => get_queue_url(place, &read(body)?),
        "GetQueueAttributes" => get_queue_attributes(place, &read(body)?),
        _ => Err(Refusal::UnknownAction),
    }
    .map(Answer)
}

fn send(place: &Place, ask: &SendMessage) -> Result<Value, Refusal> {
    let job = job(&ask.queue_url)?;
    let delay = Duration::from_secs(ask.delay_seconds);
    let sent = place.queue.put(job, &ask.message_body, delay);
    let id = sent.map_err(|QueueError { why, .. }| Refusal::BadMessage(why))?;
    Ok(json!({ "MessageId": id.to_string() }))
}

/// The entries are sent one by one, and each succeeds or fails by itself.
fn send_batch(place: &Place, ask: &SendMessageBatch) -> Result<Value, Refusal> {
    let job = job(&ask.queue_url)?;
    let ids: BTreeSet<_> = ask.entries.iter().map(|entry| entry.id.as_str()).collect();
    match ask.entries.len() {
        0 => return Err(Refusal::BatchEmpty),
        long if long > BATCH_MAX => return Err(Refusal::BatchTooLong),
        all if ids.len() < all => return Err(Refusal::BatchIdTwice),
        _ => {}
    }
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in &ask.entries {
        match place.queue.put(job, &entry.message_body, Duration::from_secs(entry.delay_seconds)) {
            Ok(id) => successful.push(json!({ "Id": entry.id, "MessageId": id.to_string() })),
            Err(QueueError { why, .. }) => {
                failed.push(json!({ "Id": entry.id, "Code": "InvalidMessageContents", "Message": why, "SenderFault": true }));
            }
        }
    }
    Ok(json!({ "Successful": successful, "Failed": failed }))
}

async fn receive(place: &Place, ask: &ReceiveMessage) -> Result<Value, Refusal> {
    let (job, dead) = any_queue(&ask.queue_url)?;
    let max = ask.max_number_of_messages.unwrap_or(1);
    if !(1..=BATCH_MAX).contains(&max) {
        return Err(Refusal::BadParameter("MaxNumberOfMessages must be between 1 and 10.".to_owned()));
    }
    let until = Instant::now() + Duration::from_secs(ask.wait_time_seconds.min(20));
    let take = || match dead {
        true => place.queue.receive_dead(job, max),
        false => place.queue.receive(job, max),
    };
    let mut taken = take();
    while taken.is_empty() && Instant::now() < until {
        tokio::time::sleep(POLL_PAUSE).await;
        taken = take();
    }
    if let Some(seconds) = ask.visibility_timeout {
        for message in &taken {
            place.queue.change_visibility(job, message.receipt, Duration::from_secs(seconds));
        }
    }
    Ok(json!({ "Messages": taken.iter().map(message).collect::<Vec<_>>() }))
}

fn delete(place: &Place, ask: &DeleteMessage) -> Result<Value, Refusal> {
    let (job, _) = any_queue(&ask.queue_url)?;
    // As in SQS, deleting what is gone or in other hands is no error.
    place.queue.delete(job, receipt(&ask.receipt_handle)?);
    Ok(json!({}))
}

fn change_visibility(place: &Place, ask: &ChangeMessageVisibility) -> Result<Value, Refusal> {
    let (job, _) = any_queue(&ask.queue_url)?;
    let after = Duration::from_secs(ask.visibility_timeout);
    match place.queue.change_visibility(job, receipt(&ask.receipt_handle)?, after) {
        true => Ok(json!({})),
        false => Err(Refusal::NotInFlight),
    }
}

fn get_queue_url(place: &Place, ask: &GetQueueUrl) -> Result<Value, Refusal> {
    let job = ask.queue_name.parse().map_err(|_| Refusal::NoSuchQueue)?;
    Ok(json!({ "QueueUrl": queue_url(&place.url, job) }))
}

fn get_queue_attributes(place: &Place, ask: &GetQueueAttributes) -> Result<Value, Refusal> {
    let (job, dead) = any_queue(&ask.queue_url)?;
    let depth = place.queue.depth(job);
    if dead {
        return Ok(json!({ "Attributes": {
            "QueueArn": format!("arn:aws:sqs:eu-west-1:000000000000:{job}{DEAD}"),
            "ApproximateNumberOfMessages": depth.dead.to_string(),
            "ApproximateNumberOfMessagesDelayed": "0",
            "ApproximateNumberOfMessagesNotVisible": "0",
        } }));
    }
    let policy = json!({
        "deadLetterTargetArn": format!("arn:aws:sqs:eu-west-1:000000000000:{job}{DEAD}"),
        "maxReceiveCount": place.queue.rules().receives_max,
    });
    Ok(json!({ "Attributes": {
        "QueueArn": format!("arn:aws:sqs:eu-west-1:000000000000:{job}"),
        "RedrivePolicy": policy.to_string(),
        "ApproximateNumberOfMessages": depth.visible.to_string(),
        "ApproximateNumberOfMessagesDelayed": depth.delayed.to_string(),
        "ApproximateNumberOfMessagesNotVisible": depth.in_flight.to_string(),
    } }))
}

fn message(message: &Received) -> Value {
    json!({
        "MessageId": message.message_id(),
        "ReceiptHandle": message.receipt.to_string(),
        "Body": message.body,
        "Attributes": {
            "ApproximateReceiveCount": message.receives.to_string(),
            "SentTimestamp": message.sent.as_millisecond().to_string(),
        },
    })
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::BadParameter(error.to_string()))
}

/// Only the path names the queue: the host may be known under another name to whoever calls.
fn job(url: &str) -> Result<Job, Refusal> {
    let name = url.rsplit('/').next().unwrap_or_default();
    name.parse().map_err(|_| Refusal::NoSuchQueue)
}

/// A job's queue, or the queue of its dead letters.
fn any_queue(url: &str) -> Result<(Job, bool), Refusal> {
    match url.strip_suffix(DEAD) {
        Some(own) => job(own).map(|job| (job, true)),
        None => job(url).map(|job| (job, false)),
    }
}

fn receipt(handle: &str) -> Result<Receipt, Refusal> {
    handle.parse().map_err(|_| Refusal::NoSuchReceipt)
}
