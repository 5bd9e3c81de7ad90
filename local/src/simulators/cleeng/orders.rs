//! `/orders`: what is to be paid, and for how long.

use bytes::Bytes;
use http::StatusCode;
use payment::Price;
use rust_decimal::Decimal;
use serde::Serialize;

use super::answer::{Answer, Number, Refusal, bad_request, bare, impossible, json, not_found, wrapped};
use super::calendar::hours;
use super::offers::{self, COUPON_ALL, COUPON_HALF};
use super::reading::Body;
use super::records::{CleengOrder, SubscriptionState};
use super::state::{Kind, State};

/// `POST /orders`, and what the shop's own front end does through `/_simulator/orders`.
pub(super) fn create(state: &mut State, bytes: &Bytes) -> Answer {
    let order = place(state, &Body::read(bytes)?)?;
    shown(state, StatusCode::CREATED, &order)
}

/// `GET /orders/{id}`: the bare resource.
pub(super) fn get(state: &State, id: u64) -> Answer {
    let order = state.orders.get(&id).ok_or_else(|| not_found("Order"))?;
    bare(&view(state, order))
}

/// `PATCH /orders/{id}`: payment method and coupon, as long as it is neither paid nor lapsed.
pub(super) fn update(state: &mut State, id: u64, bytes: &Bytes) -> Answer {
    let body = Body::read(bytes)?;
    let method = known_method(state, &body)?;
    let coupon = body.text("couponCode")?;
    let ignored = state.settings.quirks.order_methods_ignored;
    let now = state.now;
    let offer = state.orders.get(&id).and_then(|order| offers::find(&order.offer));
    let net = offer.map(|offer| state.net(offer)).unwrap_or_default();
    let order = state.orders.get_mut(&id).ok_or_else(|| not_found("Order"))?;
    if order.paid_by.is_some() || order.expires <= now {
        return Err(impossible("The order is paid or has expired"));
    }
    order.method = method.filter(|_| !ignored).or(order.method);
    if let Some(code) = coupon {
        apply_coupon(order, net, &code)?;
    }
    let order = order.clone();
    shown(state, StatusCode::OK, &order)
}

fn shown(state: &State, status: StatusCode, order: &CleengOrder) -> Answer {
    match state.settings.quirks.orders_bare {
        true => Ok(json(status, &view(state, order))),
        false => wrapped(status, "order", view(state, order)),
    }
}

/// Makes an order.
pub(super) fn place(state: &mut State, body: &Body<'_>) -> Result<CleengOrder, Refusal> {
    let (customer, offer) = (body.required_id("customerId")?, body.required_text("offerId")?);
    let (currency, country) = (body.required_text("currency")?, body.required_text("country")?);
    if !state.customers.contains_key(&customer) {
        return Err(impossible("The customer does not exist"));
    }
    let offer = offers::find(&offer).ok_or_else(|| impossible("The offer does not exist"))?;
    if currency != offer.currency {
        return Err(impossible("The offer has no price in this currency"));
    }
    if country.len() != 2 || !country.bytes().all(|letter| letter.is_ascii_uppercase()) {
        return Err(bad_request("country is two capital letters"));
    }
    let method = known_method(state, body)?;
    let renewal = renewal(state, body, customer, offer.id)?;
    let trial = renewal.is_none() && offer.trial_days.is_some();
    let cost = offers::cost(offer, state.net(offer), &country, if trial { 100 } else { 0 });
    let id = state.ids.next(Kind::Order);
    let currency = currency.parse().map_err(|_| bad_request("currency is three letters"))?;
    let mut order = CleengOrder {
        id,
        customer,
        offer: offer.id.to_owned(),
        price: Price { amount: cost.total, currency },
        net: cost.net,
        discount: cost.discount,
        tax_rate: cost.tax_rate,
        discount_kind: if trial { "trial" } else { "" }.to_owned(),
        country,
        method,
        created: state.now,
        expires: hours(state.now, 24),
        subscription: renewal.map(|(id, _)| id),
        period_end: renewal.map(|(_, ends)| ends),
        payments: Vec::new(),
        paid_by: None,
    };
    if let Some(code) = body.text("couponCode")? {
        apply_coupon(&mut order, state.net(offer), &code)?;
    }
    state.orders.insert(id, order.clone());
    Ok(order)
}

fn known_method(state: &State, body: &Body<'_>) -> Result<Option<u64>, Refusal> {
    match body.id("paymentMethodId")? {
        None | Some(0) => Ok(None),
        Some(id) if state.method(id).is_some() => Ok(Some(id)),
        Some(_) => Err(impossible("The payment method does not exist")),
    }
}

/// The subscription and the end of its period, where the order renews one.
fn renewal(
    state: &State,
    body: &Body<'_>,
    customer: u64,
    offer: &str,
) -> Result<Option<(u64, jiff::Timestamp)>, Refusal> {
    match (body.text("paymentOperation")?.as_deref(), body.id("subscriptionId")?) {
        (None, None) => Ok(None),
        (Some("recurring-payment"), Some(id)) => {
            let it = state.subscriptions.get(&id).ok_or_else(|| not_found("Subscription"))?;
            if it.customer != customer || it.offer != offer {
                return Err(impossible("The subscription is of another customer or offer"));
            }
            match it.status {
                SubscriptionState::Terminated => Err(impossible("The subscription is terminated")),
                _ => Ok(Some((id, it.ends))),
            }
        }
        _ => Err(bad_request("paymentOperation recurring-payment and subscriptionId come together")),
    }
}

fn apply_coupon(order: &mut CleengOrder, net: Decimal, code: &str) -> Result<(), Refusal> {
    let percent = match code {
        COUPON_ALL => 100,
        COUPON_HALF => 50,
        _ => return Err(impossible("The coupon is not valid")),
    };
    let offer = offers::find(&order.offer).ok_or_else(|| impossible("The offer does not exist"))?;
    order.set_cost(&offers::cost(offer, net, &order.country, percent));
    order.discount_kind = "coupon".to_owned();
    Ok(())
}

/// The order resource of the reference: ids of both kinds, amounts as numbers, times as seconds.
pub(super) fn view(state: &State, order: &CleengOrder) -> impl Serialize + use<> {
    let offer = offers::find(&order.offer);
    OrderView {
        id: order.id,
        customer_id: order.customer.to_string(),
        publisher_id: state.settings.publisher_id,
        offer_id: order.offer.clone(),
        offer: OfferView {
            title: offer.map(|offer| offer.title),
            description: None,
            price: Number(offer.map(|offer| state.net(offer)).unwrap_or_default()),
            currency: order.price.currency.as_str().to_owned(),
        },
        total_price: Number(order.price.amount),
        price_breakdown: Breakdown {
            offer_price: Number(order.net + order.discount),
            discount_amount: Number(order.discount),
            discounted_price: Number(order.net),
            tax_value: Number(order.tax()),
            customer_service_fee: 0,
            payment_method_fee: 0,
        },
        tax_rate: Number(order.tax_rate),
        currency: order.price.currency.as_str().to_owned(),
        country: order.country.clone(),
        payment_method_id: order.method.unwrap_or(0),
        expiration_date: order.expires.as_second(),
        coupon_id: None,
        discount: DiscountView {
            applied: !order.discount_kind.is_empty(),
            kind: order.discount_kind.clone(),
            periods: u8::from(!order.discount_kind.is_empty()),
        },
        required_payment_details: !order.price.is_zero() || !order.discount_kind.is_empty(),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OrderView {
    id: u64,
    customer_id: String,
    publisher_id: u64,
    offer_id: String,
    offer: OfferView,
    total_price: Number,
    price_breakdown: Breakdown,
    tax_rate: Number,
    currency: String,
    country: String,
    payment_method_id: u64,
    expiration_date: i64,
    coupon_id: Option<String>,
    discount: DiscountView,
    required_payment_details: bool,
}

#[derive(Serialize)]
struct OfferView {
    title: Option<&'static str>,
    description: Option<&'static str>,
    price: Number,
    currency: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Breakdown {
    offer_price: Number,
    discount_amount: Number,
    discounted_price: Number,
    tax_value: Number,
    customer_service_fee: u8,
    payment_method_fee: u8,
}

#[derive(Serialize)]
struct DiscountView {
    applied: bool,
    #[serde(rename = "type")]
    kind: String,
    periods: u8,
}
