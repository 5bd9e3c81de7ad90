//! Ends a subscription: nothing new may be charged, what is open is voided, and Cleeng takes the access away.

use attempt::{Means, begin_end, change, release, same_period};
use cleeng::webhook::{EventData, Termination};
use cleeng::{SubscriptionStatus, TerminationKind};
use entrypoint::{Message, Outside, What};
use gateways::Routes;
use jiff::Timestamp;
use ledger::{Mapping, Standing, Subject, Written};
use payment::{Answer, Failure, SubscriptionId, Verb};
use settings::{SettingError, Settings};
use wire::Deadline;

/// What this job may use.
pub struct Terminations {
    means: Means,
    routes: Routes,
}

impl Terminations {
    /// Reads what Cleeng, the gateways and the routes need.
    pub fn from_settings(settings: &Settings, outside: &Outside) -> Result<Self, SettingError> {
        let routes = Routes::from_settings(settings)?;
        Ok(Self::with_means(entrypoint::means(settings, outside, &routes)?, routes))
    }

    /// The same with means of one's own, such as a gateway whose every move a test decides.
    pub fn with_means(means: Means, routes: Routes) -> Self {
        Self { means, routes }
    }
}

/// Serves one message.
pub async fn handle(ends: &Terminations, message: Message, deadline: Deadline) -> Result<(), Failure> {
    match message.what {
        What::Cleeng(event) => match event.data {
            EventData::Terminate(termination) => terminate(ends, &termination, deadline).await,
            _ => Err(Failure::alarm(format!("`{}` is not a termination", event.topic.as_str()))),
        },
        What::Due(_) | What::Gateway(_) | What::Review(_) => {
            Err(Failure::alarm("the message is for another job"))
        }
    }
}

/// Serves `subscriptionReadyForTermination`. The item is marked as ending first, so that a renewal which starts at the
/// same moment either sees the mark or is seen here.
async fn terminate(ends: &Terminations, asked: &Termination, deadline: Deadline) -> Result<(), Failure> {
    let means = &ends.means;
    let subscription = asked.subscription;
    let Some(mapping) = means.ledger.mapping(Subject::Subscription(subscription)).await? else {
        return terminate_unknown(ends, asked, deadline).await;
    };
    if ends.routes.get(mapping.method).is_none() || mapping.standing == Standing::Closed {
        tracing::info!(%subscription, "Nothing to end: `{subscription}` has ended, or is another connector's");
        return Ok(());
    }
    // Once the end has begun it is gone through with: what is paid meanwhile is returned.
    let begun = mapping.standing == Standing::Ending;
    if !begun && is_just_paid(&mapping, means.clock.now()) && is_alive(means, subscription, deadline).await? {
        tracing::warn!(%subscription, "A request to end `{subscription}` came too late: its renewal is paid");
        return Ok(());
    }
    let kind = kind_of(&mapping);
    let Some(mapping) = mark(means, mapping).await? else {
        return Err(Failure::retry(format!("another worker changes {subscription}")));
    };
    let (released, ended) =
        futures::join!(release(means, mapping, deadline), end_at_cleeng(means, subscription, kind, deadline));
    ended?;
    let now = means.clock.now();
    change(means, released?, |mapping| {
        mapping.standing = Standing::Closed;
        mapping.tell(now, "ended");
    })
    .await
    .map(drop)
}

/// A subscription that we never charged: nothing to void, but Cleeng waits for the word.
async fn terminate_unknown(
    ends: &Terminations,
    asked: &Termination,
    deadline: Deadline,
) -> Result<(), Failure> {
    let subscription = asked.subscription;
    let ours = match asked.method {
        Some(method) => ends.routes.get(method).is_some(),
        None => {
            let known = ends.means.cleeng.subscription(subscription, deadline).await?;
            known.and_then(|known| known.method).is_some_and(|method| ends.routes.get(method).is_some())
        }
    };
    if !ours {
        tracing::info!(%subscription, "Not ours: `{subscription}` belongs to another connector");
        return Ok(());
    }
    end_at_cleeng(&ends.means, subscription, TerminationKind::UserCancel, deadline).await
}

/// Marks the item; `None` if somebody wrote in between.
async fn mark(means: &Means, mut mapping: Mapping) -> Result<Option<Mapping>, Failure> {
    if mapping.standing == Standing::Ending {
        return Ok(Some(mapping));
    }
    begin_end(&mut mapping, means.clock.now());
    match attempt::write(means, mapping).await? {
        Written::Done(mapping) => Ok(Some(mapping)),
        Written::Lost(_) => Ok(None),
    }
}

/// Tells Cleeng. One that has ended already is as good.
async fn end_at_cleeng(
    means: &Means,
    subscription: SubscriptionId,
    kind: TerminationKind,
    deadline: Deadline,
) -> Result<(), Failure> {
    match means.cleeng.terminate(subscription, kind, deadline).await {
        Ok(()) => Ok(()),
        Err(error) if error.is_refusal() => match means.cleeng.subscription(subscription, deadline).await? {
            None => Ok(()),
            Some(it) if it.status == SubscriptionStatus::Terminated => Ok(()),
            Some(_) => Err(Failure::alarm(format!("Cleeng will not end {subscription}")).because(error)),
        },
        Err(error) => Err(error.into()),
    }
}

/// Whether a request to end may have been sent before the renewal was paid: within the days around the period's end.
/// One that comes a whole period later cannot.
fn is_just_paid(mapping: &Mapping, now: Timestamp) -> bool {
    is_paid(mapping) && mapping.period_end.is_some_and(|end| now < end || same_period(end, now))
}

/// Whether the period's renewal has been taken.
fn is_paid(mapping: &Mapping) -> bool {
    mapping.attempts.iter().any(|attempt| {
        let taken = matches!(attempt.intention.verb, Verb::Charge | Verb::Capture);
        taken && matches!(attempt.answer(), Some(Answer::Approved(_)))
    })
}

/// Asked only where a request to end meets a paid renewal: Cleeng's own word decides which was later.
async fn is_alive(means: &Means, subscription: SubscriptionId, deadline: Deadline) -> Result<bool, Failure> {
    let now = means.clock.now();
    let known = means.cleeng.subscription(subscription, deadline).await?;
    Ok(known.is_some_and(|known| {
        known.status == SubscriptionStatus::Active && known.ends.is_none_or(|ends| ends > now)
    }))
}

/// Why it ends: Cleeng asks for no renewal of a subscription that its customer stopped, so tries that were refused
/// tell the one from the other without another call.
fn kind_of(mapping: &Mapping) -> TerminationKind {
    let refused = mapping.attempts.iter().any(|attempt| {
        matches!(attempt.intention.verb, Verb::Authorise | Verb::Charge | Verb::Capture)
            && matches!(attempt.answer(), Some(Answer::Declined(_)))
    });
    if refused && !is_paid(mapping) { TerminationKind::PaymentCancel } else { TerminationKind::UserCancel }
}
