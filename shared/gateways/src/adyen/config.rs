//! The settings of Adyen: those that move money, and those that only believe webhooks.

use payment::{GatewayReference, MerchantAccount};
use secrecy::{ExposeSecret, SecretString};
use settings::{SettingError, Settings};
use url::Url;

use super::name;
use crate::Routes;
use crate::mode::is_live;

/// What the adapter needs to speak to Adyen.
#[derive(Clone)]
pub struct AdyenSettings {
    pub(super) api_url: Url,
    pub(super) api_key: SecretString,
    pub(super) client_key: String,
    pub(super) merchant_account: MerchantAccount,
    pub(super) live: bool,
}

impl AdyenSettings {
    /// Reads `ADYEN_API_URL`, `ADYEN_API_KEY`, `ADYEN_CLIENT_KEY`, `ADYEN_MERCHANT_ACCOUNT` (for payment methods that
    /// name none) and `CONNECTOR_MODE`. Address and client key must be of that mode.
    pub fn from_settings(settings: &Settings) -> Result<Self, SettingError> {
        const URL: &str = "ADYEN_API_URL";
        const CLIENT_KEY: &str = "ADYEN_CLIENT_KEY";
        let live = is_live(settings)?;
        let api_url = settings.address(URL)?;
        if !api_url.path().ends_with(VERSION) {
            return Err(SettingError::malformed(URL, "it must end in /v71, the version this adapter speaks"));
        }
        if !fits(&api_url, live) {
            return Err(SettingError::malformed(URL, "the address is not of the CONNECTOR_MODE"));
        }
        let client_key = settings.required(CLIENT_KEY)?.to_owned();
        let prefix = if live { "live_" } else { "test_" };
        if !client_key.starts_with(prefix) {
            return Err(SettingError::malformed(
                CLIENT_KEY,
                format!("it must start with {prefix} in this CONNECTOR_MODE"),
            ));
        }
        Ok(Self {
            api_url,
            api_key: settings.secret("ADYEN_API_KEY")?,
            client_key,
            merchant_account: settings.parsed("ADYEN_MERCHANT_ACCOUNT")?,
            live,
        })
    }

    /// The account of a payment method, or the one that serves where none is named.
    pub(super) fn account<'a>(&'a self, named: Option<&'a MerchantAccount>) -> &'a MerchantAccount {
        named.unwrap_or(&self.merchant_account)
    }
}

/// What the reader of webhooks needs: no key of it moves money.
#[derive(Clone)]
pub struct AdyenWebhookSettings {
    pub(super) keys: Vec<SecretString>,
    pub(super) login: Option<SecretString>,
    pub(super) live: bool,
    pub(super) accounts: Vec<MerchantAccount>,
}

impl AdyenWebhookSettings {
    /// Reads `ADYEN_HMAC_KEYS` (hexadecimal, several while one is rotated), `ADYEN_WEBHOOK_USER` with
    /// `ADYEN_WEBHOOK_PASSWORD` (both or neither), `CONNECTOR_MODE`, and the accounts that are ours where
    /// `ADYEN_MERCHANT_ACCOUNT` or `PAYMENT_METHODS` name some: news of any other account is ignored.
    pub fn from_settings(settings: &Settings) -> Result<Self, SettingError> {
        const KEYS: &str = "ADYEN_HMAC_KEYS";
        const PASSWORD: &str = "ADYEN_WEBHOOK_PASSWORD";
        let keys = settings.secrets(KEYS)?;
        if keys.iter().any(|key| hex::decode(key.expose_secret()).is_err()) {
            return Err(SettingError::malformed(KEYS, "each key is written in hexadecimal digits"));
        }
        let login = match (settings.optional("ADYEN_WEBHOOK_USER")?, settings.optional(PASSWORD)?) {
            (None, None) => None,
            (Some(user), Some(password)) => Some(SecretString::from(format!("{user}:{password}"))),
            _ => {
                return Err(SettingError::malformed(
                    PASSWORD,
                    "user and password are set together or not at all",
                ));
            }
        };
        Ok(Self { keys, login, live: is_live(settings)?, accounts: accounts(settings)? })
    }
}

/// The version of the API that this adapter speaks, as its address ends.
const VERSION: &str = "/v71";

/// The live world is reached by a prefix of one's own, the test world by one address for all; any other host is a
/// simulator or a proxy, and only the test mode may go there without TLS.
fn fits(url: &Url, live: bool) -> bool {
    let host = url.host_str().unwrap_or_default();
    if live {
        url.scheme() == "https" && host != "checkout-test.adyen.com"
    } else {
        !host.ends_with(".adyenpayments.com")
    }
}

fn accounts(settings: &Settings) -> Result<Vec<MerchantAccount>, SettingError> {
    let mut accounts = Vec::new();
    if settings.optional("ADYEN_MERCHANT_ACCOUNT")?.is_some() {
        accounts.push(settings.parsed("ADYEN_MERCHANT_ACCOUNT")?);
    }
    if settings.optional("PAYMENT_METHODS")?.is_some() {
        let routes = Routes::from_settings(settings)?;
        let ours = routes.iter().filter(|route| route.gateway == name());
        accounts.extend(ours.filter_map(|route| route.merchant_account.clone()));
    }
    Ok(accounts)
}

/// An id of Adyen's, where it is one that may stand in a path or a log line.
pub(super) fn reference(text: &str) -> Option<GatewayReference> {
    text.parse().ok()
}
