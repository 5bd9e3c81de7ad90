//! What each job costs on the happy path, counted at the seam: calls to the peers, and reads and writes of the ledger.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use entrypoint::Message;
use http::Request;
use jiff::{SignedDuration, Timestamp};
use ledger::{Around, Kept, KeptEvent, Ledger, LedgerError, Mapping, MemoryLedger, Subject, Written};
use local::buyer::TestCard;
use local::clock::MovableClock;
use local::simulators::cleeng::offers;
use local::system::{Addresses, Peers, QUEUE_RULES, System, settings_table};
use queue::{Job, LocalQueue};
use settings::Settings;
use wire::simulated::{Clear, Network};
use wire::{Deadline, Reply, Transport, Wire};

use crate::world::{GATEWAYS, World};

/// What was asked of whom, in order; those that go side by side in either.
#[derive(Clone, Default)]
struct Tally(Arc<Mutex<Vec<String>>>);

impl Tally {
    fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    /// What was noted since the last time, sorted.
    fn take(&self) -> Vec<String> {
        let mut all = std::mem::take(&mut *self.0.lock().unwrap());
        all.sort();
        all
    }
}

struct Counted<T>(T, Tally);

#[async_trait]
impl Transport for Counted<Network> {
    async fn send(&self, request: Request<Bytes>, timeout: Duration) -> Reply {
        let uri = request.uri();
        let words = uri.path().split('/').filter(|part| !part.bytes().any(|byte| byte.is_ascii_digit()));
        let path = words.collect::<Vec<_>>().join("/");
        let host = uri.host().unwrap_or_default().trim_end_matches(".test");
        self.1.note(format!("{host}: {} {path}", request.method()));
        self.0.send(request, timeout).await
    }
}

#[async_trait]
impl Around for Counted<MemoryLedger> {
    fn inner(&self) -> &dyn Ledger {
        &self.0
    }

    async fn mapping(&self, subject: Subject) -> Result<Option<Mapping>, LedgerError> {
        self.1.note("ledger: read");
        self.0.mapping(subject).await
    }

    async fn write(&self, mapping: &Mapping) -> Result<Written, LedgerError> {
        self.1.note("ledger: write");
        self.0.write(mapping).await
    }

    async fn keep_event(&self, event: &KeptEvent) -> Result<Kept, LedgerError> {
        self.1.note("ledger: keep event");
        self.0.keep_event(event).await
    }

    async fn mark_event(&self, digest: &str, due: Option<Timestamp>) -> Result<(), LedgerError> {
        self.1.note("ledger: mark event");
        self.0.mark_event(digest, due).await
    }
}

fn world() -> (World, Tally) {
    let tally = Tally::default();
    let clock = Arc::new(MovableClock::standing("2027-01-04T09:00:00Z".parse().unwrap()));
    let peers = Peers::in_memory(clock.clone());
    let network = Network::new(peers.by_host(), Arc::new(Clear));
    let wire = Wire::new(Arc::new(Counted(network, tally.clone())));
    let queue = Arc::new(LocalQueue::new(clock.clone(), QUEUE_RULES));
    let settings = Settings::from_table(settings_table(&Addresses::simulated()));
    let ledger = Arc::new(Counted(MemoryLedger::new(), tally.clone()));
    (World { system: System::assemble(settings, clock, peers, queue, ledger, wire).unwrap() }, tally)
}

/// Posts an event, and works it alone; what the ingest and the job each asked for.
async fn work(
    world: &World,
    tally: &Tally,
    job: Job,
    event: &serde_json::Value,
) -> (Vec<String>, Vec<String>) {
    tally.take();
    assert_eq!(world.cleeng_says(event).await.status(), 200);
    let ingest = tally.take();
    let taken = world.system.queue.receive(job, 1).remove(0);
    let message = Message::from_text(&taken.body).unwrap();
    world.system.functions.work(job, message, Deadline::after(Duration::from_secs(30))).await.unwrap();
    world.system.queue.delete(job, taken.receipt);
    (ingest, tally.take())
}

/// What is asked of whom, as [`Tally`] notes it.
struct Cost {
    calls: &'static [&'static str],
    reads: usize,
    writes: usize,
}

impl Cost {
    fn check(&self, what: &str, gateway: &str, seen: &[String]) {
        let of = |start: &str| seen.iter().filter(|line| *line == start).count();
        let calls: Vec<_> = seen.iter().filter(|line| !line.starts_with("ledger: ")).collect();
        let ours = |call: &&&str| call.starts_with("cleeng") || call.starts_with(gateway);
        let mut expected: Vec<_> = self.calls.iter().filter(ours).collect();
        expected.sort();
        assert_eq!(calls, expected, "{what} at {gateway}");
        let counted = (of("ledger: read"), of("ledger: write"));
        assert_eq!(counted, (self.reads, self.writes), "{what} at {gateway}: reads and writes, {seen:?}");
    }
}

/// Four where the design's rule says three: the token is proved by Cleeng itself, side by side with the order. A customer
/// who is new to Stripe is made there first. Two reads: the order's item, and the customer's for the count of refused
/// tries and a card that is known.
const PURCHASE: Cost = Cost {
    calls: &[
        "cleeng: GET /mediastore/customers",
        "cleeng: GET /orders",
        "stripe: POST /customers",
        "stripe: POST /payment_intents",
        "adyen: POST /payments",
        "cleeng: POST /payments",
    ],
    reads: 2,
    writes: 2,
};

const AUTHORISE: Cost = Cost {
    calls: &[
        "cleeng: POST /orders",
        "stripe: POST /payment_intents",
        "adyen: POST /payments",
        "cleeng: POST /payments",
    ],
    reads: 1,
    writes: 2,
};

const CAPTURE: Cost = Cost {
    calls: &[
        "stripe: POST /payment_intents/capture",
        "adyen: POST /payments/captures",
        "cleeng: PATCH /payments",
    ],
    reads: 1,
    writes: 2,
};

/// With nothing held; one write before, so that a renewal at the same moment sees it, and one after.
const TERMINATE: Cost = Cost { calls: &["cleeng: POST /subscriptions/terminate"], reads: 1, writes: 2 };

/// A repetition, of anything.
const AGAIN: Cost = Cost { calls: &[], reads: 1, writes: 0 };

#[tokio::test]
async fn every_job_costs_what_it_must_and_no_more() {
    for gateway in GATEWAYS {
        let (world, tally) = world();
        let bought = buy(&world, &tally, gateway).await;
        PURCHASE.check("a purchase", gateway, &bought);
        let subscription = world.system.peers.cleeng.subscriptions().remove(0).id;
        for (topic, hours, cost) in [
            ("subscriptionReadyForPaymentAuthorisation", 72, AUTHORISE),
            ("subscriptionReadyForPaymentCapture", 0, CAPTURE),
        ] {
            let event = world.renewal_event(topic, subscription, hours);
            let (ingest, job) = work(&world, &tally, Job::RecurringCapture, &event).await;
            assert_eq!(ingest, ["ledger: keep event"], "{topic}: kept and queued");
            cost.check(topic, gateway, &job);
            let (_, again) = work(&world, &tally, Job::RecurringCapture, &event).await;
            AGAIN.check(topic, gateway, &again);
        }
        buy(&world, &tally, gateway).await;
        let other = world.system.peers.cleeng.subscriptions().remove(1).id;
        let event = world.renewal_event("subscriptionReadyForTermination", other, 0);
        let (_, ended) = work(&world, &tally, Job::Termination, &event).await;
        TERMINATE.check("an end", gateway, &ended);
        let (_, again) = work(&world, &tally, Job::Termination, &event).await;
        AGAIN.check("an end", gateway, &again);
    }
}

/// A customer's purchase, which becomes a subscription; what its function asked for.
async fn buy(world: &World, tally: &Tally, gateway: &str) -> Vec<String> {
    let buyer = world.buyer(gateway);
    let order = buyer.order(&world.system, offers::MONTHLY).unwrap();
    tally.take();
    let reply = buyer.pay(&world.system, order, TestCard::Pays).await;
    assert!(reply.status.is_success(), "{}", reply.body);
    let asked = tally.take();
    world.pass(SignedDuration::from_mins(5)).await;
    asked
}
