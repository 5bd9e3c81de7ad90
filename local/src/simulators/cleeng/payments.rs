//! Payments as the API shows them, their lists, and what follows from their states.

use serde::Serialize;

use super::answer::{Answer, Number, bare, list, not_found};
use super::life;
use super::records::{CleengPayment, PaymentState};
use super::state::State;
use super::violations::{ViolationKind, note};

/// `GET /payments/{id}`.
pub(super) fn get(state: &State, id: u64) -> Answer {
    bare(&view(state, state.payments.get(&id).ok_or_else(|| not_found("Payment"))?))
}

/// `GET /orders/{id}/payments`.
pub(super) fn of_order(state: &State, order: u64) -> Answer {
    let order = state.orders.get(&order).ok_or_else(|| not_found("Order"))?;
    let rows: Vec<_> = order
        .payments
        .iter()
        .filter_map(|id| state.payments.get(id))
        .map(|payment| view(state, payment))
        .collect();
    list(&rows, rows.len())
}

/// `GET /payment_details/{id}/authorised_payments`.
pub(super) fn authorised_on(state: &State, details: u64) -> Answer {
    if !state.details.contains_key(&details) {
        return Err(not_found("Payment details"));
    }
    let open = state.authorised_on.get(&details).into_iter().flatten();
    let rows: Vec<_> =
        open.filter_map(|id| state.payments.get(id)).map(|payment| view(state, payment)).collect();
    list(&rows, rows.len())
}

/// Does what follows from a payment's new state: subscriptions begin, are prolonged, or wait for their capture.
pub(super) fn follow(state: &mut State, id: u64) {
    let Some(payment) = state.payments.get(&id).cloned() else { return };
    if let Some(details) = payment.details {
        let open = state.authorised_on.entry(details).or_default();
        if payment.status == PaymentState::Authorized {
            open.insert(id);
        } else {
            open.remove(&id);
        }
    }
    match (payment.status, payment.subscription) {
        (PaymentState::Authorized, Some(subscription)) => {
            life::authorised(state, subscription, payment.period_end, id);
        }
        (PaymentState::Rejected | PaymentState::Cancelled, subscription) => {
            if let Some(subscription) = subscription {
                life::unauthorised(state, subscription, id);
            }
            life::failed_late(state, payment.order, subscription.zip(payment.period_end), id);
        }
        (PaymentState::Captured, subscription) => captured(state, &payment, subscription),
        _ => {}
    }
}

fn captured(state: &mut State, payment: &CleengPayment, subscription: Option<u64>) {
    let Some(order) = payment.order.and_then(|id| state.orders.get_mut(&id)) else { return };
    match order.paid_by {
        None => order.paid_by = Some(payment.id),
        Some(first) if first == payment.id => return,
        Some(first) => {
            let what = format!("payments {first} and {} of order {}", payment.id, order.id);
            note(state, ViolationKind::TwoCapturedForOrder, what);
            return;
        }
    }
    match subscription.zip(payment.period_end) {
        Some((subscription, period_end)) => {
            life::renewed(state, subscription, period_end, payment.id, payment.external.as_deref());
        }
        None => life::bought(state, payment.id),
    }
}

/// The payment resource of the reference.
pub(super) fn view(state: &State, payment: &CleengPayment) -> impl Serialize + use<> {
    let method = state.method(payment.method);
    let hidden = state.settings.quirks.refunded_reason_hidden;
    PaymentView {
        id: payment.id,
        order_id: payment.order,
        status: payment.status.as_str(),
        total_amount: Number(payment.price.amount),
        amount: Number(payment.price.amount - payment.tax),
        tax_value: Number(payment.tax),
        payment_method_fee: 0,
        customer_service_fee: 0,
        currency: payment.price.currency.as_str().to_owned(),
        country: payment.country.clone(),
        customer_id: payment.customer.to_string(),
        payment_gateway: method.map(|method| method.gateway.clone()),
        payment_method: "card",
        external_payment_id: payment.external.clone(),
        offer_id: payment.offer.clone(),
        offer_type: payment.offer.get(..1).unwrap_or_default().to_owned(),
        rejected_reason: payment.rejected_reason.clone(),
        refunded_reason: payment.refunded_reason.clone().filter(|_| !hidden),
        payment_details_id: payment.details,
        payment_operation: payment.operation.clone(),
        gateway_specific_params: Nothing {},
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PaymentView {
    id: u64,
    order_id: Option<u64>,
    status: &'static str,
    total_amount: Number,
    amount: Number,
    tax_value: Number,
    payment_method_fee: u8,
    customer_service_fee: u8,
    currency: String,
    country: String,
    customer_id: String,
    payment_gateway: Option<String>,
    payment_method: &'static str,
    external_payment_id: Option<String>,
    offer_id: String,
    offer_type: String,
    rejected_reason: Option<String>,
    refunded_reason: Option<String>,
    payment_details_id: Option<u64>,
    payment_operation: String,
    gateway_specific_params: Nothing,
}

#[derive(Serialize)]
struct Nothing {}
