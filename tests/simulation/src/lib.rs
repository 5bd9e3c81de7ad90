//! Seeded lives of subscriptions over a network that breaks on purpose: the real stories of every function, simulated
//! peers, a frail ledger and frail queues, functions that die anywhere. After each life three ledgers are compared.

pub mod chance;
pub mod clock;
pub mod command;
pub mod defects;
mod frail;
pub mod life;
mod mortal;
mod people;
pub mod plan;
pub mod rules;
pub mod runs;
mod sea;
mod siteverify;
mod story;
pub mod switches;
mod world;
