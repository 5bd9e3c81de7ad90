//! Gateways: each adapter against its simulator, and against the gateway's own description of its API.

mod contract;
mod stripe;
