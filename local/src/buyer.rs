//! A viewer at the front end: registers, orders, pays with a test card, authenticates, comes back.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};

use crate::LocalError;
use crate::system::System;

/// A viewer, logged in, who pays at one gateway.
#[derive(Clone, Debug)]
pub struct Buyer {
    /// Cleeng's customer.
    pub customer: u64,
    /// Her token.
    pub jwt: String,
    /// The gateway's name, as in the routes.
    pub gateway: String,
}

/// What the card that she types does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestCard {
    /// Pays, now and at every renewal.
    Pays,
    /// Asks for 3-D Secure, then pays.
    AsksFirst,
    /// Has not enough money.
    Refused,
    /// Pays now; refuses renewals for want of money.
    RefusesLater,
}

/// What the front end got.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: StatusCode,
    /// The whole envelope.
    pub body: Value,
}

impl Reply {
    /// A text of the envelope, by its JSON pointer.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        text(&self.body, pointer)
    }

    /// Whether the page must let the buyer act first.
    pub fn asks_first(&self) -> bool {
        self.body.pointer("/responseData/action").is_some()
    }
}

impl TestCard {
    /// The payment data that the gateway's own front-end library would make of it.
    pub fn data(self, gateway: &str) -> Value {
        let stripe = |id: &str| json!({ "payment_method": id });
        let adyen = |name: &str| {
            json!({
                "type": "scheme", "encryptedCardNumber": name, "encryptedExpiryMonth": "test_03",
                "encryptedExpiryYear": "test_2030", "encryptedSecurityCode": "test_737",
            })
        };
        match (gateway, self) {
            ("adyen", Self::Pays) => adyen("test_visa"),
            ("adyen", Self::AsksFirst) => adyen("test_3ds_challenge"),
            ("adyen", Self::Refused) => adyen("test_declined_12"),
            ("adyen", Self::RefusesLater) => adyen("test_visa_later_declined_12"),
            (_, Self::Pays) => stripe("pm_card_visa"),
            (_, Self::AsksFirst) => stripe("pm_card_authenticationRequiredOnSetup"),
            (_, Self::Refused) => stripe("pm_card_chargeDeclinedInsufficientFunds"),
            (_, Self::RefusesLater) => stripe("pm_card_chargeCustomerFail"),
        }
    }
}

impl Buyer {
    /// A new customer, logged in.
    pub fn register(system: &System, gateway: &str) -> Result<Self, LocalError> {
        let made = read(system.peers.cleeng_host.control("customers", &json!({})))?;
        let (Some(customer), Some(jwt)) = (number(&made, "/customerId"), text(&made, "/jwt")) else {
            return Err(LocalError::Story(format!("Cleeng's simulator made no customer: {made}")));
        };
        Ok(Self { customer, jwt: jwt.to_owned(), gateway: gateway.to_owned() })
    }

    /// Logs in again: a token lives half an hour.
    pub fn log_in(&mut self, system: &System) -> Result<(), LocalError> {
        let path = format!("customers/{}/token", self.customer);
        let made = read(system.peers.cleeng_host.control(&path, &json!({})))?;
        self.jwt = text(&made, "/jwt").unwrap_or_default().to_owned();
        Ok(())
    }

    /// Puts an offer into an order, as Cleeng's own front end does.
    pub fn order(&self, system: &System, offer: &str) -> Result<u64, LocalError> {
        self.order_by(system, offer, Billing::TwoSteps, None)
    }

    /// The same with a payment method of this kind, and with a coupon.
    pub fn order_by(
        &self,
        system: &System,
        offer: &str,
        billing: Billing,
        coupon: Option<&str>,
    ) -> Result<u64, LocalError> {
        let wish = json!({
            "customerId": self.customer, "offerId": offer, "currency": "EUR", "country": "NL",
            "paymentMethodId": method_for(&self.gateway, billing), "couponCode": coupon,
        });
        let made = read(system.peers.cleeng_host.control("orders", &wish))?;
        number(&made, "/id")
            .ok_or_else(|| LocalError::Story(format!("Cleeng's simulator made no order: {made}")))
    }

    /// Pays an order with a card.
    pub async fn pay(&self, system: &System, order: u64, card: TestCard) -> Reply {
        let body = json!({
            "orderId": order, "paymentMethod": card.data(&self.gateway), "returnUrl": "http://shop.test/return",
            "origin": "http://shop.test", "browserInfo": browser(),
        });
        self.post(system, "initial-payment", &body).await
    }

    /// Passes (or fails) the challenge that an answer asked for, and comes back to the page.
    pub async fn authenticate(&self, system: &System, order: u64, reply: &Reply, passes: bool) -> Reply {
        let details = match self.gateway.as_str() {
            "adyen" => {
                let payment = reply.text("/responseData/action/token").unwrap_or_default();
                let result = if passes { ".authorised" } else { ".refused" };
                // A fingerprint has no result of its own: the challenge follows.
                let result = if reply.text("/responseData/action/subtype") == Some("fingerprint") {
                    ""
                } else {
                    result
                };
                json!({ "threeDSResult": format!("{payment}{result}") })
            }
            _ => {
                let payment = reply.text("/responseData/action/id").unwrap_or_default();
                let result = if passes { "success" } else { "fail" };
                system
                    .peers
                    .stripe_host
                    .control(&format!("authenticate/{payment}"), &json!({ "result": result }));
                json!({})
            }
        };
        self.finalize(system, order, &details).await
    }

    /// Comes back from a redirect or challenge.
    pub async fn finalize(&self, system: &System, order: u64, details: &Value) -> Reply {
        self.post(system, "initial-payment/finalize", &json!({ "orderId": order, "details": details })).await
    }

    /// Gives another card, as on an account page.
    pub async fn change_card(&self, system: &System, card: TestCard) -> Reply {
        self.add_card(system, method(&self.gateway), &card.data(&self.gateway)).await
    }

    /// The same with any card of the gateway's front-end library, for a payment method of Cleeng's.
    pub async fn add_card(&self, system: &System, method: u64, card: &Value) -> Reply {
        let body = json!({
            "paymentMethodId": method, "paymentMethod": card, "returnUrl": "http://shop.test/return",
            "origin": "http://shop.test", "browserInfo": browser(),
        });
        self.post(system, "payment-details", &body).await
    }

    /// Any call of the front end's.
    pub async fn post(&self, system: &System, call: &str, body: &Value) -> Reply {
        let request = Request::post(format!("http://connector.test/connectors/{}/{call}", self.gateway))
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", self.jwt))
            .body(Bytes::from(body.to_string()));
        let Ok(request) = request else {
            return Reply { status: StatusCode::BAD_REQUEST, body: Value::Null };
        };
        let response = system.request(request).await;
        let body = serde_json::from_slice(response.body()).unwrap_or_default();
        Reply { status: response.status(), body }
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str()
}

fn number(value: &Value, pointer: &str) -> Option<u64> {
    value.pointer(pointer)?.as_u64()
}

/// How the simulated publisher bills by a payment method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Billing {
    /// Cleeng asks for an authorisation, then for its capture.
    TwoSteps,
    /// Cleeng asks for the charge when it is due.
    OneStep,
    /// The connector's own schedule decides.
    OwnSchedule,
}

/// Cleeng's payment method behind a gateway, as the simulated publisher has them.
pub fn method(gateway: &str) -> u64 {
    method_for(gateway, Billing::TwoSteps)
}

/// The one that is billed so.
pub fn method_for(gateway: &str, billing: Billing) -> u64 {
    let first = if gateway == "adyen" { 320_113_641 } else { 194_856_795 };
    match billing {
        Billing::TwoSteps => first,
        Billing::OneStep => first + 1,
        Billing::OwnSchedule => first + 2,
    }
}

fn browser() -> Value {
    json!({
        "userAgent": "Mozilla/5.0", "acceptHeader": "*/*", "language": "nl-NL", "colorDepth": 24, "screenHeight": 900,
        "screenWidth": 1440, "timeZoneOffset": -60, "javaEnabled": false,
    })
}

fn read(response: Response<Bytes>) -> Result<Value, LocalError> {
    let body = String::from_utf8_lossy(response.body()).into_owned();
    if !response.status().is_success() {
        return Err(LocalError::Story(format!("a simulator answered {}: {body}", response.status())));
    }
    Ok(serde_json::from_str(&body)?)
}
