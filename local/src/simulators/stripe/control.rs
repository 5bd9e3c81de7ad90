//! `/_simulator/…`: what a buyer, a bank, a person at the dashboard or a test makes happen.

use serde_json::{Value, json};

use super::cards::{Behaviour, test_cards};
use super::state::{Failure, State};
use super::{payments, refunds, setups};

/// Something that goes wrong with a coming request.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) word: String,
    left: u64,
    method: Option<String>,
    path: Option<String>,
}

impl Fault {
    /// Whether it is meant for this request.
    fn fits(&self, method: &str, path: &str) -> bool {
        self.method.as_deref().is_none_or(|wanted| wanted == method)
            && self.path.as_deref().is_none_or(|wanted| path.contains(wanted))
    }
}

/// The fault that is due for this request, if any; it is used up by it.
pub(super) fn next_fault(state: &mut State, method: &str, path: &str) -> Option<String> {
    let index = state.faults.iter().position(|fault| fault.fits(method, path))?;
    let fault = state.faults.get_mut(index)?;
    let word = fault.word.clone();
    fault.left = fault.left.saturating_sub(1);
    if fault.left == 0 {
        state.faults.remove(index);
    }
    Some(word)
}

/// Answers one control; the path without `/_simulator/`.
pub(super) fn control(state: &mut State, path: &str, body: &Value) -> Result<Value, Failure> {
    let amount = body.get("amount").and_then(Value::as_i64);
    let word = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let steps: Vec<_> = path.split('/').collect();
    match steps.as_slice() {
        ["tick"] => Ok(json!({})),
        ["next"] => add_fault(state, body),
        ["violations"] => Ok(json!(state.violations)),
        ["test_cards"] => {
            Ok(test_cards().map(|card| json!({ "id": card.id, "label": card.label })).collect())
        }
        ["webhooks"] => {
            let habits = serde_json::from_value(body.clone());
            state.deliveries.travel(habits.map_err(|error| Failure::invalid(None, None, error.to_string()))?);
            Ok(json!({}))
        }
        ["deliveries", id] => {
            let status = body.get("status").and_then(Value::as_u64).unwrap_or_default();
            let known = id.parse().is_ok_and(|id| state.deliveries.acknowledge(state.now, id, status));
            if known { Ok(json!({})) } else { Err(Failure::missing("delivery", id)) }
        }
        ["authenticate", id] => {
            let success = word("result") == "success";
            if id.starts_with("seti_") {
                setups::authenticated(state, id, success)
            } else {
                payments::authenticated(state, id, success)
            }
        }
        ["payment_intents", id, "settle"] => payments::settle(state, id, word("result") == "success"),
        ["payment_intents", id, "refund"] => refunds::refund(state, id, amount, Default::default()),
        ["payment_intents", id, "dispute"] => refunds::dispute(state, id, amount),
        ["disputes", id, "close"] => refunds::close_dispute(state, id, word("status") == "won"),
        ["refunds", id, "fail"] => refunds::fail(state, id),
        ["payment_methods", id, "detach"] => detach(state, id),
        ["payment_methods", id] => change_card(state, id, body),
        ["customers", id, "delete"] => delete_customer(state, id),
        _ => Err(Failure::missing("control", path)),
    }
}

/// `{"fault":"500_after","times":1,"method":"POST","path":"/capture"}`; what each word does stands at `super::faults`.
fn add_fault(state: &mut State, body: &Value) -> Result<Value, Failure> {
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let word = text("fault").filter(|word| super::faults::FAULTS.contains(&word.as_str()));
    let Some(word) = word else {
        return Err(Failure::invalid(
            None,
            Some("fault"),
            format!("one of {}", super::faults::FAULTS.join(", ")),
        ));
    };
    let left = body.get("times").and_then(Value::as_u64).unwrap_or(1);
    state.faults.push_back(Fault { word, left, method: text("method"), path: text("path") });
    Ok(json!({}))
}

/// `{"behaviour":"insufficient_funds","times":2}`, and `{"exp_month":1,"exp_year":2036,"last4":"1881"}` as the network
/// would renew the card.
fn change_card(state: &mut State, id: &str, body: &Value) -> Result<Value, Failure> {
    let Some(card) = state.cards.get_mut(id) else {
        return Err(Failure::missing("payment_method", id));
    };
    if let Some(word) = body.get("behaviour").and_then(Value::as_str) {
        card.instead = Some((Behaviour::read(word), body.get("times").and_then(Value::as_u64)));
    }
    let before = super::render::card_facts(card);
    if let Some(last4) = body.get("last4").and_then(Value::as_str) {
        last4.clone_into(&mut card.last4);
    }
    let number = |name: &str, old: i64| body.get(name).and_then(Value::as_i64).unwrap_or(old);
    card.expires = (number("exp_month", card.expires.0), number("exp_year", card.expires.1));
    let renewed = super::render::card_facts(card) != before;
    let shown = state.cards.get(id).map(|card| state.card(card)).unwrap_or_default();
    if renewed {
        state.tell("payment_method.automatically_updated", shown.clone(), Some(json!({ "card": before })));
    }
    Ok(shown)
}

/// Takes a card away from its customer.
pub(super) fn detach(state: &mut State, id: &str) -> Result<Value, Failure> {
    let Some(card) = state.cards.get_mut(id) else {
        return Err(Failure::missing("PaymentMethod", id));
    };
    let Some(customer) = card.customer.take() else {
        let why =
            "The payment method you provided is not attached to a customer so detachment is impossible.";
        return Err(Failure::invalid(None, None, why));
    };
    // A card that was detached can never be used again.
    card.behaviour = Behaviour::Decline("invalid_account".to_owned());
    let shown = state.cards.get(id).map(|card| state.card(card)).unwrap_or_default();
    state.tell("payment_method.detached", shown.clone(), Some(json!({ "customer": customer })));
    Ok(shown)
}

fn delete_customer(state: &mut State, id: &str) -> Result<Value, Failure> {
    let Some(customer) = state.customers.remove(id) else {
        return Err(Failure::missing("customer", id));
    };
    let theirs = state.cards.values().filter(|card| card.customer.as_deref() == Some(id));
    let theirs: Vec<_> = theirs.map(|card| card.id.clone()).collect();
    for card in theirs {
        detach(state, &card)?;
    }
    let shown = state.customer(&customer);
    state.tell("customer.deleted", shown.clone(), None);
    Ok(shown)
}
