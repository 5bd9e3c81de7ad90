//! The JSON of payments, as Cleeng writes and reads it.

use payment::{
    Currency, CustomerId, GatewayReference, OfferId, OrderId, PaymentDetailsId, PaymentId, PaymentMethodId,
    Price, SubscriptionId,
};
use rust_decimal::Decimal;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::{Payment, PaymentStatus, PaymentUpdate};
use crate::reading::Exact;
use crate::settings::CleengSettings;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewBody<'a, Details: Serialize> {
    pub(crate) order_id: OrderId,
    pub(crate) status: &'a PaymentStatus,
    pub(crate) payment_operation: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payment_details_id: Option<PaymentDetailsId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payment_details: Option<Details>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) external_payment_id: Option<&'a GatewayReference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rejected_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subscription_id: Option<SubscriptionId>,
}

/// Written by hand because two of its names are settings.
pub(crate) struct UpdateBody<'a> {
    pub(crate) update: &'a PaymentUpdate,
    pub(crate) settings: &'a CleengSettings,
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
    use crate::{PaymentOperation, RefundKind};
    use payment::Price;

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
