//! Signatures of all three: none is believed but the right one.

#![no_main]

#[path = "../src/readers.rs"]
mod readers;

libfuzzer_sys::fuzz_target!(|input: &[u8]| readers::signatures(input));
