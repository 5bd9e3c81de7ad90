//! The table of measures: what was measured, against what goal, and whether it holds.

use std::fmt::Write;

use comfy_table::{ContentArrangement, Table};

/// One row.
pub(crate) struct Row {
    pub(crate) number: u8,
    pub(crate) measure: String,
    pub(crate) value: String,
    pub(crate) goal: String,
    pub(crate) verdict: Verdict,
}

/// What a row came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The goal holds.
    Met,
    /// It does not, and nobody has said why it cannot.
    Missed,
    /// It does not, for this reason, and this is what it would take.
    Short(String),
    /// It cannot be measured here.
    NotHere(String),
}

impl Verdict {
    /// Met or missed.
    pub(crate) fn of(met: bool) -> Self {
        if met { Self::Met } else { Self::Missed }
    }

    /// Met, or short for a known reason.
    pub(crate) fn or_short(met: bool, reason: &str) -> Self {
        if met { Self::Met } else { Self::Short(reason.to_owned()) }
    }

    fn words(&self) -> String {
        match self {
            Self::Met => "met".to_owned(),
            Self::Missed => "MISSED".to_owned(),
            Self::Short(reason) => format!("short: {reason}"),
            Self::NotHere(reason) => format!("not measured: {reason}"),
        }
    }
}

/// The table for a terminal.
pub(crate) fn terminal(rows: &[Row]) -> String {
    let mut table = Table::new();
    table
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(["#", "measure", "value", "goal", "verdict"]);
    for row in rows {
        table.add_row([
            row.number.to_string(),
            row.measure.clone(),
            row.value.clone(),
            row.goal.clone(),
            row.verdict.words(),
        ]);
    }
    table.to_string()
}

/// The same in Markdown.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut text = String::from("| # | measure | value | goal | verdict |\n|---|---|---|---|---|\n");
    for row in rows {
        let Row { number, measure, value, goal, verdict } = row;
        // Writing to a text cannot fail.
        let _ = writeln!(text, "| {number} | {measure} | {value} | {goal} | {} |", verdict.words());
    }
    text
}

/// A count with its thousands apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_apart() {
        assert_eq!(["7", "700", "7 000", "1 234 567"], [7, 700, 7000, 1_234_567].map(grouped)[..]);
    }
}
