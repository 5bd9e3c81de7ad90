//! The test cards, and how a card behaves when it is charged.

use serde::Serialize;

/// How a payment with a card ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Behaviour {
    /// Authorised.
    Approve,
    /// Refused, with Adyen's code, the bank's raw code and the network's advice.
    Refuse(Refusal),
    /// `Error`.
    Error,
    /// `Pending`, settled by webhook.
    Pending,
    /// Fingerprint, then challenge.
    Challenge,
    /// Fingerprint, and the bank asks no more.
    Frictionless,
    /// A redirect.
    Redirect,
}

/// A refusal as data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) raw: Option<String>,
    pub(super) advice: Option<String>,
}

impl Behaviour {
    /// Reads `approve`, `error`, `pending`, `3ds_challenge`, `3ds_frictionless`, `3ds_redirect`, `declined_12_51_03` or `12`.
    pub(super) fn read(text: &str) -> Option<Self> {
        Some(match text {
            "approve" => Self::Approve,
            "error" => Self::Error,
            "pending" => Self::Pending,
            "challenge" | "3ds_challenge" => Self::Challenge,
            "3ds_frictionless" => Self::Frictionless,
            "redirect" | "3ds_redirect" => Self::Redirect,
            text => {
                let mut parts = text.strip_prefix("declined_").unwrap_or(text).split('_');
                let code = parts.next().filter(|code| words(code).is_some())?.to_owned();
                let (raw, advice) = (parts.next().map(str::to_owned), parts.next().map(str::to_owned));
                Self::Refuse(Refusal { code, raw, advice })
            }
        })
    }
}

/// A card as the page names it.
#[derive(Clone, Debug)]
pub(super) struct Card {
    pub(super) brand: &'static str,
    pub(super) last_four: &'static str,
    /// With the buyer present.
    pub(super) now: Behaviour,
    /// When it is charged later, and how often before it pays again.
    pub(super) later: Behaviour,
    pub(super) times: Option<u32>,
}

/// The expiry that all of them have.
pub(super) const EXPIRY: &str = "03/2030";

/// The card of an `encryptedCardNumber`; see the table in the module's documentation.
pub(super) fn card(name: &str) -> Option<Card> {
    let name = name.strip_prefix("test_")?;
    if let Some((brand, later)) = name.split_once("_later_") {
        let (later, times) = match later.split_once("_times_") {
            Some((later, times)) => (later, Some(times.parse().ok()?)),
            None => (later, None),
        };
        return Some(Card { later: Behaviour::read(later)?, times, ..plain(brand)? });
    }
    match plain(name) {
        Some(card) => Some(card),
        None => Some(Card { now: Behaviour::read(name)?, ..plain("visa")? }),
    }
}

fn plain(brand: &str) -> Option<Card> {
    let (brand, last_four) = match brand {
        "visa" => ("visa", "1111"),
        "mastercard" => ("mc", "4444"),
        "amex" => ("amex", "0002"),
        _ => return None,
    };
    Some(Card { brand, last_four, now: Behaviour::Approve, later: Behaviour::Approve, times: None })
}

/// Adyen's words for a refusal code.
pub(super) fn words(code: &str) -> Option<&'static str> {
    WORDS.iter().find(|(known, _)| *known == code).map(|(_, words)| *words)
}

const WORDS: [(&str, &str); 32] = [
    ("2", "Refused"),
    ("3", "Referral"),
    ("4", "Acquirer Error"),
    ("5", "Blocked Card"),
    ("6", "Expired Card"),
    ("7", "Invalid Amount"),
    ("8", "Invalid Card Number"),
    ("9", "Issuer Unavailable"),
    ("10", "Not supported"),
    ("11", "3D Not Authenticated"),
    ("12", "Not enough balance"),
    ("14", "Acquirer Fraud"),
    ("15", "Cancelled"),
    ("16", "Shopper Cancelled"),
    ("17", "Invalid Pin"),
    ("18", "Pin tries exceeded"),
    ("20", "FRAUD"),
    ("21", "Not Submitted"),
    ("22", "FRAUD-CANCELLED"),
    ("23", "Transaction Not Permitted"),
    ("24", "CVC Declined"),
    ("25", "Restricted Card"),
    ("26", "Revocation Of Auth"),
    ("27", "Declined Non Generic"),
    ("28", "Withdrawal amount exceeded"),
    ("29", "Withdrawal count exceeded"),
    ("31", "Issuer Suspected Fraud"),
    ("32", "AVS Declined"),
    ("38", "Authentication required"),
    ("39", "RReq not received from DS"),
    ("42", "3DS Authentication Error"),
    ("46", "Transaction blocked by Adyen to prevent excessive retry fees"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cards_name_says_how_it_pays_now_and_later() {
        let kept = card("test_mastercard_later_declined_12_times_2").unwrap();
        let refusal = Refusal { code: "12".to_owned(), raw: None, advice: None };
        assert_eq!(
            (kept.brand, kept.now, kept.later, kept.times),
            ("mc", Behaviour::Approve, Behaviour::Refuse(refusal), Some(2))
        );
        let refused = card("test_declined_2_05_03").unwrap().now;
        assert!(
            matches!(refused, Behaviour::Refuse(Refusal { raw: Some(raw), advice: Some(advice), .. }) if raw == "05" && advice == "03")
        );
        assert_eq!(card("test_3ds_redirect").unwrap().now, Behaviour::Redirect);
        for unknown in
            ["test_4111111111111111", "visa", "test_declined_999", "test_visa_later_never", "test_"]
        {
            assert!(card(unknown).is_none(), "{unknown}");
        }
    }
}
