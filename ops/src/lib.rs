//! The operator's command: looks at what the connector knows, compares it with the others', and makes things happen that it would do itself.

mod command;
mod cost;
mod credentials;
mod dead_letters;
mod deployment;
mod doctor;
mod forget;
mod inspect;
mod judge;
mod probe;
mod reconcile;
mod replay;
mod report;
mod resolve;
mod settings_file;
mod setup;
mod terminate;
mod words;

pub use command::{Arguments, Command, run};
pub use cost::{Counted, PURCHASE, RENEWAL_ONE_STEP, RENEWAL_TWO_STEPS, TERMINATION};
pub use deployment::{Deployment, OpenError};
pub use report::Report;
