//! How long a paid period is, in calendar units, and where periods end.

use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// Who decides when a renewal is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ManagedBy {
    /// Cleeng's dunning events.
    #[default]
    Cleeng,
    /// Our own schedule (externally managed purchases).
    Connector,
}

/// One calendar unit so many times: `P7D`, `P1W`, `P1M`, `P1Y` (ISO 8601).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Period {
    unit: Unit,
    number: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Days,
    Weeks,
    Months,
    Years,
}

/// A text that is no period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a period is one of P7D, P1W, P1M, P1Y with any number")]
pub struct PeriodError;

impl Period {
    /// The end of the `count`th period that began at `anchor`, in UTC; counted from there, so that no short month shifts
    /// the next. `None` beyond the end of the calendar.
    pub fn after(self, anchor: Timestamp, count: u32) -> Option<Timestamp> {
        let number = i64::from(self.number).checked_mul(i64::from(count))?;
        let span = match self.unit {
            Unit::Days => Span::new().try_days(number),
            Unit::Weeks => Span::new().try_weeks(number),
            Unit::Months => Span::new().try_months(number),
            Unit::Years => Span::new().try_years(number),
        };
        anchor.to_zoned(TimeZone::UTC).checked_add(span.ok()?).ok().map(|end| end.timestamp())
    }

    /// The first end after this instant, of periods that began at `anchor`.
    pub fn next_end(self, anchor: Timestamp, instant: Timestamp) -> Option<Timestamp> {
        (1..=COUNT_MAX).map_while(|count| self.after(anchor, count)).find(|end| *end > instant)
    }

    /// Whether it is shorter than a week: too short to tell one renewal from the next.
    pub fn is_short(self) -> bool {
        self.unit == Unit::Days && self.number < 7
    }
}

/// Periods of one subscription: a hundred years of weeks.
const COUNT_MAX: u32 = 5200;

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let rest = text.strip_prefix('P').ok_or(PeriodError)?;
        let unit = match rest.as_bytes().last() {
            Some(b'D') => Unit::Days,
            Some(b'W') => Unit::Weeks,
            Some(b'M') => Unit::Months,
            Some(b'Y') => Unit::Years,
            _ => return Err(PeriodError),
        };
        let digits = rest.get(..rest.len().saturating_sub(1)).unwrap_or_default();
        let plain = digits.bytes().all(|digit| digit.is_ascii_digit());
        let number = digits.parse().ok().filter(|number| plain && *number > 0);
        number.map(|number| Self { unit, number }).ok_or(PeriodError)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Days => 'D',
            Unit::Weeks => 'W',
            Unit::Months => 'M',
            Unit::Years => 'Y',
        };
        write!(f, "P{}{unit}", self.number)
    }
}

impl TryFrom<String> for Period {
    type Error = PeriodError;

    fn try_from(text: String) -> Result<Self, PeriodError> {
        text.parse()
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        period.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_month_does_not_shift_the_ones_after_it() {
        let anchor: Timestamp = "2027-01-31T10:00:00Z".parse().unwrap();
        let month: Period = "P1M".parse().unwrap();
        let ends: Vec<_> = (1..=2).map(|count| month.after(anchor, count).unwrap().to_string()).collect();
        assert_eq!(ends, ["2027-02-28T10:00:00Z", "2027-03-31T10:00:00Z"]);
        let next = |instant: &str| month.next_end(anchor, instant.parse().unwrap()).unwrap().to_string();
        assert_eq!(next("2027-01-31T10:00:00Z"), "2027-02-28T10:00:00Z");
        assert_eq!(next("2027-02-28T10:00:00Z"), "2027-03-31T10:00:00Z");
    }

    #[test]
    fn only_one_unit_and_a_number_make_a_period() {
        for text in ["P7D", "P1W", "P3M", "P1Y"] {
            assert_eq!(text.parse::<Period>().unwrap().to_string(), text);
        }
        for wrong in ["", "P", "PM", "P0M", "P-1M", "P+1M", "P1.5M", "PT1H", "P1Y2M", "1M", "P99999D"] {
            assert!(wrong.parse::<Period>().is_err(), "{wrong}");
        }
    }
}
