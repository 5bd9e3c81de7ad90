//! The peers, where they are found, and the settings by which the functions find them: the same names as in the cloud.

use std::sync::Arc;

use secrecy::SecretString;
use settings::{SettingError, Settings};
use wire::Clock;
use wire::simulated::Peer;

use crate::hosted::Hosted;
use crate::simulators::adyen::{AdyenAccount, AdyenSimulator};
use crate::simulators::cleeng::{CleengSimulator, CleengSimulatorSettings, offers};
use crate::simulators::stripe::{StripeAccount, StripeSimulator};
use crate::simulators::{GatewaySimulator, Simulator};

/// The simulators, each typed for those who look into its ledger, and hosted for those who speak to it.
pub struct Peers {
    /// Cleeng itself.
    pub cleeng: Arc<CleengSimulator>,
    /// Stripe itself.
    pub stripe: Arc<StripeSimulator>,
    /// Adyen itself.
    pub adyen: Arc<AdyenSimulator>,
    /// Cleeng, hosted.
    pub cleeng_host: Arc<Hosted>,
    /// Stripe, hosted.
    pub stripe_host: Arc<Hosted>,
    /// Adyen, hosted.
    pub adyen_host: Arc<Hosted>,
}

impl Peers {
    /// Kept in memory.
    pub fn in_memory(clock: Arc<dyn Clock>) -> Self {
        Self::with_cleeng(CleengSimulatorSettings::default(), clock)
    }

    /// Kept in memory, with a Cleeng that is set up, or does what is not documented, in a way of its own.
    pub fn with_cleeng(settings: CleengSimulatorSettings, clock: Arc<dyn Clock>) -> Self {
        let never =
            |simulator, _: &str| Ok::<_, std::convert::Infallible>(Hosted::new(simulator, clock.clone()));
        match Self::hosted(settings, never) {
            Ok(peers) => peers,
            Err(never) => match never {},
        }
    }

    /// Kept in journals in this directory.
    pub fn on_disk(clock: &Arc<dyn Clock>, directory: &std::path::Path) -> std::io::Result<Self> {
        Self::hosted(CleengSimulatorSettings::default(), |simulator, name| {
            Hosted::journaled(simulator, clock.clone(), &directory.join(format!("{name}.jsonl")))
        })
    }

    fn hosted<E>(
        settings: CleengSimulatorSettings,
        host: impl Fn(Arc<dyn Simulator>, &str) -> Result<Hosted, E>,
    ) -> Result<Self, E> {
        let cleeng = Arc::new(CleengSimulator::new(settings));
        let stripe = Arc::new(StripeSimulator::new(StripeAccount::default()));
        let adyen = Arc::new(AdyenSimulator::new(adyen_account()));
        Ok(Self {
            cleeng_host: Arc::new(host(cleeng.clone(), "cleeng")?),
            stripe_host: Arc::new(host(stripe.clone(), "stripe")?),
            adyen_host: Arc::new(host(adyen.clone(), "adyen")?),
            cleeng,
            stripe,
            adyen,
        })
    }

    /// The peers by the host names of [`Addresses::simulated`].
    pub fn by_host(&self) -> Vec<(String, Arc<dyn Peer>)> {
        let at = |(name, host): (&str, Arc<Hosted>)| {
            let host: Arc<dyn Peer> = host;
            (format!("{name}.test"), host)
        };
        self.named().into_iter().map(at).collect()
    }

    /// The hosted peers by name; a name is also the source of its webhooks.
    pub fn named(&self) -> [(&'static str, Arc<Hosted>); 3] {
        [
            ("cleeng", self.cleeng_host.clone()),
            ("stripe", self.stripe_host.clone()),
            ("adyen", self.adyen_host.clone()),
        ]
    }

    /// A gateway's ledger.
    pub fn gateway(&self, name: &str) -> Option<Arc<dyn GatewaySimulator>> {
        match name {
            "stripe" => Some(self.stripe.clone()),
            "adyen" => Some(self.adyen.clone()),
            _ => None,
        }
    }

    /// A hosted peer by name.
    pub fn host(&self, name: &str) -> Option<Arc<Hosted>> {
        self.named().into_iter().find(|(known, _)| *known == name).map(|(_, host)| host)
    }
}

/// Where the peers are found.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// Cleeng's host, without its paths.
    pub cleeng: String,
    /// Stripe's.
    pub stripe: String,
    /// Adyen's.
    pub adyen: String,
    /// Where pages are served from, to which redirects may come back.
    pub shop: String,
    /// Origins of pages elsewhere, to which they may come back too.
    pub pages: Vec<String>,
}

impl Addresses {
    /// Host names on a simulated network.
    pub fn simulated() -> Self {
        let at = |name| format!("http://{name}.test");
        Self {
            cleeng: at("cleeng"),
            stripe: at("stripe"),
            adyen: at("adyen"),
            shop: at("shop"),
            pages: Vec::new(),
        }
    }

    /// On one server of this machine (`http://127.0.0.1:8080`), each peer under a path of its own.
    pub fn on_server(origin: &str, pages: &[String]) -> Self {
        let at = |name| format!("{origin}/peers/{name}");
        Self {
            cleeng: at("cleeng"),
            stripe: at("stripe"),
            adyen: at("adyen"),
            shop: origin.to_owned(),
            pages: pages.to_vec(),
        }
    }
}

/// The settings of every function, by the names that the template sets in the cloud.
pub fn settings_table(addresses: &Addresses) -> Vec<(&'static str, String)> {
    let (cleeng, stripe, adyen) =
        (CleengSimulatorSettings::default(), StripeAccount::default(), adyen_account());
    let shown = |secret: &SecretString| secrecy::ExposeSecret::expose_secret(secret).to_owned();
    let methods = cleeng.payment_methods.iter().map(|method| {
        let account = match method.gateway.as_str() {
            "adyen" => serde_json::json!(ADYEN_MERCHANT),
            _ => serde_json::Value::Null,
        };
        let capture = if method.authorized_first { "manual" } else { "automatic" };
        serde_json::json!({
            "paymentMethodId": method.id, "gateway": method.gateway, "merchantAccount": account, "capture": capture,
            "managedBy": if method.external { "connector" } else { "cleeng" },
        })
    });
    vec![
        ("CONNECTOR_MODE", "test".to_owned()),
        ("CLEENG_API_URL", format!("{}/3.1", addresses.cleeng)),
        ("CLEENG_MEDIASTORE_URL", format!("{}/mediastore", addresses.cleeng)),
        ("CLEENG_PUBLISHER_TOKEN", cleeng.publisher_token.clone()),
        ("CLEENG_PUBLISHER_ID", cleeng.publisher_id.to_string()),
        ("CLEENG_WEBHOOK_SECRETS", cleeng.webhook_secret.clone()),
        ("PAYMENT_METHODS", serde_json::Value::from_iter(methods).to_string()),
        ("MANAGED_OFFERS", managed_offers().to_string()),
        ("STRIPE_API_URL", addresses.stripe.clone()),
        ("STRIPE_SECRET_KEY", shown(&stripe.secret_key)),
        ("STRIPE_PUBLISHABLE_KEY", stripe.publishable_key.clone()),
        ("STRIPE_WEBHOOK_SECRETS", shown(&stripe.webhook_secret)),
        ("ADYEN_API_URL", format!("{}/v71", addresses.adyen)),
        ("ADYEN_API_KEY", shown(&adyen.api_key)),
        ("ADYEN_MERCHANT_ACCOUNT", ADYEN_MERCHANT.to_owned()),
        ("ADYEN_CLIENT_KEY", "test_simulatedclientkey".to_owned()),
        ("ADYEN_HMAC_KEYS", shown(&adyen.hmac_key)),
        ("RETURN_URLS", return_urls(addresses)),
        ("CLEENG_WEBHOOK_URL", cleeng.webhook_url.clone().unwrap_or_default()),
    ]
}

/// The server by both its names, the page of buyers that come without a browser, and pages elsewhere.
fn return_urls(addresses: &Addresses) -> String {
    let other_name = addresses.shop.replace("127.0.0.1", "localhost");
    let own = [addresses.shop.as_str(), &other_name, SHOP];
    own.into_iter().chain(addresses.pages.iter().map(String::as_str)).collect::<Vec<_>>().join(",")
}

/// A gateway whose public key stands in the environment is the real one, in its test mode, with all settings of it that
/// stand there; Cleeng stays simulated. Without any, nothing leaves this machine.
pub fn with_real_gateways(
    settings: Settings,
    environment: &Settings,
) -> Result<(Settings, Vec<&'static str>), SettingError> {
    let (mut real, mut values) = (Vec::new(), Vec::new());
    for (gateway, names) in REAL {
        let given: Vec<_> = names
            .iter()
            .filter_map(|name| environment.optional(name).transpose())
            .map(|value| value.map(str::to_owned))
            .collect::<Result<_, _>>()?;
        if given.is_empty() {
            continue;
        }
        real.push(*gateway);
        for name in *names {
            values.push((*name, environment.required(name)?.to_owned()));
        }
    }
    Ok((settings.with(values), real))
}

/// By gateway: what must all be there once one is. Hosts included, so that nothing is asked of a host by default.
const REAL: &[(&str, &[&str])] = &[
    ("stripe", &["STRIPE_PUBLISHABLE_KEY", "STRIPE_SECRET_KEY", "STRIPE_API_URL", "STRIPE_WEBHOOK_SECRETS"]),
    (
        "adyen",
        &["ADYEN_CLIENT_KEY", "ADYEN_API_KEY", "ADYEN_API_URL", "ADYEN_MERCHANT_ACCOUNT", "ADYEN_HMAC_KEYS"],
    ),
];

/// Where [`crate::buyer::Buyer`] says that its page is.
const SHOP: &str = "http://shop.test";

/// The offers whose renewals the connector charges itself where they are bought by a method of its own.
fn managed_offers() -> serde_json::Value {
    let price = |country: &str, currency: &str, net: &str, tax: &str| serde_json::json!([{ "country": country, "currency": currency, "net": net, "tax": tax }]);
    let monthly = price("NL", "EUR", "5.78", "1.21");
    serde_json::json!([
        { "offerId": offers::MONTHLY, "period": "P1M", "prices": monthly },
        { "offerId": offers::WEEKLY, "period": "P1W", "prices": price("NL", "EUR", "1.64", "0.35") },
        { "offerId": offers::TRIAL, "period": "P1M", "trial": "P14D", "prices": monthly },
        { "offerId": offers::ANNUAL, "period": "P1Y" },
        { "offerId": offers::DOLLARS, "period": "P1M", "prices": price("US", "USD", "9.99", "0") },
        { "offerId": offers::YEN, "period": "P1M", "prices": price("JP", "JPY", "980", "98") },
        { "offerId": offers::DINARS, "period": "P1M", "prices": price("KW", "KWD", "1.250", "0") },
    ])
}

const ADYEN_MERCHANT: &str = "SimulatedMerchant";

fn adyen_account() -> AdyenAccount {
    AdyenAccount {
        api_key: SecretString::from("simulated-adyen-api-key"),
        merchant_accounts: vec![ADYEN_MERCHANT.to_owned()],
        hmac_key: SecretString::from("44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"),
        webhook_login: None,
        live: false,
    }
}
