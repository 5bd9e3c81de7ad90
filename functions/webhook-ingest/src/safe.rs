//! Makes an event safe: kept in the ledger and queued, both at once; one durable copy is enough for a 200.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ledger::KeptEvent;
use payment::Failure;
use queue::Job;

use crate::Ingest;

/// How long an event is kept: longer than any sender repeats it, and long enough for a question from support.
const KEPT: SignedDuration = SignedDuration::from_hours(60 * 24);

/// Keeps the event and queues its message, side by side. `Ok` means that it cannot be lost any more.
pub(crate) async fn make_safe(
    ingest: &Ingest,
    digest: String,
    topic: String,
    message: String,
    job: Option<Job>,
    received: Timestamp,
) -> Result<(), Failure> {
    let event = KeptEvent {
        digest,
        topic,
        job: job.map(|job| job.as_str().to_owned()),
        message,
        received,
        expires: received.checked_add(KEPT).unwrap_or(Timestamp::MAX),
    };
    let Some(job) = job else {
        ingest.ledger.keep_event(&event).await?;
        return Ok(());
    };
    let (kept, queued) = futures::join!(
        ingest.ledger.keep_event(&event),
        ingest.queue.send(job, &event.message, Duration::ZERO)
    );
    match (kept, queued) {
        (Ok(_), Ok(())) => Ok(()),
        (Err(error), Ok(())) => {
            tracing::warn!(topic = %event.topic, "An event is queued but not kept: {error}");
            Ok(())
        }
        // The timer queues it; without the mark nobody would, and the sender must send it again.
        (Ok(_), Err(error)) => {
            tracing::warn!(topic = %event.topic, "An event is kept but not queued, the timer will: {error}");
            Ok(ingest.ledger.mark_event(&event.digest, Some(received)).await?)
        }
        (Err(error), Err(_)) => Err(error.into()),
    }
}
