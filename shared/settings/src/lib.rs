//! The knobs: settings and secrets by name, and errors that say which one is missing, empty, malformed or still a placeholder.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use aws_credential_types::Credentials;
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use url::Url;

/// Where settings are read from: the process's environment, or a table made by the local system and tests.
#[derive(Clone)]
pub struct Settings {
    values: BTreeMap<String, String>,
}

impl Settings {
    /// The process's environment.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub fn from_environment() -> Self {
        Self { values: std::env::vars().collect() }
    }

    /// A table of names and values.
    pub fn from_table<N: Into<String>, V: Into<String>>(table: impl IntoIterator<Item = (N, V)>) -> Self {
        Self { values: table.into_iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }

    /// The same settings with some added or replaced, such as secrets fetched at start.
    pub fn with<N: Into<String>, V: Into<String>>(mut self, more: impl IntoIterator<Item = (N, V)>) -> Self {
        self.values.extend(more.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// These settings with the process's environment over them.
    pub fn under_environment(mut self) -> Self {
        self.values.extend(Self::from_environment().values);
        self
    }

    /// A setting that must be there.
    pub fn required(&self, name: &'static str) -> Result<&str, SettingError> {
        match self.values.get(name).map(|value| value.trim()) {
            None => Err(SettingError { name, problem: Problem::Missing }),
            Some("") => Err(SettingError { name, problem: Problem::Empty }),
            Some(value) if is_placeholder(value) => Err(SettingError { name, problem: Problem::Placeholder }),
            Some(value) => Ok(value),
        }
    }

    /// A setting that may be absent; present but empty counts as absent, a placeholder does not.
    pub fn optional(&self, name: &'static str) -> Result<Option<&str>, SettingError> {
        match self.required(name) {
            Ok(value) => Ok(Some(value)),
            Err(SettingError { problem: Problem::Missing | Problem::Empty, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A required setting of any type that can be read from text.
    pub fn parsed<T: FromStr>(&self, name: &'static str) -> Result<T, SettingError>
    where
        T::Err: fmt::Display,
    {
        parse(name, self.required(name)?)
    }

    /// An optional setting of any type that can be read from text, with its default.
    pub fn parsed_or<T: FromStr>(&self, name: &'static str, default: T) -> Result<T, SettingError>
    where
        T::Err: fmt::Display,
    {
        self.optional(name)?.map_or(Ok(default), |value| parse(name, value))
    }

    /// A required absolute http(s) address without a trailing slash, query or user.
    pub fn address(&self, name: &'static str) -> Result<Url, SettingError> {
        let mut url: Url = self.parsed(name)?;
        let plain = matches!(url.scheme(), "http" | "https")
            && url.host().is_some()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty();
        if !plain {
            return Err(malformed(
                name,
                "an absolute http(s) address without user, query or fragment is needed",
            ));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(url)
    }

    /// A required secret.
    pub fn secret(&self, name: &'static str) -> Result<SecretString, SettingError> {
        self.required(name).map(SecretString::from)
    }

    /// The identity that the platform gives a function: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, where it is set,
    /// `AWS_SESSION_TOKEN`. It changes only with the environment.
    pub fn aws_credentials(&self) -> Result<Credentials, SettingError> {
        let secret = self.platform_secret("AWS_SECRET_ACCESS_KEY");
        let secret = secret.ok_or_else(|| SettingError::missing("AWS_SECRET_ACCESS_KEY"))?;
        let session = self.platform_secret("AWS_SESSION_TOKEN").map(str::to_owned);
        Ok(Credentials::new(self.required("AWS_ACCESS_KEY_ID")?, secret, session, None, "environment"))
    }

    /// A secret that the platform makes and rotates. Taken as it is: random text may well begin as a placeholder does, and then
    /// a start would fail once in some ten thousand.
    fn platform_secret(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// Secrets of which several are live at once while one is being rotated, separated by commas; at least one.
    pub fn secrets(&self, name: &'static str) -> Result<Vec<SecretString>, SettingError> {
        let parts: Vec<_> = self.required(name)?.split(',').map(str::trim).collect();
        if parts.iter().any(|part| part.is_empty() || is_placeholder(part)) {
            return Err(malformed(name, "one of its comma-separated values is empty or a placeholder"));
        }
        Ok(parts.into_iter().map(SecretString::from).collect())
    }

    /// A required setting written as JSON.
    pub fn json<T: DeserializeOwned>(&self, name: &'static str) -> Result<T, SettingError> {
        serde_json::from_str(self.required(name)?).map_err(|error| malformed(name, error))
    }
}

/// What is wrong with which setting. The value is never repeated: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("setting {name} {problem}")]
pub struct SettingError {
    name: &'static str,
    problem: Problem,
}

impl SettingError {
    /// A setting whose value does not serve, with what would.
    pub fn malformed(name: &'static str, why: impl fmt::Display) -> Self {
        malformed(name, why)
    }

    /// A setting that is not there and must be.
    pub fn missing(name: &'static str) -> Self {
        Self { name, problem: Problem::Missing }
    }

    /// The setting's name.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Problem {
    Missing,
    Empty,
    Placeholder,
    Malformed(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::Empty => f.write_str("is empty"),
            Self::Placeholder => f.write_str("is still a placeholder: put the real value in"),
            Self::Malformed(why) => write!(f, "does not serve: {why}"),
        }
    }
}

fn malformed(name: &'static str, why: impl fmt::Display) -> SettingError {
    SettingError { name, problem: Problem::Malformed(why.to_string()) }
}

fn parse<T: FromStr>(name: &'static str, value: &str) -> Result<T, SettingError>
where
    T::Err: fmt::Display,
{
    value.parse().map_err(|error| malformed(name, error))
}

/// What people leave behind in templates: a deployment that starts with one of these fails later and worse.
fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let marks =
        ["changeme", "change-me", "change_me", "placeholder", "replace-me", "replace_me", "replaceme"];
    marks.iter().any(|mark| lower.contains(mark))
        || ["your-", "your_", "todo", "xxx", "<", "${", "{{"].iter().any(|start| lower.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_is_missing_empty_or_a_placeholder_is_named() {
        let settings = Settings::from_table([
            ("EMPTY", "  "),
            ("KEPT", "your-key-here"),
            ("ANGLE", "<secret>"),
            ("SHELL", "${KEY}"),
            ("MARK", "sk_changeme_1"),
        ]);
        let told = |name| settings.required(name).unwrap_err().to_string();
        assert_eq!(told("GONE"), "setting GONE is missing");
        assert_eq!(told("EMPTY"), "setting EMPTY is empty");
        for name in ["KEPT", "ANGLE", "SHELL", "MARK"] {
            assert!(told(name).contains("still a placeholder"), "{name}");
        }
    }

    #[test]
    fn an_error_never_repeats_the_value() {
        let settings = Settings::from_table([("PORT", "sk_live_secret"), ("LIST", "good,,bad")]);
        let port = settings.parsed::<u16>("PORT").unwrap_err().to_string();
        assert!(port.starts_with("setting PORT does not serve") && !port.contains("sk_live"), "{port}");
        assert!(!settings.secrets("LIST").unwrap_err().to_string().contains("good"));
    }

    #[test]
    fn what_the_platform_makes_is_never_taken_for_a_placeholder() {
        let secret = "XXXtodo/random+text";
        let table =
            [("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", secret), ("AWS_SESSION_TOKEN", " ")];
        let settings = Settings::from_table(table);
        assert!(settings.required("AWS_SECRET_ACCESS_KEY").is_err());
        let credentials = settings.aws_credentials().unwrap();
        assert_eq!((credentials.secret_access_key(), credentials.session_token()), (secret, None));
        let error = Settings::from_table([("AWS_ACCESS_KEY_ID", "key")]).aws_credentials().unwrap_err();
        assert_eq!(error.to_string(), "setting AWS_SECRET_ACCESS_KEY is missing");
    }

    #[test]
    fn an_address_is_absolute_and_loses_its_trailing_slash() {
        let settings = Settings::from_table([
            ("GOOD", "https://api.cleeng.com/3.1/"),
            ("RELATIVE", "/3.1"),
            ("USER", "https://me@host/"),
            ("FTP", "ftp://host/"),
        ]);
        assert_eq!(settings.address("GOOD").unwrap().as_str(), "https://api.cleeng.com/3.1");
        for name in ["RELATIVE", "USER", "FTP"] {
            assert!(settings.address(name).is_err(), "{name}");
        }
    }
}
