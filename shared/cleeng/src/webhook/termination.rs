//! `subscriptionReadyForTermination`: a subscription is to be ended (payload unverified, read tolerantly).

use jiff::Timestamp;
use payment::{CustomerId, OfferId, PaymentDetailsId, PaymentMethodId, SubscriptionId};
use serde::{Deserialize, Serialize};

use super::Unreadable;
use super::fields::Fields;

/// A subscription whose time is over: nothing was paid, or it had been cancelled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Termination {
    /// What is to be ended.
    pub subscription: SubscriptionId,
    /// Whose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerId>,
    /// Of what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<OfferId>,
    /// By which payment method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<PaymentMethodId>,
    /// With which record of a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<PaymentDetailsId>,
    /// The end of the paid period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_end: Option<Timestamp>,
}

pub(super) fn read(fields: &Fields) -> Result<Termination, Unreadable> {
    Ok(Termination {
        subscription: fields.required("subscriptionId")?,
        customer: fields.maybe("customerId"),
        offer: fields.maybe("offerId"),
        method: fields.maybe("paymentMethodId"),
        details: fields.maybe("paymentDetailsId"),
        period_end: fields.time("expirationDate"),
    })
}

#[cfg(test)]
mod tests {
    use crate::webhook::{EventData, read};

    #[test]
    fn a_subscription_is_found_flat_and_nested() {
        for data in
            [r#"{"subscriptionId":"332332332"}"#, r#"{"subscription":{"id":332332332,"status":"stopped"}}"#]
        {
            let body = format!(r#"{{"topic":"subscriptionReadyForTermination","data":{data}}}"#);
            let EventData::Terminate(end) = read(body.as_bytes()).unwrap().data else { panic!("{data}") };
            assert_eq!(end.subscription.number(), 332_332_332);
        }
    }
}
