//! A bound on how fast one instance asks one peer, so that a queue's backlog does not run into the peer's own bound.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::Deadline;

/// A token bucket (GCRA: "generic cell rate algorithm"): calls leave `interval` apart, after a rest so many at once as the
/// rest was long, and [`BURST`] at most. The clock is tokio's, so that tests need not wait.
#[derive(Debug)]
pub struct Pace {
    interval: Duration,
    /// When the bucket would be full again.
    full_at: Mutex<Instant>,
}

/// What a bucket holds: a batch is over when its last call has been answered and told, which takes about two seconds. What
/// they bring is not lost, so that an instance reaches its rate, and no more than that.
const BURST: Duration = Duration::from_millis(2500);
/// What it holds at first: instances begin together, where a burst begins.
const BURST_AT_FIRST: Duration = Duration::from_secs(1);

impl Pace {
    /// Calls that are at least this far apart, in the long run.
    pub fn every(interval: Duration) -> Self {
        let empty = BURST.max(interval).saturating_sub(BURST_AT_FIRST.max(interval));
        Self { interval, full_at: Mutex::new(Instant::now() + empty) }
    }

    /// Waits for the turn of a call that needs `time`. `false` at once, and without a turn taken, where it would come so
    /// late that the call would not end before the deadline.
    pub async fn turn(&self, time: Duration, deadline: Deadline) -> bool {
        let wait = {
            let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let next = (*full_at).max(now) + self.interval;
            let wait = next.saturating_duration_since(now + BURST.max(self.interval));
            if !deadline.allows(wait + time) {
                return false;
            }
            *full_at = next;
            wait
        };
        tokio::time::sleep(wait).await;
        true
    }

    /// The peer asked for a pause: no call that has no turn yet leaves before it is over.
    pub fn pause(&self, pause: Duration) {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        *full_at = (*full_at).max(Instant::now() + pause + BURST.max(self.interval));
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;

    fn plenty() -> Deadline {
        Deadline::after(Duration::from_secs(600))
    }

    async fn all_of(pace: &Pace, calls: usize) -> Vec<Duration> {
        let began = Instant::now();
        let each = (0..calls).map(|_| async {
            assert!(pace.turn(Duration::ZERO, plenty()).await);
            began.elapsed()
        });
        join_all(each).await
    }

    #[tokio::test(start_paused = true)]
    async fn at_first_a_second_of_calls_leaves_at_once_and_the_rest_at_the_pace() {
        let pace = Pace::every(Duration::from_millis(250));
        let left = all_of(&pace, 8).await;
        assert_eq!(left[..4], [Duration::ZERO; 4]);
        assert_eq!(left[4..], [250, 500, 750, 1000].map(Duration::from_millis));
        tokio::time::sleep(Duration::from_secs(60)).await;
        let left = all_of(&pace, 11).await;
        assert_eq!(left[..10], [Duration::ZERO; 10], "a rest fills it");
        assert_eq!(left[10..], [Duration::from_millis(250)], "and no further");
    }

    #[tokio::test(start_paused = true)]
    async fn batches_that_wait_for_their_last_answer_reach_the_pace_and_do_not_exceed_it() {
        let pace = Pace::every(Duration::from_millis(300));
        let began = Instant::now();
        for _ in 0..100 {
            all_of(&pace, 10).await;
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        let due = Duration::from_millis(300) * 1000;
        let took = began.elapsed();
        assert!(took <= due + Duration::from_secs(3), "{took:?}");
        assert!(took + BURST >= due, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pace_below_one_a_second_lets_one_call_through() {
        let pace = Pace::every(Duration::from_secs(5));
        assert_eq!(all_of(&pace, 3).await, [0, 5, 10].map(Duration::from_secs));
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_asks_for_a_pause_has_it() {
        let pace = Pace::every(Duration::from_millis(500));
        pace.pause(Duration::from_secs(2));
        assert_eq!(all_of(&pace, 2).await, [2500, 3000].map(Duration::from_millis));
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_comes_too_late_is_not_waited_for_and_not_taken() {
        let pace = Pace::every(Duration::from_secs(1));
        assert!(pace.turn(Duration::ZERO, plenty()).await);
        let soon = Deadline::after(Duration::from_millis(1500));
        assert!(!pace.turn(Duration::from_secs(1), soon).await);
        assert_eq!(all_of(&pace, 1).await, [Duration::from_secs(1)]);
    }
}
