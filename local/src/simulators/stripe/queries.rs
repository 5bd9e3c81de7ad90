//! Lists and searches. A search does not see the last minute, as Stripe's index does not.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::form::Params;
use super::render::list;
use super::state::{Failure, State};

const INDEX_LAG: SignedDuration = SignedDuration::from_secs(60);

/// `GET /v1/payment_intents/search`.
pub(super) fn search_payments(state: &State, params: &Params) -> Result<Value, Failure> {
    let expanded = params.expands("data.latest_charge");
    let ids = searched(state, "payment_intent", params)?;
    let found = ids.iter().filter_map(|id| state.payments.get(id)).filter(|it| indexed(state, it.created));
    Ok(page(
        "/v1/payment_intents/search",
        params,
        found.rev().map(|payment| state.payment(payment, expanded)),
    ))
}

/// `GET /v1/customers/search`.
pub(super) fn search_customers(state: &State, params: &Params) -> Result<Value, Failure> {
    let ids = searched(state, "customer", params)?;
    let found = ids.iter().filter_map(|id| state.customers.get(id)).filter(|it| indexed(state, it.created));
    Ok(page("/v1/customers/search", params, found.rev().map(|customer| state.customer(customer))))
}

/// `GET /v1/payment_intents`.
pub(super) fn list_payments(state: &State, params: &Params) -> Value {
    let expanded = params.expands("data.latest_charge");
    let ids = of_customer(state, "payment_intent", params);
    let found = ids.iter().filter_map(|id| state.payments.get(id)).filter(|it| since(params, it.created));
    page("/v1/payment_intents", params, found.rev().map(|payment| state.payment(payment, expanded)))
}

/// `GET /v1/setup_intents`.
pub(super) fn list_setups(state: &State, params: &Params) -> Value {
    let expanded = params.expands("data.payment_method");
    let ids = of_customer(state, "setup_intent", params);
    let found = ids.iter().filter_map(|id| state.setups.get(id)).filter(|it| since(params, it.created));
    page("/v1/setup_intents", params, found.rev().map(|setup| state.setup(setup, expanded)))
}

/// `GET /v1/refunds`.
pub(super) fn list_refunds(state: &State, params: &Params) -> Value {
    let payment = params.text("/payment_intent").and_then(|id| state.payments.get(id));
    let ids = payment.map(|payment| payment.refunds.as_slice()).unwrap_or_default();
    let found = ids.iter().filter_map(|id| state.refunds.get(id));
    page("/v1/refunds", params, found.rev().map(|refund| state.refund(refund)))
}

/// Ids by a query of the one form that is understood here: `metadata['name']:'value'`.
fn searched<'a>(state: &'a State, kind: &'static str, params: &Params) -> Result<&'a [String], Failure> {
    let query = params.text("/query").unwrap_or_default();
    let parts = query.strip_prefix("metadata['").and_then(|rest| rest.strip_suffix('\''));
    let Some((name, value)) = parts.and_then(|rest| rest.split_once("']:'")) else {
        return Err(Failure::invalid(None, Some("query"), "We were unable to parse your search query."));
    };
    let key = (kind, name.to_owned(), value.to_owned());
    Ok(state.by_metadata.get(&key).map(Vec::as_slice).unwrap_or_default())
}

fn of_customer<'a>(state: &'a State, kind: &'static str, params: &Params) -> &'a [String] {
    let customer = params.text("/customer").unwrap_or_default().to_owned();
    state.by_customer.get(&(kind, customer)).map(Vec::as_slice).unwrap_or_default()
}

fn indexed(state: &State, created: Timestamp) -> bool {
    state.now.duration_since(created) >= INDEX_LAG
}

fn since(params: &Params, created: Timestamp) -> bool {
    params.number("/created/gte").is_none_or(|second| created.as_second() >= second)
}

/// The newest first, no more than `limit` (10 where none is named).
fn page(url: &str, params: &Params, mut found: impl Iterator<Item = Value>) -> Value {
    let limit =
        params.number("/limit").and_then(|limit| usize::try_from(limit).ok()).unwrap_or(10).clamp(1, 100);
    let data: Vec<_> = found.by_ref().take(limit).collect();
    list(url, data, found.next().is_some())
}
