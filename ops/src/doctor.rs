//! Compares everything that is registered with what this deployment needs, and says what to do, one line each.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use cleeng::webhook::Topic;
use cleeng::{Cleeng, CleengSettings, DunningActions, Error, MediaStoreSettings, WebhookSettings};
use entrypoint::managed::{self, ManagedOffers};
use gateways::{CaptureMode, Route, Routes};
use jiff::SignedDuration;
use ledger::{DUE_SHARDS, Mapping, Stage};
use payment::Failure;
use queue::Job;
use serde_json::json;
use settings::SettingError;
use wire::{Call, Repeat, Reply};

use crate::deployment::patience;
use crate::report::age;
use crate::setup::{Difference, Endpoint, Wish, dunning_words, place, signature};
use crate::{Deployment, Report};

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Fine,
    Wrong,
    /// It could not be looked at.
    Unknown,
}

/// One line of the answer.
struct Finding {
    health: Health,
    what: String,
    found: String,
    to_do: String,
}

/// What the doctor looks at, collected.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn fine(&mut self, what: impl Into<String>, found: impl Into<String>) {
        self.add(Health::Fine, what, found, "");
    }

    fn wrong(&mut self, what: impl Into<String>, found: impl Into<String>, to_do: impl Into<String>) {
        self.add(Health::Wrong, what, found, to_do);
    }

    fn unknown(&mut self, what: impl Into<String>, found: impl Into<String>, to_do: impl Into<String>) {
        self.add(Health::Unknown, what, found, to_do);
    }

    fn add(
        &mut self,
        health: Health,
        what: impl Into<String>,
        found: impl Into<String>,
        to_do: impl Into<String>,
    ) {
        self.0.push(Finding { health, what: what.into(), found: found.into(), to_do: to_do.into() });
    }
}

/// What the timer should have looked at longer ago than this is overdue, as its alarm has it.
const OVERDUE: SignedDuration = SignedDuration::from_mins(15);
/// Names of one kind that are printed.
const NAMES_MAX: usize = 5;

/// Looks at everything. `knock` also sends a signed event of an unknown topic through the front door, which is kept once.
pub(crate) async fn doctor(at: &Deployment, knock: bool) -> Result<Report, Failure> {
    let mut found = Findings::default();
    let routes = settings(at, &mut found);
    if let Some(routes) = &routes {
        gateways(at, routes, &mut found).await;
    }
    if let (Some(routes), Ok(cleeng)) = (&routes, at.cleeng()) {
        at_cleeng(at, &cleeng, routes, &mut found).await;
    }
    if knock {
        knock_at(at, routes.as_ref(), &mut found).await;
    }
    queues(at, &mut found).await;
    table(at, &mut found).await;
    let bad = found.0.iter().filter(|each| each.health == Health::Wrong).count();
    let mut lines: Vec<_> = found.0.iter().map(line).collect();
    lines.push(match bad {
        0 => "Nothing is wrong.".to_owned(),
        1 => "1 thing is wrong.".to_owned(),
        many => format!("{many} things are wrong."),
    });
    let json: Vec<_> = found
        .0
        .iter()
        .map(|each| {
            let health = format!("{:?}", each.health).to_lowercase();
            json!({ "health": health, "what": each.what, "found": each.found, "toDo": each.to_do })
        })
        .collect();
    Ok(Report::new(lines.join("\n"), json!(json)).needs_a_person(bad > 0))
}

fn line(finding: &Finding) -> String {
    let mark = match finding.health {
        Health::Fine => "ok   ",
        Health::Wrong => "WRONG",
        Health::Unknown => "?    ",
    };
    let to_do = if finding.to_do.is_empty() { String::new() } else { format!(" → {}", finding.to_do) };
    format!("{mark}  {}: {}{to_do}", finding.what, finding.found)
}

/// Reads every setting as the functions do; the routes, where they can be read.
fn settings(at: &Deployment, found: &mut Findings) -> Option<Routes> {
    let settings = &at.settings;
    let routes = Routes::from_settings(settings);
    let mut wrong: BTreeSet<String> = BTreeSet::new();
    let mut check = |error: Option<SettingError>| {
        if let Some(error) = error {
            wrong.insert(error.to_string());
        }
    };
    check(routes.as_ref().err().cloned());
    check(CleengSettings::from_settings(settings).err());
    check(MediaStoreSettings::from_settings(settings).err());
    check(settings.address("CLEENG_WEBHOOK_URL").err());
    check(ManagedOffers::from_settings(settings).err());
    check(managed::dunning(settings).err());
    check(managed::forget_tokens(settings).err());
    check(at.ledger.as_ref().err().cloned());
    check(at.queue.as_ref().err().cloned());
    let hooks = WebhookSettings::from_settings(settings);
    check(hooks.as_ref().err().cloned());
    if let Ok(routes) = &routes {
        check(at.gateway_errors(routes));
        check(entrypoint::webhook_readers(settings, routes).err());
    }
    if wrong.is_empty() {
        found.fine("settings", "all are there and of one mode");
    }
    for problem in wrong {
        found.wrong(
            "settings",
            problem,
            "correct the parameter or the secret; functions do not start with it",
        );
    }
    let mode = settings.optional("CONNECTOR_MODE").ok().flatten().unwrap_or("–");
    let cleeng = settings.address("CLEENG_API_URL").ok();
    if mode == "test" && cleeng.is_some_and(|url| url.host_str() == Some("api.cleeng.com")) {
        found.wrong(
            "mode",
            "a test deployment speaks with Cleeng's production",
            "set CLEENG_API_URL to the sandbox, or CONNECTOR_MODE to live with live keys",
        );
    }
    if hooks.is_ok_and(|hooks| hooks.secrets().is_empty()) {
        found.wrong(
            "webhook secret",
            "Cleeng's webhooks are accepted without a signature",
            "put a secret into CLEENG_WEBHOOK_SECRETS, then `ops setup`",
        );
    }
    routes.ok()
}

async fn gateways(at: &Deployment, routes: &Routes, found: &mut Findings) {
    let gateways = match at.gateways() {
        Ok(gateways) => gateways,
        // Which setting keeps them from being built was said already.
        Err(_) => return,
    };
    for route in routes.iter() {
        let what = format!("{} for payment method {}", route.gateway, route.payment_method_id);
        let Some(gateway) = gateways.get(&route.gateway) else { continue };
        match gateway.check_key(route.merchant_account.as_ref(), patience()).await {
            Ok(()) => found.fine(what, "answers and takes the key"),
            Err(error) => {
                found.wrong(what, error.to_string(), "check key and account; if it is an outage, wait")
            }
        }
    }
}

async fn at_cleeng(at: &Deployment, cleeng: &Cleeng, routes: &Routes, found: &mut Findings) {
    let methods = match cleeng.payment_methods(patience()).await {
        Ok(methods) => methods,
        Err(error @ Error::Unauthorised { .. }) => {
            let to_do = "put the publisher token of this environment into CLEENG_PUBLISHER_TOKEN";
            return found.wrong("Cleeng", error.to_string(), to_do);
        }
        Err(error) => {
            return found.wrong(
                "Cleeng",
                error.to_string(),
                "check CLEENG_API_URL; if it is an outage, wait",
            );
        }
    };
    found.fine("Cleeng", "answers and takes the publisher token");
    for route in routes.iter() {
        let what = format!("payment method {}", route.payment_method_id);
        match methods.as_ref().map(|all| all.iter().find(|each| each.id == route.payment_method_id)) {
            None => found.unknown(what, "Cleeng does not list payment methods", "look in its dashboard"),
            Some(None) => {
                found.wrong(what, "unknown to Cleeng", "correct PAYMENT_METHODS, or have it made by Cleeng");
            }
            Some(Some(known)) if known.active == Some(false) => {
                found.wrong(what, "not active at Cleeng", "have it made active by Cleeng");
            }
            Some(Some(_)) => found.fine(what, "there"),
        }
    }
    if let Ok(endpoint) = Endpoint::of(&at.settings, routes, &Wish::default()) {
        for topic in Topic::OURS {
            webhook(cleeng, &endpoint, &topic, found).await;
        }
    }
    for route in routes.billed_by_cleeng() {
        dunning(cleeng, route, found).await;
    }
}

async fn webhook(cleeng: &Cleeng, endpoint: &Endpoint, topic: &Topic, found: &mut Findings) {
    let what = format!("webhook {topic}");
    let all = match cleeng.webhook_subscriptions(topic, patience()).await {
        Ok(all) => all,
        Err(error) => return found.unknown(what, error.to_string(), "look in Cleeng's dashboard"),
    };
    match endpoint.difference(topic, &all) {
        Difference::None => found.fine(what, "sent here"),
        Difference::Wrong(why) => found.wrong(what, why, "`ops setup --dry-run`, then `ops setup`"),
        Difference::Absent => {
            let others: Vec<_> = all.iter().map(place).collect();
            let elsewhere = match others.as_slice() {
                [] => String::new(),
                some => format!(", but to {}", some.join(", ")),
            };
            let to_do = match others.is_empty() {
                true => "`ops setup`",
                false => "`ops setup`; if that is an older address of this deployment, `--moved-from` it",
            };
            found.wrong(what, format!("not sent here{elsewhere}"), to_do);
        }
    }
}

async fn dunning(cleeng: &Cleeng, route: &Route, found: &mut Findings) {
    let what = format!("dunning of payment method {}", route.payment_method_id);
    let first = route.capture == CaptureMode::Manual;
    let mut fine = 0;
    for cycle in DunningActions::CYCLES {
        let shown = match cleeng.dunning_actions(cycle, patience()).await {
            Ok(shown) => shown.into_iter().find(|each| each.payment_method_id == route.payment_method_id),
            Err(error) => {
                let to_do = "look in Cleeng's dashboard; `ops probe` finds the path";
                return found.unknown(what, error.to_string(), to_do);
            }
        };
        match shown {
            Some(actions) if actions.authorized_first == first && !actions.payment_attempts.is_empty() => {
                fine += 1
            }
            Some(actions) => found.wrong(
                format!("{what}, {cycle}"),
                format!("{}, and PAYMENT_METHODS says otherwise", dunning_words(&actions)),
                "`ops setup`, or correct `capture` in PAYMENT_METHODS",
            ),
            None => found.wrong(
                format!("{what}, {cycle}"),
                "none: such subscriptions end without being asked to pay",
                "`ops setup`",
            ),
        }
    }
    if fine == DunningActions::CYCLES.len() {
        found.fine(what, "set for every length of period, as PAYMENT_METHODS says");
    }
}

/// An event of a topic that nobody has, signed as Cleeng signs: kept and counted, and nothing else.
async fn knock_at(at: &Deployment, routes: Option<&Routes>, found: &mut Findings) {
    let what = "front door";
    let Some(endpoint) = routes.and_then(|routes| Endpoint::of(&at.settings, routes, &Wish::default()).ok())
    else {
        return found.unknown(what, "not tried", "correct the settings first");
    };
    let publisher = at.settings.optional("CLEENG_PUBLISHER_ID").ok().flatten().unwrap_or("0");
    let body = format!(r#"{{"broadcasterId":{publisher},"topic":"connectorDoctor","data":{{}}}}"#);
    let header = at.settings.optional("CLEENG_WEBHOOK_SIGNATURE_HEADER").ok().flatten();
    let mut request = http::Request::post(endpoint.url().as_str()).header("content-type", "application/json");
    if let Some(signature) = signature(&endpoint, body.as_bytes()) {
        request = request.header(header.unwrap_or("x-cleeng-signature"), signature);
    }
    let Ok(request) = request.body(Bytes::from(body)) else {
        return found.unknown(what, "not tried", "correct CLEENG_WEBHOOK_URL");
    };
    let call = Call { request, timeout: Duration::from_secs(10), repeat: Repeat::Safe, deadline: patience() };
    match at.wire.send(call).await {
        Reply::Answered(answer) if answer.status() == http::StatusCode::OK => {
            found.fine(what, "a signed event was taken in and kept");
        }
        Reply::Answered(answer) if answer.status() == http::StatusCode::UNAUTHORIZED => found.wrong(
            what,
            "it refuses our own signature: the function has another secret",
            "wait five minutes after a rotation; else compare the secret's versions",
        ),
        Reply::Answered(answer) => {
            let to_do = "check CLEENG_WEBHOOK_URL and WEBHOOK_PATH_KEY, then the log of webhook-ingest";
            found.wrong(what, format!("it answered {}", answer.status().as_u16()), to_do);
        }
        Reply::NotSent(why) | Reply::Unknown(why) => {
            found.wrong(what, why, "check CLEENG_WEBHOOK_URL and the API");
        }
    }
}

async fn queues(at: &Deployment, found: &mut Findings) {
    let Ok(letters) = &at.letters else { return };
    for job in Job::ALL {
        let what = format!("queue {job}");
        match letters.waiting(job).await {
            Ok(waiting) if waiting.dead > 0 => found.wrong(
                what,
                format!("{} dead letter{}, {} waiting", waiting.dead, plural(waiting.dead), waiting.queued),
                format!("`ops dead-letters`, then `ops replay {job} --dry-run`"),
            ),
            Ok(waiting) => found.fine(what, format!("{} waiting, no dead letters", waiting.queued)),
            Err(error) => {
                found.wrong(what, error.to_string(), "check the queue's address and the operators' policy");
            }
        }
    }
}

async fn table(at: &Deployment, found: &mut Findings) {
    let Ok(ledger) = &at.ledger else { return };
    let now = at.now();
    let until = now.checked_sub(OVERDUE).unwrap_or(now);
    let mut overdue = Vec::new();
    for shard in 0..DUE_SHARDS {
        match ledger.due(shard, until, 100, None).await {
            Ok(page) => overdue.extend(page.items.into_iter().filter(|item| item.due.as_second() > 0)),
            Err(error) => {
                return found.wrong(
                    "table",
                    error.to_string(),
                    "check LEDGER_TABLE, the region and the operators' policy",
                );
            }
        }
    }
    found.fine("table", "answers");
    match overdue.iter().map(|item| item.due).min() {
        None => found.fine("overdue work", "none"),
        Some(oldest) => found.wrong(
            "overdue work",
            format!("{} items, the oldest for {}", overdue.len(), age(oldest, now)),
            "is the timer running? `ops inspect` one of them",
        ),
    }
    let parked = |item: &Mapping| item.attempts.iter().any(|it| matches!(it.stage, Stage::Parked { .. }));
    let untold = |item: &Mapping| item.attempts.iter().any(|it| matches!(it.stage, Stage::Answered(_)));
    match at.items(|item| parked(item) || untold(item)).await {
        Err(failure) => found.unknown("attempts", failure.chain(), "try again"),
        Ok(items) => {
            let named = |wanted: &dyn Fn(&Mapping) -> bool| -> Vec<String> {
                items.iter().filter(|item| wanted(item)).map(|item| item.subject.to_string()).collect()
            };
            several(found, "parked attempts", &named(&parked), "`ops inspect` each, then `ops resolve`");
            several(
                found,
                "charges and refusals that Cleeng has not heard of",
                &named(&untold),
                "they are told again by themselves; `ops inspect` one that stays",
            );
        }
    }
}

fn several(found: &mut Findings, what: &str, names: &[String], to_do: &str) {
    if names.is_empty() {
        return found.fine(what, "none");
    }
    let shown: Vec<_> = names.iter().take(NAMES_MAX).cloned().collect();
    let more = names.len().saturating_sub(NAMES_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    found.wrong(what, format!("{}{more}", shown.join(", ")), to_do);
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}
