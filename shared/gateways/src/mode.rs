//! Live or test: keys, addresses and webhooks must all be of the deployment's own mode.

use settings::{SettingError, Settings};

/// Whether `CONNECTOR_MODE` is `live`; it is `test` otherwise, and nothing else.
pub(crate) fn is_live(settings: &Settings) -> Result<bool, SettingError> {
    const NAME: &str = "CONNECTOR_MODE";
    match settings.required(NAME)? {
        "live" => Ok(true),
        "test" => Ok(false),
        _ => Err(SettingError::malformed(NAME, "it is either live or test")),
    }
}
