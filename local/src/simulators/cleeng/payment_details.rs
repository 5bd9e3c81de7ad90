//! `/payment_details`: stored tokens. A customer's new card takes the place of the old one.

use bytes::Bytes;
use http::StatusCode;
use payment::Token;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::answer::{Answer, Refusal, done, impossible, list, not_found, wrapped};
use super::deliveries::emit;
use super::life::object;
use super::reading::Body;
use super::records::{CleengDetails, SubscriptionState};
use super::settings::SimulatedMethod;
use super::state::{Kind, State};

/// `POST /payment_details`: an active one is used by the customer's subscriptions from now on, and what they used
/// before is deactivated.
pub(super) fn create(state: &mut State, bytes: &Bytes) -> Answer {
    let body = Body::read(bytes)?;
    let customer = body.required_id("customerId")?;
    if !state.customers.contains_key(&customer) {
        return Err(impossible("The customer does not exist"));
    }
    let id = keep(state, customer, &body)?;
    let Some(details) = state.details.get(&id).cloned() else { return Err(not_found("Payment details")) };
    if details.active && !state.settings.quirks.new_details_kept_only {
        replace(state, &details);
    }
    wrapped(StatusCode::CREATED, "paymentDetails", view(state, &details))
}

/// `DELETE /payment_details/{id}`.
pub(super) fn delete(state: &mut State, id: u64) -> Answer {
    let details = state.details.get_mut(&id).filter(|details| !details.deleted);
    let details = details.ok_or_else(|| not_found("Payment details"))?;
    details.deleted = true;
    details.active = false;
    done()
}

/// `GET /payment_methods`.
pub(super) fn methods(state: &State) -> Answer {
    let row =
        |method: &SimulatedMethod| json!({"id": method.id, "paymentGateway": method.gateway, "active": true});
    let rows: Vec<_> = state.settings.payment_methods.iter().map(row).collect();
    list(&rows, rows.len())
}

/// Keeps a token for a customer.
pub(super) fn keep(state: &mut State, customer: u64, body: &Body<'_>) -> Result<u64, Refusal> {
    let token = Token::new(body.required_text("token")?);
    let method = body.required_id("paymentMethodId")?;
    if state.method(method).is_none() {
        return Err(impossible("The payment method does not exist"));
    }
    let active = body.flag("active")?.unwrap_or(true);
    let params = body.raw("paymentMethodSpecificParams").map(str::to_owned);
    let id = state.ids.next(Kind::Details);
    state.details.insert(id, CleengDetails { id, customer, method, token, params, active, deleted: false });
    Ok(id)
}

/// Takes a token out of use and tells so.
pub(super) fn deactivate(state: &mut State, id: u64) {
    let Some(details) = state.details.get_mut(&id) else { return };
    details.active = false;
    let data = json!({
        "paymentDetailsId": id, "customerId": details.customer.to_string(), "paymentMethodId": details.method,
    });
    emit(state, "paymentDetailsDeactivated", object(data));
}

fn replace(state: &mut State, new: &CleengDetails) {
    let theirs =
        state.customers.get(&new.customer).map(|customer| customer.subscriptions.clone()).unwrap_or_default();
    let mut old = Vec::new();
    for id in theirs {
        let Some(it) = state.subscriptions.get_mut(&id) else { continue };
        if it.status == SubscriptionState::Terminated || it.externally_managed {
            continue;
        }
        it.method = new.method;
        if let Some(before) = it.details.replace(new.id).filter(|before| !old.contains(before)) {
            old.push(before);
        }
    }
    for id in old {
        deactivate(state, id);
    }
}

fn view(state: &State, details: &CleengDetails) -> impl Serialize + use<> {
    let method = state.method(details.method);
    let theirs = state.customers.get(&details.customer).map(|customer| customer.subscriptions.as_slice());
    let uses = |id: &&u64| state.subscriptions.get(*id).is_some_and(|it| it.details == Some(details.id));
    DetailsView {
        id: details.id,
        customer_id: details.customer.to_string(),
        token: details.token.expose().to_owned(),
        payment_method_id: details.method,
        payment_gateway: method.map(|method| method.gateway.clone()),
        payment_method: "card",
        payment_method_specific_params: details
            .params
            .clone()
            .and_then(|text| RawValue::from_string(text).ok()),
        active: details.active,
        bound: false,
        subscription_ids: theirs.unwrap_or_default().iter().filter(uses).copied().collect(),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DetailsView {
    id: u64,
    customer_id: String,
    token: String,
    payment_method_id: u64,
    payment_gateway: Option<String>,
    payment_method: &'static str,
    payment_method_specific_params: Option<Box<RawValue>>,
    active: bool,
    bound: bool,
    subscription_ids: Vec<u64>,
}
