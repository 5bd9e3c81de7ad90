//! Payments: Cleeng's record of money that the gateway moved (`/payments`, `/orders/{id}/payments`).

use http::Method;
use payment::{
    Currency, CustomerId, GatewayReference, OfferId, OrderId, PaymentDetailsId, PaymentId, PaymentMethodId,
    Price, SubscriptionId,
};
use rust_decimal::Decimal;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use wire::Deadline;

use crate::payment_details::{NewDetails, token_members};
use crate::reading::Exact;
use crate::request::Ask;
use crate::settings::CleengSettings;
use crate::{Cleeng, Error};

/// A payment as Cleeng has it. Fields that it left out are absent, not errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// Its id.
    pub id: PaymentId,
    /// The order that it pays; absent for externally managed purchases.
    pub order: Option<OrderId>,
    /// Where it stands.
    pub status: PaymentStatus,
    /// Cleeng's word for what it was (`initial-payment`, `recurring-payment`, …).
    pub operation: Option<String>,
    /// The whole amount, tax and fees in.
    pub price: Option<Price>,
    /// Who paid.
    pub customer: Option<CustomerId>,
    /// For what.
    pub offer: Option<OfferId>,
    /// With which record of a token.
    pub details: Option<PaymentDetailsId>,
    /// By which payment method, where Cleeng gives its id.
    pub method: Option<PaymentMethodId>,
    /// For which subscription.
    pub subscription: Option<SubscriptionId>,
    /// The gateway's id of it.
    pub external: Option<GatewayReference>,
    /// Why it was refused.
    pub rejected_reason: Option<String>,
    /// Why it was returned, as the latest return said.
    pub refunded_reason: Option<String>,
}

/// Where a payment stands at Cleeng. New words are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentStatus {
    /// Held (sent as `authorized`; `authorised` is read too).
    Authorized,
    /// Taken.
    Captured,
    /// Refused.
    Rejected,
    /// Returned.
    Refunded,
    /// Let go.
    Cancelled,
    /// A word that this version does not know (`receivable`, `temporary`, …).
    Other(String),
}

impl PaymentStatus {
    /// Cleeng's word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Authorized => "authorized",
            Self::Captured => "captured",
            Self::Rejected => "rejected",
            Self::Refunded => "refunded",
            Self::Cancelled => "cancelled",
            Self::Other(word) => word,
        }
    }
}

impl From<String> for PaymentStatus {
    fn from(word: String) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "authorized" | "authorised" => Self::Authorized,
            "captured" => Self::Captured,
            "rejected" => Self::Rejected,
            "refunded" => Self::Refunded,
            "cancelled" | "canceled" => Self::Cancelled,
            _ => Self::Other(word),
        }
    }
}

impl Serialize for PaymentStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What a payment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentOperation {
    /// The first of an order, with an amount.
    InitialPayment,
    /// The first of an order, without an amount: a trial or a 100 % coupon. Its word is a setting.
    InitialFreeTransaction,
    /// A renewal; its subscription goes with it.
    RecurringPayment,
}

impl PaymentOperation {
    fn word(self, settings: &CleengSettings) -> &str {
        match self {
            Self::InitialPayment => "initial-payment",
            Self::InitialFreeTransaction => &settings.free_payment_operation,
            Self::RecurringPayment => "recurring-payment",
        }
    }
}

/// Which token paid: one that Cleeng has, or one that it is given with the payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DetailsGiven {
    /// Cleeng's record of it.
    Id(PaymentDetailsId),
    /// A new one; Cleeng makes the record. The customer is the order's.
    Inline(NewDetails),
}

/// A payment to record for an order. Amount and currency are the order's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPayment {
    /// What it pays.
    pub order: OrderId,
    /// Authorised, captured or rejected.
    pub status: PaymentStatus,
    /// What it is for.
    pub operation: PaymentOperation,
    /// With which token.
    pub details: Option<DetailsGiven>,
    /// The gateway's id; only a refusal may be without.
    pub external: Option<GatewayReference>,
    /// Why it was refused; with `Rejected`.
    pub rejected_reason: Option<String>,
    /// Which subscription it renews; with `RecurringPayment`.
    pub subscription: Option<SubscriptionId>,
}

/// A change to a recorded payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentUpdate {
    /// The order that it pays; Cleeng wants it wherever there is one.
    pub order: Option<OrderId>,
    /// Captured, rejected or refunded.
    pub status: PaymentStatus,
    /// What it was for; Cleeng requires it with `Refunded`.
    pub operation: Option<PaymentOperation>,
    /// The gateway's id, where the capture's differs from the authorisation's.
    pub external: Option<GatewayReference>,
    /// Why it was refused; with `Rejected`.
    pub rejected_reason: Option<String>,
    /// Why it was returned; with `Refunded`.
    pub refunded_reason: Option<String>,
    /// How much was returned, major units; absent is all of it.
    pub refunded: Option<Price>,
    /// Given back or taken back; with `Refunded`.
    pub refund_kind: Option<RefundKind>,
}

impl PaymentUpdate {
    /// The payment as far as this change says it.
    fn done(&self, id: PaymentId) -> Payment {
        Payment {
            id,
            order: self.order,
            status: self.status.clone(),
            operation: None,
            price: None,
            customer: None,
            offer: None,
            details: None,
            method: None,
            subscription: None,
            external: self.external.clone(),
            rejected_reason: self.rejected_reason.clone(),
            refunded_reason: self.refunded_reason.clone(),
        }
    }
}

/// How money went back to the customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RefundKind {
    /// We gave it back.
    Refund,
    /// The bank took it back.
    Chargeback,
}

impl Cleeng {
    /// Records a payment (reference: Create a payment). Not idempotent: posted twice it is there twice, so after
    /// [`Error::may_have_happened`] look at [`Cleeng::order_payments`] first.
    pub async fn create_payment(&self, new: &NewPayment, deadline: Deadline) -> Result<Payment, Error> {
        let (id, inline) = match &new.details {
            Some(DetailsGiven::Id(id)) => (Some(*id), None),
            Some(DetailsGiven::Inline(details)) => (None, Some(token_members(details))),
            None => (None, None),
        };
        let body = NewBody {
            order_id: new.order,
            status: &new.status,
            payment_operation: new.operation.word(&self.settings),
            payment_details_id: id,
            payment_details: inline,
            external_payment_id: new.external.as_ref(),
            rejected_reason: new.rejected_reason.as_deref(),
            subscription_id: new.subscription,
        };
        let ask = Ask::write("POST payment", Method::POST, "/payments", &body)?;
        self.ask(ask, deadline).await?.resource::<Body>("payment").map(Payment::from)
    }

    /// Changes a recorded payment (reference: Update a payment). Repeating the same change is harmless. What a success
    /// answers with is not documented: where it is no payment, the change is taken at its word.
    pub async fn update_payment(
        &self,
        id: PaymentId,
        update: &PaymentUpdate,
        deadline: Deadline,
    ) -> Result<Payment, Error> {
        let body = UpdateBody { update, settings: &self.settings };
        let ask = Ask::write("PATCH payment", Method::PATCH, format!("/payments/{id}"), &body)?;
        let answer = self.ask(ask, deadline).await?;
        Ok(answer.resource::<Body>("payment").map_or_else(|_| update.done(id), Payment::from))
    }

    /// Tells Cleeng that an authorised payment was let go (reference: Cancel a payment; no body, the answer is not read).
    pub async fn cancel_payment(&self, id: PaymentId, deadline: Deadline) -> Result<(), Error> {
        self.ask(
            Ask::bare("PATCH payment cancel", Method::PATCH, format!("/payments/{id}/cancel")),
            deadline,
        )
        .await?;
        Ok(())
    }

    /// All payments of an order, to look before posting again (reference: Get payment by order id; its path is a
    /// setting). An order without payments is an empty list, also where Cleeng answers 404.
    pub async fn order_payments(&self, order: OrderId, deadline: Deadline) -> Result<Vec<Payment>, Error> {
        let path = self.settings.order_payments_path.replace("{orderId}", &order.to_string());
        read_list(self.ask(Ask::get("GET order payments", path), deadline).await)
    }

    /// Open authorisations on a stored token (reference: List authorised payments).
    pub async fn authorised_payments(
        &self,
        details: PaymentDetailsId,
        deadline: Deadline,
    ) -> Result<Vec<Payment>, Error> {
        let path = format!("/payment_details/{details}/authorised_payments");
        read_list(self.ask(Ask::get("GET authorised payments", path), deadline).await)
    }
}

fn read_list(answer: Result<crate::request::Answer, Error>) -> Result<Vec<Payment>, Error> {
    match answer {
        Ok(answer) => {
            let list = answer.list::<Body>();
            // A page that speaks of "payment" in the singular may give the one payment bare.
            let rows = list.or_else(|error| {
                answer.resource::<Body>("payment").map(|one| vec![one]).map_err(|_| error)
            })?;
            Ok(rows.into_iter().map(Payment::from).collect())
        }
        Err(Error::NotFound { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewBody<'a, Details: Serialize> {
    order_id: OrderId,
    status: &'a PaymentStatus,
    payment_operation: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_details_id: Option<PaymentDetailsId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_details: Option<Details>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_payment_id: Option<&'a GatewayReference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subscription_id: Option<SubscriptionId>,
}

/// Written by hand because two of its names are settings.
struct UpdateBody<'a> {
    update: &'a PaymentUpdate,
    settings: &'a CleengSettings,
}

impl Serialize for UpdateBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { update, settings } = self;
        let mut map = serializer.serialize_map(None)?;
        if let Some(order) = &update.order {
            map.serialize_entry("orderId", order)?;
        }
        map.serialize_entry("status", &update.status)?;
        if let Some(operation) = update.operation {
            map.serialize_entry("paymentOperation", operation.word(settings))?;
        }
        if let Some(external) = &update.external {
            map.serialize_entry("externalPaymentId", external)?;
        }
        if let Some(reason) = &update.rejected_reason {
            map.serialize_entry("rejectedReason", reason)?;
        }
        if let Some(reason) = &update.refunded_reason {
            map.serialize_entry("refundedReason", reason)?;
        }
        if let Some(price) = &update.refunded {
            map.serialize_entry(&settings.refunded_amount_field, &Exact(price.amount))?;
        }
        if let Some(kind) = &update.refund_kind {
            map.serialize_entry(&settings.refund_type_field, kind)?;
        }
        map.end()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Body {
    id: PaymentId,
    #[serde(default, deserialize_with = "crate::reading::maybe")]
    order_id: Option<OrderId>,
    status: String,
    #[serde(default, deserialize_with = "crate::reading::maybe")]
    payment_operation: Option<String>,
    #[serde(default, deserialize_with = "crate::reading::maybe_amount")]
    total_amount: Option<Decimal>,
    #[serde(default, deserialize_with = "crate::reading::maybe_amount")]
    amount: Option<Decimal>,
    #[serde(default, deserialize_with = "crate::reading::maybe")]
    currency: Option<Currency>,
    #[serde(default, deserialize_with = "crate::reading::maybe")]
    customer_id: Option<CustomerId>,
    #[serde(default, deserialize_with = "crate::reading::maybe")]
    offer_id: Option<OfferId>,
    #[serde(default, deserialize_with = "crate::reading::maybe")]
    payment_details_id: Option<PaymentDetailsId>,
    #[serde(default, deserialize_with = "crate::reading::maybe")]
    payment_method_id: Option<PaymentMethodId>,
    #[serde(default, deserialize_with = "crate::reading::maybe")]
    subscription_id: Option<SubscriptionId>,
    #[serde(default, deserialize_with = "crate::reading::maybe")]
    external_payment_id: Option<GatewayReference>,
    #[serde(default, deserialize_with = "crate::reading::maybe")]
    rejected_reason: Option<String>,
    #[serde(default, deserialize_with = "crate::reading::maybe")]
    refunded_reason: Option<String>,
}

impl From<Body> for Payment {
    fn from(body: Body) -> Self {
        let amount = body.total_amount.or(body.amount);
        Self {
            id: body.id,
            order: body.order_id,
            status: body.status.into(),
            operation: body.payment_operation,
            price: amount.zip(body.currency).map(|(amount, currency)| Price { amount, currency }),
            customer: body.customer_id,
            offer: body.offer_id,
            details: body.payment_details_id,
            method: body.payment_method_id,
            subscription: body.subscription_id,
            external: body.external_payment_id,
            rejected_reason: body.rejected_reason,
            refunded_reason: body.refunded_reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_authorised_are_read_and_z_is_sent() {
        for word in ["authorized", "authorised", "Authorised"] {
            assert_eq!(PaymentStatus::from(word.to_owned()), PaymentStatus::Authorized);
        }
        assert_eq!(PaymentStatus::Authorized.as_str(), "authorized");
        assert_eq!(PaymentStatus::from("receivable".to_owned()).as_str(), "receivable");
    }

    #[test]
    fn a_refund_names_its_exact_amount_as_the_settings_say() {
        let table = [
            ("CLEENG_API_URL", "https://cleeng.test/3.1"),
            ("CLEENG_PUBLISHER_TOKEN", "key"),
            ("CLEENG_REFUNDED_AMOUNT_FIELD", "amountRefunded"),
        ];
        let settings = CleengSettings::from_settings(&settings::Settings::from_table(table)).unwrap();
        let update = PaymentUpdate {
            order: Some("696713353".parse().unwrap()),
            status: PaymentStatus::Refunded,
            operation: Some(PaymentOperation::InitialFreeTransaction),
            external: None,
            rejected_reason: None,
            refunded_reason: Some("asked".to_owned()),
            refunded: Some(Price { amount: Decimal::new(350, 2), currency: "EUR".parse().unwrap() }),
            refund_kind: Some(RefundKind::Chargeback),
        };
        assert_eq!(
            serde_json::to_string(&UpdateBody { update: &update, settings: &settings }).unwrap(),
            r#"{"orderId":696713353,"status":"refunded","paymentOperation":"initial-free-transaction","refundedReason":"asked","amountRefunded":3.5,"refundType":"chargeback"}"#
        );
    }

    #[test]
    fn a_payment_with_unknown_words_and_nulls_is_read() {
        let body = r#"{"id":"111222333","orderId":null,"status":"receivable","totalAmount":6.99,"amount":5.78,"currency":"EUR",
            "customerId":"362344331","paymentDetailsId":0,"externalPaymentId":"pi_1","paymentOperation":"new-kind","gatewaySpecificParams":{}}"#;
        let payment: Payment = serde_json::from_str::<Body>(body).unwrap().into();
        assert_eq!(payment.status, PaymentStatus::Other("receivable".to_owned()));
        assert_eq!(payment.price.unwrap().to_string(), "6.99 EUR");
        assert_eq!((payment.order, payment.details), (None, None));
        assert_eq!(payment.external.unwrap().as_str(), "pi_1");
    }
}
