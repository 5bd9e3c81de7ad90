//! `refundPayment`: a payment is to be returned (payload unverified, read tolerantly).

use payment::{Currency, CustomerId, GatewayReference, OrderId, PaymentId, PaymentMethodId, SubscriptionId};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::Unreadable;
use super::fields::Fields;

/// A refund that Cleeng asks for. At least one of payment, gateway's id and order names what is returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundAsked {
    /// Cleeng's record of the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentId>,
    /// The gateway's id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<GatewayReference>,
    /// The order that it paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
    /// The subscription that it paid for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription: Option<SubscriptionId>,
    /// Whose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerId>,
    /// By which payment method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<PaymentMethodId>,
    /// How much, major units; absent is all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Decimal>,
    /// In which currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// Cleeng's own name for this refund, where it gives one; the event's digest tells refunds apart otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// An amount is taken from the refund's own members only, never from the payment's; one that cannot be read exactly
/// refuses the event, because its absence would mean everything.
pub(super) fn read(fields: &Fields) -> Result<RefundAsked, Unreadable> {
    const AMOUNTS: [&str; 4] = ["amount", "refundAmount", "refundedAmount", "refund.amount"];
    let asked = RefundAsked {
        payment: fields.maybe("paymentId"),
        external: fields.maybe("externalPaymentId"),
        order: fields.maybe("orderId"),
        subscription: fields.maybe("subscriptionId"),
        customer: fields.maybe("customerId"),
        method: fields.maybe("paymentMethodId"),
        amount: fields.amount(&AMOUNTS),
        currency: fields.maybe("currency"),
        name: fields.text("refundId").map(str::to_owned),
    };
    if asked.payment.is_none() && asked.external.is_none() && asked.order.is_none() {
        return Err(Unreadable::new("paymentId, externalPaymentId and orderId are all missing"));
    }
    let amount_said = AMOUNTS.iter().any(|name| fields.text(name).is_some());
    if amount_said && asked.amount.is_none_or(|amount| amount <= Decimal::ZERO) {
        return Err(Unreadable::new("the amount is malformed"));
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::EventData;

    fn refund(data: &str) -> Result<RefundAsked, Unreadable> {
        let body = format!(r#"{{"topic":"refundPayment","data":{data}}}"#);
        match crate::webhook::read(body.as_bytes())?.data {
            EventData::Refund(asked) => Ok(asked),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_absent_amount_means_all_and_an_unreadable_one_means_nothing() {
        assert_eq!(refund(r#"{"paymentId":"7"}"#).unwrap().amount, None);
        assert_eq!(refund(r#"{"paymentId":7,"amount":"1.50"}"#).unwrap().amount, Some(Decimal::new(150, 2)));
        assert_eq!(refund(r#"{"payment":{"id":7,"amount":6.99}}"#).unwrap().amount, None);
        for amount in ["\"1,50\"", "0", "-1", "\"all\""] {
            assert!(refund(&format!(r#"{{"paymentId":7,"amount":{amount}}}"#)).is_err(), "{amount}");
        }
    }

    #[test]
    fn a_refund_of_nothing_that_is_named_is_not_guessed_at() {
        assert!(refund(r#"{"customerId":5,"subscriptionId":6}"#).is_err());
    }
}
