//! One life, from its first purchase until everything is at rest: webhooks are delivered, queues worked, the timer ticks.

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use entrypoint::batch::{self, Record};
use http::Request;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use local::simulators::{Delivery, Simulator};
use queue::{Job, Received};
use serde_json::json;
use wire::{Clock, Deadline};

use crate::chance::{Chance, Kind, Struck, mix};
use crate::clock::beginning;
use crate::defects::Defect;
use crate::mortal::{ANSWER_TIME, FUNCTION_TIME};
use crate::people;
use crate::plan::Plan;
use crate::rules::{self, Counts};
use crate::story;
use crate::world::World;

/// What became of a life.
#[derive(Clone, Debug)]
pub struct Lived {
    /// Rules that it broke; none is well.
    pub broken: Vec<String>,
    /// Faults that struck.
    pub struck: Vec<Struck>,
    /// What it was full of.
    pub counts: Counts,
}

/// In calm weather everything has come to its end after so long: the last look at an unknown outcome is within it.
const CALM: SignedDuration = SignedDuration::from_hours(9 * 24);
/// And at the latest after so much longer.
const REST: SignedDuration = SignedDuration::from_hours(25 * 24);
/// Batches that one job works side by side.
const BATCHES_MAX: usize = 3;
/// As the template's event sources.
const BATCH: u64 = 10;
/// While something runs that will change what is due, the hour moves in such steps.
const STEP: Duration = Duration::from_millis(150);
/// A webhook that is late is at most this much later.
const LATE_SECONDS_MAX: u64 = 6 * 3600;
/// So often the banks decide what Stripe still processes.
const WATCH_SECONDS: i64 = 3 * 3600;
/// Steps after which a life is taken for endless.
const STEPS_MAX: usize = 400_000;

/// Lives the life of a seed; the spared faults do not happen in it.
pub fn live(seed: u64, spared: &BTreeSet<String>, defect: Option<Defect>) -> Lived {
    fastrand::seed(mix(seed));
    let plan = Plan::of(seed);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            return Lived { broken: vec![error.to_string()], struck: Vec::new(), counts: Counts::default() };
        }
    };
    let people = tokio::task::LocalSet::new();
    let chance = Chance::new(seed, plan.rates.clone(), spared.clone());
    let (broken, counts) = runtime.block_on(people.run_until(async {
        story::begins(beginning());
        match World::begin(&plan, chance.clone(), defect) {
            Ok(world) => {
                let endless = run(&world, &plan).await;
                rules::check(&world, &plan, endless).await
            }
            Err(error) => (vec![error.to_string()], Counts::default()),
        }
    }));
    Lived { broken, struck: chance.struck(), counts }
}

/// When the weather turns calm.
pub(crate) fn storm_ends(plan: &Plan) -> Timestamp {
    let days = SignedDuration::from_hours(i64::try_from(plan.days * 24).unwrap_or(i64::MAX));
    beginning().saturating_add(days).unwrap_or(Timestamp::MAX)
}

/// Runs until everything is at rest; what kept it from resting, if it never came to it.
async fn run(world: &Rc<World>, plan: &Plan) -> Option<String> {
    story::tell(|| format!("{plan:#?}"));
    for person in plan.people.clone() {
        people::live(world.clone(), person).await;
    }
    let storm_ends = storm_ends(plan);
    let calm_ends = storm_ends.saturating_add(CALM).unwrap_or(Timestamp::MAX);
    let latest = calm_ends.saturating_add(REST).unwrap_or(Timestamp::MAX);
    // Whoever finds dead letters looks after them, in the end again and again.
    let replay =
        |hours| storm_ends.saturating_add(SignedDuration::from_hours(hours)).unwrap_or(Timestamp::MAX);
    let mut replays: VecDeque<_> = [1, 24, 72, 190].map(replay).into();
    let mut timer = Timer::default();
    let (mut calm, mut watch) = (false, 0);
    for _ in 0..STEPS_MAX {
        let now = world.clock.now();
        if !calm && now >= storm_ends {
            calm = true;
            world.chance.calm_down();
            story::tell(|| "---- the storm ends ----".to_owned());
        }
        if now.as_second() / WATCH_SECONDS > watch {
            watch = now.as_second() / WATCH_SECONDS;
            people::banks_decide(world);
        }
        while replays.pop_front_if(|at| *at <= now).is_some() {
            for job in Job::ALL {
                world.queue.replay(job);
            }
        }
        deliver(world);
        work(world);
        timer.tick(world, plan, now);
        let busy = busy(world);
        if now >= calm_ends && busy.is_none() {
            return None;
        }
        if now >= latest {
            return busy;
        }
        let next = [
            next_delivery(world),
            next_message(world),
            Some(timer.next(world, now)),
            Some(if calm { calm_ends.max(now) } else { storm_ends }),
            replays.front().copied(),
        ];
        let next = next.into_iter().flatten().min().map(|next| world.clock.moment(next));
        let step = tokio::time::Instant::now() + STEP;
        let until = next.map_or(step, |next| next.max(step));
        tokio::select! {
            () = tokio::time::sleep_until(until) => {}
            () = world.bell.notified() => {}
        }
    }
    Some("it never ends".to_owned())
}

/// What is still going on, if anything.
fn busy(world: &World) -> Option<String> {
    if world.running.get() > 0 || !world.under_way.borrow().is_empty() {
        return Some("functions run".to_owned());
    }
    if let Some(due) = world.ledger.next_unrest(world.clock.now()) {
        return Some(format!("something is due at {due}"));
    }
    let waiting = |job: &Job| {
        let depth = world.queue.depth(*job);
        depth.visible + depth.delayed + depth.in_flight > 0
    };
    if let Some(job) = Job::ALL.iter().find(|job| waiting(job)) {
        return Some(format!("{job} has messages: {:?}", world.queue.depth(*job)));
    }
    let undelivered = waiting_deliveries(world).next().is_some();
    undelivered.then(|| "webhooks are on their way".to_owned())
}

/// Starts every delivery that is due.
fn deliver(world: &Rc<World>) {
    for (name, host) in world.peers.named() {
        for delivery in host.deliveries() {
            if !world.under_way.borrow_mut().insert((name, delivery.id)) {
                continue;
            }
            let world = world.clone();
            tokio::task::spawn_local(async move {
                let id = delivery.id;
                let status = deliver_one(&world, name, delivery).await;
                let status = world.defect.map_or(status, |defect| defect.acknowledges(status));
                let answer = json!({ "status": status });
                if let Some(host) = world.peers.host(name) {
                    host.control(&format!("deliveries/{id}"), &answer);
                }
                world.under_way.borrow_mut().remove(&(name, id));
                world.bell.notify_one();
            });
        }
    }
}

/// Delivers a webhook, if the way is clear; what its sender hears.
async fn deliver_one(world: &Rc<World>, name: &'static str, delivery: Delivery) -> u16 {
    const UNHEARD: u16 = 504;
    const KINDS: [Kind; 4] = [Kind::HookLost, Kind::HookUnanswered, Kind::HookTwice, Kind::HookLate];
    let struck = world.chance.strikes(&format!("webhook of {name}"), &KINDS);
    match struck {
        Some((Kind::HookLost, _)) => return UNHEARD,
        Some((Kind::HookTwice, how)) => later(world, name, delivery.clone(), how % 3),
        // Its sender gives up waiting and sends it again; then this one comes too.
        Some((Kind::HookLate, how)) => {
            later(world, name, delivery, how % LATE_SECONDS_MAX);
            return UNHEARD;
        }
        _ => {}
    }
    let status = post(world, name, delivery).await;
    if matches!(struck, Some((Kind::HookUnanswered, _))) { UNHEARD } else { status }
}

fn later(world: &Rc<World>, name: &'static str, delivery: Delivery, seconds: u64) {
    let world = world.clone();
    tokio::task::spawn_local(async move {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        post(&world, name, delivery).await;
        world.bell.notify_one();
    });
}

async fn post(world: &World, name: &str, delivery: Delivery) -> u16 {
    let mut request = Request::post(format!("http://connector.test/webhooks/{name}"));
    for (header, value) in &delivery.headers {
        request = request.header(header, value);
    }
    story::tell(|| {
        format!("{name} posts webhook {}: {}", delivery.id, String::from_utf8_lossy(&delivery.body))
    });
    let Ok(request): Result<Request<Bytes>, _> = request.body(delivery.body) else { return 400 };
    let served = world.serve("webhook-ingest", request).await;
    let status = served.map_or(502, |answer| answer.status().as_u16());
    story::tell(|| format!("{name} hears {status} to webhook {}", delivery.id));
    status
}

/// Starts a batch of every job that has messages and a free hand.
fn work(world: &Rc<World>) {
    for job in Job::ALL {
        loop {
            let hands = world.at_work.borrow().get(&job).copied().unwrap_or(0);
            if hands >= BATCHES_MAX {
                break;
            }
            let size = 1 + world.chance.below("batch", BATCH);
            let batch = world.queue.receive(job, usize::try_from(size).unwrap_or(1));
            if batch.is_empty() {
                break;
            }
            *world.at_work.borrow_mut().entry(job).or_default() += 1;
            let world = world.clone();
            tokio::task::spawn_local(async move {
                work_batch(&world, job, batch).await;
                *world.at_work.borrow_mut().entry(job).or_default() -= 1;
                world.bell.notify_one();
            });
        }
    }
}

async fn work_batch(world: &World, job: Job, batch: Vec<Received>) {
    let records: Vec<_> =
        batch.iter().map(|it| Record { id: it.message_id(), body: it.body.clone() }).collect();
    story::tell(|| {
        let bodies: Vec<_> =
            batch.iter().map(|it| format!("\n     {} {}", it.message_id(), it.body)).collect();
        format!("{job} takes {}{}", batch.len(), bodies.concat())
    });
    let deadline = Deadline::after(FUNCTION_TIME.saturating_sub(ANSWER_TIME));
    let worker = world.worker(job.as_str());
    let serve = |message, deadline| {
        let worker = worker.clone();
        async move {
            let done = worker.work(job, message, deadline).await;
            story::tell(|| {
                format!("   {job}: {}", done.as_ref().err().map_or("done".to_owned(), |it| it.chain()))
            });
            done
        }
    };
    let work = batch::work(job.as_str(), records, deadline, serve);
    let Some(failed) = world.run(job.as_str(), work).await else { return };
    for received in batch.iter().filter(|it| !failed.contains(&it.message_id())) {
        world.queue.delete(job, received.receipt);
    }
}

/// When the timer ticked, and on which day it compared.
#[derive(Default)]
struct Timer {
    last: Option<Timestamp>,
    reviewed: i64,
}

impl Timer {
    /// Ticks at full minutes; those at which nothing can be found are left out, for a life has very many of them.
    fn tick(&mut self, world: &Rc<World>, plan: &Plan, now: Timestamp) {
        let fresh = self.last.is_none_or(|last| now.duration_since(last).as_secs() >= 60);
        let due = world.ledger.next_due().is_some_and(|due| due <= now);
        let zoned = now.to_zoned(TimeZone::UTC);
        let day = now.as_second() / 86_400;
        let review = zoned.hour() == 3 && self.reviewed < day;
        if !fresh || !(due || review) {
            return;
        }
        if review {
            self.reviewed = day;
            let one_in = if world.chance.is_calm() { 1 } else { plan.review_one_in };
            let skipped = world.chance.below("review", one_in) > 0;
            if skipped && !due {
                return;
            }
        }
        self.last = Some(now);
        if world.chance.strikes("deployment", &[Kind::Deployment]).is_some() {
            world.deploy();
        }
        let struck =
            world.chance.strikes("timer", &[Kind::TimerSkips, Kind::TimerTwice]).map(|(kind, _)| kind);
        let times = match struck {
            Some(Kind::TimerSkips) => 0,
            Some(_) => 2,
            None => 1,
        };
        for _ in 0..times {
            let world = world.clone();
            tokio::task::spawn_local(async move {
                let deadline = Deadline::after(FUNCTION_TIME.saturating_sub(ANSWER_TIME));
                let worker = world.worker("renewal-schedule");
                story::tell(|| "the timer ticks".to_owned());
                world.run("renewal-schedule", renewal_schedule::sweep(&worker.schedule, deadline)).await;
                world.bell.notify_one();
            });
        }
    }

    /// When it has to tick next.
    fn next(&self, world: &World, now: Timestamp) -> Timestamp {
        let after = |from: Timestamp, seconds: i64| {
            from.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
        };
        let day = now.as_second() / 86_400 + i64::from(self.reviewed >= now.as_second() / 86_400);
        let three = Timestamp::from_second(day * 86_400 + 3 * 3600 + 60).unwrap_or(Timestamp::MAX);
        let three = if three <= now { after(three, 86_400) } else { three };
        let due = world.ledger.next_due().map(|due| due.max(self.last.map_or(now, |last| after(last, 60))));
        due.map_or(three, |due| due.min(three))
    }
}

fn next_message(world: &World) -> Option<Timestamp> {
    let idle = |job: &Job| world.at_work.borrow().get(job).copied().unwrap_or(0) < BATCHES_MAX;
    Job::ALL.into_iter().filter(idle).filter_map(|job| world.queue.next_visible(job)).min()
}

/// When the next webhook is due, or something happens at Cleeng.
fn next_delivery(world: &World) -> Option<Timestamp> {
    let gateways = waiting_deliveries(world).map(|(_, due)| due).min();
    [gateways, world.peers.cleeng.next_due()].into_iter().flatten().min()
}

/// Webhooks of the gateways that nobody delivers yet.
fn waiting_deliveries(world: &World) -> impl Iterator<Item = (u64, Timestamp)> {
    let far = world.clock.now().saturating_add(SignedDuration::from_hours(24 * 60)).unwrap_or(Timestamp::MAX);
    let under_way = world.under_way.borrow().clone();
    let all = [("stripe", world.peers.stripe.deliveries(far)), ("adyen", world.peers.adyen.deliveries(far))];
    all.into_iter().flat_map(move |(name, all)| {
        let under_way = under_way.clone();
        all.into_iter().filter(move |it| !under_way.contains(&(name, it.id))).map(|it| (it.id, it.due))
    })
}
