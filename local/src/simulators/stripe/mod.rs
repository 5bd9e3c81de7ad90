//! A simulator.
