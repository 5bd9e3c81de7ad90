//! The whole system on one machine: simulators of Cleeng and the gateways, an embedded DynamoDB, queues, timer and a clock that can be moved.

mod aws;
pub mod buyer;
pub mod clock;
mod cors;
pub mod disk;
pub mod dynamo;
mod error;
pub mod hosted;
pub mod ledgers;
pub mod lifecycle;
pub mod overheard;
mod pages;
pub mod secrets_manager;
pub mod serve;
mod served;
pub mod simulators;
pub mod sqs;
pub mod system;

pub use error::LocalError;
