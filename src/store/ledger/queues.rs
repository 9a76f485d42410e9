//! Deliveries on their way, per recipient and lane, and what waits to be opened.

use std::collections::{BTreeSet, HashMap};

use crate::{
    domain::{
        id::AuthorityId,
        routing::{Lane, Status},
    },
    store::record::Ordinal,
};

#[derive(Default)]
pub(super) struct Queues(HashMap<(AuthorityId, Lane), BTreeSet<Ordinal>>);

impl Queues {
    pub(super) fn add(&mut self, recipient: AuthorityId, lane: Lane, ordinal: Ordinal) {
        self.0.entry((recipient, lane)).or_default().insert(ordinal);
    }

    pub(super) fn remove(&mut self, recipient: AuthorityId, lane: Lane, ordinal: Ordinal) {
        if let Some(queue) = self.0.get_mut(&(recipient, lane)) {
            queue.remove(&ordinal);
        }
    }

    pub(super) fn after(
        &self,
        recipient: AuthorityId,
        lane: Lane,
        after: Option<Ordinal>,
        limit: usize,
    ) -> Vec<Ordinal> {
        let Some(queue) = self.0.get(&(recipient, lane)) else {
            return Vec::new();
        };
        let from = after.map_or(0, |ordinal| ordinal.saturating_add(1));
        queue.range(from..).take(limit).copied().collect()
    }

    /// To whom anything is on its way.
    pub(super) fn recipients(&self) -> BTreeSet<AuthorityId> {
        let waiting = self.0.iter().filter(|(_, queue)| !queue.is_empty());
        waiting.map(|((recipient, _), _)| *recipient).collect()
    }

    pub(super) fn count(&self, recipient: AuthorityId) -> u64 {
        let lanes = Lane::ALL.iter();
        lanes.map(|lane| self.count_in(recipient, *lane)).sum()
    }

    pub(super) fn count_in(&self, recipient: AuthorityId, lane: Lane) -> u64 {
        let queue = self.0.get(&(recipient, lane));
        queue.map_or(0, |queue| queue.len() as u64)
    }
}

/// Foreign first statements that no officer has opened; what is not real is kept apart (invariant I10).
#[derive(Default)]
pub(super) struct Unopened {
    actual: BTreeSet<Ordinal>,
    other: BTreeSet<Ordinal>,
}

impl Unopened {
    pub(super) fn add(&mut self, status: Status, ordinal: Ordinal) {
        match status {
            Status::Actual => self.actual.insert(ordinal),
            Status::Exercise | Status::System | Status::Test => self.other.insert(ordinal),
        };
    }

    pub(super) fn remove(&mut self, ordinal: Ordinal) {
        self.actual.remove(&ordinal);
        self.other.remove(&ordinal);
    }

    pub(super) fn actual_count(&self) -> u64 {
        self.actual.len() as u64
    }

    pub(super) fn other_count(&self) -> u64 {
        self.other.len() as u64
    }

    /// What is real, newest first; then what is not.
    pub(super) fn newest(&self) -> impl Iterator<Item = Ordinal> + '_ {
        let other = self.other.iter().rev();
        self.actual.iter().rev().chain(other).copied()
    }

    pub(super) fn contains(&self, ordinal: Ordinal) -> bool {
        self.actual.contains(&ordinal) || self.other.contains(&ordinal)
    }
}
