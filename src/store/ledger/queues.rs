//! Deliveries on their way, per recipient and lane, what is real by itself, and what waits to be opened.

use std::collections::{BTreeSet, HashMap};

use crate::{
    domain::{
        id::AuthorityId,
        routing::{Lane, Queue, Status},
    },
    store::record::{MessageRecord, Ordinal},
};

/// Where a delivery waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) recipient: AuthorityId,
    pub(super) lane: Lane,
    pub(super) queue: Queue,
}

impl Place {
    /// Of one statement, on its way to one recipient.
    pub(super) fn of(record: &MessageRecord, recipient: AuthorityId) -> Self {
        Self {
            recipient,
            lane: Lane::of(record.kind, record.priority),
            queue: Queue::of(record.status),
        }
    }
}

#[derive(Default)]
pub(super) struct Queues(HashMap<Place, BTreeSet<Ordinal>>);

impl Queues {
    pub(super) fn add(&mut self, place: Place, ordinal: Ordinal) {
        self.0.entry(place).or_default().insert(ordinal);
    }

    pub(super) fn remove(&mut self, place: Place, ordinal: Ordinal) {
        if let Some(queue) = self.0.get_mut(&place) {
            queue.remove(&ordinal);
        }
    }

    pub(super) fn after(&self, place: Place, after: Option<Ordinal>, limit: usize) -> Vec<Ordinal> {
        let Some(queue) = self.0.get(&place) else {
            return Vec::new();
        };
        let from = after.map_or(0, |ordinal| ordinal.saturating_add(1));
        queue.range(from..).take(limit).copied().collect()
    }

    /// To whom anything is on its way.
    pub(super) fn recipients(&self) -> BTreeSet<AuthorityId> {
        let waiting = self.0.iter().filter(|(_, queue)| !queue.is_empty());
        waiting.map(|(place, _)| place.recipient).collect()
    }

    pub(super) fn count(&self, place: Place) -> u64 {
        self.0.get(&place).map_or(0, |queue| queue.len() as u64)
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
        match Queue::of(status) {
            Queue::Live => self.actual.insert(ordinal),
            Queue::Drill => self.other.insert(ordinal),
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
