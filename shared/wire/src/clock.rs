//! The hour: asked here and nowhere else, so that tests, the local system and simulation can move it.

use jiff::Timestamp;

/// Tells the hour. Waiting is tokio's; this is for what is written down and compared.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the machine")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
