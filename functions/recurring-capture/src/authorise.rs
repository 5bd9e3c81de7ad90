//! Cleeng asks for the next period's money to be held: order, authorise, tell.

use attempt::{Begun, Ended, RenewalPlan, finish, plan_authorisation};
use cleeng::webhook::Billing;
use payment::{Failure, Identity, Verb};
use wire::Deadline;

use crate::Renewals;
use crate::own;
use crate::renewal::{self, ROUNDS_MAX, Try};

/// Serves `subscriptionReadyForPaymentAuthorisation`. A repetition, however late, finds the try that served it.
pub(crate) async fn authorise(
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
    let period_end = renewal::period_end(renewals, billing, mapping.as_ref(), deadline).await?;
    for _ in 0..ROUNDS_MAX {
        let plan = plan_authorisation(billing.subscription, mapping.as_ref(), billing.asked, period_end);
        match plan {
            RenewalPlan::Start { identity, period_end } => {
                let new = Try { identity, period_end, asked: billing.asked, verb: Verb::Authorise };
                match renewal::start(renewals, billing, mapping, new, deadline).await? {
                    Begun::Done(_) => return Ok(()),
                    Begun::Lost(current) => mapping = current.map(|current| *current),
                }
            }
            RenewalPlan::Finish(identity) => {
                let Some(current) = mapping else { return Err(gone(&identity)) };
                let done = finish(&renewals.means, current, &identity, deadline).await?;
                match done.ended {
                    Ended::Answered { told: true, .. } | Ended::Withdrawn => mapping = Some(done.mapping),
                    Ended::Busy => return Err(Failure::retry(format!("another worker has {identity}"))),
                    // Due: the timer goes on. Cleeng asks anew on its next dunning date if this one is refused.
                    Ended::Answered { .. } | Ended::Unknown | Ended::AwaitingBuyer(_) | Ended::Parked => {
                        return Ok(());
                    }
                }
            }
            RenewalPlan::Done => return Ok(()),
            RenewalPlan::Stale | RenewalPlan::Ended | RenewalPlan::Parked => {
                let subscription = billing.subscription;
                tracing::warn!(%subscription, ?plan, "Nothing is authorised for `{subscription}`: {plan:?}");
                return Ok(());
            }
        }
    }
    Err(Failure::retry("too many workers on one subscription"))
}

fn gone(identity: &Identity) -> Failure {
    Failure::alarm(format!("the item of {identity} is gone"))
}
