//! `capturePayment`: an authorised payment is to be captured (payload unverified, read tolerantly).

use payment::{
    Currency, CustomerId, GatewayReference, OrderId, PaymentDetailsId, PaymentId, PaymentMethodId,
    SubscriptionId,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::Unreadable;
use super::fields::Fields;

/// A capture that Cleeng asks for. At least one of payment, gateway's id and order names what is captured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureAsked {
    /// Cleeng's record of the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentId>,
    /// The gateway's id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<GatewayReference>,
    /// The order that it pays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
    /// The subscription that it pays for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription: Option<SubscriptionId>,
    /// Whose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerId>,
    /// With which record of a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<PaymentDetailsId>,
    /// By which payment method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<PaymentMethodId>,
    /// How much Cleeng says, major units; to be compared, the authorised amount is what is captured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Decimal>,
    /// In which currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
}

pub(super) fn read(fields: &Fields) -> Result<CaptureAsked, Unreadable> {
    let asked = CaptureAsked {
        payment: fields.maybe("paymentId"),
        external: fields.maybe("externalPaymentId"),
        order: fields.maybe("orderId"),
        subscription: fields.maybe("subscriptionId"),
        customer: fields.maybe("customerId"),
        details: fields.maybe("paymentDetailsId"),
        method: fields.maybe("paymentMethodId"),
        amount: fields.amount(&["amount", "totalAmount"]),
        currency: fields.maybe("currency"),
    };
    if asked.payment.is_none() && asked.external.is_none() && asked.order.is_none() {
        return Err(Unreadable::new("paymentId, externalPaymentId and orderId are all missing"));
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use crate::webhook::{EventData, read};

    #[test]
    fn the_payment_is_found_by_any_of_its_names() {
        for data in [r#"{"paymentId":7}"#, r#"{"externalPaymentId":"pi_1"}"#, r#"{"order":{"id":"9"}}"#] {
            let body = format!(r#"{{"topic":"capturePayment","data":{data}}}"#);
            let EventData::CapturePayment(asked) = read(body.as_bytes()).unwrap().data else {
                panic!("{data}")
            };
            assert!(asked.payment.is_some() || asked.external.is_some() || asked.order.is_some());
        }
        assert!(read(br#"{"topic":"capturePayment","data":{"customerId":1}}"#).is_err());
    }
}
