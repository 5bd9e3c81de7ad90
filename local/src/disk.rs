//! A system that is kept in a directory: the table, the queues, the simulators' journals and how far the clock was moved.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use queue::LocalQueue;
use serde::{Deserialize, Serialize};
use settings::Settings;
use wire::simulated::{Clear, Network};
use wire::{Clock, Http, Wire};

use crate::LocalError;
use crate::clock::MovableClock;
use crate::dynamo::{EmbeddedDynamo, Storage};
use crate::sqs::LocalSqs;
use crate::system::{Addresses, Peers, QUEUE_RULES, System, settings_table, with_real_gateways};

/// How the clock goes on after a restart.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hour {
    /// With the machine's clock, so many milliseconds ahead.
    Running(i64),
    /// Standing here until it is moved.
    Standing(Timestamp),
}

/// How the functions reach the peers.
#[derive(Clone, Debug)]
pub enum Reach {
    /// Inside the process.
    InProcess,
    /// Over HTTP.
    Server {
        /// Where everything is served, such as `http://127.0.0.1:8080`.
        origin: String,
        /// Origins of pages elsewhere that may call the API and be returned to.
        pages: Vec<String>,
    },
}

/// A system and what must live as long as it does.
pub struct Started {
    /// The system.
    pub system: System,
    /// Its table.
    pub dynamo: EmbeddedDynamo,
    /// Its queues, as SQS shows them.
    pub sqs: LocalSqs,
    /// Everything that a function, or `ops`, reads; the keys of real gateways stand in the environment.
    pub settings: Vec<(&'static str, String)>,
    /// The gateways that are real: their keys stand in the environment.
    pub real_gateways: Vec<&'static str>,
    /// Origins of pages elsewhere that may call the API.
    pub pages: Vec<String>,
    directory: Option<PathBuf>,
}

/// Starts a system in memory, or in a directory where it finds again what it left there. `hour` counts where nothing was kept.
pub async fn start(data: Option<&Path>, hour: Hour, reach: &Reach) -> Result<Started, LocalError> {
    if let Some(directory) = data {
        std::fs::create_dir_all(directory)?;
    }
    let hour = data.and_then(kept_hour).unwrap_or(hour);
    let clock = Arc::new(match hour {
        Hour::Running(ahead) => MovableClock::running(SignedDuration::from_millis(ahead)),
        Hour::Standing(at) => MovableClock::standing(at),
    });
    let shared: Arc<dyn Clock> = clock.clone();
    let storage = data.map_or(Storage::Memory, |directory| Storage::Directory(directory.to_owned()));
    let dynamo = EmbeddedDynamo::start(&storage).await?;
    let peers = match data {
        Some(directory) => Peers::on_disk(&shared, directory)?,
        None => Peers::in_memory(shared.clone()),
    };
    // Whoever was killed had no time to write the hour down; the peers know how late it was.
    if let Some(heard) = peers.named().into_iter().filter_map(|(_, host)| host.last_heard()).max() {
        clock.move_to(heard);
    }
    let queue = Arc::new(match data {
        Some(directory) => LocalQueue::open(&directory.join("queues"), shared, QUEUE_RULES)?,
        None => LocalQueue::new(shared, QUEUE_RULES),
    });
    let http = Http::new()?;
    let ledger = Arc::new(dynamo.ledger(http.clone())?);
    let (wire, addresses) = match reach {
        Reach::InProcess => {
            let network = Network::new(peers.by_host(), Arc::new(Clear));
            (Wire::new(Arc::new(network)), Addresses::simulated())
        }
        Reach::Server { origin, pages } => (Wire::new(Arc::new(http)), Addresses::on_server(origin, pages)),
    };
    let sqs = LocalSqs::start(queue.clone()).await?;
    let mut table = settings_table(&addresses);
    table.extend(dynamo.settings());
    table.extend(sqs.settings());
    let settings = Settings::from_table(table.iter().cloned());
    let (settings, real_gateways) = match reach {
        Reach::InProcess => (settings, Vec::new()),
        Reach::Server { .. } => with_real_gateways(settings, &Settings::from_environment())?,
    };
    let system = System::assemble(settings, clock, peers, queue, ledger, wire)?;
    let pages = match reach {
        Reach::InProcess => Vec::new(),
        Reach::Server { pages, .. } => pages.clone(),
    };
    Ok(Started {
        system,
        dynamo,
        sqs,
        settings: table,
        real_gateways,
        pages,
        directory: data.map(Path::to_owned),
    })
}

impl Started {
    /// Writes down how the clock goes on, after it was moved.
    pub fn keep_hour(&self, hour: Hour) -> Result<(), LocalError> {
        let Some(directory) = &self.directory else { return Ok(()) };
        // Written beside and moved over, so that a crash leaves the old one whole.
        let beside = directory.join("clock.json.new");
        std::fs::write(&beside, serde_json::to_vec(&hour)?)?;
        std::fs::rename(beside, directory.join("clock.json"))?;
        Ok(())
    }
}

fn kept_hour(directory: &Path) -> Option<Hour> {
    serde_json::from_slice(&std::fs::read(directory.join("clock.json")).ok()?).ok()
}
