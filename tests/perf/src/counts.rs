//! Instructions, as callgrind counts them: from exec to the first poll with all clients ready, and for each event after it.

use std::collections::BTreeMap;
use std::path::Path;

use local::secrets_manager::LocalSecrets;
use queue::Job;
use serde_json::Value;

use crate::functions::Functions;
use crate::instance::{Instance, Under};
use crate::record::Count;
use crate::surroundings::Surroundings;
use crate::{Result, events};

/// How many events the two runs serve whose difference is counted.
#[derive(Clone, Copy)]
pub(crate) struct Runs {
    pub(crate) few: usize,
    pub(crate) many: usize,
}

/// The functions that are counted, and what each is asked.
pub(crate) const COUNTED: [&str; 3] = ["webhook-ingest", "recurring-capture", "initial-purchase"];

/// Counts one function.
pub(crate) async fn count(functions: &Functions, name: &str, runs: Runs) -> Result<Count> {
    let around = Surroundings::new().await?;
    let events = events_for(&around, name, runs.few + runs.many).await?;
    let binary = functions.needed(name)?;
    let (few, many) = events.split_at(runs.few);
    let ready = instructions(binary, &around, &[]).await?;
    let (few_cost, many_cost) =
        (instructions(binary, &around, few).await?, instructions(binary, &around, many).await?);
    let events = u64::try_from(many.len().saturating_sub(few.len()))?;
    let per_event = many_cost.saturating_sub(few_cost).checked_div(events).ok_or("no events to count")?;
    Ok(Count { ready, per_event })
}

/// Instructions to ready where the secrets are not in the environment: as deployed, one of Cleeng's and one of each gateway's
/// are read from Secrets Manager.
pub(crate) async fn ready_with_secrets(binary: &Path) -> Result<u64> {
    const SECRETS: [(&str, &[&str]); 3] = [
        ("cleeng", &["CLEENG_PUBLISHER_TOKEN", "CLEENG_WEBHOOK_SECRETS"]),
        ("stripe", &["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRETS"]),
        ("adyen", &["ADYEN_API_KEY", "ADYEN_HMAC_KEYS"]),
    ];
    let mut around = Surroundings::new().await?;
    let manager = LocalSecrets::start().await?;
    for (secret, names) in SECRETS {
        let held = around.settings.extract_if(.., |(name, _)| names.contains(name));
        let held: BTreeMap<_, _> = held.collect();
        manager.put(secret, &serde_json::to_string(&held)?);
    }
    around.settings.extend(manager.settings(&SECRETS.map(|(secret, _)| secret)));
    instructions(binary, &around, &[]).await
}

/// What the function is asked: a webhook to take in, an authorisation to make, a purchase to take.
pub(crate) async fn events_for(around: &Surroundings, name: &str, count: usize) -> Result<Vec<Value>> {
    match name {
        "webhook-ingest" => events::webhooks(count),
        "initial-purchase" => events::purchases(around.system(), count),
        "recurring-capture" => {
            events::subscribers(around.system(), count).await?;
            let asked = events::asked(around.system(), Job::RecurringCapture, count).await?;
            asked
                .iter()
                .map(|one| events::queue_event(Job::RecurringCapture, std::slice::from_ref(one)))
                .collect()
        }
        other => Err(format!("nobody says what {other} is asked").into()),
    }
}

/// Authorisations in batches of this size.
pub(crate) async fn authorisations(around: &Surroundings, count: usize, batch: usize) -> Result<Vec<Value>> {
    events::subscribers(around.system(), count).await?;
    let asked = events::asked(around.system(), Job::RecurringCapture, count).await?;
    asked.chunks(batch).map(|batch| events::queue_event(Job::RecurringCapture, batch)).collect()
}

async fn instructions(binary: &Path, around: &Surroundings, events: &[Value]) -> Result<u64> {
    let file = std::env::temp_dir().join(format!("perf-{}.callgrind", std::process::id()));
    let mut instance = Instance::start(binary, &around.settings, &Under::Callgrind(file.clone())).await?;
    for event in events {
        instance.serve(event).await?;
    }
    instance.end().await?;
    let counted = summary(&file);
    std::fs::remove_file(&file)?;
    counted
}

/// The total of a callgrind file.
pub(crate) fn summary(file: &Path) -> Result<u64> {
    let text = std::fs::read_to_string(file)?;
    let total =
        text.lines().find_map(|line| line.strip_prefix("summary: ").or(line.strip_prefix("totals: ")));
    Ok(total.ok_or("callgrind counted nothing")?.trim().parse()?)
}
