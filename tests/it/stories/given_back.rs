//! Work that cannot be done now goes back and is done later, once: nothing is acknowledged before it is safe, nothing is
//! begun that would be cut off, and nothing stale is charged.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use entrypoint::{Message, Outside};
use http::Request;
use jiff::{SignedDuration, Timestamp};
use ledger::Ledger;
use local::clock::MovableClock;
use local::simulators::cleeng::SubscriptionState;
use local::system::{Addresses, Functions, Peers, QUEUE_RULES, route, settings_table};
use payment::WhoActs;
use queue::{Job, LocalQueue, Queue, QueueError};
use serde_json::Value;
use settings::Settings;
use wire::simulated::{Clear, Fault, Network};
use wire::{Clock, Deadline, Wire};

use crate::frail::Frail;
use crate::storm::{Storm, Strike};
use crate::world::{GATEWAYS, World, signature};

const AUTHORISE: &str = "subscriptionReadyForPaymentAuthorisation";
const TIME: Duration = Duration::from_secs(30);

/// A queue that may refuse.
struct Refusing(Arc<LocalQueue>, bool);

#[async_trait]
impl Queue for Refusing {
    async fn send(&self, job: Job, body: &str, delay: Duration) -> Result<(), QueueError> {
        if self.1 {
            return Err(QueueError { job: job.as_str(), why: "out of order".to_owned() });
        }
        self.0.send(job, body, delay).await
    }
}

/// The functions over this ledger and a queue that may refuse; their queue.
fn functions(ledger: &Arc<Frail>, queue_refuses: bool) -> (Functions, Arc<LocalQueue>, Arc<MovableClock>) {
    let clock = Arc::new(MovableClock::standing("2027-01-04T09:00:00Z".parse().unwrap()));
    let peers = Peers::in_memory(clock.clone());
    let queue = Arc::new(LocalQueue::new(clock.clone(), QUEUE_RULES));
    let outside = Outside {
        wire: Wire::new(Arc::new(Network::new(peers.by_host(), Arc::new(Clear)))),
        ledger: ledger.clone(),
        queue: Arc::new(Refusing(queue.clone(), queue_refuses)),
        clock: clock.clone(),
    };
    let settings = Settings::from_table(settings_table(&Addresses::simulated()));
    (Functions::start(&settings, &outside).unwrap(), queue, clock)
}

async fn post(functions: &Functions, event: &Value) -> u16 {
    let body = event.to_string();
    let request = Request::post("http://connector.test/webhooks/cleeng")
        .header("x-cleeng-signature", signature(&body))
        .body(Bytes::from(body))
        .unwrap();
    route(functions, request, Deadline::after(TIME)).await.status().as_u16()
}

/// Shards of the due index.
const SHARDS: u8 = 10;

async fn is_due(ledger: &Frail) -> bool {
    let now: Timestamp = "2027-01-05T09:00:00Z".parse().unwrap();
    for shard in 0..SHARDS {
        if !ledger.due(shard, now, 10, None).await.unwrap().items.is_empty() {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn a_webhook_is_acknowledged_only_when_a_copy_of_it_is_safe() {
    let world = World::new();
    let subscriber = world.subscriber("stripe").await;
    let event = world.renewal_event(AUTHORISE, subscriber.subscription, 72);
    // Whether events are kept, whether they can be marked, whether the queue takes; the answer.
    for (keeps, marks, queues, expected) in [
        (true, true, true, 200),
        (false, true, true, 200),
        (true, true, false, 200),
        (true, false, false, 503),
        (false, true, false, 503),
        (false, false, false, 503),
    ] {
        let ledger = Arc::new(Frail::new(true));
        ledger.keeps.store(keeps, Ordering::SeqCst);
        ledger.marks.store(marks, Ordering::SeqCst);
        let (broken, queue, _) = functions(&ledger, !queues);
        let what = format!("kept {keeps}, marked {marks}, queued {queues}");
        assert_eq!(post(&broken, &event).await, expected, "{what}");
        let queued = queue.depth(Job::RecurringCapture).visible > 0;
        let safe = queued || is_due(&ledger).await;
        assert_eq!(safe, expected == 200, "{what}");
        if expected != 200 {
            // Its sender sends it again, when everything is well: nothing is lost.
            ledger.keeps.store(true, Ordering::SeqCst);
            ledger.marks.store(true, Ordering::SeqCst);
            let (sound, queue, _) = functions(&ledger, false);
            assert_eq!(post(&sound, &event).await, 200, "{what}");
            assert_eq!(queue.depth(Job::RecurringCapture).visible, 1, "{what}");
        }
    }
}

#[tokio::test]
async fn an_event_that_was_kept_but_not_queued_is_queued_by_the_timer() {
    let world = World::new();
    let subscriber = world.subscriber("stripe").await;
    let event = world.renewal_event(AUTHORISE, subscriber.subscription, 72);
    let ledger = Arc::new(Frail::new(true));
    let (broken, _, _) = functions(&ledger, true);
    assert_eq!(post(&broken, &event).await, 200);
    let (sound, queue, clock) = functions(&ledger, false);
    clock.move_to(clock.now() + SignedDuration::from_mins(2));
    renewal_schedule::sweep(&sound.schedule, Deadline::after(TIME)).await.unwrap();
    assert_eq!(queue.depth(Job::RecurringCapture).visible, 1);
    assert!(!is_due(&ledger).await, "and not for ever");
}

#[tokio::test]
async fn a_worker_that_always_comes_second_gives_its_message_back() {
    for gateway in GATEWAYS {
        let ledger = Arc::new(Frail::new(true));
        let world = World::with_ledger(ledger.clone());
        let subscriber = world.subscriber(gateway).await;
        let event = world.renewal_event(AUTHORISE, subscriber.subscription, 72);
        ledger.is_contended(7);
        assert_eq!(world.cleeng_says(&event).await.status(), 200);
        world.system.settle().await;
        let depth = world.system.queue.depth(Job::RecurringCapture);
        assert_eq!(depth.in_flight, 1, "{gateway}: it comes back: {depth:?}");
        assert_eq!(world.payments(gateway).len(), 1, "{gateway}: nothing was asked without a claim");
        world.pass(SignedDuration::from_mins(20)).await;
        assert_eq!(world.payments(gateway).len(), 2, "{gateway}: authorised once");
        world.agrees().await;
    }
}

#[tokio::test]
async fn a_payment_for_which_too_little_time_is_left_is_not_begun_and_goes_back() {
    for gateway in GATEWAYS {
        let world = World::new();
        let subscriber = world.subscriber(gateway).await;
        let event = world.renewal_event(AUTHORISE, subscriber.subscription, 72);
        assert_eq!(world.cleeng_says(&event).await.status(), 200);
        let taken = world.system.queue.receive(Job::RecurringCapture, 1).remove(0);
        let before = world.mapping(subscriber.subscription).await;
        let message = Message::from_text(&taken.body).unwrap();
        let soon = Deadline::after(Duration::from_secs(19));
        let failure = world.system.functions.work(Job::RecurringCapture, message, soon).await.unwrap_err();
        assert!(matches!(failure.who_acts(), WhoActs::Retry { .. }), "{gateway}: {}", failure.chain());
        assert_eq!(world.payments(gateway).len(), 1, "{gateway}: the gateway was not asked");
        assert_eq!(world.mapping(subscriber.subscription).await, before, "{gateway}: nothing was claimed");
        world.pass(SignedDuration::from_mins(20)).await;
        assert_eq!(world.payments(gateway).len(), 2, "{gateway}: authorised when it came back");
        world.agrees().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_is_replayed_days_later_charges_nothing_stale() {
    for gateway in GATEWAYS {
        let storm = Storm::calm();
        let world = World::in_weather(storm.clone());
        let subscriber = world.subscriber(gateway).await;
        let event = world.renewal_event(AUTHORISE, subscriber.subscription, 72);
        // Nobody can be reached for so long that the message dies.
        for host in [gateway, "cleeng"] {
            for method in ["POST", "GET"] {
                storm.strike(Strike { host, method, path: "", fault: Fault::Refused, times: u32::MAX });
            }
        }
        assert_eq!(world.cleeng_says(&event).await.status(), 200);
        world.pass(SignedDuration::from_hours(2)).await;
        assert_eq!(world.system.queue.depth(Job::RecurringCapture).dead, 1, "{gateway}");
        assert_eq!(world.payments(gateway).len(), 1, "{gateway}");
        storm.clear();
        // The period is paid by Cleeng's own dates.
        let due = world.at_cleeng(subscriber.subscription).ends;
        world.system.run_until(due + SignedDuration::from_hours(2)).await;
        assert_eq!(world.charges(), 2, "{gateway}");
        world.system.queue.replay(Job::RecurringCapture);
        world.pass(SignedDuration::from_hours(2)).await;
        assert_eq!(
            world.payments(gateway).len(),
            2,
            "{gateway}: a period that is paid is not asked for again"
        );
        // The same for a subscription that has ended.
        let stop = format!("subscriptions/{}/stop", subscriber.subscription);
        super::money_back::control(&world, "cleeng", &stop, &serde_json::json!({}));
        world.pass_days(33).await;
        assert_eq!(world.at_cleeng(subscriber.subscription).status, SubscriptionState::Terminated);
        assert_eq!(world.cleeng_says(&event).await.status(), 200);
        world.pass(SignedDuration::from_hours(2)).await;
        assert_eq!(world.payments(gateway).len(), 2, "{gateway}");
        world.agrees().await;
    }
}
