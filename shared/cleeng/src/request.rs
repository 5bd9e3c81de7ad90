//! The one file that speaks HTTP with Cleeng: headers, repeats, verdicts on statuses, and the envelopes around resources.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tracing::debug;
use url::Url;
use wire::{Call, Deadline, Repeat, Reply, Wire};

use crate::error::{Error, sayable};
use crate::reading::scalar;

/// How long one sending may take. Cleeng documents no time-out; its own gateway gives up after half a minute, and a
/// function that reports a charge needs time for its own commit afterwards.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// One call: its name for errors and logs, and what is sent.
pub(crate) struct Ask {
    call: &'static str,
    method: Method,
    path: String,
    body: Option<Vec<u8>>,
}

impl Ask {
    pub(crate) fn get(call: &'static str, path: impl Into<String>) -> Self {
        Self { call, method: Method::GET, path: path.into(), body: None }
    }

    pub(crate) fn delete(call: &'static str, path: impl Into<String>) -> Self {
        Self { call, method: Method::DELETE, path: path.into(), body: None }
    }

    pub(crate) fn write(
        call: &'static str,
        method: Method,
        path: impl Into<String>,
        body: &impl Serialize,
    ) -> Result<Self, Error> {
        let body = serde_json::to_vec(body)
            .map_err(|error| Error::NotSent { call, why: format!("the body cannot be written: {error}") })?;
        Ok(Self { call, method, path: path.into(), body: Some(body) })
    }

    /// A write without a body, as the reference has it for cancelling a payment and terminating a pass.
    pub(crate) fn bare(call: &'static str, method: Method, path: impl Into<String>) -> Self {
        Self { call, method, path: path.into(), body: None }
    }

    /// Reads, whole replacements and removals may be sent twice. Cleeng documents no idempotency key, so POST and
    /// PATCH may not: a payment would be recorded twice.
    fn repeat(&self) -> Repeat {
        match self.method {
            Method::GET | Method::PUT | Method::DELETE => Repeat::Safe,
            _ => Repeat::OnlyIfNotSent,
        }
    }
}

/// Sends one call and judges its answer: `Ok` is a 2xx that does not say that it failed.
pub(crate) async fn exchange(
    wire: &Wire,
    base: &Url,
    ask: Ask,
    credential: (HeaderName, HeaderValue),
    deadline: Deadline,
) -> Result<Answer, Error> {
    let repeat = ask.repeat();
    let Ask { call, method, path, body } = ask;
    let mut request = http::Request::builder()
        .method(method)
        .uri(format!("{}{path}", base.as_str().trim_end_matches('/')))
        .header(ACCEPT, "application/json")
        .header(credential.0, credential.1);
    if body.is_some() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    let request = request
        .body(Bytes::from(body.unwrap_or_default()))
        .map_err(|error| Error::NotSent { call, why: error.to_string() })?;
    match wire.send(Call { request, timeout: TIMEOUT, repeat, deadline }).await {
        Reply::NotSent(why) => Err(Error::NotSent { call, why }),
        Reply::Unknown(why) => Err(Error::Unknown { call, why }),
        Reply::Answered(answer) => {
            debug!(call, status = answer.status().as_u16(), "Cleeng answered");
            judge(call, &answer)
        }
    }
}

fn judge(call: &'static str, answer: &http::Response<Bytes>) -> Result<Answer, Error> {
    let status = answer.status();
    let object = members(answer.body());
    if status.is_success() {
        if object.as_ref().and_then(|object| object.get("success")).is_some_and(|flag| flag.get() == "false")
        {
            return Err(unreadable(call, status, format!("{status} that says it failed")));
        }
        let whole = answer.body().is_empty() || serde_json::from_slice::<&RawValue>(answer.body()).is_ok();
        if !whole {
            return Err(unreadable(call, status, format!("{status} with a body that is not JSON")));
        }
        let total = answer.headers().get("x-total-count").and_then(|value| value.to_str().ok()?.parse().ok());
        return Ok(Answer { call, status, body: answer.body().clone(), total });
    }
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            return Err(Error::Unauthorised { call, status: status.as_u16() });
        }
        StatusCode::TOO_MANY_REQUESTS => return Err(Error::Throttled { call, after: retry_after(answer) }),
        // Undocumented, so the careful reading: the same thing may be there already.
        StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT => {
            return Err(Error::Unknown { call, why: status.to_string() });
        }
        _ if status.is_server_error() => return Err(Error::Unknown { call, why: status.to_string() }),
        _ => {}
    }
    // Every refusal of Cleeng's is a JSON object; anything else comes from something in between, or a wrong address.
    let Some(object) = object.filter(|_| status.is_client_error()) else {
        return Err(unreadable(call, status, format!("{status} without Cleeng's error body")));
    };
    let message = message(&object);
    match status {
        StatusCode::NOT_FOUND => Err(Error::NotFound { call, message }),
        _ => Err(Error::Refused { call, status: status.as_u16(), message }),
    }
}

/// `{"message"}` on API 3.1, `{"errors":["…"],"code"}` on the MediaStore API.
fn message(object: &BTreeMap<String, &RawValue>) -> String {
    let listed = || {
        let texts: Vec<String> = serde_json::from_str(object.get("errors")?.get()).ok()?;
        Some(texts.join(", "))
    };
    sayable(&object.get("message").and_then(|raw| scalar(raw)).or_else(listed).unwrap_or_default())
}

fn retry_after(answer: &http::Response<Bytes>) -> Option<Duration> {
    let seconds = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn members(body: &[u8]) -> Option<BTreeMap<String, &RawValue>> {
    serde_json::from_slice(body).ok()
}

/// A success.
pub(crate) struct Answer {
    call: &'static str,
    status: StatusCode,
    body: Bytes,
    /// `X-Total-Count` of lists.
    pub(crate) total: Option<u64>,
}

impl Answer {
    /// The resource, bare or inside one of Cleeng's envelopes (`{"success","payment":{…}}`, `{"responseData":{…}}`).
    pub(crate) fn resource<T: DeserializeOwned>(&self, name: &str) -> Result<T, Error> {
        let object = members(&self.body).ok_or_else(|| self.unreadable("not a JSON object"))?;
        let inner = [name, "data", "responseData"]
            .into_iter()
            .find_map(|key| object.get(key).map(|raw| raw.get()).filter(|text| text.starts_with('{')));
        match inner {
            Some(text) => serde_json::from_str(text),
            None => serde_json::from_slice(&self.body),
        }
        .map_err(|error| self.unreadable(shape(&error)))
    }

    /// Whether it is a JSON object at all, as everything is that Cleeng itself says.
    pub(crate) fn is_an_object(&self) -> bool {
        members(&self.body).is_some()
    }

    /// The list, bare or inside an envelope (`{"success","data":[…]}`).
    pub(crate) fn list<T: DeserializeOwned>(&self) -> Result<Vec<T>, Error> {
        if self.body.trim_ascii_start().starts_with(b"[") {
            return serde_json::from_slice(&self.body).map_err(|error| self.unreadable(shape(&error)));
        }
        let object = members(&self.body).ok_or_else(|| self.unreadable("neither list nor object"))?;
        let list = ["data", "items", "payments", "subscriptions", "responseData"]
            .into_iter()
            .find_map(|key| object.get(key).map(|raw| raw.get()).filter(|text| text.starts_with('[')));
        let text = list.ok_or_else(|| self.unreadable("no list in it"))?;
        serde_json::from_str(text).map_err(|error| self.unreadable(shape(&error)))
    }

    fn unreadable(&self, why: impl Into<String>) -> Error {
        unreadable(self.call, self.status, why)
    }
}

fn unreadable(call: &'static str, status: StatusCode, why: impl Into<String>) -> Error {
    Error::Unreadable { call, status: status.as_u16(), why: why.into() }
}

/// Where a body differs from its known shape; serde's own words can repeat a value, so they stay out.
fn shape(error: &serde_json::Error) -> String {
    format!("{:?} error at line {} column {}", error.classify(), error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, body: &'static str) -> Result<Answer, Error> {
        judge(
            "GET order",
            &http::Response::builder().status(status).body(Bytes::from_static(body.as_bytes())).unwrap(),
        )
    }

    #[test]
    fn every_error_body_of_cleengs_is_read() {
        for (body, told) in [
            (r#"{"message":"Order expired"}"#, "Order expired"),
            (r#"{"success":false,"data":null,"message":"Order expired"}"#, "Order expired"),
            (r#"{"responseData":null,"errors":["Order","expired"],"code":"REQ0001"}"#, "Order expired"),
            (r#"{"errors":{"orderId":"?"}}"#, ""),
        ] {
            let error = judged(422, body).err().unwrap();
            assert_eq!(error, Error::Refused { call: "GET order", status: 422, message: told.to_owned() });
        }
    }

    #[test]
    fn what_is_not_cleengs_own_no_is_never_a_refusal() {
        for (status, body) in [
            (404, "<html>not here</html>"),
            (400, ""),
            (302, ""),
            (409, r#"{"message":"exists"}"#),
            (408, "{}"),
            (502, "<html>"),
            (200, r#"{"success":false,"message":"no"}"#),
            (200, "<html>welcome</html>"),
            (200, r#"{"order":{"id":7"#),
        ] {
            let error = judged(status, body).err().unwrap();
            assert!(error.may_have_happened() && !error.is_refusal(), "{status} {body}: {error}");
        }
    }

    #[test]
    fn a_resource_is_read_bare_and_in_every_envelope() {
        #[derive(serde::Deserialize)]
        struct Thing {
            id: u32,
        }
        for body in [
            r#"{"id":7}"#,
            r#"{"success":true,"message":"","order":{"id":7}}"#,
            r#"{"responseData":{"id":7},"errors":[]}"#,
        ] {
            assert_eq!(judged(200, body).unwrap().resource::<Thing>("order").unwrap().id, 7);
        }
        for body in [r#"[{"id":7}]"#, r#"{"success":true,"data":[{"id":7}]}"#, r#" {"items":[{"id":7}]}"#] {
            assert_eq!(judged(200, body).unwrap().list::<Thing>().unwrap()[0].id, 7);
        }
        for body in ["", "null", "[]", r#"{"order":{}}"#] {
            assert!(judged(200, body).unwrap().resource::<Thing>("order").is_err(), "{body}");
        }
    }
}
