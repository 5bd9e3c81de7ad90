//! Keeps bare card numbers out: what the page sends is passed on only as Adyen's front-end library made it.

use payment::holds_card_number;
use serde_json::Value;

/// Checks `paymentMethod` as the page sent it: an object with a type and, for cards, encrypted fields or a stored
/// card. What is wrong comes back in words that hold no value.
pub(super) fn checked(method: &Value) -> Result<&Value, &'static str> {
    let fields = method.as_object().ok_or("paymentMethod is not an object")?;
    let kind = fields.get("type").and_then(Value::as_str).unwrap_or_default();
    if kind.is_empty() || !kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err("paymentMethod has no type");
    }
    without_card_number(method)?;
    Ok(method)
}

/// Refuses any JSON that holds a bare card number, by the field's name or by its digits.
pub(super) fn without_card_number(value: &Value) -> Result<(), &'static str> {
    match value {
        Value::Object(fields) => fields.iter().try_for_each(|(name, value)| {
            if BARE.iter().any(|bare| bare.eq_ignore_ascii_case(name)) {
                return Err("it holds an unencrypted card field");
            }
            if OPAQUE.contains(&name.as_str()) { Ok(()) } else { without_card_number(value) }
        }),
        Value::Array(items) => items.iter().try_for_each(without_card_number),
        Value::String(text) if holds_card_number(text) => Err("it holds what looks like a card number"),
        Value::Number(number) if holds_card_number(&number.to_string()) => {
            Err("it holds what looks like a card number")
        }
        _ => Ok(()),
    }
}

/// The names under which a page that does not encrypt would send a card.
const BARE: [&str; 8] =
    ["number", "cardNumber", "pan", "cvc", "cvv", "securityCode", "expiryMonth", "expiryYear"];

/// Texts of other makers that hold long numbers of their own, such as the key expiry in a wallet's token.
const OPAQUE: [&str; 6] =
    ["applePayToken", "googlePayToken", "sdkData", "checkoutAttemptId", "threeDSResult", "redirectResult"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_bare_card_number_is_refused_wherever_it_hides() {
        for method in [
            json!({"type": "scheme", "number": "x"}),
            json!({"type": "scheme", "cvc": "737"}),
            json!({"type": "scheme", "encryptedCardNumber": "4111111111111111"}),
            json!({"type": "scheme", "encryptedCardNumber": "test_4111111111111111"}),
            json!({"type": "scheme", "holderName": "4111 1111 1111 1111"}),
            json!({"type": "scheme", "holderName": "5555-4444-3333-1111"}),
            json!({"type": "scheme", "other": [{"deep": 4_111_111_111_111_111_u64}]}),
            json!({"type": "scheme", "amex": "370000000000002"}),
        ] {
            assert!(checked(&method).is_err(), "{method}");
        }
    }

    #[test]
    fn what_the_front_end_library_makes_passes() {
        for method in [
            json!({"type": "scheme", "encryptedCardNumber": "eyJhbGciOiJSU0EtT0FFUCJ9.4111111111111111x", "brand": "visa",
                   "encryptedExpiryMonth": "adyenjs_0_1_25$", "encryptedSecurityCode": "test_737", "holderName": "A. 1"}),
            json!({"type": "googlepay", "googlePayToken": "{\"keyExpiration\":\"1542323393147\"}"}),
            json!({"type": "scheme", "storedPaymentMethodId": "8415746437121234"}),
            json!({"type": "scheme", "storedPaymentMethodId": "M5N7TQ4TG5PFWR50"}),
        ] {
            assert_eq!(checked(&method), Ok(&method));
        }
        for method in
            [json!(null), json!("scheme"), json!({}), json!({"type": ""}), json!({"type": "a b"}), json!([])]
        {
            assert!(checked(&method).is_err(), "{method}");
        }
    }
}
