//! Stripe: PaymentIntents and SetupIntents confirmed by the server, version `2026-10-28.endive`.
//!
//! The token is `cus_…|pm_…`: a renewal needs both, and with both a charge to another customer is noticed.

mod client;
mod config;
mod declines;
mod form;
mod minor_units;
mod page;
mod stored_card;
mod translate;
mod webhook;
mod wire;

pub use client::Stripe;
pub use config::{StripeSettings, StripeWebhookSettings};
pub use webhook::StripeWebhooks;

use payment::GatewayName;

/// The version every request names, so that the account's own default never decides how we are answered.
const API_VERSION: &str = "2026-10-28.endive";

/// Its name in routes and settings.
#[expect(clippy::expect_used, reason = "a constant that is a valid name")]
fn name() -> GatewayName {
    "stripe".parse().expect("a short lower-case word is a gateway's name")
}
