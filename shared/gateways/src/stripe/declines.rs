//! Stripe's refusal codes in our vocabulary, as tables: the networks' advice first, then `decline_code`, then `code`.

use payment::DeclineClass::{Customer, Fraud, Hard, Ours, Soft, Technical};
use payment::DeclineReason as Reason;
use payment::{Decline, DeclineClass, GatewayReference};

use super::wire::ApiError;

/// What a refusal with this error means.
pub(super) fn decline(error: &ApiError, reference: Option<GatewayReference>) -> Decline {
    let known = [&error.decline_code, &error.code].into_iter().flatten().find_map(|code| of_code(code));
    let (class, reason) = known.unwrap_or((Soft, Reason::UnknownDecline));
    let (class, reason) = match advice(error) {
        Some(Advice::Never) if !class.forbids_retry() => (Hard, Reason::DoNotTryAgain),
        Some(Advice::NewCard) if !class.forbids_retry() && class != Customer => {
            (Customer, Reason::NewCardInformation)
        }
        // The networks know better than a code that sounds final; not so for fraud, nor where the customer must act.
        Some(Advice::Later) if class == Hard => (Soft, reason),
        Some(Advice::Later) if reason == Reason::UnknownDecline => (Soft, Reason::TryAgainLater),
        _ => (class, reason),
    };
    let retry_after = error.network_advice_code.as_deref().and_then(crate::advice::retry_after);
    Decline { class, reason, codes: codes(error), reference, retry_after }
}

/// What a `decline_code` or `code` means; `None` where no table knows it as a refusal.
pub(super) fn of_code(code: &str) -> Option<(DeclineClass, Reason)> {
    CODES.iter().find(|(codes, ..)| codes.contains(&code)).map(|(_, class, reason)| (*class, *reason))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Advice {
    Never,
    Later,
    NewCard,
}

/// Stripe's own digest of the networks' advice, then the networks' raw codes.
fn advice(error: &ApiError) -> Option<Advice> {
    let raw = [
        (&error.advice_code, ADVICE_CODES),
        (&error.network_advice_code, NETWORK_ADVICE_CODES),
        (&error.network_decline_code, NETWORK_DECLINE_CODES),
    ];
    raw.into_iter().find_map(|(code, table)| {
        let code = code.as_deref()?;
        table.iter().find(|(codes, _)| codes.contains(&code)).map(|(_, advice)| *advice)
    })
}

/// The machine codes for Cleeng and the operator (`stripe:card_declined/insufficient_funds net=51`).
fn codes(error: &ApiError) -> String {
    let word = |code: &Option<String>| code.as_deref().map(machine_word).filter(|word| !word.is_empty());
    let mut text = format!("stripe:{}", word(&error.code).unwrap_or_else(|| "declined".to_owned()));
    if let Some(decline_code) = word(&error.decline_code) {
        text.push('/');
        text.push_str(&decline_code);
    }
    for (name, code) in [
        ("net", &error.network_decline_code),
        ("adv", &error.advice_code),
        ("mac", &error.network_advice_code),
    ] {
        if let Some(code) = word(code) {
            text.push_str(&format!(" {name}={code}"));
        }
    }
    text
}

/// Codes are open lists: what is repeated of one is bounded and can hold neither text for people nor a number of a card.
fn machine_word(code: &str) -> String {
    let sound = code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let digits = code.bytes().filter(u8::is_ascii_digit).count();
    if sound && digits < 8 { code.to_owned() } else { String::new() }
}

/// `advice_code` has exactly these three words.
const ADVICE_CODES: &[(&[&str], Advice)] = &[
    (&["do_not_try_again"], Advice::Never),
    (&["try_again_later"], Advice::Later),
    (&["confirm_card_data"], Advice::NewCard),
];

/// Mastercard's merchant advice codes; Stripe passes them through unchanged.
const NETWORK_ADVICE_CODES: &[(&[&str], Advice)] = &[
    (&["03", "21"], Advice::Never),
    (&["02", "24", "25", "26", "27", "28", "29", "30"], Advice::Later),
    (&["01"], Advice::NewCard),
];

/// Visa's category 1, "the issuer will never approve": no further try is allowed.
const NETWORK_DECLINE_CODES: &[(&[&str], Advice)] =
    &[(&["04", "07", "12", "14", "15", "41", "43", "46", "57", "R0", "R1", "R3"], Advice::Never)];

/// `decline_code` and `code` in one list: no word is in both with different meanings.
const CODES: &[(&[&str], DeclineClass, Reason)] = &[
    (&["insufficient_funds"], Soft, Reason::InsufficientFunds),
    (
        &["card_velocity_exceeded", "withdrawal_count_limit_exceeded", "card_decline_rate_limit_exceeded"],
        Soft,
        Reason::LimitExceeded,
    ),
    (
        &[
            "generic_decline",
            "do_not_honor",
            "call_issuer",
            "no_action_taken",
            "not_permitted",
            "card_declined",
        ],
        Soft,
        Reason::GenericDecline,
    ),
    (&["try_again_later", "reenter_transaction", "approve_with_id"], Soft, Reason::TryAgainLater),
    (&["issuer_not_available"], Technical, Reason::IssuerUnavailable),
    (&["processing_error"], Technical, Reason::ProcessingError),
    (
        &[
            "authentication_required",
            "authentication_not_handled",
            "mobile_device_authentication_required",
            "payment_intent_authentication_failure",
            "setup_intent_authentication_failure",
        ],
        Customer,
        Reason::AuthenticationRequired,
    ),
    (
        &["expired_card", "expired_payment_method", "invalid_expiry_month", "invalid_expiry_year"],
        Customer,
        Reason::ExpiredCard,
    ),
    (
        &[
            "incorrect_number",
            "invalid_number",
            "incorrect_cvc",
            "invalid_cvc",
            "incorrect_zip",
            "incorrect_address",
            "postal_code_invalid",
        ],
        Customer,
        Reason::IncorrectCardData,
    ),
    (&["new_account_information_available"], Customer, Reason::NewCardInformation),
    (
        &["card_not_supported", "currency_not_supported", "service_not_allowed", "payment_method_restricted"],
        Hard,
        Reason::CardNotSupported,
    ),
    (
        &["transaction_not_allowed", "restricted_card", "security_violation"],
        Hard,
        Reason::TransactionNotAllowed,
    ),
    (&["invalid_account"], Hard, Reason::InvalidAccount),
    (&["lost_card", "pickup_card"], Hard, Reason::LostOrStolen),
    (&["stolen_card"], Fraud, Reason::LostOrStolen),
    (
        &["revocation_of_authorization", "revocation_of_all_authorizations", "stop_payment_order"],
        Hard,
        Reason::ConsentRevoked,
    ),
    (
        &["fraudulent", "merchant_blacklist", "highest_risk_level", "elevated_risk_level", "rule"],
        Fraud,
        Reason::FraudSuspected,
    ),
    (&["do_not_try_again", "previously_declined_do_not_retry"], Hard, Reason::DoNotTryAgain),
    (&["duplicate_transaction"], Technical, Reason::Duplicate),
    (
        &[
            "invalid_amount",
            "amount_too_small",
            "amount_too_large",
            "invalid_charge_amount_no_decimal_compatible",
        ],
        Ours,
        Reason::InvalidAmount,
    ),
    (
        &[
            "incorrect_pin",
            "invalid_pin",
            "pin_try_exceeded",
            "offline_pin_required",
            "online_or_offline_pin_required",
        ],
        Customer,
        Reason::PinProblem,
    ),
    (&["testmode_decline", "testmode_charges_only"], Ours, Reason::TestCard),
    // A hold that lapsed: nothing was taken, and a fresh charge may follow at once.
    (
        &["charge_expired_for_capture", "capture_charge_authorization_expired"],
        Technical,
        Reason::AuthorisationExpired,
    ),
    // The bank is taking the money back already.
    (&["charge_disputed", "refund_disputed_payment"], Technical, Reason::TransactionNotAllowed),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(members: &serde_json::Value) -> Decline {
        decline(&serde_json::from_value(members.clone()).unwrap(), None)
    }

    #[test]
    fn the_networks_advice_outranks_the_code_and_the_decline_code_the_code() {
        use serde_json::json;
        let rows = [
            (
                json!({"code": "card_declined", "decline_code": "insufficient_funds"}),
                Soft,
                Reason::InsufficientFunds,
            ),
            (json!({"code": "card_declined"}), Soft, Reason::GenericDecline),
            (json!({"code": "expired_card"}), Customer, Reason::ExpiredCard),
            (
                json!({"code": "card_declined", "decline_code": "insufficient_funds", "advice_code": "do_not_try_again"}),
                Hard,
                Reason::DoNotTryAgain,
            ),
            (
                json!({"code": "card_declined", "decline_code": "stolen_card", "advice_code": "do_not_try_again"}),
                Fraud,
                Reason::LostOrStolen,
            ),
            (
                json!({"code": "card_declined", "decline_code": "do_not_honor", "network_advice_code": "03"}),
                Hard,
                Reason::DoNotTryAgain,
            ),
            (
                json!({"code": "card_declined", "decline_code": "do_not_honor", "network_decline_code": "R1"}),
                Hard,
                Reason::DoNotTryAgain,
            ),
            (
                json!({"code": "card_declined", "decline_code": "transaction_not_allowed", "advice_code": "try_again_later"}),
                Soft,
                Reason::TransactionNotAllowed,
            ),
            (
                json!({"code": "card_declined", "decline_code": "fraudulent", "advice_code": "try_again_later"}),
                Fraud,
                Reason::FraudSuspected,
            ),
            (
                json!({"code": "authentication_required", "decline_code": "authentication_required", "advice_code": "try_again_later"}),
                Customer,
                Reason::AuthenticationRequired,
            ),
            (
                json!({"code": "card_declined", "decline_code": "do_not_honor", "advice_code": "confirm_card_data"}),
                Customer,
                Reason::NewCardInformation,
            ),
            (
                json!({"code": "card_declined", "decline_code": "word_of_tomorrow"}),
                Soft,
                Reason::GenericDecline,
            ),
            (json!({"code": "word_of_tomorrow"}), Soft, Reason::UnknownDecline),
            (json!({}), Soft, Reason::UnknownDecline),
        ];
        for (error, class, reason) in rows {
            let told = refused(&error);
            assert_eq!((told.class, told.reason), (class, reason), "{error}");
        }
    }

    #[test]
    fn the_codes_that_go_out_are_machine_words_only() {
        let told = refused(&serde_json::json!({
            "code": "card_declined", "decline_code": "insufficient_funds", "network_decline_code": "51",
            "advice_code": "try_again_later", "network_advice_code": "02",
        }));
        assert_eq!(
            told.rejected_reason(),
            "insufficient_funds | stripe:card_declined/insufficient_funds net=51 adv=try_again_later mac=02"
        );
        assert_eq!(told.retry_after, None, "later, but not when");
        let odd =
            refused(&serde_json::json!({"code": "4242424242424242", "decline_code": "Your card, Jenny"}));
        assert_eq!(odd.codes, "stripe:declined");
    }

    #[test]
    fn no_code_stands_in_the_table_twice() {
        let mut seen = std::collections::BTreeSet::new();
        for code in CODES.iter().flat_map(|(codes, ..)| codes.iter()) {
            assert!(seen.insert(code), "{code}");
        }
    }
}
