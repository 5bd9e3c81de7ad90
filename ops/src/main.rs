//! The operator's command: looks at items, asks gateways again, queues what was kept or should end.

mod act;
mod inspect;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use entrypoint::Outside;
use gateways::Routes;
use ledger::Subject;
use payment::{Identity, SubscriptionId};
use queue::Job;
use settings::Settings;
use wire::Http;

/// Operates a deployment of the payment connector.
///
/// Reads the same settings as the functions, from the environment: LEDGER_TABLE, CLEENG_*, PAYMENT_METHODS, the
/// gateways' keys, the queues' URLs, AWS_REGION and AWS credentials (`aws configure export-credentials --format env`).
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show an item: its facts, its attempts, its time-line. Never a token.
    Inspect {
        /// `subscription#121780131`, `order#696713353`, `customer#…`, `payment#…`; a bare number is a subscription.
        subject: String,
        /// Print JSON instead of tables.
        #[arg(long)]
        json: bool,
    },
    /// Ask the gateway now what became of an attempt, and tell Cleeng.
    Resolve {
        /// Such as `renewal/121780131/20261123T080000Z/1`.
        identity: Identity,
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
    },
    /// Queue a kept event again for its job. The job judges its age and the item's state anew.
    Replay {
        /// The event's digest, as the logs and the table name it.
        digest: String,
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
    },
    /// End a subscription: voids what is held, then ends it in Cleeng.
    Terminate {
        /// Cleeng's subscription.
        subscription: SubscriptionId,
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(tracing::Level::WARN).init();
    let arguments = Arguments::parse();
    match run(arguments.command).await {
        Ok(text) => {
            print(&text);
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<String, Box<dyn std::error::Error>> {
    let settings = Settings::from_environment();
    let outside = Outside::real(&settings, Http::new()?, &[]).await?;
    match command {
        Command::Inspect { subject, json } => {
            Ok(inspect::inspect(outside.ledger.as_ref(), subject_of(&subject)?, json).await?)
        }
        Command::Resolve { identity, dry_run } => {
            let means = entrypoint::means(&settings, &outside, &Routes::from_settings(&settings)?)?;
            Ok(act::resolve(&means, &identity, dry_run).await?)
        }
        Command::Replay { digest, dry_run } => {
            let outside = Outside::real(&settings, Http::new()?, &Job::ALL).await?;
            Ok(act::replay(&outside, &digest, dry_run).await?)
        }
        Command::Terminate { subscription, dry_run } => {
            let outside = Outside::real(&settings, Http::new()?, &[Job::Termination]).await?;
            Ok(act::terminate(&outside, subscription, dry_run).await?)
        }
    }
}

/// A bare number is a subscription, which is what people ask about.
fn subject_of(text: &str) -> Result<Subject, String> {
    let whole = if text.contains('#') { text.to_owned() } else { format!("subscription#{text}") };
    whole.parse().map_err(|_| {
        format!("`{text}` is no item: write subscription#121780131, order#696713353, customer#… or payment#…")
    })
}

#[expect(clippy::print_stdout, reason = "this is the command's answer")]
fn print(text: &str) {
    println!("{text}");
}
