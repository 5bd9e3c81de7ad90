//! The renewal is due: take what was authorised, or charge in one step where nothing is.

use attempt::{
    Begun, CapturePlan, Ended, RenewalPlan, begin, change, finish, lapsed, plan_capture, refuse, taking,
};
use cleeng::webhook::Billing;
use gateways::CaptureMode;
use jiff::Timestamp;
use ledger::{Attempt, Mapping};
use payment::{Failure, Identity, Verb};
use wire::Deadline;

use crate::own;
use crate::renewal::{self, ROUNDS_MAX, Try};
use crate::{Renewals, WithoutAuthorisation};

/// Serves `subscriptionReadyForPaymentCapture`.
pub(crate) async fn capture(
    renewals: &Renewals,
    billing: &Billing,
    deadline: Deadline,
) -> Result<(), Failure> {
    let mut mapping = renewal::mapping(renewals, billing).await?;
    if let Some(ours) = mapping.take_if(|mapping| own::is_ours(mapping)) {
        return own::serve(renewals, ours, deadline).await;
    }
    if !renewal::is_ours(renewals, billing, mapping.as_ref()) {
        return Ok(());
    }
    serve(renewals, billing, mapping, deadline).await
}

/// Makes up for a capture that was asked for while the authorisation was unknown.
pub(crate) async fn make_up(
    renewals: &Renewals,
    mapping: Mapping,
    asked: Timestamp,
    deadline: Deadline,
) -> Result<(), Failure> {
    let billing = renewal::billing_of(&mapping, asked)?;
    serve(renewals, &billing, Some(mapping), deadline).await
}

/// Serves a request to capture, however it came to be known.
pub(crate) async fn serve(
    renewals: &Renewals,
    billing: &Billing,
    mut mapping: Option<Mapping>,
    deadline: Deadline,
) -> Result<(), Failure> {
    let means = &renewals.means;
    for _ in 0..ROUNDS_MAX {
        let now = means.clock.now();
        let plan =
            plan_capture(billing.subscription, mapping.as_ref(), billing.asked, billing.period_end, now);
        let begun = match (plan, mapping) {
            (CapturePlan::Capture(identity), Some(current)) => {
                let step = step_of(&current, &identity, now)?;
                begin(means, current, step, None, deadline).await?
            }
            (CapturePlan::Lapsed(identity), Some(current)) => {
                let step = step_of(&current, &identity, now)?;
                refuse(means, current, step, lapsed(), deadline).await?
            }
            (CapturePlan::Nothing(RenewalPlan::Start { identity, period_end }), current) => {
                if !charges(renewals, billing, current.as_ref()) {
                    return served(renewals, current).await;
                }
                let new = Try { identity, period_end, asked: billing.asked, verb: Verb::Charge };
                renewal::start(renewals, billing, current, new, deadline).await?
            }
            (CapturePlan::Other(RenewalPlan::Finish(identity)), Some(current)) => {
                match go_on(renewals, billing, current, &identity, deadline).await? {
                    Some(current) => Begun::Lost(Some(Box::new(current))),
                    None => return Ok(()),
                }
            }
            (CapturePlan::Other(RenewalPlan::Done), current) => return served(renewals, current).await,
            (plan, current) => {
                let subscription = billing.subscription;
                tracing::warn!(%subscription, ?plan, "Nothing is captured for `{subscription}`: {plan:?}");
                return served(renewals, current).await;
            }
        };
        mapping = match begun {
            // Once more round: a lapsed hold is charged anew, anything else finds itself done.
            Begun::Done(done) if matches!(done.ended, Ended::Answered { told: true, .. }) => {
                Some(done.mapping)
            }
            Begun::Done(_) => return Ok(()),
            Begun::Lost(current) => current.map(|current| *current),
        };
    }
    Err(Failure::retry("too many workers on one subscription"))
}

/// Finishes what comes first. Where that stays open, the wish to capture is written down for the timer.
async fn go_on(
    renewals: &Renewals,
    billing: &Billing,
    mapping: Mapping,
    identity: &Identity,
    deadline: Deadline,
) -> Result<Option<Mapping>, Failure> {
    let done = finish(&renewals.means, mapping, identity, deadline).await?;
    match done.ended {
        Ended::Answered { told: true, .. } | Ended::Withdrawn => Ok(Some(done.mapping)),
        Ended::Busy => Err(Failure::retry(format!("another worker has {identity}"))),
        Ended::Answered { .. } | Ended::Unknown | Ended::AwaitingBuyer(_) | Ended::Parked => {
            let asked = billing.asked;
            change(&renewals.means, done.mapping, |mapping| mapping.capture_asked = Some(asked)).await?;
            Ok(None)
        }
    }
}

/// Nothing is left of the request; a wish that was written down for it is over.
async fn served(renewals: &Renewals, mapping: Option<Mapping>) -> Result<(), Failure> {
    match mapping {
        Some(mapping) if mapping.capture_asked.is_some() => {
            change(&renewals.means, mapping, |mapping| mapping.capture_asked = None).await.map(drop)
        }
        _ => Ok(()),
    }
}

/// Whether a capture with nothing authorised charges in one step.
fn charges(renewals: &Renewals, billing: &Billing, mapping: Option<&Mapping>) -> bool {
    let method = billing.method.or(mapping.map(|mapping| mapping.method));
    let route = method.and_then(|method| renewals.routes.get(method));
    let one_step = route.is_some_and(|route| route.capture == CaptureMode::Automatic);
    one_step || renewals.without_authorisation == WithoutAuthorisation::Charge
}

fn step_of(mapping: &Mapping, identity: &Identity, now: Timestamp) -> Result<Attempt, Failure> {
    let held = mapping.attempt(identity).and_then(|attempt| taking(attempt, now));
    held.ok_or_else(|| Failure::alarm(format!("{identity} holds nothing to capture")))
}
