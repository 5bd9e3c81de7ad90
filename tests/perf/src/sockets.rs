//! The real binaries over real sockets: connections on the first event's path, a freeze, and the overhead over what the peers took.

use std::path::Path;
use std::time::Duration;

use crate::Result;
use crate::counts::events_for;
use crate::instance::{Instance, Under};
use crate::surroundings::{PEERS, Surroundings};

/// Connections that the first event after a cold start opens, by peer; those to peers that were opened at start are none.
pub(crate) async fn first_event(binary: &Path, name: &str) -> Result<Vec<String>> {
    let around = Surroundings::new().await?;
    let all = events_for(&around, name, 1).await?;
    let mut instance = Instance::start(binary, &around.settings, &Under::Nothing).await?;
    around.slow_down();
    let before = around.connections();
    for event in &all {
        instance.serve(event).await?;
    }
    let opened = opened(before, around.connections());
    instance.end().await?;
    Ok(opened)
}

/// What a freeze did.
pub(crate) struct Thaw {
    /// Events that were not served.
    pub(crate) failed: usize,
    /// The most connections that one peer saw anew after one freeze.
    pub(crate) reconnects_max: usize,
    /// Events served after a freeze.
    pub(crate) events: usize,
}

/// How long an instance is frozen; the peers hang up meanwhile.
const FREEZE: Duration = Duration::from_millis(300);
const FREEZES: usize = 20;

/// Freezes an instance again and again, lets every peer close its connections meanwhile, thaws it and hands it an event.
pub(crate) async fn freeze(binary: &Path, name: &str) -> Result<Thaw> {
    let around = Surroundings::new().await?;
    let all = events_for(&around, name, FREEZES + 1).await?;
    let mut instance = Instance::start(binary, &around.settings, &Under::Nothing).await?;
    let mut thaw = Thaw { failed: 0, reconnects_max: 0, events: 0 };
    for (nth, event) in all.iter().enumerate() {
        if nth > 0 {
            instance.signal("STOP").await?;
            for (_, front) in around.fronts() {
                front.hang_up();
            }
            tokio::time::sleep(FREEZE).await;
            instance.signal("CONT").await?;
            thaw.events += 1;
        }
        let before = around.connections();
        if instance.serve(event).await.is_err() {
            thaw.failed += 1;
        }
        let anew = before.iter().zip(around.connections()).map(|(before, after)| after - before).max();
        if nth > 0 {
            thaw.reconnects_max = thaw.reconnects_max.max(anew.unwrap_or_default());
        }
    }
    instance.end().await?;
    Ok(thaw)
}

/// Wall time of an event and the part of it that its peers took.
pub(crate) struct Overhead {
    pub(crate) wall: Duration,
    pub(crate) peers: Duration,
    /// The largest item that it wrote.
    pub(crate) item_bytes: usize,
}

const EVENTS: usize = 20;

/// Events whose calls follow each other, against peers with their usual latencies: the median of what is left over.
pub(crate) async fn overhead(binary: &Path, name: &str) -> Result<Overhead> {
    let around = Surroundings::new().await?;
    let all = events_for(&around, name, EVENTS).await?;
    let mut instance = Instance::start(binary, &around.settings, &Under::Nothing).await?;
    around.slow_down();
    let mut seen = Vec::with_capacity(EVENTS);
    for event in &all {
        for (_, front) in around.fronts() {
            front.take_answers();
        }
        let wall = instance.serve(event).await?;
        let answers: Vec<_> = around.fronts().flat_map(|(_, front)| front.take_answers()).collect();
        let peers = answers.iter().map(|answer| answer.took).sum();
        let item_bytes = answers.iter().map(|answer| answer.item_bytes).max().unwrap_or_default();
        seen.push(Overhead { wall, peers, item_bytes });
    }
    instance.end().await?;
    seen.sort_by_key(|it| it.wall.saturating_sub(it.peers));
    seen.into_iter().nth(EVENTS / 2).ok_or_else(|| "no event was served".into())
}

fn opened(before: [usize; 5], after: [usize; 5]) -> Vec<String> {
    let anew = PEERS.iter().zip(before.iter().zip(after));
    anew.filter(|(_, (before, after))| after > before)
        .map(|(peer, (before, after))| format!("{peer} {}", after - before))
        .collect()
}
