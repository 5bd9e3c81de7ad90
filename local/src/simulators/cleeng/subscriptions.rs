//! `/subscriptions`: listing with filters, the token that renews, the end.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;

use super::answer::{Answer, bad_request, bare, impossible, list, not_found, wrapped};
use super::life;
use super::reading::Body;
use super::records::{CleengSubscription, SubscriptionState};
use super::state::State;

/// `GET /subscriptions`: filters, `offset` and `limit`; without a filter an empty list.
pub(super) fn find(state: &State, query: &str) -> Answer {
    let pairs: Vec<(String, String)> =
        serde_urlencoded::from_str(query).map_err(|_| bad_request("The query cannot be read"))?;
    let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let number = |name: &str, default: usize| {
        value(name).map_or(Ok(default), |text| {
            text.parse().map_err(|_| bad_request(format!("{name} is not a number")))
        })
    };
    let (offset, limit) = (number("offset", 0)?, number("limit", 20)?);
    if !(1..=100).contains(&limit) {
        return Err(bad_request("limit is 1 to 100"));
    }
    let statuses: BTreeSet<&str> = pairs
        .iter()
        .filter(|(key, _)| key == "status[]" || key == "status")
        .map(|(_, value)| value.as_str())
        .collect();
    let wanted = |it: &CleengSubscription| {
        let fits = |name: &str, own: &str| value(name).is_none_or(|wanted| wanted == own);
        fits("customerId", &it.customer.to_string())
            && fits("offerId", &it.offer)
            && fits("paymentMethodId", &it.method.to_string())
            && fits("externalId", it.external_id.as_deref().unwrap_or_default())
            && (statuses.is_empty() || statuses.contains(it.status.as_str()))
    };
    let filters = ["customerId", "offerId", "externalId", "paymentMethodId", "transactionId"];
    if !filters.iter().any(|name| value(name).is_some()) && statuses.is_empty()
        || value("transactionId").is_some()
    {
        return list::<SubscriptionView>(&[], 0);
    }
    let found: Vec<_> = match value("customerId").map(str::parse::<u64>) {
        Some(customer) => {
            let customer = customer.map_err(|_| bad_request("customerId is not an id"))?;
            let theirs =
                state.customers.get(&customer).map(|it| it.subscriptions.as_slice()).unwrap_or_default();
            theirs.iter().filter_map(|id| state.subscriptions.get(id)).filter(|it| wanted(it)).collect()
        }
        None => state.subscriptions.values().filter(|it| wanted(it)).collect(),
    };
    let rows: Vec<_> = found.iter().skip(offset).take(limit).map(|it| view(state, it)).collect();
    list(&rows, found.len())
}

/// `GET /subscriptions/{id}`: the bare resource.
pub(super) fn get(state: &State, id: u64) -> Answer {
    let it = state.subscriptions.get(&id).ok_or_else(|| not_found("Subscription"))?;
    bare(&view(state, it))
}

/// `PATCH /subscriptions/{id}`: the token that renews, or the older way to end one.
pub(super) fn update(state: &mut State, id: u64, bytes: &Bytes) -> Answer {
    let body = Body::read(bytes)?;
    let it = state.subscriptions.get(&id).ok_or_else(|| not_found("Subscription"))?;
    if it.status == SubscriptionState::Terminated {
        return Err(impossible("The subscription is terminated"));
    }
    let customer = it.customer;
    if let Some(details) = body.id("paymentDetailsId")? {
        let known = state.details.get(&details).filter(|known| known.customer == customer && !known.deleted);
        let method =
            known.map(|known| known.method).ok_or_else(|| impossible("The payment details do not exist"))?;
        if let Some(it) = state.subscriptions.get_mut(&id) {
            it.details = Some(details);
            it.method = method;
        }
    }
    match body.text("status")?.as_deref() {
        None => {}
        Some("terminated") => life::terminate(state, id, "patch"),
        Some(_) => return Err(bad_request("status can be set to terminated only")),
    }
    answer(state, id, StatusCode::OK)
}

/// `POST /subscriptions/{id}/terminate`.
pub(super) fn terminate(state: &mut State, id: u64, bytes: &Bytes) -> Answer {
    let kind = Body::read(bytes)?.required_text("terminationType")?;
    if !["paymentCancel", "userCancel", "publisherCancel", "policyViolation"].contains(&kind.as_str()) {
        return Err(bad_request("terminationType is not known"));
    }
    let it = state.subscriptions.get(&id).ok_or_else(|| not_found("Subscription"))?;
    match it.status {
        SubscriptionState::Terminated if state.settings.quirks.ends_twice => {}
        SubscriptionState::Terminated => return Err(impossible("The subscription is already terminated")),
        _ => life::terminate(state, id, &kind),
    }
    answer(state, id, StatusCode::OK)
}

/// The subscription in its envelope.
pub(super) fn answer(state: &State, id: u64, status: StatusCode) -> Answer {
    let it = state.subscriptions.get(&id).ok_or_else(|| not_found("Subscription"))?;
    wrapped(status, "subscription", view(state, it))
}

/// The subscription resource of the reference.
pub(super) fn view(state: &State, it: &CleengSubscription) -> impl Serialize + use<> {
    let (unit, amount) = it.cycle.parts();
    let asks_capture = it.authorised.is_some();
    SubscriptionView {
        subscription_id: it.id.to_string(),
        publisher_id: state.settings.publisher_id,
        customer_id: it.customer,
        offer_id: it.offer.clone(),
        status: it.status.as_str(),
        date_from: it.began.as_second(),
        date_to: it.ends.as_second(),
        next_payment_action: if asks_capture { "capture" } else { "authorise" },
        next_payment_action_date: it.ends.as_second(),
        payment_country: it.country.clone(),
        in_trial: it.in_trial,
        coupon_code: None,
        pending_switch_id: None,
        payment_method_id: it.method,
        payment_details_id: it.details,
        is_externally_managed: it.externally_managed,
        subscription_external_id: it.external_id.clone(),
        latest_payment_external_id: it.latest_payment.clone(),
        renewal_cycle: RenewalCycle { completed: it.periods, unit, amount },
        replaced_by: it.replaced_by,
        originated_from: it.originated_from,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SubscriptionView {
    subscription_id: String,
    publisher_id: u64,
    customer_id: u64,
    offer_id: String,
    status: &'static str,
    date_from: i64,
    date_to: i64,
    next_payment_action: &'static str,
    next_payment_action_date: i64,
    payment_country: String,
    in_trial: bool,
    coupon_code: Option<String>,
    pending_switch_id: Option<String>,
    payment_method_id: u64,
    payment_details_id: Option<u64>,
    is_externally_managed: bool,
    subscription_external_id: Option<String>,
    latest_payment_external_id: Option<String>,
    renewal_cycle: RenewalCycle,
    replaced_by: Option<u64>,
    originated_from: Option<u64>,
}

#[derive(Serialize)]
struct RenewalCycle {
    completed: u32,
    unit: &'static str,
    amount: i64,
}
