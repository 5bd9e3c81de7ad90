//! Measures what the functions cost on this machine, row by row of docs/performance.md, and says where a goal is missed.

#![expect(clippy::print_stdout, reason = "what was measured is for a person to read")]

mod cost;
mod counts;
mod events;
mod front;
mod functions;
mod handshake;
mod instance;
mod limited;
mod load;
mod meter;
mod process;
mod record;
mod rows;
mod sockets;
mod story;
mod surroundings;
mod table;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::counts::{COUNTED, Runs};
use crate::functions::{Functions, Profile};
use crate::record::Counts;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Measures every row of docs/performance.md, writes it, and fails where a goal that can be met is missed.
///
/// Needs valgrind. Builds the functions in the release profile first.
#[derive(Parser)]
struct Arguments {
    /// Measure the binaries in this folder instead of building them, such as those of another version.
    #[arg(long, global = true)]
    functions: Option<PathBuf>,
    /// Measure only these rows, and leave docs/performance.md as it is.
    #[arg(long, value_delimiter = ',')]
    rows: Vec<u8>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Count instructions only, and fail where they have grown by more than 2 % over the record (tests/perf/counts.json).
    ///
    /// Builds in the profile `simulation`, which takes a fraction of a release's time: what grows there grows in a release.
    Counts {
        /// Make what is counted now the record.
        #[arg(long)]
        record: bool,
        /// Events of the shorter run.
        #[arg(long, default_value_t = 50)]
        few: usize,
        /// Events of the longer run.
        #[arg(long, default_value_t = 250)]
        many: usize,
        /// Only these functions.
        #[arg(long, value_delimiter = ',')]
        only: Vec<String>,
    },
    /// Buy so many subscriptions and renew them all at once, through latency and faults.
    Load {
        /// How many.
        #[arg(long, default_value_t = 10_000)]
        subscriptions: usize,
    },
    /// What a function writes for ten events.
    Log {
        /// Its name.
        function: String,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// `false` where a goal is missed.
fn run(arguments: Arguments) -> Result<bool> {
    let functions = |names: &[&str], profile| match &arguments.functions {
        Some(folder) => Ok(Functions::from_folder(folder)),
        None => Functions::build(names, profile),
    };
    match arguments.command {
        None => rows::measure(&functions(&functions::ALL, Profile::Release)?, &arguments.rows),
        Some(Command::Counts { record, few, many, only }) => {
            let names: Vec<_> = COUNTED
                .into_iter()
                .filter(|name| only.is_empty() || only.iter().any(|it| it == name))
                .collect();
            let counts = real(count(&functions(&names, Profile::Simulation)?, &names, Runs { few, many }))?;
            if record {
                record::keep(&counts)?;
                return Ok(true);
            }
            let grown = record::growth(&record::kept()?, &counts);
            for line in &grown {
                println!("Grown by more than 2 %: {line}");
            }
            if !grown.is_empty() {
                println!("If it is worth it: cargo run -p perf -- counts --record");
            }
            Ok(grown.is_empty())
        }
        Some(Command::Load { subscriptions }) => {
            let load = real(load::run(subscriptions))?;
            println!("{}", rows::told(&load));
            Ok(load.differences.is_empty() && load.parked == 0)
        }
        Some(Command::Log { function }) => {
            let functions = functions(&[function.as_str()], Profile::Release)?;
            print!("{}", real(process::log(functions.needed(&function)?, &function, 10))?);
            Ok(true)
        }
    }
}

async fn count(functions: &Functions, names: &[&str], runs: Runs) -> Result<Counts> {
    let mut counts = Counts::new();
    for name in names {
        let count = counts::count(functions, name, runs).await?;
        println!(
            "{name}: {} instructions to ready, {} per event",
            table::grouped(count.ready),
            table::grouped(count.per_event)
        );
        counts.insert((*name).to_owned(), count);
    }
    Ok(counts)
}

/// Runs on all cores, in real time.
fn real<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(work)
}

/// Runs on one thread; with `paused`, on a clock that moves only while everybody waits.
fn on_a_clock<T>(paused: bool, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(paused).build()?.block_on(work)
}

/// How long a peer takes, where it is measured (milliseconds): what is usual in the field.
fn latency_ms(peer: &str) -> u64 {
    match peer {
        "table" => 5,
        "queue" => 8,
        "cleeng" => 250,
        _ => 1200,
    }
}
