//! The time-line of an item, appended in the same write as what it tells of.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Older lines make room for newer ones: an item stays small.
pub const HISTORY_LINES_MAX: usize = 24;
/// The newest lines, which stay whatever they cost: the story of one renewal.
const LINES_MIN: usize = 4;
/// DynamoDB counts writes by the begun kilobyte.
const KILOBYTE: usize = 1024;

/// One line of the time-line, for a support person: no token, no address, no card digit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// What, in one short sentence.
    pub what: String,
}

/// How many of the oldest lines would make the write of an item of so many bytes cost another kilobyte. All but the
/// newest few give way to that; the others stay as long as they cost nothing.
pub(crate) fn lines_too_many(history: &[Line], bytes: usize) -> usize {
    let old = history.get(..history.len().saturating_sub(LINES_MIN)).unwrap_or_default();
    let costs: Vec<_> = old.iter().map(Line::bytes).collect();
    let least = bytes.saturating_sub(costs.iter().sum());
    let paid = least.div_ceil(KILOBYTE) * KILOBYTE;
    let mut left = bytes;
    costs
        .iter()
        .take_while(|cost| {
            let too_many = left > paid;
            left = left.saturating_sub(**cost);
            too_many
        })
        .count()
}

impl Line {
    /// What it takes in a stored body, near enough: time, space, words, quotes and comma.
    fn bytes(&self) -> usize {
        self.at.to_string().len() + self.what.len() + 4
    }
}
