//! What the buyer's page is told of a payment: done, act first, refused, or not known yet.

use attempt::{Done, Ended};
use bytes::Bytes;
use entrypoint::http::{Refusal, answer, envelope};
use http::{Response, StatusCode};
use ledger::{Attempt, Mapping};
use payment::{Answer, Currency, CustomerId, Decline, DeclineReason, GatewayName, OrderId, PaymentId};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// 200 with `payment` or `action`; 202 while nobody knows (the page must not offer to pay again); 422 for a refusal.
pub(crate) fn reply(gateway: &GatewayName, done: &Done) -> Response<Bytes> {
    match &done.ended {
        Ended::Answered { answer: Answer::Approved(approval), .. } => {
            let status =
                if approval.money.is_zero() || approval.captured { "captured" } else { "authorized" };
            answer(Ok(Data { payment: payment(&done.mapping, status) }))
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
        Ended::AwaitingBuyer(None) | Ended::Unknown | Ended::Busy | Ended::Parked => pending(&done.mapping),
        Ended::Withdrawn => answer::<()>(Err(Refusal::later(gateway))),
    }
}

/// The bank has not answered. A page that offered to pay again would risk a second charge, so it is told to wait; asking
/// again for the same order is safe and brings the result.
fn pending(mapping: &Mapping) -> Response<Bytes> {
    envelope(StatusCode::ACCEPTED, &Data { payment: payment(mapping, "pending") })
}

#[derive(Serialize)]
struct Data {
    payment: Payment,
}

/// The payment as the page sees it, in Cleeng's own field names.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payment {
    id: Option<PaymentId>,
    order_id: Option<OrderId>,
    status: &'static str,
    /// Major units, with Cleeng's own digits.
    total_amount: Option<Box<RawValue>>,
    currency: Option<Currency>,
    customer_id: CustomerId,
    payment_gateway: GatewayName,
}

fn payment(mapping: &Mapping, status: &'static str) -> Payment {
    let attempt = mapping.attempts.iter().rfind(|attempt| attempt.intention.verb.buyer_present());
    Payment {
        id: attempt.and_then(|attempt| attempt.payment),
        order_id: attempt.and_then(Attempt::order),
        status,
        total_amount: attempt
            .and_then(|attempt| RawValue::from_string(attempt.price.amount.to_string()).ok()),
        currency: attempt.map(|attempt| attempt.price.currency),
        customer_id: mapping.customer,
        payment_gateway: mapping.gateway.clone(),
    }
}
