//! Money on its way back: refunds, ours and the dashboard's, and chargebacks.

use serde_json::{Value, json};

use super::form::Params;
use super::payments::find;
use super::state::{Dispute, Failure, Refund, State};

/// `POST /v1/refunds`.
pub(super) fn create(state: &mut State, params: &Params) -> Result<Value, Failure> {
    let id = params.text("/payment_intent").unwrap_or_default();
    if !state.payments.contains_key(id) {
        return Err(Failure::unknown_parameter("payment_intent", "payment_intent", id));
    }
    refund(state, id, params.number("/amount"), params.metadata())
}

/// Returns money of a payment; all that is left where no amount is named.
pub(super) fn refund(
    state: &mut State,
    payment: &str,
    amount: Option<i64>,
    metadata: std::collections::BTreeMap<String, String>,
) -> Result<Value, Failure> {
    let whole = find(state, payment)?;
    let left = whole.received - whole.refunded;
    let charge = whole.charge.as_ref().filter(|_| whole.received > 0).map(|charge| charge.id.clone());
    let Some(charge) = charge else {
        return Err(Failure::unexpected_state(
            "payment_intent_unexpected_state",
            "It has no successful charge.",
            None,
        ));
    };
    if !whole.disputes.is_empty() {
        return Err(Failure::unexpected_state("charge_disputed", "The charge has been charged back.", None));
    }
    if left == 0 {
        return Err(Failure::unexpected_state(
            "charge_already_refunded",
            "The charge has already been refunded.",
            None,
        ));
    }
    let amount = amount.unwrap_or(left);
    if !(1..=left).contains(&amount) {
        let why = "Refund amount is greater than unrefunded amount on charge";
        return Err(Failure::invalid(None, Some("amount"), why));
    }
    let currency = whole.currency.clone();
    let id = state.next_id("re");
    let refund = Refund {
        id: id.clone(),
        created: state.now,
        payment: payment.to_owned(),
        charge,
        amount,
        currency,
        status: "succeeded",
        failure: None,
        metadata,
    };
    let shown = state.refund(&refund);
    state.refunds.insert(id.clone(), refund);
    if let Some(whole) = state.payments.get_mut(payment) {
        whole.refunded += amount;
        whole.refunds.push(id);
    }
    state.tell("refund.created", shown.clone(), None);
    tell_charge(state, payment, "charge.refunded");
    Ok(shown)
}

/// `GET /v1/refunds/{id}`.
pub(super) fn read(state: &State, id: &str) -> Result<Value, Failure> {
    state.refunds.get(id).map(|refund| state.refund(refund)).ok_or_else(|| Failure::missing("refund", id))
}

/// A refund that looked well comes back: the money is ours again.
pub(super) fn fail(state: &mut State, id: &str) -> Result<Value, Failure> {
    let Some(refund) = state.refunds.get_mut(id).filter(|refund| refund.status == "succeeded") else {
        return Err(Failure::missing("refund", id));
    };
    refund.status = "failed";
    refund.failure = Some("expired_or_canceled_card".to_owned());
    let (payment, amount) = (refund.payment.clone(), refund.amount);
    if let Some(whole) = state.payments.get_mut(&payment) {
        whole.refunded -= amount;
    }
    let shown = read(state, id)?;
    state.tell("refund.failed", shown.clone(), None);
    Ok(shown)
}

/// The bank takes money back.
pub(super) fn dispute(state: &mut State, payment: &str, amount: Option<i64>) -> Result<Value, Failure> {
    let whole = find(state, payment)?;
    let Some(charge) = whole.charge.as_ref().filter(|_| whole.received > 0).map(|charge| charge.id.clone())
    else {
        return Err(Failure::unexpected_state(
            "payment_intent_unexpected_state",
            "It has no successful charge.",
            None,
        ));
    };
    let (amount, currency) = (amount.unwrap_or(whole.received - whole.refunded), whole.currency.clone());
    let id = state.next_id("du");
    let dispute = Dispute {
        id: id.clone(),
        created: state.now,
        payment: payment.to_owned(),
        charge,
        amount,
        currency,
        reason: "fraudulent".to_owned(),
        status: "needs_response".to_owned(),
    };
    let shown = state.dispute(&dispute);
    state.disputes.insert(id.clone(), dispute);
    if let Some(whole) = state.payments.get_mut(payment) {
        whole.disputes.push(id);
    }
    state.tell("charge.dispute.created", shown.clone(), None);
    state.tell("charge.dispute.funds_withdrawn", shown.clone(), None);
    Ok(shown)
}

/// The bank decides: `won` brings the money back.
pub(super) fn close_dispute(state: &mut State, id: &str, won: bool) -> Result<Value, Failure> {
    let Some(dispute) = state.disputes.get_mut(id) else {
        return Err(Failure::missing("dispute", id));
    };
    dispute.status = if won { "won" } else { "lost" }.to_owned();
    let dispute = dispute.clone();
    let shown = state.dispute(&dispute);
    state.tell("charge.dispute.closed", shown.clone(), None);
    if won {
        if let Some(whole) = state.payments.get_mut(&dispute.payment) {
            whole.disputes.retain(|other| other != id);
        }
        state.tell("charge.dispute.funds_reinstated", shown.clone(), None);
    }
    Ok(shown)
}

/// `GET /v1/disputes/{id}`.
pub(super) fn read_dispute(state: &State, id: &str) -> Result<Value, Failure> {
    state
        .disputes
        .get(id)
        .map(|dispute| state.dispute(dispute))
        .ok_or_else(|| Failure::missing("dispute", id))
}

fn tell_charge(state: &mut State, payment: &str, event: &str) {
    let charge = state
        .payments
        .get(payment)
        .and_then(|whole| whole.charge.as_ref().map(|charge| state.charge(whole, charge)));
    let before = json!({ "amount_refunded": 0 });
    if let Some(charge) = charge {
        state.tell(event, charge, Some(before));
    }
}
