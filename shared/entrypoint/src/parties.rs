//! Builds what a function may use from its settings: the outside, and the parties to a payment.

use std::sync::Arc;

use attempt::Means;
use cleeng::{Cleeng, CleengSettings};
use futures::future::join_all;
use gateways::adyen::{Adyen, AdyenSettings, AdyenWebhookSettings, AdyenWebhooks};
use gateways::stripe::{Stripe, StripeSettings, StripeWebhookSettings, StripeWebhooks};
use gateways::{Gateway, Gateways, Routes, WebhookReader};
use ledger::{DynamoLedger, Ledger};
use queue::{Job, Queue, SqsQueue};
use settings::{SettingError, Settings};
use wire::{Clock, Http, SystemClock, Wire};

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
    /// The real outside. `sends_to` are the jobs whose queues this function writes to.
    ///
    /// Opens the connections that the first event will use, side by side, while the instance starts and nobody waits
    /// yet; what does not open within a second is opened by the first event.
    pub async fn real(settings: &Settings, http: Http, sends_to: &[Job]) -> Result<Self, SettingError> {
        let ledger = Arc::new(DynamoLedger::new(settings, http.clone())?);
        let queue = Arc::new(SqsQueue::new(settings, http.clone(), sends_to)?);
        let wire = Wire::new(Arc::new(http));
        let peers = ["CLEENG_API_URL", "STRIPE_API_URL", "ADYEN_API_URL"];
        let peers = peers.into_iter().filter_map(|name| settings.address(name).ok());
        let (opened, (), _) =
            futures::join!(ledger.warm(), queue.warm(), join_all(peers.map(|address| wire.warm(address))));
        if let Err(error) = opened {
            tracing::warn!("The connection to the ledger did not open at start: {error}");
        }
        Ok(Self { wire, ledger, queue, clock: Arc::new(SystemClock) })
    }
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
        built.push(match name {
            "stripe" => Arc::new(Stripe::new(outside.wire.clone(), StripeSettings::from_settings(settings)?)),
            "adyen" => Arc::new(Adyen::new(outside.wire.clone(), AdyenSettings::from_settings(settings)?)),
            other => return Err(unknown(other)),
        });
    }
    Ok(Gateways::new(built))
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

fn names(routes: &Routes) -> std::collections::BTreeSet<&str> {
    routes.iter().map(|route| route.gateway.as_str()).collect()
}

fn unknown(name: &str) -> SettingError {
    SettingError::malformed("PAYMENT_METHODS", format!("there is no gateway named {name}"))
}
