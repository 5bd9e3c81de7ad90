//! A webhook of Cleeng's: which job it is for.

use bytes::Bytes;
use cleeng::webhook::{self, Event, EventData};
use entrypoint::http::plain_response;
use entrypoint::{Message, What};
use http::{Request, Response, StatusCode};
use queue::Job;

use crate::safe::make_safe;
use crate::{Ingest, refused};

pub(crate) async fn take_in(ingest: &Ingest, request: &Request<Bytes>) -> Response<Bytes> {
    if let Err(rejected) = ingest.cleeng.verify(request.headers(), request.body()) {
        return refused("cleeng", StatusCode::UNAUTHORIZED, &rejected.to_string());
    }
    let event = match webhook::read(request.body()) {
        Ok(event) => event,
        // Signed, and still not an event: sending it again would not help, but a 200 would lose it.
        Err(unreadable) => return refused("cleeng", StatusCode::BAD_REQUEST, &unreadable.to_string()),
    };
    if !ingest.cleeng.is_of_this_publisher(&event) {
        return refused("cleeng", StatusCode::FORBIDDEN, "the event is of another publisher");
    }
    let received = ingest.clock.now();
    let (digest, topic) = (event.digest.clone(), event.topic.as_str().to_owned());
    let job = job_of(ingest, &event);
    tracing::info!(topic = %topic, job = job.map(Job::as_str), "Took in `{topic}`");
    let text = match Message::new(received, What::Cleeng(event)).to_text() {
        Ok(text) => text,
        Err(error) => return refused("cleeng", StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    };
    match make_safe(ingest, digest, format!("cleeng/{topic}"), text, job, received).await {
        Ok(()) => plain_response(StatusCode::OK, "text/plain", "OK"),
        Err(failure) => {
            tracing::error!(topic = %topic, "An event could not be made safe: {}", failure.chain());
            plain_response(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "not kept, send it again")
        }
    }
}

/// The job that a topic is for; none for unknown topics and for payment methods of another connector, which are only kept.
fn job_of(ingest: &Ingest, event: &Event) -> Option<Job> {
    let foreign = event.data.method().is_some_and(|method| ingest.routes.get(method).is_none());
    if foreign {
        tracing::info!(
            topic = event.topic.as_str(),
            "Not ours: the payment method belongs to another connector"
        );
        return None;
    }
    match event.data {
        EventData::Authorise(_) | EventData::Capture(_) => Some(Job::RecurringCapture),
        EventData::Terminate(_) => Some(Job::Termination),
        EventData::Refund(_) | EventData::CapturePayment(_) | EventData::DetailsDeactivated(_) => {
            Some(Job::Settlement)
        }
        EventData::Other => None,
    }
}
