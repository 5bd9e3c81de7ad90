//! The rows, in the order of docs/performance.md: each measured, and held against its goal.

use std::time::Duration;

use rust_decimal::Decimal;

use crate::functions::{Functions, root, zip_bytes};
use crate::load::Load;
use crate::story::Played;
use crate::table::{Row, Verdict, grouped, markdown, terminal};
use crate::{
    Result, Runs, cost, count, counts, handshake, limited, on_a_clock, process, real, sockets, story, work,
};

/// Measures all, prints them, writes docs/performance.md; with some of them named, only prints those. `false` where a goal
/// is missed.
pub(crate) fn measure(functions: &Functions, only: &[u8]) -> Result<bool> {
    let wanted = |numbers: &[u8]| only.is_empty() || numbers.iter().any(|number| only.contains(number));
    let mut rows = Vec::new();
    if wanted(&[1, 2, 6]) {
        rows.extend(instructions(functions)?);
    }
    if wanted(&[3]) {
        rows.extend(cpu(functions)?);
    }
    if wanted(&[4]) {
        rows.extend(memory(functions)?);
    }
    if wanted(&[5]) {
        rows.extend(sizes(functions)?);
    }
    if wanted(&[7]) {
        rows.push(own_work()?);
    }
    if wanted(&[8, 10]) {
        rows.extend(overhead(functions)?);
    }
    if wanted(&[8, 9, 10, 14, 16]) {
        let played = on_a_clock(true, story::all())?;
        rows.extend(paths(&played));
        rows.extend(writes(&played));
        let log_bytes = logs(functions, &mut rows)?;
        rows.push(money(&played, log_bytes)?);
    }
    if wanted(&[11]) {
        rows.push(batch()?);
    }
    if wanted(&[12]) {
        rows.push(connections(functions)?);
    }
    if wanted(&[13]) {
        rows.extend(thaws(functions)?);
    }
    if wanted(&[15]) {
        rows.push(limited_gateway()?);
    }
    rows.retain(|row| wanted(&[row.number]));
    rows.sort_by_key(|row| row.number);

    println!("{}", terminal(&rows));
    if only.is_empty() {
        write(&rows)?;
    }
    Ok(rows.iter().all(|row| row.verdict != Verdict::Missed))
}

fn has_valgrind() -> bool {
    std::process::Command::new("valgrind").arg("--version").output().is_ok_and(|it| it.status.success())
}

fn not_counted(number: u8) -> Row {
    Row {
        number,
        measure: "instructions".to_owned(),
        value: String::new(),
        goal: String::new(),
        verdict: Verdict::NotHere("valgrind is not installed".to_owned()),
    }
}

fn instructions(functions: &Functions) -> Result<Vec<Row>> {
    if !has_valgrind() {
        return Ok([1, 2, 6].map(not_counted).into());
    }
    let counts = real(count(functions, &crate::COUNTED, Runs { few: 200, many: 1200 }))?;
    let mut rows = Vec::new();
    for (name, count) in &counts {
        rows.push(Row {
            number: 1,
            measure: format!("instructions, exec to ready: {name}"),
            value: grouped(count.ready),
            goal: "≤ 3 000 000".to_owned(),
            verdict: Verdict::of(count.ready <= 3_000_000),
        });
    }
    for name in crate::COUNTED {
        let ready = real(counts::ready_with_secrets(functions.needed(name)?))?;
        rows.push(Row {
            number: 1,
            measure: format!("the same, with three secrets read from Secrets Manager: {name}"),
            value: grouped(ready),
            goal: "–".to_owned(),
            verdict: Verdict::Met,
        });
    }
    let added = handshake::instructions()?;
    rows.push(Row {
        number: 2,
        measure: "instructions that the first TLS handshake adds".to_owned(),
        value: grouped(added),
        goal: "≤ 10 000 000".to_owned(),
        verdict: Verdict::of(added <= 10_000_000),
    });
    for (name, count) in &counts {
        let ingest = name == "webhook-ingest";
        rows.push(Row {
            number: 6,
            measure: format!("instructions per event: {name}"),
            value: grouped(count.per_event),
            goal: if ingest { "≤ 450 000".to_owned() } else { "–".to_owned() },
            verdict: Verdict::or_short(
                !ingest || count.per_event <= 450_000,
                "two calls of the AWS SDK, and SHA-256 without the processor's help (see below); a client of our own for them",
            ),
        });
    }
    Ok(rows)
}

fn cpu(functions: &Functions) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for name in crate::COUNTED {
        let cpu = real(process::cpu_to_ready(functions.needed(name)?))?;
        rows.push(Row {
            number: 3,
            measure: format!("CPU to ready: {name}"),
            value: format!("{} µs", grouped(u64::try_from(cpu.as_micros())?)),
            goal: "≤ 2 500 µs".to_owned(),
            verdict: Verdict::or_short(
                cpu <= Duration::from_micros(2500),
                "40 % of it is the kernel's: exec, 310 page faults, a connection to each peer",
            ),
        });
    }
    Ok(rows)
}

fn memory(functions: &Functions) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for name in crate::COUNTED {
        let (ready, after) = real(process::memory(functions.needed(name)?, name, 1000))?;
        let grown = after.own_kb.saturating_sub(ready.own_kb);
        rows.push(Row {
            number: 4,
            measure: format!("resident memory, ready / after 1 000 events: {name}"),
            value: format!(
                "{} / {} kB, of which {grown} kB are new data, the rest code on its first run",
                grouped(ready.resident_kb),
                grouped(after.resident_kb)
            ),
            goal: "≤ 10 240 kB, growth ≤ 512".to_owned(),
            verdict: Verdict::of(after.resident_kb <= 10_240 && grown <= 512),
        });
    }
    Ok(rows)
}

fn sizes(functions: &Functions) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for name in crate::functions::ALL {
        let Some(binary) = functions.get(name) else { continue };
        let zip = zip_bytes(binary)?;
        rows.push(Row {
            number: 5,
            measure: format!("zip: {name}"),
            value: format!("{} bytes", grouped(zip)),
            goal: "≤ 3 500 000".to_owned(),
            verdict: Verdict::or_short(
                zip <= 3_500_000,
                "three clients of the AWS SDK and HTTP/2; a smaller opt-level, or clients of our own for the four calls",
            ),
        });
    }
    Ok(rows)
}

fn own_work() -> Result<Row> {
    let per_call = on_a_clock(false, work::per_call())?;
    Ok(Row {
        number: 7,
        measure: "own CPU per gateway call (build and parse)".to_owned(),
        value: format!("{} µs", per_call.as_micros()),
        goal: "≤ 200 µs".to_owned(),
        verdict: Verdict::of(per_call <= Duration::from_micros(200)),
    })
}

fn overhead(functions: &Functions) -> Result<Vec<Row>> {
    let overhead = real(sockets::overhead(functions.needed("recurring-capture")?, "recurring-capture"))?;
    let over = overhead.wall.saturating_sub(overhead.peers);
    Ok(vec![
        Row {
            number: 8,
            measure: "authorisation over real sockets: wall, less what its peers took".to_owned(),
            value: format!("{} ms, of which {} µs are ours", overhead.wall.as_millis(), over.as_micros()),
            goal: "≤ 3 ms and ≤ 0.3 %".to_owned(),
            verdict: Verdict::or_short(
                over <= Duration::from_millis(3) && over * 1000 <= overhead.wall * 3,
                "6 exchanges with peers and 2 with the platform, for each of which both sides are woken",
            ),
        },
        Row {
            number: 10,
            measure: "hot item, as an authorisation writes it".to_owned(),
            value: format!("{} bytes", overhead.item_bytes),
            goal: "≤ 1 024".to_owned(),
            verdict: Verdict::of(overhead.item_bytes <= 1024),
        },
    ])
}

/// Sequential remote calls that a job may make, and its critical path.
fn paths(played: &[Played]) -> Vec<Row> {
    let mut rows = Vec::new();
    for it in played {
        rows.push(Row {
            number: 8,
            measure: format!("critical path on a virtual clock: {}", it.job),
            value: format!("{} ms", it.took_ms),
            goal: format!("exactly {} ms", it.path_ms),
            verdict: Verdict::of(it.took_ms == it.path_ms),
        });
        let (most, goal) = match it.job {
            "purchase" => (4, "3 one after another (4, of which 2 side by side)"),
            "purchase, unasked" => (4, "as a purchase"),
            "authorise" => (3, "3"),
            "capture" => (2, "2"),
            "terminate" => (1, "1"),
            "terminate with a hold" => (3, "2 side by side (the void is told too)"),
            _ => (0, "0"),
        };
        rows.push(Row {
            number: 9,
            measure: format!("calls to Cleeng and gateways: {}", it.job),
            value: if it.did.calls.is_empty() {
                "0".to_owned()
            } else {
                format!("{}: {}", it.did.calls.len(), it.did.calls.join(", "))
            },
            goal: goal.to_owned(),
            verdict: Verdict::or_short(
                it.did.calls.len() <= most,
                "its page did not ask for the payment methods, when Stripe's customer is made, with which the card is kept",
            ),
        });
    }
    rows
}

fn writes(played: &[Played]) -> Vec<Row> {
    let mut rows = Vec::new();
    for it in played {
        let (reads, writes) = match it.job {
            "ingest" => (0, 1),
            "terminate with a hold" => (1, 4),
            _ => (1, 2),
        };
        let met = it.did.reads <= reads && it.did.writes <= writes;
        let verdict = match it.job {
            "purchase" | "purchase, unasked" => Verdict::or_short(
                met,
                "the order's item and the customer's are read side by side; the second counts cards that one customer tries, and costs no time",
            ),
            _ => Verdict::of(met),
        };
        rows.push(Row {
            number: 10,
            measure: format!("ledger: {}", it.job),
            value: format!("{} reads, {} writes, 0 transactions", it.did.reads, it.did.writes),
            goal: format!("≤ {reads} reads, ≤ {writes} writes"),
            verdict,
        });
    }
    rows
}

fn batch() -> Result<Row> {
    let (together, alone) = on_a_clock(true, story::batch_of_ten())?;
    Ok(Row {
        number: 11,
        measure: "queue batch of ten, over its slowest unit".to_owned(),
        value: format!("{together} ms / {alone} ms"),
        goal: "≤ 1.02 ×".to_owned(),
        verdict: Verdict::of(together * 100 <= alone * 102),
    })
}

fn connections(functions: &Functions) -> Result<Row> {
    let mut opened = Vec::new();
    for name in crate::COUNTED {
        let anew = real(sockets::first_event(functions.needed(name)?, name))?;
        opened.extend(anew.into_iter().map(|anew| format!("{name}: {anew}")));
    }
    Ok(Row {
        number: 12,
        measure: "connections opened on the first event's path".to_owned(),
        value: if opened.is_empty() { "0".to_owned() } else { opened.join("; ") },
        goal: "0".to_owned(),
        verdict: Verdict::of(opened.is_empty()),
    })
}

fn thaws(functions: &Functions) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for name in ["webhook-ingest", "recurring-capture"] {
        let thaw = real(sockets::freeze(functions.needed(name)?, name))?;
        rows.push(Row {
            number: 13,
            measure: format!("{name} frozen, its peers hung up, thawed: {} times", thaw.events),
            value: format!("{} failed, ≤ {} reconnects per host", thaw.failed, thaw.reconnects_max),
            goal: "0 failed, ≤ 1".to_owned(),
            verdict: Verdict::of(thaw.failed == 0 && thaw.reconnects_max <= 1),
        });
    }
    Ok(rows)
}

fn logs(functions: &Functions, rows: &mut Vec<Row>) -> Result<u64> {
    const EVENTS: usize = 50;
    let mut sum = 0;
    for name in crate::COUNTED {
        let text = real(process::log(functions.needed(name)?, name, EVENTS))?;
        let bytes = u64::try_from(text.len() / EVENTS)?;
        if name != "initial-purchase" {
            sum += bytes;
        }
        rows.push(Row {
            number: 16,
            measure: format!("log bytes per event: {name}"),
            value: grouped(bytes),
            goal: "≤ 400".to_owned(),
            verdict: Verdict::of(bytes <= 400),
        });
    }
    Ok(sum)
}

fn money(played: &[Played], log_bytes: u64) -> Result<Row> {
    let dollars = cost::per_million_renewals(played, log_bytes)?;
    Ok(Row {
        number: 14,
        measure: "USD per million renewals in two steps, behind an HTTP API".to_owned(),
        value: dollars.to_string(),
        goal: "≤ 9.1".to_owned(),
        verdict: Verdict::of(dollars <= Decimal::new(91, 1)),
    })
}

fn limited_gateway() -> Result<Row> {
    let it = on_a_clock(true, limited::run())?;
    let met = it.used_permille >= 950
        && it.throttled_per_ten_thousand < 50
        && it.purchases_failed == 0
        && it.purchase_slowest <= Duration::from_secs(6);
    Ok(Row {
        number: 15,
        measure: format!("3 000 renewals and {} purchases against a gateway limited to 25/s", it.purchases),
        value: format!(
            "{}.{} % of it used, {}.{:02} % turned away; {} purchases failed, the slowest took {} ms",
            it.used_permille / 10,
            it.used_permille % 10,
            it.throttled_per_ten_thousand / 100,
            it.throttled_per_ten_thousand % 100,
            it.purchases_failed,
            it.purchase_slowest.as_millis(),
        ),
        goal: "≥ 95 %, < 0.5 %, purchases never starved".to_owned(),
        verdict: Verdict::or_short(
            met,
            "a batch waits for its last unit; a larger share of the rate leaves buyers less where a gateway is quick",
        ),
    })
}

/// The load, told.
pub(crate) fn told(load: &Load) -> String {
    let [before, bought, after] = load.memory_kb;
    let mut lines = vec![
        format!(
            "{} purchases, {} not paid; {}/s, p50 {} ms, p99 {} ms",
            load.purchases,
            load.purchases_refused,
            load.purchases_per_second,
            load.purchase_p50.as_millis(),
            load.purchase_p99.as_millis()
        ),
        format!(
            "{} renewed of those due at once, in {} s ({}/s: authorised, captured, told)",
            load.renewed,
            load.burst.as_secs(),
            load.renewals_per_second
        ),
        format!("{} exchanges went wrong; {} captured, {} parked", load.faults, load.captured, load.parked),
        format!(
            "memory of system, simulators and table: {before} kB, {bought} kB after the purchases, {after} kB at the end"
        ),
        format!("{} rows on which the three ledgers differ", load.differences.len()),
    ];
    lines.extend(load.differences.iter().take(20).map(|it| format!("  {it}")));
    lines.join("\n")
}

fn write(rows: &[Row]) -> Result<()> {
    let file = root().join("docs/performance.md");
    let text = std::fs::read_to_string(&file)?;
    let (Some((before, _)), Some((_, after))) = (text.split_once(BEGIN), text.split_once(END)) else {
        return Err("docs/performance.md has no place for the table".into());
    };
    Ok(std::fs::write(&file, format!("{before}{BEGIN}\n\n{}\n{END}{after}", markdown(rows)))?)
}

const BEGIN: &str = "<!-- measured: cargo run --release -p perf -->";
const END: &str = "<!-- end of what was measured -->";
