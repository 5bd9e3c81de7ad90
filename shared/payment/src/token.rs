//! A gateway's recurring token: it charges a card, so it is never printed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a gateway gave us to charge a stored card again. Each adapter shapes it to carry all that a renewal needs.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(String);

impl Token {
    /// Wraps a token as an adapter or Cleeng wrote it.
    pub fn new(raw: impl Into<String>) -> Self {
        Self(raw.into())
    }

    /// The token itself, for the gateway and Cleeng alone; never for a log line.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[token]")
    }
}
