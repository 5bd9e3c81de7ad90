//! A deployment as an operator reaches it: its settings and secrets, its table and queues, Cleeng and the gateways.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use attempt::Means;
use cleeng::{Cleeng, CleengSettings};
use entrypoint::{Outside, StartError, with_secrets};
use gateways::{Gateways, Routes};
use jiff::{SignedDuration, Timestamp};
use ledger::{DynamoLedger, Ledger, Mapping};
use payment::Failure;
use queue::{DeadLetters, Job, Queue, SqsQueue};
use settings::{SettingError, Settings};
use wire::{Clock, Deadline, Http, SystemClock, Wire};

use crate::{credentials, settings_file};

/// A deployment. What its settings do not lead to is an error only for the commands that need it.
pub struct Deployment {
    /// Settings and secrets together.
    pub settings: Settings,
    /// To Cleeng and the gateways.
    pub wire: Wire,
    /// The hour.
    pub clock: Arc<dyn Clock>,
    /// The table.
    pub ledger: Result<Arc<dyn Ledger>, SettingError>,
    /// The jobs' queues.
    pub queue: Result<Arc<dyn Queue>, SettingError>,
    /// What the jobs could not do.
    pub letters: Result<DeadLetters, SettingError>,
}

/// Why a deployment cannot be reached at all.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file of settings.
    #[error("{} is no file of settings: {why}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// AWS credentials.
    #[error("no AWS credentials were found: {0}")]
    Credentials(String),
    /// As a function that does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A setting.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The HTTP client.
    #[error(transparent)]
    Http(#[from] wire::HttpError),
}

/// A person waits longer than a function may.
const PATIENCE: Duration = Duration::from_secs(60);
/// Items per page of a scan.
const PAGE: u32 = 500;

impl Deployment {
    /// Reads the settings files, then the environment over them; AWS credentials from the environment, or as the `aws`
    /// command finds them; and the secrets that `SECRETS` names, as the functions do.
    pub async fn open(files: &[PathBuf], profile: Option<&str>) -> Result<Self, OpenError> {
        let http = Http::new()?;
        let settings = settings_file::read(files)?;
        let settings = credentials::with_credentials(settings, profile)?;
        let settings = with_secrets(settings, &http).await?;
        let clock: Arc<dyn Clock> = match settings.parsed_or("CLOCK_AHEAD_SECONDS", 0_i64)? {
            0 => Arc::new(SystemClock),
            ahead => Arc::new(Ahead(SignedDuration::from_secs(ahead))),
        };
        let wire = Wire::new(Arc::new(http.clone()));
        Ok(Self::new(settings, wire, clock, &http))
    }

    /// The deployment that these settings lead to, over this wire and at this hour.
    pub fn new(settings: Settings, wire: Wire, clock: Arc<dyn Clock>, http: &Http) -> Self {
        let ledger = DynamoLedger::new(&settings, http.clone());
        let queue = SqsQueue::new(&settings, http.clone(), &Job::ALL);
        Self {
            ledger: ledger.map(|ledger| -> Arc<dyn Ledger> { Arc::new(ledger) }),
            queue: queue.map(|queue| -> Arc<dyn Queue> { Arc::new(queue) }),
            letters: DeadLetters::new(&settings, http.clone()),
            settings,
            wire,
            clock,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn ledger(&self) -> Result<&Arc<dyn Ledger>, Failure> {
        self.ledger.as_ref().map_err(missing)
    }

    pub(crate) fn queue(&self) -> Result<&Arc<dyn Queue>, Failure> {
        self.queue.as_ref().map_err(missing)
    }

    pub(crate) fn letters(&self) -> Result<&DeadLetters, Failure> {
        self.letters.as_ref().map_err(missing)
    }

    pub(crate) fn cleeng(&self) -> Result<Cleeng, Failure> {
        let settings = CleengSettings::from_settings(&self.settings).map_err(|error| missing(&error))?;
        Ok(Cleeng::new(self.wire.clone(), settings))
    }

    pub(crate) fn routes(&self) -> Result<Routes, Failure> {
        Routes::from_settings(&self.settings).map_err(|error| missing(&error))
    }

    pub(crate) fn gateways(&self) -> Result<Gateways, Failure> {
        let routes = self.routes()?;
        entrypoint::gateways(&self.settings, &self.outside()?, &routes).map_err(|error| missing(&error))
    }

    /// What keeps the gateways of the routes from being built.
    pub(crate) fn gateway_errors(&self, routes: &Routes) -> Option<SettingError> {
        let outside = self.outside().ok()?;
        entrypoint::gateways(&self.settings, &outside, routes).err()
    }

    /// What moving money needs: the same as in the jobs.
    pub(crate) fn means(&self) -> Result<Means, Failure> {
        let routes = self.routes()?;
        entrypoint::means(&self.settings, &self.outside()?, &routes).map_err(|error| missing(&error))
    }

    fn outside(&self) -> Result<Outside, Failure> {
        Ok(Outside {
            wire: self.wire.clone(),
            ledger: self.ledger()?.clone(),
            queue: self.queue()?.clone(),
            clock: self.clock.clone(),
        })
    }

    /// All items that are so. Costs a scan of the table.
    pub(crate) async fn items(&self, wanted: impl Fn(&Mapping) -> bool) -> Result<Vec<Mapping>, Failure> {
        let ledger = self.ledger()?;
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = ledger.page(PAGE, after).await?;
            let Some(last) = page.last() else { return Ok(found) };
            after = Some(last.subject);
            found.extend(page.into_iter().filter(&wanted));
        }
    }
}

/// How long one call of a command may take.
pub(crate) fn patience() -> Deadline {
    Deadline::after(PATIENCE)
}

/// A setting that a command cannot do without.
pub(crate) fn missing(error: &SettingError) -> Failure {
    Failure::refuse(format!("{error} (`--settings FILE` or the environment; see docs/operating.md)"))
}

/// The local system's clock, which its console moves.
struct Ahead(SignedDuration);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now().checked_add(self.0).unwrap_or(Timestamp::MAX)
    }
}
