//! The small world as plain data: what every party remembers, who is at work, and all that can happen next.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use attempt::due;
use jiff::{SignedDuration, Timestamp};
use ledger::{Stage, Standing};
use payment::{Answer, Intention, Outcome, Verb};

use super::peers::{TinyCleeng, TinyGateway};
use super::port::{Ask, Got, Item};

/// The end of the period that is renewed: 2027-03-01T00:00:00Z.
pub(crate) const PERIOD_END: i64 = 1_803_859_200;

/// Longer than any worker may hold an attempt; whoever was at work is long dead by then.
const LEAP: SignedDuration = SignedDuration::from_secs(150);

/// Everything there is.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) item: Option<Arc<Item>>,
    pub(crate) gateway: TinyGateway,
    pub(crate) cleeng: TinyCleeng,
    /// Requests on their way to the gateway whose senders have given up waiting.
    pub(crate) late: Vec<Intention>,
    /// Per event: whether it is done, and whether somebody has it. The last one is the timer's message.
    pub(crate) events: Vec<Delivery>,
    pub(crate) workers: Vec<Worker>,
    pub(crate) left: Budget,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Delivery {
    pub(crate) done: bool,
    pub(crate) taken: bool,
}

/// How much may still go wrong, so that the world stays small.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    pub(crate) faults: u8,
    pub(crate) crashes: u8,
    pub(crate) declines: u8,
    pub(crate) refusals: u8,
    pub(crate) leaps: u8,
    pub(crate) timers: u8,
}

/// A story at work: its event, the answers that it has heard in their order, and what it waits for.
#[derive(Clone)]
pub(crate) struct Worker {
    pub(crate) event: usize,
    pub(crate) heard: Vec<(usize, Got)>,
    pub(crate) waits: Vec<(usize, Ask)>,
}

/// What can happen next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// A free worker takes an event, and reads the item: what happens before it has read makes no difference.
    Take(usize),
    /// The timer finds the item due and queues it.
    Tick,
    /// A worker's question is answered.
    Answer { worker: usize, question: usize, fate: Fate },
    /// A worker dies where it is.
    Crash(usize),
    /// Time passes, and with it whoever was at work.
    Leap,
    /// A request that its sender gave up on arrives after all.
    Arrive(usize),
}

/// How a question is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Well,
    /// The bank says no.
    Decline,
    /// It happens, and the asker does not hear of it.
    AnswerLost,
    /// It never happens, and the asker does not know.
    RequestLost,
    /// It happens later, and the asker does not know.
    Late,
    /// It certainly did not happen.
    NotSent,
    /// Cleeng says no, for good.
    Refuse,
}

impl World {
    /// Two worlds of the same key have the same future.
    pub(crate) fn key(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.now.hash(&mut hasher);
        self.item.as_ref().map(|item| item.digest).hash(&mut hasher);
        (&self.gateway, &self.cleeng, &self.events, &self.left).hash(&mut hasher);
        for intention in &self.late {
            intention.identity.hash(&mut hasher);
        }
        let digest = |worker: &Worker| {
            let mut hasher = DefaultHasher::new();
            worker.event.hash(&mut hasher);
            for (question, got) in &worker.heard {
                (question, got.digest()).hash(&mut hasher);
            }
            hasher.finish()
        };
        // Which worker it is does not matter.
        let mut workers: Vec<_> = self.workers.iter().map(digest).collect();
        workers.sort_unstable();
        workers.hash(&mut hasher);
        hasher.finish()
    }

    /// All that can happen next; nothing at the end.
    pub(crate) fn moves(&self, workers_max: usize) -> Vec<Move> {
        let mut moves = Vec::new();
        for (index, worker) in self.workers.iter().enumerate() {
            for (question, ask) in &worker.waits {
                let answer = |fate| Move::Answer { worker: index, question: *question, fate };
                moves.extend(self.fates(ask).into_iter().map(answer));
            }
            if self.left.crashes > 0 {
                moves.push(Move::Crash(index));
            }
        }
        if self.workers.len() < workers_max {
            let open = |(_, event): &(usize, &Delivery)| !event.done && !event.taken;
            moves.extend(self.events.iter().enumerate().filter(open).map(|(index, _)| Move::Take(index)));
        }
        if self.left.timers > 0 && self.is_due() && self.events.last().is_some_and(|timer| timer.done) {
            moves.push(Move::Tick);
        }
        let waits = self.item.as_ref().is_some_and(|item| {
            item.mapping.attempts.iter().any(|it| it.wait_until.is_some_and(|until| until > self.now))
        });
        if self.left.leaps > 0 && waits {
            moves.push(Move::Leap);
        }
        moves.extend((0..self.late.len()).map(Move::Arrive));
        moves
    }

    fn is_due(&self) -> bool {
        self.item.as_ref().and_then(|item| item.mapping.due).is_some_and(|due| due <= self.now)
    }

    fn fates(&self, ask: &Ask) -> Vec<Fate> {
        let mut fates = vec![Fate::Well];
        let faults = self.left.faults > 0;
        match ask {
            Ask::Read => {}
            Ask::Write(_) => fates.extend(faults.then_some(Fate::AnswerLost)),
            Ask::Gateway { intention, .. } => {
                let new = !self.gateway.knows(intention);
                let charge = matches!(intention.verb, Verb::Authorise | Verb::Charge);
                fates.extend((new && charge && self.left.declines > 0).then_some(Fate::Decline));
                if faults {
                    fates.push(Fate::AnswerLost);
                    if new {
                        fates.extend([Fate::RequestLost, Fate::Late, Fate::NotSent]);
                    }
                }
            }
            Ask::Cleeng { method, path, .. } if method != "GET" => {
                fates.extend(faults.then_some(Fate::AnswerLost));
                fates.extend((path == "/payments" && self.left.refusals > 0).then_some(Fate::Refuse));
            }
            Ask::Cleeng { .. } => {}
        }
        fates
    }

    /// Lets a question have its fate, and says what its asker hears.
    pub(crate) fn answer(&mut self, ask: &Ask, fate: Fate) -> Got {
        match fate {
            Fate::AnswerLost | Fate::RequestLost | Fate::Late | Fate::NotSent => self.left.faults -= 1,
            Fate::Decline => self.left.declines -= 1,
            Fate::Refuse => self.left.refusals -= 1,
            Fate::Well => {}
        }
        match ask {
            Ask::Read => Got::Found(self.item.clone()),
            Ask::Write(item) => self.write(item, fate),
            Ask::Gateway { intention, again } => self.ask_gateway(intention, *again, fate),
            Ask::Cleeng { method, path, body } => match fate {
                Fate::Refuse => Got::Reply(422, r#"{"message":"no"}"#.to_owned()),
                _ => {
                    let (status, body) = self.cleeng.act(method, path, body);
                    if fate == Fate::AnswerLost { Got::NoReply } else { Got::Reply(status, body) }
                }
            },
        }
    }

    fn write(&mut self, item: &Arc<Item>, fate: Fate) -> Got {
        let stands = self.item.as_ref().map_or(0, |item| item.mapping.version);
        if item.mapping.version != stands + 1 {
            return Got::Lost(self.item.clone());
        }
        assert_eq!(item.mapping.due, due(&item.mapping), "a write without its due mark");
        self.item = Some(item.clone());
        if fate == Fate::AnswerLost { Got::Silence } else { Got::Written(item.clone()) }
    }

    fn ask_gateway(&mut self, intention: &Intention, again: bool, fate: Fate) -> Got {
        let nobody_knows = || Got::Outcome(Outcome::unknown("no answer", None));
        match fate {
            Fate::NotSent => Got::NotSent,
            Fate::RequestLost => nobody_knows(),
            Fate::Late => {
                self.late.push(intention.clone());
                nobody_knows()
            }
            Fate::AnswerLost => {
                self.gateway.act(intention, false);
                // A question that did not come back leaves everything as unknown as it was.
                if again { Got::NotSent } else { nobody_knows() }
            }
            Fate::Well | Fate::Decline | Fate::Refuse => {
                Got::Outcome(self.gateway.act(intention, fate == Fate::Decline))
            }
        }
    }

    /// What needs no story: crashes, time, late requests.
    pub(crate) fn happen(&mut self, what: &Move) {
        match what {
            Move::Crash(worker) => {
                self.left.crashes -= 1;
                self.dies(*worker);
            }
            Move::Leap => {
                self.left.leaps -= 1;
                while !self.workers.is_empty() {
                    self.dies(0);
                }
                self.now = self.now.checked_add(LEAP).unwrap();
            }
            Move::Arrive(index) => {
                let intention = self.late.remove(*index);
                self.gateway.act(&intention, false);
            }
            Move::Tick => {
                self.left.timers -= 1;
                self.queue_due();
            }
            Move::Take(_) | Move::Answer { .. } => unreachable!("a story decides it"),
        }
    }

    /// Its message comes back until it is done.
    fn dies(&mut self, worker: usize) {
        let event = self.workers.remove(worker).event;
        self.events[event].taken = false;
    }

    /// The timer's message.
    pub(crate) fn queue_due(&mut self) {
        if let Some(timer) = self.events.last_mut() {
            timer.done = false;
        }
    }

    /// What must hold at every moment.
    pub(crate) fn broken_now(&self) -> Option<String> {
        if self.gateway.kept() > PRICE {
            return Some(format!("{} is kept for one period", self.gateway.kept()));
        }
        if self.gateway.live() > 1 {
            return Some("two payments hold or keep money for one period".to_owned());
        }
        self.cleeng.violation.map(str::to_owned)
    }

    /// What must hold when nothing more can happen.
    pub(crate) fn broken_at_rest(&self) -> Option<String> {
        let mut broken = Vec::new();
        if self.events.iter().any(|event| !event.done) {
            broken.push("an event is never served".to_owned());
        }
        let rows = |reference: &str, status: &str| {
            self.cleeng
                .payments
                .iter()
                .filter(|row| row.external == reference && row.status == status)
                .count()
        };
        for (reference, payment) in &self.gateway.payments {
            let kept = rows(reference, "captured");
            if kept != usize::from(payment.kept() > 0) {
                broken.push(format!("{reference} keeps {}, Cleeng has {kept} captured", payment.kept()));
            }
            let held = rows(reference, "authorized");
            if held != usize::from(payment.held > 0) {
                broken.push(format!("{reference} holds {}, Cleeng has {held} authorized", payment.held));
            }
            if self.cleeng.ended && payment.held > 0 {
                broken.push(format!("{reference} is held for a subscription that has ended"));
            }
        }
        let known = |row: &&super::peers::Row| self.gateway.payments.contains_key(&row.external);
        if let Some(row) = self.cleeng.payments.iter().find(|row| row.status == "captured" && !known(row)) {
            broken.push(format!("Cleeng believes in {}, which the gateway has not", row.external));
        }
        if self.cleeng.payments.iter().any(|row| row.status == "captured" && row.after_end) {
            broken.push("captured after the end, and not returned".to_owned());
        }
        let refusals =
            self.gateway.keys.values().filter(|it| it.approved.is_none() && it.verb != Verb::Cancel).count();
        let told = self.cleeng.payments.iter().filter(|row| row.status == "rejected").count();
        if told < refusals {
            broken.push(format!("{refusals} refusals, {told} told"));
        }
        broken.extend(self.broken_in_our_books());
        (!broken.is_empty()).then(|| broken.join("; "))
    }

    fn broken_in_our_books(&self) -> Vec<String> {
        let Some(item) = &self.item else { return Vec::new() };
        let mut broken = Vec::new();
        if let Some(due) = item.mapping.due {
            broken.push(format!("still due at {due}"));
        }
        if self.cleeng.ended != (item.mapping.standing == Standing::Closed) {
            broken.push(format!("{:?} here, ended at Cleeng: {}", item.mapping.standing, self.cleeng.ended));
        }
        let done: BTreeMap<_, _> =
            self.gateway.keys.values().map(|done| (done.identity.as_str(), done)).collect();
        for attempt in &item.mapping.attempts {
            let identity = attempt.intention.identity.as_str();
            let approved = done.get(identity).map(|done| done.approved.is_some());
            match (&attempt.stage, approved) {
                (Stage::Reported(Answer::Approved(_)), Some(true))
                | (Stage::Reported(Answer::Declined(_)), Some(false) | None)
                | (Stage::Withdrawn { .. }, None) => {}
                // Its undo brought it back.
                (Stage::Withdrawn { .. }, Some(true))
                    if done.contains_key(format!("{identity}/undo").as_str()) => {}
                (stage, approved) => {
                    broken.push(format!("{identity} is {stage:?}, at the gateway {approved:?}"))
                }
            }
        }
        broken
    }
}

/// What a period costs, in cents.
const PRICE: i64 = 699;
