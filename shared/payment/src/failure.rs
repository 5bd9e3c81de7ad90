//! Failures that are not answers, sorted by who acts next.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// A failure that says who acts next. Rooms turn their own errors into it, so that `?` in a story carries the verdict.
#[derive(Debug)]
pub struct Failure {
    who: WhoActs,
    what: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// Who acts next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhoActs {
    /// Nobody: nothing is lost, the same work is done again later (queue: back to it; HTTP: 503).
    Retry {
        /// The earliest useful moment, where a peer named one.
        after: Option<Duration>,
    },
    /// The caller: what was asked cannot be done (queue: dropped with a log line; HTTP: 4xx).
    Refuse,
    /// A person of ours: it stays on its queue until the dead-letter queue rings (HTTP: 500).
    Alarm,
}

impl Failure {
    /// Nothing is lost; try again later.
    pub fn retry(what: impl Into<String>) -> Self {
        Self { who: WhoActs::Retry { after: None }, what: what.into(), source: None }
    }

    /// Nothing is lost; try again, not before this much time has passed.
    pub fn retry_after(what: impl Into<String>, after: Duration) -> Self {
        Self { who: WhoActs::Retry { after: Some(after) }, what: what.into(), source: None }
    }

    /// The caller's mistake.
    pub fn refuse(what: impl Into<String>) -> Self {
        Self { who: WhoActs::Refuse, what: what.into(), source: None }
    }

    /// Somebody of ours must look.
    pub fn alarm(what: impl Into<String>) -> Self {
        Self { who: WhoActs::Alarm, what: what.into(), source: None }
    }

    /// The same failure with the error that caused it.
    pub fn because(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// Who acts next.
    pub fn who_acts(&self) -> WhoActs {
        self.who
    }

    /// The whole chain in one line, for the one log line where it is handled.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut next = self.source();
        while let Some(error) = next {
            text.push_str(": ");
            text.push_str(&error.to_string());
            next = error.source();
        }
        text
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| {
            let source: &(dyn Error + 'static) = source;
            source
        })
    }
}
