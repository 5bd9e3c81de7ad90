//! The adapter of the `cleeng` crate against the simulated Cleeng: each proves the other.

mod dunning;
mod money;
mod network;
mod setup;
mod world;
