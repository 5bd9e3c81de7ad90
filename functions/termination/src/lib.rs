//! Ends a subscription: nothing new may be charged, what is open is voided, and Cleeng takes the access away.

use attempt::{Ending, Means, end, end_at_cleeng, is_taken, mark_unserved, reason, same_period};
use cleeng::webhook::{EventData, Termination};
use cleeng::{Subscription, SubscriptionStatus, TerminationKind};
use entrypoint::{Message, Outside, What, managed};
use gateways::Routes;
use jiff::Timestamp;
use ledger::{Mapping, Standing, Subject};
use payment::Failure;
use settings::{SettingError, Settings};
use wire::Deadline;

/// What this job may use.
pub struct Terminations {
    means: Means,
    routes: Routes,
    forget_ended: bool,
}

impl Terminations {
    /// Reads what Cleeng, the gateways and the routes need, and `FORGET_TOKENS` (`ended`: the card goes with the last
    /// subscription that it pays).
    pub fn from_settings(settings: &Settings, outside: &Outside) -> Result<Self, SettingError> {
        let routes = Routes::from_settings(settings)?;
        let forget_ended = managed::forget_tokens(settings)?.ended;
        let means = entrypoint::means(settings, outside, &routes)?;
        Ok(Self { forget_ended, ..Self::with_means(means, routes) })
    }

    /// The same with means of one's own, such as a gateway whose every move a test decides.
    pub fn with_means(means: Means, routes: Routes) -> Self {
        Self { means, routes, forget_ended: false }
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
    let Some(mut mapping) = means.ledger.mapping(Subject::Subscription(subscription)).await? else {
        return terminate_unknown(ends, asked, deadline).await;
    };
    if ends.routes.get(mapping.method).is_none() || mapping.standing == Standing::Closed {
        tracing::info!(%subscription, "Nothing to end: `{subscription}` has ended, or is another connector's");
        return Ok(());
    }
    // Once the end has begun it is gone through with: what is paid meanwhile is returned.
    let begun = mapping.standing == Standing::Ending;
    let now = means.clock.now();
    // Only where a request to end meets a paid or later renewal: Cleeng's own word decides which was later.
    if !begun
        && may_be_outdated(asked, &mapping, now)
        && let Some(theirs) = means.cleeng.subscription(subscription, deadline).await?
    {
        if is_alive(&theirs, now) {
            tracing::warn!(%subscription, "A request to end `{subscription}` came too late: it is paid and lives");
            return Ok(());
        }
        mapping = mark_unserved(means, mapping, &theirs).await?;
    }
    let ending = Ending { kind: Some(reason(&mapping)), forget_card: ends.forget_ended };
    end(means, mapping, ending, deadline).await
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
    end_at_cleeng(&ends.means.cleeng, subscription, TerminationKind::UserCancel, deadline).await
}

/// Whether the request may have been sent before the renewal was paid, or before Cleeng heard of that: it ends the period that
/// was to be renewed, or an earlier one. Where it does not say which, one that comes a whole period later was not.
fn may_be_outdated(asked: &Termination, mapping: &Mapping, now: Timestamp) -> bool {
    let Some(due) = mapping.period_end else { return false };
    match asked.period_end {
        Some(ends) if same_period(due, ends) => is_taken(mapping),
        Some(ends) => ends < due,
        None => is_taken(mapping) && (now < due || same_period(due, now)),
    }
}

fn is_alive(theirs: &Subscription, now: Timestamp) -> bool {
    theirs.status == SubscriptionStatus::Active && theirs.ends.is_none_or(|ends| ends > now)
}
