//! The whole system on one machine: simulators of Cleeng and the gateways, an embedded DynamoDB, queues, timer and a clock that can be moved.

mod aws;
pub mod dynamo;
pub mod simulators;
pub mod sqs;
