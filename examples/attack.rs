//! A real node under each abuse of its exchange port, and what an honest partner sees of it meanwhile.
//!
//! ```text
//!  XA-POL (hands) --alerts, one after another--> XB-POL (a process) <--attack-- XC-POL (hands, or nobody at all)
//! ```
//!
//! `cargo build --release && cargo run --release --example attack -- --seconds 5`
//!
//! Prints a table: for each attack the partner's median and 99th percentile, quiet and under attack, the node's memory
//! at its highest, and what became of the attacker's connections. Exit 1 when the partner's 99th percentile is more than
//! twice its quiet value, an alert of it gets no receipt, or the node takes more memory than it may.

#![allow(clippy::print_stdout, reason = "the table is what it is for")]

#[path = "../tests/common/attacks.rs"]
mod attacks;
#[path = "../tests/common/fleet.rs"]
mod fleet;
#[path = "../tests/common/peer.rs"]
mod peer;
#[path = "../tests/common/raw.rs"]
mod raw;
#[path = "../tests/common/siege.rs"]
mod siege;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use comfy_table::{Table, presets};

use attacks::{Attack, Spoils};
use fleet::Outcome;
use siege::{MEMORY_MAX_BYTES, Siege, Span};

/// A node under each abuse of its exchange port.
#[derive(Debug, Parser)]
struct Arguments {
    /// Seconds of each attack, and of the quiet time before it
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Connections that attack at once
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64))]
    connections: u8,
    /// One row of the threat matrix; without it, all
    #[arg(long)]
    row: Option<u32>,
    /// The program to run; otherwise the one that was built beside this example
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
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
    let mut rows = Table::new();
    rows.load_style(presets::ASCII_MARKDOWN);
    rows.set_header([
        "row",
        "attack",
        "p50 quiet",
        "p50",
        "p99 quiet",
        "p99",
        "times",
        "receipts",
        "failed",
        "memory",
        "connections",
    ]);
    let mut withstood = true;
    for attack in Attack::ALL {
        if arguments.row.is_some_and(|row| row != attack.row()) {
            continue;
        }
        // A node of its own for each, so that none inherits what another left.
        let siege = runtime.block_on(async { Siege::laid(&program, |text| text) })?;
        let length = Duration::from_secs(arguments.seconds);
        let connections = usize::from(arguments.connections);
        let (quiet, span, spoils) = runtime.block_on(async {
            siege.quiet(Duration::from_secs(1)).await?;
            let quiet = siege.quiet(length).await?;
            let (span, spoils) = siege.under(attack, connections, length).await?;
            Outcome::Ok((quiet, span, spoils))
        })?;
        withstood &= is_withstood(&quiet, &span);
        rows.add_row(row(attack, &quiet, &span, &spoils));
        println!("{attack:?}: p99 {:?} -> {:?}", quiet.p99, span.p99);
    }
    println!("{rows}");
    Ok(match withstood {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn is_withstood(quiet: &Span, span: &Span) -> bool {
    span.p99 <= quiet.p99 * 2
        && span.failed == 0
        && span.memory_bytes <= quiet.memory_bytes + MEMORY_MAX_BYTES
}

fn row(attack: Attack, quiet: &Span, span: &Span, spoils: &Spoils) -> Vec<String> {
    let ms = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1e3);
    let mib = |bytes: u64| format!("{} MiB", bytes >> 20);
    vec![
        attack.row().to_string(),
        format!("{attack:?}"),
        ms(quiet.p50),
        ms(span.p50),
        ms(quiet.p99),
        ms(span.p99),
        format!("{:.2}", span.p99.as_secs_f64() / quiet.p99.as_secs_f64()),
        span.receipts.to_string(),
        span.failed.to_string(),
        format!("{} -> {}", mib(quiet.memory_bytes), mib(span.memory_bytes)),
        spoils.told(),
    ]
}

/// `target/release/examples/attack` runs `target/release/allpoints`.
fn built_beside() -> Outcome<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().and_then(|it| it.parent());
    let program = folder.ok_or("no folder of programs")?.join("allpoints");
    match program.is_file() {
        true => Ok(program),
        false => Err(format!("{} is not built", program.display()).into()),
    }
}
