//! Payment data as the page sends it: an id that Stripe.js made, and never a card number.

use payment::{GatewayName, holds_card_number};
use serde_json::Value;

use super::stored_card::is_id;
use crate::GatewayError;

/// What Stripe.js made of what the buyer typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PaymentData {
    /// `stripe.createPaymentMethod` (or a wallet).
    PaymentMethod(String),
    /// `stripe.createConfirmationToken`.
    ConfirmationToken(String),
}

/// Where ids stand: as a bare text, or as Stripe.js returns them, or as plain members.
const PLACES: [&str; 7] = [
    "",
    "/payment_method",
    "/paymentMethod",
    "/paymentMethod/id",
    "/confirmation_token",
    "/confirmationToken",
    "/confirmationToken/id",
];

impl PaymentData {
    /// Reads the page's JSON, such as `{"payment_method":"pm_…"}` or `{"confirmationToken":{"id":"ctoken_…"}}`.
    /// Anything that looks like a full card number is refused unread: it must never come this far.
    pub(super) fn read(page: &Value, gateway: GatewayName) -> Result<Self, GatewayError> {
        if holds_card(page) {
            let why = "it holds what looks like a card number; Stripe.js must tokenise it in the browser"
                .to_owned();
            return Err(GatewayError::BadPaymentData { gateway, why });
        }
        PLACES
            .iter()
            .filter_map(|place| page.pointer(place)?.as_str())
            .find_map(|id| match id.split_once('_') {
                Some(("pm", _)) if is_id(id) => Some(Self::PaymentMethod(id.to_owned())),
                Some(("ctoken", _)) if is_id(id) => Some(Self::ConfirmationToken(id.to_owned())),
                _ => None,
            })
            .ok_or_else(|| GatewayError::BadPaymentData {
                gateway,
                why: "neither a payment_method (pm_…) nor a confirmation_token (ctoken_…) is in it"
                    .to_owned(),
            })
    }
}

/// Whether a raw card is anywhere in this: a member that names one, or digits that are a card number.
fn holds_card(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::Number(number) => holds_card_number(&number.to_string()),
        Value::String(text) => holds_card_number(text),
        Value::Array(items) => items.iter().any(holds_card),
        Value::Object(members) => members.iter().any(|(name, value)| {
            let names_one =
                matches!(name.as_str(), "number" | "card[number]" | "cardNumber" | "card_number" | "cvc");
            (names_one && !value.is_null()) || holds_card_number(name) || holds_card(value)
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(page: &Value) -> Result<PaymentData, GatewayError> {
        PaymentData::read(page, crate::stripe::name())
    }

    #[test]
    fn the_shapes_that_stripe_js_makes_are_read() {
        let method = Ok(PaymentData::PaymentMethod("pm_1Pxy".to_owned()));
        assert_eq!(read(&json!("pm_1Pxy")), method);
        assert_eq!(read(&json!({"payment_method": "pm_1Pxy"})), method);
        assert_eq!(read(&json!({"paymentMethod": {"id": "pm_1Pxy", "card": {"last4": "4242"}}})), method);
        let token = Ok(PaymentData::ConfirmationToken("ctoken_1Pxy".to_owned()));
        assert_eq!(read(&json!({"confirmation_token": "ctoken_1Pxy"})), token);
        assert_eq!(read(&json!({"confirmationToken": {"id": "ctoken_1Pxy"}})), token);
        for wrong in [json!({}), json!(null), json!({"payment_method": "pm_a/../b"}), json!({"id": "cus_1"})]
        {
            assert!(matches!(read(&wrong), Err(GatewayError::BadPaymentData { .. })), "{wrong}");
        }
    }

    #[test]
    fn a_raw_card_is_refused_wherever_it_hides_and_never_repeated() {
        for raw in [
            json!({"payment_method": "pm_1", "card[number]": "4242"}),
            json!({"payment_method": "pm_1", "card": {"number": "x"}}),
            json!({"payment_method": "pm_1", "note": "4242 4242 4242 4242"}),
            json!({"payment_method": "pm_1", "note": "call 5555-5555-5555-4444 now"}),
            json!({"payment_method": "pm_1", "deep": [{"a": 378282246310005_u64}]}),
            json!({"payment_method": "pm_1", "4242424242424242": true}),
        ] {
            let told = read(&raw).unwrap_err().to_string();
            assert!(!told.contains("42") && !told.contains("5555"), "{told}");
        }
        assert!(
            read(&json!({"payment_method": "pm_1", "at": "4242424242424241"})).is_ok(),
            "fails the Luhn check"
        );
    }
}
