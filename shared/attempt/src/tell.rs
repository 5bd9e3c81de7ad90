//! Tells Cleeng what the gateway answered. Cleeng has no idempotency key, so whoever comes a second time looks first.

mod first_word;
mod later_word;

use cleeng::{Cleeng, NewDetails, PaymentStatus};
use jiff::Timestamp;
use ledger::{Attempt, ManagedBy, Mapping, Subject};
use payment::{Answer, Approval, FactKind, Failure, GatewayReference, Verb};
use wire::Deadline;

use self::first_word::tell_payment;
use self::later_word::{tell_change, tell_return};
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

/// The attempt as it is told.
#[derive(Clone, Copy)]
pub(crate) struct Telling<'a> {
    pub(crate) cleeng: &'a Cleeng,
    pub(crate) mapping: &'a Mapping,
    pub(crate) attempt: &'a Attempt,
    pub(crate) answer: &'a Answer,
    /// Whether to ask first if Cleeng knows already; without it, this worker is certainly the first.
    pub(crate) look: bool,
    pub(crate) now: Timestamp,
    pub(crate) deadline: Deadline,
}

/// Tells Cleeng. An error says how far it came.
pub(crate) async fn tell(telling: Telling<'_>) -> Result<Told, (Untold, Partly)> {
    let Telling { mapping, attempt, .. } = telling;
    let verb = attempt.intention.verb;
    let ours = is_ours(mapping) && matches!(mapping.subject, Subject::Order(_) | Subject::Subscription(_));
    if ours && matches!(verb, Verb::Purchase | Verb::Verify | Verb::Charge) && !has_changed(attempt) {
        return mirror(telling).await;
    }
    tell_of_orders(telling).await.map_err(|untold| (untold, Partly::default()))
}

/// Whether what Cleeng has recorded failed since.
fn has_changed(attempt: &Attempt) -> bool {
    attempt.payment.is_some() && attempt.facts.has(FactKind::CaptureFailed)
}

/// Whether we manage it ourselves: Cleeng then has payments without orders.
fn is_ours(mapping: &Mapping) -> bool {
    mapping.managed_by == ManagedBy::Connector
}

/// Tells Cleeng of what it manages.
async fn tell_of_orders(telling: Telling<'_>) -> Result<Told, Untold> {
    let Telling { mapping, attempt, .. } = telling;
    // What Cleeng would not record is taken back without a word to it.
    if attempt.intention.identity.is_undo() && attempt.payment.is_none() {
        return Ok(Told::default());
    }
    match attempt.intention.verb {
        Verb::Verify if matches!(mapping.subject, Subject::Customer(_)) => tell_details(telling).await,
        Verb::Purchase | Verb::Charge if has_changed(attempt) => tell_change(telling).await,
        Verb::Purchase | Verb::Verify | Verb::Authorise | Verb::Charge => tell_payment(telling).await,
        Verb::Capture | Verb::Cancel => tell_change(telling).await,
        Verb::Refund => tell_return(telling).await,
    }
}

/// Every payment at Cleeng has an external id: the gateway's, else our own reference.
pub(crate) fn external(attempt: &Attempt, gateways: Option<&GatewayReference>) -> Option<GatewayReference> {
    gateways.cloned().or_else(|| attempt.intention.identity.reference().as_str().parse().ok())
}

/// A verified card of a customer: `POST /payment_details`. A second one with the same token harms nobody.
async fn tell_details(telling: Telling<'_>) -> Result<Told, Untold> {
    let Telling { cleeng, mapping, attempt, answer, deadline, .. } = telling;
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

pub(crate) fn untold(error: cleeng::Error) -> Untold {
    match error {
        cleeng::Error::NotFound { .. } | cleeng::Error::Refused { .. } => Untold::Never(error.to_string()),
        error => Untold::Later(error.into()),
    }
}
