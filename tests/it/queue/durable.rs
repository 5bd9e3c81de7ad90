//! A local queue in a directory: what was promised outlives the process, wherever it is cut off.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use queue::{Job, LocalQueue};

use super::{HandClock, RULES, bodies, take};

const JOB: Job = Job::Settlement;
const NOW: Duration = Duration::ZERO;

#[test]
fn a_reopened_queue_has_what_was_sent_and_not_done() {
    let place = Place::new("reopened");
    let clock = HandClock::new();
    let queue = place.open(&clock);
    for body in ["done", "in flight", "waits ünïcode\n"] {
        queue.put(JOB, body, NOW).unwrap();
    }
    queue.put(Job::Termination, "delayed", Duration::from_secs(60)).unwrap();
    let taken = queue.receive(JOB, 2);
    assert!(queue.delete(JOB, taken[0].receipt));
    drop(queue);

    let queue = place.open(&clock);
    assert_eq!(bodies(&queue, JOB), ["waits ünïcode\n"]);
    assert!(bodies(&queue, Job::Termination).is_empty());
    clock.pass(60);
    let again = queue.receive(JOB, 1).remove(0);
    assert_eq!((again.body.as_str(), again.receives), ("in flight", 2), "its receives are not forgotten");
    assert_eq!(bodies(&queue, Job::Termination), ["delayed"]);
}

#[test]
fn dead_letters_and_ids_outlive_the_process() {
    let place = Place::new("dead");
    let clock = HandClock::new();
    let queue = place.open(&clock);
    queue.put(JOB, "poison", NOW).unwrap();
    let last = queue.put(JOB, "done", NOW).unwrap();
    let done = take(&queue, JOB).into_iter().find(|(body, _)| body == "done").unwrap();
    assert!(queue.delete(JOB, done.1));
    for _ in 0..3 {
        clock.pass(30);
        queue.receive(JOB, 1);
    }
    drop(queue);
    drop(place.open(&clock));

    let queue = place.open(&clock);
    assert_eq!(queue.dead_letters(JOB).len(), 1);
    assert!(queue.put(JOB, "new", NOW).unwrap() > last, "no id is given twice");
    assert_eq!(queue.replay(JOB), 1);
}

#[test]
fn a_kill_at_any_byte_loses_no_message_whose_send_succeeded() {
    let place = Place::new("killed");
    let clock = HandClock::new();
    let queue = place.open(&clock);
    // How long the journal was when each send was answered.
    let mut promised = Vec::new();
    for n in 0..5 {
        let body = format!("message {n} ünïcode");
        queue.put(JOB, &body, NOW).unwrap();
        promised.push((fs::metadata(place.journal()).unwrap().len(), body));
    }
    drop(queue);
    let whole = fs::read(place.journal()).unwrap();
    for cut in 0..=whole.len() {
        fs::write(place.journal(), &whole[..cut]).unwrap();
        let queue = place.open(&clock);
        let expected =
            promised.iter().filter(|(length, _)| *length <= cut.try_into().unwrap()).map(|(_, body)| body);
        assert_eq!(bodies(&queue, JOB), expected.cloned().collect::<Vec<_>>(), "cut at byte {cut}");
        queue.put(JOB, "afterwards", NOW).unwrap();
        drop(queue);
        assert!(bodies(&place.open(&clock), JOB).contains(&"afterwards".to_owned()), "cut at byte {cut}");
    }
}

#[test]
fn a_kill_while_the_journal_is_rewritten_leaves_the_old_one() {
    let place = Place::new("rewritten");
    let clock = HandClock::new();
    let queue = place.open(&clock);
    queue.put(JOB, "kept", NOW).unwrap();
    drop(queue);
    fs::write(place.journal().with_extension("new"), b"{\"given\":").unwrap();
    assert_eq!(bodies(&place.open(&clock), JOB), ["kept"]);
}

#[test]
fn a_journal_that_somebody_spoilt_is_told_and_left_alone() {
    let place = Place::new("spoilt");
    fs::create_dir_all(&place.0).unwrap();
    fs::write(place.journal(), "not a journal\n").unwrap();
    let clock = HandClock::new();
    assert!(LocalQueue::open(&place.0, Arc::new(clock), RULES).is_err());
    assert_eq!(fs::read(place.journal()).unwrap(), b"not a journal\n");
}

#[test]
fn a_long_life_does_not_fill_the_disk() {
    let place = Place::new("long");
    let clock = HandClock::new();
    let queue = place.open(&clock);
    queue.put(Job::Termination, "stays", NOW).unwrap();
    for n in 0..3000 {
        queue.put(JOB, &format!("message {n}"), NOW).unwrap();
        let (_, receipt) = take(&queue, JOB).remove(0);
        assert!(queue.delete(JOB, receipt));
    }
    let lines = fs::read_to_string(place.journal()).unwrap().lines().count();
    assert!(lines <= 1010, "{lines} lines");
    drop(queue);
    assert_eq!(bodies(&place.open(&clock), Job::Termination), ["stays"]);
}

#[test]
fn two_processes_cannot_share_a_directory() {
    let place = Place::new("shared");
    let clock = HandClock::new();
    let first = place.open(&clock);
    let second = LocalQueue::open(&place.0, Arc::new(clock.clone()), RULES);
    assert!(second.err().unwrap().to_string().contains("another process"));
    drop(first);
    place.open(&clock);
}

/// A directory of a test's own, emptied before.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("queue-{name}"));
        let _ = fs::remove_dir_all(&directory);
        Self(directory)
    }

    fn open(&self, clock: &HandClock) -> LocalQueue {
        LocalQueue::open(&self.0, Arc::new(clock.clone()), RULES).unwrap()
    }

    fn journal(&self) -> PathBuf {
        self.0.join("queue.journal")
    }
}
