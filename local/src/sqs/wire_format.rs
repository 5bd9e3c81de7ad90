//! What goes over the wire: SQS's requests, and its errors with their codes.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SendMessage {
    pub(super) queue_url: String,
    pub(super) message_body: String,
    #[serde(default)]
    pub(super) delay_seconds: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SendMessageBatch {
    pub(super) queue_url: String,
    pub(super) entries: Vec<SendEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SendEntry {
    pub(super) id: String,
    pub(super) message_body: String,
    #[serde(default)]
    pub(super) delay_seconds: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReceiveMessage {
    pub(super) queue_url: String,
    pub(super) max_number_of_messages: Option<usize>,
    pub(super) visibility_timeout: Option<u64>,
    #[serde(default)]
    pub(super) wait_time_seconds: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteMessage {
    pub(super) queue_url: String,
    pub(super) receipt_handle: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ChangeMessageVisibility {
    pub(super) queue_url: String,
    pub(super) receipt_handle: String,
    pub(super) visibility_timeout: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetQueueUrl {
    pub(super) queue_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetQueueAttributes {
    pub(super) queue_url: String,
}

/// An action's answer.
pub(super) struct Answer(pub(super) Value);

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        (JSON, Json(self.0)).into_response()
    }
}

/// An error of the caller's, by its code.
pub(super) enum Refusal {
    NoSuchQueue,
    NoSuchReceipt,
    NotInFlight,
    BatchEmpty,
    BatchTooLong,
    BatchIdTwice,
    BadMessage(String),
    BadParameter(String),
    UnknownAction,
}

impl Refusal {
    /// The shape's name in the JSON protocol, the code of the older query protocol, and what to say.
    fn words(self) -> (&'static str, &'static str, String) {
        let fixed = |shape, code, text: &str| (shape, code, text.to_owned());
        match self {
            Self::NoSuchQueue => fixed(
                "QueueDoesNotExist",
                "AWS.SimpleQueueService.NonExistentQueue",
                "The specified queue does not exist.",
            ),
            Self::NoSuchReceipt => fixed(
                "ReceiptHandleIsInvalid",
                "ReceiptHandleIsInvalid",
                "The input receipt handle is invalid.",
            ),
            Self::NotInFlight => fixed(
                "MessageNotInflight",
                "AWS.SimpleQueueService.MessageNotInflight",
                "The message is not in flight.",
            ),
            Self::BatchEmpty => fixed(
                "EmptyBatchRequest",
                "AWS.SimpleQueueService.EmptyBatchRequest",
                "There should be at least one entry in the request.",
            ),
            Self::BatchTooLong => fixed(
                "TooManyEntriesInBatchRequest",
                "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
                "Maximum number of entries per request are 10.",
            ),
            Self::BatchIdTwice => fixed(
                "BatchEntryIdsNotDistinct",
                "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
                "An id is repeated.",
            ),
            Self::BadMessage(why) => ("InvalidMessageContents", "InvalidMessageContents", why),
            Self::BadParameter(why) => ("InvalidParameterValueException", "InvalidParameterValue", why),
            Self::UnknownAction => fixed(
                "UnknownOperationException",
                "InvalidAction",
                "The local queue does not know this action.",
            ),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (shape, code, message) = self.words();
        let body = json!({ "__type": format!("com.amazonaws.sqs#{shape}"), "message": message });
        let legacy =
            HeaderValue::from_str(&format!("{code};Sender")).unwrap_or(HeaderValue::from_static("Sender"));
        let query = [(HeaderName::from_static("x-amzn-query-error"), legacy)];
        (StatusCode::BAD_REQUEST, query, JSON, Json(body)).into_response()
    }
}

const JSON: [(HeaderName, HeaderValue); 1] =
    [(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"))];
