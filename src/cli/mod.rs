//! Commands. Talks to a node only through the desk API; offline verifying and making keys aside.

use std::process::ExitCode;

pub mod exit;
pub mod federation;

/// Parses the arguments, runs the command, and answers with the design's exit codes.
#[must_use]
pub fn run() -> ExitCode {
    todo!()
}
