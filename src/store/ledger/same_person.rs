//! Alerts that somebody says are about one person. Neither owns the other: each keeps its thread, its clocks and its end.
//!
//! The ways in are [`Ledger::same_person`], [`Ledger::asks_differ`] and [`Ledger::orders_and_journeys`]. Made from records alone, and bounded: each statement
//! names one other alert.

use std::collections::{BTreeMap, BTreeSet};

use super::Ledger;
use crate::{
    domain::{
        alert::basis::AskedSet,
        id::{AuthorityId, StatementRef},
        limits::{SAME_PERSON_MAX_ALERTS, STATED_MAX_STATEMENTS},
        lives::AlertLife,
        routing::Effect,
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

    /// Of the alerts about the person of this thread that live and are as real as it: what the origin of each said, the
    /// alert first. Empty when no order stands beside a journey; bounded.
    #[must_use]
    pub fn orders_and_journeys(
        &self,
        thread: &StatementRef,
        now: Timestamp,
    ) -> Vec<Vec<MessageRecord>> {
        let Some(first) = self.message(thread) else {
            return Vec::new();
        };
        let linked = self.same_person(thread).into_iter();
        let alerts = std::iter::once(*thread).chain(linked.map(|linked| linked.alert));
        let said: Vec<Vec<MessageRecord>> = alerts
            .map(|alert| self.said_by_its_origin(&alert))
            .filter(|said| {
                said.first().is_some_and(|alert| {
                    alert.status == first.status && alert.life_at(now) == AlertLife::Live
                })
            })
            .collect();
        let any = |states: fn(&MessageRecord) -> bool| said.iter().flatten().any(states);
        match any(|it| it.terms.states_orders) && any(|it| it.terms.states_journey) {
            true => said,
            false => Vec::new(),
        }
    }

    /// An alert and its updates, the oldest first.
    fn said_by_its_origin(&self, alert: &StatementRef) -> Vec<MessageRecord> {
        let mut said = self.thread_in_order(alert);
        said.retain(|record| {
            let updates = record.effect == Effect::Updates && record.life == AlertLife::Live;
            record.statement == *alert || updates && record.statement.origin == alert.origin
        });
        if said.first().is_none_or(|first| first.statement != *alert) {
            return Vec::new();
        }
        let too_many = said.len().saturating_sub(STATED_MAX_STATEMENTS);
        said.drain(1..=too_many);
        said
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
