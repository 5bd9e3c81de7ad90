//! What every ledger does, asked of the one in DynamoDB and of the one in memory.

use std::sync::Arc;

use ledger::{
    DUE_SHARDS, DueItem, ItemKey, Kept, KeptEvent, Ledger, Mapping, MemoryLedger, Standing, Subject, Written,
};
use local::dynamo::{EmbeddedDynamo, Storage};
use tokio::task::JoinSet;

use super::{at, done, renewing, subscription};

/// Each sentence of the contract becomes two tests.
macro_rules! contract {
    ($($sentence:ident)*) => {
        mod in_memory {
            $(#[tokio::test]
            async fn $sentence() {
                super::$sentence(std::sync::Arc::new(super::MemoryLedger::new())).await;
            })*
        }

        mod in_dynamo {
            $(#[tokio::test]
            async fn $sentence() {
                let dynamo = super::EmbeddedDynamo::start(&super::Storage::Memory).await.unwrap();
                super::$sentence(std::sync::Arc::new(dynamo.ledger(wire::Http::new().unwrap()).unwrap())).await;
                dynamo.stop().await.unwrap();
            })*
        }
    };
}

contract! {
    what_was_written_is_read_back_whole
    a_subject_that_was_never_written_is_absent
    a_write_on_an_old_reading_loses_and_shows_what_stands_there
    a_second_first_write_loses
    a_write_to_an_item_that_is_not_there_loses
    ones_own_write_is_recognised_when_it_is_repeated
    another_write_of_the_same_worker_is_not_taken_for_its_repetition
    of_fifty_workers_exactly_one_wins
    fifty_workers_who_read_again_all_get_their_turn
    a_webhook_is_kept_once_however_often_it_arrives
    a_webhook_marked_due_is_listed_until_it_is_marked_done
    a_mark_on_a_webhook_that_is_gone_does_nothing
    what_is_due_comes_oldest_first_and_only_when_due
    pages_of_a_shard_list_everything_once
    an_item_is_listed_as_due_only_as_long_as_it_is
    a_normal_renewal_never_touches_the_due_index
    pages_list_each_mapping_once_and_nothing_else
}

type AnyLedger = Arc<dyn Ledger>;

async fn what_was_written_is_read_back_whole(ledger: AnyLedger) {
    for mapping in [subscription(7), renewing(8)] {
        let left = done(ledger.write(&mapping).await.unwrap());
        assert_eq!(left, Mapping { version: 1, ..mapping.clone() });
        assert_eq!(ledger.mapping(mapping.subject).await.unwrap(), Some(left));
    }
}

async fn a_subject_that_was_never_written_is_absent(ledger: AnyLedger) {
    assert_eq!(ledger.mapping(subscription(7).subject).await.unwrap(), None);
    assert_eq!(ledger.event("00ff").await.unwrap(), None);
}

async fn a_write_on_an_old_reading_loses_and_shows_what_stands_there(ledger: AnyLedger) {
    let first = done(ledger.write(&subscription(7)).await.unwrap());
    let mine = Mapping { fence: 2, standing: Standing::Ending, ..first.clone() };
    let theirs = Mapping { fence: 3, standing: Standing::Closed, ..first };
    let theirs = done(ledger.write(&theirs).await.unwrap());
    assert_eq!(theirs.version, 2);
    assert_eq!(ledger.write(&mine).await.unwrap(), Written::Lost(Some(theirs.clone())));
    assert_eq!(ledger.mapping(theirs.subject).await.unwrap(), Some(theirs));
}

async fn a_second_first_write_loses(ledger: AnyLedger) {
    let first = done(ledger.write(&subscription(7)).await.unwrap());
    let again = Mapping { fence: 2, ..subscription(7) };
    assert_eq!(ledger.write(&again).await.unwrap(), Written::Lost(Some(first)));
}

async fn a_write_to_an_item_that_is_not_there_loses(ledger: AnyLedger) {
    let stray = Mapping { version: 4, ..subscription(7) };
    assert_eq!(ledger.write(&stray).await.unwrap(), Written::Lost(None));
    assert_eq!(ledger.mapping(stray.subject).await.unwrap(), None);
}

async fn ones_own_write_is_recognised_when_it_is_repeated(ledger: AnyLedger) {
    let mapping = Mapping { fence: u64::MAX, ..renewing(7) };
    let left = done(ledger.write(&mapping).await.unwrap());
    assert_eq!(done(ledger.write(&mapping).await.unwrap()), left);
    let next = Mapping { standing: Standing::Ending, ..left };
    let left = done(ledger.write(&next).await.unwrap());
    assert_eq!(done(ledger.write(&next).await.unwrap()), left);
    assert_eq!(left.version, 2);
}

async fn another_write_of_the_same_worker_is_not_taken_for_its_repetition(ledger: AnyLedger) {
    let left = done(ledger.write(&subscription(7)).await.unwrap());
    let other = Mapping { standing: Standing::Ending, ..subscription(7) };
    assert_eq!(ledger.write(&other).await.unwrap(), Written::Lost(Some(left)));
}

async fn of_fifty_workers_exactly_one_wins(ledger: AnyLedger) {
    let first = done(ledger.write(&subscription(7)).await.unwrap());
    let mut workers = JoinSet::new();
    for fence in 100..150 {
        let (ledger, mapping) = (Arc::clone(&ledger), Mapping { fence, ..first.clone() });
        workers.spawn(async move { ledger.write(&mapping).await.unwrap() });
    }
    let written = workers.join_all().await;
    let winners: Vec<_> = written.iter().filter(|written| matches!(written, Written::Done(_))).collect();
    assert_eq!(winners.len(), 1);
    let stands = ledger.mapping(first.subject).await.unwrap().unwrap();
    assert_eq!(*winners[0], Written::Done(stands.clone()));
    assert!(
        written
            .iter()
            .all(|one| matches!(one, Written::Done(_)) || *one == Written::Lost(Some(stands.clone())))
    );
}

async fn fifty_workers_who_read_again_all_get_their_turn(ledger: AnyLedger) {
    let first = done(ledger.write(&subscription(7)).await.unwrap());
    let mut workers = JoinSet::new();
    for fence in 100..150 {
        let (ledger, mut mapping) = (Arc::clone(&ledger), first.clone());
        workers.spawn(async move {
            loop {
                mapping.fence = fence;
                mapping.looks += 1;
                match ledger.write(&mapping).await.unwrap() {
                    Written::Done(_) => break,
                    Written::Lost(left) => mapping = left.unwrap(),
                }
            }
        });
    }
    workers.join_all().await;
    let stands = ledger.mapping(first.subject).await.unwrap().unwrap();
    assert_eq!((stands.looks, stands.version), (50, 51));
}

fn event(digest: &str) -> KeptEvent {
    KeptEvent {
        digest: digest.to_owned(),
        topic: "cleeng/subscriptionReadyForPaymentCapture".to_owned(),
        job: Some("recurring-capture".to_owned()),
        message: r#"{"subscriptionId":"332332332","note":"a \"quoted\" word, ünïcode\n"}"#.to_owned(),
        received: at("2026-11-21T09:12:50.1Z"),
        expires: at("2026-12-21T09:12:50Z"),
    }
}

async fn a_webhook_is_kept_once_however_often_it_arrives(ledger: AnyLedger) {
    let mut arrivals = JoinSet::new();
    for second in 0..20 {
        let ledger = Arc::clone(&ledger);
        let received = at("2026-11-21T09:12:50Z") + jiff::SignedDuration::from_secs(second);
        arrivals
            .spawn(async move { ledger.keep_event(&KeptEvent { received, ..event("00ff") }).await.unwrap() });
    }
    let kept = arrivals.join_all().await;
    assert_eq!(kept.iter().filter(|kept| **kept == Kept::New).count(), 1);
    assert_eq!(ledger.keep_event(&event("00ff")).await.unwrap(), Kept::Known);
    assert_eq!(ledger.keep_event(&event("00fe")).await.unwrap(), Kept::New);
    assert_eq!(ledger.event("00fe").await.unwrap(), Some(event("00fe")));
    assert_eq!(
        ledger.keep_event(&event("00fe")).await.unwrap(),
        Kept::Known,
        "the very same event, word for word"
    );
}

async fn a_webhook_marked_due_is_listed_until_it_is_marked_done(ledger: AnyLedger) {
    let due = at("2026-11-21T09:12:50.123456789Z");
    ledger.keep_event(&event("00ff")).await.unwrap();
    ledger.mark_event("00ff", Some(due)).await.unwrap();
    assert_eq!(all_due(&ledger, due, 10).await, [DueItem { due, key: ItemKey::Event("00ff".to_owned()) }]);
    assert_eq!(
        ledger.event("00ff").await.unwrap(),
        Some(event("00ff")),
        "the mark leaves the webhook as it was"
    );
    ledger.mark_event("00ff", None).await.unwrap();
    ledger.mark_event("00ff", None).await.unwrap();
    assert_eq!(all_due(&ledger, due, 10).await, []);
    assert_eq!(ledger.keep_event(&event("00ff")).await.unwrap(), Kept::Known);
}

async fn a_mark_on_a_webhook_that_is_gone_does_nothing(ledger: AnyLedger) {
    ledger.mark_event("00ff", Some(at("2026-11-21T09:12:50Z"))).await.unwrap();
    ledger.mark_event("00ff", None).await.unwrap();
    assert_eq!(ledger.event("00ff").await.unwrap(), None);
    assert_eq!(all_due(&ledger, FOR_EVER, 10).await, []);
}

async fn what_is_due_comes_oldest_first_and_only_when_due(ledger: AnyLedger) {
    // Whole seconds, a fraction and the turn of a year, so that no shortened time sorts wrongly.
    let times = [
        "2026-12-31T23:59:59Z",
        "2026-12-31T23:59:59.5Z",
        "2027-01-01T00:00:00Z",
        "2027-01-01T00:00:00.000000001Z",
    ];
    for (id, time) in of_one_shard(times.len()).await.into_iter().zip(times).rev() {
        done(ledger.write(&Mapping { due: Some(at(time)), ..subscription(id) }).await.unwrap());
    }
    let listed = all_due(&ledger, at("2027-01-01T00:00:00Z"), 10).await;
    assert_eq!(
        listed.iter().map(|item| item.due).collect::<Vec<_>>(),
        times[..3].iter().map(|time| at(time)).collect::<Vec<_>>()
    );
    assert_eq!(all_due(&ledger, at("2026-12-31T23:59:58Z"), 10).await, []);
}

async fn pages_of_a_shard_list_everything_once(ledger: AnyLedger) {
    let due = at("2026-11-21T09:12:50Z");
    let mut expected = Vec::new();
    for id in 1..=60 {
        // Every third at the same instant, so that a page may end between equals.
        let due =
            due + jiff::SignedDuration::from_secs(if id % 3 == 0 { 0 } else { i64::try_from(id).unwrap() });
        done(ledger.write(&Mapping { due: Some(due), ..subscription(id) }).await.unwrap());
        expected.push(DueItem { due, key: ItemKey::Subject(subscription(id).subject) });
    }
    expected.sort();
    for limit in [1, 3, 1000] {
        let mut listed = all_due(&ledger, at("2027-01-01T00:00:00Z"), limit).await;
        listed.sort();
        assert_eq!(listed, expected, "in pages of {limit}");
    }
}

async fn an_item_is_listed_as_due_only_as_long_as_it_is(ledger: AnyLedger) {
    let (first, later) = (at("2026-11-21T09:13:51.733Z"), at("2026-11-22T09:13:51Z"));
    let mapping = done(ledger.write(&Mapping { due: Some(first), ..renewing(7) }).await.unwrap());
    assert_eq!(mapping.due, Some(first));
    let key = ItemKey::Subject(mapping.subject);
    assert_eq!(all_due(&ledger, FOR_EVER, 10).await, [DueItem { due: first, key: key.clone() }]);
    let mapping = done(ledger.write(&Mapping { due: Some(later), ..mapping }).await.unwrap());
    assert_eq!(all_due(&ledger, FOR_EVER, 10).await, [DueItem { due: later, key }]);
    done(ledger.write(&Mapping { due: None, ..mapping }).await.unwrap());
    assert_eq!(all_due(&ledger, FOR_EVER, 10).await, []);
}

async fn a_normal_renewal_never_touches_the_due_index(ledger: AnyLedger) {
    let mut mapping = done(ledger.write(&subscription(7)).await.unwrap());
    for attempt in renewing(7).attempts {
        mapping.attempts.push(attempt);
        mapping = done(ledger.write(&mapping).await.unwrap());
        assert_eq!(all_due(&ledger, FOR_EVER, 10).await, []);
    }
}

async fn pages_list_each_mapping_once_and_nothing_else(ledger: AnyLedger) {
    for id in 1..=23 {
        done(ledger.write(&subscription(id)).await.unwrap());
    }
    for (id, standing) in [(31, Standing::Ending), (32, Standing::Closed)] {
        done(ledger.write(&Mapping { standing, ..subscription(id) }).await.unwrap());
    }
    let order = Subject::Order(41.try_into().unwrap());
    done(ledger.write(&Mapping { subject: order, ..subscription(41) }).await.unwrap());
    ledger.keep_event(&event("00ff")).await.unwrap();
    for limit in [1, 5, 23, 100] {
        let mut listed = Vec::new();
        let mut after = None;
        loop {
            let page = ledger.page(limit, after).await.unwrap();
            assert!(page.len() <= usize::try_from(limit).unwrap());
            let Some(last) = page.last() else { break };
            after = Some(last.subject);
            listed.extend(page.into_iter().map(|mapping| mapping.subject));
        }
        listed.sort();
        let mut expected: Vec<_> = (1..=23).chain(31..=32).map(|id| subscription(id).subject).collect();
        expected.push(order);
        expected.sort();
        assert_eq!(listed, expected, "in pages of {limit}");
    }
}

const FOR_EVER: jiff::Timestamp = jiff::Timestamp::MAX;

/// Everything that is due, shard by shard, in pages of `limit`; each shard's list is checked to be in order.
async fn all_due(ledger: &AnyLedger, until: jiff::Timestamp, limit: u32) -> Vec<DueItem> {
    let mut all = Vec::new();
    for shard in 0..DUE_SHARDS {
        let mut listed: Vec<DueItem> = Vec::new();
        loop {
            let page = ledger.due(shard, until, limit, listed.last()).await.unwrap();
            assert!(page.items.len() <= usize::try_from(limit).unwrap());
            listed.extend(page.items);
            if !page.more {
                break;
            }
        }
        assert!(listed.is_sorted_by_key(|item| item.due));
        all.extend(listed);
    }
    all
}

/// So many ids whose items the same shard lists.
async fn of_one_shard(count: usize) -> Vec<u64> {
    let due = at("2026-11-21T09:12:50Z");
    let ledger = MemoryLedger::new();
    for id in 1..=100 {
        done(ledger.write(&Mapping { due: Some(due), ..subscription(id) }).await.unwrap());
    }
    let page = ledger.due(0, due, 100, None).await.unwrap();
    let ids = page.items.into_iter().filter_map(|item| match item.key {
        ItemKey::Subject(Subject::Subscription(id)) => Some(id.number()),
        _ => None,
    });
    let ids: Vec<_> = ids.take(count).collect();
    assert_eq!(ids.len(), count);
    ids
}
