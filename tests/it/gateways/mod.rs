//! Gateways: each adapter against its simulator, and against the gateway's own description of its API.

pub(crate) mod adyen;
mod adyen_answers;
mod adyen_payments;
mod adyen_requests;
mod adyen_shapes;
mod adyen_simulator;
mod adyen_webhooks;
pub(crate) mod adyen_world;
pub(crate) mod contract;
pub(crate) mod stripe;
mod stripe_answers;
mod stripe_requests;
mod stripe_simulator;
mod stripe_webhooks;
mod table;
mod vendors;
