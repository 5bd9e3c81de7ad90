//! Drives the system turn by turn: delivers what the simulators send, ticks the timer, works the queues.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;
use entrypoint::batch::{self, Record};
use futures::StreamExt;
use http::Request;
use jiff::{SignedDuration, Timestamp};
use queue::{Job, Received};
use serde_json::json;
use wire::{Clock, Deadline};

use super::{System, route};

/// What one turn did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Webhooks delivered.
    pub delivered: usize,
    /// Queue messages worked.
    pub worked: usize,
    /// Items that the timer queued.
    pub swept: usize,
}

impl Turn {
    /// Whether nothing was waiting.
    pub fn is_idle(&self) -> bool {
        *self == Self::default()
    }
}

/// When the timer ticked last.
#[derive(Default)]
pub(crate) struct Ticks(Mutex<Option<Timestamp>>);

/// The function's time-out in the template.
const FUNCTION_TIME: Duration = Duration::from_secs(30);
/// As the template's schedule.
const TICK: SignedDuration = SignedDuration::from_mins(1);
/// As the template's event sources.
const BATCH: usize = 10;
/// Batches that one job works side by side.
const BATCHES: usize = 4;
/// Webhooks that one sender has under way side by side.
const DELIVERIES: usize = 40;
/// Turns in which something keeps coming before that is an endless loop.
const TURNS_MAX: usize = 10_000;

impl System {
    /// One round of everything that is waiting now.
    pub async fn turn(&self) -> Turn {
        let delivered = self.deliver().await;
        let swept = self.tick().await;
        let mut worked = 0;
        for job in Job::ALL {
            worked += self.work(job).await;
        }
        Turn { delivered, worked, swept }
    }

    /// Turns until nothing is waiting at this hour.
    pub async fn settle(&self) {
        for _ in 0..TURNS_MAX {
            if self.turn().await.is_idle() {
                return;
            }
        }
        tracing::error!("The system does not come to rest");
    }

    /// Lets time pass up to this hour, stopping wherever something falls due.
    pub async fn run_until(&self, end: Timestamp) {
        self.settle().await;
        while self.clock.now() < end {
            let step = self.clock.now().checked_add(STRIDE).unwrap_or(Timestamp::MAX);
            let next = self.next_due().map_or(step, |due| due.max(self.next_moment()).min(step));
            let next = self.next_look().map_or(next, |look| look.min(next));
            let next = renewal_schedule::next_comparison(self.clock.now()).min(next);
            self.clock.move_to(next.min(end));
            self.settle().await;
        }
    }

    /// Lets so much time pass.
    pub async fn run_for(&self, time: SignedDuration) {
        let end = self.clock.now().checked_add(time).unwrap_or(Timestamp::MAX);
        self.run_until(end).await;
    }

    /// Serves a request of a front end.
    pub async fn request(&self, request: Request<Bytes>) -> http::Response<Bytes> {
        let asked = self.overheard.asked(self.clock.now(), &request);
        let witness = self.witness.map(|witness| (witness, request.clone()));
        let answer = route(&self.functions, request, Deadline::after(FUNCTION_TIME)).await;
        if let Some(asked) = asked {
            self.overheard.served(&asked, &answer);
        }
        if let Some((witness, request)) = witness {
            witness(&request, &answer);
        }
        answer
    }

    /// Time always moves a little, so that what is due "now" cannot hold it.
    fn next_moment(&self) -> Timestamp {
        self.clock.now().checked_add(SignedDuration::from_secs(1)).unwrap_or(Timestamp::MAX)
    }

    /// The timer's round that finds what falls due next, where someone listens to what is written.
    fn next_look(&self) -> Option<Timestamp> {
        let last = self.clock.now().checked_sub(TICK).unwrap_or(Timestamp::MIN);
        self.overheard.next_due(last).and_then(|due| due.checked_add(TICK).ok())
    }

    /// When Cleeng or a queue does something next. Gateways' webhooks and unfinished work come on top.
    pub fn next_due(&self) -> Option<Timestamp> {
        let visible = Job::ALL.into_iter().filter_map(|job| self.queue.next_visible(job)).min();
        [self.peers.cleeng.next_due(), visible].into_iter().flatten().min()
    }

    /// Posts every webhook that is due to the ingest function, and tells its sender the answer.
    async fn deliver(&self) -> usize {
        let mut count = 0;
        for (name, host) in self.peers.named() {
            let all = host.deliveries();
            count += all.len();
            let sent = all.into_iter().map(|delivery| async move {
                let begun = self.overheard.begins(self.clock.now());
                let mut request = Request::post(format!("http://connector.test/webhooks/{name}"));
                for (header, value) in &delivery.headers {
                    request = request.header(header, value);
                }
                let status = match request.body(delivery.body.clone()) {
                    Ok(request) => self.request(request).await.status().as_u16(),
                    Err(_) => 400,
                };
                self.overheard.heard(begun, name, delivery.id, &delivery.body, status);
                (delivery.id, status)
            });
            let mut answers = futures::stream::iter(sent).buffer_unordered(DELIVERIES);
            while let Some((id, status)) = answers.next().await {
                host.control(&format!("deliveries/{id}"), &json!({ "status": status }));
            }
        }
        count
    }

    /// Runs the timer function where a minute has passed since its last round.
    async fn tick(&self) -> usize {
        let now = self.clock.now();
        {
            let mut last = self.ticks.0.lock().unwrap_or_else(PoisonError::into_inner);
            if last.is_some_and(|last| now.duration_since(last) < TICK) {
                return 0;
            }
            *last = Some(now);
        }
        match renewal_schedule::sweep(&self.functions.schedule, Deadline::after(FUNCTION_TIME)).await {
            Ok(swept) => usize::try_from(swept.queued).unwrap_or(usize::MAX),
            Err(failure) => {
                tracing::error!("The timer's round failed: {}", failure.chain());
                0
            }
        }
    }

    /// Works what one job's queue shows, in batches side by side; what failed is seen again after its visibility time-out.
    async fn work(&self, job: Job) -> usize {
        let mut batches = Vec::new();
        while batches.len() < BATCHES {
            let batch = self.queue.receive(job, BATCH);
            if batch.is_empty() {
                break;
            }
            batches.push(batch);
        }
        let count = batches.iter().map(Vec::len).sum();
        futures::future::join_all(batches.into_iter().map(|batch| self.work_batch(job, batch))).await;
        count
    }

    async fn work_batch(&self, job: Job, batch: Vec<Received>) {
        let records =
            batch.iter().map(|it| Record { id: it.message_id(), body: it.body.clone() }).collect::<Vec<_>>();
        let deadline = Deadline::after(FUNCTION_TIME);
        let serve = |message, deadline| self.functions.work(job, message, deadline);
        let failed = batch::work(job.as_str(), records, deadline, serve).await;
        for received in batch.iter().filter(|it| !failed.contains(&it.message_id())) {
            self.queue.delete(job, received.receipt);
        }
    }
}

/// The longest leap of the clock: gateways' webhooks and the back-off of unfinished work are found within it.
const STRIDE: SignedDuration = SignedDuration::from_hours(6);
