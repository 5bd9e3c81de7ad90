//! Every job once, on a clock that only moves while somebody waits: its critical path to the millisecond, its calls and its writes.

use std::sync::Arc;
use std::time::Duration;

use entrypoint::batch::{Record, work};
use entrypoint::{Message, Outside};
use jiff::SignedDuration;
use ledger::{Ledger, MemoryLedger};
use local::clock::MovableClock;
use local::system::{Addresses, Functions as Jobs, Peers, QUEUE_RULES, System, route, settings_table};
use queue::{Job, LocalQueue, Received};
use serde_json::json;
use settings::Settings;
use tokio::time::Instant;
use wire::simulated::{Clear, Network};
use wire::{Clock, Deadline, Transport, Wire};

use crate::meter::{Did, Meter, MeteredLedger, MeteredNetwork, MeteredQueue};
use crate::{Result, events, latency_ms};

/// A system at a standing hour, and its functions a second time, behind a meter.
pub(crate) struct Story {
    pub(crate) system: System,
    pub(crate) outside: Outside,
    pub(crate) jobs: Jobs,
    pub(crate) meter: Arc<Meter>,
}

/// One job, played.
pub(crate) struct Played {
    pub(crate) job: &'static str,
    pub(crate) took_ms: u128,
    /// What the critical path must come to, from the latencies of what cannot run side by side.
    pub(crate) path_ms: u128,
    pub(crate) did: Did,
}

const FUNCTION_TIME: Duration = Duration::from_secs(60);

impl Story {
    pub(crate) fn new() -> Result<Self> {
        Self::over(|network| network)
    }

    /// A story over a network that something was put in front of.
    pub(crate) fn over<T: Transport + 'static>(
        front: impl FnOnce(MeteredNetwork<Network>) -> T,
    ) -> Result<Self> {
        let clock = Arc::new(MovableClock::standing("2027-01-04T09:00:00Z".parse()?));
        let peers = Peers::in_memory(clock.clone());
        let network = Network::new(peers.by_host(), Arc::new(Clear));
        let meter = Arc::new(Meter::default());
        let queue = Arc::new(LocalQueue::new(clock.clone(), QUEUE_RULES));
        let ledger: Arc<dyn Ledger> =
            Arc::new(MeteredLedger { inner: MemoryLedger::new(), meter: meter.clone() });
        let settings = Settings::from_table(settings_table(&Addresses::simulated()));
        let metered = MeteredNetwork { inner: network.clone(), meter: meter.clone() };
        let outside = Outside {
            wire: Wire::new(Arc::new(front(metered))),
            ledger: ledger.clone(),
            queue: Arc::new(MeteredQueue { inner: queue.clone(), meter: meter.clone() }),
            clock: clock.clone(),
        };
        let jobs = Jobs::start(&settings, &outside)?;
        let system = System::assemble(settings, clock, peers, queue, ledger, Wire::new(Arc::new(network)))?;
        Ok(Self { system, outside, jobs, meter })
    }

    /// Works one message of a queue, measured.
    pub(crate) async fn serve(&self, job: Job, received: &Received) -> Result<(u128, Did)> {
        let message = Message::from_text(&received.body)?;
        self.meter.start();
        let began = Instant::now();
        let served = self.jobs.work(job, message, Deadline::after(FUNCTION_TIME)).await;
        let took = began.elapsed();
        let did = self.meter.stop();
        served.map_err(|failure| failure.chain())?;
        Ok((took.as_millis(), did))
    }

    /// What Cleeng asks of a job next.
    async fn asked(&self, job: Job) -> Result<Received> {
        events::asked(&self.system, job, 1).await?.pop().ok_or_else(|| "nothing was asked".into())
    }

    async fn post(&self, job: &'static str, event: &serde_json::Value, path_ms: u64) -> Result<Played> {
        let request = events::request(event)?;
        self.meter.start();
        let began = Instant::now();
        let response = route(&self.jobs, request, Deadline::after(FUNCTION_TIME)).await;
        let took_ms = began.elapsed().as_millis();
        let did = self.meter.stop();
        if !response.status().is_success() {
            return Err(format!("{job} answered {}", response.status()).into());
        }
        Ok(Played { job, took_ms, path_ms: path_ms.into(), did })
    }
}

/// Plays every job.
pub(crate) async fn all() -> Result<Vec<Played>> {
    let [table, queue, cleeng, gateway] = ["table", "queue", "cleeng", "stripe"].map(latency_ms);
    let mut played = Vec::new();

    let story = Story::new()?;
    let event = events::webhooks(1)?.pop().ok_or("no webhook")?;
    // Kept and queued at once.
    played.push(story.post("ingest", &event, table.max(queue)).await?);

    // The customer is proved and their item read, while the order is read; claim, gateway, Cleeng, commit.
    let path_ms = cleeng + table + table + gateway + cleeng + table;
    let (methods, purchase) = events::purchase(&story.system)?;
    story.post("payment methods", &methods, 0).await?;
    played.push(story.post("purchase", &purchase, path_ms).await?);
    // A page that shows its form without asking: Stripe makes the customer, so that the card can be kept.
    let (_, purchase) = events::purchase(&story.system)?;
    played.push(story.post("purchase, unasked", &purchase, path_ms + gateway).await?);

    let story = Story::new()?;
    events::subscribers(&story.system, 1).await?;
    let mut step = async |name: &'static str, job: Job, path_ms: u64| -> Result<()> {
        let asked = story.asked(job).await?;
        let (took_ms, did) = story.serve(job, &asked).await?;
        played.push(Played { job: name, took_ms, path_ms: path_ms.into(), did });
        Ok(())
    };
    // Read, order, claim, gateway, Cleeng, commit.
    step("authorise", Job::RecurringCapture, table + cleeng + table + gateway + cleeng + table).await?;
    // Read, claim, gateway, Cleeng, commit: the order is known.
    step("capture", Job::RecurringCapture, table + table + gateway + cleeng + table).await?;

    let story = Story::new()?;
    let row = events::subscribers(&story.system, 1).await?.pop().ok_or("no subscription")?;
    stop(&story, row.id);
    let asked = story.asked(Job::Termination).await?;
    let (took_ms, did) = story.serve(Job::Termination, &asked).await?;
    // Read, mark, Cleeng, commit.
    let path_ms = (table + table + cleeng + table).into();
    played.push(Played { job: "terminate", took_ms, path_ms, did });

    let story = Story::new()?;
    let row = events::subscribers(&story.system, 1).await?.pop().ok_or("no subscription")?;
    let asked = story.asked(Job::RecurringCapture).await?;
    story.serve(Job::RecurringCapture, &asked).await?;
    stop(&story, row.id);
    let asked = story.asked(Job::Termination).await?;
    let (took_ms, did) = story.serve(Job::Termination, &asked).await?;
    // Read, mark, then the void (claim, gateway, Cleeng, commit) beside the end, commit.
    let path_ms = (table + table + (table + gateway + cleeng + table) + table).into();
    played.push(Played { job: "terminate with a hold", took_ms, path_ms, did });
    Ok(played)
}

/// The customer stops the subscription; Cleeng asks for its end when the period is over.
fn stop(story: &Story, subscription: u64) {
    story.system.peers.cleeng_host.control(&format!("subscriptions/{subscription}/stop"), &json!({}));
    let now = story.system.clock.now();
    story.system.clock.move_to(now.checked_add(SignedDuration::from_mins(1)).unwrap_or(now));
}

/// Ten renewals as one batch, and the slowest of them alone, in milliseconds.
pub(crate) async fn batch_of_ten() -> Result<(u128, u128)> {
    let story = Story::new()?;
    events::subscribers(&story.system, 11).await?;
    let mut asked = events::asked(&story.system, Job::RecurringCapture, 11).await?;
    let one = asked.pop().ok_or("nothing was asked")?;
    let (alone, _) = story.serve(Job::RecurringCapture, &one).await?;
    let records = asked.iter().map(|it| Record { id: it.message_id(), body: it.body.clone() }).collect();
    story.meter.start();
    let began = Instant::now();
    let serve = |message, deadline| story.jobs.work(Job::RecurringCapture, message, deadline);
    let failed = work("recurring-capture", records, Deadline::after(FUNCTION_TIME), serve).await;
    let together = began.elapsed().as_millis();
    story.meter.stop();
    if failed.is_empty() { Ok((together, alone)) } else { Err("a batch failed".into()) }
}
