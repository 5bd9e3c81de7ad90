//! Who the simulated publisher is, and with which payment methods.

use std::time::Duration;

use super::quirks::Quirks;

/// The simulated publisher. `default()` serves a laptop: every value is made up and public.
#[derive(Clone, Debug)]
pub struct CleengSimulatorSettings {
    /// The key that the API wants in `X-Publisher-Token`.
    pub publisher_token: String,
    /// The publisher (`broadcasterId` of webhooks).
    pub publisher_id: u64,
    /// Signs webhooks to `webhook_url`.
    pub webhook_secret: String,
    /// Signs customers' tokens (HS256).
    pub jwt_secret: String,
    /// The payment methods; those that Cleeng bills by have its recommended dunning actions.
    pub payment_methods: Vec<SimulatedMethod>,
    /// Where all topics are sent from the start; none where set-up is to be exercised.
    pub webhook_url: Option<String>,
    /// How long after its first captured payment a subscription appears.
    pub subscription_delay: Duration,
    /// How it does what is not documented.
    pub quirks: Quirks,
}

/// A payment method of the publisher.
#[derive(Clone, Debug)]
pub struct SimulatedMethod {
    /// Cleeng's id.
    pub id: u64,
    /// The gateway behind it.
    pub gateway: String,
    /// Whether renewals are authorised before they are captured.
    pub authorized_first: bool,
    /// Whether it is set up for externally managed purchases: Cleeng then asks for nothing.
    pub external: bool,
}

impl Default for CleengSimulatorSettings {
    fn default() -> Self {
        let two_steps = |id, gateway: &str| SimulatedMethod {
            id,
            gateway: gateway.to_owned(),
            authorized_first: true,
            external: false,
        };
        let one_step = |id, gateway| SimulatedMethod { authorized_first: false, ..two_steps(id, gateway) };
        let external = |id, gateway| SimulatedMethod { external: true, ..one_step(id, gateway) };
        Self {
            publisher_token: "simulated-publisher-token-of-48-characters-0000".to_owned(),
            publisher_id: 558_186_818,
            webhook_secret: "simulated-webhook-secret-of-cleeng".to_owned(),
            jwt_secret: "simulated-jwt-secret-of-cleeng".to_owned(),
            payment_methods: vec![
                two_steps(194_856_795, "stripe"),
                one_step(194_856_796, "stripe"),
                external(194_856_797, "stripe"),
                two_steps(320_113_641, "adyen"),
                one_step(320_113_642, "adyen"),
                external(320_113_643, "adyen"),
            ],
            webhook_url: Some("http://connector.test/webhooks/cleeng".to_owned()),
            subscription_delay: Duration::from_secs(3),
            quirks: Quirks::default(),
        }
    }
}
