//! Payments: made, confirmed, authenticated, captured, let go, lapsed.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::cards::{self, Behaviour};
use super::form::Params;
use super::render::{card_facts, charged_card};
use super::rules::{amount, check_rules, chosen_card, customer};
use super::state::{Charge, Failure, Payment, State};

/// The latest charge is inside where it is asked for.
const CHARGE: &str = "latest_charge";
/// A hold without the buyer on a Visa card lasts 4 d 18 h, any other 7 d.
const VISA_OFF_SESSION_HOLD: SignedDuration = SignedDuration::from_hours(4 * 24 + 18);
const HOLD: SignedDuration = SignedDuration::from_hours(7 * 24);

/// `POST /v1/payment_intents`.
pub(super) fn create(state: &mut State, params: &Params) -> Result<Value, Failure> {
    let (amount, currency) = amount(params)?;
    check_rules(params)?;
    let off_session = params.text("/off_session").is_some_and(|word| word != "false");
    let customer = customer(state, params)?;
    let card = chosen_card(state, params, customer.as_deref(), off_session)?;
    let id = state.next_id("pi");
    let payment = Payment {
        id: id.clone(),
        created: state.now,
        amount,
        currency,
        customer,
        card,
        manual: params.text("/capture_method") == Some("manual"),
        off_session,
        keeps_card: params.text("/setup_future_usage") == Some("off_session"),
        redirect_to: params
            .text("/return_url")
            .filter(|_| !params.flag("/use_stripe_sdk"))
            .map(str::to_owned),
        status: "requires_payment_method",
        received: 0,
        refunded: 0,
        error: None,
        cancelled: None,
        metadata: params.metadata(),
        charge: None,
        refunds: Vec::new(),
        disputes: Vec::new(),
    };
    state.index("payment_intent", &id, &payment.metadata);
    state.list_under("payment_intent", payment.customer.as_ref(), &id);
    let confirms = params.flag("/confirm");
    let ready = payment.card.is_some();
    state.payments.insert(id.clone(), payment);
    if confirms {
        attempt(state, &id, false)?;
    } else if ready {
        change(state, &id, |payment| payment.status = "requires_confirmation");
    }
    show(state, &id, params.expands(CHARGE))
}

/// `POST /v1/payment_intents/{id}/confirm`.
pub(super) fn confirm(state: &mut State, id: &str, params: &Params) -> Result<Value, Failure> {
    let payment = find(state, id)?;
    if !matches!(payment.status, "requires_payment_method" | "requires_confirmation") {
        return Err(unexpected(state, id, "it cannot be confirmed in this state"));
    }
    let (customer, off_session) = (payment.customer.clone(), payment.off_session);
    if let Some(card) = chosen_card(state, params, customer.as_deref(), off_session)? {
        change(state, id, |payment| payment.card = Some(card));
    }
    attempt(state, id, false)?;
    show(state, id, params.expands(CHARGE))
}

/// `GET /v1/payment_intents/{id}`.
pub(super) fn read(state: &State, id: &str, params: &Params) -> Result<Value, Failure> {
    show(state, id, params.expands(CHARGE))
}

/// `POST /v1/payment_intents/{id}/capture`.
pub(super) fn capture(state: &mut State, id: &str, params: &Params) -> Result<Value, Failure> {
    let payment = find(state, id)?;
    if payment.status != "requires_capture" {
        return Err(unexpected(state, id, "it has no capturable amount in this state"));
    }
    let amount = params.number("/amount_to_capture").unwrap_or(payment.amount);
    if !(1..=payment.amount).contains(&amount) {
        let why = "the amount is greater than the capturable amount";
        return Err(Failure::invalid(Some("amount_too_large"), Some("amount_to_capture"), why));
    }
    release_hold(state, id);
    change(state, id, |payment| {
        payment.status = "succeeded";
        payment.received = amount;
    });
    tell(state, id, "payment_intent.succeeded");
    show(state, id, params.expands(CHARGE))
}

/// `POST /v1/payment_intents/{id}/cancel`.
pub(super) fn cancel(state: &mut State, id: &str, params: &Params) -> Result<Value, Failure> {
    let payment = find(state, id)?;
    if matches!(payment.status, "succeeded" | "canceled" | "processing") {
        return Err(unexpected(state, id, "it cannot be canceled in this state"));
    }
    let why = params.text("/cancellation_reason").unwrap_or("requested_by_customer").to_owned();
    let now = state.now;
    release_hold(state, id);
    change(state, id, |payment| {
        payment.status = "canceled";
        payment.cancelled = Some((now, why));
    });
    tell(state, id, "payment_intent.canceled");
    show(state, id, params.expands(CHARGE))
}

/// Lets holds go whose time is over.
pub(super) fn lapse(state: &mut State) {
    while let Some((until, id)) = state.holds.first().cloned().filter(|(until, _)| *until <= state.now) {
        state.holds.remove(&(until, id.clone()));
        change(state, &id, |payment| {
            payment.status = "canceled";
            payment.cancelled = Some((until, "automatic".to_owned()));
        });
        tell(state, &id, "payment_intent.canceled");
        let charge = state
            .payments
            .get(&id)
            .and_then(|payment| payment.charge.as_ref().map(|charge| state.charge(payment, charge)));
        if let Some(charge) = charge {
            state.tell("charge.expired", charge, None);
        }
    }
}

/// The buyer came through a challenge, or failed it.
pub(super) fn authenticated(state: &mut State, id: &str, success: bool) -> Result<Value, Failure> {
    if find(state, id)?.status != "requires_action" {
        return Err(unexpected(state, id, "no authentication is awaited"));
    }
    if success {
        // A refusal after the challenge is the payment's state now, not an error of this call.
        let _refused = attempt(state, id, true);
    } else {
        let error = json!({
            "type": "invalid_request_error",
            "code": "payment_intent_authentication_failure",
            "message": "The provided PaymentMethod has failed authentication.",
        });
        refuse(state, id, error);
    }
    show(state, id, false)
}

/// A payment that was left processing ends.
pub(super) fn settle(state: &mut State, id: &str, success: bool) -> Result<Value, Failure> {
    if find(state, id)?.status != "processing" {
        return Err(unexpected(state, id, "it is not processing"));
    }
    if success {
        approve(state, id);
    } else {
        refuse(state, id, cards::refusal("generic_decline"));
    }
    show(state, id, false)
}

/// Charges or holds the card, as it behaves.
fn attempt(state: &mut State, id: &str, authenticated: bool) -> Result<(), Failure> {
    let payment = find(state, id)?;
    let off_session = payment.off_session;
    let Some(card) = payment.card.clone() else {
        let why = "You cannot confirm this PaymentIntent because it's missing a payment method";
        return Err(Failure::invalid(Some("payment_intent_unexpected_state"), None, why));
    };
    let Some(card) = state.cards.get_mut(&card) else {
        return Err(Failure::unknown_parameter("PaymentMethod", "payment_method", &card));
    };
    let set_up = card.set_up;
    let behaviour = card.behave();
    let refusal = match (behaviour, off_session, authenticated) {
        (Behaviour::Decline(code), ..) | (Behaviour::DeclineAfterAuthentication(code), _, true) => code,
        (Behaviour::DeclineOffSession, true, _) => "generic_decline".to_owned(),
        (Behaviour::AuthenticationRequired, true, _) => "authentication_required".to_owned(),
        (Behaviour::AuthenticationOnSetup | Behaviour::DeclineAfterAuthentication(_), true, _) if !set_up => {
            "authentication_required".to_owned()
        }
        (
            Behaviour::AuthenticationRequired
            | Behaviour::AuthenticationOnSetup
            | Behaviour::DeclineAfterAuthentication(_),
            false,
            false,
        ) => {
            change(state, id, |payment| payment.status = "requires_action");
            tell(state, id, "payment_intent.requires_action");
            return Ok(());
        }
        (Behaviour::Processing, ..) => {
            change(state, id, |payment| payment.status = "processing");
            tell(state, id, "payment_intent.processing");
            return Ok(());
        }
        _ => {
            approve(state, id);
            return Ok(());
        }
    };
    let error = refuse(state, id, cards::refusal(&refusal));
    let whole = show(state, id, false)?;
    Err(Failure::refused(error, ("payment_intent", whole)))
}

fn approve(state: &mut State, id: &str) {
    let charge_id = state.next_id("ch");
    let now = state.now;
    let Some(payment) = state.payments.get_mut(id) else { return };
    let card = payment.card.as_ref().and_then(|card| state.cards.get_mut(card));
    let mut facts = Value::Null;
    let mut brand = String::new();
    if let Some(card) = card {
        if payment.keeps_card {
            card.customer.clone_from(&payment.customer);
            card.set_up = true;
        }
        facts = charged_card(card);
        brand.clone_from(&card.brand);
    }
    let hold = if payment.off_session && brand == "visa" { VISA_OFF_SESSION_HOLD } else { HOLD };
    let until = payment.manual.then(|| now.checked_add(hold).unwrap_or(now));
    payment.error = None;
    payment.charge = Some(Charge {
        id: charge_id,
        created: now,
        status: "succeeded",
        outcome: json!({
            "type": "authorized", "network_status": "approved_by_network", "reason": null, "risk_level": "normal",
            "seller_message": "Payment complete.",
        }),
        card: facts,
        capture_before: until,
    });
    match until {
        Some(until) => {
            payment.status = "requires_capture";
            state.holds.insert((until, id.to_owned()));
            tell(state, id, "payment_intent.amount_capturable_updated");
        }
        None => {
            payment.status = "succeeded";
            payment.received = payment.amount;
            tell(state, id, "payment_intent.succeeded");
        }
    }
}

/// Notes a refusal; the error with the charge and the card it speaks of.
fn refuse(state: &mut State, id: &str, mut error: Value) -> Value {
    let charge_id = state.next_id("ch");
    let now = state.now;
    let card = state
        .payments
        .get(id)
        .and_then(|payment| payment.card.as_ref())
        .and_then(|card| state.cards.get(card));
    let facts = card.map(card_facts).unwrap_or_default();
    let whole = card.map(|card| state.card(card));
    if let Some(members) = error.as_object_mut() {
        members.insert("charge".to_owned(), Value::from(charge_id.as_str()));
        members.insert("payment_method".to_owned(), whole.unwrap_or_default());
    }
    let code = |name: &str| error.get(name).cloned().unwrap_or_default();
    let outcome = json!({
        "type": "issuer_declined", "network_status": "declined_by_network", "reason": code("decline_code"),
        "network_decline_code": code("network_decline_code"), "advice_code": code("advice_code"),
        "network_advice_code": code("network_advice_code"),
        "risk_level": "normal", "seller_message": "The bank did not return any further details.",
    });
    change(state, id, |payment| {
        payment.status = "requires_payment_method";
        payment.error = Some(error.clone());
        payment.charge = Some(Charge {
            id: charge_id,
            created: now,
            status: "failed",
            outcome,
            card: facts,
            capture_before: None,
        });
    });
    tell(state, id, "payment_intent.payment_failed");
    error
}

pub(super) fn find<'a>(state: &'a State, id: &str) -> Result<&'a Payment, Failure> {
    state.payments.get(id).ok_or_else(|| Failure::missing("payment_intent", id))
}

pub(super) fn show(state: &State, id: &str, expanded: bool) -> Result<Value, Failure> {
    find(state, id).map(|payment| state.payment(payment, expanded))
}

pub(super) fn unexpected(state: &State, id: &str, why: &str) -> Failure {
    let whole = show(state, id, false).ok();
    Failure::unexpected_state(
        "payment_intent_unexpected_state",
        why,
        whole.map(|whole| ("payment_intent", whole)),
    )
}

fn change(state: &mut State, id: &str, change: impl FnOnce(&mut Payment)) {
    if let Some(payment) = state.payments.get_mut(id) {
        change(payment);
    }
}

fn release_hold(state: &mut State, id: &str) {
    let until = state.payments.get(id).and_then(|payment| payment.charge.as_ref()?.capture_before);
    if let Some(until) = until {
        state.holds.remove(&(until, id.to_owned()));
    }
}

fn tell(state: &mut State, id: &str, event: &str) {
    if let Ok(object) = show(state, id, false) {
        state.tell(event, object, None);
    }
}
