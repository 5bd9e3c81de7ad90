//! The system: every function's own handler, the simulators around them, queue, timer and clock, driven turn by turn.

mod drive;
mod functions;
mod parts;

pub use drive::Turn;
pub use functions::{Functions, route};
pub use parts::{Addresses, Peers, settings_table, with_real_gateways};

use std::sync::Arc;

use bytes::Bytes;
use entrypoint::{Outside, StartError};
use gateways::{Gateways, Routes};
use http::{Request, Response};
use jiff::Timestamp;
use ledger::Ledger;
use queue::{LocalQueue, Queue, Rules};
use settings::Settings;
use wire::Wire;
use wire::simulated::{Clear, Network, Weather};

use crate::clock::MovableClock;
use crate::overheard::{Overheard, Watched};

/// A running system. Nothing in it moves by itself: [`System::turn`] does one round of all that is waiting.
pub struct System {
    /// Everybody's clock.
    pub clock: Arc<MovableClock>,
    /// The peers.
    pub peers: Peers,
    /// The queues.
    pub queue: Arc<LocalQueue>,
    /// The table.
    pub ledger: Arc<dyn Ledger>,
    /// The functions.
    pub functions: Functions,
    /// The adapters, for their tables.
    pub gateways: Gateways,
    /// What was said lately; deaf until someone listens.
    pub overheard: Arc<Overheard>,
    /// Who hears every request of a front end or sender of webhooks with its answer.
    pub witness: Option<Witness>,
    pub(crate) ticks: drive::Ticks,
}

/// Hears a request and its answer.
pub type Witness = fn(&Request<Bytes>, &Response<Bytes>);

/// As the template sets them.
pub const QUEUE_RULES: Rules = Rules { visibility: std::time::Duration::from_secs(180), receives_max: 5 };

impl System {
    /// A system in this process: peers behind a simulated network with this weather.
    pub fn in_process(
        clock: Arc<MovableClock>,
        ledger: Arc<dyn Ledger>,
        weather: Arc<dyn Weather>,
    ) -> Result<Self, StartError> {
        let peers = Peers::in_memory(clock.clone());
        let wire = Wire::new(Arc::new(Network::new(peers.by_host(), weather)));
        let queue = Arc::new(LocalQueue::new(clock.clone(), QUEUE_RULES));
        let settings = Settings::from_table(settings_table(&Addresses::simulated()));
        Self::assemble(settings, clock, peers, queue, ledger, wire)
    }

    /// The same in clear weather, at a round hour.
    pub fn calm(ledger: Arc<dyn Ledger>) -> Result<Self, StartError> {
        let start = Timestamp::from_second(BEGINNING_SECONDS).unwrap_or(Timestamp::UNIX_EPOCH);
        Self::in_process(Arc::new(MovableClock::standing(start)), ledger, Arc::new(Clear))
    }

    /// Puts a system together from its parts.
    pub fn assemble(
        settings: Settings,
        clock: Arc<MovableClock>,
        peers: Peers,
        queue: Arc<LocalQueue>,
        ledger: Arc<dyn Ledger>,
        wire: Wire,
    ) -> Result<Self, StartError> {
        let to_queue: Arc<dyn Queue> = queue.clone();
        let overheard = Arc::new(Overheard::default());
        let watched =
            Arc::new(Watched { ledger: ledger.clone(), overheard: overheard.clone(), clock: clock.clone() });
        let outside = Outside { wire, ledger: watched, queue: to_queue, clock: clock.clone() };
        let functions = Functions::start(&settings, &outside)?;
        let gateways = entrypoint::gateways(&settings, &outside, &Routes::from_settings(&settings)?)?;
        let ticks = drive::Ticks::default();
        Ok(Self { clock, peers, queue, ledger, functions, gateways, overheard, witness: None, ticks })
    }
}

/// Where standing clocks begin: 2027-01-04T09:00:00Z, a Monday.
const BEGINNING_SECONDS: i64 = 1_799_053_200;
