//! Finds the payment that an event or a gateway's news speaks of, by any of its names, and opens its item.

use cleeng::{Payment, PaymentStatus};
use gateways::Routes;
use ledger::{Attempt, ManagedBy, Mapping, Paid, Stage, Standing, Subject};
use payment::{
    Answer, CustomerId, Failure, GatewayName, GatewayReference, Identity, Money, MoneyError, OrderId,
    PaymentId, PaymentMethodId, Price, SubscriptionId, Verb,
};
use wire::Deadline;

use crate::late::recall;
use crate::returns::with_returns;
use crate::run::Means;

/// A payment by those of its names that are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Cleeng's.
    pub payment: Option<PaymentId>,
    /// The gateway's.
    pub external: Option<GatewayReference>,
    /// Our attempt.
    pub attempt: Option<Identity>,
    /// The order that it paid.
    pub order: Option<OrderId>,
    /// The subscription that it paid for.
    pub subscription: Option<SubscriptionId>,
    /// Who paid.
    pub customer: Option<CustomerId>,
    /// By which payment method.
    pub method: Option<PaymentMethodId>,
    /// At which gateway, where no payment method is named.
    pub gateway: Option<GatewayName>,
}

/// The item of a captured payment: the one that there is, else a new one from our own attempt, else from Cleeng's
/// record. `None` where no name leads to a captured payment.
pub async fn payment_item(
    means: &Means,
    routes: &Routes,
    names: &Names,
    deadline: Deadline,
) -> Result<Option<Mapping>, Failure> {
    if let Some(payment) = names.payment
        && let Some(item) = means.ledger.mapping(Subject::Payment(payment)).await?
        && item.paid.is_some()
    {
        return Ok(Some(item));
    }
    let mut orders: Vec<OrderId> = names.order.into_iter().collect();
    for subject in subjects(names) {
        let Some(mapping) = means.ledger.mapping(subject).await? else { continue };
        if let Some(attempt) = taking_of(&mapping, names) {
            if matches!(attempt.stage, Stage::Answered(_)) {
                let identity = &attempt.intention.identity;
                return Err(Failure::retry(format!("Cleeng has not heard of {identity} yet")));
            }
            if let Some(payment) = attempt.payment {
                return of_attempt(means, &mapping, attempt, payment).await;
            }
            // Cleeng would not record it, or has not said as what.
            orders.extend(attempt.order());
        }
        orders.extend(mapping.paid_orders.iter().rev().copied());
    }
    for order in orders {
        let payments = means.cleeng.order_payments(order, deadline).await?;
        if let Some(payment) = payments.iter().find(|payment| is_named(payment, names)) {
            return of_payment(means, routes, names, Some(order), payment, deadline).await;
        }
    }
    // What we manage ourselves has payments without orders.
    if let Some(external) = &names.external {
        let payments = means.cleeng.external_payments(external, deadline).await?.unwrap_or_default();
        let ours = |payment: &&Payment| payment.order.is_none() && is_named(payment, names);
        if let Some(payment) = payments.iter().find(ours) {
            return of_payment(means, routes, names, None, payment, deadline).await;
        }
    }
    Ok(None)
}

/// The item of a payment whose period is over, for late news of its capture: with that capture back on it, as Cleeng was
/// told of it. `None` where Cleeng has no such payment of ours.
pub async fn past_taking(
    means: &Means,
    routes: &Routes,
    names: &Names,
    taking: &Identity,
    deadline: Deadline,
) -> Result<Option<Mapping>, Failure> {
    let mut orders: Vec<OrderId> = names.order.into_iter().collect();
    let mut paid_again = false;
    for subject in subjects(names) {
        let Some(mapping) = means.ledger.mapping(subject).await? else { continue };
        orders.extend(mapping.paid_orders.iter().rev().copied());
        paid_again |= mapping.paid_again.contains(&taking.base());
    }
    let taking = (taking, paid_again);
    let named = |payment: &Payment| names.external.is_some() && payment.external == names.external;
    for order in orders {
        let payments = means.cleeng.order_payments(order, deadline).await?;
        if let Some(payment) = payments.iter().find(|payment| named(payment)) {
            return recalled(means, routes, names, (Some(order), payment), taking, deadline).await;
        }
    }
    if let Some(external) = &names.external {
        let payments = means.cleeng.external_payments(external, deadline).await?.unwrap_or_default();
        if let Some(payment) = payments.iter().find(|payment| payment.order.is_none() && named(payment)) {
            return recalled(means, routes, names, (None, payment), taking, deadline).await;
        }
    }
    Ok(None)
}

async fn recalled(
    means: &Means,
    routes: &Routes,
    names: &Names,
    (order, payment): (Option<OrderId>, &Payment),
    (taking, paid_again): (&Identity, bool),
    deadline: Deadline,
) -> Result<Option<Mapping>, Failure> {
    let told_well = match payment.status {
        PaymentStatus::Captured | PaymentStatus::Refunded => true,
        PaymentStatus::Rejected => false,
        _ => return Ok(None),
    };
    let item = of_payment(means, routes, names, order, payment, deadline).await?;
    Ok(item.map(|mut item| {
        recall(&mut item, taking, told_well, paid_again, means.clock.now());
        item
    }))
}

/// The attempt that took this payment's money, and its item, where Cleeng has not heard of it yet.
pub(crate) async fn untold_taking(
    means: &Means,
    names: &Names,
) -> Result<Option<(Mapping, Identity)>, Failure> {
    for subject in subjects(names) {
        let Some(mapping) = means.ledger.mapping(subject).await? else { continue };
        if let Some(attempt) = taking_of(&mapping, names) {
            let identity = attempt.intention.identity.clone();
            let untold = matches!(attempt.stage, Stage::Answered(_));
            return Ok(untold.then_some((mapping, identity)));
        }
    }
    Ok(None)
}

/// Whose items may hold the attempt that made it.
fn subjects(names: &Names) -> Vec<Subject> {
    let mut subjects: Vec<_> = names
        .subscription
        .map(Subject::Subscription)
        .into_iter()
        .chain(names.attempt.as_ref().and_then(Subject::of))
        .chain(names.order.map(Subject::Order))
        .filter(|subject| matches!(subject, Subject::Order(_) | Subject::Subscription(_)))
        .collect();
    subjects.dedup();
    subjects
}

/// The attempt that took the money of this payment.
fn taking_of<'a>(mapping: &'a Mapping, names: &Names) -> Option<&'a Attempt> {
    let took = |attempt: &&Attempt| {
        attempt.intention.verb.takes_money()
            && matches!(attempt.answer(), Some(Answer::Approved(approval)) if approval.captured)
    };
    mapping.attempts.iter().filter(took).find(|attempt| is_attempt(attempt, names))
}

/// The surest name that is known decides.
fn is_attempt(attempt: &Attempt, names: &Names) -> bool {
    let by_payment = names.payment.map(|named| attempt.payment == Some(named));
    let by_external = names.external.as_ref().map(|named| attempt.reference.as_ref() == Some(named));
    let by_attempt = names.attempt.as_ref().map(|named| named.base() == attempt.intention.identity.base());
    let by_order = names.order.map(|named| attempt.order() == Some(named));
    by_payment.or(by_external).or(by_attempt).or(by_order).unwrap_or(false)
}

/// The item of a payment that this attempt took.
pub(crate) async fn of_attempt(
    means: &Means,
    mapping: &Mapping,
    attempt: &Attempt,
    payment: PaymentId,
) -> Result<Option<Mapping>, Failure> {
    let Some(Answer::Approved(approval)) = attempt.answer() else { return Ok(None) };
    let paid = Paid {
        order: attempt.order().filter(|_| mapping.managed_by == ManagedBy::Cleeng),
        reference: approval.reference.clone(),
        money: approval.money,
        price: attempt.price,
        first: attempt.intention.verb == Verb::Purchase,
    };
    let intention = &attempt.intention;
    let (subject, gateway) = (Subject::Payment(payment), intention.gateway.clone());
    let new = Mapping {
        account: intention.account.clone(),
        offer: mapping.offer.clone(),
        managed_by: mapping.managed_by,
        ..Mapping::new(subject, intention.customer, mapping.method, gateway, Standing::Active)
    };
    let item = opened(means, new, paid).await?;
    with_returns(means, item, attempt).map(Some)
}

/// The item that there is, else this new one; with what was captured.
async fn opened(means: &Means, new: Mapping, paid: Paid) -> Result<Mapping, Failure> {
    let item = means.ledger.mapping(new.subject).await?.unwrap_or(new);
    Ok(Mapping { paid: Some(item.paid.clone().unwrap_or(paid)), ..item })
}

fn is_named(payment: &Payment, names: &Names) -> bool {
    let captured = matches!(payment.status, PaymentStatus::Captured | PaymentStatus::Refunded);
    captured
        && names.payment.is_none_or(|named| named == payment.id)
        && names.external.as_ref().is_none_or(|named| payment.external.as_ref() == Some(named))
}

async fn of_payment(
    means: &Means,
    routes: &Routes,
    names: &Names,
    order: Option<OrderId>,
    payment: &Payment,
    deadline: Deadline,
) -> Result<Option<Mapping>, Failure> {
    if payment.method.is_some_and(|method| routes.get(method).is_none()) {
        return Err(Failure::refuse(format!("payment {} belongs to another connector", payment.id)));
    }
    let by_method = payment.method.or(names.method).map(|method| routes.get(method));
    let route = by_method.unwrap_or_else(|| routes.to_gateway(names.gateway.as_ref()?));
    let unknown = |what: &str| Failure::alarm(format!("the {what} of payment {} is not known", payment.id));
    let route = route.ok_or_else(|| unknown("payment method"))?;
    let reference = payment.external.clone().ok_or_else(|| unknown("gateway's id"))?;
    let (price, customer) = match (payment.price, payment.customer.or(names.customer), order) {
        (Some(price), Some(customer), _) => (price, customer),
        (_, _, None) => return Err(unknown("amount")),
        (_, _, Some(order)) => {
            let order = means.cleeng.order(order, deadline).await?;
            (order.price, order.customer)
        }
    };
    let managed_by = if order.is_some() { ManagedBy::Cleeng } else { ManagedBy::Connector };
    let paid = Paid {
        order,
        reference,
        money: money(means, &route.gateway, price)?,
        price,
        first: payment.operation.as_deref().is_some_and(|operation| operation.starts_with("initial")),
    };
    let (subject, gateway) = (Subject::Payment(payment.id), route.gateway.clone());
    let new = Mapping {
        account: route.merchant_account.clone(),
        offer: payment.offer.clone(),
        managed_by,
        ..Mapping::new(subject, customer, route.payment_method_id, gateway, Standing::Active)
    };
    opened(means, new, paid).await.map(Some)
}

/// The attempt that holds the money of an authorised payment, on its item; `None` where none of ours does.
pub async fn holding(
    means: &Means,
    names: &Names,
    deadline: Deadline,
) -> Result<Option<(Mapping, Identity)>, Failure> {
    let mut names = names.clone();
    if let (None, Some(order)) = (names.subscription, names.order) {
        names.subscription = means.cleeng.order(order, deadline).await?.subscription;
    }
    for subject in subjects(&names) {
        let Some(mapping) = means.ledger.mapping(subject).await? else { continue };
        if let Some(identity) = holding_of(&mapping, &names) {
            return Ok(Some((mapping, identity)));
        }
    }
    Ok(None)
}

/// The attempt on this item that holds the money of a payment.
pub fn holding_of(mapping: &Mapping, names: &Names) -> Option<Identity> {
    let mut holds = mapping.attempts.iter().filter(|attempt| attempt.intention.verb == Verb::Authorise);
    holds.find(|attempt| is_attempt(attempt, names)).map(|attempt| attempt.intention.identity.clone())
}

/// A price of Cleeng's in a gateway's own units, exactly or not at all.
pub fn money(means: &Means, gateway: &GatewayName, price: Price) -> Result<Money, Failure> {
    let units = means.gateways.get(gateway).and_then(|gateway| gateway.minor_units(price.currency));
    let unknown = MoneyError::UnknownCurrency { gateway: gateway.to_string(), currency: price.currency };
    units
        .ok_or(unknown)
        .and_then(|units| Money::from_price(price, units))
        .map_err(|error| Failure::alarm(format!("{price} cannot be returned at {gateway}")).because(error))
}
