//! What the command line asks for, and what is printed.

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::Parser;

use crate::defects::Defect;
use crate::runs::{Report, replay, run, shrink};

/// Seeded lives of subscriptions over a network that breaks on purpose.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// How many lives.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Tells the life of one seed step by step.
    #[arg(long)]
    replay: Option<u64>,
    /// With `--replay`: only the faults without which it does not fail.
    #[arg(long)]
    shrunk: bool,
    /// Breaks something on purpose; the lives must find it.
    #[arg(long, value_parser = defect)]
    defect: Option<Defect>,
    /// Breaks everything on purpose that has a name, one after the other; each must be found within its own bound.
    #[arg(long, conflicts_with_all = ["defect", "replay"])]
    defects: bool,
    /// Lives at once.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Stops after so many failing seeds.
    #[arg(long, default_value_t = 1)]
    failures: usize,
}

fn defect(name: &str) -> Result<Defect, String> {
    let names: Vec<_> = Defect::ALL.iter().map(|(name, _)| *name).collect();
    Defect::named(name).ok_or_else(|| format!("the defects are {}", names.join(", ")))
}

/// Does what is asked. With a defect it is a success to find it.
#[expect(clippy::print_stdout, reason = "this is a command, and its report is its purpose")]
pub fn obey(arguments: &Arguments) -> ExitCode {
    if let Some(seed) = arguments.replay {
        let spared = if arguments.shrunk { shrink(seed, arguments.defect).0 } else { BTreeSet::new() };
        let (story, lived) = replay(seed, &spared, arguments.defect);
        for line in story {
            println!("{line}");
        }
        println!("\nfaults that struck:");
        for struck in lived.struck {
            println!("  {}", struck.id);
        }
        println!("\n{}", verdict(&lived.broken));
        return if lived.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    if arguments.defects {
        return all_defects(arguments.threads);
    }
    let Arguments { seeds, from, defect, threads, failures, .. } = *arguments;
    let report = run(from, seeds, defect, threads, failures);
    println!("{}", told(&report));
    for (seed, broken) in &report.failed {
        println!("\nseed {seed}: {}", verdict(broken));
    }
    if let Some((seed, _)) = report.failed.first() {
        let (_, lived) = shrink(*seed, defect);
        println!("\nseed {seed} needs only these faults: {}", verdict(&lived.broken));
        for struck in &lived.struck {
            println!("  {}", struck.id);
        }
        println!("told step by step: cargo run --release -p simulation -- --replay {seed} --shrunk");
    }
    if report.failed.is_empty() == defect.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Looks for each defect, and tells at which life it was found.
#[expect(clippy::print_stdout, reason = "this is a command, and its report is its purpose")]
fn all_defects(threads: usize) -> ExitCode {
    let mut missed = 0;
    println!("| defect | found in life | must be found within | time | by |\n|---|---|---|---|---|");
    for (name, defect) in Defect::ALL {
        let report = run(0, Defect::LIVES_MAX, Some(defect), threads, 1);
        let found = report.failed.first();
        missed += usize::from(found.is_none());
        let life = found.map_or("never".to_owned(), |(seed, _)| (seed + 1).to_string());
        let by = found.and_then(|(_, broken)| broken.first()).map_or("", String::as_str);
        println!("| {name} | {life} | {} | {:.1?} | {by} |", Defect::LIVES_MAX, report.took);
    }
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// In four columns.
fn told(report: &Report) -> String {
    let Report { lives, took, faults, failed, .. } = report;
    let mut told = format!("{lives} lives in {took:.1?}, {faults} faults, {} failed", failed.len());
    for (n, (what, count)) in report.counts.0.iter().enumerate() {
        let begins = if n % 4 == 0 { "\n" } else { "" };
        told += &format!("{begins}{count:>9} {what:<21}");
    }
    told
}

fn verdict(broken: &[String]) -> String {
    if broken.is_empty() { "nothing is broken".to_owned() } else { broken.join("\n  ") }
}
