//! The MediaStore API as far as a connector needs it: customers' tokens (HS256) and the customer that proves one.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use super::answer::json as answer;
use super::deliveries::hmac_sha256;
use super::state::State;

/// A token for a customer, good for so many seconds (less than nothing makes an expired one).
pub(super) fn issue(state: &State, customer: u64, seconds: i64) -> String {
    let now = state.now.as_second();
    let encode = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "customerId": customer, "publisherId": state.settings.publisher_id, "iat": now, "exp": now.saturating_add(seconds),
    });
    let signed = format!("{}.{}", encode(json!({"typ": "JWT", "alg": "HS256"})), encode(claims));
    let signature = BASE64_URL_SAFE_NO_PAD.encode(hmac_sha256(&state.settings.jwt_secret, signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// `GET /customers/{id}`: for that customer alone.
pub(super) fn customer(state: &State, id: u64, headers: &HeaderMap) -> http::Response<bytes::Bytes> {
    let refused = |status, code: &str, what: &str| {
        answer(status, &json!({"responseData": null, "errors": [what], "code": code}))
    };
    let bearer = headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(token) = bearer.and_then(|text| text.strip_prefix("Bearer ")) else {
        return refused(StatusCode::UNAUTHORIZED, "AUTH0001", "Missing token");
    };
    let Some(claims) = claims(state, token) else {
        return refused(StatusCode::UNAUTHORIZED, "AUTH0002", "Invalid token");
    };
    if claims.exp <= state.now.as_second() {
        return refused(StatusCode::UNAUTHORIZED, "AUTH0003", "Expired token");
    }
    match state.customers.get(&id) {
        Some(known) if claims.customer_id == id => answer(
            StatusCode::OK,
            &json!({
                "responseData": {"id": id.to_string(), "email": known.email, "country": known.country, "currency": "EUR"},
                "errors": [],
            }),
        ),
        _ => refused(StatusCode::FORBIDDEN, "AUTH0002", "Access denied"),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Claims {
    customer_id: u64,
    exp: i64,
}

fn claims(state: &State, token: &str) -> Option<Claims> {
    let (signed, signature) = token.rsplit_once('.')?;
    let given = BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?;
    let made = hmac_sha256(&state.settings.jwt_secret, signed.as_bytes());
    let (_, claims) = signed.split_once('.')?;
    bool::from(made.ct_eq(&given))
        .then(|| serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?).ok())?
}
