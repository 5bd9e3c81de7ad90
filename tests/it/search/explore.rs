//! Breadth first through every world that can be reached; the first one that breaks a rule is told step by step.

use std::collections::{HashSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use attempt::Means;
use cleeng::{Cleeng, CleengSettings};
use entrypoint::{Message, What};
use gateways::{Gateway, Gateways, Routes};
use jiff::SignedDuration;
use ledger::Subject;
use payment::{Failure, WhoActs};
use queue::Job;
use recurring_capture::Renewals;
use settings::Settings;
use termination::Terminations;
use wire::{Deadline, Wire};

use super::port::{Ask, Got, Port};
use super::world::{Delivery, Fate, Move, Worker, World};

/// An event that somebody sends: its name, whose job it is, what it says.
pub(crate) struct Event {
    pub(crate) name: &'static str,
    pub(crate) job: Job,
    pub(crate) message: Message,
}

/// The jobs, speaking to nobody but the search.
pub(crate) struct Jobs {
    port: Port,
    renewals: Renewals,
    terminations: Terminations,
    events: Vec<Event>,
}

/// What a search found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Explored {
    /// Different worlds.
    pub(crate) worlds: usize,
    /// Ways from one to the next.
    pub(crate) moves: usize,
    /// The longest of the shortest ways to a world.
    pub(crate) depth: usize,
    /// Worlds in which nothing more could happen but the timer's clearing up.
    pub(crate) ends: usize,
}

/// A message that was not done is handed out again after this time.
const HANDED_OUT_AGAIN: SignedDuration = SignedDuration::from_secs(180);

type Story<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + 'a>>;

impl Jobs {
    pub(crate) fn new(subscription: Subject, events: Vec<Event>) -> Self {
        let settings = Settings::from_table([
            ("CLEENG_API_URL", "http://cleeng.test/3.1"),
            ("CLEENG_PUBLISHER_TOKEN", "a-publisher-token-of-the-search"),
            ("PAYMENT_METHODS", r#"[{"paymentMethodId":194856795,"gateway":"stripe"}]"#),
        ]);
        let port = Port::default();
        let gateway: Arc<dyn Gateway> = Arc::new(port.clone());
        let means = Means {
            ledger: Arc::new(port.clone()),
            cleeng: Cleeng::new(
                Wire::new(Arc::new(port.clone())),
                CleengSettings::from_settings(&settings).unwrap(),
            ),
            gateways: Gateways::new([gateway]),
            clock: Arc::new(port.clone()),
        };
        let renewals = Renewals::with_means(means.clone(), &settings).unwrap();
        let terminations = Terminations::with_means(means, Routes::from_settings(&settings).unwrap());
        let mut events = events;
        let message = Message::new(jiff::Timestamp::UNIX_EPOCH, What::Due(subscription));
        events.push(Event { name: "due", job: Job::RecurringCapture, message });
        Self { port, renewals, terminations, events }
    }

    fn story(&self, event: usize) -> Story<'_> {
        let Event { job, message, .. } = &self.events[event];
        let (message, deadline) = (message.clone(), Deadline::after(Duration::from_secs(28)));
        match job {
            Job::RecurringCapture => Box::pin(recurring_capture::handle(&self.renewals, message, deadline)),
            Job::Termination => Box::pin(termination::handle(&self.terminations, message, deadline)),
            Job::Settlement => unreachable!("nothing is settled in this world"),
        }
    }

    /// Brings a story to where its answers lead: to its next questions, or to its end.
    fn play(&self, world: &World, worker: &mut Worker) -> Option<Result<(), Failure>> {
        let mut cx = Context::from_waker(Waker::noop());
        self.port.clear(world.now);
        let mut story = self.story(worker.event);
        let mut polled = story.as_mut().poll(&mut cx);
        for (question, answer) in &worker.heard {
            self.port.give(*question, answer.clone());
            polled = story.as_mut().poll(&mut cx);
        }
        worker.waits = self.port.waiting();
        match polled {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        }
    }

    /// The world after a move.
    fn after(&self, world: &World, what: &Move) -> World {
        let mut next = world.clone();
        match what {
            Move::Take(event) => {
                next.events[*event].taken = true;
                let read = (0, Got::Found(next.item.clone()));
                let worker = Worker { event: *event, heard: vec![read], waits: Vec::new() };
                self.go_on(&mut next, worker);
            }
            Move::Answer { worker, question, fate } => {
                let mut worker = next.workers.remove(*worker);
                let ask =
                    worker.waits.iter().find(|(number, _)| number == question).map(|(_, ask)| ask.clone());
                let got = next.answer(&ask.unwrap(), *fate);
                worker.heard.push((*question, got));
                self.go_on(&mut next, worker);
            }
            other => next.happen(other),
        }
        next
    }

    fn go_on(&self, world: &mut World, mut worker: Worker) {
        match self.play(world, &mut worker) {
            None => world.workers.push(worker),
            Some(result) => {
                let served =
                    result.as_ref().err().is_none_or(|failure| failure.who_acts() == WhoActs::Refuse);
                world.events[worker.event] = Delivery { done: served, taken: false };
            }
        }
    }

    /// In clear weather queue and timer bring everything to its end: what was not done is handed out again, what is due
    /// is looked at.
    fn clear_up(&self, world: &World) -> World {
        const ROUNDS_MAX: usize = 40;
        let mut world = world.clone();
        for _ in 0..ROUNDS_MAX {
            for event in 0..world.events.len() {
                if !world.events[event].done {
                    world = self.work_calmly(&world, event);
                }
            }
            let due = world.item.as_ref().and_then(|item| item.mapping.due);
            if let Some(due) = due {
                world.now = world.now.max(due);
                world.queue_due();
                world = self.work_calmly(&world, world.events.len() - 1);
            }
            if due.is_none() && world.events.iter().all(|event| event.done) {
                break;
            }
            world.now = world.now.checked_add(HANDED_OUT_AGAIN).unwrap();
        }
        world
    }

    fn work_calmly(&self, world: &World, event: usize) -> World {
        let mut world = self.after(world, &Move::Take(event));
        while let Some((question, _)) = world.workers.first().and_then(|worker| worker.waits.first()) {
            world = self.after(&world, &Move::Answer { worker: 0, question: *question, fate: Fate::Well });
        }
        world
    }

    /// Visits every world that can be reached from this one.
    pub(crate) fn explore(&self, start: World, workers_max: usize) -> Explored {
        let mut visited = HashSet::from([start.key()]);
        let mut path: Vec<(usize, Option<Move>, usize)> = vec![(0, None, 0)];
        let mut open = VecDeque::from([(0, start.clone())]);
        let mut found = Explored { worlds: 1, moves: 0, depth: 0, ends: 0 };
        while let Some((index, world)) = open.pop_front() {
            let depth = path[index].2;
            found.depth = found.depth.max(depth);
            let moves = world.moves(workers_max);
            if world.workers.is_empty() && world.late.is_empty() {
                let rest = self.clear_up(&world);
                found.ends += 1;
                if let Some(broken) = rest.broken_now().or_else(|| rest.broken_at_rest()) {
                    self.fail(&start, &path, index, &broken);
                }
            }
            for what in moves {
                found.moves += 1;
                let next = self.after(&world, &what);
                if !visited.insert(next.key()) {
                    continue;
                }
                path.push((index, Some(what), depth + 1));
                found.worlds += 1;
                if let Some(broken) = next.broken_now() {
                    self.fail(&start, &path, path.len() - 1, &broken);
                }
                open.push_back((path.len() - 1, next));
            }
        }
        found
    }

    fn fail(&self, start: &World, path: &[(usize, Option<Move>, usize)], index: usize, broken: &str) -> ! {
        let mut moves = Vec::new();
        let mut at = index;
        while let (before, Some(what), _) = &path[at] {
            moves.push(what.clone());
            at = *before;
        }
        moves.reverse();
        let mut world = start.clone();
        let mut story = String::new();
        for what in &moves {
            story.push_str(&format!("\n  {}", self.tell(&world, what)));
            world = self.after(&world, what);
        }
        let rest = if world.workers.is_empty() { self.clear_up(&world) } else { world };
        let lines = rest.item.iter().flat_map(|item| item.mapping.history.iter());
        let history: String = lines.map(|line| format!("\n  {} {}", line.at, line.what)).collect();
        panic!(
            "{broken}\n\nhow:{story}\n\nour time-line:{history}\n\ngateway: {:#?}\n\nCleeng: {:#?}",
            rest.gateway, rest.cleeng
        );
    }

    fn tell(&self, world: &World, what: &Move) -> String {
        let name = |event: &usize| self.events[*event].name;
        match what {
            Move::Take(event) => format!("a worker takes `{}` and reads the item", name(event)),
            Move::Tick => "the timer queues what is due".to_owned(),
            Move::Answer { worker, question, fate } => {
                let worker = &world.workers[*worker];
                let ask =
                    worker.waits.iter().find(|(number, _)| number == question).map(|(_, ask)| ask).unwrap();
                let asked = match ask {
                    Ask::Read => "reads the item".to_owned(),
                    Ask::Write(item) => format!("writes version {}", item.mapping.version),
                    Ask::Gateway { intention, again } => {
                        let word = if *again { "asks again" } else { "asks" };
                        format!("{word} the gateway: {} {}", intention.verb.as_str(), intention.identity)
                    }
                    Ask::Cleeng { method, path, body } => format!("{method} {path} {body}"),
                };
                let heard = match world.clone().answer(ask, *fate) {
                    Got::Found(item) => format!("version {}", item.map_or(0, |item| item.mapping.version)),
                    Got::Written(_) => "done".to_owned(),
                    Got::Lost(_) => "somebody wrote in between".to_owned(),
                    other => format!("{other:?}"),
                };
                format!("`{}` {asked} → {fate:?}: {heard}", name(&worker.event))
            }
            Move::Crash(worker) => format!("`{}` crashes", name(&world.workers[*worker].event)),
            Move::Leap => "time passes".to_owned(),
            Move::Arrive(index) => format!("the late request for {} arrives", world.late[*index].identity),
        }
    }
}
