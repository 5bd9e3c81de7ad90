//! Subscriptions without a person: many whole lives at once, or each flow of a connector step by step; then the three
//! ledgers are compared.

mod flows;
mod lives;
mod scene;

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use crate::LocalError;
pub use flows::Flow;

/// What to play.
#[derive(Args, Clone, Debug)]
pub struct Lives {
    /// The gateway that moves the money. Lives are played at Stripe where none is named, flows at both.
    #[arg(long, value_enum)]
    pub gateway: Option<GatewayChoice>,
    /// How many subscriptions.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub subscriptions: u32,
    /// How many times each is renewed.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=60))]
    pub renewals: u32,
    /// Play these flows step by step instead (`all`, or names by commas).
    #[arg(long, value_enum, value_delimiter = ',', conflicts_with_all = ["subscriptions", "renewals"])]
    pub flows: Vec<Flow>,
    /// Print JSON instead of tables.
    #[arg(long)]
    pub json: bool,
}

/// The gateways that have a simulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GatewayChoice {
    /// Stripe.
    Stripe,
    /// Adyen.
    Adyen,
}

impl GatewayChoice {
    fn name(self) -> &'static str {
        match self {
            Self::Stripe => "stripe",
            Self::Adyen => "adyen",
        }
    }
}

/// Plays; success only if every step saw what it should and the ledgers agree.
pub async fn run(lives: &Lives, data: Option<&Path>) -> Result<ExitCode, LocalError> {
    if lives.flows.is_empty() {
        return lives::run(lives, lives.gateway.unwrap_or(GatewayChoice::Stripe), data).await;
    }
    if data.is_some() {
        return Err(LocalError::Story(
            "each flow begins in a system of its own: leave out --data".to_owned(),
        ));
    }
    let both = [GatewayChoice::Stripe, GatewayChoice::Adyen];
    let gateways = lives.gateway.map_or_else(|| both.to_vec(), |gateway| vec![gateway]);
    flows::run(&lives.flows, &gateways, lives.json).await
}

/// Where every story begins: 2027-01-04T09:00:00Z, a Monday.
fn beginning() -> Timestamp {
    const BEGINNING_SECONDS: i64 = 1_799_053_200;
    Timestamp::from_second(BEGINNING_SECONDS).unwrap_or(Timestamp::UNIX_EPOCH)
}
