//! Externally managed purchases: payments without orders, subscriptions and passes that the connector keeps going.

use bytes::Bytes;
use http::StatusCode;
use jiff::Timestamp;
use payment::Price;
use rust_decimal::Decimal;
use serde::Serialize;

use super::answer::{Answer, Refusal, bad_request, impossible, json, list, not_found, wrapped};
use super::calendar::Cycle;
use super::offers::{self, Offer};
use super::reading::Body;
use super::records::{CleengPass, CleengPayment, CleengSubscription, PaymentState, SubscriptionState};
use super::state::{Kind, State};
use super::violations::{ViolationKind, note};
use super::{life, payments, subscriptions};

/// `POST /payments` without an order: it brings its own amount.
pub(super) fn payment(state: &mut State, body: &Body<'_>) -> Answer {
    let (customer, offer, method) = purchase(state, body)?;
    let status = match body.required_text("status")?.as_str() {
        "captured" => PaymentState::Captured,
        "rejected" => PaymentState::Rejected,
        _ => return Err(bad_request("status is captured or rejected")),
    };
    let (net, tax) = (body.required_amount("netAmount")?, body.required_amount("taxAmount")?);
    if net < Decimal::ZERO || tax < Decimal::ZERO {
        return Err(bad_request("An amount is not below zero"));
    }
    let currency =
        body.required_text("currency")?.parse().map_err(|_| bad_request("currency is three letters"))?;
    let external = body.required_text("externalPaymentId")?;
    let same = |known: &&CleengPayment| {
        known.order.is_none() && known.external.as_ref() == Some(&external) && known.status == status
    };
    if let Some(first) = state.payments.values().find(same).map(|known| known.id) {
        let what = format!("payment {first} of {external}, {}", status.as_str());
        note(state, ViolationKind::PaymentPostedTwice, what);
    }
    let id = state.ids.next(Kind::Payment);
    let payment = CleengPayment {
        id,
        order: None,
        customer,
        offer: offer.id.to_owned(),
        status,
        operation: "external-payment".to_owned(),
        price: Price { amount: net + tax, currency },
        tax,
        country: body.text("country")?.unwrap_or_else(|| offer.country.to_owned()),
        method,
        details: None,
        external: Some(external),
        subscription: body.id("subscriptionId")?,
        period_end: None,
        rejected_reason: body.text("rejectedReason")?,
        refunded_reason: None,
        refunded: Decimal::ZERO,
        refund_kind: None,
        created: state.now,
        captured: (status == PaymentState::Captured).then_some(state.now),
    };
    let shown = payments::view(state, &payment);
    state.payments.insert(id, payment);
    wrapped(StatusCode::CREATED, "payment", shown)
}

/// `GET /payments?externalPaymentId=…`: payments by the gateway's id. Not documented: the connector may be told that there is
/// no such list.
pub(super) fn by_external_id(state: &State, query: &str) -> Answer {
    let pairs: Vec<(String, String)> =
        serde_urlencoded::from_str(query).map_err(|_| bad_request("The query cannot be read"))?;
    let wanted = pairs.iter().find(|(name, _)| name == "externalPaymentId").map(|(_, value)| value.as_str());
    let wanted = wanted.ok_or_else(|| bad_request("externalPaymentId is required"))?;
    let found = state.payments.values().filter(|payment| payment.external.as_deref() == Some(wanted));
    let rows: Vec<_> = found.map(|payment| payments::view(state, payment)).collect();
    list(&rows, rows.len())
}

/// `POST /subscriptions`: 201 with the bare resource; the same external id twice is refused.
pub(super) fn create(state: &mut State, bytes: &Bytes) -> Answer {
    let body = Body::read(bytes)?;
    let (customer, offer, method) = purchase(state, &body)?;
    let external_id = body.required_text("externalId")?;
    if external_id.len() > 120 {
        return Err(bad_request("externalId has at most 120 characters"));
    }
    if state.external_ids.contains_key(&external_id) {
        return Err(impossible("A subscription with this externalId exists"));
    }
    let cycle = offer.cycle.ok_or_else(|| impossible("The offer is not a subscription"))?;
    let ends = time(&body, "expiresAt")?.unwrap_or_else(|| cycle.after(state.now, 1));
    let paid = paid_by(state, &body)?;
    let id = state.ids.next(Kind::Subscription);
    let began = state.now;
    state.external_ids.insert(external_id.clone(), id);
    state.subscriptions.insert(
        id,
        CleengSubscription {
            id,
            customer,
            offer: offer.id.to_owned(),
            status: SubscriptionState::Active,
            began,
            ends,
            has_access: true,
            in_trial: body.flag("inTrial")?.unwrap_or(false),
            method,
            details: None,
            currency: offer.currency.to_owned(),
            country: offer.country.to_owned(),
            order: None,
            latest_payment: paid.and_then(|id| state.payments.get(&id)?.external.clone()),
            periods: 1,
            externally_managed: true,
            external_id: Some(external_id),
            replaced_by: None,
            originated_from: None,
            terminated: None,
            authorised: None,
            anchor: (began, 1),
            cycle,
            plan: 0,
            capture_asked: false,
            paused: None,
        },
    );
    if let Some(customer) = state.customers.get_mut(&customer) {
        customer.subscriptions.push(id);
    }
    life::replan(state, id);
    match state.subscriptions.get(&id) {
        Some(it) => Ok(json(StatusCode::CREATED, &subscriptions::view(state, it))),
        None => Err(not_found("Subscription")),
    }
}

/// `POST /subscriptions/{id}/renew` and `/revive`: one more period, paid by the named payment.
pub(super) fn prolong(state: &mut State, id: u64, bytes: &Bytes, revive: bool) -> Answer {
    let body = Body::read(bytes)?;
    let expires = time(&body, "expiresAt")?.ok_or_else(|| bad_request("expiresAt is required"))?;
    let paid = paid_by(state, &body)?;
    let it = state.subscriptions.get(&id).cloned().ok_or_else(|| not_found("Subscription"))?;
    let ended = it.status == SubscriptionState::Terminated;
    if !it.externally_managed || ended != revive || expires <= it.ends {
        return Err(impossible("The subscription cannot be prolonged so"));
    }
    let period_end = it.ends;
    if let Some(payment) = paid
        && let Some(first) = state.paid_periods.insert((id, period_end), payment)
        && first != payment
    {
        let what = format!("payments {first} and {payment} of subscription {id} until {period_end}");
        note(state, ViolationKind::TwoCapturedForPeriod, what);
    }
    let latest = paid.and_then(|id| state.payments.get(&id)?.external.clone());
    let convert = body.flag("convertTrial")?.unwrap_or(false);
    let longer = CleengSubscription {
        ends: expires,
        periods: it.periods + 1,
        status: SubscriptionState::Active,
        terminated: None,
        has_access: true,
        in_trial: it.in_trial && !convert,
        latest_payment: latest.or_else(|| it.latest_payment.clone()),
        ..it
    };
    if revive {
        take_place(state, id, longer);
    } else {
        state.subscriptions.insert(id, longer);
        life::replan(state, id);
    }
    subscriptions::answer(state, id, StatusCode::OK)
}

/// A terminated subscription is not brought back itself: a new one takes its place.
fn take_place(state: &mut State, old: u64, longer: CleengSubscription) {
    let id = state.ids.next(Kind::Subscription);
    let (customer, external_id) = (longer.customer, longer.external_id.clone());
    let new = CleengSubscription { id, originated_from: Some(old), replaced_by: None, ..longer };
    state.subscriptions.insert(id, new);
    if let Some(old) = state.subscriptions.get_mut(&old) {
        old.replaced_by = Some(id);
    }
    if let Some(customer) = state.customers.get_mut(&customer) {
        customer.subscriptions.push(id);
    }
    state.external_ids.extend(external_id.map(|external_id| (external_id, id)));
    life::replan(state, id);
}

/// `POST /passes`.
pub(super) fn create_pass(state: &mut State, bytes: &Bytes) -> Answer {
    let body = Body::read(bytes)?;
    let (customer, offer, _) = purchase(state, &body)?;
    if !offer.id.starts_with('P') {
        return Err(impossible("The offer is not a pass"));
    }
    let external_id = body.text("externalId")?;
    let open =
        |pass: &CleengPass| !pass.terminated && pass.external_id.is_some() && pass.external_id == external_id;
    if state.passes.values().any(open) {
        return Err(impossible("An active pass with this externalId exists"));
    }
    let expires = match time(&body, "expiresAt")? {
        Some(expires) => Some(expires),
        None => Some(Cycle::Weekly.after(state.now, 1)),
    };
    let id = state.ids.next(Kind::Pass);
    let pass =
        CleengPass { id, customer, offer: offer.id.to_owned(), expires, external_id, terminated: false };
    let shown = pass_view(&pass);
    state.passes.insert(id, pass);
    Ok(json(StatusCode::CREATED, &shown))
}

/// `POST /passes/{id}/terminate`.
pub(super) fn terminate_pass(state: &mut State, id: u64) -> Answer {
    let pass = state.passes.get_mut(&id).ok_or_else(|| not_found("Pass"))?;
    pass.terminated = true;
    Ok(json(StatusCode::OK, &pass_view(pass)))
}

fn purchase(state: &State, body: &Body<'_>) -> Result<(u64, &'static Offer, u64), Refusal> {
    let customer = body.required_id("customerId")?;
    if !state.customers.contains_key(&customer) {
        return Err(impossible("The customer does not exist"));
    }
    let offer = offers::find(&body.required_text("offerId")?)
        .ok_or_else(|| impossible("The offer does not exist"))?;
    let method = body.required_id("paymentMethodId")?;
    match state.method(method) {
        Some(known) if known.external => Ok((customer, offer, method)),
        Some(_) => Err(impossible("The payment method is not for externally managed purchases")),
        None => Err(impossible("The payment method does not exist")),
    }
}

fn paid_by(state: &State, body: &Body<'_>) -> Result<Option<u64>, Refusal> {
    match body.id("paymentId")? {
        Some(id) if !state.payments.contains_key(&id) => Err(not_found("Payment")),
        id => Ok(id),
    }
}

fn time(body: &Body<'_>, name: &str) -> Result<Option<Timestamp>, Refusal> {
    let Some(seconds) = body.seconds(name)? else { return Ok(None) };
    Timestamp::from_second(seconds).map(Some).map_err(|_| bad_request(format!("{name} is not a time")))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PassView {
    pass_id: String,
    customer_id: u64,
    offer_id: String,
    status: &'static str,
    expires_at: Option<i64>,
    external_id: Option<String>,
}

fn pass_view(pass: &CleengPass) -> PassView {
    PassView {
        pass_id: pass.id.to_string(),
        customer_id: pass.customer,
        offer_id: pass.offer.clone(),
        status: if pass.terminated { "terminated" } else { "active" },
        expires_at: pass.expires.map(Timestamp::as_second),
        external_id: pass.external_id.clone(),
    }
}
