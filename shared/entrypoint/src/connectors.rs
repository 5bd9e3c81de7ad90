//! What all calls of front ends under `/connectors/{gateway}` share: the path, the customer, and how an attempt's end is answered.

use attempt::{Done, Ended};
use bytes::Bytes;
use cleeng::{MediaStore, TokenError};
use gateways::Routes;
use http::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use payment::{Answer, Approval, Currency, CustomerId, Decline, DeclineReason, GatewayName};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Value, json};
use settings::{SettingError, Settings};
use wire::Deadline;

use crate::http::{Refusal, answer, envelope};

/// The gateway and the call of `POST /connectors/{gateway}/{call…}`.
pub fn call_of<'a>(
    request: &'a Request<Bytes>,
    routes: &Routes,
) -> Result<(GatewayName, Vec<&'a str>), Refusal> {
    let parts: Vec<_> = request.uri().path().trim_matches('/').split('/').collect();
    let (gateway, call) = match (request.method(), parts.as_slice()) {
        (&Method::POST, ["connectors", gateway, call @ ..]) => (*gateway, call.to_vec()),
        _ => return Err(no_such_call()),
    };
    match gateway.parse::<GatewayName>() {
        Ok(name) if routes.to_gateway(&name).is_some() => Ok((name, call)),
        _ => Err(Refusal::path("No payment gateway of this name is set up here.")),
    }
}

/// 404: no call of this job.
pub fn no_such_call() -> Refusal {
    Refusal::path("There is no such call. See the API description.")
}

/// In which currency a card is checked at zero whose customer never paid here (`VERIFICATION_CURRENCY`, EUR).
pub fn verification_currency(settings: &Settings) -> Result<Currency, SettingError> {
    const NAME: &str = "VERIFICATION_CURRENCY";
    let currency = settings.optional(NAME)?.unwrap_or("EUR").parse();
    currency.map_err(|error| SettingError::malformed(NAME, error))
}

/// How many cards one customer may try in an hour (`TRIES_PER_CUSTOMER_HOUR_MAX`, 10).
pub fn tries_per_customer_hour_max(settings: &Settings) -> Result<u32, SettingError> {
    settings.parsed_or("TRIES_PER_CUSTOMER_HOUR_MAX", 10)
}

/// 429: this customer tried too many cards.
pub fn too_many_cards(gateway: &GatewayName) -> Refusal {
    let refusal = Refusal::too_many(gateway, "Too many cards were tried. Try again in an hour.");
    Refusal { retry_after_seconds: Some(3600), ..refusal }
}

/// The customer that the token proves.
pub async fn customer_of(
    media_store: &MediaStore,
    gateway: &GatewayName,
    token: &SecretString,
    now: Timestamp,
    deadline: Deadline,
) -> Result<CustomerId, Refusal> {
    media_store.verify_customer(token, now, deadline).await.map_err(|error| match error {
        TokenError::Expired => Refusal::token_expired(),
        TokenError::Missing => Refusal::token_missing(),
        TokenError::Invalid => Refusal::token_invalid(),
        TokenError::Unavailable(error) => Refusal::from_failure(gateway, &error.into()),
    })
}

/// How far an attempt is that the page is shown something of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown<'a> {
    /// The gateway did it; whether Cleeng knows.
    Approved {
        /// What it did.
        approval: &'a Approval,
        /// Whether Cleeng knows.
        told: bool,
    },
    /// Nobody knows yet.
    Pending,
}

/// 200 with what is shown, or with `action`; 202 while nobody knows (the page must not offer to begin anew: asking again
/// is safe and brings the result); 422 for a refusal, the same words for every one.
pub fn reply<T: Serialize>(
    gateway: &GatewayName,
    done: &Done,
    show: impl FnOnce(Shown<'_>) -> T,
) -> Response<Bytes> {
    match &done.ended {
        Ended::Answered { answer: Answer::Approved(approval), told } => {
            answer(Ok(show(Shown::Approved { approval, told: *told })))
        }
        Ended::Answered { answer: Answer::Declined(Decline { reason, .. }), .. } => {
            answer::<()>(Err(match reason {
                DeclineReason::ShopperCancelled => Refusal::cancelled(gateway),
                _ => Refusal::refused(gateway),
            }))
        }
        Ended::AwaitingBuyer(Some(action)) => match serde_json::from_str::<Value>(&action.page) {
            Ok(page) => answer(Ok(json!({ "action": page }))),
            Err(_) => answer::<()>(Err(Refusal::later(gateway))),
        },
        Ended::AwaitingBuyer(None) | Ended::Unknown | Ended::Busy | Ended::Parked => {
            envelope(StatusCode::ACCEPTED, &show(Shown::Pending))
        }
        Ended::Withdrawn => answer::<()>(Err(Refusal::later(gateway))),
    }
}
