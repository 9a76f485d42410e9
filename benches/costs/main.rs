//! What an alert costs: processor time by part, bytes on disk, memory and restart, and how each grows.
//!
//! `cargo bench --bench costs -- --quick | --full [--only parts,kept,partners] [--plot FILE.svg] [--folder DIR]`.
//! *parts* measures each part alone, in this process; *kept* fills two real nodes and restarts them at each size;
//! *partners* sends the same alerts to more and more real nodes. `benches/README.md` says what was found.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a measurement: it measures time, prints, and stops at the first fault"
)]
#![allow(
    unreachable_pub,
    missing_docs,
    reason = "a program of its own, nobody's library"
)]
#![allow(
    dead_code,
    reason = "what it shares with the race, the race uses whole"
)]

mod accepting;
#[path = "../race/clock.rs"]
mod clock;
#[path = "../race/disk.rs"]
mod disk;
mod kept;
#[path = "../race/load.rs"]
mod load;
#[path = "../race/net.rs"]
mod net;
mod partners;
mod parts;
#[path = "../race/plan.rs"]
mod plan;
mod plot;
#[path = "../race/processes.rs"]
mod processes;
#[path = "../race/report.rs"]
mod report;
mod secure;
#[path = "../race/us.rs"]
mod us;

use std::path::PathBuf;

use comfy_table::{Table, presets};

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// Enough to see that it works.
    Quick,
    /// Enough to be written down.
    Full,
}

struct Wanted {
    extent: Extent,
    only: Option<String>,
    plot: Option<PathBuf>,
    folder: PathBuf,
}

impl Wanted {
    fn read(words: &[&str]) -> Self {
        let after = |word| {
            let at = words.iter().position(|it| *it == word)?;
            words.get(at + 1).copied()
        };
        Self {
            extent: match words.contains(&"--full") {
                true => Extent::Full,
                false => Extent::Quick,
            },
            only: after("--only").map(str::to_owned),
            plot: after("--plot").map(PathBuf::from),
            folder: after("--folder").map_or_else(std::env::temp_dir, PathBuf::from),
        }
    }

    fn wants(&self, part: &str) -> bool {
        let only = self.only.as_deref();
        only.is_none_or(|only| only.split(',').any(|it| it == part))
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["us-load", rest @ ..] = words.as_slice() {
        let loaded = us::load(&load::Work::read(rest));
        println!("{}", serde_json::to_string(&loaded).expect("JSON"));
        return;
    }
    measure(&Wanted::read(&words));
}

fn measure(wanted: &Wanted) {
    println!("{}, {}", report::machine(), jiff::Timestamp::now());
    let place = tempfile::Builder::new()
        .prefix("costs-")
        .tempdir_in(&wanted.folder)
        .expect("a folder");
    let mut panels = Vec::new();
    if wanted.wants("parts") {
        parts::measure(&place.path().join("parts"), wanted.extent);
    }
    if wanted.wants("kept") {
        panels.extend(kept::measure(&place.path().join("kept"), wanted.extent));
    }
    if wanted.wants("partners") {
        let folder = place.path().join("partners");
        panels.extend(partners::measure(&folder, wanted.extent));
    }
    if let Some(file) = &wanted.plot {
        std::fs::write(file, plot::svg(&panels)).expect("the plot is written");
        println!("drawn: {}", file.display());
    }
}

/// A table with these columns.
fn table<const N: usize>(columns: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(columns);
    table
}

/// This very program, to be started again as the client.
fn own_program() -> PathBuf {
    std::env::current_exe().expect("own path")
}

/// The value in the middle.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let half = figures.len() / 2;
    f64::midpoint(figures[half], figures[(figures.len() - 1) / 2])
}
