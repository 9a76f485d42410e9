//! A test that needs what is not here says so in one line, and passes; CI counts the lines and wants none.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]
#![allow(
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a skipped test must be heard, and a log that cannot be written must fail"
)]

use std::{fs::OpenOptions, io::Write as _};

/// Says `skipped: WHAT` on standard error, and in the file that `ALLPOINTS_SKIPPED_LOG` names: cargo
/// captures what a passing test says.
pub fn skipped(what: &str) {
    let line = format!("skipped: {what}\n");
    eprint!("{line}");
    let Some(log) = std::env::var_os("ALLPOINTS_SKIPPED_LOG") else {
        return;
    };
    // One write, appended: test processes share the file.
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .and_then(|mut file| file.write_all(line.as_bytes()))
        .expect("the log of skipped tests is written");
}
