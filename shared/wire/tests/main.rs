//! The seam's promises.

// `cfg(test)` is always on here; it lets clippy grant the helpers in these modules what it grants tests.
#[cfg(test)]
mod stale;
#[cfg(test)]
mod three_ways;
