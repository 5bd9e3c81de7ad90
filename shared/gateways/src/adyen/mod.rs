//! Adyen, Checkout API v71: what we ask, what its answers mean, and what its webhooks tell.
//!
//! Adyen has no "get payment": what an answer did not say, a webhook says, so webhooks are part of this adapter.
//!
//! What the account must be set to (`ops doctor` asks the same):
//!
//! * capture delay **immediate**: a payment without `additionalData.manualCapture` is captured by Adyen at once, so
//!   that `Authorised` means charged for purchases and one-step renewals;
//! * *Additional data* › **recurring details** (the token comes back with the first payment), **card summary**,
//!   **expiry date**, **refusal reason raw** and **merchant advice code**;
//! * one standard webhook and one *recurring tokens life cycle* webhook, both signed with a key of `ADYEN_HMAC_KEYS`.
//!
//! A modification (capture, void, refund) is answered `received` and carried out later. `received` counts as done; the
//! webhook corrects it where it was not ([`payment::FactKind::CaptureFailed`], [`payment::FactKind::RefundFailed`]).

mod client;
mod config;
mod declines;
mod minor_units;
mod payment_data;
mod token;
mod translate;
mod webhook;
mod wire;

pub use client::Adyen;
pub use config::{AdyenSettings, AdyenWebhookSettings};
pub use webhook::AdyenWebhooks;

use payment::GatewayName;

/// Its name in routes and settings.
#[expect(clippy::expect_used, reason = "a constant that is a valid name")]
fn name() -> GatewayName {
    "adyen".parse().expect("a short lower-case word is a gateway's name")
}
