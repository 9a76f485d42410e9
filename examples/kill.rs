//! Proof that nothing is lost: real nodes under load are killed with SIGKILL, again and again, at random moments.
//!
//! ```text
//!  driver --desk--> XA-POL ==exchange==> XB-POL      each a child process `allpoints serve`;
//!    |                   \\               /          one of them is killed each round
//!    own fsynced list      ===> XC-POL <==
//! ```
//!
//! `cargo build --release && cargo run --release --example kill -- --rounds 200 --seed 7`
//!
//! `cargo build --release --features faults && cargo run --release --example kill -- --failpoints --rounds 1000`
//!
//! Everything that a node acknowledged stands in the driver's own list. At the end all must have drained, and
//! the list is compared with every desk and every journal. Exit 1 if anything is lost, doubled, out of order or
//! unverified; the folder is kept then. Every choice follows from the seed; what the machine does between two
//! choices does not.

#![allow(clippy::print_stdout, reason = "the table is what it is for")]

#[path = "kill/book.rs"]
mod book;
#[path = "kill/dice.rs"]
mod dice;
#[path = "../tests/common/fleet.rs"]
mod fleet;
#[path = "kill/load.rs"]
mod load;
#[path = "kill/proof.rs"]
mod proof;
#[path = "kill/rounds.rs"]
mod rounds;

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use allpoints::domain::time::Clock as _;
use clap::Parser;
use comfy_table::{Table, presets};
use indicatif::{ProgressBar, ProgressStyle};

use book::{Acknowledged, Book};
use fleet::{Fleet, Outcome};
use proof::Faults;
use rounds::{Moment, Played, Way};

const IDS: [&str; 3] = ["XA-POL", "XB-POL", "XC-POL"];
/// So small that a round leaves a segment or two behind. What is handed in at once must fit.
const SEGMENT_BYTES: u64 = 256 * 1024;
/// Faults that are listed one by one.
const LISTED_MAX: usize = 20;

/// Kills nodes under load and proves that nothing is lost.
#[derive(Debug, Parser)]
struct Arguments {
    /// Kills; a round takes one to two seconds
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    rounds: u64,
    /// The same seed makes the same choices; without one, the clock chooses
    #[arg(long)]
    seed: Option<u64>,
    /// Nodes
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(2..=3))]
    nodes: u8,
    /// Nodes end themselves at named places instead: before and after each write, sync, acknowledgement, send and
    /// receipt. The program must be built with the feature `faults`
    #[arg(long)]
    failpoints: bool,
    /// The program to run; otherwise the one that was built beside this example
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// What came of it.
struct Reckoning {
    played: Played,
    said: Acknowledged,
    repeated: (u64, u64),
    refusals: Vec<String>,
    faults: Faults,
}

fn main() -> Outcome<ExitCode> {
    let arguments = Arguments::parse();
    let program = match &arguments.program {
        Some(program) => program.clone(),
        None => built_beside()?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run(&arguments, &program))
}

async fn run(arguments: &Arguments, program: &std::path::Path) -> Outcome<ExitCode> {
    let ids = &IDS[..usize::from(arguments.nodes)];
    let fleet = Fleet::found(program, ids)?;
    let mut fleet = match arguments.failpoints {
        true => fleet.in_segments_of(SEGMENT_BYTES),
        false => fleet,
    };
    let begun = fleet.clock().monotonic();
    let by_clock = || fleet.clock().now().as_micros().unsigned_abs() % 1_000_000;
    let seed = arguments.seed.unwrap_or_else(by_clock);
    println!("seed {seed}");
    let bar = ProgressBar::new(arguments.rounds);
    bar.set_style(ProgressStyle::with_template(
        "{bar:40} {pos}/{len} kills, {elapsed} {msg}",
    )?);
    let way = match arguments.failpoints {
        true => Way::Failpoints,
        false => Way::Anywhen,
    };
    let result = prove(&mut fleet, (arguments.rounds, seed, way), &bar).await;
    bar.finish_and_clear();
    let seconds = fleet.clock().monotonic().saturating_sub(begun);
    match result {
        Ok(result) => {
            println!("{}", table(&result, arguments.rounds, seed, seconds));
            let faults = result.faults.all().chain(&result.refusals);
            faults
                .take(LISTED_MAX)
                .for_each(|fault| println!("{fault}"));
            if result.faults.all().count() + result.refusals.len() == 0 {
                return Ok(ExitCode::SUCCESS);
            }
        }
        Err(error) => println!("the run did not come to its end: {error}"),
    }
    println!("kept for you: {}", fleet.keep().display());
    Ok(ExitCode::FAILURE)
}

async fn prove(
    fleet: &mut Fleet,
    (rounds, seed, way): (u64, u64, Way),
    bar: &ProgressBar,
) -> Outcome<Reckoning> {
    let book = Arc::new(Book::open(&fleet.folder().join("acknowledged"))?);
    for at in 0..fleet.members().len() {
        fleet.start(at)?;
    }
    let played = rounds::play(fleet, (rounds, seed, way), &book, bar).await?;
    bar.set_message("comparing");
    let mut faults = Faults::default();
    let said = book.acknowledged()?;
    proof::desks(fleet, &book.threads(), &said, &mut faults).await?;
    for at in 0..fleet.members().len() {
        fleet.stop(at)?;
    }
    proof::journals(fleet, &said, &played.heads, &mut faults)?;
    Ok(Reckoning {
        played,
        said,
        repeated: book.repeated(),
        refusals: book.refusals(),
        faults,
    })
}

fn table(result: &Reckoning, rounds: u64, seed: u64, seconds: Duration) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    let mut row = |what: &str, found: String| {
        table.add_row([what.to_owned(), found]);
    };
    row("seed", seed.to_string());
    row("rounds", rounds.to_string());
    for moment in Moment::ALL {
        let kills = result.played.kills.get(&moment).copied().unwrap_or(0);
        row(&format!("killed {}", moment.words()), kills.to_string());
    }
    for (point, count) in &result.played.ended_at {
        row(&format!("ended itself at {point}"), count.to_string());
    }
    if !result.played.ended_at.is_empty() {
        let ended: u64 = result.played.ended_at.values().sum();
        row("ended themselves", ended.to_string());
        row(
            "did not come to their point",
            result.played.not_reached.to_string(),
        );
    }
    let (repeated, known) = result.repeated;
    row(
        "acknowledged: accepted",
        result.said.accepted.len().to_string(),
    );
    row(
        "acknowledged: delivered",
        result.said.delivered.len().to_string(),
    );
    row(
        "outcome unknown, handed in again",
        format!("{repeated}, of which known already {known}"),
    );
    row("refused", result.refusals.len().to_string());
    row("lost", result.faults.lost.len().to_string());
    row("doubled", result.faults.doubled.len().to_string());
    row(
        "order broken within threads",
        result.faults.disordered.len().to_string(),
    );
    row(
        "journals verified",
        format!(
            "{} of {}, {} log heads told on the way",
            result.faults.journals_verified,
            result.played.heads.len(),
            result.faults.heads_verified
        ),
    );
    row(
        "slowest restart",
        format!("{:.2} s", result.played.slowest_restart.as_secs_f64()),
    );
    row(
        "drained after",
        format!("{:.1} s", result.played.drained_after.as_secs_f64()),
    );
    row("seconds", format!("{:.1}", seconds.as_secs_f64()));
    table
}

/// `target/PROFILE/allpoints`, as this is `target/PROFILE/examples/kill`.
fn built_beside() -> Outcome<PathBuf> {
    let own = std::env::current_exe()?;
    let profile = own.parent().and_then(|it| it.parent());
    let profile = profile.ok_or("this example has no folder")?;
    let program = profile.join(format!("allpoints{}", std::env::consts::EXE_SUFFIX));
    if program.is_file() {
        return Ok(program);
    }
    let release = profile.ends_with("release");
    let command = if release {
        "cargo build --release --bin allpoints --features faults"
    } else {
        "cargo build --bin allpoints --features faults"
    };
    Err(format!(
        "{} is not there: build it with `{command}`",
        program.display()
    )
    .into())
}
