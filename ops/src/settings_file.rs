//! Files of settings: what `aws lambda get-function-configuration` prints of several functions, one after the other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use settings::Settings;

use crate::OpenError;

/// Every function names the secrets that it may read; an operator reads them all.
const SECRETS: &str = "SECRETS";

/// The files' settings with the environment's over them. A file holds JSON objects of texts, one or several; what a later
/// one repeats counts, and the secrets that they name add up.
pub(crate) fn read(files: &[PathBuf]) -> Result<Settings, OpenError> {
    let mut table = BTreeMap::new();
    for path in files {
        let text = std::fs::read(path).map_err(|error| not_settings(path, &error))?;
        add(&text, &mut table).map_err(|error| {
            // The reader's own words can repeat a value.
            not_settings(path, &format!("{:?} error at line {}", error.classify(), error.line()))
        })?;
    }
    Ok(Settings::from_table(table).under_environment())
}

fn add(text: &[u8], table: &mut BTreeMap<String, String>) -> Result<(), serde_json::Error> {
    for object in serde_json::Deserializer::from_slice(text).into_iter::<BTreeMap<String, String>>() {
        for (name, value) in object? {
            let value = match table.remove(&name) {
                Some(kept) if name == SECRETS => both(&kept, &value),
                _ => value,
            };
            table.insert(name, value);
        }
    }
    Ok(())
}

fn both(kept: &str, more: &str) -> String {
    let known: Vec<_> = kept.split(',').collect();
    let new = more.split(',').filter(|name| !known.contains(name));
    known.iter().copied().chain(new).collect::<Vec<_>>().join(",")
}

fn not_settings(path: &Path, why: &dyn std::fmt::Display) -> OpenError {
    OpenError::File { path: path.to_owned(), why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_of_several_functions_are_one_and_their_secrets_add_up() {
        let mut table = BTreeMap::new();
        let printed = r#"{"LEDGER_TABLE":"old","SECRETS":"arn:cleeng,arn:stripe"}
            {"LEDGER_TABLE":"ledger","SECRETS":"arn:cleeng,arn:stripe-webhook"}"#;
        add(printed.as_bytes(), &mut table).unwrap();
        assert_eq!(table["LEDGER_TABLE"], "ledger");
        assert_eq!(table["SECRETS"], "arn:cleeng,arn:stripe,arn:stripe-webhook");
        assert!(add(b"{\"A\":1}", &mut table).is_err() && add(b"export A=1", &mut table).is_err());
    }
}
