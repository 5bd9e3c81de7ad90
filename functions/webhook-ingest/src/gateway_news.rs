//! A webhook of a gateway's: one delivery may carry several pieces of news, and all must be safe before it is answered.

use bytes::Bytes;
use entrypoint::http::plain_response;
use entrypoint::{Message, What};
use futures::future::try_join_all;
use gateways::{News, NewsKind, WebhookError, WebhookReader, WebhookRequest};
use http::{Request, Response, StatusCode};
use jiff::Timestamp;
use payment::Failure;
use queue::Job;
use sha2::{Digest, Sha256};

use crate::safe::make_safe;
use crate::{Ingest, refused};

pub(crate) async fn take_in(
    ingest: &Ingest,
    reader: &dyn WebhookReader,
    request: &Request<Bytes>,
) -> Response<Bytes> {
    let name = reader.name();
    let received = ingest.clock.now();
    let delivery = WebhookRequest { headers: request.headers(), body: request.body(), now: received };
    let news = match reader.read(&delivery) {
        Ok(news) => news,
        Err(error) => {
            let status = match error {
                WebhookError::Signature | WebhookError::Stale { .. } => StatusCode::UNAUTHORIZED,
                WebhookError::WrongMode => StatusCode::FORBIDDEN,
                WebhookError::Unreadable(_) => StatusCode::BAD_REQUEST,
            };
            return refused(name.as_str(), status, &error.to_string());
        }
    };
    let kept = news.into_iter().map(|item| keep(ingest, item, received));
    match try_join_all(kept).await {
        Ok(_) => plain_response(StatusCode::OK, "text/plain", reader.acknowledgement()),
        Err(failure) => {
            tracing::error!(gateway = %name, "News could not be made safe: {}", failure.chain());
            plain_response(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "not kept, send it again")
        }
    }
}

async fn keep(ingest: &Ingest, news: News, received: Timestamp) -> Result<(), Failure> {
    let digest = hex::encode(Sha256::digest(format!("{}/{}", news.gateway, news.id)));
    let topic = format!("{}/{}", news.gateway, news.event);
    let job = (news.kind != NewsKind::Ignored).then_some(Job::Settlement);
    tracing::info!(topic = %topic, job = job.map(Job::as_str), "Took in `{topic}`");
    let text = Message::new(received, What::Gateway(news))
        .to_text()
        .map_err(|error| Failure::alarm("news cannot be written as a message").because(error))?;
    make_safe(ingest, digest, topic, text, job, received).await
}
