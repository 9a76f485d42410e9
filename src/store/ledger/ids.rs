//! Which (origin, id) is known: held, or refused for good (invariant I6). In memory for every statement.
//!
//! Keyed by id first, so that one ordered map answers exact look-ups, ids without an origin, and prefixes.

use std::collections::{BTreeMap, HashMap};

use crate::{
    domain::{
        id::{AuthorityId, StatementRef},
        reason::{Class, Reason},
        receipt::LeafHash,
    },
    store::{entry::EntryIndex, record::Ordinal},
};

/// A statement that was refused for good, as it is answered when it comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Refusal {
    pub(in crate::store) leaf: LeafHash,
    pub(in crate::store) reason: Reason,
    pub(in crate::store) index: EntryIndex,
}

/// What an id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Held(Ordinal),
    Refused(Refusal),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// As a number, in the order of its bytes: compared at once where sixteen bytes would be one by one.
    id: u128,
    origin: u16,
}

/// Packed: an ordinal, or with the top bit set a place in `refusals`.
const REFUSED: u64 = 1 << 63;

#[derive(Default)]
pub(super) struct Ids {
    slots: BTreeMap<Key, u64>,
    refusals: Vec<Refusal>,
    /// Origins, numbered in the order in which they were first met. Only verified origins come here.
    numbers: HashMap<AuthorityId, u16>,
}

impl Ids {
    pub(super) fn slot(&self, statement: &StatementRef) -> Option<Slot> {
        let origin = *self.numbers.get(&statement.origin)?;
        let id = u128::from_be_bytes(*statement.id.as_bytes());
        self.unpack(*self.slots.get(&Key { id, origin })?)
    }

    /// The ordinal of a held statement.
    pub(super) fn ordinal(&self, statement: &StatementRef) -> Option<Ordinal> {
        match self.slot(statement)? {
            Slot::Held(ordinal) => Some(ordinal),
            Slot::Refused(_) => None,
        }
    }

    /// True when the verdict stands. A refusal that waits for a person gives way when it is sent again.
    pub(super) fn is_settled(&self, statement: &StatementRef) -> bool {
        match self.slot(statement) {
            None => false,
            Some(Slot::Held(_)) => true,
            Some(Slot::Refused(refusal)) => refusal.reason.class() != Class::Hold,
        }
    }

    pub(super) fn hold(&mut self, statement: StatementRef, ordinal: Ordinal) {
        if let Some(key) = self.key(statement) {
            let held = self.slots.entry(key).or_insert(ordinal);
            if *held & REFUSED != 0 {
                *held = ordinal;
            }
        }
    }

    /// False when the id is known already: the first verdict stands.
    pub(super) fn refuse(&mut self, statement: StatementRef, refusal: Refusal) -> bool {
        let Some(key) = self.key(statement) else {
            return false;
        };
        if self.slots.contains_key(&key) {
            return false;
        }
        self.slots.insert(key, REFUSED | self.refusals.len() as u64);
        self.refusals.push(refusal);
        true
    }

    /// Ordinals of the held statements whose id lies in a range; at most `limit`.
    pub(super) fn held_between(
        &self,
        first: [u8; 16],
        last: [u8; 16],
        limit: usize,
    ) -> Vec<Ordinal> {
        let from = Key {
            id: u128::from_be_bytes(first),
            origin: 0,
        };
        let to = Key {
            id: u128::from_be_bytes(last),
            origin: u16::MAX,
        };
        self.slots
            .range(from..=to)
            .filter(|(_, packed)| **packed & REFUSED == 0)
            .map(|(_, packed)| *packed)
            .take(limit)
            .collect()
    }

    fn unpack(&self, packed: u64) -> Option<Slot> {
        if packed & REFUSED == 0 {
            return Some(Slot::Held(packed));
        }
        let place = usize::try_from(packed & !REFUSED).ok()?;
        self.refusals.get(place).copied().map(Slot::Refused)
    }

    /// `None` only after 65,536 origins, far over the members of a federation.
    fn key(&mut self, statement: StatementRef) -> Option<Key> {
        let origin = match self.numbers.get(&statement.origin) {
            Some(number) => *number,
            None => {
                let number = u16::try_from(self.numbers.len()).ok()?;
                self.numbers.insert(statement.origin, number);
                number
            }
        };
        let id = u128::from_be_bytes(*statement.id.as_bytes());
        Some(Key { id, origin })
    }
}
