//! The door of the API: key, version, idempotency and the official description, then the route.

use bytes::Bytes;
use http::header::HeaderName;
use http::{Method, Request, Response};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::Value;

use super::AdyenAccount;
use super::answer::Answer;
use super::faults::{take, unauthorised};
use super::state::{Recall, State};
use super::{modifications, payments, schema, stored};

/// Answers a request to the API.
pub(super) fn api(
    account: &AdyenAccount,
    state: &mut State,
    now: Timestamp,
    request: &Request<Bytes>,
) -> Response<Bytes> {
    let path = request.uri().path();
    let Some((_, route)) = path.split_once("/v71/") else {
        return Answer::error(404, "000", "validation", "Not found").sent(&[]);
    };
    let fault = take(&mut state.faults, route);
    if let Some(fault) = fault.filter(|fault| !fault.acts()) {
        return fault.answer().sent(&[]);
    }
    let (answer, replayed) = answer(account, state, now, route, request);
    if let Some(fault) = fault {
        return fault.answer().sent(&[]);
    }
    let headers: Vec<_> = replayed.map(|key| (HeaderName::from_static(KEY), key)).into_iter().collect();
    answer.sent(&headers)
}

const KEY: &str = "idempotency-key";
const KEY_MAX: usize = 64;

/// The answer, and the key where it was handled by one.
fn answer(
    account: &AdyenAccount,
    state: &mut State,
    now: Timestamp,
    route: &str,
    request: &Request<Bytes>,
) -> (Answer, Option<String>) {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    if header("x-api-key") != Some(account.api_key.expose_secret()) {
        return (unauthorised(), None);
    }
    if request.method() != Method::POST {
        return (stored::stored(account, state, now, route, request), None);
    }
    if header("content-type").is_none_or(|kind| !kind.starts_with("application/json")) {
        state.violate(format!("{route}: the content type is not JSON"));
        return (Answer::error(415, "000", "validation", "Unsupported media type"), None);
    }
    let key = header(KEY).map(str::to_owned);
    if key.as_ref().is_some_and(|key| key.len() > KEY_MAX) {
        state.violate(format!("{route}: the idempotency key is longer than {KEY_MAX}"));
        return (Answer::invalid("702", "The idempotency key is too long"), None);
    }
    let seen = [route.as_bytes(), b"\n", request.body()].concat();
    if let Some(key) = &key {
        match state.recall(key, &seen, now) {
            Recall::Same(answer) => return (answer, Some(key.clone())),
            Recall::Other => {
                state.violate(format!("{route}: a key was used for another request before"));
                return (Answer::invalid("704", "request already processed or in progress"), None);
            }
            Recall::New => {}
        }
    } else if route != "paymentMethods" {
        state.violate(format!("{route}: a write without an idempotency key"));
    }
    let answer = match serde_json::from_slice::<Value>(request.body()) {
        Ok(body) => act(account, state, now, route, &body, request),
        Err(_) => Answer::error(400, "702", "validation", "Unexpected input"),
    };
    if let (Some(key), true) = (&key, answer.is_success()) {
        state.remember(key.clone(), seen, answer.clone(), now);
    }
    (answer, key)
}

fn act(
    account: &AdyenAccount,
    state: &mut State,
    now: Timestamp,
    route: &str,
    body: &Value,
    request: &Request<Bytes>,
) -> Answer {
    let parts: Vec<_> = route.split('/').collect();
    let schema = match parts.as_slice() {
        ["payments"] => "PaymentRequest",
        ["payments", "details"] => "PaymentDetailsRequest",
        ["payments", _, "captures"] => "PaymentCaptureRequest",
        ["payments", _, "cancels"] => "PaymentCancelRequest",
        ["payments", _, "refunds"] => "PaymentRefundRequest",
        ["cancels"] => "StandalonePaymentCancelRequest",
        ["paymentMethods"] => "PaymentMethodsRequest",
        _ => return Answer::error(404, "000", "validation", "Not found"),
    };
    if let Some(complaint) = schema::complaint(schema, body) {
        state.violate(complaint);
        return Answer::invalid("702", "The request does not fit the description");
    }
    let merchant = body.get("merchantAccount").and_then(Value::as_str);
    let known =
        merchant.is_some_and(|merchant| account.merchant_accounts.iter().any(|known| known == merchant));
    if !known && schema != "PaymentDetailsRequest" {
        return Answer::error(403, "901", "security", "Invalid Merchant Account");
    }
    match parts.as_slice() {
        ["payments"] => payments::pay(account, state, now, body, &base(request)),
        ["payments", "details"] => payments::details(account, state, now, body),
        ["payments", psp, "captures"] => modifications::capture(account, state, now, psp, body),
        ["payments", psp, "cancels"] => modifications::cancel(account, state, now, psp, body),
        ["payments", psp, "refunds"] => modifications::refund(account, state, now, psp, body),
        ["cancels"] => modifications::cancel_by_reference(account, state, now, body),
        _ => stored::payment_methods(),
    }
}

/// Where a browser finds this simulator: what the request was sent to, up to the API's version.
fn base(request: &Request<Bytes>) -> String {
    let uri = request.uri();
    let host = request.headers().get("host").and_then(|host| host.to_str().ok());
    let host = uri.authority().map(http::uri::Authority::as_str).or(host).unwrap_or("localhost");
    let prefix = uri.path().split_once("/v71/").map_or("", |(prefix, _)| prefix);
    format!("{}://{host}{prefix}", uri.scheme_str().unwrap_or("http"))
}
