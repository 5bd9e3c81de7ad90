//! Answers in Adyen's form: JSON, and errors with code and type.

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderName};
use serde_json::{Value, json};

/// An answer before it is sent: small enough to be remembered by its key.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
    pub(super) kind: &'static str,
}

impl Answer {
    /// JSON with this status.
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self { status, body: Bytes::from(body.to_string()), kind: "application/json" }
    }

    /// Adyen's error body.
    pub(super) fn error(status: u16, code: &str, kind: &str, message: &str) -> Self {
        Self::json(
            status,
            &json!({"status": status, "errorCode": code, "message": message, "errorType": kind}),
        )
    }

    /// A request that breaks a rule of the API.
    pub(super) fn invalid(code: &str, message: &str) -> Self {
        Self::error(422, code, "validation", message)
    }

    /// No body.
    pub(super) fn empty(status: u16) -> Self {
        Self { status, body: Bytes::new(), kind: "application/json" }
    }

    /// A page, as something in between sends it.
    pub(super) fn html(status: u16, page: String) -> Self {
        Self { status, body: Bytes::from(page), kind: "text/html; charset=utf-8" }
    }

    /// Whether it did what was asked.
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The answer on its way, with these headers.
    pub(super) fn sent(self, headers: &[(HeaderName, String)]) -> Response<Bytes> {
        let mut response = Response::builder().status(self.status).header(CONTENT_TYPE, self.kind);
        for (name, value) in headers {
            response = response.header(name, value);
        }
        response.body(self.body).unwrap_or_default()
    }
}
