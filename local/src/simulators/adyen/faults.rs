//! What can be made to go wrong with the next requests.

use serde::Deserialize;

use super::answer::Answer;

/// One fault that waits for a request.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Fault {
    pub(super) fault: Kind,
    /// Only requests whose path contains this.
    #[serde(default)]
    pub(super) path: Option<String>,
    /// How many requests.
    #[serde(default = "once")]
    pub(super) times: u32,
}

/// What happens; `…_after` acts first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum Kind {
    #[serde(rename = "500_before")]
    ErrorBefore,
    #[serde(rename = "500_after")]
    ErrorAfter,
    #[serde(rename = "429")]
    Throttled,
    #[serde(rename = "401")]
    Unauthorised,
    #[serde(rename = "in_flight")]
    InFlight,
    #[serde(rename = "empty_before")]
    EmptyBefore,
    #[serde(rename = "empty_after")]
    EmptyAfter,
    #[serde(rename = "html_before")]
    HtmlBefore,
    #[serde(rename = "html_after")]
    HtmlAfter,
}

impl Kind {
    /// Whether the request is acted upon before this answer hides it.
    pub(super) fn acts(self) -> bool {
        matches!(self, Self::ErrorAfter | Self::EmptyAfter | Self::HtmlAfter)
    }

    /// The answer that is sent instead.
    pub(super) fn answer(self) -> Answer {
        match self {
            Self::ErrorBefore | Self::ErrorAfter => Answer::error(500, "000", "internal", "Internal error"),
            Self::Throttled => Answer::error(429, "000", "security", "Too many requests"),
            Self::Unauthorised => unauthorised(),
            Self::InFlight => {
                Answer::error(409, "704", "validation", "request already processed or in progress")
            }
            Self::EmptyBefore | Self::EmptyAfter => Answer::empty(200),
            Self::HtmlBefore | Self::HtmlAfter => {
                Answer::html(200, "<html><body>Service unavailable</body></html>".to_owned())
            }
        }
    }
}

/// The answer to a wrong key.
pub(super) fn unauthorised() -> Answer {
    Answer::error(401, "000", "security", "HTTP Status Response - Unauthorized")
}

/// Takes the first fault that waits for a request of this path.
pub(super) fn take(faults: &mut std::collections::VecDeque<Fault>, path: &str) -> Option<Kind> {
    let place = faults
        .iter()
        .position(|fault| fault.path.as_ref().is_none_or(|part| path.contains(part.as_str())))?;
    let fault = faults.get_mut(place)?;
    fault.times = fault.times.saturating_sub(1);
    let kind = fault.fault;
    if fault.times == 0 {
        faults.remove(place);
    }
    Some(kind)
}

fn once() -> u32 {
    1
}
