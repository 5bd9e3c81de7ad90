//! `subscriptionReadyForPaymentAuthorisation`: a renewal is to be authorised, to be captured when it is due.

use super::fields::Fields;
use super::{Billing, Unreadable, billing};

pub(super) fn read(fields: &Fields) -> Result<Billing, Unreadable> {
    billing::read(fields)
}

#[cfg(test)]
mod tests {
    use crate::webhook::{EventData, read};

    #[test]
    fn cleengs_own_example_is_read_and_its_token_is_not_printed() {
        let event =
            read(include_bytes!("../../fixtures/subscriptionReadyForPaymentAuthorisation.json")).unwrap();
        assert!(!format!("{event:?}").contains("tok_en"));
        let EventData::Authorise(billing) = event.data else { panic!("{event:?}") };
        assert_eq!(billing.subscription.number(), 332_332_332);
        assert_eq!(billing.customer.number(), 123_321_123);
        assert_eq!(billing.asked, "2019-11-04T19:55:41Z".parse().unwrap());
        assert_eq!(billing.period_end, Some("2019-11-07T19:55:41Z".parse().unwrap()));
        assert_eq!(billing.token.unwrap().expose(), "tok_en");
        assert_eq!((billing.country.as_deref(), billing.active), (Some("BY"), Some(true)));
        assert_eq!(billing.currency.unwrap().as_str(), "USD");
    }

    #[test]
    fn the_token_of_a_record_that_is_out_of_use_is_not_taken() {
        let example = include_str!("../../fixtures/subscriptionReadyForPaymentAuthorisation.json");
        let event = read(example.replace(r#""active":true"#, r#""active":false"#).as_bytes()).unwrap();
        let EventData::Authorise(billing) = event.data else { panic!("{event:?}") };
        assert_eq!((billing.token, billing.active), (None, Some(false)));
        assert!(billing.details.is_some());
    }
}
