//! The whole system on one machine: simulators of Cleeng and the gateways, an embedded DynamoDB, queues, timer and a clock that can be moved.

pub mod simulators;
