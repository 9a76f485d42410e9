//! Shifts: open work that one person gave over, and another takes. In memory, and bounded.
//!
//! The way in is [`Ledger::handovers`]. What is given over, and in which words, stands sealed in its entry alone.

use std::collections::BTreeMap;

use super::Ledger;
use crate::{
    domain::{limits::HANDOVERS_REMEMBERED_MAX, time::Timestamp},
    store::{
        entry::{Actor, EntryIndex},
        event::HandoverStep,
        record::HandoverRecord,
    },
};

/// By the entry in which each was given.
#[derive(Default)]
pub(super) struct Handovers(BTreeMap<EntryIndex, HandoverRecord>);

impl Handovers {
    pub(super) fn load(&mut self, record: Option<HandoverRecord>) {
        if let Some(record) = record {
            self.0.insert(record.given, record);
        }
    }

    /// What makes room for another: the same person's that still waits; when there are too many, the oldest that was
    /// taken, or the oldest.
    fn displaced(&self, giver: Actor) -> Option<EntryIndex> {
        let mut all = self.0.values();
        let waiting = all.find(|it| it.giver == giver && it.taken.is_none());
        if let Some(record) = waiting {
            return Some(record.given);
        }
        if self.0.len() < HANDOVERS_REMEMBERED_MAX {
            return None;
        }
        let taken = self.0.values().find(|it| it.taken.is_some());
        let oldest = taken.or_else(|| self.0.values().next());
        oldest.map(|record| record.given)
    }
}

impl Ledger {
    /// The handover that was given in this entry, unless its giver has given another since, or it is long ago.
    #[must_use]
    pub fn handover(&self, given: EntryIndex) -> Option<HandoverRecord> {
        self.handovers.0.get(&given).copied()
    }

    /// Those that are remembered, newest first: what waits, and what was taken of late.
    pub fn handovers(&self) -> impl Iterator<Item = HandoverRecord> {
        self.handovers.0.values().rev().copied()
    }

    /// Given: in the place of what the same person gave before and nobody took. Taken: once.
    pub(super) fn hand_over(
        &mut self,
        index: EntryIndex,
        time: Timestamp,
        actor: Actor,
        step: HandoverStep,
    ) {
        let record = match step {
            HandoverStep::Given => {
                if let Some(displaced) = self.handovers.displaced(actor) {
                    self.handovers.0.remove(&displaced);
                    self.changes.handovers.push((displaced, None));
                }
                HandoverRecord {
                    given: index,
                    giver: actor,
                    given_at: time,
                    taken: None,
                }
            }
            HandoverStep::Taken { given, .. } => match self.handover(given) {
                Some(record) if record.taken.is_none() => HandoverRecord {
                    taken: Some((actor, time)),
                    ..record
                },
                _ => return,
            },
        };
        self.handovers.0.insert(record.given, record);
        self.changes.handovers.push((record.given, Some(record)));
    }
}
