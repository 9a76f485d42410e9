//! The simulation is strong enough: each bug that is planted is found, and without one nothing is.

#![allow(clippy::print_stdout, reason = "says which seed found which bug")]

use allpoints::{
    planted::Bug,
    simulation::{Failure, Lines, Options, run},
};

/// Seeds that are tried with each bug, and without any.
const SEEDS: u64 = 60;
const SEEDS_WITHOUT: u64 = 12;

fn found(seed: u64, planted: Option<Bug>) -> Option<Box<Failure>> {
    let lines = Lines::Hashed;
    run(Options {
        seed,
        lines,
        planted,
    })
    .err()
}

#[test]
fn each_planted_bug_is_found() {
    let mut missed = Vec::new();
    for bug in Bug::ALL {
        let failure = (0..SEEDS).find_map(|seed| found(seed, Some(*bug)));
        match failure {
            Some(failure) => println!("{:<20} {failure}", bug.name()),
            None => missed.push(bug.name()),
        }
    }
    assert!(missed.is_empty(), "{SEEDS} seeds did not find {missed:?}");
}

#[test]
fn without_a_bug_nothing_is_found() {
    for seed in 0..SEEDS_WITHOUT {
        if let Some(failure) = found(seed, None) {
            panic!("{failure}");
        }
    }
}
