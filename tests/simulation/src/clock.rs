//! The life's clock: it runs with the runtime's paused time; a worker's own may be wrong.

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use wire::Clock;

/// When every life begins: 2027-01-04T09:00:00Z, a Monday.
const BEGINNING_SECONDS: i64 = 1_799_053_200;

/// A clock that is ahead of the true hour by so much.
#[derive(Clone, Copy)]
pub struct LifeClock {
    began: Instant,
    ahead: SignedDuration,
}

impl LifeClock {
    /// The true clock of a life that begins now.
    pub fn begin() -> Self {
        Self { began: Instant::now(), ahead: SignedDuration::ZERO }
    }

    /// The same, wrong by so much.
    pub fn wrong_by(self, ahead: SignedDuration) -> Self {
        Self { ahead, ..self }
    }

    /// The moment of the runtime at which this clock shows an hour.
    pub fn moment(&self, hour: Timestamp) -> Instant {
        let since = hour.duration_since(beginning()).saturating_sub(self.ahead);
        let since = std::time::Duration::try_from(since).unwrap_or_default();
        self.began.checked_add(since).unwrap_or(self.began)
    }
}

impl Clock for LifeClock {
    fn now(&self) -> Timestamp {
        // Asked many times in every step of a life: counted in plain nanoseconds.
        let elapsed = i128::try_from(self.began.elapsed().as_nanos()).unwrap_or(i128::MAX);
        let beginning = i128::from(BEGINNING_SECONDS) * 1_000_000_000;
        let now = elapsed.saturating_add(beginning).saturating_add(self.ahead.as_nanos());
        Timestamp::from_nanosecond(now).unwrap_or(Timestamp::MAX)
    }
}

/// The hour at which every life begins.
pub fn beginning() -> Timestamp {
    Timestamp::from_second(BEGINNING_SECONDS).unwrap_or(Timestamp::UNIX_EPOCH)
}
