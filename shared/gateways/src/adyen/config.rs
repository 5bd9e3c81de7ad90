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

#[cfg(test)]
mod tests {
    use super::*;

    /// The settings of a test deployment, but for this one; the name that stops the start, or `None`.
    fn stopped_by(mode: &str, changed: &'static str, value: &str) -> Option<String> {
        let mut table = vec![
            ("CONNECTOR_MODE", mode),
            ("ADYEN_API_KEY", "AQE-key"),
            ("ADYEN_MERCHANT_ACCOUNT", "AcmeTV"),
            ("ADYEN_API_URL", "https://checkout-test.adyen.com/v71"),
            ("ADYEN_CLIENT_KEY", "test_CLIENT"),
            ("ADYEN_HMAC_KEYS", "44782DEF"),
        ];
        if mode == "live" {
            table.push(("ADYEN_API_URL", "https://a1b2-acme-checkout-live.adyenpayments.com/checkout/v71"));
            table.push(("ADYEN_CLIENT_KEY", "live_CLIENT"));
        }
        table.push((changed, value));
        let settings = Settings::from_table(table);
        let error = AdyenSettings::from_settings(&settings)
            .err()
            .or_else(|| AdyenWebhookSettings::from_settings(&settings).err())?;
        assert!(value.is_empty() || !error.to_string().contains(value), "{error} repeats the value");
        Some(error.name().to_owned())
    }

    #[test]
    fn a_deployment_of_one_world_does_not_start_with_the_others_address_or_key() {
        const TEST: &str = "https://checkout-test.adyen.com/v71";
        const LIVE: &str = "https://a1b2-acme-checkout-live.adyenpayments.com/checkout/v71";
        const PLAIN: &str = "http://a1b2-acme-checkout-live.adyenpayments.com/checkout/v71";
        assert_eq!(stopped_by("test", "ADYEN_API_URL", TEST), None);
        assert_eq!(stopped_by("live", "ADYEN_API_URL", LIVE), None);
        assert_eq!(stopped_by("test", "ADYEN_API_URL", "http://127.0.0.1:8080/peers/adyen/v71"), None);
        for (mode, name, value) in [
            ("live", "ADYEN_API_URL", TEST),
            ("live", "ADYEN_API_URL", PLAIN),
            ("test", "ADYEN_API_URL", LIVE),
            ("test", "ADYEN_API_URL", "https://checkout-test.adyen.com/v70"),
            ("live", "ADYEN_CLIENT_KEY", "test_CANARY"),
            ("test", "ADYEN_CLIENT_KEY", "live_CANARY"),
            ("Test", "CONNECTOR_MODE", "sandbox"),
            ("test", "ADYEN_HMAC_KEYS", "not-hexadecimal"),
            ("test", "ADYEN_HMAC_KEYS", "44782DEF,,44782DEF"),
            ("test", "ADYEN_API_KEY", ""),
            ("test", "ADYEN_MERCHANT_ACCOUNT", "two words"),
        ] {
            assert_eq!(stopped_by(mode, name, value).as_deref(), Some(name), "{mode} {value}");
        }
    }

    #[test]
    fn the_accounts_of_the_payment_methods_are_ours_too() {
        let methods = r#"[{"paymentMethodId":1,"gateway":"adyen","merchantAccount":"AcmeSport"},
                          {"paymentMethodId":2,"gateway":"stripe","merchantAccount":"acct_1"}]"#;
        let settings = Settings::from_table([
            ("CONNECTOR_MODE", "test"),
            ("ADYEN_HMAC_KEYS", "44782DEF"),
            ("ADYEN_MERCHANT_ACCOUNT", "AcmeTV"),
            ("PAYMENT_METHODS", methods),
        ]);
        let accounts = AdyenWebhookSettings::from_settings(&settings).unwrap().accounts;
        let names: Vec<_> = accounts.iter().map(MerchantAccount::as_str).collect();
        assert_eq!(names, ["AcmeTV", "AcmeSport"]);
    }
}
