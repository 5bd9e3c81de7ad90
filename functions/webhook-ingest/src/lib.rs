//! Takes in what Cleeng and the gateways say: verify over the raw bytes, keep and queue at once, answer 200 when it is safe.
//!
//! Nothing is looked up and nothing is decided here; whatever happens later cannot lose an event that was answered 200.

mod cleeng_event;
mod gateway_news;
mod safe;

use std::sync::Arc;

use bytes::Bytes;
use cleeng::WebhookSettings;
use cleeng::webhook::Verifier;
use entrypoint::Outside;
use entrypoint::http::{Refusal, WEBHOOK_BYTES_MAX, answer};
use gateways::{Routes, WebhookReader};
use http::{Method, Request, Response, StatusCode};
use ledger::Ledger;
use queue::Queue;
use secrecy::{ExposeSecret, SecretString};
use settings::{SettingError, Settings};
use subtle::ConstantTimeEq;
use wire::Clock;

/// What this job may use: webhook secrets, the events of the table, the queues. No key that moves money.
pub struct Ingest {
    ledger: Arc<dyn Ledger>,
    queue: Arc<dyn Queue>,
    clock: Arc<dyn Clock>,
    cleeng: Verifier,
    gateways: Vec<Arc<dyn WebhookReader>>,
    routes: Routes,
    path_key: Option<SecretString>,
}

impl Ingest {
    /// Reads `CLEENG_WEBHOOK_*`, the gateways' webhook secrets, `PAYMENT_METHODS` and `WEBHOOK_PATH_KEY`.
    pub fn from_settings(settings: &Settings, outside: &Outside) -> Result<Self, SettingError> {
        let routes = Routes::from_settings(settings)?;
        Ok(Self {
            ledger: outside.ledger.clone(),
            queue: outside.queue.clone(),
            clock: outside.clock.clone(),
            cleeng: Verifier::new(WebhookSettings::from_settings(settings)?),
            gateways: entrypoint::webhook_readers(settings, &routes)?,
            routes,
            path_key: settings.optional("WEBHOOK_PATH_KEY")?.map(SecretString::from),
        })
    }
}

/// `POST /webhooks/{source}`, or `/webhooks/{source}/{key}` where a path key is set.
pub async fn handle(ingest: &Ingest, request: Request<Bytes>) -> Response<Bytes> {
    let path = request.uri().path().to_owned();
    let mut parts = path.trim_matches('/').split('/');
    let (Some("webhooks"), Some(source)) = (parts.next(), parts.next()) else {
        return answer::<()>(Err(Refusal::path("Webhooks are posted to /webhooks/{source}.")));
    };
    if request.method() != Method::POST
        || !opens(ingest.path_key.as_ref(), parts.next())
        || parts.next().is_some()
    {
        return answer::<()>(Err(Refusal::path("There is no such webhook address.")));
    }
    if request.body().len() > WEBHOOK_BYTES_MAX {
        return refused(source, StatusCode::PAYLOAD_TOO_LARGE, "the body is too long");
    }
    if source == "cleeng" {
        return cleeng_event::take_in(ingest, &request).await;
    }
    match ingest.gateways.iter().find(|reader| reader.name().as_str() == source) {
        Some(reader) => gateway_news::take_in(ingest, reader.as_ref(), &request).await,
        None => answer::<()>(Err(Refusal::path("No gateway of this name is set up here."))),
    }
}

/// The second lock: an unguessable path segment, compared in constant time.
fn opens(key: Option<&SecretString>, given: Option<&str>) -> bool {
    match (key, given) {
        (None, None) => true,
        (Some(key), Some(given)) => key.expose_secret().as_bytes().ct_eq(given.as_bytes()).into(),
        _ => false,
    }
}

/// Not believed, or not readable: the sender hears so, and the operator sees it counted.
pub(crate) fn refused(source: &str, status: StatusCode, why: &str) -> Response<Bytes> {
    tracing::warn!(source, alarm = "webhook_rejected", why, "Refused a webhook of `{source}`: {why}");
    tracing::info!(target: "metric", name = "WebhookRejected", value = 1_u64, source);
    let body = serde_json::json!({ "errors": [why] });
    entrypoint::http::json_response(status, &body)
}
