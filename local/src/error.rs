//! Why the local system does not start or go on.

/// Told to the person who started it.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// A file, a socket, a journal.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A file of ours holds something else.
    #[error("a file of the data directory cannot be read: {0}")]
    File(#[from] serde_json::Error),
    /// The embedded DynamoDB.
    #[error("the embedded DynamoDB: {0}")]
    Dynamo(#[from] crate::dynamo::DynamoError),
    /// The ledger on it.
    #[error("the ledger: {0}")]
    Ledger(#[from] ledger::LedgerError),
    /// The functions.
    #[error(transparent)]
    Start(#[from] entrypoint::StartError),
    /// A setting.
    #[error(transparent)]
    Setting(#[from] settings::SettingError),
    /// The HTTP client.
    #[error(transparent)]
    Http(#[from] wire::HttpError),
    /// A simulator, or a function, did not do what the story needs.
    #[error("{0}")]
    Story(String),
}
