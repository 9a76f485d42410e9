//! What the race does alike with every peer: finds it, starts its script, and asks the system about it.

use std::{path::Path, process::Command};

use crate::plan::{Contender, Plan};

/// Whether a contender is wanted, installed and has its driver; says so when it is skipped.
pub fn is_there(plan: &Plan, contender: Contender, program: &str, driver: &str) -> bool {
    if !plan.contenders.contains(&contender) {
        return false;
    }
    let missing = if !on_path(program) {
        format!("{program} is not installed")
    } else if !Path::new(driver).exists() {
        "its driver is not built: see benches/README.md".to_owned()
    } else {
        return true;
    };
    eprintln!("{}: skipped, {missing}", contender.name());
    false
}

/// A peer's script with these words.
pub fn script(script: &str, driver: &str, folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(script);
    command.args(words).env("RUN", folder).env("DRIVER", driver);
    command
}

/// Bytes that a process has caused to be written to disks.
pub fn stored(process: u32) -> f64 {
    let io = std::fs::read_to_string(format!("/proc/{process}/io")).unwrap_or_default();
    let bytes = io
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes:")?.trim().parse().ok());
    bytes.unwrap_or_default()
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).exists())
}
