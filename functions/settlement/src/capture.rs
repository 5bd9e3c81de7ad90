//! Cleeng asks for an authorised payment to be captured, outside of the renewals' calendar.

use attempt::{
    Begun, Ended, Ending, HoldPlan, Names, begin, end, finish, holding, lapsed, plan_taking, refuse,
};
use cleeng::SubscriptionStatus;
use cleeng::webhook::CaptureAsked;
use ledger::{Mapping, Subject};
use payment::{Failure, Identity};
use wire::Deadline;

use crate::{ROUNDS_MAX, Settlement};

/// Serves `capturePayment`. Its amount is the one that was authorised; another one that Cleeng names is for a person.
pub(crate) async fn serve(
    settlement: &Settlement,
    asked: &CaptureAsked,
    deadline: Deadline,
) -> Result<(), Failure> {
    let means = &settlement.means;
    let names = Names {
        payment: asked.payment,
        external: asked.external.clone(),
        order: asked.order,
        subscription: asked.subscription,
        ..Names::default()
    };
    let Some((mut item, identity)) = holding(means, &names, deadline).await? else {
        return unknown(settlement, &names, asked, deadline).await;
    };
    if asked.customer.is_some_and(|customer| customer != item.customer) || differs(asked, &item, &identity) {
        return Err(Failure::alarm(format!("{identity} was authorised for another customer or amount")));
    }
    for _ in 0..ROUNDS_MAX {
        let begun = match plan_taking(&item, &identity, means.clock.now()) {
            HoldPlan::Begin(_) if has_ended(settlement, &item, deadline).await? => {
                tracing::warn!(attempt = %identity, "`{identity}` is let go, not captured: its subscription has ended");
                let ending = Ending { kind: None, forget_card: settlement.forget.ended };
                return end(means, item, ending, deadline).await;
            }
            HoldPlan::Begin(step) => begin(means, item, *step, None, deadline).await?,
            HoldPlan::Refuse(step) => refuse(means, item, *step, lapsed(), deadline).await?,
            HoldPlan::Finish(first) => {
                let done = finish(means, item, &first, deadline).await?;
                match done.ended {
                    Ended::Answered { told: true, .. } | Ended::Withdrawn => {
                        Begun::Lost(Some(Box::new(done.mapping)))
                    }
                    // The capture itself is due; what it waits for must be known first.
                    _ if first == identity.capture() => return Ok(()),
                    _ => return Err(Failure::retry(format!("{first} comes first"))),
                }
            }
            HoldPlan::Done => return Ok(()),
            HoldPlan::Impossible => {
                tracing::warn!(attempt = %identity, "Nothing is left of `{identity}` to capture");
                return Ok(());
            }
        };
        match begun {
            Begun::Done(_) => return Ok(()),
            Begun::Lost(Some(current)) => item = *current,
            Begun::Lost(None) => return Err(Failure::alarm(format!("the item of {identity} is gone"))),
        }
    }
    Err(Failure::retry("too many workers on one payment"))
}

/// Whether Cleeng has ended its subscription, which nobody may have told us: a customer who switches has another one then, and
/// what was held for this one is held for nothing.
async fn has_ended(settlement: &Settlement, item: &Mapping, deadline: Deadline) -> Result<bool, Failure> {
    let Subject::Subscription(id) = item.subject else { return Ok(false) };
    let theirs = settlement.means.cleeng.subscription(id, deadline).await?;
    Ok(theirs.is_some_and(|theirs| theirs.status == SubscriptionStatus::Terminated))
}

/// Whether another amount is asked for than was authorised.
fn differs(asked: &CaptureAsked, item: &Mapping, identity: &Identity) -> bool {
    item.attempt(identity).is_some_and(|held| {
        asked.amount.is_some_and(|amount| amount != held.price.amount)
            || asked.currency.is_some_and(|currency| currency != held.price.currency)
    })
}

/// No attempt of ours holds it: it was charged at once, or its period is over.
async fn unknown(
    settlement: &Settlement,
    names: &Names,
    asked: &CaptureAsked,
    deadline: Deadline,
) -> Result<(), Failure> {
    let captured = attempt::payment_item(&settlement.means, &settlement.routes, names, deadline).await?;
    if captured.is_some() {
        tracing::info!(payment = ?asked.payment, "A payment that is to be captured was captured already");
        return Ok(());
    }
    Err(Failure::alarm("a capture was asked for of a payment that is not authorised here"))
}
