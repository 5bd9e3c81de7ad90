//! What the shop's own pages ask of Cleeng: who logs in, and what they have.

use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::answer::{Answer, Number, bare, not_found};
use super::mediastore;
use super::offers;
use super::reading::Body;
use super::records::CleengSubscription;
use super::state::State;

/// Logs a known customer in by e-mail address; a simulated shop asks for no password.
pub(super) fn log_in(state: &State, body: &Body<'_>, seconds: i64) -> Answer {
    let email = body.required_text("email")?.trim().to_lowercase();
    // The newest, where one address was registered twice.
    let known = state.customers.iter().rfind(|(_, customer)| customer.email.to_lowercase() == email);
    let (id, customer) = known.ok_or_else(|| not_found("Customer"))?;
    let jwt = mediastore::issue(state, *id, seconds);
    bare(&json!({"customerId": id, "email": customer.email, "country": customer.country, "jwt": jwt}))
}

/// What an account page shows of a customer: never a token.
pub(super) fn account(state: &State, id: u64) -> Answer {
    let customer = state.customers.get(&id).ok_or_else(|| not_found("Customer"))?;
    let theirs = customer.subscriptions.iter().rev().filter_map(|id| state.subscriptions.get(id));
    let passes = state.passes.values().rev().filter(|pass| pass.customer == id);
    let passes = passes.map(|pass| {
        json!({
            "passId": pass.id, "offerId": pass.offer, "title": offers::find(&pass.offer).map(|offer| offer.title),
            "expires": pass.expires, "terminated": pass.terminated,
        })
    });
    bare(&json!({
        "customerId": id, "email": customer.email, "country": customer.country, "now": state.now,
        "subscriptions": theirs.map(|it| subscription(state, it)).collect::<Vec<_>>(),
        "passes": passes.collect::<Vec<_>>(),
    }))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SubscriptionRow {
    subscription_id: u64,
    order_id: Option<u64>,
    offer_id: String,
    title: Option<&'static str>,
    cycle: super::calendar::Cycle,
    status: &'static str,
    in_trial: bool,
    has_access: bool,
    began: jiff::Timestamp,
    ends: jiff::Timestamp,
    total_price: Option<Number>,
    currency: String,
    payment_method_id: u64,
    payment_gateway: Option<String>,
    card: Option<Box<RawValue>>,
}

fn subscription(state: &State, it: &CleengSubscription) -> SubscriptionRow {
    let offer = offers::find(&it.offer);
    let details = it.details.and_then(|id| state.details.get(&id));
    SubscriptionRow {
        subscription_id: it.id,
        order_id: it.order,
        offer_id: it.offer.clone(),
        title: offer.map(|offer| offer.title),
        cycle: it.cycle,
        status: it.status.as_str(),
        in_trial: it.in_trial,
        has_access: it.has_access,
        began: it.began,
        ends: it.ends,
        total_price: offer.map(|offer| Number(offers::cost(offer, state.net(offer), &it.country, 0).total)),
        currency: it.currency.clone(),
        payment_method_id: it.method,
        payment_gateway: state.method(it.method).map(|method| method.gateway.clone()),
        card: details
            .and_then(|details| details.params.clone())
            .and_then(|text| RawValue::from_string(text).ok()),
    }
}
