//! What holds for any input, not only for the examples that somebody thought of.

mod facts;
mod keys;
mod money;
mod parsers;
