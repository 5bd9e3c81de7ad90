//! A clock that can be moved: it runs with the machine's, ahead by what was added, or stands until it is moved.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use wire::{Clock, SystemClock};

/// The local system's clock.
pub struct MovableClock {
    state: Mutex<State>,
}

#[derive(Clone, Copy)]
enum State {
    Running { ahead: SignedDuration },
    Standing(Timestamp),
}

impl MovableClock {
    /// Runs with the machine's clock.
    pub fn running(ahead: SignedDuration) -> Self {
        Self { state: Mutex::new(State::Running { ahead }) }
    }

    /// Stands at this hour until it is moved.
    pub fn standing(at: Timestamp) -> Self {
        Self { state: Mutex::new(State::Standing(at)) }
    }

    /// Moves forward to this hour; a clock is never moved back.
    pub fn move_to(&self, to: Timestamp) {
        let now = self.now();
        if to <= now {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = match *state {
            State::Running { ahead } => {
                State::Running { ahead: ahead.saturating_add(to.duration_since(now)) }
            }
            State::Standing(_) => State::Standing(to),
        };
    }

    /// How far ahead of the machine's clock it is, to be kept over a restart.
    pub fn ahead(&self) -> SignedDuration {
        self.now().duration_since(SystemClock.now())
    }
}

impl Clock for MovableClock {
    fn now(&self) -> Timestamp {
        match *self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Running { ahead } => SystemClock.now().checked_add(ahead).unwrap_or(Timestamp::MAX),
            State::Standing(at) => at,
        }
    }
}
