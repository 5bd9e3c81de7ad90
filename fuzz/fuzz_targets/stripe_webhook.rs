//! Stripe's webhooks, rightly signed: nothing in them breaks the reader.

#![no_main]

#[path = "../src/readers.rs"]
mod readers;

libfuzzer_sys::fuzz_target!(|body: &[u8]| readers::stripe_webhook(body));
