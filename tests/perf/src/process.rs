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

/// Resident memory of an instance when it is ready, and after it served so many events.
pub(crate) async fn memory_kb(binary: &Path, name: &str, count: usize) -> Result<(u64, u64)> {
    let around = Surroundings::new().await?;
    let all = events_for(&around, name, count).await?;
    let mut instance = Instance::start(binary, &around.settings, &Under::Nothing).await?;
    let ready = resident_kb(instance.pid()?)?;
    for event in &all {
        instance.serve(event).await?;
    }
    let after = resident_kb(instance.pid()?)?;
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

/// Resident memory of a process.
pub(crate) fn resident_kb(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.split_whitespace().next().ok_or("no VmRSS")?.parse()?)
}
