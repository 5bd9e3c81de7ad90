//! What an answer means. Whatever does not plainly say yes, no or "act first" is unknown.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use payment::{Action, Approval, Card, GatewayReference, Intention, Money, Outcome, Uncertainty, Verb};
use serde_json::{Value, json};

use super::{Operation, expiry, last_four, token_of, variant};
use crate::adyen::config::{AdyenSettings, reference};
use crate::adyen::declines::{self, Refusal};
use crate::adyen::name;
use crate::adyen::token::shopper;
use crate::adyen::wire::{ModificationResponse, PaymentResponse, ReadAmount, ServiceError};
use crate::{BuyerReturn, Checkout, CheckoutPage, GatewayError};

/// Reads the answer to any operation that moves or holds money.
pub(in crate::adyen) fn response(
    operation: &Operation<'_>,
    answer: &Response<Bytes>,
) -> Result<Outcome, GatewayError> {
    if !answer.status().is_success() {
        return refused(operation, answer);
    }
    match *operation {
        Operation::Pay { ask, .. } | Operation::OffSession(ask) => Ok(payment(ask, answer.body())),
        Operation::Details { ask, returned } => details(ask, returned, answer.body()),
        Operation::Capture(ask) | Operation::Cancel(ask) | Operation::Refund(ask) => {
            Ok(modification(ask, answer.body()))
        }
        Operation::VoidByReference(_) => {
            Ok(Outcome::unknown("voided by reference, waits for TECHNICAL_CANCEL", None))
        }
        Operation::Checkout(_) | Operation::Forget { .. } => Ok(Outcome::unknown("not a payment", None)),
    }
}

/// What the page gets: public values and Adyen's list of payment methods, unread.
pub(in crate::adyen) fn checkout_page(
    settings: &AdyenSettings,
    ask: &Checkout,
    answer: &Response<Bytes>,
) -> Result<CheckoutPage, GatewayError> {
    if !answer.status().is_success() {
        refused(&Operation::Checkout(ask), answer)?;
        return Err(unread(format!("it answered {}", answer.status().as_u16())));
    }
    let methods: Value =
        serde_json::from_slice(answer.body()).map_err(|_| unread("its answer cannot be read".to_owned()))?;
    let page = json!({
        "gateway": name().as_str(),
        "environment": if settings.live { "live" } else { "test" },
        "clientKey": settings.client_key,
        "amount": { "value": ask.money.minor, "currency": ask.money.currency.as_str() },
        "countryCode": ask.country,
        "paymentMethodsResponse": methods,
    });
    Ok(CheckoutPage { page, known: None })
}

/// Removed, or already gone.
pub(in crate::adyen) fn forgotten(answer: &Response<Bytes>) -> Result<(), GatewayError> {
    let status = answer.status();
    let code = serde_json::from_slice(answer.body()).ok().and_then(|error: ServiceError| error.error_code);
    let gone = status.as_u16() == 404 || code.is_some_and(|code| TOKEN_CODES.contains(&code.as_str()));
    if status == http::StatusCode::NO_CONTENT || gone {
        return Ok(());
    }
    // Adyen has nothing to say when it is done; what says something came from something in between.
    if status.is_success() {
        return Err(unread(format!("{status} is not what Adyen answers")));
    }
    match failure(answer) {
        Failed::Certainly(error) => Err(error),
        Failed::Perhaps(why, _) => Err(unread(why)),
    }
}

/// Adyen's error codes for a stored card that is not there (contract, detail or reference not found).
const TOKEN_CODES: [&str; 3] = ["800", "803", "805"];
/// Adyen's error codes for card data that the buyer typed wrongly or too long ago.
const BUYER_CODES: [&str; 9] = ["101", "102", "103", "129", "140", "141", "172", "174", "175"];
/// "Unexpected input". Of a buyer's payment only what the page sent varies, and the rest is held to the description by
/// tests: a wallet without its token, a type that wants more. Anybody can send that, so that it calls no operator.
const UNEXPECTED: &str = "702";
/// "Request already processed or in progress": the first one of this key may still succeed.
const IN_FLIGHT: &str = "704";

fn payment(ask: &Intention, body: &[u8]) -> Outcome {
    match serde_json::from_slice(body) {
        Ok(answer) => outcome(ask, &answer),
        Err(_) => Outcome::unknown("unreadable_body", None),
    }
}

/// What a page brings back may belong to another, cheaper payment. Only an answer that names our reference, or the
/// payment that this attempt began, is believed; where it names neither, the signed webhook is waited for.
fn details(ask: &Intention, returned: &BuyerReturn, body: &[u8]) -> Result<Outcome, GatewayError> {
    let Ok(answer) = serde_json::from_slice::<PaymentResponse<'_>>(body) else {
        return Ok(Outcome::unknown("unreadable_body", None));
    };
    let psp = answer.psp_reference.as_deref().and_then(reference);
    let ours = answer.merchant_reference.as_deref().map(|named| named == ask.identity.reference().as_str());
    let begun = returned.reference.as_ref().zip(psp.as_ref()).map(|(begun, now)| begun == now);
    match (ours, begun) {
        (Some(true), _) | (None, Some(true)) => Ok(outcome(ask, &answer)),
        (Some(false), _) => Err(GatewayError::BadPaymentData {
            gateway: name(),
            why: "what came back belongs to another payment".to_owned(),
        }),
        (None, _) if answer.action.is_some() => Ok(outcome(ask, &answer)),
        (None, _) => Ok(Outcome::unknown("unproven_return", None)),
    }
}

fn outcome(ask: &Intention, answer: &PaymentResponse<'_>) -> Outcome {
    let psp = answer.psp_reference.as_deref().and_then(reference);
    let code = answer.result_code.as_deref().unwrap_or_default();
    let refusal = Refusal {
        code: answer.refusal_reason_code.as_deref(),
        words: answer.refusal_reason.as_deref(),
        raw: answer
            .additional_data
            .get("refusalCodeRaw")
            .or_else(|| answer.additional_data.get("refusalReasonRaw")),
        advice: answer.additional_data.get("merchantAdviceCode"),
    };
    match code {
        "Authorised" => approved(ask, answer, psp),
        "Refused" => Outcome::Declined(declines::decline(refusal, psp)),
        "Cancelled" => {
            let words = refusal.words.or(Some("Cancelled"));
            Outcome::Declined(declines::decline(Refusal { words, ..refusal }, psp))
        }
        "Error" => Outcome::Declined(declines::error(refusal, psp)),
        "RedirectShopper" | "IdentifyShopper" | "ChallengeShopper" | "PresentToShopper" => {
            act_first(ask, code, answer, psp)
        }
        // A part of the amount is held: a person releases it, because nothing here asks for parts.
        "PartiallyAuthorised" => alarm("partially_authorised", psp),
        "Pending" | "Received" | "Success" => Outcome::unknown(code.to_ascii_lowercase(), psp),
        "AuthenticationFinished" | "AuthenticationNotRequired" => alarm("authentication_only", psp),
        "" => Outcome::unknown("no_result_code", psp),
        _ => Outcome::unknown("unknown_result_code", psp),
    }
}

fn approved(ask: &Intention, answer: &PaymentResponse<'_>, psp: Option<GatewayReference>) -> Outcome {
    if !agrees(answer.amount.as_ref(), ask.money) {
        return alarm("amount_differs", psp);
    }
    let Some(psp) = psp else { return alarm("no_reference", None) };
    let own = shopper(ask.customer);
    let token = ask.verb.buyer_present().then(|| token_of(&answer.additional_data, Some(&own))).flatten();
    let charged = matches!(ask.verb, Verb::Purchase | Verb::Charge) && !ask.money.is_zero();
    Outcome::Approved(Approval {
        reference: psp,
        money: ask.money,
        captured: charged,
        token,
        card: card(answer),
        capture_before: None,
    })
}

fn act_first(
    ask: &Intention,
    code: &str,
    answer: &PaymentResponse<'_>,
    psp: Option<GatewayReference>,
) -> Outcome {
    if !ask.verb.buyer_present() {
        return Outcome::Declined(declines::authentication_required(code, psp));
    }
    match answer.action {
        Some(action) => Outcome::ActionRequired(Action { page: action.get().to_owned(), reference: psp }),
        None => Outcome::unknown("no_action", psp),
    }
}

fn modification(ask: &Intention, body: &[u8]) -> Outcome {
    let Ok(answer) = serde_json::from_slice::<ModificationResponse>(body) else {
        return Outcome::unknown("unreadable_body", None);
    };
    let psp = answer.psp_reference.as_deref().and_then(reference);
    if answer.status.as_deref() != Some("received") {
        return Outcome::unknown("unknown_status", psp);
    }
    let payment::Target::Payment(of) = &ask.target else { return alarm("wrong_target", psp) };
    if answer.payment_psp_reference.as_deref().is_some_and(|named| named != of.as_str()) {
        return alarm("payment_differs", psp);
    }
    if ask.verb != Verb::Cancel && !agrees(answer.amount.as_ref(), ask.money) {
        return alarm("amount_differs", psp);
    }
    // Cleeng knows a payment by its authorisation, and a refund by its own id.
    let reference = if ask.verb == Verb::Refund { psp } else { Some(of.clone()) };
    let Some(reference) = reference else { return Outcome::unknown("no_reference", None) };
    Outcome::Approved(Approval {
        reference,
        money: ask.money,
        captured: ask.verb == Verb::Capture || ask.verb == Verb::Refund,
        token: None,
        card: None,
        capture_before: None,
    })
}

enum Failed {
    Certainly(GatewayError),
    Perhaps(String, Option<GatewayReference>),
}

fn refused(operation: &Operation<'_>, answer: &Response<Bytes>) -> Result<Outcome, GatewayError> {
    let (status, code) = match failure(answer) {
        Failed::Perhaps(why, psp) => return Ok(Outcome::unknown(why, psp)),
        Failed::Certainly(GatewayError::Misconfigured { status, code, .. }) => (status, code),
        Failed::Certainly(error) => return Err(error),
    };
    let number = code.rsplit('/').next().unwrap_or_default();
    let bad =
        || GatewayError::BadPaymentData { gateway: name(), why: format!("it answers with error {number}") };
    match operation {
        Operation::OffSession(_) if TOKEN_CODES.contains(&number) => {
            Ok(Outcome::Declined(declines::token_missing(number, None)))
        }
        // A stored card that is not there is one that the page made up.
        Operation::Pay { .. } if BUYER_CODES.contains(&number) || TOKEN_CODES.contains(&number) => Err(bad()),
        Operation::Pay { .. } if status == 422 && number == UNEXPECTED => Err(bad()),
        Operation::Details { .. } if status == 422 => Err(bad()),
        _ => Err(GatewayError::Misconfigured { gateway: name(), status, code }),
    }
}

/// Sorts an error: Adyen did nothing, or nobody knows. Only an error in Adyen's own form is believed to be Adyen's.
fn failure(answer: &Response<Bytes>) -> Failed {
    let status = answer.status().as_u16();
    let gateway = name();
    let error: Option<ServiceError> = serde_json::from_slice(answer.body()).ok();
    let code = error.as_ref().and_then(|error| error.error_code.as_deref());
    let kind = error.as_ref().and_then(|error| error.error_type.as_deref());
    let psp = error.as_ref().and_then(|error| error.psp_reference.as_deref()).and_then(reference);
    let transient = answer.headers().get("transient-error").is_some_and(|value| value == "true");
    if code == Some(IN_FLIGHT) || transient {
        return Failed::Perhaps("in_flight".to_owned(), psp);
    }
    match (status, code, kind) {
        (429, ..) => Failed::Certainly(GatewayError::Throttled { gateway, after: retry_after(answer) }),
        (401 | 403, ..) => {
            Failed::Certainly(GatewayError::Misconfigured { gateway, status, code: told(kind, code) })
        }
        (400 | 404 | 422, Some(_), Some("validation" | "security" | "configuration")) => {
            Failed::Certainly(GatewayError::Misconfigured { gateway, status, code: told(kind, code) })
        }
        _ => Failed::Perhaps(format!("http_{status}"), psp),
    }
}

/// `validation/14_030`: Adyen's words for the kind and the code, never its message.
fn told(kind: Option<&str>, code: Option<&str>) -> String {
    let plain = |text: Option<&str>| -> String {
        let letters = text.unwrap_or("unknown").chars();
        letters.filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_').take(32).collect()
    };
    format!("{}/{}", plain(kind), plain(code))
}

fn retry_after(answer: &Response<Bytes>) -> Option<Duration> {
    let seconds = answer.headers().get(http::header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn unread(why: String) -> GatewayError {
    GatewayError::NotSent { gateway: name(), why }
}

/// Whether an answered amount, where there is one, is what was asked.
fn agrees(answered: Option<&ReadAmount>, asked: Money) -> bool {
    let Some(answered) = answered else { return true };
    let value = answered.value.as_deref().and_then(|value| value.parse::<i64>().ok());
    let currency = answered.currency.as_deref().unwrap_or_default();
    value == Some(asked.minor) && currency.eq_ignore_ascii_case(asked.currency.as_str())
}

fn card(answer: &PaymentResponse<'_>) -> Option<Card> {
    let data = &answer.additional_data;
    let brand = answer.payment_method.as_ref().and_then(|method| method.brand.as_deref());
    let brand = brand.or_else(|| data.get("paymentMethod")).or_else(|| data.get("cardPaymentMethod"))?;
    Some(Card {
        variant: variant(brand),
        last_four: data.get("cardSummary").and_then(last_four)?,
        expires: data.get("expiryDate").and_then(expiry),
    })
}

fn alarm(why: &str, reference: Option<GatewayReference>) -> Outcome {
    Outcome::Unknown(Uncertainty { why: why.to_owned(), reference, alarm: true })
}
