//! `paymentDetailsDeactivated`: a kept token is no longer used (payload unverified, read tolerantly).

use payment::{CustomerId, PaymentDetailsId, PaymentMethodId};
use serde::{Deserialize, Serialize};

use super::Unreadable;
use super::fields::Fields;

/// A kept token whose open authorisations are to be let go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetailsGone {
    /// Cleeng's record of it.
    pub details: PaymentDetailsId,
    /// Whose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerId>,
    /// By which payment method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<PaymentMethodId>,
}

pub(super) fn read(fields: &Fields) -> Result<DetailsGone, Unreadable> {
    let details = fields.maybe("paymentDetailsId").map_or_else(|| fields.required("id"), Ok)?;
    Ok(DetailsGone { details, customer: fields.maybe("customerId"), method: fields.maybe("paymentMethodId") })
}

#[cfg(test)]
mod tests {
    use crate::webhook::{EventData, read};

    #[test]
    fn the_record_is_found_in_every_shape_and_under_both_spellings_of_the_topic() {
        for (topic, data) in [
            ("paymentDetailsDeactivated", r#"{"paymentDetailsId":"665665665"}"#),
            ("PaymentDetailsDeactivated", r#"{"paymentDetails":{"id":665665665}}"#),
            ("paymentDetailsDeactivated", r#"{"id":665665665,"customerId":1}"#),
        ] {
            let body = format!(r#"{{"topic":"{topic}","data":{data}}}"#);
            let EventData::DetailsDeactivated(gone) = read(body.as_bytes()).unwrap().data else {
                panic!("{data}")
            };
            assert_eq!(gone.details.number(), 665_665_665);
        }
    }
}
