//! Payment methods for the page, and the stored cards.

use bytes::Bytes;
use http::{Method, Request};
use jiff::Timestamp;
use serde_json::json;

use super::AdyenAccount;
use super::answer::Answer;
use super::notifications::notify_token;
use super::state::State;

/// `POST /paymentMethods`
pub(super) fn payment_methods() -> Answer {
    Answer::json(
        200,
        &json!({"paymentMethods": [
            {"name": "Cards", "type": "scheme", "brands": ["visa", "mc", "amex"]},
            {"name": "Apple Pay", "type": "applepay"},
            {"name": "Google Pay", "type": "googlepay"},
        ]}),
    )
}

/// `GET /storedPaymentMethods`, `DELETE /storedPaymentMethods/{id}`
pub(super) fn stored(
    account: &AdyenAccount,
    state: &mut State,
    now: Timestamp,
    route: &str,
    request: &Request<Bytes>,
) -> Answer {
    let query: Vec<(String, String)> =
        request.uri().query().and_then(|query| serde_urlencoded::from_str(query).ok()).unwrap_or_default();
    let asked = |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let (shopper, merchant) = (asked("shopperReference"), asked("merchantAccount"));
    if shopper.is_none() || merchant.is_none() {
        state.violate(format!("{route}: shopper and account are needed"));
        return Answer::invalid("702", "Required parameters are missing");
    }
    match (request.method(), route.split_once('/')) {
        (&Method::GET, None) if route == "storedPaymentMethods" => {
            let cards = state
                .stored
                .iter()
                .filter(|(_, card)| Some(card.shopper.as_str()) == shopper && !card.disabled);
            let cards: Vec<_> = cards.map(|(id, card)| json!({"id": id, "brand": card.brand, "lastFour": card.last_four, "type": "scheme"})).collect();
            Answer::json(200, &json!({"storedPaymentMethods": cards}))
        }
        (&Method::DELETE, Some(("storedPaymentMethods", id))) => {
            let card = state
                .stored
                .get_mut(id)
                .filter(|card| Some(card.shopper.as_str()) == shopper && !card.disabled);
            let Some(card) = card else {
                return Answer::error(404, "803", "validation", "PaymentDetail not found");
            };
            card.disabled = true;
            let (merchant, shopper) = (card.account.clone(), card.shopper.clone());
            let event = state.next_id("EVT");
            let kind = ("recurring.token.disabled", event.as_str());
            notify_token(account, &mut state.outbox, now, kind, &merchant, &shopper, id);
            Answer::empty(204)
        }
        _ => Answer::error(404, "000", "validation", "Not found"),
    }
}
