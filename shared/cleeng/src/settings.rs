//! Which settings this crate reads: the API key, the webhook secrets and the MediaStore address are apart, because no function needs all three.

use http::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use settings::{SettingError, Settings};
use url::Url;

/// What the API client needs. Its `Debug` shows no key: the header is marked sensitive.
#[derive(Clone, Debug)]
pub struct CleengSettings {
    pub(crate) url: Url,
    pub(crate) token: HeaderValue,
    pub(crate) free_payment_operation: String,
    pub(crate) order_payments_path: String,
    pub(crate) external_payments_path: String,
    pub(crate) refunded_amount_field: String,
    pub(crate) refund_type_field: String,
    pub(crate) termination: TerminationCall,
    pub(crate) dunning_actions_path: String,
}

impl CleengSettings {
    /// Reads `CLEENG_API_URL` (ending in `/3.1`), `CLEENG_PUBLISHER_TOKEN` and what Cleeng does not document, which
    /// has a default each (`docs/unverified.md`). Where `CONNECTOR_MODE` is `live`, the address is neither the
    /// sandbox's nor plain HTTP; where it is `test`, it is not Cleeng's own.
    pub fn from_settings(settings: &Settings) -> Result<Self, SettingError> {
        Ok(Self {
            url: api_address(settings)?,
            token: publisher_token(settings)?,
            free_payment_operation: word(
                settings,
                "CLEENG_FREE_PAYMENT_OPERATION",
                "initial-free-transaction",
            )?,
            order_payments_path: path(
                settings,
                "CLEENG_ORDER_PAYMENTS_PATH",
                "{orderId}",
                "/orders/{orderId}/payments",
            )?,
            external_payments_path: path(
                settings,
                "CLEENG_EXTERNAL_PAYMENTS_PATH",
                "{externalPaymentId}",
                "/payments?externalPaymentId={externalPaymentId}",
            )?,
            refunded_amount_field: word(settings, "CLEENG_REFUNDED_AMOUNT_FIELD", "refundedAmount")?,
            refund_type_field: word(settings, "CLEENG_REFUND_TYPE_FIELD", "refundType")?,
            termination: settings.parsed_or("CLEENG_TERMINATION", TerminationCall::Post)?,
            dunning_actions_path: path(
                settings,
                "CLEENG_DUNNING_ACTIONS_PATH",
                "{cycle}",
                "/dunning_actions/{cycle}",
            )?,
        })
    }
}

/// Which of the two documented calls ends a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerminationCall {
    /// `POST /subscriptions/{id}/terminate` with a reason class.
    Post,
    /// `PATCH /subscriptions/{id}` to `terminated`, the connector guide's older form.
    Patch,
}

impl std::str::FromStr for TerminationCall {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "post" => Ok(Self::Post),
            "patch" => Ok(Self::Patch),
            _ => Err("post or patch is needed"),
        }
    }
}

/// What the check of customers' tokens needs; no key.
#[derive(Clone, Debug)]
pub struct MediaStoreSettings {
    pub(crate) url: Url,
}

impl MediaStoreSettings {
    /// Reads `CLEENG_MEDIASTORE_URL`.
    pub fn from_settings(settings: &Settings) -> Result<Self, SettingError> {
        Ok(Self { url: settings.address("CLEENG_MEDIASTORE_URL")? })
    }
}

/// What verifying Cleeng's webhooks needs; no key that could move anything.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    pub(crate) secrets: Vec<SecretString>,
    pub(crate) header: HeaderName,
    pub(crate) encoding: SignatureEncoding,
    pub(crate) publisher: Option<u64>,
}

impl WebhookSettings {
    /// Reads `CLEENG_WEBHOOK_SECRETS` (comma-separated, each at least 16 bytes, Cleeng's own minimum), or, where there
    /// are none, wants `CLEENG_WEBHOOKS_UNSIGNED` to say `accepted-without-signature` in so many words; further
    /// `CLEENG_WEBHOOK_SIGNATURE_HEADER`, `CLEENG_WEBHOOK_SIGNATURE_ENCODING` and `CLEENG_PUBLISHER_ID`.
    pub fn from_settings(settings: &Settings) -> Result<Self, SettingError> {
        const SECRETS: &str = "CLEENG_WEBHOOK_SECRETS";
        const UNSIGNED: &str = "CLEENG_WEBHOOKS_UNSIGNED";
        const SECRET_BYTES_MIN: usize = 16;
        let unsigned = match settings.optional(UNSIGNED)? {
            None => false,
            Some("accepted-without-signature") => true,
            Some(_) => {
                return Err(SettingError::malformed(
                    UNSIGNED,
                    "the only value is accepted-without-signature",
                ));
            }
        };
        let secrets = match (settings.optional(SECRETS)?, unsigned) {
            (Some(_), true) => {
                return Err(SettingError::malformed(
                    UNSIGNED,
                    "there are secrets, so unsigned webhooks are not accepted",
                ));
            }
            (None, true) => Vec::new(),
            (_, false) => settings.secrets(SECRETS)?,
        };
        if secrets.iter().any(|secret| secret.expose_secret().len() < SECRET_BYTES_MIN) {
            return Err(SettingError::malformed(SECRETS, "each secret has at least 16 bytes"));
        }
        Ok(Self {
            secrets,
            header: settings.parsed_or(
                "CLEENG_WEBHOOK_SIGNATURE_HEADER",
                HeaderName::from_static("x-cleeng-signature"),
            )?,
            encoding: settings.parsed_or("CLEENG_WEBHOOK_SIGNATURE_ENCODING", SignatureEncoding::Hex)?,
            publisher: settings
                .optional("CLEENG_PUBLISHER_ID")?
                .map(|_| settings.parsed("CLEENG_PUBLISHER_ID"))
                .transpose()?,
        })
    }
}

impl WebhookSettings {
    /// The live secrets, newest first; none where unsigned webhooks are accepted.
    pub fn secrets(&self) -> &[SecretString] {
        &self.secrets
    }
}

/// How a signature is written in its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureEncoding {
    /// Hexadecimal, either case.
    Hex,
    /// Base64 with the standard alphabet.
    Base64,
}

impl std::str::FromStr for SignatureEncoding {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "hex" => Ok(Self::Hex),
            "base64" => Ok(Self::Base64),
            _ => Err("hex or base64 is needed"),
        }
    }
}

fn api_address(settings: &Settings) -> Result<Url, SettingError> {
    const NAME: &str = "CLEENG_API_URL";
    let url = settings.address(NAME)?;
    let host = url.host_str().unwrap_or_default();
    let is_sandbox = host.contains("sandbox");
    match settings.optional("CONNECTOR_MODE")? {
        Some("live") if is_sandbox || url.scheme() != "https" => {
            Err(SettingError::malformed(NAME, "a live deployment speaks https, and not with the sandbox"))
        }
        // A test card must not pay for what a real viewer then watches.
        Some("test") if host.ends_with(".cleeng.com") && !is_sandbox => {
            Err(SettingError::malformed(NAME, "a test deployment speaks with the sandbox"))
        }
        _ => Ok(url),
    }
}

/// The key is kept as the header that it is sent in, marked so that neither we nor the HTTP stack print it.
fn publisher_token(settings: &Settings) -> Result<HeaderValue, SettingError> {
    const NAME: &str = "CLEENG_PUBLISHER_TOKEN";
    let mut header = HeaderValue::from_str(settings.secret(NAME)?.expose_secret())
        .map_err(|_| SettingError::malformed(NAME, "letters, digits, - and _ are needed"))?;
    header.set_sensitive(true);
    Ok(header)
}

/// A name that Cleeng's bodies use: letters, digits, `-` and `_`.
fn word(settings: &Settings, name: &'static str, default: &str) -> Result<String, SettingError> {
    let word = settings.optional(name)?.unwrap_or(default);
    let fits = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if fits {
        Ok(word.to_owned())
    } else {
        Err(SettingError::malformed(name, "letters, digits, - and _ are needed"))
    }
}

/// A path below the API's address with one place to fill.
fn path(settings: &Settings, name: &'static str, place: &str, default: &str) -> Result<String, SettingError> {
    let path = settings.optional(name)?.unwrap_or(default);
    let bare = path.replacen(place, "", 1);
    let fits = path.starts_with('/')
        && bare.len() < path.len()
        && bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./?=&".contains(&byte));
    if fits {
        Ok(path.to_owned())
    } else {
        Err(SettingError::malformed(
            name,
            format!("a path such as {default} is needed, with {place} in it once"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(more: &[(&'static str, &'static str)]) -> Settings {
        let base = [
            ("CLEENG_API_URL", "https://api.sandbox.cleeng.com/3.1"),
            ("CLEENG_PUBLISHER_TOKEN", "k-canary_1"),
        ];
        Settings::from_table(base).with(more.iter().copied())
    }

    #[test]
    fn the_key_is_not_printed() {
        let settings = CleengSettings::from_settings(&table(&[])).unwrap();
        assert!(!format!("{settings:?}").contains("canary"));
    }

    #[test]
    fn a_live_deployment_speaks_https_with_cleeng_itself_and_a_test_deployment_never_does() {
        let read = |mode, url| {
            CleengSettings::from_settings(&table(&[("CONNECTOR_MODE", mode), ("CLEENG_API_URL", url)]))
        };
        const SANDBOX: &str = "https://api.sandbox.cleeng.com/3.1";
        const LIVE: &str = "https://api.cleeng.com/3.1";
        for (mode, url) in [("live", SANDBOX), ("live", "http://api.cleeng.com/3.1"), ("test", LIVE)] {
            assert_eq!(read(mode, url).unwrap_err().name(), "CLEENG_API_URL", "{mode} {url}");
        }
        assert!(read("live", LIVE).is_ok() && read("test", SANDBOX).is_ok());
        assert!(read("test", "http://127.0.0.1:8080/peers/cleeng").is_ok(), "the local system");
    }

    #[test]
    fn an_undocumented_name_that_could_leave_its_place_is_refused() {
        for (name, value) in [
            ("CLEENG_ORDER_PAYMENTS_PATH", "/payments"),
            ("CLEENG_ORDER_PAYMENTS_PATH", "https://evil.example/{orderId}"),
            ("CLEENG_REFUNDED_AMOUNT_FIELD", "a\"b"),
            ("CLEENG_TERMINATION", "delete"),
        ] {
            assert_eq!(CleengSettings::from_settings(&table(&[(name, value)])).unwrap_err().name(), name);
        }
        let query = [("CLEENG_ORDER_PAYMENTS_PATH", "/payments?orderId={orderId}")];
        assert!(CleengSettings::from_settings(&table(&query)).is_ok());
    }

    #[test]
    fn a_deployment_without_webhook_secret_must_say_so_in_so_many_words() {
        let read = |more: &[(&'static str, &'static str)]| WebhookSettings::from_settings(&table(more));
        const SECRET: (&str, &str) = ("CLEENG_WEBHOOK_SECRETS", "0123456789abcdef");
        const UNSIGNED: (&str, &str) = ("CLEENG_WEBHOOKS_UNSIGNED", "accepted-without-signature");
        assert_eq!(read(&[]).unwrap_err().name(), "CLEENG_WEBHOOK_SECRETS");
        assert!(read(&[SECRET]).is_ok());
        assert!(read(&[UNSIGNED]).is_ok());
        assert!(read(&[UNSIGNED, SECRET]).is_err());
        assert!(read(&[("CLEENG_WEBHOOKS_UNSIGNED", "yes")]).is_err());
        assert!(read(&[("CLEENG_WEBHOOK_SECRETS", "short")]).is_err());
    }
}
