//! How the world gets in (HTTP, queue batches, the timer) and how failures get out.

pub mod batch;
pub mod captcha;
pub mod connectors;
pub mod http;
mod live;
mod logs;
pub mod managed;
mod message;
mod metrics;
mod parties;
mod secrets;
pub mod timer;

pub use live::Live;
pub use logs::start_logging;
pub use message::{Message, What};
pub use parties::{BUYERS_PEERS, Outside, PEERS, StartError, gateways, means, webhook_readers};
pub use secrets::{SecretError, with_secrets};
