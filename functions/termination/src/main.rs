//! p.
fn main() {}
