//! What the system says of a process: CPU to ready, resident memory, bytes of log.

use std::path::Path;
use std::time::Duration;

use crate::Result;
use crate::counts::{authorisations, events_for};
use crate::instance::{Instance, Under};
use crate::surroundings::Surroundings;

/// Starts whose median is told.
const STARTS: usize = 15;

/// CPU time from exec to the first poll, the median of some starts.
pub(crate) async fn cpu_to_ready(binary: &Path) -> Result<Duration> {
    let around = Surroundings::new().await?;
    let mut all = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let instance = Instance::start(binary, &around.settings, &Under::Nothing).await?;
        all.push(cpu(instance.pid()?)?);
        instance.end().await?;
    }
    all.sort_unstable();
    all.get(STARTS / 2).copied().ok_or_else(|| "nothing was started".into())
}

/// An instance's memory when it is ready, and after it served so many events.
pub(crate) async fn memory(binary: &Path, name: &str, count: usize) -> Result<(Memory, Memory)> {
    let around = Surroundings::new().await?;
    let all = events_for(&around, name, count).await?;
    let mut instance = Instance::start(binary, &around.settings, &Under::Nothing).await?;
    let ready = Memory::of(instance.pid()?)?;
    for event in &all {
        instance.serve(event).await?;
    }
    let after = Memory::of(instance.pid()?)?;
    instance.end().await?;
    Ok((ready, after))
}

/// What an instance writes for these many events, handed over as the platform does: a queue's in batches of ten.
pub(crate) async fn log(binary: &Path, name: &str, count: usize) -> Result<String> {
    let around = Surroundings::new().await?;
    let all = match name {
        "recurring-capture" => authorisations(&around, count, 10).await?,
        _ => events_for(&around, name, count).await?,
    };
    let mut instance = Instance::start(binary, &around.settings, &Under::Nothing).await?;
    for event in &all {
        instance.serve(event).await?;
    }
    let text = instance.logged();
    instance.end().await?;
    Ok(text)
}

/// CPU time that a process has used, all threads of it.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let mut nanoseconds = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let told = std::fs::read_to_string(task?.path().join("schedstat"))?;
        nanoseconds += told.split_whitespace().next().ok_or("no schedstat")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// The memory of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// All of it that is resident.
    pub(crate) resident_kb: u64,
    /// What it has for itself: the rest is its binary, as far as it was run or read.
    pub(crate) own_kb: u64,
}

impl Memory {
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let line = |name: &str| -> Result<u64> {
            let line = rollup.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such memory")?;
            Ok(line.split_whitespace().next().ok_or("no such memory")?.parse()?)
        };
        Ok(Self { resident_kb: line("Rss:")?, own_kb: line("Anonymous:")? })
    }
}
