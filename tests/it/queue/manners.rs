//! The local queue's manners, which are those of SQS.

use std::time::Duration;

use queue::event_source::{Invocation, Verdict, event, verdict};
use queue::{Depth, Job};

use super::{bodies, fresh, take};

const JOB: Job = Job::RecurringCapture;
const NOW: Duration = Duration::ZERO;

#[test]
fn messages_come_in_the_order_in_which_they_became_visible() {
    let (queue, clock) = fresh();
    queue.put(JOB, "late", Duration::from_secs(60)).unwrap();
    queue.put(JOB, "first", NOW).unwrap();
    queue.put(JOB, "second", NOW).unwrap();
    assert_eq!(bodies(&queue, JOB), ["first", "second"]);
    clock.pass(29);
    assert!(bodies(&queue, JOB).is_empty());
    clock.pass(31);
    assert_eq!(bodies(&queue, JOB), ["first", "second", "late"]);
}

#[test]
fn each_job_reads_its_own_queue() {
    let (queue, _) = fresh();
    queue.put(Job::Termination, "end", NOW).unwrap();
    assert!(bodies(&queue, JOB).is_empty());
    let (_, receipt) = take(&queue, Job::Termination).remove(0);
    assert!(!queue.delete(JOB, receipt), "another queue's receipt opens nothing");
    assert!(queue.delete(Job::Termination, receipt));
}

#[test]
fn a_received_message_returns_unless_it_is_deleted_in_time() {
    let (queue, clock) = fresh();
    queue.put(JOB, "done", NOW).unwrap();
    queue.put(JOB, "not done", NOW).unwrap();
    let taken = queue.receive(JOB, 10);
    assert!(queue.delete(JOB, taken[0].receipt));
    assert!(!queue.delete(JOB, taken[0].receipt));
    clock.pass(30);
    let again = queue.receive(JOB, 10);
    assert_eq!(
        again.iter().map(|message| (message.body.as_str(), message.receives)).collect::<Vec<_>>(),
        [("not done", 2)]
    );
    assert_eq!(again[0].message_id(), taken[1].message_id());
    assert!(!queue.delete(JOB, taken[1].receipt), "the message is in other hands now");
    assert!(queue.delete(JOB, again[0].receipt));
    assert_eq!(queue.depth(JOB), Depth::default());
}

#[test]
fn a_worker_may_hold_a_message_longer_or_give_it_back_at_once() {
    let (queue, clock) = fresh();
    queue.put(JOB, "work", NOW).unwrap();
    let (_, receipt) = take(&queue, JOB).remove(0);
    assert!(queue.change_visibility(JOB, receipt, Duration::from_secs(120)));
    clock.pass(119);
    assert!(bodies(&queue, JOB).is_empty());
    assert!(queue.change_visibility(JOB, receipt, NOW));
    assert_eq!(bodies(&queue, JOB), ["work"]);
    assert!(!queue.change_visibility(JOB, receipt, NOW));
}

#[test]
fn a_message_that_is_never_done_dies_with_its_last_complaint_and_can_be_replayed() {
    let (queue, clock) = fresh();
    queue.put(JOB, "poison", NOW).unwrap();
    for time in 1..=3 {
        let message = queue.receive(JOB, 1).remove(0);
        assert_eq!(message.receives, time);
        assert!(queue.complain(JOB, message.receipt, &format!("failure {time}")));
        clock.pass(30);
    }
    assert!(queue.receive(JOB, 1).is_empty());
    assert_eq!(queue.depth(JOB), Depth { dead: 1, ..Depth::default() });
    assert_eq!((queue.oldest(JOB), queue.next_visible(JOB)), (None, None), "nobody waits for the dead");
    let dead = queue.dead_letters(JOB).remove(0);
    assert_eq!((dead.body.as_str(), dead.why.as_str()), ("poison", "handed out 3 times: failure 3"));
    assert_eq!(dead.died.to_string(), "2026-11-21T09:01:30Z");

    assert_eq!(queue.replay(JOB), 1);
    assert_eq!(queue.receive(JOB, 1).remove(0).receives, 1, "its receives count anew");
    assert!(queue.dead_letters(JOB).is_empty());
}

#[test]
fn a_dead_letter_does_not_take_the_place_of_a_living_message() {
    let (queue, clock) = fresh();
    queue.put(JOB, "poison", NOW).unwrap();
    for _ in 0..3 {
        queue.receive(JOB, 1);
        clock.pass(30);
    }
    queue.put(JOB, "healthy", NOW).unwrap();
    assert_eq!(bodies(&queue, JOB), ["healthy"]);
}

#[test]
fn the_console_sees_where_every_message_is() {
    let (queue, clock) = fresh();
    let start = "2026-11-21T09:00:00Z".parse().unwrap();
    queue.put(JOB, "taken", NOW).unwrap();
    queue.receive(JOB, 1);
    clock.pass(5);
    queue.put(JOB, "waits", NOW).unwrap();
    queue.put(JOB, "comes later", Duration::from_secs(10)).unwrap();
    assert_eq!(queue.depth(JOB), Depth { visible: 1, delayed: 1, in_flight: 1, dead: 0 });
    assert_eq!(queue.oldest(JOB), Some(start));
    bodies(&queue, JOB);
    assert_eq!(queue.next_visible(JOB), Some(start + Duration::from_secs(15)));
}

#[test]
fn a_batch_is_handed_over_and_settled_as_by_the_platform() {
    let (queue, clock) = fresh();
    for body in ["one", "two", "three"] {
        queue.put(JOB, body, NOW).unwrap();
    }
    let batch = queue.receive(JOB, 10);
    let handed: serde_json::Value = serde_json::from_str(&event(JOB, &batch)).unwrap();
    assert_eq!(handed["Records"][1]["body"], "two");
    assert_eq!(handed["Records"][1]["attributes"]["ApproximateReceiveCount"], "1");

    let failed = handed["Records"][1]["messageId"].as_str().unwrap();
    let answer = format!(r#"{{"batchItemFailures":[{{"itemIdentifier":"{failed}"}}]}}"#);
    let ids: Vec<_> = batch.iter().map(|message| message.message_id()).collect();
    let Verdict { deleted, returned } = verdict(&ids, Invocation::Answered(&answer));
    assert_eq!(returned, [failed]);
    for message in batch.iter().filter(|message| deleted.contains(&message.message_id())) {
        assert!(queue.delete(JOB, message.receipt));
    }
    clock.pass(30);
    assert_eq!(bodies(&queue, JOB), ["two"]);
}
