//! What a command answers: a text for a person, the same as JSON for a program, and whether somebody must act.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};
use jiff::Timestamp;
use serde_json::Value;

/// A command's answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// For a person.
    pub text: String,
    /// For a program.
    pub json: Value,
    /// Whether it found what a person must act on.
    pub needs_a_person: bool,
}

impl Report {
    pub(crate) fn new(text: impl Into<String>, json: Value) -> Self {
        Self { text: text.into(), json, needs_a_person: false }
    }

    pub(crate) fn needs_a_person(mut self, needs: bool) -> Self {
        self.needs_a_person = needs;
        self
    }
}

/// Of every table, whatever the terminal: what is printed can be compared and pasted.
const WIDTH: u16 = 132;

/// A table with these columns.
pub(crate) fn table<R, C>(head: &[&str], rows: impl IntoIterator<Item = R>) -> String
where
    R: IntoIterator<Item = C>,
    C: Into<String>,
{
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(WIDTH)
        .set_header(head.iter().copied());
    for row in rows {
        table.add_row(row.into_iter().map(Into::into).collect::<Vec<String>>());
    }
    table.to_string()
}

/// A time as a person reads it, UTC by the second.
pub(crate) fn hour(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A time as a day.
pub(crate) fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// How long ago, in the largest whole unit.
pub(crate) fn age(since: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(since).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
