//! Stories, contracts and house rules.

mod ledger;
mod queue;
