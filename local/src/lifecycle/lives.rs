//! Many lives at once: bought, renewed with a refusal on the way, stopped, ended; then the three ledgers are compared.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use http::StatusCode;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::SignedDuration;
use serde::Serialize;
use serde_json::json;
use wire::Clock;

use super::{GatewayChoice, Lives, beginning};
use crate::LocalError;
use crate::buyer::{Buyer, TestCard};
use crate::disk::{Hour, Reach, start};
use crate::ledgers::{Comparison, compare};
use crate::simulators::cleeng::SubscriptionState;
use crate::simulators::cleeng::offers;
use crate::system::System;

/// One step of the story, as it was seen.
#[derive(Clone, Debug, Serialize)]
struct Step {
    what: String,
    expected: usize,
    seen: usize,
    milliseconds: u128,
}

/// The whole story.
#[derive(Serialize)]
struct Report {
    gateway: &'static str,
    steps: Vec<Step>,
    comparison: Comparison,
}

/// Plays the lives; success only if every step saw what it should and the ledgers agree.
pub(super) async fn run(
    lives: &Lives,
    gateway: GatewayChoice,
    data: Option<&Path>,
) -> Result<ExitCode, LocalError> {
    let started = start(data, Hour::Standing(beginning()), &Reach::InProcess).await?;
    let mut story = Story { system: &started.system, lives, gateway, steps: Vec::new() };
    story.play().await?;
    let steps = story.steps;
    started.keep_hour(Hour::Standing(started.system.clock.now()))?;
    let comparison = compare(&started.system).await?;
    let agrees = comparison.differences.is_empty() && steps.iter().all(|step| step.seen == step.expected);
    let report = Report { gateway: gateway.name(), steps, comparison };
    if lives.json {
        print_json(&report)?
    } else {
        print_tables(&report)
    }
    started.dynamo.stop().await?;
    Ok(if agrees { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Story<'a> {
    system: &'a System,
    lives: &'a Lives,
    gateway: GatewayChoice,
    steps: Vec<Step>,
}

impl Story<'_> {
    async fn play(&mut self) -> Result<(), LocalError> {
        let began = Instant::now();
        let count = usize::try_from(self.lives.subscriptions).unwrap_or(usize::MAX);
        let before = self.living();
        let bought = self.buy().await?;
        let share = |nth, every| (0..self.lives.subscriptions).filter(|it| it % every == nth).count();
        let what = format!(
            "bought ({} after 3-D Secure, {} with a free trial, {} after a refused card)",
            share(1, ASKS_FIRST_EVERY),
            share(5, TRIAL_EVERY),
            share(7, REFUSED_EVERY),
        );
        self.step(&what, count, bought, began);

        let began = Instant::now();
        self.system.run_for(SignedDuration::from_mins(10)).await;
        self.step("active at Cleeng", count, self.living() - before, began);

        for renewal in 1..=self.lives.renewals {
            let began = Instant::now();
            let refusing = if renewal == 1 { self.refuse_next_charge() } else { 0 };
            let renewed = self.renewals();
            self.month("renewing").await;
            let what = match refusing {
                0 => format!("renewed, time {renewal}"),
                refusing => format!(
                    "renewed, time {renewal} ({refusing} refused first, paid on the next dunning date)"
                ),
            };
            self.step(&what, count, self.renewals() - renewed, began);
        }

        let began = Instant::now();
        let stopped = self.stop_all();
        self.step("stopped by their customers", count, stopped, began);
        let began = Instant::now();
        self.month("ending").await;
        self.step("ended, access taken away", count, self.ended(), began);
        Ok(())
    }

    /// Everybody buys; some with a free trial, some after 3-D Secure, some after a refused card.
    async fn buy(&self) -> Result<usize, LocalError> {
        let bar = progress("buying", self.lives.subscriptions.into());
        let mut bought = 0;
        for nth in 0..self.lives.subscriptions {
            let buyer = Buyer::register(self.system, self.gateway.name())?;
            let trial = nth % TRIAL_EVERY == 5;
            let order = buyer.order(self.system, if trial { offers::TRIAL } else { offers::MONTHLY })?;
            if nth % REFUSED_EVERY == 7 {
                let refused = buyer.pay(self.system, order, TestCard::Refused).await;
                if refused.status != StatusCode::UNPROCESSABLE_ENTITY {
                    return Err(LocalError::Story(format!("an empty card was answered {}", refused.body)));
                }
            }
            let card = if nth % ASKS_FIRST_EVERY == 1 { TestCard::AsksFirst } else { TestCard::Pays };
            let mut reply = buyer.pay(self.system, order, card).await;
            // Adyen asks in two steps: the browser's fingerprint, then the challenge.
            for _ in 0..2 {
                if reply.asks_first() {
                    reply = buyer.authenticate(self.system, order, &reply, true).await;
                }
            }
            if reply.text("/responseData/payment/status") == Some("captured") {
                bought += 1;
            } else {
                tracing::error!(order, "A purchase was answered {}: {}", reply.status, reply.body);
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(bought)
    }

    /// Every fifth card has no money at its next charge, and has again at the one after.
    fn refuse_next_charge(&self) -> usize {
        let gateway = self.gateway;
        let details = self.system.peers.cleeng.payment_details();
        let mut count = 0;
        for row in details.iter().filter(|row| row.active).step_by(5) {
            let Some((_, card)) = row.token.expose().split_once('|') else { continue };
            let (host, path, behaviour) = match gateway {
                GatewayChoice::Stripe => {
                    (&self.system.peers.stripe_host, format!("payment_methods/{card}"), "insufficient_funds")
                }
                GatewayChoice::Adyen => (&self.system.peers.adyen_host, format!("stored/{card}"), "12"),
            };
            let answer = host.control(&path, &json!({ "behaviour": behaviour, "times": 1 }));
            count += usize::from(answer.status().is_success());
        }
        count
    }

    fn stop_all(&self) -> usize {
        let mut count = 0;
        for row in self.system.peers.cleeng.subscriptions() {
            if row.status == SubscriptionState::Active {
                let answer = self
                    .system
                    .peers
                    .cleeng_host
                    .control(&format!("subscriptions/{}/stop", row.id), &json!({}));
                count += usize::from(answer.status().is_success());
            }
        }
        count
    }

    /// Lets a month pass, day by day: long enough for every monthly period to come round once, short enough for none
    /// to come twice.
    async fn month(&self, what: &'static str) {
        let bar = progress(what, MONTH_DAYS);
        for _ in 0..MONTH_DAYS {
            self.system.run_for(SignedDuration::from_hours(24)).await;
            bar.inc(1);
        }
        bar.finish_and_clear();
    }

    fn living(&self) -> usize {
        let all = self.system.peers.cleeng.subscriptions();
        all.iter().filter(|row| row.status == SubscriptionState::Active && row.has_access).count()
    }

    fn ended(&self) -> usize {
        let all = self.system.peers.cleeng.subscriptions();
        all.iter().filter(|row| row.status == SubscriptionState::Terminated && !row.has_access).count()
    }

    /// Periods paid so far, over all subscriptions.
    fn renewals(&self) -> usize {
        let periods = self.system.peers.cleeng.subscriptions().into_iter().map(|row| row.periods);
        periods.map(|periods| usize::try_from(periods).unwrap_or(usize::MAX)).sum()
    }

    fn step(&mut self, what: &str, expected: usize, seen: usize, began: Instant) {
        self.steps.push(Step {
            what: what.to_owned(),
            expected,
            seen,
            milliseconds: began.elapsed().as_millis(),
        });
    }
}

/// The mix of buyers: every so manieth is asked for 3-D Secure, takes a free trial, or tries an empty card first.
const ASKS_FIRST_EVERY: u32 = 3;
const TRIAL_EVERY: u32 = 12;
const REFUSED_EVERY: u32 = 10;
const MONTH_DAYS: u64 = 31;

fn progress(what: &'static str, length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(length).with_style(style).with_message(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

#[expect(clippy::print_stdout, reason = "this is the command's answer")]
fn print_json(report: &Report) -> Result<(), LocalError> {
    println!("{}", serde_json::to_string_pretty(report)?);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this is the command's answer")]
fn print_tables(report: &Report) {
    let mut steps = Table::new();
    steps.load_style(UTF8_FULL_CONDENSED).set_header(["step", "expected", "seen", "ms", ""]);
    for step in &report.steps {
        let mark = if step.seen == step.expected { "ok" } else { "DIFFERS" };
        let numbers = [step.expected.to_string(), step.seen.to_string(), step.milliseconds.to_string()];
        steps.add_row([step.what.clone()].into_iter().chain(numbers).chain([mark.to_owned()]));
    }
    println!("Subscriptions at {}, through the functions' own code:\n{steps}\n", report.gateway);

    let found = &report.comparison;
    let mut ledgers = Table::new();
    ledgers.load_style(UTF8_FULL_CONDENSED).set_header(["the three ledgers", ""]);
    for (currency, amount) in &found.money {
        ledgers.add_row([format!("{currency} kept"), amount.to_string()]);
    }
    for (what, count) in [
        ("payments captured", found.captured),
        ("refused", found.declined),
        ("returned", found.refunded),
        ("cards verified at zero", found.verified),
        ("holds let go", found.released),
        ("holds waiting", found.held),
        ("subscriptions living", found.subscriptions.0),
        ("subscriptions ended", found.subscriptions.1),
        ("attempts parked for a person", found.parked),
        ("differences", found.differences.len()),
    ] {
        ledgers.add_row([what.to_owned(), count.to_string()]);
    }
    println!("{ledgers}");
    for difference in found.differences.iter().take(SHOWN_MAX) {
        println!("differs: {}: {}", difference.about, difference.what);
    }
    if found.differences.is_empty() {
        println!("Ours, the gateway's and Cleeng's agree.");
    }
}

/// Differences that are printed; `--json` has them all.
const SHOWN_MAX: usize = 50;
