//! The switches of the mutants that were put into this copy of the tree.
//!
//! `MUTANT=17` turns one on. `MUTANTS_REACHED=FILE` keeps all off and appends to FILE, once each, the number of every
//! switch that the run came to.

#![allow(clippy::all, missing_docs, reason = "never part of the program")]

use std::{
    env,
    fs::{File, OpenOptions},
    io::Write,
    sync::{
        LazyLock,
        atomic::{AtomicBool, Ordering},
    },
};

const COUNT: usize = 65_536;

struct Mode {
    on: u32,
    reached: Option<File>,
}

static MODE: LazyLock<Mode> = LazyLock::new(|| Mode {
    on: env::var("MUTANT").ok().and_then(|number| number.parse().ok()).unwrap_or(0),
    reached: env::var_os("MUTANTS_REACHED")
        .and_then(|file| OpenOptions::new().create(true).append(true).open(file).ok()),
});

static REACHED: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];

/// Whether this mutant lives.
#[must_use]
pub fn on(number: u32) -> bool {
    let mode = &*MODE;
    if let Some(mut file) = mode.reached.as_ref()
        && !REACHED[number as usize].swap(true, Ordering::Relaxed)
    {
        let _ = file.write_all(format!("{number}\n").as_bytes());
    }
    mode.on == number
}
