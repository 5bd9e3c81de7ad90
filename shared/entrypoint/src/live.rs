//! What a function holds while its instance lives: built at start from settings and secrets, and built anew when a secret was rotated.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use queue::{Job, NoQueue, Queue, SqsQueue};
use settings::{SettingError, Settings};
use tokio::sync::Mutex;
use tokio::time::Instant;
use wire::Http;

use crate::parties::{Outside, StartError, open_connections};
use crate::secrets::Secrets;

/// A function's parts, as long as its instance lives.
pub struct Live<T> {
    settings: Settings,
    outside: Outside,
    secrets: Option<Secrets>,
    secrets_life: Duration,
    build: fn(&Settings, &Outside) -> Result<T, SettingError>,
    held: Mutex<Held<T>>,
}

struct Held<T> {
    parts: Arc<T>,
    values: BTreeMap<String, String>,
    read: Instant,
}

/// How long a rotated key may take to be in use, where `SECRETS_SECONDS_MAX` says nothing else.
const SECRETS_SECONDS: u64 = 300;

impl<T> Live<T> {
    /// Starts a function that sends no messages: reads the environment and the secrets that `SECRETS` names, opens the
    /// connections, builds the parts. `asks` are the settings that hold the addresses of the peers it asks
    /// ([`PEERS`](crate::PEERS)). A wrong setting stops it here, by name.
    pub async fn start(
        asks: &[&'static str],
        build: fn(&Settings, &Outside) -> Result<T, SettingError>,
    ) -> Result<Self, StartError> {
        let none: Arc<dyn Queue> = Arc::new(NoQueue);
        Self::with_queue(asks, build, async |_, _| Ok(none)).await
    }

    /// The same for a function that sends to the queues of these jobs. Only such a function carries the client of SQS, which
    /// is half a million instructions of its start and a tenth of its size.
    pub async fn start_sending(
        jobs: &[Job],
        asks: &[&'static str],
        build: fn(&Settings, &Outside) -> Result<T, SettingError>,
    ) -> Result<Self, StartError> {
        let queue = async |settings: &Settings, http| {
            let queue = SqsQueue::new(settings, http, jobs)?;
            queue.warm().await;
            let queue: Arc<dyn Queue> = Arc::new(queue);
            Ok(queue)
        };
        Self::with_queue(asks, build, queue).await
    }

    async fn with_queue(
        asks: &[&'static str],
        build: fn(&Settings, &Outside) -> Result<T, SettingError>,
        queue: impl AsyncFnOnce(&Settings, Http) -> Result<Arc<dyn Queue>, SettingError>,
    ) -> Result<Self, StartError> {
        let settings = Settings::from_environment();
        let http = Http::new()?;
        let secrets = Secrets::from_settings(&settings, &http)?;
        let read = async {
            match &secrets {
                Some(secrets) => secrets.read().await,
                None => Ok(BTreeMap::new()),
            }
        };
        let (values, outside, ()) = futures::join!(
            read,
            Outside::real(&settings, http.clone(), queue(&settings, http.clone())),
            open_connections(&settings, &http, asks)
        );
        let (values, outside) = (values?, outside?);
        let parts = Arc::new(build(&settings.clone().with(values.clone()), &outside)?);
        Ok(Self {
            secrets_life: Duration::from_secs(settings.parsed_or("SECRETS_SECONDS_MAX", SECRETS_SECONDS)?),
            settings,
            outside,
            secrets,
            build,
            held: Mutex::new(Held { parts, values, read: Instant::now() }),
        })
    }

    /// The parts, with secrets that are not older than their limit. Secrets that cannot be read, or do not serve, change
    /// nothing: what is held may still be good, and is tried again after another such time.
    pub async fn parts(&self) -> Arc<T> {
        let mut held = self.held.lock().await;
        let Some(secrets) = self.secrets.as_ref().filter(|_| held.read.elapsed() >= self.secrets_life) else {
            return held.parts.clone();
        };
        held.read = Instant::now();
        match secrets.read().await {
            Ok(values) if values != held.values => {
                match (self.build)(&self.settings.clone().with(values.clone()), &self.outside) {
                    Ok(parts) => {
                        tracing::info!("A secret was rotated; the new one is in use");
                        held.parts = Arc::new(parts);
                        held.values = values;
                    }
                    Err(error) => {
                        tracing::error!(
                            alarm = "secrets",
                            "A rotated secret does not serve, the old one stays: {error}"
                        );
                    }
                }
            }
            Ok(_) => {}
            Err(error) => {
                tracing::error!(alarm = "secrets", "The secrets cannot be read, the old ones stay: {error}")
            }
        }
        held.parts.clone()
    }
}
