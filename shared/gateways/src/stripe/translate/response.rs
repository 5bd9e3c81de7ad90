//! The answers: what Stripe said becomes one of the four outcomes, or the certainty that nothing was done.

use bytes::Bytes;
use http::StatusCode;
use payment::{
    Approval, Decline, DeclineClass, DeclineReason, GatewayReference, Intention, Money, Outcome, Uncertainty,
    Verb,
};
use serde_json::json;

use super::look::{body, error_code, retry_after};
use super::read::{Approved, is_asked, reference};
use super::request::CUSTOMER;
use crate::GatewayError;
use crate::stripe::declines::{decline, of_code};
use crate::stripe::name;
use crate::stripe::wire::{
    ApiError, ErrorBody, ErrorKind, IntentStatus, Metadata, PaymentIntent, Refund, RefundStatus, SetupIntent,
};

/// What an object says of an intention.
pub(in crate::stripe) enum Standing {
    /// It answers it, if only with "nobody knows yet".
    Settled(Outcome),
    /// The object is there, and what was asked has not been done to it.
    NotDone,
}

impl Standing {
    /// As the answer to a request that asked for it to be done.
    fn answered(self, id: Option<GatewayReference>) -> Outcome {
        match self {
            Self::Settled(outcome) => outcome,
            Self::NotDone => Outcome::unknown("not_done", id),
        }
    }
}

/// What the answer to a write means. `customer` is Stripe's customer, where it is known who must pay.
pub(in crate::stripe) fn response(
    ask: &Intention,
    customer: Option<&str>,
    answer: &http::Response<Bytes>,
) -> Result<Outcome, GatewayError> {
    if answer.status().is_success() {
        Ok(match standing(ask, customer, answer.body()) {
            Some(standing) => standing.answered(acted_on(ask)),
            None => Outcome::unknown("unreadable_body", acted_on(ask)),
        })
    } else {
        refusal(ask, answer)
    }
}

/// Whether a refused capture, cancel or refund may be one that was done before: then the object itself is asked.
pub(in crate::stripe) fn already_done(ask: &Intention, answer: &http::Response<Bytes>) -> bool {
    let codes: &[&str] = match ask.verb {
        Verb::Capture => {
            &["charge_already_captured", "payment_intent_unexpected_state", "intent_invalid_state"]
        }
        Verb::Cancel => &["payment_intent_unexpected_state", "intent_invalid_state"],
        Verb::Refund => &["charge_already_refunded"],
        Verb::Purchase | Verb::Verify | Verb::Authorise | Verb::Charge => &[],
    };
    answer.status().is_client_error()
        && body::<ErrorBody>(answer.body())
            .and_then(|body| body.error.code)
            .is_some_and(|code| codes.contains(&code.as_str()))
}

/// What an object says of an intention; `None` where it cannot be read.
pub(super) fn standing(ask: &Intention, customer: Option<&str>, text: &[u8]) -> Option<Standing> {
    match ask.verb {
        Verb::Verify => body(text).map(|setup| of_setup(ask, customer, &setup)),
        Verb::Refund => body(text).map(|refund| of_refund(ask, &refund)),
        Verb::Purchase | Verb::Authorise | Verb::Charge | Verb::Capture | Verb::Cancel => {
            body(text).map(|intent| of_payment(ask, customer, &intent))
        }
    }
}

pub(super) fn of_payment(ask: &Intention, customer: Option<&str>, intent: &PaymentIntent) -> Standing {
    let id = reference(&intent.id);
    let Some(id) = id else {
        return Standing::Settled(Outcome::unknown("unreadable_id", None));
    };
    if let Some(why) =
        is_anothers(ask, customer, &intent.metadata, intent.customer.as_ref().map(|link| link.id()))
    {
        return Standing::Settled(alarm(why, Some(id)));
    }
    match ask.verb {
        Verb::Capture => of_capture(ask, intent, id),
        Verb::Cancel => of_cancel(ask, intent, id),
        _ => of_charge(ask, intent, id),
    }
}

/// A payment asked for by [`Verb::Purchase`], [`Verb::Authorise`] or [`Verb::Charge`].
fn of_charge(ask: &Intention, intent: &PaymentIntent, id: GatewayReference) -> Standing {
    if !is_asked(ask, intent.amount, intent.currency.as_deref()) {
        return Standing::Settled(alarm("amount_differs", Some(id)));
    }
    Standing::Settled(match intent.status {
        IntentStatus::Succeeded | IntentStatus::RequiresCapture => {
            let captured = intent.status == IntentStatus::Succeeded;
            if captured && intent.amount_received.is_some_and(|received| received != ask.money.minor) {
                return Standing::Settled(alarm("amount_differs", Some(id)));
            }
            Outcome::Approved(Approval::from(Approved {
                reference: id,
                money: ask.money,
                captured,
                kept: ask.verb.buyer_present().then(|| intent.kept()).flatten(),
                card: intent.card(),
            }))
        }
        IntentStatus::RequiresAction => {
            action(&intent.id, intent.client_secret.as_deref(), intent.next_action.as_ref())
        }
        IntentStatus::RequiresPaymentMethod => match &intent.last_payment_error {
            Some(error) => Outcome::Declined(decline(error, Some(id))),
            None => return Standing::NotDone,
        },
        IntentStatus::RequiresConfirmation => return Standing::NotDone,
        IntentStatus::Canceled => Outcome::Declined(cancelled(ask, intent, id)),
        IntentStatus::Processing => Outcome::unknown("processing", Some(id)),
        IntentStatus::Other => Outcome::unknown("unknown_status", Some(id)),
    })
}

fn of_capture(ask: &Intention, intent: &PaymentIntent, id: GatewayReference) -> Standing {
    Standing::Settled(match intent.status {
        IntentStatus::Succeeded if is_asked(ask, intent.amount_received, intent.currency.as_deref()) => {
            Outcome::Approved(Approval::from(Approved {
                reference: id,
                money: ask.money,
                captured: true,
                kept: None,
                card: None,
            }))
        }
        IntentStatus::Succeeded => alarm("amount_differs", Some(id)),
        IntentStatus::RequiresCapture => return Standing::NotDone,
        IntentStatus::Canceled => Outcome::Declined(lapsed(intent, id)),
        IntentStatus::Processing => Outcome::unknown("processing", Some(id)),
        _ => alarm("not_capturable", Some(id)),
    })
}

fn of_cancel(ask: &Intention, intent: &PaymentIntent, id: GatewayReference) -> Standing {
    Standing::Settled(match intent.status {
        IntentStatus::Canceled => Outcome::Approved(Approval::from(Approved {
            reference: id,
            money: ask.money,
            captured: false,
            kept: None,
            card: None,
        })),
        // The money was taken: a void can no longer help, a refund can.
        IntentStatus::Succeeded => Outcome::Declined(Decline {
            class: DeclineClass::Technical,
            reason: DeclineReason::TransactionNotAllowed,
            codes: "stripe:payment_intent_unexpected_state/succeeded".to_owned(),
            reference: Some(id),
            retry_after: None,
        }),
        IntentStatus::Processing => Outcome::unknown("processing", Some(id)),
        IntentStatus::Other => Outcome::unknown("unknown_status", Some(id)),
        IntentStatus::RequiresAction
        | IntentStatus::RequiresCapture
        | IntentStatus::RequiresConfirmation
        | IntentStatus::RequiresPaymentMethod => return Standing::NotDone,
    })
}

pub(super) fn of_setup(ask: &Intention, customer: Option<&str>, setup: &SetupIntent) -> Standing {
    let Some(id) = reference(&setup.id) else {
        return Standing::Settled(Outcome::unknown("unreadable_id", None));
    };
    if let Some(why) =
        is_anothers(ask, customer, &setup.metadata, setup.customer.as_ref().map(|link| link.id()))
    {
        return Standing::Settled(alarm(why, Some(id)));
    }
    Standing::Settled(match setup.status {
        IntentStatus::Succeeded => Outcome::Approved(Approval::from(Approved {
            reference: id,
            money: Money { minor: 0, currency: ask.money.currency },
            captured: false,
            kept: setup.kept(),
            card: setup.card(),
        })),
        IntentStatus::RequiresAction => {
            action(&setup.id, setup.client_secret.as_deref(), setup.next_action.as_ref())
        }
        IntentStatus::RequiresPaymentMethod => match &setup.last_setup_error {
            Some(error) => Outcome::Declined(decline(error, Some(id))),
            None => return Standing::NotDone,
        },
        IntentStatus::RequiresConfirmation => return Standing::NotDone,
        IntentStatus::Canceled => Outcome::Declined(given_up("canceled", id)),
        IntentStatus::Processing => Outcome::unknown("processing", Some(id)),
        IntentStatus::RequiresCapture | IntentStatus::Other => Outcome::unknown("unknown_status", Some(id)),
    })
}

pub(super) fn of_refund(ask: &Intention, refund: &Refund) -> Standing {
    let Some(id) = reference(&refund.id) else {
        return Standing::Settled(Outcome::unknown("unreadable_id", None));
    };
    if !is_asked(ask, refund.amount, refund.currency.as_deref()) {
        return Standing::Settled(alarm("amount_differs", Some(id)));
    }
    Standing::Settled(match refund.status {
        // A pending refund is accepted; should it fail later, `refund.failed` says so.
        RefundStatus::Succeeded | RefundStatus::Pending => Outcome::Approved(Approval::from(Approved {
            reference: id,
            money: ask.money,
            captured: refund.status == RefundStatus::Succeeded,
            kept: None,
            card: None,
        })),
        RefundStatus::Failed | RefundStatus::Canceled => {
            let code = refund.failure_reason.clone().or_else(|| Some("refund_failed".to_owned()));
            let told = decline(&ApiError { code, ..ApiError::default() }, Some(id));
            // A refund says nothing of whether the card may be charged.
            Outcome::Declined(Decline {
                class: DeclineClass::Technical,
                reason: DeclineReason::ProcessingError,
                ..told
            })
        }
        RefundStatus::RequiresAction => Outcome::unknown("requires_action", Some(id)),
        RefundStatus::Other => Outcome::unknown("unknown_status", Some(id)),
    })
}

/// An answer that is not 2xx.
fn refusal(ask: &Intention, answer: &http::Response<Bytes>) -> Result<Outcome, GatewayError> {
    let status = answer.status();
    let unknown = |why: &str| Ok(Outcome::unknown(why, acted_on(ask)));
    let body = body::<ErrorBody>(answer.body()).map(|body| body.error);
    match status {
        // A proxy's page cannot say whether Stripe acted.
        _ if !status.is_client_error() => return unknown(&format!("http_{}", status.as_u16())),
        // In flight, or a dependency of Stripe's failed.
        StatusCode::CONFLICT | StatusCode::FAILED_DEPENDENCY | StatusCode::REQUEST_TIMEOUT => {
            return unknown(&format!("http_{}", status.as_u16()));
        }
        _ => {}
    }
    let Some(error) = body else {
        return unknown(&format!("http_{}_unreadable_body", status.as_u16()));
    };
    let code = error.code.as_deref().unwrap_or_default();
    let id = [&error.payment_intent, &error.setup_intent]
        .into_iter()
        .flatten()
        .find_map(|named| reference(&named.id));
    let id = id.or_else(|| acted_on(ask));
    match (error.kind, code, status) {
        (_, "lock_timeout" | "idempotency_key_in_use", _) => Ok(Outcome::unknown(code, id)),
        (ErrorKind::IdempotencyError, ..) => Ok(Outcome::unknown("idempotency_error", id)),
        (ErrorKind::ApiError, ..) => Ok(Outcome::unknown("api_error", id)),
        (.., StatusCode::TOO_MANY_REQUESTS) => {
            Err(GatewayError::Throttled { gateway: name(), after: retry_after(answer) })
        }
        (.., StatusCode::PAYMENT_REQUIRED) | (ErrorKind::CardError, ..) => {
            Ok(Outcome::Declined(decline(&error, id)))
        }
        (.., StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => Err(misconfigured(answer)),
        _ if names_what_the_page_sent(ask, &error) => {
            let why = format!("it answers with {}", error_code(answer));
            Err(GatewayError::BadPaymentData { gateway: name(), why })
        }
        _ if names_the_token(ask, &error) => Ok(Outcome::Declined(Decline {
            class: DeclineClass::Hard,
            reason: DeclineReason::TokenMissing,
            ..decline(&error, id)
        })),
        _ if of_code(code).is_some() => Ok(Outcome::Declined(decline(&error, id))),
        _ => Err(misconfigured(answer)),
    }
}

/// A renewal without a card that could pay it.
pub(in crate::stripe) fn token_missing() -> Decline {
    Decline {
        class: DeclineClass::Hard,
        reason: DeclineReason::TokenMissing,
        codes: "stripe:no_stored_card".to_owned(),
        reference: None,
        retry_after: None,
    }
}

fn misconfigured(answer: &http::Response<Bytes>) -> GatewayError {
    GatewayError::Misconfigured {
        gateway: name(),
        status: answer.status().as_u16(),
        code: error_code(answer),
    }
}

/// An id that the page brought and that is nobody's, another's, or used up. Anybody can send one, so that it is no
/// reason to call the operator.
fn names_what_the_page_sent(ask: &Intention, error: &ApiError) -> bool {
    ask.verb.buyer_present()
        && matches!(error.param.as_deref(), Some("payment_method" | "confirmation_token"))
}

/// A stored card that Stripe no longer has, or no longer for this customer.
fn names_the_token(ask: &Intention, error: &ApiError) -> bool {
    matches!(ask.verb, Verb::Authorise | Verb::Charge)
        && matches!(error.param.as_deref(), Some("payment_method" | "customer"))
}

/// Why an answer is about somebody else than was meant to pay.
fn is_anothers(
    ask: &Intention,
    expected: Option<&str>,
    metadata: &Metadata,
    customer: Option<&str>,
) -> Option<&'static str> {
    let other_customer = expected.is_some_and(|expected| customer != Some(expected));
    let other_cleeng_customer =
        metadata.get(CUSTOMER).is_some_and(|customer| *customer != ask.customer.to_string());
    (other_customer || other_cleeng_customer).then_some("customer_differs")
}

fn cancelled(ask: &Intention, intent: &PaymentIntent, id: GatewayReference) -> Decline {
    match &intent.last_payment_error {
        Some(error) => decline(error, Some(id)),
        None if ask.verb.buyer_present() => given_up(&cancellation_word(intent), id),
        None => lapsed(intent, id),
    }
}

/// A hold that was let go or ran out: there is nothing to take any more, and nothing was taken.
fn lapsed(intent: &PaymentIntent, id: GatewayReference) -> Decline {
    Decline {
        class: DeclineClass::Technical,
        reason: DeclineReason::AuthorisationExpired,
        codes: format!("stripe:canceled/{}", cancellation_word(intent)),
        reference: Some(id),
        retry_after: None,
    }
}

/// The buyer never finished.
pub(in crate::stripe) fn given_up(word: &str, id: GatewayReference) -> Decline {
    Decline {
        class: DeclineClass::Customer,
        reason: DeclineReason::ShopperCancelled,
        codes: format!("stripe:canceled/{word}"),
        reference: Some(id),
        retry_after: None,
    }
}

fn cancellation_word(intent: &PaymentIntent) -> String {
    let word = intent.cancellation_reason.as_deref().unwrap_or("none");
    let sound = word.len() <= 32 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if sound { word } else { "other" }.to_owned()
}

/// What the page hands to Stripe.js (`stripe.handleNextAction({clientSecret})`).
fn action(id: &str, client_secret: Option<&str>, next_action: Option<&serde_json::Value>) -> Outcome {
    let page = json!({ "id": id, "client_secret": client_secret, "next_action": next_action });
    Outcome::ActionRequired(payment::Action { page: page.to_string(), reference: reference(id) })
}

/// The payment that a capture or cancel was to act on stays known whatever the answer was. A refund is a thing of its own.
pub(in crate::stripe) fn acted_on(ask: &Intention) -> Option<GatewayReference> {
    match (&ask.target, ask.verb) {
        (payment::Target::Payment(payment), Verb::Capture | Verb::Cancel) => Some(payment.clone()),
        _ => None,
    }
}

pub(super) fn alarm(why: &str, reference: Option<GatewayReference>) -> Outcome {
    Outcome::Unknown(Uncertainty { why: why.to_owned(), reference, alarm: true })
}
