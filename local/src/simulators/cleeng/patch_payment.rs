//! `PATCH /payments/{id}` and its `/cancel`: captured, rejected or refunded afterwards, as far as the state allows it.

use bytes::Bytes;
use http::StatusCode;
use rust_decimal::Decimal;

use super::answer::{Answer, Refusal, bad_request, done, impossible, not_found, wrapped};
use super::payments;
use super::reading::{Body, missing};
use super::records::{CleengPayment, PaymentState};
use super::state::State;
use super::violations::{ViolationKind, note};

pub(super) fn update(state: &mut State, id: u64, bytes: &Bytes) -> Answer {
    let body = Body::read(bytes)?;
    let mut payment = state.payments.get(&id).cloned().ok_or_else(|| not_found("Payment"))?;
    let status = body.required_text("status")?;
    match body.id("orderId")? {
        Some(order) if Some(order) != payment.order => {
            return Err(impossible("The payment is of another order"));
        }
        None if status == "refunded" && payment.order.is_some() => return Err(missing("orderId")),
        _ => {}
    }
    let external = body.text("externalPaymentId")?.filter(|id| !id.is_empty());
    match status.as_str() {
        "captured" => capture(state, &mut payment)?,
        "rejected" => {
            let late = payment.status == PaymentState::Captured;
            if late && state.settings.quirks.late_failures_refused {
                return Err(impossible("A captured payment cannot be rejected"));
            }
            reject(&mut payment, &body)?;
        }
        "refunded" => refund(state, &mut payment, &body)?,
        _ => return Err(bad_request("status is one of rejected, captured, refunded")),
    }
    payment.external = external.or(payment.external);
    let shown = payments::view(state, &payment);
    state.payments.insert(id, payment);
    payments::follow(state, id);
    match state.settings.quirks.updates_unanswered {
        true => done(),
        false => wrapped(StatusCode::OK, "payment", shown),
    }
}

pub(super) fn cancel(state: &mut State, id: u64) -> Answer {
    let payment = state.payments.get_mut(&id).ok_or_else(|| not_found("Payment"))?;
    if payment.status != PaymentState::Authorized {
        return Err(impossible("Only an authorized payment can be cancelled"));
    }
    payment.status = PaymentState::Cancelled;
    let payment = payment.clone();
    payments::follow(state, id);
    wrapped(StatusCode::OK, "payment", payments::view(state, &payment))
}

/// From authorised; from rejected, because banks change their mind; and again, to change the gateway's id.
fn capture(state: &mut State, payment: &mut CleengPayment) -> Result<(), Refusal> {
    match payment.status {
        PaymentState::Captured => return Ok(()),
        PaymentState::Authorized | PaymentState::Rejected => {}
        other => return Err(impossible(format!("A {} payment cannot be captured", other.as_str()))),
    }
    let paid_by = payment.order.and_then(|id| state.orders.get(&id)).and_then(|order| order.paid_by);
    if let Some(first) = paid_by.filter(|first| *first != payment.id) {
        let what = format!("payment {} of an order that payment {first} paid", payment.id);
        note(state, ViolationKind::TwoCapturedForOrder, what);
        return Err(impossible("The order is already paid"));
    }
    payment.status = PaymentState::Captured;
    // One that failed late and succeeded after all was captured when it was.
    payment.captured = payment.captured.or(Some(state.now));
    Ok(())
}

/// From authorised; from captured, because a capture can fail late; and again.
fn reject(payment: &mut CleengPayment, body: &Body<'_>) -> Result<(), Refusal> {
    if !matches!(payment.status, PaymentState::Authorized | PaymentState::Captured | PaymentState::Rejected) {
        return Err(impossible(format!("A {} payment cannot be rejected", payment.status.as_str())));
    }
    payment.rejected_reason = Some(body.required_text("rejectedReason")?);
    payment.status = PaymentState::Rejected;
    Ok(())
}

/// From captured, in parts until all of it is returned.
fn refund(state: &mut State, payment: &mut CleengPayment, body: &Body<'_>) -> Result<(), Refusal> {
    body.required_text("paymentOperation")?;
    let reason = body.required_text("refundedReason")?;
    let quirks = state.settings.quirks.clone();
    let kind = body.text(&quirks.refund_type_field)?;
    let is_known = kind.as_deref().is_none_or(|kind| matches!(kind, "refund" | "chargeback"));
    if !is_known && !quirks.refund_type_unchecked {
        return Err(bad_request(format!("{} is refund or chargeback", quirks.refund_type_field)));
    }
    if !matches!(payment.status, PaymentState::Captured | PaymentState::Refunded) {
        return Err(impossible(format!("A {} payment cannot be refunded", payment.status.as_str())));
    }
    let left = payment.price.amount - payment.refunded;
    let named = body.amount(&quirks.refunded_amount_field)?;
    let before = if quirks.refunds_are_sums { payment.refunded } else { Decimal::ZERO };
    let amount = named.map_or(left, |named| named - before);
    let nothing = amount < Decimal::ZERO || (amount.is_zero() && !quirks.refunds_are_sums);
    if nothing || amount > left {
        let what = format!("{amount} of {left} that are left of payment {}", payment.id);
        note(state, ViolationKind::RefundedTooMuch, what);
        return Err(impossible("The refunded amount is more than what is left"));
    }
    payment.refunded += amount;
    payment.refunded_reason = Some(reason);
    payment.refund_kind = kind.or(payment.refund_kind.take());
    payment.status = PaymentState::Refunded;
    Ok(())
}
