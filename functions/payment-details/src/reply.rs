//! What the customer's page is told of a card, in Cleeng's own field names; never its token.

use attempt::Done;
use bytes::Bytes;
use entrypoint::connectors::{self, Shown};
use http::Response;
use payment::{Card, CustomerId, GatewayName, PaymentDetailsId, PaymentMethodId};
use serde::Serialize;

/// The card as Cleeng keeps it, or what the customer must do first.
pub(crate) fn reply(gateway: &GatewayName, done: &Done) -> Response<Bytes> {
    let item = &done.mapping;
    connectors::reply(gateway, done, |shown| {
        let (card, kept) = match shown {
            Shown::Approved { approval, told } => (approval.card.as_ref(), told),
            Shown::Pending => (None, false),
        };
        let tried = item.attempts.last().and_then(|attempt| attempt.method);
        Data {
            payment_details: Details {
                id: item.details.filter(|_| kept),
                customer_id: item.customer,
                payment_method_id: tried.unwrap_or(item.method),
                payment_gateway: gateway.clone(),
                payment_method: "card",
                payment_method_specific_params: card.map(Params::from),
                active: kept,
                status: if kept { "active" } else { "pending" },
            },
        }
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    payment_details: Details,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    id: Option<PaymentDetailsId>,
    customer_id: CustomerId,
    payment_method_id: PaymentMethodId,
    payment_gateway: GatewayName,
    payment_method: &'static str,
    payment_method_specific_params: Option<Params>,
    active: bool,
    /// `pending` until Cleeng keeps it: the page waits, and asks `finalize` again.
    status: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    variant: String,
    last_card_four_digits: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    card_expiration_date: Option<String>,
}

impl From<&Card> for Params {
    fn from(card: &Card) -> Self {
        Self {
            variant: card.variant.clone(),
            last_card_four_digits: card.last_four.clone(),
            card_expiration_date: card.expires.map(|(month, year)| format!("{month:02}/{year}")),
        }
    }
}
