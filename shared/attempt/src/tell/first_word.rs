//! A first word about an order's payment.

use cleeng::{Cleeng, DetailsGiven, NewDetails, NewPayment, PaymentOperation, PaymentStatus};
use ledger::{Attempt, Mapping, Subject};
use payment::{Answer, Approval, OrderId, SubscriptionId, Verb};
use wire::Deadline;

use super::{Telling, Untold, external, untold, was_told};
use crate::apply::Told;

/// A first word about an order's payment: `POST /payments`.
pub(super) async fn tell_payment(telling: Telling<'_>) -> Result<Told, Untold> {
    let Telling { cleeng, mapping, attempt, answer, look, deadline, .. } = telling;
    let order = attempt.order().ok_or_else(|| Untold::Never("the attempt has no order".to_owned()))?;
    let news = first_word(mapping, attempt, answer, order);
    if look && let Some(told) = known(cleeng, order, &news, deadline).await? {
        return Ok(told);
    }
    match cleeng.create_payment(&news, deadline).await {
        Ok(payment) => Ok(Told { payment: Some(payment.id), details: payment.details, became: None }),
        // It may have been recorded by an answer that we did not get: only a look tells, now or at the next visit.
        Err(refused @ cleeng::Error::Refused { .. }) => match known(cleeng, order, &news, deadline).await? {
            Some(told) => Ok(told),
            None => Err(Untold::Never(refused.to_string())),
        },
        Err(error) => Err(untold(error)),
    }
}

fn first_word(mapping: &Mapping, attempt: &Attempt, answer: &Answer, order: OrderId) -> NewPayment {
    let verb = attempt.intention.verb;
    let subscription = subscription(mapping);
    let operation = match verb {
        Verb::Verify => PaymentOperation::InitialFreeTransaction,
        Verb::Purchase => PaymentOperation::InitialPayment,
        _ => PaymentOperation::RecurringPayment,
    };
    match answer {
        Answer::Approved(approval) => NewPayment {
            order,
            // A verified card is all that a free order takes, so that it is paid.
            status: if approval.captured || verb == Verb::Verify {
                PaymentStatus::Captured
            } else {
                PaymentStatus::Authorized
            },
            operation,
            details: details(mapping, attempt, approval),
            external: Some(approval.reference.clone()),
            rejected_reason: None,
            subscription,
        },
        Answer::Declined(decline) => NewPayment {
            order,
            status: PaymentStatus::Rejected,
            operation,
            details: (!verb.buyer_present()).then_some(mapping.details).flatten().map(DetailsGiven::Id),
            external: Some(external(attempt, decline.reference.as_ref())).flatten(),
            rejected_reason: Some(decline.rejected_reason()),
            subscription,
        },
    }
}

/// Cleeng's record of the token: made inline by a first payment, named by a renewal.
fn details(mapping: &Mapping, attempt: &Attempt, approval: &Approval) -> Option<DetailsGiven> {
    let present = attempt.intention.verb.buyer_present();
    match (&approval.token, mapping.details) {
        // What the gateway says of a renewal's card when it is asked again is no other card.
        (_, Some(details)) if !present => Some(DetailsGiven::Id(details)),
        (Some(token), _) => Some(DetailsGiven::Inline(NewDetails {
            customer: mapping.customer,
            token: token.clone(),
            method: mapping.method,
            card: approval.card.clone(),
            active: true,
        })),
        (None, _) => None,
    }
}

/// Whether Cleeng already has this very word, by its external id and status. A hold that it has cancelled meanwhile is not
/// recorded again: it is taken back.
async fn known(
    cleeng: &Cleeng,
    order: OrderId,
    news: &NewPayment,
    deadline: Deadline,
) -> Result<Option<Told>, Untold> {
    let mut payments = cleeng.order_payments(order, deadline).await.map_err(untold)?;
    payments.retain(|payment| payment.external == news.external);
    match payments.iter().find(|payment| was_told(&news.status, &payment.status)) {
        Some(same) => Ok(Some(Told { payment: Some(same.id), details: same.details, became: None })),
        None if news.status == PaymentStatus::Authorized
            && payments.iter().any(|payment| payment.status == PaymentStatus::Cancelled) =>
        {
            Err(Untold::Never("the payment was cancelled there".to_owned()))
        }
        None => Ok(None),
    }
}

fn subscription(mapping: &Mapping) -> Option<SubscriptionId> {
    match mapping.subject {
        Subject::Subscription(id) => Some(id),
        _ => None,
    }
}
