//! Gateways: each adapter against its simulator, and against the gateway's own description of its API.

mod adyen;
mod adyen_answers;
mod adyen_payments;
mod adyen_requests;
mod adyen_shapes;
mod adyen_simulator;
mod adyen_webhooks;
mod adyen_world;
mod contract;
mod stripe;
mod stripe_answers;
mod stripe_requests;
mod stripe_simulator;
mod stripe_webhooks;
mod table;
