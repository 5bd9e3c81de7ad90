//! The command line: what can be asked, and which file answers it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use payment::{CustomerId, Failure, GatewayReference, Identity, SubscriptionId};
use queue::Job;
use url::Url;

use crate::cost::{self, Traffic};
use crate::inspect::{self, Wanted};
use crate::probe::{self, Sandbox};
use crate::replay::{self, Replayed};
use crate::resolve::{self, Word};
use crate::setup::{self, Wish};
use crate::{Deployment, Report, dead_letters, doctor, forget, reconcile, terminate};

/// Operates a deployment of the payment connector.
///
/// Settings are the functions' own, from files (`--settings`, as `aws lambda get-function-configuration --query
/// Environment.Variables` prints them) and from the environment over them; secrets are read from Secrets Manager as the
/// functions do. Exit codes: 0 done; 1 could not; 2 asked wrongly; 3 done, and something needs a person.
#[derive(Parser)]
#[command(version, about)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// A file of settings: JSON objects of texts, one or several.
    #[arg(long = "settings", global = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The profile of the aws command to take credentials from; the environment's otherwise.
    #[arg(long, global = true)]
    pub profile: Option<String>,
    /// Print JSON instead of tables.
    #[arg(long, global = true)]
    pub json: bool,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Show what happened: facts, attempts, time-line. Never a token.
    Inspect {
        /// subscription#121780131, order#…, customer#… (all they have), payment#…, details#…, or the number alone.
        wanted: Wanted,
    },
    /// Ask the gateway now what became of an attempt, and tell Cleeng.
    Resolve(Resolving),
    /// Send again a kept event, or a job's dead letters; what is stale by now is refused with the reason.
    Replay {
        /// A job (recurring-capture, settlement, termination) or a kept event's digest.
        what: Replayed,
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
    },
    /// List what the jobs could not do: age, subject, and whether it may be sent again.
    DeadLetters {
        /// Only this job's.
        #[arg(long)]
        job: Option<Job>,
        /// Drop one message for good, by its id.
        #[arg(long, value_name = "MESSAGE")]
        drop: Option<String>,
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
    },
    /// Compare one day here, at the gateways and at Cleeng.
    Reconcile {
        /// The day (UTC), such as 2027-02-04; yesterday otherwise.
        #[arg(long)]
        day: Option<Date>,
        /// Also compare every subscription of our payment methods that Cleeng lists.
        #[arg(long)]
        all_subscriptions: bool,
    },
    /// End a subscription: voids what is held, then ends it in Cleeng.
    Terminate {
        /// Cleeng's subscription.
        subscription: SubscriptionId,
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
    },
    /// Erase what is personal of a customer without a living subscription; what is money stays.
    Forget {
        /// Cleeng's customer.
        customer: CustomerId,
        /// Remove the stored cards at the gateway too, whatever FORGET_TOKENS says.
        #[arg(long)]
        at_gateway: bool,
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
    },
    /// Set Cleeng up for this deployment: webhook topics, dunning actions; check its payment methods.
    Setup(SettingUp),
    /// Compare everything that is registered with what this deployment needs, and say what to do.
    Doctor {
        /// Also send a signed event of an unknown topic through the front door; it is kept once and does nothing.
        #[arg(long)]
        knock: bool,
    },
    /// Settle, in a Cleeng sandbox, what Cleeng does not document (docs/unverified.md), and print the settings to use.
    Probe(Sandbox),
    /// Work out the monthly bill.
    Cost(Traffic),
}

/// `ops resolve`.
#[derive(Args)]
pub struct Resolving {
    /// Such as renewal/121780131/20261123T080000Z/1, as `ops inspect` shows it.
    attempt: Identity,
    /// Where the gateway cannot tell: it happened, under this id of the gateway's.
    #[arg(long, value_name = "GATEWAY_ID", conflicts_with = "did_not_happen", requires = "by")]
    happened: Option<GatewayReference>,
    /// Where the gateway cannot tell: it did not happen.
    #[arg(long, requires = "by")]
    did_not_happen: bool,
    /// Who says so; kept in the time-line.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
}

/// `ops setup`.
#[derive(Args)]
pub struct SettingUp {
    /// Where Cleeng sends webhooks (output CleengWebhookUrl); CLEENG_WEBHOOK_URL otherwise.
    #[arg(long)]
    url: Option<Url>,
    /// An older address of this deployment, which is replaced.
    #[arg(long, value_name = "URL")]
    moved_from: Option<Url>,
    /// Hours before the due date at which payments are asked for, such as 72,48,24,0; kept as they are otherwise.
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true)]
    attempts: Option<Vec<i32>>,
    /// Hours of access after the due date; kept as they are otherwise.
    #[arg(long)]
    grace: Option<u32>,
    /// Take this deployment's address out of every topic, before the stack is deleted.
    #[arg(long, conflicts_with_all = ["moved_from", "attempts", "grace"])]
    remove: bool,
    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
}

/// Does what is asked of this deployment.
pub async fn run(command: &Command, at: &Deployment) -> Result<Report, Failure> {
    match command {
        Command::Inspect { wanted } => inspect::inspect(at, wanted).await,
        Command::Resolve(asked) => {
            let by = asked.by.clone().unwrap_or_default();
            let word = (asked.happened.is_some() || asked.did_not_happen)
                .then(|| Word { happened: asked.happened.clone(), by });
            resolve::resolve(at, &asked.attempt, word.as_ref(), asked.dry_run).await
        }
        Command::Replay { what, dry_run } => replay::replay(at, what, *dry_run).await,
        Command::DeadLetters { job, drop: None, .. } => dead_letters::list(at, *job).await,
        Command::DeadLetters { drop: Some(id), dry_run, .. } => {
            dead_letters::drop_one(at, id, *dry_run).await
        }
        Command::Reconcile { day, all_subscriptions } => {
            let yesterday = || at.now().to_zoned(TimeZone::UTC).date().yesterday();
            let day = match day {
                Some(day) => *day,
                None => yesterday().map_err(|error| Failure::refuse("no such day").because(error))?,
            };
            reconcile::reconcile(at, day, *all_subscriptions).await
        }
        Command::Terminate { subscription, dry_run } => {
            terminate::terminate(at, *subscription, *dry_run).await
        }
        Command::Forget { customer, at_gateway, dry_run } => {
            forget::forget(at, *customer, *at_gateway, *dry_run).await
        }
        Command::Setup(asked) => {
            let wish = Wish {
                url: asked.url.clone(),
                moved_from: asked.moved_from.clone(),
                attempts: asked.attempts.clone(),
                grace: asked.grace,
                remove: asked.remove,
            };
            setup::setup(at, &wish, asked.dry_run).await
        }
        Command::Doctor { knock } => doctor::doctor(at, *knock).await,
        Command::Probe(sandbox) => probe::probe(at, sandbox).await,
        Command::Cost(traffic) => Ok(cost::cost(traffic)),
    }
}
