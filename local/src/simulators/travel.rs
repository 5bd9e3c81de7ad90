//! How a simulator's webhooks travel when it is told: late, more than once, out of order.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

/// How webhooks travel from now on.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default)]
pub(super) struct Habits {
    /// Seconds between what happens and its webhook.
    pub(super) delay_seconds: u32,
    /// How often each is sent.
    pub(super) copies: u32,
    /// Up to so many seconds more, differently for each: they overtake one another.
    pub(super) spread_seconds: u32,
}

impl Default for Habits {
    fn default() -> Self {
        Self { delay_seconds: 0, copies: 1, spread_seconds: 0 }
    }
}

impl Habits {
    /// When the webhook of this number arrives. A fixed scatter by number, so that the same run always travels the same way.
    pub(super) fn due(self, now: Timestamp, number: u64) -> Timestamp {
        let scatter = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17)
            % u64::from(self.spread_seconds).saturating_add(1);
        let seconds = i64::from(self.delay_seconds).saturating_add_unsigned(scatter);
        now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
    }
}
