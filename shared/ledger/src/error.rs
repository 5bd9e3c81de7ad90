//! Why the ledger did not answer.

use payment::Failure;

/// The ledger could not be read or written. A write that failed this way may have taken effect.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The table did not answer, or asked for fewer requests.
    #[error("the ledger did not answer: {0}")]
    Unavailable(String),
    /// An item cannot be read by this version: never overwritten, a person must look.
    #[error("the item {key} cannot be read")]
    Unreadable {
        /// Its key.
        key: String,
        /// What the reader says.
        #[source]
        source: serde_json::Error,
    },
    /// The table is not as the template makes it, or the role may not use it.
    #[error("the ledger refuses: {0}")]
    Refused(String),
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Unavailable(_) => Self::retry("the ledger did not answer").because(error),
            LedgerError::Unreadable { .. } | LedgerError::Refused(_) => {
                Self::alarm("the ledger cannot be used").because(error)
            }
        }
    }
}
