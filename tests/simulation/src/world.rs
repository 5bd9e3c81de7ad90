//! The world of one life: every function twice (one of them with a wrong clock), the simulators, and what lies between.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use entrypoint::{Outside, StartError};
use gateways::{Gateways, Routes};
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use ledger::MemoryLedger;
use local::system::{Addresses, Functions, Peers, QUEUE_RULES, route, settings_table};
use queue::{Job, LocalQueue};
use serde_json::{Value, json};
use settings::Settings;
use tokio::sync::Notify;
use wire::simulated::Peer;
use wire::{Clock, Deadline, Transport, Wire};

use crate::chance::{Chance, Kind};
use crate::clock::LifeClock;
use crate::defects::Defect;
use crate::frail::{FrailLedger, FrailQueue};
use crate::mortal::{self, ANSWER_TIME, FUNCTION_TIME};
use crate::plan::Plan;
use crate::sea::Sea;
use crate::siteverify::Siteverify;
use crate::story;
use crate::switches::CAPTCHA_HOST;

/// One life's world.
pub(crate) struct World {
    /// The true hour.
    pub(crate) clock: LifeClock,
    /// What goes wrong.
    pub(crate) chance: Chance,
    /// The network between the functions and the peers.
    pub(crate) sea: Sea,
    /// Cleeng and the gateways.
    pub(crate) peers: Peers,
    /// Who tells people from machines, where that is asked for.
    pub(crate) captcha: Option<Arc<Siteverify>>,
    /// The queues, as the platform has them.
    pub(crate) queue: Arc<LocalQueue>,
    /// The ledger without its frailty, for those who only look.
    pub(crate) kept: Arc<MemoryLedger>,
    /// The ledger that the functions have.
    pub(crate) ledger: Arc<FrailLedger>,
    /// The adapters, for their tables.
    pub(crate) gateways: Gateways,
    /// What is broken on purpose, if anything.
    pub(crate) defect: Option<Defect>,
    settings: Settings,
    outside: [Outside; 2],
    workers: RefCell<[Rc<Functions>; 2]>,
    queue_in: Arc<FrailQueue>,
    /// Rung whenever something ends that others may wait for.
    pub(crate) bell: Notify,
    /// Webhooks that are being delivered.
    pub(crate) under_way: RefCell<BTreeSet<(&'static str, u64)>>,
    /// Batches that each job works now.
    pub(crate) at_work: RefCell<BTreeMap<Job, usize>>,
    /// Functions that run now.
    pub(crate) running: Cell<usize>,
    /// Functions that died.
    pub(crate) deaths: Cell<usize>,
    /// Payments whose chargeback the bank reversed: Cleeng has no word for money that comes back.
    pub(crate) reversed: RefCell<BTreeSet<String>>,
    /// Subscriptions that were paused: since when, if they still are, and for how long in all.
    pub(crate) paused: RefCell<BTreeMap<u64, Paused>>,
    /// Payments whose capture failed late, whatever became of it then.
    pub(crate) failed_late: RefCell<BTreeSet<String>>,
    /// What happened so often that only those who look at pages can tell.
    pub(crate) noted: RefCell<BTreeMap<&'static str, usize>>,
}

/// How long a subscription was paused.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Paused {
    since: Option<Timestamp>,
    /// In all, as far as it went on.
    pub(crate) time: SignedDuration,
}

impl World {
    /// The world of a plan. Must be called inside a runtime whose time is paused.
    pub(crate) fn begin(plan: &Plan, chance: Chance, defect: Option<Defect>) -> Result<Rc<Self>, StartError> {
        let clock = LifeClock::begin();
        let shared: Arc<dyn Clock> = Arc::new(clock);
        let peers = Peers::in_memory(shared.clone());
        let queue = Arc::new(LocalQueue::new(shared.clone(), QUEUE_RULES));
        let kept = Arc::new(MemoryLedger::new());
        let ledger = Arc::new(FrailLedger::new(kept.clone(), chance.clone()));
        let table = plan.switches.settings(settings_table(&Addresses::simulated()));
        if plan.switches.one_step {
            charge_in_one_step(&peers, &table);
        }
        let settings = Settings::from_table(table);
        let captcha = plan.switches.captcha.then(Arc::<Siteverify>::default);
        let mut hosts = peers.by_host();
        if let Some(captcha) = captcha.clone() {
            hosts.push((CAPTCHA_HOST.to_owned(), captcha));
        }
        let sea = Sea::new(hosts, chance.clone(), plan.skew_seconds);
        let network: Arc<dyn Transport> = Arc::new(sea.clone());
        let network = defect.map_or(network.clone(), |defect| defect.around_network(network, &chance));
        let queue_in = Arc::new(FrailQueue::new(queue.clone(), chance.clone()));
        let outside = Outside {
            wire: Wire::new(network),
            ledger: defect
                .map_or(ledger.clone(), |defect| defect.around_ledger(ledger.clone(), shared.clone())),
            queue: queue_in.clone(),
            clock: shared,
        };
        let wrong = clock.wrong_by(SignedDuration::from_secs(plan.skew_seconds));
        let second = Outside { clock: Arc::new(wrong), ..outside.clone() };
        let gateways = entrypoint::gateways(&settings, &outside, &Routes::from_settings(&settings)?)?;
        let outside = [outside, second];
        Ok(Rc::new(Self {
            workers: RefCell::new(started(&settings, &outside)?),
            settings,
            outside,
            queue_in,
            clock,
            chance,
            sea,
            peers,
            captcha,
            queue,
            kept,
            ledger,
            gateways,
            defect,
            bell: Notify::new(),
            under_way: RefCell::default(),
            at_work: RefCell::default(),
            running: Cell::default(),
            deaths: Cell::default(),
            reversed: RefCell::default(),
            paused: RefCell::default(),
            failed_late: RefCell::default(),
            noted: RefCell::default(),
        }))
    }

    /// One of the two instances of every function.
    pub(crate) fn worker(&self, job: &str) -> Rc<Functions> {
        let [right, wrong] = &*self.workers.borrow();
        if self.chance.below(job, 4) == 0 { wrong.clone() } else { right.clone() }
    }

    /// A new version takes over: what runs goes on in the old one, whose messages wait for the new one.
    pub(crate) fn deploy(&self) {
        if let Ok(workers) = started(&self.settings, &self.outside) {
            *self.workers.borrow_mut() = workers;
            self.queue_in.deploy();
        }
    }

    /// Runs a function, which may die.
    pub(crate) async fn run<T>(&self, name: &str, function: impl Future<Output = T>) -> Option<T> {
        self.running.set(self.running.get() + 1);
        let done = mortal::run(&self.chance, name, function).await;
        if done.is_none() {
            self.deaths.set(self.deaths.get() + 1);
        }
        self.running.set(self.running.get() - 1);
        done
    }

    /// Serves an HTTP request; `None` if the function died.
    pub(crate) async fn serve(&self, name: &str, request: Request<Bytes>) -> Option<Response<Bytes>> {
        let deadline = Deadline::after(FUNCTION_TIME.saturating_sub(ANSWER_TIME));
        let worker = self.worker(name);
        self.run(name, route(&worker, request, deadline)).await
    }

    /// A request of a page: `None` where it does not hear the answer.
    pub(crate) async fn page(
        &self,
        gateway: &str,
        call: &str,
        jwt: &str,
        body: &Value,
    ) -> Option<(u16, Value)> {
        let name = if call.starts_with("payment-details") { "payment-details" } else { "initial-purchase" };
        let request = Request::post(format!("http://connector.test/connectors/{gateway}/{call}"))
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {jwt}"))
            .body(Bytes::from(body.to_string()))
            .ok()?;
        story::tell(|| format!("page → {call} {body}"));
        let unheard = self.chance.strikes("page", &[Kind::PageUnanswered]).is_some();
        let response = self.serve(name, request).await.filter(|_| !unheard)?;
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        story::tell(|| format!("page ← {} {body}", response.status().as_u16()));
        self.bell.notify_one();
        Some((response.status().as_u16(), body))
    }

    /// Counts something.
    pub(crate) fn note(&self, what: &'static str) {
        *self.noted.borrow_mut().entry(what).or_default() += 1;
    }

    /// Remembers how long a subscription is paused.
    pub(crate) fn note_change(&self, subscription: u64, word: &'static str) {
        let now = self.clock.now();
        let mut all = self.paused.borrow_mut();
        match word {
            "pause" => all.entry(subscription).or_default().since = Some(now),
            "resume" => {
                if let Some(paused) = all.get_mut(&subscription)
                    && let Some(since) = paused.since.take()
                {
                    paused.time = paused.time.saturating_add(now.duration_since(since));
                }
            }
            _ => {}
        }
    }

    /// A call of Cleeng's API that somebody else than the connector makes.
    pub(crate) fn staff(&self, path: &str, body: &Value) {
        let token = local::simulators::cleeng::CleengSimulatorSettings::default().publisher_token;
        let request = Request::post(format!("http://cleeng.test/3.1/{path}"))
            .header("x-publisher-token", token)
            .body(Bytes::from(body.to_string()));
        let Ok(request) = request else { return };
        let answer = self.peers.cleeng_host.handle(request);
        story::tell(|| format!("staff: {path} {body} → {}", answer.status().as_u16()));
        self.bell.notify_one();
    }

    /// Makes something happen at a peer, as people there do.
    pub(crate) fn control(&self, peer: &str, path: &str, body: &Value) -> Option<Value> {
        let answer = self.peers.host(peer)?.control(path, body);
        story::tell(|| format!("{peer}: {path} {body} → {}", answer.status().as_u16()));
        self.bell.notify_one();
        answer.status().is_success().then(|| serde_json::from_slice(answer.body()).unwrap_or_default())
    }
}

/// Both instances, freshly started.
fn started(settings: &Settings, [right, wrong]: &[Outside; 2]) -> Result<[Rc<Functions>; 2], StartError> {
    Ok([Rc::new(Functions::start(settings, right)?), Rc::new(Functions::start(settings, wrong)?)])
}

/// Cleeng asks for one charge at the due date, as the routes say.
fn charge_in_one_step(peers: &Peers, table: &[(&'static str, String)]) {
    let token =
        table.iter().find(|(name, _)| *name == "CLEENG_PUBLISHER_TOKEN").map_or("", |(_, token)| token);
    for method in [194_856_795_u64, 320_113_641] {
        for cycle in ["weekly", "monthly"] {
            let body = json!({
                "paymentMethodId": method, "authorizedFirst": false, "paymentAttempts": [0, -12, -24],
                "gracePeriod": 26,
            });
            let request = Request::put(format!("http://cleeng.test/3.1/dunning_actions/{cycle}"))
                .header("x-publisher-token", token)
                .body(Bytes::from(body.to_string()));
            if let Ok(request) = request {
                peers.cleeng_host.handle(request);
            }
        }
    }
}
