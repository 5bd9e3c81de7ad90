//! Small objects as short texts, and back; what does not fit the text stays an object.

use serde_json::{Value, json};

/// `{"minor": 699, "currency": "EUR"}` becomes `699 EUR`.
pub(super) fn money_as_text(money: &Value) -> Option<Value> {
    let fields = money.as_object().filter(|fields| fields.len() == 2)?;
    Some(json!(format!("{} {}", fields.get("minor")?.as_i64()?, fields.get("currency")?.as_str()?)))
}

/// Undoes [`money_as_text`].
pub(super) fn money_as_object(text: &Value) -> Option<Value> {
    let (minor, currency) = text.as_str()?.split_once(' ')?;
    Some(json!({ "minor": minor.parse::<i64>().ok()?, "currency": currency }))
}

/// `{"amount": "6.99", "currency": "EUR"}` becomes `6.99 EUR`.
pub(super) fn price_as_text(price: &Value) -> Option<Value> {
    let fields = price.as_object().filter(|fields| fields.len() == 2)?;
    Some(json!(format!("{} {}", fields.get("amount")?.as_str()?, fields.get("currency")?.as_str()?)))
}

/// Undoes [`price_as_text`].
pub(super) fn price_as_object(text: &Value) -> Option<Value> {
    let (amount, currency) = text.as_str()?.split_once(' ')?;
    Some(json!({ "amount": amount, "currency": currency }))
}

/// `{"variant": "visa", "last_four": "4242", "expires": [3, 2030]}` becomes `visa 4242 3/2030`.
pub(super) fn card_as_text(card: &Value) -> Option<Value> {
    let fields = card.as_object().filter(|fields| fields.len() == 3)?;
    let [month, year] = fields.get("expires")?.as_array()?.as_slice() else { return None };
    let (variant, last_four) = (fields.get("variant")?.as_str()?, fields.get("last_four")?.as_str()?);
    let text = json!(format!("{variant} {last_four} {}/{}", month.as_u64()?, year.as_u64()?));
    // A name with a space in it would be read back as something else.
    card_as_object(&text).filter(|object| object == card)?;
    Some(text)
}

/// Undoes [`card_as_text`].
pub(super) fn card_as_object(text: &Value) -> Option<Value> {
    let (variant, rest) = text.as_str()?.split_once(' ')?;
    let (last_four, expires) = rest.split_once(' ')?;
    let (month, year) = expires.split_once('/')?;
    let expires = [month.parse::<u64>().ok()?, year.parse().ok()?];
    Some(json!({ "variant": variant, "last_four": last_four, "expires": expires }))
}
