//! What the buyer's page is told of a payment: done, act first, refused, or not known yet.

use attempt::Done;
use bytes::Bytes;
use entrypoint::connectors::{self, Shown};
use http::Response;
use ledger::{Attempt, Mapping};
use payment::{Currency, CustomerId, GatewayName, OrderId, PaymentId};
use serde::Serialize;
use serde_json::value::RawValue;

/// The payment, as far as it is known, or what the buyer must do first.
pub(crate) fn reply(gateway: &GatewayName, done: &Done) -> Response<Bytes> {
    connectors::reply(gateway, done, |shown| {
        let status = match shown {
            Shown::Approved { approval, .. } if approval.money.is_zero() || approval.captured => "captured",
            Shown::Approved { .. } => "authorized",
            Shown::Pending => "pending",
        };
        Data { payment: payment(&done.mapping, status) }
    })
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
