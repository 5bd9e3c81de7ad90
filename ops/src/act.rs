//! What an operator makes happen. Each goes through the same code as the functions, and says first what it would do.

use std::time::Duration;

use attempt::{Means, Next, change, finish, next};
use cleeng::webhook::{Event, EventData, Termination, Topic};
use entrypoint::{Message, Outside, What};
use ledger::{Stage, Subject};
use payment::{Failure, Identity, SubscriptionId};
use queue::Job;
use wire::Deadline;

/// A person waits longer than a function may.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks the gateway about an attempt whose next look is due, or that is parked. One that waits is left alone: its wait
/// may be a worker's lease, and two must never ask side by side.
pub(crate) async fn resolve(means: &Means, identity: &Identity, dry_run: bool) -> Result<String, Failure> {
    let none = || Failure::refuse(format!("there is no attempt {identity}"));
    let subject = Subject::of(identity).ok_or_else(none)?;
    let mut mapping = means.ledger.mapping(subject).await?.ok_or_else(none)?;
    let attempt = mapping.attempt(identity).ok_or_else(none)?;
    let now = means.clock.now();
    match next(attempt, now) {
        Next::Nothing => return Ok(format!("{identity} is finished: {:?}", attempt.stage)),
        Next::Wait(until) => {
            return Ok(format!("{identity} is worked on, or looked at again at {until} by itself"));
        }
        Next::AwaitBuyer => return Ok(format!("{identity} waits for its buyer to authenticate")),
        Next::Person if mapping.attempt(&identity.undo()).is_some() => {
            let why = "it could not be taken back: settle it in the gateway's dashboard and in Cleeng";
            return Err(Failure::refuse(format!("{identity} cannot be resolved here, {why}")));
        }
        Next::Tell if dry_run => return Ok(format!("would tell Cleeng of {identity}")),
        Next::Resolve | Next::Person if dry_run => {
            return Ok(format!("would ask {} again about {identity}", attempt.intention.gateway));
        }
        Next::Tell | Next::Resolve => {}
        Next::Person => {
            mapping = change(means, mapping, |mapping| {
                let Some(attempt) = mapping.attempt_mut(identity) else { return };
                // Asked once more; it is parked again if nobody knows.
                if let Stage::Parked { since, why } = &attempt.stage {
                    attempt.stage = Stage::Unknown { since: *since, why: why.clone() };
                    mapping.tell(now, format!("{identity}: an operator asks again"));
                }
            })
            .await?;
        }
    }
    let done = finish(means, mapping, identity, Deadline::after(PATIENCE)).await?;
    Ok(format!("{identity}: {:?}", done.ended))
}

/// Queues a kept event again for its job.
pub(crate) async fn replay(outside: &Outside, digest: &str, dry_run: bool) -> Result<String, Failure> {
    let event = outside.ledger.event(digest).await?;
    let event =
        event.ok_or_else(|| Failure::refuse(format!("no event {digest} is kept: it may have expired")))?;
    let job: Option<Job> = event.job.as_deref().and_then(|name| name.parse().ok());
    let Some(job) = job else { return Ok(format!("{} is only kept: it is for no job", event.topic)) };
    let told = format!("{} of {}, for {job}", event.topic, event.received);
    if dry_run {
        return Ok(format!("would queue again: {told}"));
    }
    outside.queue.send(job, &event.message, Duration::ZERO).await?;
    Ok(format!("queued again: {told}"))
}

/// Asks the termination job to end a subscription, as Cleeng would.
pub(crate) async fn terminate(
    outside: &Outside,
    subscription: SubscriptionId,
    dry_run: bool,
) -> Result<String, Failure> {
    if dry_run {
        return Ok(format!("would ask {} to end {subscription}", Job::Termination));
    }
    let wish = Termination {
        subscription,
        customer: None,
        offer: None,
        method: None,
        details: None,
        period_end: None,
    };
    let event = Event {
        topic: Topic::Terminate,
        publisher: None,
        digest: format!("operator-{subscription}"),
        data: EventData::Terminate(wish),
    };
    let text = Message::new(outside.clock.now(), What::Cleeng(event))
        .to_text()
        .map_err(|error| Failure::alarm("the message cannot be written").because(error))?;
    outside.queue.send(Job::Termination, &text, Duration::ZERO).await?;
    Ok(format!("asked {} to end {subscription}", Job::Termination))
}
