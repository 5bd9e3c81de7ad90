//! The seam's promises.

// `cfg(test)` is always on here; it lets clippy grant the helpers in this module what it grants tests.
#[cfg(test)]
mod three_ways;
