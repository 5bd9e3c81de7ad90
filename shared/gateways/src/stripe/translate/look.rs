//! What is looked up: lists, searches and single objects, and the answers to calls that move no money.

use std::time::Duration;

use bytes::Bytes;
use http::{StatusCode, header};
use payment::{Approval, CustomerId, Decline, DeclineClass, DeclineReason, Intention, Outcome, Reference};
use serde::de::DeserializeOwned;

use super::read::{Approved, is_asked, reference};
use super::request::{CUSTOMER, ORDER, REFERENCE};
use super::response::{Standing, alarm, of_payment, of_refund, of_setup, standing};
use crate::stripe::name;
use crate::stripe::stored_card::is_id;
use crate::stripe::wire::{
    Beside, ErrorBody, List, Metadata, Named, PaymentIntent, PaymentMethod, Refund, RefundStatus, SetupIntent,
};
use crate::{GatewayError, Origin};

/// What a single object that was asked for by its id says of an intention.
pub(in crate::stripe) fn read(
    ask: &Intention,
    customer: Option<&str>,
    answer: &http::Response<Bytes>,
) -> Result<Option<Standing>, GatewayError> {
    if !answer.status().is_success() {
        return Err(not_looked(answer));
    }
    let unreadable = || Standing::Settled(Outcome::unknown("unreadable_body", None));
    Ok(Some(standing(ask, customer, answer.body()).unwrap_or_else(unreadable)))
}

/// What the objects of a list or search say of an intention: only those with our reference speak. `Ok(None)` is no trace.
pub(in crate::stripe) fn found(
    ask: &Intention,
    customer: Option<&str>,
    answer: &http::Response<Bytes>,
) -> Result<Option<Standing>, GatewayError> {
    match ask.verb {
        payment::Verb::Verify => {
            speakers(ask, answer, |it: &SetupIntent| (&it.metadata, of_setup(ask, customer, it)))
        }
        payment::Verb::Refund => speakers(ask, answer, |it: &Refund| (&it.metadata, of_refund(ask, it))),
        _ => speakers(ask, answer, |it: &PaymentIntent| (&it.metadata, of_payment(ask, customer, it))),
    }
}

fn speakers<T: DeserializeOwned>(
    ask: &Intention,
    answer: &http::Response<Bytes>,
    say: impl Fn(&T) -> (&Metadata, Standing),
) -> Result<Option<Standing>, GatewayError> {
    let ours = ask.identity.reference();
    let page: List<T> = list(answer)?;
    let spoken =
        page.data.iter().map(say).filter(|(metadata, _)| {
            metadata.get(REFERENCE).is_some_and(|reference| reference == ours.as_str())
        });
    let weightiest = the_weightiest(spoken.map(|(_, standing)| standing).collect());
    // What is not on a page that has successors may be on one of them.
    let unseen = weightiest.is_none() && page.has_more;
    Ok(if unseen { Some(Standing::Settled(alarm("list_too_long", None))) } else { weightiest })
}

/// Of several objects with one reference, what counts: more than one that holds money is for a person.
fn the_weightiest(standings: Vec<Standing>) -> Option<Standing> {
    let weight = |standing: &Standing| match standing {
        Standing::Settled(Outcome::Approved(_)) => 4,
        Standing::Settled(Outcome::Unknown(_)) => 3,
        Standing::Settled(Outcome::ActionRequired(_)) => 2,
        Standing::Settled(Outcome::Declined(_)) => 1,
        Standing::NotDone => 0,
    };
    if standings.iter().filter(|standing| weight(standing) == 4).count() > 1 {
        return Some(Standing::Settled(alarm("found_twice", None)));
    }
    standings.into_iter().max_by_key(weight)
}

/// The whole payment was returned by others: a refund of the asked amount that is nobody's attempt stands for ours.
pub(in crate::stripe) fn by_hand(ask: &Intention, refunds: &[Refund]) -> Outcome {
    let stands = |refund: &&Refund| {
        matches!(refund.status, RefundStatus::Succeeded | RefundStatus::Pending)
            && !refund.metadata.contains_key(REFERENCE)
            && is_asked(ask, refund.amount, refund.currency.as_deref())
    };
    let of_that_amount = refunds.iter().find(stands).and_then(|refund| reference(&refund.id));
    match of_that_amount {
        Some(reference) => Outcome::Approved(Approval::from(Approved {
            reference,
            money: ask.money,
            captured: true,
            kept: None,
            card: None,
        })),
        None => Outcome::Declined(Decline {
            class: DeclineClass::Technical,
            reason: DeclineReason::Duplicate,
            codes: "stripe:charge_already_refunded".to_owned(),
            reference: None,
            retry_after: None,
        }),
    }
}

/// Reads a list; anything else means that we could not look.
pub(in crate::stripe) fn list<T: DeserializeOwned>(
    answer: &http::Response<Bytes>,
) -> Result<List<T>, GatewayError> {
    if !answer.status().is_success() {
        return Err(not_looked(answer));
    }
    body(answer.body()).ok_or_else(unreadable)
}

/// The id of the customer that was made.
pub(in crate::stripe) fn made_customer(answer: &http::Response<Bytes>) -> Result<String, GatewayError> {
    if !answer.status().is_success() {
        return Err(not_looked(answer));
    }
    body(answer.body()).map(|Named { id }| id).filter(|id| is_id(id)).ok_or_else(unreadable)
}

/// Our words beside a payment. One that Stripe does not have came from nobody.
pub(in crate::stripe) fn origin(answer: &http::Response<Bytes>) -> Result<Origin, GatewayError> {
    let metadata = beside(answer)?;
    Ok(Origin {
        attempt: metadata.get(REFERENCE).and_then(|text| Reference::identity(text)),
        order: metadata.get(ORDER).and_then(|text| text.parse().ok()),
    })
}

/// Cleeng's customer beside Stripe's.
pub(in crate::stripe) fn owner(answer: &http::Response<Bytes>) -> Result<Option<CustomerId>, GatewayError> {
    Ok(beside(answer)?.get(CUSTOMER).and_then(|text| text.parse().ok()))
}

fn beside(answer: &http::Response<Bytes>) -> Result<Metadata, GatewayError> {
    if answer.status() == StatusCode::NOT_FOUND {
        return Ok(Metadata::new());
    }
    if !answer.status().is_success() {
        return Err(not_looked(answer));
    }
    body::<Beside>(answer.body()).map(|Beside { metadata }| metadata).ok_or_else(unreadable)
}

/// Whether a detachment was refused in a way that a card which is gone would explain.
pub(in crate::stripe) fn may_be_gone(answer: &http::Response<Bytes>) -> bool {
    matches!(answer.status(), StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND)
}

/// Whether it was done; any other answer leaves it to be done again, and so does a success that is not Stripe's: all of
/// its answers are objects.
pub(in crate::stripe) fn done(answer: &http::Response<Bytes>) -> Result<(), GatewayError> {
    let object = body::<serde_json::Map<String, serde_json::Value>>(answer.body());
    if answer.status().is_success() && object.is_some() { Ok(()) } else { Err(not_looked(answer)) }
}

/// Whether a stored card is gone: unknown, or nobody's.
pub(in crate::stripe) fn is_gone(answer: &http::Response<Bytes>) -> Result<(), GatewayError> {
    let nobodys = || body::<PaymentMethod>(answer.body()).is_some_and(|card| card.customer.is_none());
    match answer.status() {
        StatusCode::NOT_FOUND => Ok(()),
        status if status.is_success() && nobodys() => Ok(()),
        status if status.is_success() => Err(GatewayError::Misconfigured {
            gateway: name(),
            status: status.as_u16(),
            code: "card_not_detached".to_owned(),
        }),
        _ => Err(not_looked(answer)),
    }
}

/// The pause it asks for.
pub(super) fn retry_after(answer: &http::Response<Bytes>) -> Option<Duration> {
    let seconds = answer.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The error's code, or its type; never its message, which can repeat what was sent.
pub(in crate::stripe) fn error_code(answer: &http::Response<Bytes>) -> String {
    let Some(ErrorBody { error }) = body(answer.body()) else {
        return "unreadable_body".to_owned();
    };
    let sound = |code: &String| {
        code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    error.code.filter(sound).unwrap_or_else(|| error.kind.as_str().to_owned())
}

pub(super) fn body<T: DeserializeOwned>(text: &[u8]) -> Option<T> {
    serde_json::from_slice(text).ok()
}

/// A look that failed changed nothing and told nothing.
fn not_looked(answer: &http::Response<Bytes>) -> GatewayError {
    match answer.status() {
        StatusCode::TOO_MANY_REQUESTS => {
            GatewayError::Throttled { gateway: name(), after: retry_after(answer) }
        }
        StatusCode::CONFLICT => again("in_flight"),
        status if status.is_client_error() => {
            GatewayError::Misconfigured { gateway: name(), status: status.as_u16(), code: error_code(answer) }
        }
        status => again(&format!("http_{}", status.as_u16())),
    }
}

fn unreadable() -> GatewayError {
    again("unreadable_body")
}

/// No money depends on this call: it is simply made again later.
fn again(why: &str) -> GatewayError {
    GatewayError::NotSent { gateway: name(), why: why.to_owned() }
}
