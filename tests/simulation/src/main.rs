//! The command: lives many seeds, or tells one.

use std::process::ExitCode;

use clap::Parser;
use simulation::command::{Arguments, obey};

fn main() -> ExitCode {
    obey(&Arguments::parse())
}
