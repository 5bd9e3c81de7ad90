//! Many lives, on all cores: a failing one is shrunk to the faults that it needs, and can be told step by step.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::defects::Defect;
use crate::life::{Lived, live};
use crate::rules::Counts;
use crate::story;

/// What many lives came to.
#[derive(Debug)]
pub struct Report {
    /// How many were lived.
    pub lives: u64,
    /// How long it took.
    pub took: Duration,
    /// Faults that struck in all.
    pub faults: u64,
    /// What they were full of.
    pub counts: Counts,
    /// The seeds that broke a rule, with what they broke, lowest first.
    pub failed: Vec<(u64, Vec<String>)>,
}

/// Lives the seeds from `from` on; stops early at so many failures.
pub fn run(from: u64, count: u64, defect: Option<Defect>, threads: usize, failures_max: usize) -> Report {
    let began = Instant::now();
    let (next, stop) = (AtomicU64::new(from), AtomicBool::new(false));
    let end = from.saturating_add(count);
    let whole = Mutex::new(Report {
        lives: 0,
        took: Duration::ZERO,
        faults: 0,
        counts: Counts::default(),
        failed: Vec::new(),
    });
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let lived = live(seed, &BTreeSet::new(), defect);
                    let mut whole = whole.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    whole.lives += 1;
                    whole.faults += u64::try_from(lived.struck.len()).unwrap_or(0);
                    whole.counts.join(&lived.counts);
                    if !lived.broken.is_empty() {
                        whole.failed.push((seed, lived.broken));
                        stop.store(whole.failed.len() >= failures_max, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let mut report = whole.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    report.took = began.elapsed();
    report.failed.sort();
    report
}

/// The fewest faults found with which a seed still fails; none if it fails in clear weather.
pub fn shrink(seed: u64, defect: Option<Defect>) -> (BTreeSet<String>, Lived) {
    let mut spared = BTreeSet::new();
    let mut last = live(seed, &spared, defect);
    let mut size = last.struck.len().div_ceil(2);
    while size > 0 {
        let candidates: Vec<_> =
            last.struck.iter().map(|it| it.id.clone()).filter(|id| !spared.contains(id)).collect();
        let mut shrunk = false;
        for part in candidates.chunks(size) {
            let mut more = spared.clone();
            more.extend(part.iter().cloned());
            let lived = live(seed, &more, defect);
            if !lived.broken.is_empty() {
                (spared, last, shrunk) = (more, lived, true);
                break;
            }
        }
        if !shrunk {
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
    }
    (spared, last)
}

/// The story of a seed, told step by step, without the spared faults.
pub fn replay(seed: u64, spared: &BTreeSet<String>, defect: Option<Defect>) -> (Vec<String>, Lived) {
    story::listen();
    let lived = live(seed, spared, defect);
    (story::take(), lived)
}
