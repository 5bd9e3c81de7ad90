//! An embedded DynamoDB on a free port of this machine, in memory or in a file: the table the cloud has, without an account.

use std::path::PathBuf;
use std::time::Duration;

use dynoxide::Database;
use dynoxide::storage_backend::ManualClock;
use jiff::Timestamp;
use ledger::{DynamoLedger, LedgerError};
use settings::{SettingError, Settings};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Where the items are kept.
#[derive(Clone, Debug)]
pub enum Storage {
    /// Until the process ends.
    Memory,
    /// In this directory, so that a restarted system finds them again, also after it was killed.
    Directory(PathBuf),
}

/// A running DynamoDB of one's own, with its table made. Starts in some milliseconds, so each test can have one.
pub struct EmbeddedDynamo {
    url: String,
    database: Database,
    clock: ManualClock,
    stop: oneshot::Sender<()>,
    server: JoinHandle<Result<(), String>>,
}

/// The local table's name.
const TABLE: &str = "ledger";
/// A request that is under way when the system stops has this long to finish.
const STOP_SECONDS_MAX: Duration = Duration::from_secs(2);

impl EmbeddedDynamo {
    /// Opens the storage, listens on a free port of the loopback interface, and makes the table unless it is there.
    pub async fn start(storage: &Storage) -> Result<Self, DynamoError> {
        let clock = ManualClock::new(0);
        let database = open(storage, &clock)?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database.clone(), async {
            // Either way, told to stop or dropped, there is nobody left to serve.
            let _ = stopped.await;
        }));
        let running = Self { url, database, clock, stop, server };
        running.ledger(wire::Http::new()?)?.create_table_if_missing().await?;
        Ok(running)
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The settings by which a function, in this process or another, uses it.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let [region, id, secret] = crate::aws::settings();
        vec![
            region,
            id,
            secret,
            ("LEDGER_TABLE", TABLE.to_owned()),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.url.clone()),
        ]
    }

    /// A ledger on it.
    pub fn ledger(&self, http: wire::Http) -> Result<DynamoLedger, SettingError> {
        DynamoLedger::new(&Settings::from_table(self.settings()), http)
    }

    /// Drops what expired by this hour, as the table's time to live does in the cloud, and answers how many items went.
    /// On disk the machine's own hour decides.
    pub fn forget_expired(&self, now: Timestamp) -> Result<usize, DynamoError> {
        self.clock.set(u64::try_from(now.as_second()).unwrap_or_default());
        self.database.sweep_ttl().map_err(broken)
    }

    /// Lets running requests finish, and stops.
    pub async fn stop(self) -> Result<(), DynamoError> {
        // The receiver is gone only if the server ended by itself, which its result tells.
        let _ = self.stop.send(());
        match tokio::time::timeout(STOP_SECONDS_MAX, self.server).await {
            Ok(Ok(result)) => result.map_err(DynamoError::Broken),
            Ok(Err(error)) => Err(DynamoError::Broken(error.to_string())),
            Err(_) => Err(DynamoError::Broken("a request did not finish".to_owned())),
        }
    }
}

/// Why the embedded DynamoDB does not run.
#[derive(Debug, thiserror::Error)]
pub enum DynamoError {
    /// No port, or no directory.
    #[error("the embedded DynamoDB cannot listen or store")]
    Io(#[from] std::io::Error),
    /// It failed by itself.
    #[error("the embedded DynamoDB failed: {0}")]
    Broken(String),
    /// Its table cannot be made.
    #[error("the table cannot be made")]
    Table(#[from] LedgerError),
    /// The client for making the table.
    #[error("no client for the embedded DynamoDB")]
    Client(#[from] wire::HttpError),
    /// Its own settings do not serve.
    #[error("the settings of the embedded DynamoDB do not serve")]
    Setting(#[from] SettingError),
}

fn open(storage: &Storage, clock: &ManualClock) -> Result<Database, DynamoError> {
    match storage {
        Storage::Memory => Database::memory_with_clock(clock.arc()).map_err(broken),
        Storage::Directory(directory) => {
            std::fs::create_dir_all(directory)?;
            let file = directory.join("ledger.sqlite");
            let path =
                file.to_str().ok_or_else(|| DynamoError::Broken("its path is not UTF-8".to_owned()))?;
            Database::new(path).map_err(broken)
        }
    }
}

fn broken(error: impl std::fmt::Display) -> DynamoError {
    DynamoError::Broken(error.to_string())
}
