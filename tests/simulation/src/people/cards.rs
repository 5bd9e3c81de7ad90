//! The cards of people, as the gateways' own front-end libraries hand them over.

use serde_json::{Value, json};

use crate::plan::Card;

pub(super) fn data(gateway: &str, card: Card) -> Value {
    if gateway == "stripe" {
        return json!({ "payment_method": match card {
            Card::Pays => "pm_card_visa",
            Card::PaysToo => "pm_card_mastercard",
            Card::AsksFirst => "pm_card_authenticationRequiredOnSetup",
            Card::AsksAndFails | Card::AsksAlways => "pm_card_authenticationRequired",
            Card::Refused => "pm_card_chargeDeclinedInsufficientFunds",
            Card::RefusesLater => "pm_card_chargeCustomerFail",
        }});
    }
    let number = match card {
        Card::Pays => "test_visa",
        Card::PaysToo => "test_mastercard",
        Card::AsksFirst | Card::AsksAndFails => "test_3ds_challenge",
        Card::Refused => "test_declined_12",
        Card::RefusesLater => "test_visa_later_declined_12",
        Card::AsksAlways => "test_visa_later_3ds_challenge",
    };
    json!({
        "type": "scheme", "encryptedCardNumber": number, "encryptedExpiryMonth": "test_03",
        "encryptedExpiryYear": "test_2030", "encryptedSecurityCode": "test_737",
    })
}

pub(super) fn browser() -> Value {
    json!({
        "userAgent": "Mozilla/5.0", "acceptHeader": "*/*", "language": "nl-NL", "colorDepth": 24, "screenHeight": 900,
        "screenWidth": 1440, "timeZoneOffset": -60, "javaEnabled": false,
    })
}
