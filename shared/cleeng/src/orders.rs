//! Orders: the only source of an amount (`GET /orders/{id}`, `POST /orders`, `PATCH /orders/{id}`).

use http::Method;
use jiff::Timestamp;
use payment::{Currency, CustomerId, OfferId, OrderId, PaymentMethodId, Price, SubscriptionId};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use wire::Deadline;

use crate::request::Ask;
use crate::{Cleeng, Error};

/// An order. It lives 24 hours unless it is paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its id.
    pub id: OrderId,
    /// Who buys.
    pub customer: CustomerId,
    /// What.
    pub offer: OfferId,
    /// What to charge (`totalPrice`): tax and fees in, exact, major units.
    pub price: Price,
    /// The tax in it, where Cleeng says it.
    pub tax: Option<Decimal>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// The payment method, once chosen (Cleeng writes 0 before).
    pub method: Option<PaymentMethodId>,
    /// When it lapses.
    pub expires: Option<Timestamp>,
    /// Whether payment details must be collected; where not, no connector is involved.
    pub requires_details: bool,
    /// What is taken off.
    pub discount: Discount,
    /// The subscription that it renews, where Cleeng says so.
    pub subscription: Option<SubscriptionId>,
    /// The offer's title, for the page.
    pub title: Option<String>,
}

/// What is taken off an order's price.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discount {
    /// Whether anything is.
    pub applied: bool,
    /// Cleeng's word: `trial`, `coupon`, or empty.
    pub kind: String,
    /// For how many periods.
    pub periods: u32,
}

impl Order {
    /// A trial: nothing to pay now, a card to keep.
    pub fn is_free_trial(&self) -> bool {
        self.discount.applied && self.discount.kind == "trial"
    }

    /// Nothing to pay now: a trial, a 100 % coupon, or a free offer.
    pub fn is_free(&self) -> bool {
        self.price.is_zero()
    }

    /// Whether it lapsed.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// A renewal's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRenewalOrder {
    /// Who pays.
    pub customer: CustomerId,
    /// For what.
    pub offer: OfferId,
    /// In which currency.
    pub currency: Currency,
    /// ISO 3166-1 alpha-2; decides the tax.
    pub country: String,
    /// By which payment method.
    pub method: PaymentMethodId,
    /// What it renews.
    pub subscription: SubscriptionId,
}

impl Cleeng {
    /// An order (reference: Get an order).
    pub async fn order(&self, id: OrderId, deadline: Deadline) -> Result<Order, Error> {
        self.ask(Ask::get("GET order", format!("/orders/{id}")), deadline)
            .await?
            .resource::<Body>("order")
            .map(Order::from)
    }

    /// Makes a renewal's order (guide: Recurring billing). Made twice, one stays unpaid and lapses.
    pub async fn create_renewal_order(
        &self,
        new: &NewRenewalOrder,
        deadline: Deadline,
    ) -> Result<Order, Error> {
        let body = NewBody {
            customer_id: new.customer,
            offer_id: &new.offer,
            currency: new.currency,
            country: &new.country,
            payment_method_id: new.method,
            payment_operation: "recurring-payment",
            subscription_id: new.subscription,
        };
        let ask = Ask::write("POST order", Method::POST, "/orders", &body)?;
        self.ask(ask, deadline).await?.resource::<Body>("order").map(Order::from)
    }

    /// Sets the payment method of an order that was made without one (reference: Update an order; body unverified).
    pub async fn set_payment_method(
        &self,
        order: OrderId,
        method: PaymentMethodId,
        deadline: Deadline,
    ) -> Result<Order, Error> {
        let body = MethodBody { payment_method_id: method };
        let ask = Ask::write("PATCH order", Method::PATCH, format!("/orders/{order}"), &body)?;
        match self.ask(ask, deadline).await?.resource::<Body>("order") {
            Ok(body) => Ok(body.into()),
            // What a success answers with is not documented.
            Err(_) => self.order(order, deadline).await,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewBody<'a> {
    customer_id: CustomerId,
    offer_id: &'a OfferId,
    currency: Currency,
    country: &'a str,
    payment_method_id: PaymentMethodId,
    payment_operation: &'static str,
    subscription_id: SubscriptionId,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MethodBody {
    payment_method_id: PaymentMethodId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    id: OrderId,
    customer_id: CustomerId,
    offer_id: OfferId,
    #[serde(deserialize_with = "crate::reading::amount")]
    total_price: Decimal,
    currency: Currency,
    #[serde(default)]
    price_breakdown: Option<BreakdownBody>,
    #[serde(default, deserialize_with = "crate::reading::maybe")]
    country: Option<String>,
    #[serde(default, deserialize_with = "crate::reading::maybe")]
    payment_method_id: Option<PaymentMethodId>,
    #[serde(default, deserialize_with = "crate::reading::maybe_time")]
    expiration_date: Option<Timestamp>,
    #[serde(default, deserialize_with = "crate::reading::maybe_flag")]
    required_payment_details: Option<bool>,
    #[serde(default)]
    discount: Option<DiscountBody>,
    #[serde(default, deserialize_with = "crate::reading::maybe")]
    subscription_id: Option<SubscriptionId>,
    #[serde(default)]
    offer: Option<OfferBody>,
}

#[derive(Deserialize)]
struct DiscountBody {
    #[serde(default, deserialize_with = "crate::reading::maybe_flag")]
    applied: Option<bool>,
    #[serde(default, rename = "type", deserialize_with = "crate::reading::maybe")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "crate::reading::maybe")]
    periods: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BreakdownBody {
    #[serde(default, deserialize_with = "crate::reading::maybe_amount")]
    tax_value: Option<Decimal>,
}

#[derive(Deserialize)]
struct OfferBody {
    #[serde(default, deserialize_with = "crate::reading::maybe")]
    title: Option<String>,
}

impl From<Body> for Order {
    fn from(body: Body) -> Self {
        let discount = body.discount.map(|discount| Discount {
            applied: discount.applied.unwrap_or(false),
            kind: discount.kind.unwrap_or_default(),
            periods: discount.periods.unwrap_or_default(),
        });
        Self {
            id: body.id,
            customer: body.customer_id,
            offer: body.offer_id,
            price: Price { amount: body.total_price, currency: body.currency },
            tax: body.price_breakdown.and_then(|breakdown| breakdown.tax_value),
            country: body.country,
            method: body.payment_method_id,
            expires: body.expiration_date,
            requires_details: body.required_payment_details.unwrap_or(true),
            discount: discount.unwrap_or_default(),
            subscription: body.subscription_id,
            title: body.offer.and_then(|offer| offer.title),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Order {
        serde_json::from_str::<Body>(body).unwrap().into()
    }

    #[test]
    fn cleengs_own_order_is_read_to_the_cent() {
        let order = read(include_str!("../fixtures/order-with-tax.json"));
        assert_eq!(order.id.number(), 696_713_353);
        assert_eq!(order.price.to_string(), "6.99 EUR");
        assert_eq!(order.tax.unwrap().to_string(), "1.21");
        assert_eq!(order.method.map(PaymentMethodId::number), Some(194_856_795));
        assert!(!order.is_free() && !order.is_free_trial() && order.requires_details);
        assert!(order.is_expired("2021-07-27T08:20:40Z".parse().unwrap()));
        assert!(!order.is_expired("2021-07-27T08:20:39Z".parse().unwrap()));
    }

    #[test]
    fn a_method_of_zero_is_none_and_a_trial_is_free() {
        let order = read(
            r#"{"id":"1","customerId":2,"offerId":"S916977979_NL","totalPrice":0,"currency":"EUR","paymentMethodId":0,
                "discount":{"applied":true,"type":"trial","periods":1},"somethingNew":{"a":[1]}}"#,
        );
        assert_eq!(order.method, None);
        assert!(order.is_free() && order.is_free_trial());
        let free = read(
            r#"{"id":1,"customerId":2,"offerId":"S1","totalPrice":"0.00","currency":"EUR","discount":null}"#,
        );
        assert!(free.is_free() && !free.is_free_trial());
    }

    #[test]
    fn an_order_without_an_exact_amount_is_not_an_order() {
        for amount in ["null", "\"\"", "\"free\"", "{}"] {
            let body =
                format!(r#"{{"id":1,"customerId":2,"offerId":"S1","totalPrice":{amount},"currency":"EUR"}}"#);
            assert!(serde_json::from_str::<Body>(&body).is_err(), "{amount}");
        }
    }
}
