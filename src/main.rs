//! The `allpoints` program. Everything is in the library.

use std::process::ExitCode;

/// Statements are made on one thread and freed on another, which the system's allocator does dearly: measured, a
/// fifth of the sender's work. Without huge pages, which cost an idle node 60 MiB and gave nothing.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    allpoints::cli::run()
}
