//! Payment details: Cleeng's record of a gateway's recurring token (`/payment_details`).

use http::Method;
use payment::{Card, CustomerId, PaymentDetailsId, PaymentMethodId, SubscriptionId, Token};
use serde::{Deserialize, Serialize};
use wire::Deadline;

use crate::request::Ask;
use crate::{Cleeng, Error};

/// A token to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDetails {
    /// Whose.
    pub customer: CustomerId,
    /// The gateway's recurring token: all that a renewal needs.
    pub token: Token,
    /// By which payment method.
    pub method: PaymentMethodId,
    /// What the customer's account page may show.
    pub card: Option<Card>,
    /// Whether renewals use it. The stock front end deletes records that are not active, so new ones are.
    pub active: bool,
}

/// A kept token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentDetails {
    /// Its id.
    pub id: PaymentDetailsId,
    /// Whose.
    pub customer: Option<CustomerId>,
    /// By which payment method.
    pub method: Option<PaymentMethodId>,
    /// Whether renewals use it.
    pub active: bool,
    /// Whether it belongs to an externally managed subscription, and is not ours to change.
    pub bound: bool,
    /// The subscriptions that use it.
    pub subscriptions: Vec<SubscriptionId>,
}

impl Cleeng {
    /// Keeps a token (reference: Create payment details).
    pub async fn create_details(
        &self,
        new: &NewDetails,
        deadline: Deadline,
    ) -> Result<PaymentDetails, Error> {
        let body = NewBody { customer_id: new.customer, kept: token_members(new) };
        let ask = Ask::write("POST payment details", Method::POST, "/payment_details", &body)?;
        self.ask(ask, deadline).await?.resource::<Body>("paymentDetails").map(PaymentDetails::from)
    }

    /// Removes a kept token (reference: Delete payment details). Already gone is success.
    pub async fn delete_details(&self, id: PaymentDetailsId, deadline: Deadline) -> Result<(), Error> {
        match self
            .ask(Ask::delete("DELETE payment details", format!("/payment_details/{id}")), deadline)
            .await
        {
            Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// The members that a payment carries inline and `POST /payment_details` carries beside the customer.
pub(crate) fn token_members(new: &NewDetails) -> impl Serialize {
    TokenBody {
        token: new.token.expose(),
        payment_method_id: new.method,
        payment_method_specific_params: new.card.as_ref().map(CardBody::from),
        active: new.active,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewBody<Kept: Serialize> {
    customer_id: CustomerId,
    #[serde(flatten)]
    kept: Kept,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenBody<'a> {
    token: &'a str,
    payment_method_id: PaymentMethodId,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_method_specific_params: Option<CardBody<'a>>,
    active: bool,
}

/// As Cleeng's stock front ends read it: `{"variant":"visa","lastCardFourDigits":"4242","cardExpirationDate":"03/2030"}`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CardBody<'a> {
    variant: &'a str,
    last_card_four_digits: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    card_expiration_date: Option<String>,
}

impl<'a> From<&'a Card> for CardBody<'a> {
    fn from(card: &'a Card) -> Self {
        Self {
            variant: &card.variant,
            last_card_four_digits: &card.last_four,
            card_expiration_date: card.expires.map(|(month, year)| format!("{month:02}/{year}")),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    id: PaymentDetailsId,
    #[serde(default, deserialize_with = "crate::reading::maybe")]
    customer_id: Option<CustomerId>,
    #[serde(default, deserialize_with = "crate::reading::maybe")]
    payment_method_id: Option<PaymentMethodId>,
    #[serde(default, deserialize_with = "crate::reading::maybe_flag")]
    active: Option<bool>,
    #[serde(default, deserialize_with = "crate::reading::maybe_flag")]
    bound: Option<bool>,
    #[serde(default)]
    subscription_ids: Option<Vec<SubscriptionId>>,
}

impl From<Body> for PaymentDetails {
    fn from(body: Body) -> Self {
        Self {
            id: body.id,
            customer: body.customer_id,
            method: body.payment_method_id,
            active: body.active.unwrap_or(true),
            bound: body.bound.unwrap_or(false),
            subscriptions: body.subscription_ids.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_written_as_the_front_ends_read_it() {
        let new = NewDetails {
            customer: "362344331".parse().unwrap(),
            token: Token::new("cus_1|pm_1"),
            method: "194856795".parse().unwrap(),
            card: Some(Card {
                variant: "visa".to_owned(),
                last_four: "4242".to_owned(),
                expires: Some((3, 2030)),
            }),
            active: true,
        };
        let body = NewBody { customer_id: new.customer, kept: token_members(&new) };
        assert_eq!(
            serde_json::to_string(&body).unwrap(),
            concat!(
                r#"{"customerId":362344331,"token":"cus_1|pm_1","paymentMethodId":194856795,"paymentMethodSpecificParams":"#,
                r#"{"variant":"visa","lastCardFourDigits":"4242","cardExpirationDate":"03/2030"},"active":true}"#
            )
        );
        assert!(!format!("{new:?}").contains("pm_1"));
    }
}
