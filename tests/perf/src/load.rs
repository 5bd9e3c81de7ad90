//! Load: the whole system in this process over an embedded DynamoDB, with latency and faults, first under purchases and then
//! under a renewal burst in which everything is due at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt;
use jiff::SignedDuration;
use local::buyer::{Buyer, TestCard};
use local::clock::MovableClock;
use local::dynamo::{EmbeddedDynamo, Storage};
use local::ledgers::compare;
use local::simulators::cleeng::offers;
use local::system::System;
use wire::Http;
use wire::simulated::{Fate, Fault, Weather};

use crate::Result;
use crate::process::Memory;

/// What the load came to.
pub(crate) struct Load {
    pub(crate) purchases: usize,
    pub(crate) purchases_refused: usize,
    pub(crate) purchases_per_second: u128,
    pub(crate) purchase_p50: Duration,
    pub(crate) purchase_p99: Duration,
    pub(crate) renewed: usize,
    pub(crate) renewals_per_second: u128,
    pub(crate) burst: Duration,
    pub(crate) memory_kb: [u64; 3],
    pub(crate) faults: u64,
    pub(crate) captured: usize,
    pub(crate) parked: usize,
    pub(crate) differences: Vec<String>,
}

/// A network that takes a moment, and now and then loses, cuts or turns away; always in the same order.
#[derive(Default)]
struct Rough {
    blows: AtomicBool,
    exchanges: AtomicU64,
    faults: AtomicU64,
}

/// One exchange in so many goes wrong.
const FAULT_EVERY: u64 = 97;

impl Weather for Rough {
    fn fate(&self, host: &str, _: &http::Request<Bytes>) -> Fate {
        let cleeng = host.starts_with("cleeng");
        if !self.blows.load(Ordering::SeqCst) {
            return Fate::default();
        }
        let nth = self.exchanges.fetch_add(1, Ordering::SeqCst);
        let latency = Duration::from_millis(if cleeng { 5 } else { 15 } + nth % 7);
        if nth % FAULT_EVERY != FAULT_EVERY - 1 {
            return Fate { latency, fault: None };
        }
        let kind = self.faults.fetch_add(1, Ordering::SeqCst);
        let fault = match kind % 5 {
            0 => Fault::Refused,
            1 => Fault::Instead(503, "busy"),
            2 => Fault::InsteadAfter(502, "bad gateway"),
            // Cleeng's records are written under no key: what the network doubles is there twice, whoever sent it.
            4 if !cleeng => Fault::Doubled,
            _ => Fault::Cut(20),
        };
        Fate { latency, fault: Some(fault) }
    }
}

/// Buyers at the same time.
const BUYERS: usize = 40;

/// Lets so many buy, and then renews them all at once.
pub(crate) async fn run(subscriptions: usize) -> Result<Load> {
    let dynamo = EmbeddedDynamo::start(&Storage::Memory).await?;
    let ledger = Arc::new(dynamo.ledger(Http::new()?)?);
    let clock = Arc::new(MovableClock::standing("2027-01-04T09:00:00Z".parse()?));
    let weather = Arc::new(Rough::default());
    let system = System::in_process(clock, ledger, weather.clone())?;
    let system = &system;
    let before_kb = Memory::of(std::process::id())?.resident_kb;

    weather.blows.store(true, Ordering::SeqCst);
    let began = Instant::now();
    let buyers = (0..subscriptions).map(|_| buy(system));
    let bought: Vec<_> = futures::stream::iter(buyers).buffer_unordered(BUYERS).collect().await;
    let took = began.elapsed();
    let bought = bought.into_iter().collect::<Result<Vec<_>>>()?;
    let purchases_refused = bought.iter().filter(|(paid, _)| !paid).count();
    let mut times: Vec<_> = bought.iter().map(|(_, took)| *took).collect();
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
    system.run_for(SignedDuration::from_hours(12)).await;
    // The quiet weeks between are not what is measured.
    weather.blows.store(false, Ordering::SeqCst);
    let bought_kb = Memory::of(std::process::id())?.resident_kb;

    // All were bought at one standing hour, so all are due at once: to be authorised three days before, and to be captured.
    let rows = system.peers.cleeng.subscriptions();
    let ends = rows.iter().map(|row| row.ends).max().ok_or("nobody bought")?;
    system.run_until(ends.checked_sub(SignedDuration::from_hours(73))?).await;
    weather.blows.store(true, Ordering::SeqCst);
    let began = Instant::now();
    system.run_until(ends.checked_add(SignedDuration::from_hours(2))?).await;
    let burst = began.elapsed();
    weather.blows.store(false, Ordering::SeqCst);
    // What was lost on the way is looked for again within the day.
    system.run_until(ends.checked_add(SignedDuration::from_hours(30))?).await;
    let rows = system.peers.cleeng.subscriptions();
    let renewed = rows.iter().filter(|row| row.periods >= 2).count();
    let comparison = compare(system).await?;
    let named = |it: &local::ledgers::Difference| format!("{}: {}", it.about, it.what);
    Ok(Load {
        purchases: bought.len(),
        purchases_refused,
        purchases_per_second: per_second(bought.len(), took)?,
        purchase_p50: at(50),
        purchase_p99: at(99),
        renewed,
        renewals_per_second: per_second(renewed, burst)?,
        burst,
        memory_kb: [before_kb, bought_kb, Memory::of(std::process::id())?.resident_kb],
        faults: weather.faults.load(Ordering::SeqCst),
        captured: comparison.captured,
        parked: comparison.parked,
        differences: comparison.differences.iter().map(named).collect(),
    })
}

async fn buy(system: &System) -> Result<(bool, Duration)> {
    let buyer = Buyer::register(system, "stripe")?;
    let order = buyer.order(system, offers::MONTHLY)?;
    let began = Instant::now();
    // A page that hears "later" or "not known yet" sends the same request again.
    for _ in 0..5 {
        let reply = buyer.pay(system, order, TestCard::Pays).await;
        if reply.text("/responseData/payment/status") == Some("captured") {
            return Ok((true, began.elapsed()));
        }
    }
    Ok((false, began.elapsed()))
}

fn per_second(count: usize, took: Duration) -> Result<u128> {
    Ok((u128::try_from(count)? * 1000).checked_div(took.as_millis()).unwrap_or_default())
}
