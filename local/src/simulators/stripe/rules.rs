//! What Stripe takes: amounts, parameters that need or exclude each other, and whose card it is.

use super::cards;
use super::form::Params;
use super::state::{Failure, State};

/// The amount and currency, as Stripe takes them.
pub(super) fn amount(params: &Params) -> Result<(i64, String), Failure> {
    let amount = params.number("/amount").filter(|amount| *amount > 0);
    let amount = amount.ok_or_else(|| {
        Failure::invalid(
            Some("parameter_invalid_integer"),
            Some("amount"),
            "This value must be greater than or equal to 1.",
        )
    })?;
    let currency = params.text("/currency").unwrap_or_default().to_owned();
    let wrong = |code: &str, why: &str| Err(Failure::invalid(Some(code), Some("amount"), why));
    match currency.as_str() {
        "isk" | "ugx" if amount % 100 != 0 => wrong(
            "invalid_charge_amount_no_decimal_compatible",
            "charged amounts must be evenly divisible by 100",
        ),
        "bhd" | "jod" | "kwd" | "omr" | "tnd" if amount % 10 != 0 => {
            wrong("parameter_invalid_integer", "the last digit must be 0")
        }
        "eur" | "usd" if amount < 50 => wrong("amount_too_small", "Amount must be at least 50 cents"),
        currency_code
            if currency_code.len() != 3 || currency_code.bytes().any(|byte| !byte.is_ascii_lowercase()) =>
        {
            Err(Failure::invalid(Some("parameter_invalid_string"), Some("currency"), "Invalid currency"))
        }
        _ => Ok((amount, currency)),
    }
}

/// What the schemas do not say and Stripe still refuses.
pub(super) fn check_rules(params: &Params) -> Result<(), Failure> {
    let wrong = |param: &str, why: &str| Err(Failure::invalid(Some("parameter_invalid"), Some(param), why));
    let confirms = params.flag("/confirm");
    for only_with_confirm in ["off_session", "return_url", "error_on_requires_action", "mandate_data"] {
        if !confirms && params.tree().get(only_with_confirm).is_some() {
            return wrong(only_with_confirm, "it can only be used with confirm=true");
        }
    }
    let automatic = params.flag("/automatic_payment_methods/enabled");
    let redirects = params.text("/automatic_payment_methods/allow_redirects") != Some("never");
    if automatic && params.tree().get("payment_method_types").is_some() {
        return wrong("payment_method_types", "it excludes automatic_payment_methods");
    }
    if confirms && automatic && redirects && params.text("/return_url").is_none() {
        return wrong("return_url", "redirects are allowed, so a return_url is needed");
    }
    if params.text("/off_session").is_some() && params.tree().get("setup_future_usage").is_some() {
        return wrong("setup_future_usage", "it cannot be used off_session");
    }
    let metadata = params.metadata();
    let fits =
        metadata.len() <= 50 && metadata.iter().all(|(name, value)| name.len() <= 40 && value.len() <= 500);
    if fits { Ok(()) } else { wrong("metadata", "at most 50 keys of 40 with values of 500 characters") }
}

/// The customer that a request names.
pub(super) fn customer(state: &State, params: &Params) -> Result<Option<String>, Failure> {
    match params.text("/customer") {
        Some(id) if state.customers.contains_key(id) => Ok(Some(id.to_owned())),
        Some(id) => Err(Failure::unknown_parameter("customer", "customer", id)),
        None => Ok(None),
    }
}

/// The card that a request names: a stored one of this customer, or a test card of which a new one is made.
pub(super) fn chosen_card(
    state: &mut State,
    params: &Params,
    customer: Option<&str>,
    off_session: bool,
) -> Result<Option<String>, Failure> {
    let named = params.text("/payment_method").or_else(|| params.text("/confirmation_token"));
    let Some(id) = named else { return Ok(None) };
    if let Some(card) = state.cards.get(id) {
        let owner = card.customer.as_deref();
        if owner != customer && (owner.is_some() || off_session) {
            let why = "The payment method must be attached to the customer.";
            return Err(Failure::invalid(None, Some("payment_method"), why));
        }
        return Ok(Some(id.to_owned()));
    }
    match cards::test_card(id) {
        Some(test) if !off_session => Ok(Some(state.make_card(test, None))),
        Some(_) => {
            Err(Failure::invalid(None, Some("payment_method"), "It must be attached to the customer."))
        }
        None => Err(Failure::unknown_parameter("PaymentMethod", "payment_method", id)),
    }
}
