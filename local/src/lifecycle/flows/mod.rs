//! Each flow of a connector, step by step, in a system of its own.

mod buying;
mod changing;
mod ending;
mod managed;
mod renewing;
mod returning;

use std::process::ExitCode;
use std::sync::Arc;

use clap::ValueEnum;
use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use ledger::MemoryLedger;
use serde::Serialize;

use super::GatewayChoice;
use super::scene::{Scene, Step};
use crate::LocalError;
use crate::system::System;

/// A flow, by the name that it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Flow {
    /// All of them.
    All,
    /// A subscription is bought.
    Purchase,
    /// The bank asks for 3-D Secure first.
    ThreeDSecure,
    /// A card is refused, another one pays.
    RefusedThenPaid,
    /// A free trial, then its first paid period.
    Trial,
    /// A coupon takes everything off.
    Coupon,
    /// A pass: once, never renewed.
    Pass,
    /// A live event and a film: once, never renewed.
    EventAndRental,
    /// A renewal that is authorised, then captured.
    TwoSteps,
    /// A renewal that is charged in one step.
    OneStep,
    /// Refused on its first dates, paid on the last.
    Dunning,
    /// An authorised payment that Cleeng wants captured at once.
    CapturePayment,
    /// A renewed card pays from now on.
    CardChange,
    /// Payment details are deactivated while a payment is held.
    DetailsDeactivated,
    /// Stopped, and resumed in time.
    StopAndResume,
    /// Paused for weeks.
    Pause,
    /// Another offer from now on.
    Switch,
    /// The price changes between authorisation and capture.
    PriceChange,
    /// Cleeng asks for all of a payment to be returned.
    Refund,
    /// Cleeng asks for parts.
    PartialRefund,
    /// Somebody returns money at the gateway.
    GatewayRefund,
    /// The bank takes it back, and gives it back.
    Chargeback,
    /// The gateway's news comes after the answer.
    LateNews,
    /// Ended because it could not be paid.
    EndUnpaid,
    /// Ended because its customer stopped it.
    EndStopped,
    /// Billed by our own schedule: bought, renewed, stopped.
    Managed,
    /// Billed by our own schedule: refused, a new card, refused for good.
    ManagedDunning,
    /// Billed by our own schedule: a trial and a pass.
    ManagedTrialAndPass,
}

impl Flow {
    async fn play(self, scene: &mut Scene<'_>) -> Result<(), LocalError> {
        match self {
            Self::All => Ok(()),
            Self::Purchase => buying::purchase(scene).await,
            Self::ThreeDSecure => buying::three_d_secure(scene).await,
            Self::RefusedThenPaid => buying::refused_then_paid(scene).await,
            Self::Trial => buying::trial(scene).await,
            Self::Coupon => buying::coupon(scene).await,
            Self::Pass => buying::pass(scene).await,
            Self::EventAndRental => buying::event_and_rental(scene).await,
            Self::TwoSteps => renewing::two_steps(scene).await,
            Self::OneStep => renewing::one_step(scene).await,
            Self::Dunning => renewing::dunning(scene).await,
            Self::CapturePayment => renewing::capture_payment(scene).await,
            Self::CardChange => changing::card_change(scene).await,
            Self::DetailsDeactivated => changing::details_deactivated(scene).await,
            Self::StopAndResume => changing::stop_and_resume(scene).await,
            Self::Pause => changing::pause(scene).await,
            Self::Switch => changing::switch(scene).await,
            Self::PriceChange => changing::price_change(scene).await,
            Self::Refund => returning::refund(scene).await,
            Self::PartialRefund => returning::partial_refund(scene).await,
            Self::GatewayRefund => returning::gateway_refund(scene).await,
            Self::Chargeback => returning::chargeback(scene).await,
            Self::LateNews => returning::late_news(scene).await,
            Self::EndUnpaid => ending::unpaid(scene).await,
            Self::EndStopped => ending::stopped(scene).await,
            Self::Managed => managed::renewed_and_stopped(scene).await,
            Self::ManagedDunning => managed::dunning(scene).await,
            Self::ManagedTrialAndPass => managed::trial_and_pass(scene).await,
        }
    }

    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// One flow at one gateway, as it was seen.
#[derive(Serialize)]
struct Played {
    flow: String,
    gateway: &'static str,
    steps: Vec<Step>,
}

/// Plays them; success only if every step saw what it should.
pub(super) async fn run(
    wanted: &[Flow],
    gateways: &[GatewayChoice],
    json: bool,
) -> Result<ExitCode, LocalError> {
    let all = wanted.contains(&Flow::All);
    let flows: Vec<_> = Flow::value_variants()
        .iter()
        .copied()
        .filter(|flow| *flow != Flow::All && (all || wanted.contains(flow)))
        .collect();
    let mut played = Vec::new();
    for gateway in gateways {
        for flow in &flows {
            played.push(play(*flow, *gateway).await?);
        }
    }
    let good = played.iter().flat_map(|it| &it.steps).all(|step| step.expected == step.seen);
    if json {
        print_json(&played)?
    } else {
        print_tables(&played)
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn play(flow: Flow, gateway: GatewayChoice) -> Result<Played, LocalError> {
    // Whole lives are played on the embedded DynamoDB; here its memory twin serves, which keeps the same contract.
    let system = System::calm(Arc::new(MemoryLedger::new()))?;
    let gateway = gateway.name();
    let mut scene = Scene { system: &system, gateway, steps: Vec::new(), compared: false };
    let ended = flow.play(&mut scene).await;
    if let Err(error) = ended {
        scene.step("it goes on", "to its end", format!("{error:#}"));
    }
    if !scene.compared {
        scene.compare().await?;
    }
    Ok(Played { flow: flow.name(), gateway, steps: scene.steps })
}

#[expect(clippy::print_stdout, reason = "this is the command's answer")]
fn print_json(played: &[Played]) -> Result<(), LocalError> {
    println!("{}", serde_json::to_string_pretty(played)?);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this is the command's answer")]
fn print_tables(played: &[Played]) {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(["flow", "gateway", "step", "seen", ""]);
    for flow in played {
        for (nth, step) in flow.steps.iter().enumerate() {
            let named = |text: &str| if nth == 0 { text.to_owned() } else { String::new() };
            let (seen, mark) = match step.expected == step.seen {
                true => (step.seen.clone(), "ok".to_owned()),
                false => (format!("{}, not {}", step.seen, step.expected), "DIFFERS".to_owned()),
            };
            table.add_row([named(&flow.flow), named(flow.gateway), step.what.clone(), seen, mark]);
        }
    }
    println!("{table}");
    let bad = |flow: &&Played| flow.steps.iter().any(|step| step.expected != step.seen);
    let wrong: Vec<_> =
        played.iter().filter(bad).map(|it| format!("{} at {}", it.flow, it.gateway)).collect();
    match wrong.as_slice() {
        [] => println!("{} flows, each with its three ledgers agreeing.", played.len()),
        wrong => println!("Not as it should be: {}.", wrong.join(", ")),
    }
}
