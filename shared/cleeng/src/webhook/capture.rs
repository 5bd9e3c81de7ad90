//! `subscriptionReadyForPaymentCapture`: a renewal is due, to be captured or charged in one step.

use super::fields::Fields;
use super::{Billing, Unreadable, billing};

pub(super) fn read(fields: &Fields) -> Result<Billing, Unreadable> {
    billing::read(fields)
}

#[cfg(test)]
mod tests {
    use crate::webhook::{EventData, read};

    #[test]
    fn a_capture_with_an_offset_and_without_its_optional_fields_is_read() {
        let event = read(include_bytes!("../../fixtures/subscriptionReadyForPaymentCapture.json")).unwrap();
        let EventData::Capture(billing) = event.data else { panic!("{event:?}") };
        assert_eq!(billing.asked, "2019-11-07T19:55:41Z".parse().unwrap());
        assert_eq!((billing.token, billing.method, billing.currency), (None, None, None));
    }

    #[test]
    fn a_capture_that_names_no_subscription_is_not_guessed_at() {
        let body =
            br#"{"topic":"subscriptionReadyForPaymentCapture","data":{"customerId":1,"offerId":"S1"}}"#;
        assert!(read(body).unwrap_err().to_string().contains("subscriptionId"));
    }
}
