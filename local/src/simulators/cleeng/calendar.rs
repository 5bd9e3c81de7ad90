//! Periods: calendar months in UTC, counted from the day a subscription began, so that no short month shifts the next.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use serde::{Deserialize, Serialize};

/// How long a period is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Cycle {
    #[serde(rename = "weekly")]
    Weekly,
    #[serde(rename = "monthly")]
    Monthly,
    #[serde(rename = "3-months")]
    ThreeMonths,
    #[serde(rename = "6-months")]
    SixMonths,
    #[serde(rename = "annual")]
    Annual,
    #[serde(rename = "seasonal")]
    Seasonal,
}

impl Cycle {
    pub(super) const ALL: [Self; 6] =
        [Self::Weekly, Self::Monthly, Self::ThreeMonths, Self::SixMonths, Self::Annual, Self::Seasonal];

    /// Unit and number, as a subscription's `renewalCycle` has them.
    pub(super) fn parts(self) -> (&'static str, i64) {
        match self {
            Self::Weekly => ("week", 1),
            Self::Monthly => ("month", 1),
            Self::ThreeMonths => ("month", 3),
            Self::SixMonths => ("month", 6),
            Self::Annual | Self::Seasonal => ("month", 12),
        }
    }

    /// The end of the `count`th period that began at `anchor`.
    pub(super) fn after(self, anchor: Timestamp, count: u32) -> Timestamp {
        let (unit, number) = self.parts();
        let number = number.saturating_mul(i64::from(count));
        let span =
            if unit == "week" { Span::new().try_weeks(number) } else { Span::new().try_months(number) };
        let start = anchor.to_zoned(TimeZone::UTC);
        span.and_then(|span| start.checked_add(span)).map_or(anchor, |end| end.timestamp())
    }
}

/// So many hours later, or earlier.
pub(super) fn hours(at: Timestamp, hours: i64) -> Timestamp {
    seconds(at, hours.saturating_mul(3600))
}

/// So many seconds later, or earlier.
pub(super) fn seconds(at: Timestamp, seconds: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_month_does_not_shift_the_ones_after_it() {
        let anchor: Timestamp = "2026-01-31T10:00:00Z".parse().unwrap();
        let end = |count| Cycle::Monthly.after(anchor, count).to_string();
        assert_eq!(end(1), "2026-02-28T10:00:00Z");
        assert_eq!(end(2), "2026-03-31T10:00:00Z");
        assert_eq!(Cycle::Weekly.after(anchor, 2).to_string(), "2026-02-14T10:00:00Z");
    }
}
