//! Builds what a function may use from its settings: the outside, and the parties to a payment.

use std::sync::Arc;
use std::time::Duration;

use attempt::Means;
use cleeng::{Cleeng, CleengSettings};
use futures::future::join_all;
use gateways::adyen::{Adyen, AdyenSettings, AdyenWebhookSettings, AdyenWebhooks};
use gateways::stripe::{Stripe, StripeSettings, StripeWebhookSettings, StripeWebhooks};
use gateways::{Gateway, Gateways, Routes, WebhookReader};
use ledger::{DynamoLedger, Ledger};
use queue::Queue;
use settings::{SettingError, Settings};
use wire::{Clock, Http, Pace, SystemClock, Wire};

use crate::secrets::SecretError;

/// Everything outside the process: real on Lambda, simulated in tests and in simulation.
#[derive(Clone)]
pub struct Outside {
    /// Cleeng and the gateways.
    pub wire: Wire,
    /// The table.
    pub ledger: Arc<dyn Ledger>,
    /// The queues.
    pub queue: Arc<dyn Queue>,
    /// The hour.
    pub clock: Arc<dyn Clock>,
}

impl Outside {
    /// The real outside.
    ///
    /// Opens the connections to table and queues, while the instance starts and nobody waits yet; what does not open
    /// within a second is opened by the first event.
    pub(crate) async fn real(
        settings: &Settings,
        http: Http,
        queue: impl Future<Output = Result<Arc<dyn Queue>, SettingError>>,
    ) -> Result<Self, SettingError> {
        let ledger = Arc::new(DynamoLedger::new(settings, http.clone())?);
        let (opened, queue) = futures::join!(ledger.warm(), queue);
        if let Err(error) = opened {
            tracing::warn!("The connection to the ledger did not open at start: {error}");
        }
        Ok(Self { wire: Wire::new(Arc::new(http)), ledger, queue: queue?, clock: Arc::new(SystemClock) })
    }
}

/// The settings that hold the addresses of those whom a payment concerns: Cleeng and the gateways.
pub const PEERS: [&str; 3] = ["CLEENG_API_URL", "STRIPE_API_URL", "ADYEN_API_URL"];
/// The same where a buyer's token is proved.
pub const BUYERS_PEERS: [&str; 4] =
    ["CLEENG_API_URL", "CLEENG_MEDIASTORE_URL", "STRIPE_API_URL", "ADYEN_API_URL"];

/// Opens a connection for each of these settings, side by side and for at most a second, but to no gateway that no
/// payment method leads to. Two addresses of one host open two: they are asked side by side. A setting that is wrong is
/// told where it is needed.
pub(crate) async fn open_connections(settings: &Settings, http: &Http, names: &[&'static str]) {
    let routes = Routes::from_settings(settings).ok();
    let served = |name: &str| match name {
        "STRIPE_API_URL" => routes.iter().any(|routes| leads_to(routes, "stripe")),
        "ADYEN_API_URL" => routes.iter().any(|routes| leads_to(routes, "adyen")),
        _ => true,
    };
    let addresses = names.iter().filter(|name| served(name)).filter_map(|name| settings.address(name).ok());
    let wire = Wire::new(Arc::new(http.clone()));
    join_all(addresses.map(|address| wire.warm(address))).await;
}

/// The means to move money, for the gateways that the routes lead to.
pub fn means(settings: &Settings, outside: &Outside, routes: &Routes) -> Result<Means, SettingError> {
    Ok(Means {
        ledger: outside.ledger.clone(),
        cleeng: Cleeng::new(outside.wire.clone(), CleengSettings::from_settings(settings)?),
        gateways: gateways(settings, outside, routes)?,
        clock: outside.clock.clone(),
    })
}

/// The gateways that the routes lead to. A route to one that nobody wrote refuses to start.
pub fn gateways(settings: &Settings, outside: &Outside, routes: &Routes) -> Result<Gateways, SettingError> {
    let mut built: Vec<Arc<dyn Gateway>> = Vec::new();
    for name in names(routes) {
        let wire = match interval(settings)? {
            Some(interval) => outside.wire.clone().paced(Arc::new(Pace::every(interval))),
            None => outside.wire.clone(),
        };
        built.push(match name {
            "stripe" => Arc::new(Stripe::new(wire, StripeSettings::from_settings(settings)?)),
            "adyen" => Arc::new(Adyen::new(wire, AdyenSettings::from_settings(settings)?)),
            other => return Err(unknown(other)),
        });
    }
    Ok(Gateways::new(built))
}

/// How far apart this instance's calls to one gateway must be, so that all instances of its function together keep to
/// their share of what the gateway allows: `GATEWAY_SHARE_PERCENT` of `GATEWAY_CALLS_PER_SECOND` (25), over
/// `INVOCATIONS_MAX` instances. Without a share, as for buyers, there is no such bound.
fn interval(settings: &Settings) -> Result<Option<Duration>, SettingError> {
    const SHARE: &str = "GATEWAY_SHARE_PERCENT";
    let positive = |name, default| match settings.parsed_or::<u32>(name, default)? {
        0 => Err(SettingError::malformed(name, "it is at least 1")),
        number => Ok(number),
    };
    if settings.optional(SHARE)?.is_none() {
        return Ok(None);
    }
    let share = positive(SHARE, 100)?;
    if share > 100 {
        return Err(SettingError::malformed(SHARE, "it is at most 100"));
    }
    let calls = positive("GATEWAY_CALLS_PER_SECOND", 25)?.saturating_mul(share);
    let instances = positive("INVOCATIONS_MAX", 1)?;
    Ok(Some(Duration::from_secs(100) * instances / calls))
}

/// The readers of the webhooks of those gateways; they need webhook secrets only.
pub fn webhook_readers(
    settings: &Settings,
    routes: &Routes,
) -> Result<Vec<Arc<dyn WebhookReader>>, SettingError> {
    let mut built: Vec<Arc<dyn WebhookReader>> = Vec::new();
    for name in names(routes) {
        built.push(match name {
            "stripe" => Arc::new(StripeWebhooks::new(StripeWebhookSettings::from_settings(settings)?)),
            "adyen" => Arc::new(AdyenWebhooks::new(AdyenWebhookSettings::from_settings(settings)?)),
            other => return Err(unknown(other)),
        });
    }
    Ok(built)
}

/// Why a function does not start: told in one line that names what to mend.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The HTTP client.
    #[error(transparent)]
    Http(#[from] wire::HttpError),
    /// A secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

fn leads_to(routes: &Routes, gateway: &str) -> bool {
    routes.iter().any(|route| route.gateway.as_str() == gateway)
}

fn names(routes: &Routes) -> std::collections::BTreeSet<&str> {
    routes.iter().map(|route| route.gateway.as_str()).collect()
}

fn unknown(name: &str) -> SettingError {
    SettingError::malformed("PAYMENT_METHODS", format!("there is no gateway named {name}"))
}
