//! Lines of history as short texts: `2026-11-21T09:12:51Z ./1/capture: capture intended`, then `+2 ./1/capture: Cleeng knows`
//! for a line that is so many seconds later.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Beginnings;

/// A line that is later than this says its own time.
const SECONDS_MAX: i64 = 3600;

/// Shortens each line that can be read back exactly; the others stay objects.
pub(super) fn shorten_lines(history: &mut [Value], beginnings: &Beginnings) {
    let mut before = None;
    for line in history {
        let at = line.get("at").and_then(Value::as_str).and_then(|at| at.parse().ok());
        let text = as_text(line, before, beginnings);
        if let Some(text) = text.filter(|text| as_object(text, before, beginnings).as_ref() == Some(line)) {
            *line = text;
        }
        before = at;
    }
}

/// Undoes [`shorten_lines`].
pub(super) fn lengthen_lines(history: &mut [Value], beginnings: &Beginnings) {
    let mut before = None;
    for line in history {
        if let Some(object) = as_object(line, before, beginnings) {
            *line = object;
        }
        before = line.get("at").and_then(Value::as_str).and_then(|at| at.parse().ok());
    }
}

fn as_text(line: &Value, before: Option<Timestamp>, beginnings: &Beginnings) -> Option<Value> {
    let fields = line.as_object().filter(|fields| fields.len() == 2)?;
    let (at, what) = (fields.get("at")?.as_str()?, fields.get("what")?.as_str()?);
    let seconds =
        before.and_then(|before| Some(at.parse::<Timestamp>().ok()?.duration_since(before).as_secs()));
    let at = match seconds.filter(|seconds| (0..=SECONDS_MAX).contains(seconds)) {
        Some(seconds) => format!("+{seconds}"),
        None => at.to_owned(),
    };
    let what = beginnings.shortened(what).unwrap_or_else(|| what.to_owned());
    Some(json!(format!("{at} {what}")))
}

fn as_object(text: &Value, before: Option<Timestamp>, beginnings: &Beginnings) -> Option<Value> {
    let (at, what) = text.as_str()?.split_once(' ')?;
    let at = match at.strip_prefix('+') {
        Some(seconds) => {
            before?.checked_add(SignedDuration::from_secs(seconds.parse().ok()?)).ok()?.to_string()
        }
        None => at.to_owned(),
    };
    let what = beginnings.lengthened(what).unwrap_or_else(|| what.to_owned());
    Some(json!({ "at": at, "what": what }))
}
