//! Threads that are kept to units of the own authority. In memory, and bounded by who restricts them.
//!
//! The way in is [`Ledger::kept_to`]. Units are no persons; who belongs to one stands in certificates.

use std::{collections::BTreeMap, sync::Arc};

use super::Ledger;
use crate::domain::id::StatementRef;

/// Units by thread, joined by commas as they were journaled.
#[derive(Default)]
pub(super) struct Restrictions(BTreeMap<StatementRef, Arc<str>>);

impl Restrictions {
    pub(super) fn load(&mut self, thread: StatementRef, units: Arc<str>) {
        self.0.insert(thread, units);
    }
}

impl Ledger {
    /// The units that a thread is kept to; none: it is open to all.
    #[must_use]
    pub fn kept_to(&self, thread: &StatementRef) -> Vec<String> {
        let units = self.restrictions.0.get(thread);
        let units = units.into_iter().flat_map(|units| units.split(','));
        units.map(ToOwned::to_owned).collect()
    }

    /// How many threads are kept to units.
    #[must_use]
    pub fn restriction_count(&self) -> usize {
        self.restrictions.0.len()
    }

    pub(super) fn restrict(&mut self, thread: &StatementRef, units: &Arc<str>) {
        match units.is_empty() {
            true => self.restrictions.0.remove(thread),
            false => self.restrictions.0.insert(*thread, Arc::clone(units)),
        };
        self.changes.restrictions.push((*thread, Arc::clone(units)));
    }
}
