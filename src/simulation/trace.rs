//! What happened, in order: a hash of all of it, and the lines themselves for who wants to see them.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::trust::merkle::sha256;

/// Whether the lines are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// Their hash and count only.
    Hashed,
    /// As they are, too.
    Kept,
}

/// The trace of one run.
#[derive(Debug)]
pub(super) struct Trace {
    began: Instant,
    lines: Lines,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    hash: [u8; 32],
    events: u64,
    kept: Vec<String>,
}

impl Trace {
    pub(super) fn new(lines: Lines) -> Self {
        Self {
            began: Instant::now(),
            lines,
            state: Mutex::default(),
        }
    }

    /// Virtual time since the run began.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// One event.
    pub(super) fn note(&self, what: fmt::Arguments<'_>) {
        let line = format!("{:>14.3} {what}", self.elapsed().as_secs_f64());
        let mut state = self.lock();
        let chained = [&state.hash[..], line.as_bytes()].concat();
        state.hash = sha256(&chained);
        state.events += 1;
        if self.lines == Lines::Kept {
            state.kept.push(line);
        }
    }

    /// Hash over all events in their order, and how many there were.
    pub(super) fn sum(&self) -> ([u8; 32], u64) {
        let state = self.lock();
        (state.hash, state.events)
    }

    /// The lines, when they were kept.
    pub(super) fn take_lines(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().kept)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
