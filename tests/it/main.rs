//! Stories, contracts and house rules.

mod gateways;
mod ledger;
mod queue;
mod tidy;
