//! The bill's operations, counted at the seams: what each piece of work asks of table, queues and peers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use jiff::{SignedDuration, Timestamp};
use ledger::{Around, Kept, KeptEvent, Ledger, LedgerError, Mapping, MemoryLedger, Subject, Written};
use local::buyer::TestCard;
use local::clock::MovableClock;
use local::simulators::cleeng::offers;
use local::system::System;
use ops::{Counted, PURCHASE, RENEWAL_ONE_STEP, RENEWAL_TWO_STEPS, TERMINATION};
use wire::Clock;
use wire::simulated::{Fate, Weather};

use crate::world::{GATEWAYS, World};

/// Counts what goes through both seams.
#[derive(Default)]
struct Seams {
    kept: MemoryLedger,
    reads: AtomicU64,
    writes: AtomicU64,
    calls: AtomicU64,
}

fn one_more(count: &AtomicU64) {
    count.fetch_add(1, Ordering::SeqCst);
}

impl Weather for Seams {
    fn fate(&self, _: &str, _: &Request<Bytes>) -> Fate {
        one_more(&self.calls);
        Fate { latency: std::time::Duration::ZERO, fault: None }
    }
}

#[async_trait]
impl Around for Seams {
    fn inner(&self) -> &dyn Ledger {
        &self.kept
    }

    async fn mapping(&self, subject: Subject) -> Result<Option<Mapping>, LedgerError> {
        one_more(&self.reads);
        self.kept.mapping(subject).await
    }

    async fn write(&self, mapping: &Mapping) -> Result<Written, LedgerError> {
        one_more(&self.writes);
        self.kept.write(mapping).await
    }

    async fn keep_event(&self, event: &KeptEvent) -> Result<Kept, LedgerError> {
        one_more(&self.writes);
        self.kept.keep_event(event).await
    }

    async fn event(&self, digest: &str) -> Result<Option<KeptEvent>, LedgerError> {
        one_more(&self.reads);
        self.kept.event(digest).await
    }

    async fn mark_event(&self, digest: &str, due: Option<Timestamp>) -> Result<(), LedgerError> {
        one_more(&self.writes);
        self.kept.mark_event(digest, due).await
    }
}

/// A world whose seams are counted.
struct Metered {
    world: World,
    seams: Arc<Seams>,
}

impl Metered {
    fn new() -> Self {
        let seams = Arc::new(Seams::default());
        let clock = Arc::new(MovableClock::standing("2027-01-04T09:00:00Z".parse().unwrap()));
        let system = System::in_process(clock, seams.clone(), seams.clone()).unwrap();
        Self { world: World { system }, seams }
    }

    /// Everything that follows for ten minutes after `requests` came in: far from the daily comparison's hour.
    async fn follow(&self, requests: u64, before: [u64; 3]) -> Counted {
        let mut counted = Counted { requests, messages: 0, reads: 0, writes: 0, calls: 0 };
        let clock = &self.world.system.clock;
        for _ in 0..20 {
            loop {
                let turn = self.world.system.turn().await;
                counted.requests += u64::try_from(turn.delivered).unwrap();
                counted.messages += u64::try_from(turn.worked).unwrap();
                if turn.is_idle() {
                    break;
                }
            }
            clock.move_to(clock.now() + SignedDuration::from_secs(30));
        }
        let [reads, writes, calls] = self.marks();
        Counted { reads: reads - before[0], writes: writes - before[1], calls: calls - before[2], ..counted }
    }

    fn marks(&self) -> [u64; 3] {
        [&self.seams.reads, &self.seams.writes, &self.seams.calls].map(|count| count.load(Ordering::SeqCst))
    }

    async fn says(&self, topic: &str, subscription: u64, hours: i64) -> Counted {
        let before = self.marks();
        let event = self.world.renewal_event(topic, subscription, hours);
        assert_eq!(self.world.cleeng_says(&event).await.status(), 200);
        self.follow(1, before).await
    }
}

fn both(one: Counted, other: Counted) -> Counted {
    Counted {
        requests: one.requests + other.requests,
        messages: one.messages + other.messages,
        reads: one.reads + other.reads,
        writes: one.writes + other.writes,
        calls: one.calls + other.calls,
    }
}

/// The dearer of the two gateways, number by number: they report differently much by webhook.
fn dearer(one: Counted, other: Counted) -> Counted {
    Counted {
        requests: one.requests.max(other.requests),
        messages: one.messages.max(other.messages),
        reads: one.reads.max(other.reads),
        writes: one.writes.max(other.writes),
        calls: one.calls.max(other.calls),
    }
}

const NOTHING: Counted = Counted { requests: 0, messages: 0, reads: 0, writes: 0, calls: 0 };

#[tokio::test]
async fn the_bill_counts_what_the_jobs_do() {
    let [mut purchase, mut two_steps, mut one_step, mut end] = [NOTHING; 4];
    for gateway in GATEWAYS {
        let metered = Metered::new();
        let buyer = metered.world.buyer(gateway);
        let order = buyer.order(&metered.world.system, offers::MONTHLY).unwrap();
        let before = metered.marks();
        let page = serde_json::json!({ "orderId": order });
        assert_eq!(buyer.post(&metered.world.system, "payment-methods", &page).await.status, 200);
        assert_eq!(buyer.pay(&metered.world.system, order, TestCard::Pays).await.status, 200);
        purchase = dearer(purchase, metered.follow(2, before).await);

        let subscription = metered.world.system.peers.cleeng.subscriptions()[0].id;
        let held = metered.says("subscriptionReadyForPaymentAuthorisation", subscription, 72).await;
        let taken = metered.says("subscriptionReadyForPaymentCapture", subscription, 0).await;
        two_steps = dearer(two_steps, both(held, taken));
        // Nothing is held for the next period: charged in one step.
        one_step =
            dearer(one_step, metered.says("subscriptionReadyForPaymentCapture", subscription, 0).await);

        let metered = Metered::new();
        let subscription = metered.world.subscriber(gateway).await.subscription;
        end = dearer(end, metered.says("subscriptionReadyForTermination", subscription, 0).await);
    }
    assert_eq!(
        (purchase, two_steps, one_step, end),
        (PURCHASE, RENEWAL_TWO_STEPS, RENEWAL_ONE_STEP, TERMINATION),
        "correct the constants in ops/src/cost.rs"
    );
}

#[tokio::test]
async fn a_million_renewals_cost_what_the_formula_says() {
    let ops = super::Ops::new().await;
    insta::assert_snapshot!(ops.text("cost --renewals 1000000 --purchases 50000").await);
}
