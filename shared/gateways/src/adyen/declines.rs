//! What Adyen's refusals mean, as data: the network's advice first, then the bank's raw code, then Adyen's own code or words.

use payment::DeclineClass::{Customer, Fraud, Hard, Ours, Soft, Technical};
use payment::{Decline, DeclineClass, DeclineReason as Reason, GatewayReference};

/// What Adyen said of a refusal; any part may be missing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Refusal<'a> {
    /// `refusalReasonCode` of an answer.
    pub(super) code: Option<&'a str>,
    /// `refusalReason` of an answer, `reason` of a webhook: the same list in words.
    pub(super) words: Option<&'a str>,
    /// `additionalData.refusalCodeRaw`, or the start of `refusalReasonRaw` (`51 : Insufficient funds`).
    pub(super) raw: Option<&'a str>,
    /// `additionalData.merchantAdviceCode` (`03 : Do not try again`).
    pub(super) advice: Option<&'a str>,
}

/// Weighs the evidence. Whatever no table knows may be tried later: [`Reason::UnknownDecline`], soft.
pub(super) fn decline(refusal: Refusal<'_>, reference: Option<GatewayReference>) -> Decline {
    let (class, reason) = verdict(refusal);
    let retry_after = refusal.advice.map(leading).and_then(crate::advice::retry_after);
    Decline { class, reason, codes: codes(refusal), reference, retry_after }
}

/// The refusal of an off-session payment for which the bank wants the customer: nobody is there to act.
pub(super) fn authentication_required(code: &str, reference: Option<GatewayReference>) -> Decline {
    let codes = format!("adyen:{}", plain(code));
    Decline { class: Customer, reason: Reason::AuthenticationRequired, codes, reference, retry_after: None }
}

/// Adyen or the acquirer could not process it (`resultCode: Error`): final, and nothing was charged.
pub(super) fn error(refusal: Refusal<'_>, reference: Option<GatewayReference>) -> Decline {
    let told = codes(refusal);
    let codes = if told.is_empty() { "adyen:error".to_owned() } else { format!("{told} error") };
    Decline { class: Technical, reason: Reason::ProcessingError, codes, reference, retry_after: None }
}

/// The stored card is no longer there.
pub(super) fn token_missing(code: &str, reference: Option<GatewayReference>) -> Decline {
    Decline {
        class: Hard,
        reason: Reason::TokenMissing,
        codes: format!("adyen:{}", plain(code)),
        reference,
        retry_after: None,
    }
}

/// A void that took back what nobody had heard of, or a modification that Adyen could not carry out.
pub(super) fn not_done(event: &str, reference: Option<GatewayReference>) -> Decline {
    let codes = format!("adyen:{}", plain(event).to_ascii_lowercase());
    Decline { class: Technical, reason: Reason::ProcessingError, codes, reference, retry_after: None }
}

fn verdict(refusal: Refusal<'_>) -> (DeclineClass, Reason) {
    let advice = refusal.advice.map(leading).and_then(|code| find(&ADVICE, code));
    let raw = refusal.raw.map(leading).and_then(|code| find(&RAW, code));
    let own = row(refusal).map(|(_, _, class, reason)| (*class, *reason));
    match (advice, raw, own) {
        // "Later" says less than a reason that is already soft: it only fills a gap.
        (Some((Soft, later)), raw, own) => raw
            .or(own.filter(|(_, reason)| !matches!(reason, Reason::GenericDecline | Reason::UnknownDecline)))
            .unwrap_or((Soft, later)),
        (Some(advice), _, _) => advice,
        (None, Some(raw), _) => raw,
        (None, None, Some(own)) => own,
        (None, None, None) => (Soft, Reason::UnknownDecline),
    }
}

fn row(refusal: Refusal<'_>) -> Option<&'static (&'static str, &'static str, DeclineClass, Reason)> {
    let by_code = refusal.code.and_then(|code| REFUSALS.iter().find(|(known, ..)| *known == code));
    by_code.or_else(|| {
        let words = refusal.words?.trim();
        REFUSALS.iter().find(|(_, known, ..)| known.eq_ignore_ascii_case(words))
    })
}

fn find(table: &[(&str, DeclineClass, Reason)], code: &str) -> Option<(DeclineClass, Reason)> {
    table
        .iter()
        .find(|(known, ..)| known.eq_ignore_ascii_case(code))
        .map(|(_, class, reason)| (*class, *reason))
}

/// Machine codes only: `adyen:12 raw=51 adv=02`.
fn codes(refusal: Refusal<'_>) -> String {
    let own = refusal.code.map(str::to_owned).or_else(|| row(refusal).map(|(code, ..)| (*code).to_owned()));
    let mut parts = Vec::new();
    parts.extend(own.map(|code| format!("adyen:{}", plain(&code))));
    parts.extend(refusal.raw.map(|raw| format!("raw={}", plain(leading(raw)))));
    parts.extend(refusal.advice.map(|advice| format!("adv={}", plain(leading(advice)))));
    parts.join(" ")
}

/// The code at the start of `51 : Insufficient funds`.
fn leading(text: &str) -> &str {
    text.split(|letter: char| !letter.is_ascii_alphanumeric())
        .find(|part| !part.is_empty())
        .unwrap_or_default()
}

/// A code that may go into a log line and to Cleeng, whatever stood there.
fn plain(code: &str) -> String {
    code.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_').take(24).collect()
}

/// Adyen's refusal reasons: code, words, and what they mean here (docs.adyen.com, "Refusal reasons").
const REFUSALS: [(&str, &str, DeclineClass, Reason); 40] = [
    ("2", "Refused", Soft, Reason::GenericDecline),
    ("3", "Referral", Soft, Reason::GenericDecline),
    ("4", "Acquirer Error", Technical, Reason::ProcessingError),
    ("5", "Blocked Card", Hard, Reason::LostOrStolen),
    ("6", "Expired Card", Customer, Reason::ExpiredCard),
    ("7", "Invalid Amount", Ours, Reason::InvalidAmount),
    ("8", "Invalid Card Number", Customer, Reason::IncorrectCardData),
    ("9", "Issuer Unavailable", Technical, Reason::IssuerUnavailable),
    ("10", "Not supported", Hard, Reason::CardNotSupported),
    ("11", "3D Not Authenticated", Customer, Reason::AuthenticationRequired),
    ("12", "Not enough balance", Soft, Reason::InsufficientFunds),
    ("14", "Acquirer Fraud", Fraud, Reason::FraudSuspected),
    ("15", "Cancelled", Customer, Reason::ShopperCancelled),
    ("16", "Shopper Cancelled", Customer, Reason::ShopperCancelled),
    ("17", "Invalid Pin", Customer, Reason::PinProblem),
    ("18", "Pin tries exceeded", Customer, Reason::PinProblem),
    ("19", "Pin validation not possible", Customer, Reason::PinProblem),
    ("20", "FRAUD", Fraud, Reason::FraudSuspected),
    ("21", "Not Submitted", Technical, Reason::ProcessingError),
    ("22", "FRAUD-CANCELLED", Fraud, Reason::FraudSuspected),
    ("23", "Transaction Not Permitted", Hard, Reason::TransactionNotAllowed),
    ("24", "CVC Declined", Customer, Reason::IncorrectCardData),
    ("25", "Restricted Card", Hard, Reason::TransactionNotAllowed),
    ("26", "Revocation Of Auth", Hard, Reason::ConsentRevoked),
    ("27", "Declined Non Generic", Soft, Reason::GenericDecline),
    ("28", "Withdrawal amount exceeded", Soft, Reason::LimitExceeded),
    ("29", "Withdrawal count exceeded", Soft, Reason::LimitExceeded),
    ("31", "Issuer Suspected Fraud", Fraud, Reason::FraudSuspected),
    ("32", "AVS Declined", Customer, Reason::IncorrectCardData),
    ("33", "Card requires online pin", Customer, Reason::PinProblem),
    ("34", "No checking account available on Card", Soft, Reason::UnknownDecline),
    ("35", "No savings account available on Card", Soft, Reason::UnknownDecline),
    ("36", "Mobile pin required", Customer, Reason::PinProblem),
    ("37", "Contactless fallback", Soft, Reason::UnknownDecline),
    ("38", "Authentication required", Customer, Reason::AuthenticationRequired),
    ("39", "RReq not received from DS", Technical, Reason::ProcessingError),
    ("40", "Current AID is in Penalty Box.", Soft, Reason::UnknownDecline),
    ("41", "CVM required", Soft, Reason::UnknownDecline),
    ("42", "3DS Authentication Error", Customer, Reason::AuthenticationRequired),
    ("46", "Transaction blocked by Adyen to prevent excessive retry fees", Hard, Reason::DoNotTryAgain),
];

/// The bank's own codes that say more than Adyen's: Visa's category 1 (never again) and those that need the customer.
/// 65 is left out: it asks for authentication at Mastercard and is a limit at Visa; Adyen's own code tells the two apart.
const RAW: [(&str, DeclineClass, Reason); 15] = [
    ("04", Hard, Reason::LostOrStolen),
    ("07", Hard, Reason::LostOrStolen),
    ("12", Hard, Reason::TransactionNotAllowed),
    ("14", Hard, Reason::InvalidAccount),
    ("15", Hard, Reason::InvalidAccount),
    ("1A", Customer, Reason::AuthenticationRequired),
    ("41", Hard, Reason::LostOrStolen),
    ("43", Hard, Reason::LostOrStolen),
    ("46", Hard, Reason::InvalidAccount),
    ("51", Soft, Reason::InsufficientFunds),
    ("54", Customer, Reason::ExpiredCard),
    ("57", Hard, Reason::TransactionNotAllowed),
    ("R0", Hard, Reason::ConsentRevoked),
    ("R1", Hard, Reason::ConsentRevoked),
    ("R3", Hard, Reason::ConsentRevoked),
];

/// Mastercard's merchant advice codes, as Adyen passes them on unchanged.
const ADVICE: [(&str, DeclineClass, Reason); 11] = [
    ("01", Customer, Reason::NewCardInformation),
    ("02", Soft, Reason::TryAgainLater),
    ("03", Hard, Reason::DoNotTryAgain),
    ("21", Hard, Reason::ConsentRevoked),
    ("24", Soft, Reason::TryAgainLater),
    ("25", Soft, Reason::TryAgainLater),
    ("26", Soft, Reason::TryAgainLater),
    ("27", Soft, Reason::TryAgainLater),
    ("28", Soft, Reason::TryAgainLater),
    ("29", Soft, Reason::TryAgainLater),
    ("30", Soft, Reason::TryAgainLater),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(code: &str, raw: &str, advice: &str) -> (DeclineClass, Reason, String) {
        let some = |text: &'static str| (!text.is_empty()).then_some(text);
        let leak = |text: &str| some(Box::leak(text.to_owned().into_boxed_str()));
        let told =
            decline(Refusal { code: leak(code), words: None, raw: leak(raw), advice: leak(advice) }, None);
        (told.class, told.reason, told.codes)
    }

    #[test]
    fn the_networks_never_again_outranks_the_gateways_later() {
        assert_eq!(
            read("12", "51 : Insufficient funds", "03 : Do not try again"),
            (Hard, Reason::DoNotTryAgain, "adyen:12 raw=51 adv=03".to_owned())
        );
        assert_eq!(read("2", "R1 : Revocation", "").1, Reason::ConsentRevoked);
        assert_eq!(read("2", "1A", "").0, Customer);
    }

    #[test]
    fn later_fills_a_gap_and_hides_no_reason() {
        assert_eq!(read("2", "05 : Do not honor", "02").1, Reason::TryAgainLater);
        assert_eq!(read("12", "", "24").1, Reason::InsufficientFunds);
        let told = decline(Refusal { advice: Some("26 : Retry after 2 days"), ..Refusal::default() }, None);
        assert_eq!(told.retry_after, Some(jiff::SignedDuration::from_hours(48)));
        assert_eq!((read("5", "", "02").0, read("", "41", "02").0), (Hard, Hard));
    }

    #[test]
    fn a_webhooks_words_mean_the_same_as_the_code_of_an_answer() {
        for (code, words, class, reason) in &REFUSALS {
            let by_words = decline(Refusal { words: Some(words), ..Refusal::default() }, None);
            assert_eq!((by_words.class, by_words.reason), (*class, *reason), "{words}");
            assert_eq!(by_words.codes, format!("adyen:{code}"));
        }
    }

    #[test]
    fn an_unknown_code_may_be_tried_later_and_cannot_smuggle_text_out() {
        let (class, reason, codes) = read("99; DROP 4111-1111", "", "");
        assert_eq!((class, reason), (Soft, Reason::UnknownDecline));
        assert_eq!(codes, "adyen:99DROP41111111");
        assert!(decline(Refusal::default(), None).codes.is_empty());
    }
}
