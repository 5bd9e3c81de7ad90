//! Payment details are gone: what is held on that card is let go, and nothing is charged to it again.

use attempt::{
    Begun, Ended, HoldPlan, Names, begin, change, drop_details, finish, holding_of, items_of,
    plan_letting_go, subscriptions_of,
};
use cleeng::webhook::DetailsGone;
use cleeng::{Payment, SubscriptionStatus};
use ledger::{Attempt, Mapping, Stage, Standing, Subject};
use payment::{
    CustomerId, Failure, Identity, Intention, Money, PaymentDetailsId, Price, Target, Token, Verb,
};
use wire::Deadline;

use crate::{ROUNDS_MAX, Settlement};

/// Serves `paymentDetailsDeactivated`: each open authorisation is voided and told to Cleeng, then the token is taken off
/// every item. What is not certain yet stays due on its own item.
pub(crate) async fn serve(
    settlement: &Settlement,
    gone: &DetailsGone,
    deadline: Deadline,
) -> Result<(), Failure> {
    let means = &settlement.means;
    if gone.method.is_some_and(|method| settlement.routes.get(method).is_none()) {
        return Ok(());
    }
    let held = means.cleeng.authorised_payments(gone.details, deadline).await?;
    let customer = gone.customer.or_else(|| held.iter().find_map(|payment| payment.customer));
    let mut items = match customer {
        Some(customer) => items_of(means, customer, deadline).await?,
        None => {
            let details = gone.details;
            tracing::warn!(%details, "Whose the payment details `{details}` are is not said: no item forgets them");
            Vec::new()
        }
    };
    for payment in &held {
        let names = Names { payment: Some(payment.id), ..Names::default() };
        let ours = items.iter_mut().find_map(|item| Some((holding_of(item, &names)?, item)));
        match ours {
            Some((identity, item)) => *item = let_go(settlement, item.clone(), &identity, deadline).await?,
            None => let_go_unknown(settlement, gone, payment, deadline).await?,
        }
    }
    if let Some(customer) = customer {
        items.extend(means.ledger.mapping(Subject::Customer(customer)).await?);
    }
    if settlement.forget.deactivated {
        forget(settlement, gone.details, &items, deadline).await?;
    }
    let now = means.clock.now();
    for item in items.into_iter().filter(|item| knows(item, gone.details)) {
        change(means, item, |item| {
            drop_details(item, gone.details);
            item.tell(now, format!("the payment details {} are gone", gone.details));
        })
        .await?;
    }
    Ok(())
}

/// Whether an item has something to forget.
fn knows(item: &Mapping, gone: PaymentDetailsId) -> bool {
    let living = matches!(item.standing, Standing::Open | Standing::Active);
    item.details == Some(gone) || (living && !item.superseded.contains(&gone) && is_subscription(item))
}

fn is_subscription(item: &Mapping) -> bool {
    matches!(item.subject, Subject::Subscription(_))
}

/// Voids what one of our attempts holds. One that is being captured is not held any more.
async fn let_go(
    settlement: &Settlement,
    mut item: Mapping,
    identity: &Identity,
    deadline: Deadline,
) -> Result<Mapping, Failure> {
    let means = &settlement.means;
    for _ in 0..ROUNDS_MAX {
        let done = match plan_letting_go(&item, identity, means.clock.now()) {
            HoldPlan::Begin(step) => match begin(means, item, *step, None, deadline).await? {
                Begun::Done(done) => *done,
                Begun::Lost(Some(current)) => {
                    item = *current;
                    continue;
                }
                Begun::Lost(None) => return Err(Failure::alarm(format!("the item of {identity} is gone"))),
            },
            HoldPlan::Finish(first) => finish(means, item, &first, deadline).await?,
            HoldPlan::Done | HoldPlan::Impossible | HoldPlan::Refuse(_) => return Ok(item),
        };
        item = done.mapping;
        match done.ended {
            Ended::Busy => return Err(Failure::retry(format!("another worker has {identity}"))),
            Ended::Answered { told: true, .. } | Ended::Withdrawn => {}
            // Durable and due.
            _ => return Ok(item),
        }
    }
    Err(Failure::retry("too many workers on one subscription"))
}

/// Voids an authorisation that no attempt of ours is known to hold: made by an earlier system, or in a period that is over.
async fn let_go_unknown(
    settlement: &Settlement,
    gone: &DetailsGone,
    payment: &Payment,
    deadline: Deadline,
) -> Result<(), Failure> {
    let means = &settlement.means;
    let identity = Identity::payment(payment.id).cancel();
    let kept = means.ledger.mapping(Subject::Payment(payment.id)).await?;
    let known = kept.as_ref().and_then(|item| item.attempt(&identity)).map(|attempt| &attempt.stage);
    if known.is_some_and(|stage| !matches!(stage, Stage::Withdrawn { .. }))
        && let Some(item) = kept
    {
        return match finish(means, item, &identity, deadline).await?.ended {
            Ended::Busy => Err(Failure::retry(format!("another worker has {identity}"))),
            _ => Ok(()),
        };
    }
    let Some((item, step)) = voiding(settlement, gone, payment, kept, identity.clone())? else {
        return Ok(());
    };
    match begin(means, item, step, None, deadline).await? {
        Begun::Done(_) => Ok(()),
        Begun::Lost(_) => Err(Failure::retry(format!("another worker has {identity}"))),
    }
}

/// The void and its item; `None` where the payment is another connector's.
fn voiding(
    settlement: &Settlement,
    gone: &DetailsGone,
    payment: &Payment,
    kept: Option<Mapping>,
    identity: Identity,
) -> Result<Option<(Mapping, Attempt)>, Failure> {
    let unknown = |what: &str| {
        Failure::alarm(format!("the {what} of the authorised payment {} is not known", payment.id))
    };
    let method = payment.method.or(gone.method).ok_or_else(|| unknown("payment method"))?;
    let Some(route) = settlement.routes.get(method) else { return Ok(None) };
    let customer = payment.customer.or(gone.customer).ok_or_else(|| unknown("customer"))?;
    let reference = payment.external.clone().ok_or_else(|| unknown("gateway's id"))?;
    let price: Price = payment.price.ok_or_else(|| unknown("amount"))?;
    let now = settlement.means.clock.now();
    let intention = Intention {
        identity,
        verb: Verb::Cancel,
        gateway: route.gateway.clone(),
        account: route.merchant_account.clone(),
        customer,
        money: Money { minor: 0, currency: price.currency },
        target: Target::Payment(reference),
        order: payment.order,
        began: now,
    };
    let item = kept.unwrap_or_else(|| Mapping {
        account: route.merchant_account.clone(),
        ..Mapping::new(
            Subject::Payment(payment.id),
            customer,
            method,
            route.gateway.clone(),
            Standing::Active,
        )
    });
    Ok(Some((item, attempt::began(intention, price, None, Some(payment.id)))))
}

/// Removes the token at the gateway too, unless other payment details hold the same one, or may. Before the items forget it:
/// whoever serves a repetition must still know what to remove.
async fn forget(
    settlement: &Settlement,
    gone: PaymentDetailsId,
    items: &[Mapping],
    deadline: Deadline,
) -> Result<(), Failure> {
    let of_gone = items.iter().filter(|item| item.details == Some(gone));
    let mut forgotten: Vec<&Token> = Vec::new();
    for (item, token) in of_gone.filter_map(|item| Some((item, item.token.as_ref()?))) {
        let used =
            items.iter().any(|other| other.details != Some(gone) && other.token.as_ref() == Some(token));
        if used || forgotten.contains(&token) {
            continue;
        }
        if may_pay(settlement, gone, item.customer, items, deadline).await? {
            tracing::info!(details = %gone, "The card of `{gone}` is kept: a subscription may be paid with it");
            return Ok(());
        }
        let gateway = settlement.means.gateways.get(&item.gateway);
        let gateway = gateway
            .ok_or_else(|| Failure::alarm(format!("the gateway {} is not set up here", item.gateway)))?;
        gateway.forget(token, item.customer, item.account.as_ref(), deadline).await?;
        forgotten.push(token);
    }
    Ok(())
}

/// Whether a living subscription has payment details of which only Cleeng knows the token: our record of the new card may have
/// reached it twice, and the first of the two is the one that is gone.
async fn may_pay(
    settlement: &Settlement,
    gone: PaymentDetailsId,
    customer: CustomerId,
    items: &[Mapping],
    deadline: Deadline,
) -> Result<bool, Failure> {
    let theirs = subscriptions_of(&settlement.means.cleeng, customer, deadline).await?;
    Ok(theirs.iter().any(|it| {
        let ours = it.method.is_none_or(|method| settlement.routes.get(method).is_some());
        let unknown = |details| details != gone && items.iter().all(|item| item.details != Some(details));
        ours && it.status != SubscriptionStatus::Terminated && it.details.is_some_and(unknown)
    }))
}
