//! The operator's command over a whole system: an embedded DynamoDB, queues that speak SQS's protocol, simulated peers.

mod cost;
mod doctor;
mod forget;
mod inspect;
mod letters;
mod probe;
mod reconcile;
mod resolve;
mod runbook;
mod setup;

use std::sync::Arc;

use bytes::Bytes;
use cleeng::webhook::Topic;
use cleeng::{Cleeng, CleengSettings, WebhookSubscription};
use http::Request;
use ledger::{Attempt, Ledger, Stage};
use local::clock::MovableClock;
use local::dynamo::{EmbeddedDynamo, Storage};
use local::simulators::cleeng::CleengSimulatorSettings;
use local::sqs::LocalSqs;
use local::system::{Addresses, Peers, QUEUE_RULES, System, settings_table};
use ops::{Command, Deployment, Report};
use payment::Failure;
use queue::LocalQueue;
use serde_json::{Value, json};
use settings::Settings;
use wire::simulated::{Clear, Network, Peer};
use wire::{Deadline, Http, Wire};

use crate::world::World;

/// A world, and the deployment that an operator sees of it.
struct Ops {
    world: World,
    at: Deployment,
    settings: Settings,
    wire: Wire,
    // They serve as long as they are held.
    _dynamo: EmbeddedDynamo,
    _sqs: LocalSqs,
}

/// These of the simulated publisher's payment methods, as the system has them.
fn payment_methods(kept: &[u64]) -> String {
    let table = settings_table(&Addresses::simulated());
    let (_, all) = table.into_iter().find(|(name, _)| *name == "PAYMENT_METHODS").unwrap();
    let mut all: Vec<serde_json::Value> = serde_json::from_str(&all).unwrap();
    all.retain(|row| kept.iter().any(|id| row["paymentMethodId"] == *id));
    serde_json::Value::from(all).to_string()
}

impl Ops {
    async fn new() -> Self {
        Self::with(CleengSimulatorSettings::default(), &[]).await
    }

    /// With a Cleeng of its own, and settings of the operator's beside the system's.
    async fn with(cleeng: CleengSimulatorSettings, more: &[(&'static str, &str)]) -> Self {
        let clock = Arc::new(MovableClock::standing("2027-01-04T09:00:00Z".parse().unwrap()));
        let peers = Peers::with_cleeng(cleeng, clock.clone());
        let wire = Wire::new(Arc::new(Network::new(peers.by_host(), Arc::new(Clear))));
        let queue = Arc::new(LocalQueue::new(clock.clone(), QUEUE_RULES));
        let (dynamo, http) = (EmbeddedDynamo::start(&Storage::Memory).await.unwrap(), Http::new().unwrap());
        let sqs = LocalSqs::start(queue.clone()).await.unwrap();
        let mut table = settings_table(&Addresses::simulated());
        table.push(("PAYMENT_METHODS", payment_methods(&[194_856_795, 320_113_641])));
        table.extend(dynamo.settings());
        table.extend(sqs.settings());
        let settings = Settings::from_table(table);
        let ledger: Arc<dyn Ledger> = Arc::new(dynamo.ledger(http.clone()).unwrap());
        let system =
            System::assemble(settings.clone(), clock.clone(), peers, queue, ledger, wire.clone()).unwrap();
        let settings = settings.with(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let at = Deployment::new(settings.clone(), wire.clone(), clock, &http);
        Self { world: World { system }, at, settings, wire, _dynamo: dynamo, _sqs: sqs }
    }

    /// What the command line answers.
    async fn run(&self, line: &str) -> Result<Report, Failure> {
        ops::run(&command(line), &self.at).await
    }

    async fn text(&self, line: &str) -> String {
        self.run(line).await.unwrap_or_else(|failure| panic!("{line}: {}", failure.chain())).text
    }

    /// The same as JSON, whose words no table breaks.
    async fn json(&self, line: &str) -> String {
        let report = self.run(line).await.unwrap_or_else(|failure| panic!("{line}: {}", failure.chain()));
        report.json.to_string()
    }

    async fn refusal(&self, line: &str) -> String {
        match self.run(line).await {
            Err(failure) => failure.chain(),
            Ok(report) => panic!("{line} was not refused:\n{}", report.text),
        }
    }

    fn cleeng(&self) -> Cleeng {
        Cleeng::new(self.wire.clone(), CleengSettings::from_settings(&self.settings).unwrap())
    }

    async fn endpoints(&self, topic: &Topic) -> Vec<WebhookSubscription> {
        let deadline = Deadline::after(std::time::Duration::from_secs(5));
        self.cleeng().webhook_subscriptions(topic, deadline).await.unwrap()
    }

    /// Asks Cleeng's API directly, as another connector or the dashboard would.
    fn at_cleeng(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://cleeng.test/3.1{path}"))
            .header("x-publisher-token", CleengSimulatorSettings::default().publisher_token)
            .body(Bytes::from(body.to_string()))
            .unwrap();
        let answer = self.world.system.peers.cleeng_host.handle(request);
        (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or_default())
    }

    /// Leaves an attempt of this item where nobody knows what became of it.
    async fn park(&self, subscription: u64) -> String {
        let mut item = self.world.mapping(subscription).await;
        let mut parked: Attempt = item.attempts.last().unwrap().clone();
        parked.stage = Stage::Parked {
            since: wire::Clock::now(&*self.world.system.clock),
            why: "no answer: timeout".to_owned(),
        };
        let identity = parked.intention.identity.to_string();
        *item.attempts.last_mut().unwrap() = parked;
        self.world.system.ledger.write(&item).await.unwrap();
        identity
    }
}

/// A command as it is typed.
fn command(line: &str) -> Command {
    use clap::Parser;
    let words = std::iter::once("ops").chain(line.split_whitespace());
    ops::Arguments::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}")).command
}

/// Another connector's endpoint, signed with a secret of its own.
fn foreign() -> Value {
    json!({
        "url": "https://other.example/hooks/a1", "retryPolicy": { "name": "exponential" },
        "verification": { "name": "HMAC", "options": { "hashAlg": "SHA256", "sharedSecret": "theirs-0123456789" } },
    })
}

/// The runbook shows what the command really prints.
fn the_runbook_shows(text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operating.md");
    let runbook = std::fs::read_to_string(path).unwrap();
    let missing: Vec<_> = text.lines().filter(|line| !runbook.contains(line.trim_end())).collect();
    assert!(missing.is_empty(), "docs/operating.md does not show this any more:\n{text}");
}
