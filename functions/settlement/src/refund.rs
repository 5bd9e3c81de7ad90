//! Cleeng asks for a payment to be returned, whole or in part: the gateway returns it, and Cleeng is told.

use attempt::{Begun, Ended, Names, RefundPlan, begin, finish, payment_item, plan_refund};
use cleeng::webhook::RefundAsked;
use ledger::Mapping;
use payment::{Failure, MinorUnits, Money, Price};
use wire::Deadline;

use crate::{ROUNDS_MAX, Settlement};

/// Serves `refundPayment`. A repetition finds the refund that served it, also after the subscription has ended.
pub(crate) async fn serve(
    settlement: &Settlement,
    asked: &RefundAsked,
    deadline: Deadline,
) -> Result<(), Failure> {
    let means = &settlement.means;
    let names = Names {
        payment: asked.payment,
        external: asked.external.clone(),
        order: asked.order,
        subscription: asked.subscription,
        customer: asked.customer,
        method: asked.method,
        ..Names::default()
    };
    let found = payment_item(means, &settlement.routes, &names, deadline).await?;
    let mut item = found.ok_or_else(|| {
        Failure::alarm("a refund was asked for, and no captured payment is found by its names")
    })?;
    if asked.customer.is_some_and(|customer| customer != item.customer) {
        return Err(Failure::alarm(format!("{} was paid by another customer than asks", item.subject)));
    }
    let units = units(settlement, &item)?;
    let part = part(asked, &item, units)?;
    for _ in 0..ROUNDS_MAX {
        let plan = plan_refund(&item, asked.name.as_deref(), part, units, means.clock.now())
            .ok_or_else(|| Failure::alarm(format!("{} holds no payment", item.subject)))?;
        match plan {
            RefundPlan::Start(refund) => match begin(means, item, *refund, None, deadline).await? {
                // Whatever is open is durable and due.
                Begun::Done(_) => return Ok(()),
                Begun::Lost(Some(current)) => item = *current,
                Begun::Lost(None) => return Err(Failure::alarm("the item of a refund is gone")),
            },
            RefundPlan::Finish(identity) => {
                return match finish(means, item, &identity, deadline).await?.ended {
                    Ended::Busy => Err(Failure::retry(format!("another worker has {identity}"))),
                    _ => Ok(()),
                };
            }
            RefundPlan::After(identity) => {
                let done = finish(means, item, &identity, deadline).await?;
                if matches!(done.ended, Ended::Busy | Ended::Answered { told: false, .. }) {
                    return Err(Failure::retry(format!("{identity} comes first")));
                }
                item = done.mapping;
            }
            RefundPlan::Done => return Ok(()),
            RefundPlan::TooMuch { left } => {
                let subject = item.subject;
                return Err(Failure::alarm(format!(
                    "more was asked to be returned of {subject} than is left of it ({left})"
                )));
            }
            RefundPlan::Parked => {
                tracing::warn!(subject = %item.subject, "A refund of `{}` is asked for again, and a person must first find out what became of it", item.subject);
                return Ok(());
            }
        }
    }
    Err(Failure::retry("too many workers on one payment"))
}

fn units(settlement: &Settlement, item: &Mapping) -> Result<MinorUnits, Failure> {
    let gateway = settlement.means.gateways.get(&item.gateway);
    let currency = item.paid.as_ref().map(|paid| paid.money.currency);
    gateway
        .zip(currency)
        .and_then(|(gateway, currency)| gateway.minor_units(currency))
        .ok_or_else(|| Failure::alarm(format!("the gateway of {} is not set up", item.subject)))
}

/// The part that is asked for, exactly in the gateway's units or not at all.
fn part(asked: &RefundAsked, item: &Mapping, units: MinorUnits) -> Result<Option<Money>, Failure> {
    let (Some(amount), Some(paid)) = (asked.amount, &item.paid) else { return Ok(None) };
    let price = Price { amount, currency: asked.currency.unwrap_or(paid.price.currency) };
    let money = Money::from_price(price, units).map_err(|error| {
        Failure::alarm(format!("{price} of {} cannot be returned", item.subject)).because(error)
    })?;
    Ok(Some(money))
}
