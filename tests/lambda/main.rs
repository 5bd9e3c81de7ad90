//! The real binaries, each started as Lambda starts it, fed with events through the Lambda Runtime API.

// `cfg(test)` is always on here; it lets clippy grant the helpers in these modules what it grants tests.
#[cfg(test)]
mod life;
#[cfg(test)]
mod runtime_api;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod surroundings;
