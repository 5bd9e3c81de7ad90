//! `/_simulator/…`: what customers, the shop and Cleeng's own staff make happen, and what can be looked at.

use bytes::Bytes;
use http::StatusCode;
use rust_decimal::Decimal;
use serde_json::json;

use super::answer::{Answer, Refusal, bare, impossible, not_found};
use super::deliveries::emit;
use super::life::{self, object};
use super::offers;
use super::reading::Body;
use super::records::{CleengSubscription, Customer, PaymentState, SubscriptionState};
use super::state::{Kind, State};
use super::{mediastore, orders, payment_details, shop, subscriptions, violations};

/// Cleeng's tokens live about half an hour.
const TOKEN_SECONDS: i64 = 1800;

/// `POST /_simulator/…`.
pub(super) fn act(state: &mut State, segments: &[&str], bytes: &Bytes) -> Answer {
    let body = Body::maybe(bytes)?;
    match segments {
        ["customers"] => register(state, &body),
        ["customers", id, "token"] => token(state, number(id)?, &body),
        ["login"] => shop::log_in(state, &body, TOKEN_SECONDS),
        ["orders"] => orders::place(state, &body).and_then(|order| bare(&orders::view(state, &order))),
        ["offers", id, "price"] => set_price(state, id, &body),
        ["subscriptions", id, verb] => change(state, number(id)?, verb, &body),
        ["payments", id, "refund"] => ask_refund(state, number(id)?, &body),
        ["payments", id, "capture"] => ask_capture(state, number(id)?),
        ["payment_details", id, "deactivate"] => {
            let id = number(id)?;
            state.details.get(&id).ok_or_else(|| not_found("Payment details"))?;
            payment_details::deactivate(state, id);
            bare(&json!({"paymentDetailsId": id}))
        }
        ["deliveries", id] => acknowledge(state, number(id)?, &body),
        ["deliveries", id, "again"] => {
            let again = state.outbox.again(number(id)?, state.now).ok_or_else(|| not_found("Delivery"))?;
            bare(&json!({"id": again}))
        }
        _ => Err(not_found("Route")),
    }
}

/// `GET /_simulator/…`.
pub(super) fn look(state: &State, segments: &[&str]) -> Answer {
    match segments {
        ["state"] => bare(&json!({
            "now": state.now, "customers": state.customers.len(), "orders": state.orders.len(),
            "payments": state.payments.len(), "subscriptions": state.subscriptions.len(),
            "passes": state.passes.len(), "planned": state.due.len(), "violations": violations::all(state),
        })),
        ["offers"] => {
            let row = |offer: &offers::Offer| {
                let cost = offers::cost(offer, state.net(offer), offer.country, 0);
                json!({
                    "offerId": offer.id, "title": offer.title, "country": offer.country, "currency": offer.currency,
                    "totalPrice": cost.total.to_string(), "cycle": offer.cycle, "trialDays": offer.trial_days,
                })
            };
            bare(&offers::all().iter().map(row).collect::<Vec<_>>())
        }
        ["customers", id, "account"] => shop::account(state, number(id)?),
        ["orders"] => bare(&state.orders.values().collect::<Vec<_>>()),
        ["payments"] => bare(&state.payments.values().collect::<Vec<_>>()),
        ["payment_details"] => bare(&state.details.values().collect::<Vec<_>>()),
        ["subscriptions"] => bare(&state.subscriptions.values().collect::<Vec<_>>()),
        ["subscriptions", id] => {
            bare(state.subscriptions.get(&number(id)?).ok_or_else(|| not_found("Subscription"))?)
        }
        ["passes"] => bare(&state.passes.values().collect::<Vec<_>>()),
        ["violations"] => bare(&violations::all(state)),
        ["deliveries"] => bare(&state.outbox.lines()),
        _ => Err(not_found("Route")),
    }
}

pub(super) fn number(text: &str) -> Result<u64, Refusal> {
    text.parse().map_err(|_| not_found("Id"))
}

fn register(state: &mut State, body: &Body<'_>) -> Answer {
    let id = state.ids.next(Kind::Customer);
    let email = body.text("email")?.unwrap_or_else(|| format!("customer-{id}@example.com"));
    let country = body.text("country")?.unwrap_or_else(|| "NL".to_owned());
    state.customers.insert(id, Customer { email: email.clone(), country, subscriptions: Vec::new() });
    bare(&json!({"customerId": id, "email": email, "jwt": mediastore::issue(state, id, TOKEN_SECONDS)}))
}

fn token(state: &State, customer: u64, body: &Body<'_>) -> Answer {
    state.customers.get(&customer).ok_or_else(|| not_found("Customer"))?;
    let seconds = body.seconds("seconds")?.unwrap_or(TOKEN_SECONDS);
    bare(&json!({"jwt": mediastore::issue(state, customer, seconds)}))
}

/// From now on new orders of this offer cost this much without tax.
fn set_price(state: &mut State, offer: &str, body: &Body<'_>) -> Answer {
    let offer = offers::find(offer).ok_or_else(|| not_found("Offer"))?;
    let net = body.required_amount("net")?;
    state.prices.insert(offer.id, net);
    bare(&json!({"offerId": offer.id, "net": net.to_string()}))
}

/// What a customer does in the account page.
fn change(state: &mut State, id: u64, verb: &str, body: &Body<'_>) -> Answer {
    let now = state.now;
    let it = state.subscriptions.get_mut(&id).ok_or_else(|| not_found("Subscription"))?;
    match (verb, it.status) {
        ("stop", SubscriptionState::Active) => it.status = SubscriptionState::Stopped,
        ("resume", SubscriptionState::Stopped) if it.ends > now => it.status = SubscriptionState::Active,
        ("pause", SubscriptionState::Active) => {
            it.status = SubscriptionState::Paused;
            it.paused = Some(now);
        }
        ("resume", SubscriptionState::Paused) => {
            it.status = SubscriptionState::Active;
            // The time that was left when it was paused is left again; periods count from there.
            let left =
                it.paused.take().map_or(jiff::SignedDuration::ZERO, |paused| it.ends.duration_since(paused));
            it.ends = now.checked_add(left).unwrap_or(it.ends);
            it.anchor = (it.ends, 0);
        }
        // By mistake: what somebody else manages is not Cleeng's to ask for.
        ("ask", SubscriptionState::Active) if it.externally_managed => {
            life::ask_by_mistake(state, id);
            return subscriptions::answer(state, id, StatusCode::OK);
        }
        ("switch", SubscriptionState::Active) => return switch(state, id, &body.required_text("offerId")?),
        _ => return Err(impossible(format!("A {} subscription cannot do that", it.status.as_str()))),
    }
    life::replan(state, id);
    subscriptions::answer(state, id, StatusCode::OK)
}

/// Another offer from now on: a new subscription takes the place of the old one, with its token and its paid time.
fn switch(state: &mut State, id: u64, offer: &str) -> Answer {
    let offer = offers::find(offer).ok_or_else(|| impossible("The offer does not exist"))?;
    let cycle = offer.cycle.ok_or_else(|| impossible("The offer is not a subscription"))?;
    let new = state.ids.next(Kind::Subscription);
    let old = state.subscriptions.get_mut(&id).ok_or_else(|| not_found("Subscription"))?;
    if offer.currency != old.currency {
        return Err(impossible("The offer has another currency"));
    }
    if old.externally_managed {
        return Err(impossible("The subscription is managed elsewhere"));
    }
    old.replaced_by = Some(new);
    let taken = CleengSubscription {
        id: new,
        offer: offer.id.to_owned(),
        cycle,
        anchor: (old.ends, 0),
        originated_from: Some(id),
        replaced_by: None,
        authorised: None,
        capture_asked: false,
        plan: 0,
        ..old.clone()
    };
    if let Some(customer) = state.customers.get_mut(&taken.customer) {
        customer.subscriptions.push(new);
    }
    state.subscriptions.insert(new, taken);
    life::terminate(state, id, "switch");
    life::replan(state, new);
    subscriptions::answer(state, new, StatusCode::OK)
}

/// Cleeng's staff asks for a refund, of a part or of what is left.
fn ask_refund(state: &mut State, id: u64, body: &Body<'_>) -> Answer {
    let amount = body.amount("amount")?;
    let payment = state.payments.get(&id).ok_or_else(|| not_found("Payment"))?;
    if payment.held() <= Decimal::ZERO
        || amount.is_some_and(|amount| amount <= Decimal::ZERO || amount > payment.held())
    {
        return Err(impossible("The payment has not that much to return"));
    }
    let mut data = object(json!({
        "paymentId": id, "orderId": payment.order.map(|id| id.to_string()), "externalPaymentId": payment.external,
        "customerId": payment.customer, "paymentMethodId": payment.method, "subscriptionId": payment.subscription,
        "currency": payment.price.currency.as_str(),
    }));
    if let Some(amount) = amount {
        data.insert("amount".to_owned(), json!(amount.to_string()));
    }
    emit(state, "refundPayment", data);
    bare(&json!({"paymentId": id}))
}

fn ask_capture(state: &mut State, id: u64) -> Answer {
    let payment = state.payments.get(&id).ok_or_else(|| not_found("Payment"))?;
    if payment.status != PaymentState::Authorized {
        return Err(impossible("The payment is not authorized"));
    }
    let data = json!({
        "paymentId": id, "orderId": payment.order, "externalPaymentId": payment.external,
        "customerId": payment.customer, "paymentMethodId": payment.method, "subscriptionId": payment.subscription,
    });
    emit(state, "capturePayment", object(data));
    bare(&json!({"paymentId": id}))
}

fn acknowledge(state: &mut State, id: u64, body: &Body<'_>) -> Answer {
    let status = u16::try_from(body.required_id("status")?).unwrap_or(0);
    if state.outbox.acknowledge(id, status, state.now) {
        bare(&json!({"id": id}))
    } else {
        Err(not_found("Delivery"))
    }
}
