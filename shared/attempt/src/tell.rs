//! Tells Cleeng what the gateway answered. Cleeng has no idempotency key, so whoever comes a second time looks first.

use cleeng::{
    Cleeng, DetailsGiven, NewDetails, NewPayment, PaymentOperation, PaymentStatus, PaymentUpdate, RefundKind,
};
use ledger::{Attempt, Mapping, Subject};
use payment::{Answer, Approval, Failure, GatewayReference, OrderId, SubscriptionId, Verb};
use wire::Deadline;

use crate::apply::Told;

/// Why Cleeng does not know yet.
pub(crate) enum Untold {
    /// It may later: the answer stays due.
    Later(Failure),
    /// It never will: what was charged is undone.
    Never(String),
}

/// Tells Cleeng. With `look`, asks first whether it knows already; without it, this worker is certainly the first.
pub(crate) async fn tell(
    cleeng: &Cleeng,
    mapping: &Mapping,
    attempt: &Attempt,
    answer: &Answer,
    look: bool,
    deadline: Deadline,
) -> Result<Told, Untold> {
    // What Cleeng would not record is taken back without a word to it.
    if attempt.intention.identity.is_undo() && attempt.payment.is_none() {
        return Ok(Told::default());
    }
    match attempt.intention.verb {
        Verb::Verify if matches!(mapping.subject, Subject::Customer(_)) => {
            tell_details(cleeng, mapping, attempt, answer, deadline).await
        }
        Verb::Purchase | Verb::Verify | Verb::Authorise | Verb::Charge => {
            tell_payment(cleeng, mapping, attempt, answer, look, deadline).await
        }
        Verb::Capture | Verb::Cancel | Verb::Refund => {
            tell_change(cleeng, attempt, answer, look, deadline).await
        }
    }
}

/// A first word about an order's payment: `POST /payments`.
async fn tell_payment(
    cleeng: &Cleeng,
    mapping: &Mapping,
    attempt: &Attempt,
    answer: &Answer,
    look: bool,
    deadline: Deadline,
) -> Result<Told, Untold> {
    let order = attempt.order().ok_or_else(|| Untold::Never("the attempt has no order".to_owned()))?;
    let news = first_word(mapping, attempt, answer, order);
    if look && let Some(told) = known(cleeng, order, &news, deadline).await? {
        return Ok(told);
    }
    match cleeng.create_payment(&news, deadline).await {
        Ok(payment) => Ok(Told { payment: Some(payment.id), details: payment.details }),
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
            status: if approval.captured { PaymentStatus::Captured } else { PaymentStatus::Authorized },
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
    match (&approval.token, mapping.details) {
        (Some(token), _) => Some(DetailsGiven::Inline(NewDetails {
            customer: mapping.customer,
            token: token.clone(),
            method: mapping.method,
            card: approval.card.clone(),
            active: true,
        })),
        (None, Some(details)) if !attempt.intention.verb.buyer_present() => Some(DetailsGiven::Id(details)),
        (None, _) => None,
    }
}

/// Every payment at Cleeng has an external id: the gateway's, else our own reference.
fn external(attempt: &Attempt, gateways: Option<&GatewayReference>) -> Option<GatewayReference> {
    gateways.cloned().or_else(|| attempt.intention.identity.reference().as_str().parse().ok())
}

/// A later word about a payment that Cleeng has: `PATCH /payments/{id}`, `PATCH /payments/{id}/cancel`.
async fn tell_change(
    cleeng: &Cleeng,
    attempt: &Attempt,
    answer: &Answer,
    look: bool,
    deadline: Deadline,
) -> Result<Told, Untold> {
    let told = Told { payment: attempt.payment, details: None };
    let payment = attempt.payment.ok_or_else(|| Untold::Never("Cleeng's payment is not known".to_owned()))?;
    let verb = attempt.intention.verb;
    let update = match (verb, answer) {
        (Verb::Cancel | Verb::Refund, Answer::Declined(decline)) => {
            tracing::error!(
                alarm = "refused_return", attempt = %attempt.intention.identity, reason = %decline.reason,
                "The gateway refused to {} `{}`: a person must look", verb.as_str(), attempt.intention.identity,
            );
            return Ok(told);
        }
        (Verb::Cancel, Answer::Approved(_)) => {
            if look && status(cleeng, attempt, deadline).await? == Some(PaymentStatus::Cancelled) {
                return Ok(told);
            }
            return cleeng.cancel_payment(payment, deadline).await.map(|()| told).map_err(untold);
        }
        (Verb::Refund, Answer::Approved(approval)) => PaymentUpdate {
            order: attempt.order(),
            status: PaymentStatus::Refunded,
            operation: Some(PaymentOperation::RecurringPayment),
            external: None,
            rejected_reason: None,
            refunded_reason: Some("refunded".to_owned()),
            refunded: Some(payment::Price { currency: approval.money.currency, ..attempt.price }),
            refund_kind: Some(RefundKind::Refund),
        },
        (_, Answer::Approved(approval)) => PaymentUpdate {
            order: attempt.order(),
            status: PaymentStatus::Captured,
            operation: None,
            external: Some(approval.reference.clone()),
            rejected_reason: None,
            refunded_reason: None,
            refunded: None,
            refund_kind: None,
        },
        (_, Answer::Declined(decline)) => PaymentUpdate {
            order: attempt.order(),
            status: PaymentStatus::Rejected,
            operation: None,
            external: None,
            rejected_reason: Some(decline.rejected_reason()),
            refunded_reason: None,
            refunded: None,
            refund_kind: None,
        },
    };
    if look && status(cleeng, attempt, deadline).await?.as_ref() == Some(&update.status) {
        return Ok(told);
    }
    match cleeng.update_payment(payment, &update, deadline).await {
        Ok(_) => Ok(told),
        Err(refused @ cleeng::Error::Refused { .. }) => {
            if status(cleeng, attempt, deadline).await?.as_ref() == Some(&update.status) {
                Ok(told)
            } else {
                Err(Untold::Never(refused.to_string()))
            }
        }
        Err(error) => Err(untold(error)),
    }
}

/// A verified card of a customer: `POST /payment_details`. A second one with the same token harms nobody.
async fn tell_details(
    cleeng: &Cleeng,
    mapping: &Mapping,
    attempt: &Attempt,
    answer: &Answer,
    deadline: Deadline,
) -> Result<Told, Untold> {
    let Answer::Approved(Approval { token: Some(token), card, .. }) = answer else {
        return Ok(Told::default());
    };
    let new = NewDetails {
        customer: attempt.intention.customer,
        token: token.clone(),
        method: mapping.method,
        card: card.clone(),
        active: true,
    };
    let made = cleeng.create_details(&new, deadline).await.map_err(untold)?;
    Ok(Told { payment: None, details: Some(made.id) })
}

/// Whether Cleeng already has this very word, by its external id and status.
async fn known(
    cleeng: &Cleeng,
    order: OrderId,
    news: &NewPayment,
    deadline: Deadline,
) -> Result<Option<Told>, Untold> {
    let payments = cleeng.order_payments(order, deadline).await.map_err(untold)?;
    let same = payments
        .into_iter()
        .find(|payment| payment.external == news.external && payment.status == news.status);
    Ok(same.map(|payment| Told { payment: Some(payment.id), details: payment.details }))
}

/// What Cleeng says of the attempt's payment.
async fn status(
    cleeng: &Cleeng,
    attempt: &Attempt,
    deadline: Deadline,
) -> Result<Option<PaymentStatus>, Untold> {
    let Some(order) = attempt.order() else { return Ok(None) };
    let payments = cleeng.order_payments(order, deadline).await.map_err(untold)?;
    Ok(payments.into_iter().find(|payment| Some(payment.id) == attempt.payment).map(|payment| payment.status))
}

fn untold(error: cleeng::Error) -> Untold {
    match error {
        cleeng::Error::NotFound { .. } | cleeng::Error::Refused { .. } => Untold::Never(error.to_string()),
        error => Untold::Later(error.into()),
    }
}

fn subscription(mapping: &Mapping) -> Option<SubscriptionId> {
    match mapping.subject {
        Subject::Subscription(id) => Some(id),
        _ => None,
    }
}
