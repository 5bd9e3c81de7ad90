//! The counts that are kept in the repository: a growth of more than 2 % is a decision, which changes the record.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::functions::root;

/// Instructions of one function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Count {
    /// From exec to the first poll.
    pub(crate) ready: u64,
    /// For each event.
    pub(crate) per_event: u64,
}

/// Counts by function.
pub(crate) type Counts = BTreeMap<String, Count>;

const GROWTH_PERCENT_MAX: u64 = 2;

/// What is kept.
pub(crate) fn kept() -> Result<Counts> {
    Ok(serde_json::from_slice(&std::fs::read(path())?)?)
}

/// Keeps these from now on.
pub(crate) fn keep(counts: &Counts) -> Result<()> {
    let mut text = serde_json::to_string_pretty(counts)?;
    text.push('\n');
    Ok(std::fs::write(path(), text)?)
}

/// What has grown too much, in words.
pub(crate) fn growth(kept: &Counts, now: &Counts) -> Vec<String> {
    let mut grown = Vec::new();
    for (name, now) in now {
        let Some(kept) = kept.get(name) else {
            grown.push(format!("{name} is not in the record"));
            continue;
        };
        for (what, kept, now) in
            [("ready", kept.ready, now.ready), ("per event", kept.per_event, now.per_event)]
        {
            if now.saturating_mul(100) > kept.saturating_mul(100 + GROWTH_PERCENT_MAX) {
                grown.push(format!("{name}, {what}: {kept} -> {now} instructions"));
            }
        }
    }
    grown
}

fn path() -> PathBuf {
    root().join("tests/perf/counts.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(ready: u64, per_event: u64) -> Counts {
        Counts::from([("f".to_owned(), Count { ready, per_event })])
    }

    #[test]
    fn two_percent_may_be_chance_and_more_is_told() {
        assert_eq!(growth(&counts(1000, 100), &counts(1020, 102)), Vec::<String>::new());
        assert_eq!(growth(&counts(1000, 100), &counts(900, 103)), ["f, per event: 100 -> 103 instructions"]);
        assert_eq!(growth(&Counts::new(), &counts(1, 1)), ["f is not in the record"]);
    }
}
