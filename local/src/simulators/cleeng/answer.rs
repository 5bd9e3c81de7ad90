//! Answers and refusals in Cleeng's several shapes.

use bytes::Bytes;
use http::StatusCode;
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// What a route gives: an answer, or a refusal that its family of routes wraps in its own shape.
pub(super) type Answer = Result<http::Response<Bytes>, Refusal>;

/// A refusal.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) message: String,
}

pub(super) fn bad_request(message: impl Into<String>) -> Refusal {
    Refusal { status: StatusCode::BAD_REQUEST, message: message.into() }
}

pub(super) fn not_found(what: &str) -> Refusal {
    Refusal { status: StatusCode::NOT_FOUND, message: format!("{what} not found") }
}

/// Understood, and not possible.
pub(super) fn impossible(message: impl Into<String>) -> Refusal {
    Refusal { status: StatusCode::UNPROCESSABLE_ENTITY, message: message.into() }
}

pub(super) fn json(status: StatusCode, body: &impl Serialize) -> http::Response<Bytes> {
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut answer = http::Response::new(Bytes::from(body));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    answer
}

/// A resource as it is.
pub(super) fn bare(body: &impl Serialize) -> Answer {
    Ok(json(StatusCode::OK, body))
}

/// `{"success":true,"message":"","<name>":{…}}`.
pub(super) fn wrapped(status: StatusCode, name: &'static str, body: impl Serialize) -> Answer {
    Ok(json(status, &Envelope { success: true, message: "", name, body: Some(body) }))
}

/// `{"success":true,"message":""}`.
pub(super) fn done() -> Answer {
    Ok(json(StatusCode::OK, &Envelope::<()> { success: true, message: "", name: "", body: None }))
}

/// `{"success":true,"message":"","data":[…]}` with `X-Total-Count`.
pub(super) fn list<T: Serialize>(rows: &[T], total: usize) -> Answer {
    let envelope = Envelope { success: true, message: "", name: "data", body: Some(rows) };
    let mut answer = json(StatusCode::OK, &envelope);
    answer.headers_mut().insert("x-total-count", http::HeaderValue::from(total));
    Ok(answer)
}

/// 429, to be tried again in a second.
pub(super) fn too_many() -> http::Response<Bytes> {
    let mut answer =
        refused("", Refusal { status: StatusCode::TOO_MANY_REQUESTS, message: "Slow down".to_owned() });
    answer.headers_mut().insert(http::header::RETRY_AFTER, http::HeaderValue::from_static("1"));
    answer
}

/// A refusal in the shape of its family: payments, subscriptions and lists each have their own.
pub(super) fn refused(family: &str, refusal: Refusal) -> http::Response<Bytes> {
    #[derive(Serialize)]
    struct Plain<'a> {
        message: &'a str,
    }
    let named =
        |name| Envelope::<Option<()>> { success: false, message: &refusal.message, name, body: Some(None) };
    match family {
        "payments" => json(refusal.status, &named("payment")),
        "subscriptions" => json(refusal.status, &named("subscription")),
        "payment_details" => json(refusal.status, &named("data")),
        _ => json(refusal.status, &Plain { message: &refusal.message }),
    }
}

struct Envelope<'a, T> {
    success: bool,
    message: &'a str,
    name: &'static str,
    body: Option<T>,
}

impl<T: Serialize> Serialize for Envelope<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("success", &self.success)?;
        map.serialize_entry("message", self.message)?;
        if let Some(body) = &self.body {
            map.serialize_entry(self.name, body)?;
        }
        map.end()
    }
}

/// An amount as a JSON number with exactly its digits.
pub(super) struct Number(pub(super) Decimal);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.normalize().to_string();
        RawValue::from_string(text).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}
