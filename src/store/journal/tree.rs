//! The RFC 6962 log over all durable headers. Hashing its nodes happens beside the commit thread, or when asked.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::trust::merkle::{Frontier, Hash};

/// The log's right edge, and leaves that are durable but not yet hashed in.
#[derive(Debug, Default)]
pub(super) struct Tree {
    frontier: Mutex<Frontier>,
    waiting: Mutex<Vec<Vec<Hash>>>,
}
impl Tree {
    /// Adds leaves of durable entries; does not hash.
    pub(super) fn add(&self, leaves: Vec<Hash>) {
        held(&self.waiting).push(leaves);
    }
    /// Hashes in what waits.
    pub(super) fn fold(&self) {
        drop(self.folded());
    }
    /// Size and root.
    pub(super) fn head(&self) -> (u64, Hash) {
        let frontier = self.folded();
        (frontier.size(), frontier.root())
    }
    fn folded(&self) -> MutexGuard<'_, Frontier> {
        // The frontier's lock is taken first, so that leaves keep their order whoever folds.
        let mut frontier = held(&self.frontier);
        let waiting = std::mem::take(&mut *held(&self.waiting));
        for leaf in waiting.into_iter().flatten() {
            frontier.push(leaf);
        }
        frontier
    }
}
pub(super) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
