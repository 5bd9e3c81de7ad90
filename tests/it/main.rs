//! Stories, contracts and house rules.

mod ledger;
mod queue;
mod tidy;
