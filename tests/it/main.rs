//! Stories, contracts and house rules.

// `cfg(test)` is always on here; it lets clippy grant the helpers in these modules what it grants tests.
#[cfg(test)]
mod checklist;
#[cfg(test)]
mod cost;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod frail;
#[cfg(test)]
mod gateways;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod operator;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod queue;
#[cfg(test)]
mod search;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod storm;
#[cfg(test)]
mod tidy;
#[cfg(test)]
mod world;
