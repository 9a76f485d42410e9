//! A view that outlives its process, and of which a crash takes the last ticks.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::dice::Dice;
use crate::store::view::{View, ViewError, ViewRows};

/// Ticks that a crash may take.
const UNSETTLED_MAX: usize = 12;

/// Rows in memory, with what was written of late. Clones share the same rows.
#[derive(Clone, Default)]
pub(super) struct CrashingView(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    rows: Rows,
    /// The rows before each of the last ticks, oldest first.
    before: VecDeque<Rows>,
}

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

impl CrashingView {
    /// What the next process finds: the last ticks may be gone, newest first, or all of it.
    pub(super) fn crash(&self, dice: &Dice) -> usize {
        let mut state = self.lock();
        if dice.happens(50) {
            *state = State::default();
            return UNSETTLED_MAX;
        }
        let count = state.before.len() as u64 + 1;
        let lost = usize::try_from(dice.below(count)).unwrap_or(0);
        for _ in 0..lost {
            if let Some(before) = state.before.pop_back() {
                state.rows = before;
            }
        }
        state.before.clear();
        lost
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn begin_tick(&mut self) {
        self.before.push_back(self.rows.clone());
        if self.before.len() > UNSETTLED_MAX {
            self.before.pop_front();
        }
    }
}

impl View for CrashingView {
    fn read(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ViewError> {
        Ok(self.lock().rows.get(key).cloned())
    }

    fn scan(&self, prefix: &[u8]) -> ViewRows<'_> {
        let rows: Vec<_> = self
            .lock()
            .rows
            .range(prefix.to_vec()..)
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, value)| Ok((key.clone(), value.clone())))
            .collect();
        Box::new(rows.into_iter())
    }

    fn apply(&self, rows: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), ViewError> {
        let mut state = self.lock();
        state.begin_tick();
        state.rows.extend(rows);
        Ok(())
    }

    fn clear(&self) -> Result<(), ViewError> {
        let mut state = self.lock();
        state.begin_tick();
        state.rows.clear();
        Ok(())
    }
}
