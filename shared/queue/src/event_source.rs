//! What the platform does with a batch: how it is handed to a job, and which of its messages the job's answer deletes.
//! Pure, so that the local system and tests behave as SQS and Lambda do together
//! (AWS, "Handling errors for an SQS event source in Lambda", with `ReportBatchItemFailures`).

use serde::Deserialize;
use serde_json::json;

use crate::{Job, Received};

/// What became of a job's invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invocation<'a> {
    /// It failed, or its time ran out.
    Failed,
    /// It answered this, as JSON.
    Answered(&'a str),
}

/// Which messages of a batch are deleted and which return after their visibility time-out; ids in the batch's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Done: deleted.
    pub deleted: Vec<String>,
    /// Not done: seen again.
    pub returned: Vec<String>,
}

/// Decides over a batch, given the ids of its messages. `null`, `{}` and an absent, null or empty list of failures are success;
/// an error, an unreadable answer and an empty or unknown id return the whole batch.
pub fn verdict(batch: &[String], invocation: Invocation<'_>) -> Verdict {
    let whole = || Verdict { deleted: Vec::new(), returned: batch.to_vec() };
    let Invocation::Answered(answer) = invocation else { return whole() };
    let Ok(answer) = serde_json::from_str::<Option<BatchAnswer>>(answer) else { return whole() };
    let failures = answer.and_then(|answer| answer.batch_item_failures).unwrap_or_default();
    let failed: Vec<_> = failures.into_iter().map(|failure| failure.item_identifier).collect();
    if failed.iter().any(|id| !batch.contains(id)) {
        return whole();
    }
    let (returned, deleted) = batch.iter().cloned().partition(|id| failed.contains(id));
    Verdict { deleted, returned }
}

/// The event that Lambda hands to a job for this batch, as JSON.
pub fn event(job: Job, batch: &[Received]) -> String {
    let record = |message: &Received| {
        json!({
            "messageId": message.message_id(),
            "receiptHandle": message.receipt.to_string(),
            "body": message.body,
            "attributes": {
                "ApproximateReceiveCount": message.receives.to_string(),
                "SentTimestamp": message.sent.as_millisecond().to_string(),
            },
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:eu-west-1:000000000000:{job}"),
            "awsRegion": "eu-west-1",
        })
    };
    json!({ "Records": batch.iter().map(record).collect::<Vec<_>>() }).to_string()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchAnswer {
    batch_item_failures: Option<Vec<BatchItemFailure>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchItemFailure {
    item_identifier: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(answer: &str) -> (Vec<String>, Vec<String>) {
        let batch = ["a", "b", "c"].map(str::to_owned);
        let Verdict { deleted, returned } = verdict(&batch, Invocation::Answered(answer));
        (deleted, returned)
    }

    fn split(deleted: &[&str], returned: &[&str]) -> (Vec<String>, Vec<String>) {
        let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        (owned(deleted), owned(returned))
    }

    #[test]
    fn a_batch_without_failures_is_deleted() {
        for answer in ["null", "{}", r#"{"batchItemFailures":null}"#, r#"{"batchItemFailures":[]}"#] {
            assert_eq!(answered(answer), split(&["a", "b", "c"], &[]), "{answer}");
        }
    }

    #[test]
    fn only_the_reported_message_returns() {
        let answer = r#"{"batchItemFailures":[{"itemIdentifier":"b"},{"itemIdentifier":"b"}]}"#;
        assert_eq!(answered(answer), split(&["a", "c"], &["b"]));
    }

    #[test]
    fn an_answer_that_cannot_be_trusted_returns_the_whole_batch() {
        let answers = [
            "",
            "ok",
            "\"ok\"",
            "[]",
            r#"{"batchItemFailures":"b"}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
            r#"{"batchItemFailures":[{"id":"b"}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"b"},{"itemIdentifier":"z"}]}"#,
        ];
        for answer in answers {
            assert_eq!(answered(answer), split(&[], &["a", "b", "c"]), "{answer}");
        }
        let batch = ["a".to_owned()];
        assert_eq!(verdict(&batch, Invocation::Failed).returned, batch);
    }
}
