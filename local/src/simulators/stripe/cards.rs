//! Stripe's test payment methods, and how each behaves.

use serde_json::{Value, json};

/// What happens when a card is charged or checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// Approved.
    Ok,
    /// Refused with this `decline_code`, and Mastercard's advice after a slash (`insufficient_funds/25`).
    Decline(String),
    /// Always authenticated: a challenge with the buyer, a refusal without.
    AuthenticationRequired,
    /// A challenge the first time; once set up, it is charged without.
    AuthenticationOnSetup,
    /// Authenticated in the background: the bank asks the buyer nothing.
    AuthenticationFrictionless,
    /// A challenge, and refused with this `decline_code` after it.
    DeclineAfterAuthentication(String),
    /// Approved with the buyer, refused without.
    DeclineOffSession,
    /// Neither yes nor no until it is settled by hand.
    Processing,
}

impl Behaviour {
    /// Reads the word of the control: one of ours, or any `decline_code` of Stripe's, alone or with the network's advice.
    pub(super) fn read(word: &str) -> Self {
        match word {
            "ok" => Self::Ok,
            "authentication_required" => Self::AuthenticationRequired,
            "authentication_frictionless" => Self::AuthenticationFrictionless,
            "authentication_on_setup" => Self::AuthenticationOnSetup,
            "decline_off_session" => Self::DeclineOffSession,
            "processing" => Self::Processing,
            code => Self::Decline(code.to_owned()),
        }
    }
}

/// A test payment method of Stripe's documentation.
pub(super) struct TestCard {
    pub(super) id: &'static str,
    pub(super) label: &'static str,
    pub(super) brand: &'static str,
    pub(super) last4: &'static str,
    pub(super) behaviour: Behaviour,
}

/// The test payment method of this name; a confirmation token `ctoken_card_visa` stands for `pm_card_visa`.
pub(super) fn test_card(id: &str) -> Option<TestCard> {
    let name = id.strip_prefix("pm_").or_else(|| id.strip_prefix("ctoken_"))?;
    TEST_CARDS.iter().find(|row| row.0.iter().any(|known| known.strip_prefix("pm_") == Some(name))).map(read)
}

/// All of them, for a page to choose from.
pub(super) fn test_cards() -> impl Iterator<Item = TestCard> {
    TEST_CARDS.iter().map(read)
}

type Row = (&'static [&'static str], &'static str, &'static str, &'static str, &'static str);

fn read((ids, label, brand, last4, word): &Row) -> TestCard {
    let behaviour = match word.strip_prefix("authentication_then_") {
        Some(code) => Behaviour::DeclineAfterAuthentication(code.to_owned()),
        None => Behaviour::read(word),
    };
    TestCard { id: ids.first().copied().unwrap_or_default(), label, brand, last4, behaviour }
}

/// Names (Stripe's documentation knows some cards by two), what a page shows, brand, last four digits, behaviour.
/// One differs on purpose: Stripe's `pm_card_chargeCustomerFail` refuses every charge, ours those without the buyer.
const TEST_CARDS: &[Row] = &[
    (&["pm_card_visa"], "Visa: pays", "visa", "4242", "ok"),
    (&["pm_card_visa_debit"], "Visa debit: pays", "visa", "5556", "ok"),
    (&["pm_card_mastercard"], "Mastercard: pays", "mastercard", "4444", "ok"),
    (&["pm_card_amex"], "American Express: pays", "amex", "0005", "ok"),
    (&["pm_card_discover"], "Discover: pays", "discover", "1117", "ok"),
    (&["pm_card_diners"], "Diners: pays", "diners", "0004", "ok"),
    (&["pm_card_jcb"], "JCB: pays", "jcb", "0505", "ok"),
    (&["pm_card_unionpay"], "UnionPay: pays", "unionpay", "0005", "ok"),
    (
        &["pm_card_threeDSecureOptional"],
        "3-D Secure in the background, pays",
        "visa",
        "3055",
        "authentication_frictionless",
    ),
    (
        &["pm_card_authenticationRequiredOnSetup"],
        "3-D Secure once, then renews",
        "visa",
        "3155",
        "authentication_on_setup",
    ),
    (
        &["pm_card_authenticationRequired"],
        "3-D Secure every time: renewals are refused",
        "visa",
        "3184",
        "authentication_required",
    ),
    (
        &["pm_card_authenticationRequiredChargeDeclinedInsufficientFunds"],
        "3-D Secure, then refused: no funds",
        "visa",
        "3178",
        "authentication_then_insufficient_funds",
    ),
    (
        &["pm_card_chargeCustomerFail"],
        "Pays now, renewals are refused",
        "visa",
        "0341",
        "decline_off_session",
    ),
    (
        &["pm_card_chargeDeclined", "pm_card_visa_chargeDeclined"],
        "Refused",
        "visa",
        "0002",
        "generic_decline",
    ),
    (
        &["pm_card_chargeDeclinedInsufficientFunds", "pm_card_visa_chargeDeclinedInsufficientFunds"],
        "Refused: no funds",
        "visa",
        "9995",
        "insufficient_funds",
    ),
    (
        &["pm_card_chargeDeclinedLostCard", "pm_card_visa_chargeDeclinedLostCard"],
        "Refused: lost",
        "visa",
        "9987",
        "lost_card",
    ),
    (
        &["pm_card_chargeDeclinedStolenCard", "pm_card_visa_chargeDeclinedStolenCard"],
        "Refused: stolen",
        "visa",
        "9979",
        "stolen_card",
    ),
    (&["pm_card_chargeDeclinedExpiredCard"], "Refused: expired", "visa", "0069", "expired_card"),
    (&["pm_card_chargeDeclinedIncorrectCvc"], "Refused: wrong code", "visa", "0127", "incorrect_cvc"),
    (
        &["pm_card_chargeDeclinedProcessingError"],
        "Refused: processing error",
        "visa",
        "0119",
        "processing_error",
    ),
    (
        &["pm_card_chargeDeclinedFraudulent", "pm_card_radarBlock"],
        "Refused: fraud",
        "visa",
        "0019",
        "fraudulent",
    ),
    (
        &["pm_card_chargeDeclinedVelocityLimitExceeded", "pm_card_visa_chargeDeclinedVelocityLimitExceeded"],
        "Refused: limit",
        "visa",
        "6975",
        "card_velocity_exceeded",
    ),
];

/// The body of a refusal's `error`, without the objects it embeds.
pub(super) fn refusal(word: &str) -> Value {
    let (decline_code, network_advice) =
        word.split_once('/').map_or((word, None), |(code, advice)| (code, Some(advice)));
    let known = REFUSALS.iter().find(|row| row.0 == decline_code);
    let (code, network, advice) = known.map_or(("card_declined", None, None), |row| (row.1, row.2, row.3));
    json!({
        "type": "card_error",
        "code": code,
        "decline_code": decline_code,
        "network_decline_code": network,
        "advice_code": advice,
        "network_advice_code": network_advice,
        "message": "Your card was declined.",
        "doc_url": format!("https://docs.stripe.com/error-codes/{}", code.replace('_', "-")),
    })
}

/// Where a refusal is more than `card_declined`: its `code`, the network's code and the advice.
const REFUSALS: &[(&str, &str, Option<&str>, Option<&str>)] = &[
    ("authentication_required", "authentication_required", Some("1A"), None),
    ("do_not_honor", "card_declined", Some("05"), Some("try_again_later")),
    ("do_not_try_again", "card_declined", None, Some("do_not_try_again")),
    ("expired_card", "expired_card", Some("54"), None),
    ("fraudulent", "card_declined", Some("59"), Some("do_not_try_again")),
    ("generic_decline", "card_declined", Some("01"), Some("try_again_later")),
    ("incorrect_cvc", "incorrect_cvc", None, None),
    ("insufficient_funds", "card_declined", Some("51"), Some("try_again_later")),
    ("lost_card", "card_declined", Some("41"), Some("do_not_try_again")),
    ("processing_error", "processing_error", None, Some("try_again_later")),
    ("stolen_card", "card_declined", Some("43"), Some("do_not_try_again")),
];
