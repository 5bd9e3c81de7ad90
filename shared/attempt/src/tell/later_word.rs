//! Later words about a payment that Cleeng has: taken, let go, refused after all, returned.

use cleeng::{Payment, PaymentOperation, PaymentStatus, PaymentUpdate, RefundKind};
use ledger::{Attempt, Mapping, Stage};
use payment::{Answer, Decline, Failure, Money, Target, Verb};

use super::{Telling, Untold, is_ours, untold, was_told};
use crate::apply::Told;
use crate::apply::undo::part_of;

/// A later word about a payment that Cleeng has: `PATCH /payments/{id}`, `PATCH /payments/{id}/cancel`.
pub(super) async fn tell_change(telling: Telling<'_>) -> Result<Told, Untold> {
    let Telling { cleeng, mapping, attempt, answer, look, deadline, .. } = telling;
    let told = Told { payment: attempt.payment, ..Told::default() };
    let payment = attempt.payment.ok_or_else(no_payment)?;
    let update = match (attempt.intention.verb, answer) {
        (Verb::Cancel, Answer::Declined(decline)) => {
            ring_refused(attempt, decline);
            return Ok(told);
        }
        (Verb::Cancel, Answer::Approved(_)) => {
            if look && has_status(telling, &PaymentStatus::Cancelled).await? {
                return Ok(told);
            }
            return match cleeng.cancel_payment(payment, deadline).await {
                Ok(true) => Ok(told),
                // It may be anybody's answer: what Cleeng shows as still authorised is told again.
                Ok(false) => match at_cleeng(telling).await? {
                    Some(known) if known.status == PaymentStatus::Authorized => {
                        Err(Untold::Later(Failure::retry("Cleeng has not cancelled the payment yet")))
                    }
                    _ => Ok(told),
                },
                Err(refused) if refused.is_refusal() => {
                    let known = has_status(telling, &PaymentStatus::Cancelled).await?;
                    if known { Ok(told) } else { Err(untold(refused)) }
                }
                Err(error) => Err(untold(error)),
            };
        }
        (_, Answer::Approved(approval)) => PaymentUpdate {
            external: Some(approval.reference.clone()),
            ..change(mapping, attempt, PaymentStatus::Captured)
        },
        (_, Answer::Declined(decline)) => PaymentUpdate {
            rejected_reason: Some(decline.rejected_reason()),
            operation: Some(operation(mapping, attempt)),
            ..change(mapping, attempt, PaymentStatus::Rejected)
        },
    };
    if look && has_status(telling, &update.status).await? {
        return Ok(told);
    }
    match cleeng.update_payment(payment, &update, deadline).await {
        Ok(_) => Ok(told),
        Err(refused @ cleeng::Error::Refused { .. }) => {
            let known = has_status(telling, &update.status).await?;
            if known { Ok(told) } else { Err(Untold::Never(refused.to_string())) }
        }
        Err(error) => Err(untold(error)),
    }
}

/// Money that went back: `PATCH /payments/{id}`, `refunded`. One payment may be returned in parts, so that its status
/// does not tell one part from another. The reason does: each part adds its own reference to it, and is looked for
/// there first. Worth the look each time, because a part that is told twice is counted twice.
pub(super) async fn tell_return(telling: Telling<'_>) -> Result<Told, Untold> {
    let Telling { cleeng, mapping, attempt, answer, deadline, .. } = telling;
    let told = Told { payment: attempt.payment, ..Told::default() };
    let payment = attempt.payment.ok_or_else(no_payment)?;
    let approval = match answer {
        Answer::Approved(approval) => approval,
        Answer::Declined(decline) => {
            ring_refused(attempt, decline);
            return Ok(told);
        }
    };
    let whole = attempt.intention.money;
    let part = uncounted(mapping, attempt);
    if part.minor <= 0 && !whole.is_zero() {
        return Ok(told);
    }
    let known = at_cleeng(telling).await?;
    if known.as_ref().is_some_and(|known| is_return_told(mapping, attempt, known)) {
        return Ok(told);
    }
    let before = known.and_then(|known| known.refunded_reason).filter(|reason| reason.contains(MARK));
    let word = if attempt.by_bank { "chargeback" } else { "refunded" };
    let reason = before.unwrap_or_else(|| word.to_owned());
    let update = PaymentUpdate {
        operation: Some(operation(mapping, attempt)),
        refunded_reason: Some(format!("{reason}{MARK}{}", attempt.intention.identity.reference().as_str())),
        refunded: Some(payment::Price {
            currency: approval.money.currency,
            ..part_of(attempt.price, part, whole)
        }),
        refund_kind: Some(if attempt.by_bank { RefundKind::Chargeback } else { RefundKind::Refund }),
        ..change(mapping, attempt, PaymentStatus::Refunded)
    };
    match cleeng.update_payment(payment, &update, deadline).await {
        Ok(_) => Ok(told),
        Err(refused @ cleeng::Error::Refused { .. }) => match at_cleeng(telling).await? {
            Some(known) if is_return_told(mapping, attempt, &known) => Ok(told),
            _ => Err(Untold::Never(refused.to_string())),
        },
        Err(error) => Err(untold(error)),
    }
}

/// How much of this return Cleeng is told: no more than it does not count as returned yet. It has no word for money that came
/// back (a chargeback that was reversed), so that what is returned after that takes its place.
fn uncounted(mapping: &Mapping, attempt: &Attempt) -> Money {
    let money = attempt.intention.money;
    let Some(paid) = &mapping.paid else { return money };
    let others = mapping.attempts.iter().filter(|other| {
        other.intention.identity != attempt.intention.identity
            && other.intention.verb == Verb::Refund
            && matches!(other.stage, Stage::Reported(Answer::Approved(_)))
    });
    let left = others.fold(paid.money.minor, |left, other| left.saturating_sub(other.intention.money.minor));
    Money { minor: money.minor.min(left), ..money }
}

/// Stands before each reference in a payment's `refundedReason`.
const MARK: &str = " | ";

/// Whether Cleeng has heard of this very return. Where it gives no reason back, a payment that counts as returned was
/// told by somebody; that it was another part rings, because nobody can see it.
fn is_return_told(mapping: &Mapping, attempt: &Attempt, known: &Payment) -> bool {
    if known.status != PaymentStatus::Refunded {
        return false;
    }
    let identity = &attempt.intention.identity;
    match known.refunded_reason.as_deref().filter(|reason| reason.contains(MARK)) {
        Some(reason) => reason.split(MARK).any(|mark| mark == identity.reference().as_str()),
        None => {
            let told = |other: &Attempt| {
                other.intention.identity != *identity
                    && other.intention.verb == Verb::Refund
                    && matches!(other.stage, Stage::Reported(Answer::Approved(_)))
            };
            if mapping.attempts.iter().any(told) {
                tracing::error!(
                    alarm = "unclear_return", attempt = %identity,
                    "Whether Cleeng knows of `{identity}` cannot be seen: compare the payment's returns by hand",
                );
            }
            true
        }
    }
}

/// A payment of what we manage ourselves has no order.
fn change(mapping: &Mapping, attempt: &Attempt, status: PaymentStatus) -> PaymentUpdate {
    PaymentUpdate {
        order: attempt.order().filter(|_| !is_ours(mapping)),
        status,
        operation: None,
        external: None,
        rejected_reason: None,
        refunded_reason: None,
        refunded: None,
        refund_kind: None,
    }
}

/// What the payment was for, as it was first recorded.
fn operation(mapping: &Mapping, attempt: &Attempt) -> PaymentOperation {
    let of_order = attempt.intention.identity.as_str().starts_with("order/");
    let first = mapping.paid.as_ref().map_or(of_order, |paid| paid.first);
    if first { PaymentOperation::InitialPayment } else { PaymentOperation::RecurringPayment }
}

fn ring_refused(attempt: &Attempt, decline: &Decline) {
    tracing::error!(
        alarm = "refused_return", attempt = %attempt.intention.identity, reason = %decline.reason,
        "The gateway refused to {} `{}`: a person must look",
        attempt.intention.verb.as_str(), attempt.intention.identity,
    );
}

fn no_payment() -> Untold {
    Untold::Never("Cleeng's payment is not known".to_owned())
}

/// Whether Cleeng says this of the attempt's payment.
async fn has_status(telling: Telling<'_>, status: &PaymentStatus) -> Result<bool, Untold> {
    Ok(at_cleeng(telling).await?.is_some_and(|payment| was_told(status, &payment.status)))
}

/// The attempt's payment as Cleeng has it.
async fn at_cleeng(telling: Telling<'_>) -> Result<Option<Payment>, Untold> {
    let Telling { cleeng, mapping, attempt, deadline, .. } = telling;
    let payments = match (attempt.order().filter(|_| !is_ours(mapping)), &attempt.intention.target) {
        (Some(order), _) => cleeng.order_payments(order, deadline).await.map_err(untold)?,
        (None, Target::Payment(external)) => {
            cleeng.external_payments(external, deadline).await.map_err(untold)?.unwrap_or_default()
        }
        (None, _) => Vec::new(),
    };
    Ok(payments.into_iter().find(|payment| Some(payment.id) == attempt.payment))
}
