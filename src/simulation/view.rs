//! A view that outlives its process, and of which a crash takes some of the last writings.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::dice::Dice;
use crate::store::view::{View, ViewError, ViewRows};

/// Writings that a crash may take.
const UNSETTLED_MAX: usize = 12;

/// Rows in memory, with what was written of late. Clones share the same rows.
#[derive(Clone, Default)]
pub(super) struct CrashingView(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// What a reader sees.
    rows: Rows,
    /// What no crash takes.
    settled: Rows,
    /// What was written since, oldest first.
    recent: VecDeque<Rows>,
}

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

impl CrashingView {
    /// What the next process finds: the newest writings may be gone, or any of the last ones, or all of it. Of each
    /// writing all is there, or nothing.
    pub(super) fn crash(&self, dice: &Dice) {
        let mut state = self.lock();
        if dice.happens(50) {
            *state = State::default();
            return;
        }
        let recent = std::mem::take(&mut state.recent);
        let out_of_order = dice.happens(300);
        let prefix = dice.below(recent.len() as u64 + 1);
        for (written, place) in recent.into_iter().zip(0..) {
            let is_kept = match out_of_order {
                true => dice.happens(500),
                false => place < prefix,
            };
            if is_kept {
                state.settled.extend(written);
            }
        }
        state.rows = state.settled.clone();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn write(&mut self, rows: Vec<(Vec<u8>, Vec<u8>)>) {
        self.rows.extend(rows.iter().cloned());
        self.recent.push_back(rows.into_iter().collect());
        if self.recent.len() > UNSETTLED_MAX
            && let Some(oldest) = self.recent.pop_front()
        {
            self.settled.extend(oldest);
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
        self.lock().write(rows);
        Ok(())
    }

    fn clear(&self) -> Result<(), ViewError> {
        // Another folder: what was in the old one does not come back.
        *self.lock() = State::default();
        Ok(())
    }
}
