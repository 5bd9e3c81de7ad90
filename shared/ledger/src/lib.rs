//! What the connector remembers: one item per thing, each written on the condition that nobody wrote it since it was read.

mod around;
mod body;
mod dynamo;
mod error;
mod event;
mod history;
mod item;
mod key;
mod ledger;
mod mapping;
mod memory;

pub use around::Around;
pub use dynamo::{DynamoLedger, table_definition};
pub use error::LedgerError;
pub use event::{Kept, KeptEvent};
pub use history::{HISTORY_LINES_MAX, Line};
pub use key::{ItemKey, Subject};
pub use ledger::{DUE_SHARDS, DueItem, DuePage, Ledger, Written};
pub use mapping::{Attempt, Mapping, Paid, Stage, Standing, Terms, Tries};
pub use memory::MemoryLedger;
pub use payment::ManagedBy;
