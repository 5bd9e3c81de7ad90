//! An item as a support person reads it.

use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use ledger::{Attempt, Ledger, Mapping, Stage, Subject};
use payment::{Answer, Failure};
use serde_json::Value;

/// The item's facts, attempts and time-line as text, or as JSON.
pub(crate) async fn inspect(ledger: &dyn Ledger, subject: Subject, json: bool) -> Result<String, Failure> {
    let Some(mapping) = ledger.mapping(subject).await? else {
        return Err(Failure::refuse(format!("there is no item {subject}: nothing has happened on it here")));
    };
    if json {
        let mut value = serde_json::to_value(&mapping)
            .map_err(|error| Failure::alarm("the item cannot be written as JSON").because(error))?;
        without_tokens(&mut value);
        return Ok(format!("{value:#}"));
    }
    Ok(format!("{}\n\n{}\n\n{}", facts(&mapping), attempts(&mapping), time_line(&mapping)))
}

fn facts(mapping: &Mapping) -> Table {
    let mut table = table(["item", &mapping.subject.to_string()]);
    let shown = |value: Option<String>| value.unwrap_or_else(|| "–".to_owned());
    for (what, value) in [
        ("standing", format!("{:?}", mapping.standing).to_lowercase()),
        ("customer", mapping.customer.to_string()),
        ("offer", shown(mapping.offer.as_ref().map(ToString::to_string))),
        ("payment method, gateway", format!("{} {}", mapping.method, mapping.gateway)),
        ("payment details at Cleeng", shown(mapping.details.map(|id| id.to_string()))),
        ("a token is kept", if mapping.token.is_some() { "yes" } else { "no" }.to_owned()),
        (
            "barred since a hard refusal",
            shown(mapping.barred.as_ref().map(|decline| decline.reason.to_string())),
        ),
        ("period ends", shown(mapping.period_end.map(|at| at.to_string()))),
        ("looked at next", shown(mapping.due.map(|at| at.to_string()))),
    ] {
        table.add_row([what.to_owned(), value]);
    }
    table
}

fn attempts(mapping: &Mapping) -> Table {
    let mut table =
        table(["attempt", "what", "amount", "where it stands", "gateway's id", "Cleeng's payment"]);
    for attempt in &mapping.attempts {
        table.add_row([
            attempt.intention.identity.to_string(),
            attempt.intention.verb.as_str().to_owned(),
            attempt.price.to_string(),
            standing(attempt),
            attempt.reference.as_ref().map(ToString::to_string).unwrap_or_default(),
            attempt.payment.map(|id| id.to_string()).unwrap_or_default(),
        ]);
    }
    table
}

fn standing(attempt: &Attempt) -> String {
    let answered = |answer: &Answer| match answer {
        Answer::Approved(approval) if approval.captured => "taken".to_owned(),
        Answer::Approved(_) => "held".to_owned(),
        Answer::Declined(decline) => format!("refused: {}", decline.rejected_reason()),
    };
    match &attempt.stage {
        Stage::Intended => "asked, no answer yet".to_owned(),
        Stage::AwaitingBuyer { since } => format!("the buyer must authenticate, since {since}"),
        Stage::Unknown { since, why } => format!("unknown since {since}: {why}"),
        Stage::Answered(answer) => format!("{}, Cleeng not told yet", answered(answer)),
        Stage::Reported(answer) => format!("{}, Cleeng knows", answered(answer)),
        Stage::Withdrawn { why } => format!("nothing happened: {why}"),
        Stage::Parked { since, why } => format!("PARKED since {since}: {why}"),
    }
}

fn time_line(mapping: &Mapping) -> Table {
    let mut table = table(["when", "what"]);
    for line in &mapping.history {
        table.add_row([line.at.to_string(), line.what.clone()]);
    }
    table
}

fn table<const N: usize>(head: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(head);
    table
}

fn without_tokens(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("token");
            members.values_mut().for_each(without_tokens);
        }
        Value::Array(items) => items.iter_mut().for_each(without_tokens),
        _ => {}
    }
}
