//! Set-ups: a card checked at zero amount and kept for later.

use serde_json::{Value, json};

use super::cards::{self, Behaviour};
use super::form::Params;
use super::rules::{check_rules, chosen_card, customer};
use super::state::{Failure, Setup, State};

const CARD: &str = "payment_method";

/// `POST /v1/setup_intents`.
pub(super) fn create(state: &mut State, params: &Params) -> Result<Value, Failure> {
    check_rules(params)?;
    let customer = customer(state, params)?;
    let card = chosen_card(state, params, customer.as_deref(), false)?;
    let id = state.next_id("seti");
    let setup = Setup {
        id: id.clone(),
        created: state.now,
        customer,
        status: if card.is_some() { "requires_confirmation" } else { "requires_payment_method" },
        card,
        redirect_to: params
            .text("/return_url")
            .filter(|_| !params.flag("/use_stripe_sdk"))
            .map(str::to_owned),
        error: None,
        metadata: params.metadata(),
    };
    state.list_under("setup_intent", setup.customer.as_ref(), &id);
    state.setups.insert(id.clone(), setup);
    if params.flag("/confirm") {
        attempt(state, &id, false)?;
    }
    show(state, &id, params.expands(CARD))
}

/// `POST /v1/setup_intents/{id}/confirm`.
pub(super) fn confirm(state: &mut State, id: &str, params: &Params) -> Result<Value, Failure> {
    let customer = find(state, id)?.customer.clone();
    if let Some(card) = chosen_card(state, params, customer.as_deref(), false)? {
        change(state, id, |setup| setup.card = Some(card));
    }
    attempt(state, id, false)?;
    show(state, id, params.expands(CARD))
}

/// `GET /v1/setup_intents/{id}`.
pub(super) fn read(state: &State, id: &str, params: &Params) -> Result<Value, Failure> {
    show(state, id, params.expands(CARD))
}

/// `POST /v1/setup_intents/{id}/cancel`.
pub(super) fn cancel(state: &mut State, id: &str, params: &Params) -> Result<Value, Failure> {
    let setup = find(state, id)?;
    if matches!(setup.status, "succeeded" | "canceled") {
        let whole = state.setup(setup, false);
        let why = "it cannot be canceled in this state";
        return Err(Failure::unexpected_state(
            "setup_intent_unexpected_state",
            why,
            Some(("setup_intent", whole)),
        ));
    }
    change(state, id, |setup| setup.status = "canceled");
    tell(state, id, "setup_intent.canceled");
    show(state, id, params.expands(CARD))
}

/// The buyer came through a challenge, or failed it.
pub(super) fn authenticated(state: &mut State, id: &str, success: bool) -> Result<Value, Failure> {
    let setup = find(state, id)?;
    if setup.status != "requires_action" {
        let whole = state.setup(setup, false);
        let why = "no authentication is awaited";
        return Err(Failure::unexpected_state(
            "setup_intent_unexpected_state",
            why,
            Some(("setup_intent", whole)),
        ));
    }
    if success {
        let _refused = attempt(state, id, true);
    } else {
        refuse(
            state,
            id,
            json!({
                "type": "invalid_request_error",
                "code": "setup_intent_authentication_failure",
                "message": "The latest attempt to set up the payment method has failed.",
            }),
        );
    }
    show(state, id, false)
}

fn attempt(state: &mut State, id: &str, authenticated: bool) -> Result<(), Failure> {
    let card = find(state, id)?.card.clone().unwrap_or_default();
    let Some(card) = state.cards.get_mut(&card) else {
        return Err(Failure::unknown_parameter("PaymentMethod", "payment_method", &card));
    };
    let challenges = matches!(
        card.behaviour,
        Behaviour::AuthenticationRequired
            | Behaviour::AuthenticationOnSetup
            | Behaviour::DeclineAfterAuthentication(_)
    );
    if challenges && !authenticated {
        change(state, id, |setup| setup.status = "requires_action");
        tell(state, id, "setup_intent.requires_action");
        return Ok(());
    }
    if let Behaviour::Decline(code) = card.behave() {
        let error = refuse(state, id, cards::refusal(&code));
        let whole = show(state, id, false)?;
        return Err(Failure::refused(error, ("setup_intent", whole)));
    }
    card.set_up = true;
    let kept = card.id.clone();
    change(state, id, |setup| {
        setup.status = "succeeded";
        setup.error = None;
    });
    let customer = find(state, id)?.customer.clone();
    if let Some(card) = state.cards.get_mut(&kept) {
        card.customer = customer;
    }
    tell(state, id, "setup_intent.succeeded");
    Ok(())
}

fn refuse(state: &mut State, id: &str, error: Value) -> Value {
    change(state, id, |setup| {
        setup.status = "requires_payment_method";
        setup.error = Some(error.clone());
    });
    tell(state, id, "setup_intent.setup_failed");
    error
}

fn find<'a>(state: &'a State, id: &str) -> Result<&'a Setup, Failure> {
    state.setups.get(id).ok_or_else(|| Failure::missing("setup_intent", id))
}

fn show(state: &State, id: &str, expanded: bool) -> Result<Value, Failure> {
    find(state, id).map(|setup| state.setup(setup, expanded))
}

fn change(state: &mut State, id: &str, change: impl FnOnce(&mut Setup)) {
    if let Some(setup) = state.setups.get_mut(id) {
        change(setup);
    }
}

fn tell(state: &mut State, id: &str, event: &str) {
    if let Ok(object) = show(state, id, false) {
        state.tell(event, object, None);
    }
}
