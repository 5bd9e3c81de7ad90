//! The HTTP entry: bounded bodies, Cleeng's envelope, and every failure as a status, a code and a sentence that says what to do.

use std::time::Duration;

use bytes::Bytes;
use gateways::GatewayError;
use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use lambda_http::request::RequestContext;
use lambda_http::{Body, Error, RequestExt};
use payment::{Failure, GatewayName, WhoActs, holds_card_number};
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_json::{Value, json};
use settings::{SettingError, Settings};
use url::Url;
use wire::Deadline;

/// The largest body that a front end may send.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// The largest body that a webhook may have.
pub const WEBHOOK_BYTES_MAX: usize = 256 * 1024;

/// When what is not decided, or not served now, is worth another request.
const SOON_SECONDS: u32 = 2;

/// The address of the caller, as the platform saw it; put into a request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct CallerAddress(pub std::net::IpAddr);

/// Why a request is not served, as its caller reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: StatusCode,
    /// A code of Cleeng's front-end vocabulary (`REQ0001`, `STRIPE0002`).
    pub code: String,
    /// One sentence that says what to do.
    pub message: String,
    /// After how many seconds the same request may be sent again, where that helps.
    pub retry_after_seconds: Option<u32>,
}

impl Refusal {
    fn new(status: StatusCode, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), retry_after_seconds: None }
    }

    /// 400 `REQ0001`: the body.
    pub fn body(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "REQ0001", message)
    }

    /// 404 `REQ0003`: the path.
    pub fn path(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "REQ0003", message)
    }

    /// 401 `AUTH0001`: no customer token.
    pub fn token_missing() -> Self {
        let message = "Send the customer's token as `Authorization: Bearer …`.";
        Self::new(StatusCode::UNAUTHORIZED, "AUTH0001", message)
    }

    /// 401 `AUTH0002`: not a token of this publisher.
    pub fn token_invalid() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "AUTH0002", "The customer's token is not valid: log in again.")
    }

    /// 401 `AUTH0003`: an expired token.
    pub fn token_expired() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "AUTH0003",
            "The customer's token has expired: refresh it or log in again.",
        )
    }

    /// 422 `<GATEWAY>0001`: no such order, or not one that this customer can pay.
    pub fn order(gateway: &GatewayName, message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, numbered(gateway, "0001"), message)
    }

    /// 422 `<GATEWAY>0002`: refused. The same sentence for every refusal, so that nobody can test cards here.
    pub fn refused(gateway: &GatewayName) -> Self {
        let message =
            "The payment was not accepted. Nothing was charged. Try another card, or ask your bank.";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, numbered(gateway, "0002"), message)
    }

    /// 422 `<GATEWAY>0003`: given up by the buyer.
    pub fn cancelled(gateway: &GatewayName) -> Self {
        let message = "The payment was cancelled. Nothing was charged.";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, numbered(gateway, "0003"), message)
    }

    /// 422 `<GATEWAY>0004`: cannot be served as asked.
    pub fn unservable(gateway: &GatewayName, message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, numbered(gateway, "0004"), message)
    }

    /// 429 `<GATEWAY>0004`: too many tries.
    pub fn too_many(gateway: &GatewayName, message: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, numbered(gateway, "0004"), message)
    }

    /// 503 `<GATEWAY>0005`: not now; nothing is lost and the same request may be sent again.
    pub fn later(gateway: &GatewayName) -> Self {
        let message = "The payment could not be processed right now. Nothing is lost: send the same request again in a moment.";
        let refusal = Self::new(StatusCode::SERVICE_UNAVAILABLE, numbered(gateway, "0005"), message);
        Self { retry_after_seconds: Some(SOON_SECONDS), ..refusal }
    }

    /// What a failure means to the caller; its chain goes to the log, not to them.
    pub fn from_failure(gateway: &GatewayName, failure: &Failure) -> Self {
        match failure.who_acts() {
            WhoActs::Retry { .. } => {
                tracing::warn!(%gateway, "A request is put off: {}", failure.chain());
                Self::later(gateway)
            }
            WhoActs::Refuse => {
                tracing::info!(%gateway, "A request is refused: {}", failure.chain());
                Self::unservable(
                    gateway,
                    "The request cannot be served as it is. Check the payment data and send it again.",
                )
            }
            WhoActs::Alarm => {
                tracing::error!(%gateway, alarm = "request", "A request failed: {}", failure.chain());
                let message = "The payment could not be processed. The operator has been told.";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, numbered(gateway, "0005"), message)
            }
        }
    }

    /// What a gateway's error means to the caller.
    pub fn from_gateway(gateway: &GatewayName, error: GatewayError) -> Self {
        Self::from_failure(gateway, &error.into())
    }
}

/// The answer in Cleeng's envelope: `{"responseData":…,"errors":[]}`, on failure with a `code`.
pub fn answer<T: Serialize>(result: Result<T, Refusal>) -> Response<Bytes> {
    match result {
        Ok(data) => envelope(StatusCode::OK, &data),
        Err(refusal) => {
            let body = json!({ "responseData": null, "errors": [refusal.message], "code": refusal.code });
            let mut response = json_response(refusal.status, &body);
            if let Some(seconds) = refusal.retry_after_seconds {
                response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            }
            response
        }
    }
}

/// A success of any status in Cleeng's envelope. 202 says when to ask again.
pub fn envelope<T: Serialize>(status: StatusCode, data: &T) -> Response<Bytes> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Envelope<'a, T> {
        response_data: &'a T,
        errors: [(); 0],
    }
    match serde_json::to_string(&Envelope { response_data: data, errors: [] }) {
        Ok(body) => {
            let mut response = plain_response(status, "application/json", body);
            if status == StatusCode::ACCEPTED {
                response.headers_mut().insert(header::RETRY_AFTER, SOON_SECONDS.into());
            }
            response
        }
        Err(error) => {
            tracing::error!(alarm = "request", "An answer cannot be written as JSON: {error}");
            plain_response(StatusCode::INTERNAL_SERVER_ERROR, "application/json", "{}")
        }
    }
}

/// A JSON answer.
pub fn json_response(status: StatusCode, body: &Value) -> Response<Bytes> {
    plain_response(status, "application/json", body.to_string())
}

/// An answer of any kind; never cached.
pub fn plain_response(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}

/// Reads a front end's JSON body. Too long, not JSON, of another shape, or with a card number in it: refused, and
/// never repeated in the refusal.
pub fn read_body<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    if body.len() > BODY_BYTES_MAX {
        return Err(Refusal::body(format!("The body is longer than {BODY_BYTES_MAX} bytes.")));
    }
    let text = std::str::from_utf8(body).map_err(|_| Refusal::body("The body is not UTF-8."))?;
    if holds_card_number(text) {
        let message = "Never send a card number here. Use the gateway's own fields, which give you a token.";
        return Err(Refusal::body(message));
    }
    // serde takes an array for a struct's members in their order.
    if !text.trim_start().starts_with('{') {
        return Err(Refusal::body("The body is not a JSON object."));
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let body = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        // Only members that we know can be of a wrong shape, so the path holds nothing of the sender's.
        let member = error.path().to_string();
        let error = error.into_inner();
        match error.classify() {
            Category::Data if member == "." => {
                Refusal::body(format!("The body has not the expected shape: {}.", shape(&error)))
            }
            Category::Data => {
                Refusal::body(format!("The body has not the expected shape: `{member}`: {}.", shape(&error)))
            }
            _ => not_json(&error),
        }
    })?;
    reader.end().map_err(|error| not_json(&error))?;
    Ok(body)
}

fn not_json(error: &serde_json::Error) -> Refusal {
    Refusal::body(format!("The body is not JSON at line {}, column {}.", error.line(), error.column()))
}

/// The customer's token of a request.
pub fn bearer(request: &Request<Bytes>) -> Result<SecretString, Refusal> {
    let value = request.headers().get(header::AUTHORIZATION).ok_or_else(Refusal::token_missing)?;
    let text = value.to_str().map_err(|_| Refusal::token_invalid())?;
    let (scheme, token) = text.trim().split_once(' ').ok_or_else(Refusal::token_invalid)?;
    if !scheme.eq_ignore_ascii_case("bearer") || token.trim().is_empty() {
        return Err(Refusal::token_invalid());
    }
    Ok(SecretString::from(token.trim()))
}

/// Where redirects may come back to (`RETURN_URLS`, a comma-separated list of origins such as `https://shop.example.com`).
#[derive(Clone, Debug)]
pub struct ReturnUrls(Vec<url::Origin>);

impl ReturnUrls {
    /// Reads `RETURN_URLS`. There is no "any": an open redirect with payment data in its query helps a thief.
    pub fn from_settings(settings: &Settings) -> Result<Self, SettingError> {
        const NAME: &str = "RETURN_URLS";
        let mut origins = Vec::new();
        for text in settings.required(NAME)?.split(',') {
            let url: Url = text.trim().parse().map_err(|error| SettingError::malformed(NAME, error))?;
            if !matches!(url.scheme(), "http" | "https") {
                return Err(SettingError::malformed(NAME, "each value is an http(s) origin"));
            }
            origins.push(url.origin());
        }
        Ok(Self(origins))
    }

    /// Refuses a return address of any other origin.
    pub fn check(&self, url: &Url) -> Result<(), Refusal> {
        if self.0.contains(&url.origin()) {
            return Ok(());
        }
        Err(Refusal::body(
            "The returnUrl is not on the list of this deployment: its operator adds it to RETURN_URLS.",
        ))
    }
}

/// Kept back so that the answer still gets out before the platform gives up on the function.
const ANSWER_TIME: Duration = Duration::from_secs(1);
/// API Gateway gives up on an HTTP API's integration after 30 s, whatever the function's own time-out.
const FRONT_DOOR_TIME: Duration = Duration::from_secs(29);

/// Runs an HTTP function on Lambda.
pub async fn run<F>(handle: impl Fn(Request<Bytes>, Deadline) -> F + Sync) -> Result<(), Error>
where
    F: Future<Output = Response<Bytes>> + Send,
{
    let handle = &handle;
    let serve = move |request: lambda_http::Request| async move {
        let left = request.lambda_context_ref().map_or(FRONT_DOOR_TIME, crate::batch::time_left);
        let deadline = Deadline::after(left.min(FRONT_DOOR_TIME).saturating_sub(ANSWER_TIME));
        let response = handle(plain_request(request).await?, deadline).await;
        crate::metrics::flush();
        Ok::<_, Error>(response.map(|body| Body::Binary(body.to_vec())))
    };
    lambda_http::run(lambda_http::service_fn(serve)).await
}

async fn plain_request(request: lambda_http::Request) -> Result<Request<Bytes>, Error> {
    let address = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => {
            context.http.source_ip.as_deref().and_then(|ip| ip.parse().ok())
        }
        _ => None,
    };
    let (mut parts, body) = request.into_parts();
    if let Some(address) = address {
        parts.extensions.insert(CallerAddress(address));
    }
    Ok(Request::from_parts(parts, body.collect().await?.to_bytes()))
}

fn numbered(gateway: &GatewayName, number: &str) -> String {
    format!("{}{number}", gateway.as_str().to_ascii_uppercase())
}

/// serde's own words, unless they repeat a value.
fn shape(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let safe = ["missing field", "unknown field", "duplicate field", "not a valid"];
    match text.split(" at line ").next() {
        Some(words) if safe.iter().any(|start| words.starts_with(start)) => words.to_owned(),
        _ => "a value is of the wrong type".to_owned(),
    }
}
