//! The command: starts everything on this machine, or plays whole subscription lives without a person.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use local::lifecycle::{self, Lives};
use local::serve::{self, Serving};
use tracing_subscriber::EnvFilter;

/// The payment connector for Cleeng, whole, on one machine: no account, no Docker, no cloud.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serving: Serving,
    /// Keep the data in this directory, so that a restart finds it again.
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Play subscriptions from their purchase to their end, and compare the three ledgers.
    Lifecycle(Lives),
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).compact().init();
    let Arguments { command, serving, data } = Arguments::parse();
    let ended = match command {
        None => serve::run(&serving, data.as_deref()).await,
        Some(Command::Lifecycle(lives)) => lifecycle::run(&lives, data.as_deref()).await,
    };
    match ended {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
