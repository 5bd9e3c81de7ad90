//! `POST /payments`: records a payment of an order. Posted twice it is there twice, as at the real one.

use bytes::Bytes;
use http::StatusCode;
use rust_decimal::Decimal;

use super::answer::{Answer, Refusal, bad_request, impossible, not_found, wrapped};
use super::reading::{Body, missing};
use super::records::{CleengOrder, CleengPayment, PaymentState};
use super::state::{Kind, State};
use super::violations::{ViolationKind, note};
use super::{external, payment_details, payments};

/// Both kinds share the address: a body with an order is ours, one without is of an externally managed purchase.
pub(super) fn create(state: &mut State, bytes: &Bytes) -> Answer {
    let body = Body::read(bytes)?;
    if !body.has("orderId") && body.has("netAmount") {
        return external::payment(state, &body);
    }
    let order_id = body.required_id("orderId")?;
    let status = status(&body.required_text("status")?)?;
    let operation = body.required_text("paymentOperation")?;
    let order = state.orders.get(&order_id).cloned().ok_or_else(|| not_found("Order"))?;
    let external = body.text("externalPaymentId")?.filter(|id| !id.is_empty());
    is_payable(state, &order, status, external.as_deref())?;
    fits(state, &order, &operation, body.id("subscriptionId")?)?;
    let moved = matches!(status, PaymentState::Captured | PaymentState::Authorized);
    if moved && external.is_none() {
        note(
            state,
            ViolationKind::NoExternalId,
            format!("a {} payment of order {order_id}", status.as_str()),
        );
        return Err(impossible("externalPaymentId is required"));
    }
    let details = details(state, &body, &order)?;
    if moved && details.is_none() && order.offer.starts_with('S') {
        if status == PaymentState::Captured && order.subscription.is_none() {
            note(state, ViolationKind::NothingToRenewWith, format!("a captured payment of order {order_id}"));
        }
        return Err(missing("paymentDetailsId or paymentDetails"));
    }
    let of_details = details.and_then(|id| state.details.get(&id)).map(|details| details.method);
    let method = order.method.or(of_details).ok_or_else(|| impossible("The order has no payment method"))?;
    if state.method(method).is_some_and(|method| method.external) {
        return Err(impossible("The payment method is for externally managed purchases"));
    }
    let repeated = order
        .payments
        .iter()
        .filter_map(|id| state.payments.get(id))
        .find(|payment| external.is_some() && payment.external == external && payment.status == status);
    if let Some(first) = repeated {
        let what = format!("payment {} of order {order_id}, {}", first.id, status.as_str());
        note(state, ViolationKind::PaymentPostedTwice, what);
    }
    let id = state.ids.next(Kind::Payment);
    let payment = CleengPayment {
        id,
        order: Some(order_id),
        customer: order.customer,
        offer: order.offer.clone(),
        status,
        operation,
        price: order.price,
        tax: order.tax(),
        country: order.country.clone(),
        method,
        details,
        external,
        subscription: order.subscription,
        period_end: order.period_end,
        rejected_reason: body.text("rejectedReason")?,
        refunded_reason: None,
        refunded: Decimal::ZERO,
        refund_kind: None,
        created: state.now,
        captured: (status == PaymentState::Captured).then_some(state.now),
    };
    if let Some(order) = state.orders.get_mut(&order_id) {
        order.payments.push(id);
    }
    let shown = payments::view(state, &payment);
    state.payments.insert(id, payment);
    payments::follow(state, id);
    wrapped(StatusCode::CREATED, "payment", shown)
}

fn status(word: &str) -> Result<PaymentState, Refusal> {
    match word {
        "authorized" => Ok(PaymentState::Authorized),
        "captured" => Ok(PaymentState::Captured),
        "rejected" => Ok(PaymentState::Rejected),
        "cancelled" => Ok(PaymentState::Cancelled),
        _ => Err(bad_request("status is one of rejected, authorized, cancelled, captured")),
    }
}

/// A paid order takes no further payment. The same payment once more is a repetition; another one is a second charge.
fn is_payable(
    state: &mut State,
    order: &CleengOrder,
    status: PaymentState,
    external: Option<&str>,
) -> Result<(), Refusal> {
    if let Some(first) = order.paid_by {
        let same = state.payments.get(&first).is_some_and(|payment| payment.external.as_deref() == external);
        if status == PaymentState::Captured {
            let kind =
                if same { ViolationKind::PaymentPostedTwice } else { ViolationKind::TwoCapturedForOrder };
            note(
                state,
                kind,
                format!("a captured payment of order {}, which payment {first} paid", order.id),
            );
        }
        if same && state.settings.quirks.repetition_conflicts {
            return Err(Refusal { status: StatusCode::CONFLICT, message: "The payment exists".to_owned() });
        }
        return Err(impossible("The order is already paid"));
    }
    if order.expires <= state.now {
        return Err(impossible("The order has expired"));
    }
    Ok(())
}

/// Whether operation, amount and subscription go together.
fn fits(
    state: &State,
    order: &CleengOrder,
    operation: &str,
    subscription: Option<u64>,
) -> Result<(), Refusal> {
    let free = state.settings.quirks.free_operation.as_str();
    let operation = match operation {
        word if word == free => "initial-free-transaction",
        "initial-free-transaction" => "unknown",
        word => word,
    };
    match (operation, order.subscription) {
        ("recurring-payment", Some(renewed)) => match subscription {
            None => Err(missing("subscriptionId")),
            Some(named) if named != renewed => Err(impossible("The order renews another subscription")),
            Some(_) => Ok(()),
        },
        ("recurring-payment", None) => Err(impossible("The order renews no subscription")),
        ("initial-payment" | "initial-free-transaction", Some(_)) => {
            Err(impossible("The order is a renewal's"))
        }
        ("initial-payment", None) if order.price.is_zero() => Err(impossible("The order has nothing to pay")),
        ("initial-free-transaction", None) if !order.price.is_zero() => {
            Err(impossible("The order is not free"))
        }
        ("initial-payment" | "initial-free-transaction", None) => Ok(()),
        _ => Err(bad_request(
            "paymentOperation is one of initial-payment, initial-free-transaction, recurring-payment",
        )),
    }
}

/// The stored token that is named, or the record made of one that came along.
fn details(state: &mut State, body: &Body<'_>, order: &CleengOrder) -> Result<Option<u64>, Refusal> {
    if let Some(given) = body.object("paymentDetails")? {
        if state.settings.quirks.inline_details_refused {
            return Err(bad_request("paymentDetails is not allowed"));
        }
        return payment_details::keep(state, order.customer, &given).map(Some);
    }
    let Some(id) = body.id("paymentDetailsId")? else { return Ok(None) };
    let known = state.details.get(&id).filter(|details| !details.deleted);
    let owner = known
        .map(|details| details.customer)
        .ok_or_else(|| impossible("The payment details do not exist"))?;
    if owner != order.customer {
        note(state, ViolationKind::AnothersDetails, format!("payment details {id} for order {}", order.id));
        return Err(impossible("The payment details are another customer's"));
    }
    Ok(Some(id))
}
