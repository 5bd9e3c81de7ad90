//! Why Cleeng did not do what it was asked, and who acts next.

use std::time::Duration;

use payment::Failure;

/// Why a call brought nothing. `call` names it (`POST payment`); no value that was sent is repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Cleeng certainly did not get it.
    #[error("{call}: Cleeng was not reached: {why}")]
    NotSent {
        /// Which call.
        call: &'static str,
        /// The transport's words.
        why: String,
    },
    /// It may have happened: no answer, a 5xx, 408, or a 409 (the same thing may be there already). Look before writing again.
    #[error("{call}: nobody knows what became of it: {why}")]
    Unknown {
        /// Which call.
        call: &'static str,
        /// What was seen.
        why: String,
    },
    /// Too many requests; nothing was done.
    #[error("{call}: Cleeng asks for fewer requests")]
    Throttled {
        /// Which call.
        call: &'static str,
        /// Its `Retry-After`.
        after: Option<Duration>,
    },
    /// The publisher's key is wrong or may not do this: configuration.
    #[error("{call}: Cleeng does not accept the publisher token ({status})")]
    Unauthorised {
        /// Which call.
        call: &'static str,
        /// 401 or 403.
        status: u16,
    },
    /// Cleeng has no such thing.
    #[error("{call}: Cleeng has no such thing: {message}")]
    NotFound {
        /// Which call.
        call: &'static str,
        /// Its words, shortened and masked.
        message: String,
    },
    /// Cleeng will not do it, now or later.
    #[error("{call}: Cleeng refuses ({status}): {message}")]
    Refused {
        /// Which call.
        call: &'static str,
        /// HTTP status.
        status: u16,
        /// Its words, shortened and masked.
        message: String,
    },
    /// An answer that is not Cleeng's, or not as it is known: HTML, an empty body, a success that says it failed.
    /// A write that is answered so may have happened.
    #[error("{call}: Cleeng's answer cannot be read: {why}")]
    Unreadable {
        /// Which call.
        call: &'static str,
        /// HTTP status.
        status: u16,
        /// What is wrong with it, without its content.
        why: String,
    },
}

impl Error {
    /// Whether a write that ended so may have taken effect: look before writing again, and undo nothing yet.
    pub fn may_have_happened(&self) -> bool {
        matches!(self, Self::Unknown { .. } | Self::Unreadable { .. })
    }

    /// Whether Cleeng said no for good.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::NotFound { .. } | Self::Refused { .. })
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = match error {
            Error::NotSent { .. } | Error::Unknown { .. } => Self::retry("Cleeng did not answer"),
            Error::Throttled { after: Some(after), .. } => Self::retry_after("Cleeng is throttling", after),
            Error::Throttled { after: None, .. } => Self::retry("Cleeng is throttling"),
            Error::Unauthorised { .. } => Self::alarm("Cleeng does not accept our key"),
            Error::Unreadable { .. } => Self::alarm("Cleeng answered what cannot be read"),
            Error::NotFound { .. } => Self::refuse("Cleeng has no such thing"),
            Error::Refused { .. } => Self::refuse("Cleeng refuses"),
        };
        failure.because(error)
    }
}

/// Cleeng's words as they may be logged: short, one line, and without anything that could be an e-mail address, a
/// token or a card number that Cleeng repeats from what it was sent.
pub(crate) fn sayable(text: &str) -> String {
    const WORDS_MAX: usize = 30;
    /// Longer than any id, status or currency; shorter than any token.
    const WORD_BYTES_MAX: usize = 24;
    /// Ids have ten digits, card numbers at least twelve.
    const DIGITS_MAX: usize = 11;
    if payment::holds_card_number(text) {
        return "…".to_owned();
    }
    let separator = |c: char| c.is_whitespace() || c.is_control() || "\"'`,;()[]{}".contains(c);
    let words = text.split(separator).filter(|word| !word.is_empty()).take(WORDS_MAX);
    let masked = words.map(|word| {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        if word.contains('@') || word.len() > WORD_BYTES_MAX || digits > DIGITS_MAX { "…" } else { word }
    });
    masked.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use payment::WhoActs;

    #[test]
    fn cleengs_words_lose_addresses_tokens_and_card_numbers() {
        let said = sayable(
            "Order 123456789 of jo@example.com\n: card '4111111111111111', cus_Qabcdefghijklmn|pm_1Pabcdefgh refused",
        );
        assert_eq!(said, "…");
        let said = sayable(
            "Order 123456789 of jo@example.com\n: card 'cus_Qabcdefghijklmn|pm_1Pabcdefgh', 411111111111 refused",
        );
        assert_eq!(said, "Order 123456789 of … : card … … refused");
    }

    #[test]
    fn only_a_plain_no_is_dropped_and_what_may_have_happened_is_tried_again() {
        let call = "POST payment";
        let who = |error: Error| Failure::from(error).who_acts();
        let unknown = Error::Unknown { call, why: "HTTP 502".to_owned() };
        assert!(unknown.may_have_happened());
        assert_eq!(who(unknown), WhoActs::Retry { after: None });
        let after = Some(Duration::from_secs(7));
        assert_eq!(who(Error::Throttled { call, after }), WhoActs::Retry { after });
        assert_eq!(who(Error::Unauthorised { call, status: 401 }), WhoActs::Alarm);
        assert_eq!(who(Error::Refused { call, status: 422, message: String::new() }), WhoActs::Refuse);
    }
}
