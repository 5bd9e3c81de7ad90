//! How long an event may still take, passed down to everything remote.

use std::time::Duration;

use tokio::time::Instant;

/// The moment by which an event's work must be done or given back. Copied down every call.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// So much time from now.
    pub fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// What is left; zero once it has passed.
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Whether this much time is left: asked before anything is begun that must not be cut off.
    pub fn allows(self, time: Duration) -> bool {
        self.left() >= time
    }
}
