//! Stripe's settings: keys of the deployment's own mode, or no start.

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use settings::{SettingError, Settings};
use url::Url;

use super::name;
use crate::Routes;
use crate::mode::is_live;

/// What it takes to move money at Stripe.
#[derive(Clone)]
pub struct StripeSettings {
    pub(super) api: Url,
    /// `Bearer sk_…`, marked sensitive so that no Debug prints it.
    pub(super) authorisation: HeaderValue,
    pub(super) publishable_key: String,
}

impl StripeSettings {
    /// Reads `STRIPE_API_URL`, `STRIPE_SECRET_KEY` and `STRIPE_PUBLISHABLE_KEY`; both keys must be of `CONNECTOR_MODE`.
    /// A payment method of Stripe's in `PAYMENT_METHODS` may name no account: the key's own is the only one charged.
    pub fn from_settings(settings: &Settings) -> Result<Self, SettingError> {
        const API: &str = "STRIPE_API_URL";
        const SECRET: &str = "STRIPE_SECRET_KEY";
        const PUBLISHABLE: &str = "STRIPE_PUBLISHABLE_KEY";
        let live = is_live(settings)?;
        check_routes(settings)?;
        let api = settings.address(API)?;
        if live && api.scheme() != "https" {
            return Err(SettingError::malformed(API, "live keys travel over https only"));
        }
        let secret = settings.secret(SECRET)?;
        // A restricted key (rk_) with the needed permissions serves as well, and better.
        check_mode(SECRET, secret.expose_secret(), ["sk", "rk"], live)?;
        let mut authorisation = HeaderValue::from_str(&format!("Bearer {}", secret.expose_secret()))
            .map_err(|_| SettingError::malformed(SECRET, "it holds characters that no key has"))?;
        authorisation.set_sensitive(true);
        let publishable_key = settings.required(PUBLISHABLE)?.to_owned();
        check_mode(PUBLISHABLE, &publishable_key, ["pk", "pk"], live)?;
        Ok(Self { api, authorisation, publishable_key })
    }
}

/// What it takes to believe Stripe's webhooks; no key that moves money.
#[derive(Clone)]
pub struct StripeWebhookSettings {
    pub(super) secrets: Vec<SecretString>,
    pub(super) live: bool,
}

impl StripeWebhookSettings {
    /// Reads `STRIPE_WEBHOOK_SECRETS` (several while one is rotated) and `CONNECTOR_MODE`.
    pub fn from_settings(settings: &Settings) -> Result<Self, SettingError> {
        Ok(Self { secrets: settings.secrets("STRIPE_WEBHOOK_SECRETS")?, live: is_live(settings)? })
    }
}

/// An account that is named and not charged would let money settle elsewhere than the operator thinks.
fn check_routes(settings: &Settings) -> Result<(), SettingError> {
    const NAME: &str = "PAYMENT_METHODS";
    if settings.optional(NAME)?.is_none() {
        return Ok(());
    }
    let routes = Routes::from_settings(settings)?;
    if routes.iter().any(|route| route.gateway == name() && route.merchant_account.is_some()) {
        return Err(SettingError::malformed(
            NAME,
            "a payment method of stripe names a merchantAccount; the key knows it",
        ));
    }
    Ok(())
}

/// Stripe's keys say their kind and mode in their first letters (`sk_live_…`).
fn check_mode(name: &'static str, key: &str, kinds: [&str; 2], live: bool) -> Result<(), SettingError> {
    let mode = if live { "live" } else { "test" };
    if kinds.iter().any(|kind| key.starts_with(&format!("{kind}_{mode}_"))) {
        return Ok(());
    }
    let [kind, _] = kinds;
    Err(SettingError::malformed(
        name,
        format!("CONNECTOR_MODE={mode} needs a key that begins with {kind}_{mode}_"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(
        mode: &str,
        secret: &str,
        publishable: &str,
        api: &str,
    ) -> Result<StripeSettings, SettingError> {
        StripeSettings::from_settings(&Settings::from_table([
            ("CONNECTOR_MODE", mode),
            ("STRIPE_SECRET_KEY", secret),
            ("STRIPE_PUBLISHABLE_KEY", publishable),
            ("STRIPE_API_URL", api),
        ]))
    }

    fn refused(mode: &str, secret: &str, publishable: &str, api: &str) -> &'static str {
        settings(mode, secret, publishable, api).err().map_or("nothing", |error| error.name())
    }

    #[test]
    fn an_account_that_would_not_be_charged_stops_the_start() {
        let with = |account: &str| {
            let route =
                format!(r#"[{{"paymentMethodId":1,"gateway":"stripe","merchantAccount":{account}}}]"#);
            StripeSettings::from_settings(&Settings::from_table([
                ("CONNECTOR_MODE", "test"),
                ("STRIPE_SECRET_KEY", "sk_test_1"),
                ("STRIPE_PUBLISHABLE_KEY", "pk_test_1"),
                ("STRIPE_API_URL", "https://api.stripe.com"),
                ("PAYMENT_METHODS", &route),
            ]))
        };
        assert!(with("null").is_ok());
        assert_eq!(with("\"acct_1\"").err().map(|error| error.name()), Some("PAYMENT_METHODS"));
    }

    #[test]
    fn a_key_of_the_other_mode_stops_the_start_and_is_not_repeated() {
        const API: &str = "https://api.stripe.com";
        assert!(settings("test", "sk_test_1", "pk_test_1", API).is_ok());
        assert!(settings("live", "rk_live_1", "pk_live_1", API).is_ok());
        assert_eq!(refused("live", "sk_test_1", "pk_live_1", API), "STRIPE_SECRET_KEY");
        assert_eq!(refused("test", "sk_live_1", "pk_test_1", API), "STRIPE_SECRET_KEY");
        assert_eq!(refused("test", "pk_test_1", "pk_test_1", API), "STRIPE_SECRET_KEY");
        assert_eq!(refused("test", "sk_test_1", "pk_live_1", API), "STRIPE_PUBLISHABLE_KEY");
        assert_eq!(refused("live", "sk_live_1", "pk_live_1", "http://api.stripe.com"), "STRIPE_API_URL");
        assert_eq!(refused("Live", "sk_live_1", "pk_live_1", API), "CONNECTOR_MODE");
        let told = settings("live", "sk_test_canary", "pk_live_1", API).err().map(|error| error.to_string());
        assert!(told.is_some_and(|text| !text.contains("canary")));
    }
}
