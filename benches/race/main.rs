//! The race: Allpoints beside the limit of its own design and beside its peers, on the same work.
//!
//! `cargo bench --bench race -- --quick | --full [--json] [--only limit,us,rabbit,nats] [--modes saturated,paced,single]`.
//! Starts itself as the limit's processes, `allpoints serve` as ours, and the brokers that are installed; everything
//! is a process of its own on loopback. `benches/README.md` says what is measured and how it is judged.
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

mod clock;
mod disk;
mod limit;
mod load;
mod nats;
mod net;
mod peer;
mod plan;
mod processes;
mod rabbit;
mod report;
mod us;

use std::path::{Path, PathBuf};

use plan::{Contender, Plan};
use report::Samples;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["limit-node", role, folder, peer] => limit::process::serve(role, Path::new(folder), peer),
        ["limit-load", rest @ ..] => print_line(&limit::load::run(&load::Work::read(rest))),
        ["us-load", rest @ ..] => print_line(&us::load(&load::Work::read(rest))),
        _ => race(&Plan::read(&words)),
    }
}

/// One run of every contender after the other, as often as the plan says.
fn race(plan: &Plan) {
    let place = tempfile::Builder::new()
        .prefix("race-")
        .tempdir_in(plan.folder())
        .expect("a folder");
    let net = net::Net::found(place.path(), 1);
    let rabbit = rabbit::Rabbit::find(plan, place.path());
    let nats = nats::Nats::find(plan, place.path());
    let mut samples = Samples::new(plan, disk::fdatasync(place.path()));
    for mode in &plan.modes {
        for round in 0..plan.rounds {
            samples.begin_round(*mode, round);
            for contender in &plan.contenders {
                let run = match contender {
                    Contender::Limit => Some(limit::process::run(&net, *mode)),
                    Contender::Us => Some(us::run(&net, *mode)),
                    Contender::Rabbit => rabbit.as_ref().map(|rabbit| rabbit.run(*mode)),
                    Contender::Nats => nats.as_ref().map(|nats| nats.run(*mode)),
                };
                if let Some(run) = run {
                    eprintln!("{} {} #{}: {run}", mode.name(), contender.name(), round + 1);
                    samples.add(*mode, *contender, run);
                }
            }
        }
    }
    samples.fdatasync_again(disk::fdatasync(place.path()));
    samples.print();
    samples.check();
}

fn print_line(loaded: &load::Loaded) {
    println!("{}", serde_json::to_string(loaded).expect("JSON"));
}

/// This very program, to be started again in another part.
fn own_program() -> PathBuf {
    std::env::current_exe().expect("own path")
}
