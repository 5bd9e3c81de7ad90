//! Externally managed subscriptions: we decide when to charge and mirror everything to Cleeng.

use http::Method;
use jiff::Timestamp;
use payment::{CustomerId, GatewayReference, OfferId, PaymentId, PaymentMethodId, Price, SubscriptionId};
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};
use wire::Deadline;

use crate::reading::{Exact, seconds};
use crate::request::Ask;
use crate::subscriptions::{Body, Subscription};
use crate::{Cleeng, Error, Payment, PaymentStatus};

/// A payment of an externally managed purchase: no order, so it brings its own amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewExternalPayment {
    /// Who paid.
    pub customer: CustomerId,
    /// For what.
    pub offer: OfferId,
    /// By which payment method.
    pub method: PaymentMethodId,
    /// Captured or rejected.
    pub status: PaymentStatus,
    /// Without tax, major units.
    pub net: Price,
    /// Tax in the same currency, major units.
    pub tax: Decimal,
    /// The gateway's id.
    pub external: GatewayReference,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// Why it was refused; with `Rejected`.
    pub rejected_reason: Option<String>,
    /// Which subscription it renews.
    pub subscription: Option<SubscriptionId>,
}

/// An externally managed subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSubscription {
    /// Whose.
    pub customer: CustomerId,
    /// Of what.
    pub offer: OfferId,
    /// By which payment method.
    pub method: PaymentMethodId,
    /// Our own id of it: at most 120 characters, unique, and what makes a repeated request harmless.
    pub external_id: String,
    /// The end of the paid period.
    pub expires: Option<Timestamp>,
    /// Whether it begins with a trial.
    pub in_trial: bool,
    /// The payment that began it.
    pub payment: Option<PaymentId>,
}

/// One more period of an externally managed subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// The end of the newly paid period.
    pub expires: Timestamp,
    /// The payment that paid it.
    pub payment: Option<PaymentId>,
    /// Whether this ends the trial.
    pub convert_trial: bool,
}

impl Cleeng {
    /// Records a payment without an order (reference: Create a payment for externally managed purchases). Not idempotent.
    pub async fn create_external_payment(
        &self,
        new: &NewExternalPayment,
        deadline: Deadline,
    ) -> Result<Payment, Error> {
        let body = PaymentBody {
            customer_id: new.customer,
            status: &new.status,
            offer_id: &new.offer,
            payment_method_id: new.method,
            net_amount: Exact(new.net.amount),
            tax_amount: Exact(new.tax),
            currency: new.net.currency,
            external_payment_id: &new.external,
            country: new.country.as_deref(),
            rejected_reason: new.rejected_reason.as_deref(),
            subscription_id: new.subscription,
        };
        let ask = Ask::write("POST external payment", Method::POST, "/payments", &body)?;
        self.ask(ask, deadline).await?.resource::<crate::payments::Body>("payment").map(Payment::from)
    }

    /// Makes an externally managed subscription (reference: Create a subscription).
    pub async fn create_subscription(
        &self,
        new: &NewSubscription,
        deadline: Deadline,
    ) -> Result<Subscription, Error> {
        let body = SubscriptionBody {
            customer_id: new.customer,
            offer_id: &new.offer,
            payment_method_id: new.method,
            external_id: &new.external_id,
            expires_at: new.expires,
            in_trial: new.in_trial,
            payment_id: new.payment,
        };
        let ask = Ask::write("POST subscription", Method::POST, "/subscriptions", &body)?;
        self.ask(ask, deadline).await?.resource::<Body>("subscription").map(Subscription::from)
    }

    /// Adds a period (reference: Renew a subscription).
    pub async fn renew_subscription(
        &self,
        id: SubscriptionId,
        renewal: &Renewal,
        deadline: Deadline,
    ) -> Result<Subscription, Error> {
        self.prolong("POST subscription renew", id, "renew", renewal, deadline).await
    }

    /// Brings an ended one back (reference: Revive a subscription; its body is taken to be that of a renewal).
    pub async fn revive_subscription(
        &self,
        id: SubscriptionId,
        renewal: &Renewal,
        deadline: Deadline,
    ) -> Result<Subscription, Error> {
        self.prolong("POST subscription revive", id, "revive", renewal, deadline).await
    }

    async fn prolong(
        &self,
        call: &'static str,
        id: SubscriptionId,
        verb: &str,
        renewal: &Renewal,
        deadline: Deadline,
    ) -> Result<Subscription, Error> {
        let body = RenewalBody {
            expires_at: renewal.expires,
            payment_id: renewal.payment,
            convert_trial: renewal.convert_trial.then_some(true),
        };
        let ask = Ask::write(call, Method::POST, format!("/subscriptions/{id}/{verb}"), &body)?;
        self.ask(ask, deadline).await?.resource::<Body>("subscription").map(Subscription::from)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PaymentBody<'a> {
    customer_id: CustomerId,
    status: &'a PaymentStatus,
    offer_id: &'a OfferId,
    payment_method_id: PaymentMethodId,
    net_amount: Exact,
    tax_amount: Exact,
    currency: payment::Currency,
    external_payment_id: &'a GatewayReference,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subscription_id: Option<SubscriptionId>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SubscriptionBody<'a> {
    customer_id: CustomerId,
    offer_id: &'a OfferId,
    payment_method_id: PaymentMethodId,
    external_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "some_seconds")]
    expires_at: Option<Timestamp>,
    in_trial: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_id: Option<PaymentId>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RenewalBody {
    #[serde(serialize_with = "seconds")]
    expires_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_id: Option<PaymentId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    convert_trial: Option<bool>,
}

/// For `serialize_with`: a time as Unix seconds, where there is one.
pub(crate) fn some_seconds<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => seconds(at, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_external_payment_states_net_and_tax_exactly() {
        let body = PaymentBody {
            customer_id: "362344331".parse().unwrap(),
            status: &PaymentStatus::Captured,
            offer_id: &"S916977979_NL".parse().unwrap(),
            payment_method_id: "194856795".parse().unwrap(),
            net_amount: Exact(Decimal::new(57_768, 4)),
            tax_amount: Exact(Decimal::new(121, 2)),
            currency: "EUR".parse().unwrap(),
            external_payment_id: &"pi_1".parse().unwrap(),
            country: None,
            rejected_reason: None,
            subscription_id: None,
        };
        let written = serde_json::to_string(&body).unwrap();
        assert!(written.contains(r#""netAmount":5.7768,"taxAmount":1.21,"currency":"EUR""#), "{written}");
    }
}
