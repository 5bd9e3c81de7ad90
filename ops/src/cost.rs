//! The monthly bill: list prices of AWS times the operations that the jobs were counted to make.

use clap::{Args, ValueEnum};
use rust_decimal::Decimal;
use serde_json::json;

use crate::Report;
use crate::report::table;

/// How much is done in a month, and how.
#[derive(Args, Clone, Debug)]
pub struct Traffic {
    /// Renewals a month.
    #[arg(long, default_value_t = 0)]
    pub renewals: u64,
    /// First purchases a month.
    #[arg(long, default_value_t = 0)]
    pub purchases: u64,
    /// Renewals that are charged in one step instead of authorised and captured, in percent.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=100))]
    pub one_step_percent: u64,
    /// Renewals that end in a termination, in percent.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(0..=100))]
    pub ended_percent: u64,
    /// Messages that one invocation works: 10 in a burst, 1 where renewals trickle in.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=10))]
    pub batch: u64,
    /// Seconds that one renewal waits for Cleeng and the gateway.
    #[arg(long, default_value_t = decimal(17, 1))]
    pub seconds: Decimal,
    /// What stands before the functions.
    #[arg(long, value_enum, default_value_t = FrontDoor::HttpApi)]
    pub front_door: FrontDoor,
    /// Bytes of log for each event.
    #[arg(long, default_value_t = 400)]
    pub log_bytes: u64,
    /// Environments (stacks): what a stack costs while nothing happens is paid for each.
    #[arg(long, default_value_t = 1)]
    pub stacks: u64,
}

/// What stands before the functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FrontDoor {
    /// The template's.
    HttpApi,
    /// A REST API.
    RestApi,
    /// A function's own address, without throttling.
    FunctionUrl,
}

/// What one piece of work does, counted at the seams by a test (`tests/it/operator/cost.rs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Requests from outside: pages and webhooks.
    pub requests: u64,
    /// Messages queued.
    pub messages: u64,
    /// Consistent reads of the table.
    pub reads: u64,
    /// Writes to the table, of a kilobyte each.
    pub writes: u64,
    /// Calls to Cleeng and the gateway.
    pub calls: u64,
}

/// A renewal that is authorised, then captured: two events of Cleeng's and what the gateway reports of it.
pub const RENEWAL_TWO_STEPS: Counted = Counted { requests: 4, messages: 4, reads: 4, writes: 9, calls: 5 };
/// A renewal that is charged in one step.
pub const RENEWAL_ONE_STEP: Counted = Counted { requests: 2, messages: 2, reads: 2, writes: 4, calls: 3 };
/// A purchase, from the page's first request until its subscription is linked.
pub const PURCHASE: Counted = Counted { requests: 4, messages: 2, reads: 6, writes: 6, calls: 8 };
/// A subscription's end.
pub const TERMINATION: Counted = Counted { requests: 1, messages: 1, reads: 1, writes: 3, calls: 1 };

/// List prices in USD (eu-west-1 and us-east-1 differ by a few percent).
mod price {
    use rust_decimal::Decimal;

    use super::decimal;

    /// Per million requests.
    pub(super) const HTTP_API: Decimal = decimal(100, 2);
    pub(super) const REST_API: Decimal = decimal(350, 2);
    /// Per million invocations.
    pub(super) const INVOCATION: Decimal = decimal(20, 2);
    /// Per second and gigabyte, arm64.
    pub(super) const GB_SECOND: Decimal = decimal(133_334, 10);
    /// Per million requests to SQS.
    pub(super) const QUEUE: Decimal = decimal(40, 2);
    /// Per million writes of a kilobyte, on demand.
    pub(super) const WRITE: Decimal = decimal(625, 3);
    /// Per million consistent reads of up to four kilobytes.
    pub(super) const READ: Decimal = decimal(125, 3);
    /// Per gigabyte of log.
    pub(super) const LOG: Decimal = decimal(50, 2);
    /// Per month.
    pub(super) const SECRET: Decimal = decimal(40, 2);
    pub(super) const KEY: Decimal = decimal(100, 2);
    pub(super) const ALARM: Decimal = decimal(10, 2);
    pub(super) const METRIC: Decimal = decimal(30, 2);
}

/// A decimal of these digits, so many of them behind the point.
const fn decimal(digits: u32, scale: u32) -> Decimal {
    Decimal::from_parts(digits, 0, 0, false, scale)
}

const MILLION: Decimal = decimal(1_000_000, 0);
/// Memory of webhook-ingest, of what a buyer waits for, and of what works queues, in gigabytes, as the template has it.
const FRONT_MEMORY: Decimal = decimal(25, 2);
const BUYER_MEMORY: Decimal = decimal(5, 1);
const WORKER_MEMORY: Decimal = decimal(25, 2);
/// Seconds that the front functions take over their own work and the table.
const FRONT_SECONDS: Decimal = decimal(2, 2);
/// The slowest message of a batch, in mean ones: an invocation waits for it.
const SLOWEST: Decimal = decimal(13, 1);
/// The timer: a tick each minute, ten shards read by each.
const TICKS: u64 = 43_200;
const SHARDS: u64 = 10;
/// Seconds of a tick.
const TICK_SECONDS: Decimal = decimal(1, 1);
/// What the template makes: secrets, alarms, and metrics with their dimensions.
const SECRETS: u64 = 6;
const ALARMS: u64 = 21;
const METRICS: u64 = 40;

/// One line of the bill.
struct Line {
    what: &'static str,
    how: String,
    dollars: Decimal,
}

/// Prints the bill, and what changes it.
pub(crate) fn cost(traffic: &Traffic) -> Report {
    let lines = bill(traffic);
    let total: Decimal = lines.iter().map(|line| line.dollars).sum();
    let used: Decimal = lines.iter().filter(|line| line.what != STANDING).map(|line| line.dollars).sum();
    let mut rows: Vec<_> =
        lines.iter().map(|line| [line.what.to_owned(), line.how.clone(), dollars(line.dollars)]).collect();
    rows.push(["in all, a month".to_owned(), String::new(), dollars(total)]);
    let units = traffic.renewals + traffic.purchases;
    let each = match units {
        0 => String::new(),
        units => {
            let million = used * MILLION / Decimal::from(units);
            format!(
                "\nWithout what stands still: {} USD per million renewals and purchases.",
                dollars(million)
            )
        }
    };
    let text = format!(
        "{}{each}\n\n{}\nList prices without free tier, tax, data transfer and storage (0.28 USD a GB and month).",
        table(&["what", "how it comes to it", "USD"], rows),
        table(&["what would change it", "to, a month"], changes(traffic, total)),
    );
    let json: Vec<_> =
        lines.iter().map(|line| json!({ "what": line.what, "how": line.how, "usd": line.dollars })).collect();
    Report::new(text, json!({ "lines": json, "usd": total }))
}

const STANDING: &str = "standing still";

fn bill(traffic: &Traffic) -> Vec<Line> {
    let Work { requests, messages, reads, writes } = Work::of(traffic);
    let (batch, stacks) = (Decimal::from(traffic.batch), Decimal::from(traffic.stacks));
    let per_million = |count: Decimal, price: Decimal| count * price / MILLION;
    let front = match traffic.front_door {
        FrontDoor::HttpApi => price::HTTP_API,
        FrontDoor::RestApi => price::REST_API,
        FrontDoor::FunctionUrl => Decimal::ZERO,
    };
    let workers = messages / batch;
    // A message in a batch of one waits for itself alone.
    let slowest = if traffic.batch == 1 { Decimal::ONE } else { SLOWEST };
    let ticks = Decimal::from(TICKS) * stacks;
    let invocations = requests + workers + ticks;
    let gb_seconds = requests * FRONT_MEMORY * FRONT_SECONDS
        + Decimal::from(traffic.purchases) * BUYER_MEMORY * traffic.seconds
        + workers * WORKER_MEMORY * traffic.seconds * slowest
        + ticks * WORKER_MEMORY * TICK_SECONDS;
    // One to send, and for each batch one to receive and one to delete.
    let queued = messages + workers * decimal(2, 0);
    // An index query of little reads half a unit, eventually consistent.
    let read_units = reads + ticks * Decimal::from(SHARDS) * decimal(5, 1);
    let logged = (requests + messages) * Decimal::from(traffic.log_bytes) / decimal(1_000_000_000, 0);
    let still = Decimal::from(SECRETS) * price::SECRET
        + price::KEY
        + Decimal::from(ALARMS) * price::ALARM
        + Decimal::from(METRICS) * price::METRIC;
    vec![
        Line {
            what: "front door",
            how: format!("{} requests", round(requests)),
            dollars: per_million(requests, front),
        },
        Line {
            what: "invocations",
            how: format!("{} ({} of the timer)", round(invocations), round(ticks)),
            dollars: per_million(invocations, price::INVOCATION),
        },
        Line {
            what: "compute",
            how: format!("{} GB-seconds", round(gb_seconds)),
            dollars: gb_seconds * price::GB_SECOND,
        },
        Line {
            what: "queues",
            how: format!("{} requests", round(queued)),
            dollars: per_million(queued, price::QUEUE),
        },
        Line {
            what: "table, writes",
            how: round(writes).to_string(),
            dollars: per_million(writes, price::WRITE),
        },
        Line {
            what: "table, reads",
            how: round(read_units).to_string(),
            dollars: per_million(read_units, price::READ),
        },
        Line { what: "logs", how: format!("{} GB", logged.round_dp(3)), dollars: logged * price::LOG },
        Line {
            what: STANDING,
            how: format!("{SECRETS} secrets, 1 key, {ALARMS} alarms, {METRICS} metrics, a stack"),
            dollars: still * stacks,
        },
    ]
}

/// Everything that a month does.
struct Work {
    requests: Decimal,
    messages: Decimal,
    reads: Decimal,
    writes: Decimal,
}

impl Work {
    fn of(traffic: &Traffic) -> Self {
        let percent = |of: u64, percent: u64| Decimal::from(of) * Decimal::from(percent) / decimal(100, 0);
        let one_step = percent(traffic.renewals, traffic.one_step_percent);
        let parts = [
            (Decimal::from(traffic.renewals) - one_step, RENEWAL_TWO_STEPS),
            (one_step, RENEWAL_ONE_STEP),
            (Decimal::from(traffic.purchases), PURCHASE),
            (percent(traffic.renewals, traffic.ended_percent), TERMINATION),
        ];
        let sum = |what: fn(&Counted) -> u64| -> Decimal {
            parts.iter().map(|(times, counted)| *times * Decimal::from(what(counted))).sum()
        };
        Self {
            requests: sum(|it| it.requests),
            messages: sum(|it| it.messages),
            reads: sum(|it| it.reads),
            writes: sum(|it| it.writes),
        }
    }
}

/// The same month with one thing changed.
fn changes(traffic: &Traffic, total: Decimal) -> Vec<[String; 2]> {
    let with = |change: &dyn Fn(&mut Traffic)| {
        let mut changed = traffic.clone();
        change(&mut changed);
        bill(&changed).iter().map(|line| line.dollars).sum::<Decimal>()
    };
    let all: [(&str, Decimal); 6] = [
        (
            "batches of 1 instead of 10 (or the reverse)",
            with(&|it| it.batch = if it.batch == 1 { 10 } else { 1 }),
        ),
        ("all renewals in one step", with(&|it| it.one_step_percent = 100)),
        ("a REST API as front door", with(&|it| it.front_door = FrontDoor::RestApi)),
        ("five times the log", with(&|it| it.log_bytes *= 5)),
        ("a gateway that takes twice as long", with(&|it| it.seconds *= decimal(2, 0))),
        ("twice the renewals", with(&|it| it.renewals *= 2)),
    ];
    let changed = all.into_iter().filter(|(_, dollars)| dollars.round_dp(2) != total.round_dp(2));
    changed.map(|(what, usd)| [what.to_owned(), dollars(usd)]).collect()
}

fn dollars(amount: Decimal) -> String {
    format!("{:.2}", amount.round_dp(2))
}

fn round(count: Decimal) -> Decimal {
    count.round()
}
