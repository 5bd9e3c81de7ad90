//! Once a day each living subscription is compared with Cleeng's: a renewal whose webhook never came is made up for, a
//! hold that nobody will take is let go, and one that Cleeng has ended is ended here too.

use attempt::{Begun, Means, begin, end, left_over, mark_unserved, reason, same_period};
use cleeng::webhook::Billing;
use cleeng::{Subscription, SubscriptionStatus};
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use ledger::{Attempt, Mapping, Standing, Subject};
use payment::{Failure, SubscriptionId, WhoActs};
use wire::Deadline;

use crate::{Renewals, authorise, capture, renewal};

/// Compared side by side: Cleeng's own rate is not known, and nobody waits for this.
const SIDE_BY_SIDE: usize = 8;
/// A webhook that is this late never came. Cleeng's own grace is two hours.
const OVERDUE: SignedDuration = SignedDuration::from_hours(3);

/// Compares these subscriptions. One that cannot be compared now is tomorrow's.
pub(crate) async fn review(
    renewals: &Renewals,
    subscriptions: Vec<SubscriptionId>,
    deadline: Deadline,
) -> Result<(), Failure> {
    let all = subscriptions.into_iter().map(|subscription| async move {
        if let Err(failure) = compare(renewals, subscription, deadline).await {
            match failure.who_acts() {
                WhoActs::Retry { .. } | WhoActs::Refuse => {
                    tracing::warn!(%subscription, "`{subscription}` was not compared: {}", failure.chain());
                }
                WhoActs::Alarm => {
                    tracing::error!(%subscription, alarm = "review", "`{subscription}` needs a person: {}", failure.chain());
                }
            }
        }
    });
    futures::stream::iter(all).buffer_unordered(SIDE_BY_SIDE).collect::<()>().await;
    Ok(())
}

async fn compare(renewals: &Renewals, id: SubscriptionId, deadline: Deadline) -> Result<(), Failure> {
    let means = &renewals.means;
    let kept = means.ledger.mapping(Subject::Subscription(id)).await?;
    let Some(mapping) = kept.filter(|it| matches!(it.standing, Standing::Active | Standing::Ending)) else {
        return Ok(());
    };
    let Some(theirs) = means.cleeng.subscription(id, deadline).await? else {
        return Err(Failure::alarm(format!("Cleeng does not know the subscription {id}")));
    };
    let now = means.clock.now();
    // Ended by somebody else: nothing may be charged any more, and what is held is let go.
    if theirs.status == SubscriptionStatus::Terminated {
        let mapping = mark_unserved(means, mapping, &theirs).await?;
        return end(means, mapping, renewals.ending(None), deadline).await;
    }
    // Begun and not gone through with: whatever asked for it has died.
    if mapping.standing == Standing::Ending {
        let ending = renewals.ending(Some(reason(&mapping)));
        return end(means, mapping, ending, deadline).await;
    }
    if is_over(&mapping, now)
        && let Some(void) = left_over(&mapping, now)
    {
        return let_go(means, mapping, void, deadline).await;
    }
    match missed(&mapping, &theirs, now) {
        Some(billing) => make_up(renewals, mapping, billing, theirs.ends, deadline).await,
        None => Ok(()),
    }
}

/// Its period began long ago: what is held for it is held because the customer stopped, paused or switched between
/// authorisation and capture.
fn is_over(mapping: &Mapping, now: Timestamp) -> bool {
    mapping.period_end.is_some_and(|end| end < now && !same_period(end, now))
}

async fn let_go(means: &Means, mapping: Mapping, void: Attempt, deadline: Deadline) -> Result<(), Failure> {
    match begin(means, mapping, void, None, deadline).await? {
        Begun::Done(_) => Ok(()),
        Begun::Lost(_) => Err(Failure::retry("another worker changes the subscription")),
    }
}

/// The request that should have come by now, as Cleeng itself would ask it.
fn missed(mapping: &Mapping, theirs: &Subscription, now: Timestamp) -> Option<Billing> {
    let asked = theirs.next_payment.filter(|due| due.checked_add(OVERDUE).is_ok_and(|late| late < now))?;
    let lives = theirs.status == SubscriptionStatus::Active && !theirs.externally_managed;
    let billing = renewal::billing_of(mapping, asked).ok()?;
    lives.then_some(Billing { period_end: theirs.ends, ..billing })
}

/// Serves it as if it had come. The same plan decides as for the webhook, so that a webhook which comes after all
/// finds its work done.
async fn make_up(
    renewals: &Renewals,
    mapping: Mapping,
    billing: Billing,
    ends: Option<Timestamp>,
    deadline: Deadline,
) -> Result<(), Failure> {
    let subscription = billing.subscription;
    tracing::error!(%subscription, alarm = "missed_webhook", "No webhook came for the renewal of `{subscription}`: making up for it");
    let due = ends.is_none_or(|ends| ends <= renewals.means.clock.now());
    if due {
        capture::serve(renewals, &billing, Some(mapping), deadline).await
    } else {
        authorise::authorise(renewals, &billing, deadline).await
    }
}
