//! Answers that are not Stripe's own word: broken before or after a request was executed.

use bytes::Bytes;
use serde_json::{Value, json};

/// The faults by name. `_before`: nothing was executed. `_after`: executed, the answer lost; under its key the true
/// answer is replayed, except after `500_after`, where Stripe itself replays the 500.
pub(super) const FAULTS: [&str; 15] = [
    "429",
    "lock_timeout",
    "409",
    "500_before",
    "502_before",
    "503_before",
    "504_before",
    "timeout_before",
    "500_after",
    "502_after",
    "503_after",
    "504_after",
    "timeout_after",
    "empty",
    "html",
];

const PAGE: &str = "<!doctype html><title>Bad gateway</title><h1>Something went wrong</h1>";

/// What is answered instead of executing the request.
pub(super) fn before(word: &str) -> Option<http::Response<Bytes>> {
    let error = |status: u16, kind: &str, code: Option<&str>| {
        let body = json!({ "error": { "type": kind, "code": code, "message": "Simulated." } });
        answer(status, "application/json", body.to_string())
    };
    Some(match word {
        "429" => {
            let mut response = error(429, "invalid_request_error", Some("rate_limit"));
            response.headers_mut().insert(http::header::RETRY_AFTER, http::HeaderValue::from_static("1"));
            response
        }
        "lock_timeout" => error(429, "invalid_request_error", Some("lock_timeout")),
        "409" => error(409, "idempotency_error", Some("idempotency_key_in_use")),
        "500_before" => error(500, "api_error", None),
        "502_before" => page(502),
        "503_before" => page(503),
        "504_before" | "timeout_before" => page(504),
        _ => return None,
    })
}

/// What is answered instead of the answer of an executed request.
pub(super) fn after(word: &str) -> Option<http::Response<Bytes>> {
    Some(match word {
        "500_after" => answer(500, "application/json", stored_500().to_string()),
        "502_after" => page(502),
        "503_after" => page(503),
        "504_after" | "timeout_after" => page(504),
        "empty" => answer(200, "application/json", String::new()),
        "html" => page(200),
        _ => return None,
    })
}

/// Stripe's own failure, kept under the key.
pub(super) fn stored_500() -> Value {
    json!({ "error": { "type": "api_error", "message": "Simulated, after the request was executed." } })
}

fn page(status: u16) -> http::Response<Bytes> {
    answer(status, "text/html", PAGE.to_owned())
}

/// An answer of this status, type and body.
pub(super) fn answer(status: u16, content_type: &'static str, body: String) -> http::Response<Bytes> {
    let mut response = http::Response::new(Bytes::from(body));
    *response.status_mut() =
        http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    response
}
