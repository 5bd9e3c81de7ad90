//! The time-line of an item, appended in the same write as what it tells of.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Older lines make room for newer ones: an item stays small.
pub const HISTORY_LINES_MAX: usize = 24;
/// The newest lines, which stay whatever they cost.
pub(crate) const HISTORY_LINES_MIN: usize = 2;

/// One line of the time-line, for a support person: no token, no address, no card digit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// What, in one short sentence.
    pub what: String,
}
