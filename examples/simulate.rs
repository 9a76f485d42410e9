//! Runs simulated federations, seed after seed, and says which seed broke which promise.
//!
//! ```text
//! cargo run --release --example simulate -- --seeds 200            seeds 0 to 199
//! cargo run --release --example simulate -- --seeds 10000 --first 200
//! cargo run --release --example simulate -- --seed 17 --trace      one seed again, with all that happens
//! cargo run --release --example simulate -- --seeds 200 --plant skip-sync
//! ```
//!
//! Every run is given by its seed and this program alone. Ends with 1 when a promise was not kept.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that talks to whoever runs it"
)]

use std::{
    io::Write as _,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use allpoints::{
    planted::Bug,
    simulation::{Failure, Lines, Options, Report, run},
};
use clap::Parser;

/// Simulated federations, by their seeds.
#[derive(Parser)]
struct Arguments {
    /// How many seeds are run.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Runs this one alone, twice, and compares.
    #[arg(long)]
    seed: Option<u64>,
    /// Shows every event of that one.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Plants a bug, and stops at the first seed that finds it.
    #[arg(long, value_parser = bug)]
    plant: Option<Bug>,
    /// Seeds that are run beside each other.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
}

fn bug(name: &str) -> Result<Bug, String> {
    let found = Bug::ALL.iter().find(|bug| bug.name() == name);
    let names: Vec<_> = Bug::ALL.iter().map(|bug| bug.name()).collect();
    found
        .copied()
        .ok_or_else(|| format!("expected one of {}", names.join(", ")))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.seed {
        Some(seed) => one(seed, &arguments),
        None => many(&arguments),
    }
}

/// One seed, and once more: the same seed must be the same run.
fn one(seed: u64, arguments: &Arguments) -> ExitCode {
    let options = Options {
        seed,
        lines: if arguments.trace {
            Lines::Kept
        } else {
            Lines::Hashed
        },
        planted: arguments.plant,
    };
    match (run(options), run(options)) {
        (Ok(report), Ok(again)) => {
            report.lines.iter().for_each(|line| println!("{line}"));
            println!("{}", line(&report));
            if report.hash != again.hash {
                eprintln!("seed {seed}: run again, it is another run");
                return ExitCode::FAILURE;
            }
            ExitCode::SUCCESS
        }
        (Err(failure), _) | (_, Err(failure)) => {
            failure.lines.iter().for_each(|line| println!("{line}"));
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Default)]
struct Sum {
    reports: Vec<Report>,
    failures: Vec<Failure>,
}

fn many(arguments: &Arguments) -> ExitCode {
    let next = AtomicU64::new(arguments.first);
    let end = arguments.first + arguments.seeds;
    let sum = Mutex::new(Sum::default());
    thread::scope(|scope| {
        for _ in 0..arguments.jobs.max(1) {
            scope.spawn(|| work(arguments, &next, end, &sum));
        }
    });
    let sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    eprintln!();
    told(&sum)
}

fn work(arguments: &Arguments, next: &AtomicU64, end: u64, sum: &Mutex<Sum>) {
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            return;
        }
        let outcome = run(Options {
            seed,
            lines: Lines::Hashed,
            planted: arguments.plant,
        });
        let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(report) => sum.reports.push(report),
            Err(failure) => {
                println!("\n{failure}");
                sum.failures.push(*failure);
                if arguments.plant.is_some() {
                    next.store(end, Ordering::Relaxed);
                }
            }
        }
        let done = sum.reports.len() + sum.failures.len();
        eprint!("\r{done} of {} seeds", arguments.seeds);
        drop(std::io::stderr().flush());
    }
}

fn told(sum: &Sum) -> ExitCode {
    let of = |figure: fn(&Report) -> u64| sum.reports.iter().map(figure).sum::<u64>();
    println!(
        "{} seeds kept every promise, {} did not: {} events, {} accepted, {} delivered, {} messages lost, {} frames \
         doubled, {} repeated, {} handed in together, {} power cuts that lost {} bytes, {} kills, {} orderly stops, {} failed \
         and {} full disks, {} partitions, {} clock jumps, {} rotten bodies and {} repairs, {} directories, {} keys, {} \
         certificates and {} CAs that gave way, {} dials disbelieved, {} days in leaps, {} expired",
        sum.reports.len(),
        sum.failures.len(),
        of(|report| report.events),
        of(|report| report.tally.accepted),
        of(|report| report.delivered),
        of(|report| report.lost),
        of(|report| report.doubled),
        of(|report| report.repeats),
        of(|report| report.tally.together),
        of(|report| report.tally.cuts),
        of(|report| report.tally.lost_bytes),
        of(|report| report.tally.kills),
        of(|report| report.tally.stops),
        of(|report| report.tally.failed_disks),
        of(|report| report.tally.full_disks),
        of(|report| report.tally.partitions),
        of(|report| report.tally.clock_jumps),
        of(|report| report.tally.rotten),
        of(|report| report.tally.repairs),
        of(|report| report.tally.directories),
        of(|report| report.tally.keys),
        of(|report| report.tally.certificates),
        of(|report| report.tally.cas),
        of(|report| report.disbelieved),
        of(|report| report.tally.days),
        of(|report| report.expired),
    );
    match sum.failures.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn line(report: &Report) -> String {
    format!(
        "seed {}: {} nodes, {} events in {:.0} s of its time, {} entries, {} accepted, {} delivered, {} expired, {} \
         stuck, {:?}",
        report.seed,
        report.nodes,
        report.events,
        report.lasted.as_secs_f64(),
        report.entries,
        report.tally.accepted,
        report.delivered,
        report.expired,
        report.stuck,
        report.tally,
    )
}
