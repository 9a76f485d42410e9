//! The `allpoints` program. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    allpoints::cli::run()
}
