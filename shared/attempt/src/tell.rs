//! Tells Cleeng what the gateway answered. Cleeng has no idempotency key, so whoever comes a second time looks first.

use cleeng::{
    Cleeng, DetailsGiven, NewDetails, NewPayment, Payment, PaymentOperation, PaymentStatus, PaymentUpdate,
    RefundKind,
};
use jiff::Timestamp;
use ledger::{Attempt, ManagedBy, Mapping, Stage, Subject};
use payment::{
    Answer, Approval, Decline, FactKind, Failure, GatewayReference, OrderId, SubscriptionId, Target, Verb,
};
use wire::Deadline;

use crate::apply::{Told, is_newest_card};
use crate::due::LOOKS_MAX;
use crate::mirror::{Partly, mirror};

/// Why Cleeng does not know yet.
pub(crate) enum Untold {
    /// It may later: the answer stays due.
    Later(Failure),
    /// It never will: what was charged is undone.
    Never(String),
}

/// Tells Cleeng. With `look`, asks first whether it knows already; without it, this worker is certainly the first.
/// An error says how far it came.
pub(crate) async fn tell(
    cleeng: &Cleeng,
    mapping: &Mapping,
    attempt: &Attempt,
    answer: &Answer,
    look: bool,
    now: Timestamp,
    deadline: Deadline,
) -> Result<Told, (Untold, Partly)> {
    let verb = attempt.intention.verb;
    let ours = is_ours(mapping) && matches!(mapping.subject, Subject::Order(_) | Subject::Subscription(_));
    let changed = attempt.payment.is_some() && attempt.facts.has(FactKind::CaptureFailed);
    if ours && matches!(verb, Verb::Purchase | Verb::Verify | Verb::Charge) && !changed {
        return mirror(cleeng, mapping, attempt, answer, look, now, deadline).await;
    }
    let told = tell_of_orders(cleeng, mapping, attempt, answer, look, deadline).await;
    told.map_err(|untold| (untold, Partly::default()))
}

/// Whether we manage it ourselves: Cleeng then has payments without orders.
fn is_ours(mapping: &Mapping) -> bool {
    mapping.managed_by == ManagedBy::Connector
}

/// Tells Cleeng of what it manages.
async fn tell_of_orders(
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
        Verb::Purchase | Verb::Charge
            if attempt.payment.is_some() && attempt.facts.has(FactKind::CaptureFailed) =>
        {
            tell_change(cleeng, mapping, attempt, answer, look, deadline).await
        }
        Verb::Purchase | Verb::Verify | Verb::Authorise | Verb::Charge => {
            tell_payment(cleeng, mapping, attempt, answer, look, deadline).await
        }
        Verb::Capture | Verb::Cancel => tell_change(cleeng, mapping, attempt, answer, look, deadline).await,
        Verb::Refund => tell_return(cleeng, mapping, attempt, answer, deadline).await,
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

/// Every payment at Cleeng has an external id: the gateway's, else our own reference.
pub(crate) fn external(attempt: &Attempt, gateways: Option<&GatewayReference>) -> Option<GatewayReference> {
    gateways.cloned().or_else(|| attempt.intention.identity.reference().as_str().parse().ok())
}

/// A later word about a payment that Cleeng has: `PATCH /payments/{id}`, `PATCH /payments/{id}/cancel`.
async fn tell_change(
    cleeng: &Cleeng,
    mapping: &Mapping,
    attempt: &Attempt,
    answer: &Answer,
    look: bool,
    deadline: Deadline,
) -> Result<Told, Untold> {
    let told = Told { payment: attempt.payment, ..Told::default() };
    let payment = attempt.payment.ok_or_else(no_payment)?;
    let update = match (attempt.intention.verb, answer) {
        (Verb::Cancel, Answer::Declined(decline)) => {
            ring_refused(attempt, decline);
            return Ok(told);
        }
        (Verb::Cancel, Answer::Approved(_)) => {
            if look && has_status(cleeng, mapping, attempt, &PaymentStatus::Cancelled, deadline).await? {
                return Ok(told);
            }
            return match cleeng.cancel_payment(payment, deadline).await {
                Ok(true) => Ok(told),
                // It may be anybody's answer: what Cleeng shows as still authorised is told again.
                Ok(false) => match at_cleeng(cleeng, mapping, attempt, deadline).await? {
                    Some(known) if known.status == PaymentStatus::Authorized => {
                        Err(Untold::Later(Failure::retry("Cleeng has not cancelled the payment yet")))
                    }
                    _ => Ok(told),
                },
                Err(refused) if refused.is_refusal() => {
                    let known =
                        has_status(cleeng, mapping, attempt, &PaymentStatus::Cancelled, deadline).await?;
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
    if look && has_status(cleeng, mapping, attempt, &update.status, deadline).await? {
        return Ok(told);
    }
    match cleeng.update_payment(payment, &update, deadline).await {
        Ok(_) => Ok(told),
        Err(refused @ cleeng::Error::Refused { .. }) => {
            let known = has_status(cleeng, mapping, attempt, &update.status, deadline).await?;
            if known { Ok(told) } else { Err(Untold::Never(refused.to_string())) }
        }
        Err(error) => Err(untold(error)),
    }
}

/// Money that went back: `PATCH /payments/{id}`, `refunded`. One payment may be returned in parts, so that its status
/// does not tell one part from another. The reason does: each part adds its own reference to it, and is looked for
/// there first. Worth the look each time, because a part that is told twice is counted twice.
async fn tell_return(
    cleeng: &Cleeng,
    mapping: &Mapping,
    attempt: &Attempt,
    answer: &Answer,
    deadline: Deadline,
) -> Result<Told, Untold> {
    let told = Told { payment: attempt.payment, ..Told::default() };
    let payment = attempt.payment.ok_or_else(no_payment)?;
    let approval = match answer {
        Answer::Approved(approval) => approval,
        Answer::Declined(decline) => {
            ring_refused(attempt, decline);
            return Ok(told);
        }
    };
    let known = at_cleeng(cleeng, mapping, attempt, deadline).await?;
    if known.as_ref().is_some_and(|known| is_return_told(mapping, attempt, known)) {
        return Ok(told);
    }
    let before = known.and_then(|known| known.refunded_reason).filter(|reason| reason.contains(MARK));
    let word = if attempt.by_bank { "chargeback" } else { "refunded" };
    let reason = before.unwrap_or_else(|| word.to_owned());
    let update = PaymentUpdate {
        operation: Some(operation(mapping, attempt)),
        refunded_reason: Some(format!("{reason}{MARK}{}", attempt.intention.identity.reference().as_str())),
        refunded: Some(payment::Price { currency: approval.money.currency, ..attempt.price }),
        refund_kind: Some(if attempt.by_bank { RefundKind::Chargeback } else { RefundKind::Refund }),
        ..change(mapping, attempt, PaymentStatus::Refunded)
    };
    match cleeng.update_payment(payment, &update, deadline).await {
        Ok(_) => Ok(told),
        Err(refused @ cleeng::Error::Refused { .. }) => {
            match at_cleeng(cleeng, mapping, attempt, deadline).await? {
                Some(known) if is_return_told(mapping, attempt, &known) => Ok(told),
                _ => Err(Untold::Never(refused.to_string())),
            }
        }
        Err(error) => Err(untold(error)),
    }
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

/// A verified card of a customer: `POST /payment_details`. A second one with the same token harms nobody.
async fn tell_details(
    cleeng: &Cleeng,
    mapping: &Mapping,
    attempt: &Attempt,
    answer: &Answer,
    deadline: Deadline,
) -> Result<Told, Untold> {
    let Answer::Approved(Approval { token, card, .. }) = answer else { return Ok(Told::default()) };
    // A newer card is there already; told now, this one would take its place.
    if !is_newest_card(mapping, &attempt.intention.identity) {
        return Ok(Told::default());
    }
    // Adyen may name the stored card by webhook only.
    let Some(token) = token else {
        let why = "the gateway has not named the stored card yet";
        let patient = attempt.looks < LOOKS_MAX;
        return Err(if patient { Untold::Later(Failure::retry(why)) } else { Untold::Never(why.to_owned()) });
    };
    let new = NewDetails {
        customer: attempt.intention.customer,
        token: token.clone(),
        method: attempt.method.unwrap_or(mapping.method),
        card: card.clone(),
        active: true,
    };
    let made = cleeng.create_details(&new, deadline).await.map_err(untold)?;
    Ok(Told { details: Some(made.id), ..Told::default() })
}

/// Whether a payment with this status at Cleeng is one of which this was told: what is captured may have been returned since.
pub(crate) fn was_told(told: &PaymentStatus, recorded: &PaymentStatus) -> bool {
    recorded == told || (*told == PaymentStatus::Captured && *recorded == PaymentStatus::Refunded)
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

/// Whether Cleeng says this of the attempt's payment.
async fn has_status(
    cleeng: &Cleeng,
    mapping: &Mapping,
    attempt: &Attempt,
    status: &PaymentStatus,
    deadline: Deadline,
) -> Result<bool, Untold> {
    Ok(at_cleeng(cleeng, mapping, attempt, deadline)
        .await?
        .is_some_and(|payment| was_told(status, &payment.status)))
}

/// The attempt's payment as Cleeng has it.
async fn at_cleeng(
    cleeng: &Cleeng,
    mapping: &Mapping,
    attempt: &Attempt,
    deadline: Deadline,
) -> Result<Option<Payment>, Untold> {
    let payments = match (attempt.order().filter(|_| !is_ours(mapping)), &attempt.intention.target) {
        (Some(order), _) => cleeng.order_payments(order, deadline).await.map_err(untold)?,
        (None, Target::Payment(external)) => {
            cleeng.external_payments(external, deadline).await.map_err(untold)?.unwrap_or_default()
        }
        (None, _) => Vec::new(),
    };
    Ok(payments.into_iter().find(|payment| Some(payment.id) == attempt.payment))
}

pub(crate) fn untold(error: cleeng::Error) -> Untold {
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
