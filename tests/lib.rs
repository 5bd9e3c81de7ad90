//! What the stories and contracts in `it` and the real binaries in `lambda` are both held against.

pub mod description;
