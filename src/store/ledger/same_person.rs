//! Alerts that somebody says are about one person. Neither owns the other: each keeps its thread, its clocks and its end.
//!
//! The ways in are [`Ledger::same_person`] and [`Ledger::asks_differ`]. Made from records alone, and bounded: each statement
//! names one other alert.

use std::collections::{BTreeMap, BTreeSet};

use super::Ledger;
use crate::{
    domain::{
        alert::basis::AskedSet,
        id::{AuthorityId, StatementRef},
        limits::SAME_PERSON_MAX_ALERTS,
        lives::AlertLife,
        time::Timestamp,
    },
    store::record::MessageRecord,
};

/// Both ways, with who says so.
#[derive(Default)]
pub(super) struct SamePerson(BTreeMap<StatementRef, BTreeMap<StatementRef, BTreeSet<AuthorityId>>>);

impl SamePerson {
    /// Counts in what a statement says of its thread.
    pub(super) fn note(&mut self, record: &MessageRecord) {
        let Some(other) = record.terms.same_person.filter(|it| *it != record.thread) else {
            return;
        };
        for (one, other) in [(record.thread, other), (other, record.thread)] {
            let others = self.0.entry(one).or_default();
            others
                .entry(other)
                .or_default()
                .insert(record.statement.origin);
        }
    }
}

/// An alert that is said to be about the same person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedAlert {
    /// The alert.
    pub alert: StatementRef,
    /// Who says so, of it and the alert that leads to it.
    pub said_by: Vec<AuthorityId>,
}

impl Ledger {
    /// All alerts that are said to be about the person of this thread, through others too; the nearest first, and
    /// bounded.
    #[must_use]
    pub fn same_person(&self, thread: &StatementRef) -> Vec<LinkedAlert> {
        let mut seen = BTreeSet::from([*thread]);
        let mut found: Vec<LinkedAlert> = Vec::new();
        let mut next = 0;
        let mut at = Some(*thread);
        while let Some(from) = at {
            for (alert, said_by) in self.same_person.0.get(&from).into_iter().flatten() {
                if found.len() < SAME_PERSON_MAX_ALERTS && seen.insert(*alert) {
                    found.push(LinkedAlert {
                        alert: *alert,
                        said_by: said_by.iter().copied().collect(),
                    });
                }
            }
            at = found.get(next).map(|linked| linked.alert);
            next += 1;
        }
        found
    }

    /// True when alerts about the person of this thread that live, are here and are as real as it ask different things.
    #[must_use]
    pub fn asks_differ(&self, thread: &StatementRef, now: Timestamp) -> bool {
        let Some(first) = self.message(thread) else {
            return false;
        };
        let linked = self.same_person(thread).into_iter();
        let others = linked.filter_map(|linked| self.message(&linked.alert));
        let asked: BTreeSet<u16> = std::iter::once(first.clone())
            .chain(others)
            .filter(|record| {
                record.status == first.status && record.life_at(now) == AlertLife::Live
            })
            .map(|record| record.terms.asked)
            .filter(|asked| !asked.is_empty())
            .map(AskedSet::bits)
            .collect();
        asked.len() > 1
    }
}
