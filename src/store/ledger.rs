//! The state under the lock: records, ids, queues. Made only by applying events.

use super::{
    entry::EntryIndex,
    event::Event,
    record::{MessageRecord, Ordinal},
};
use crate::domain::{
    id::{AuthorityId, StatementRef},
    receipt::{LeafHash, Verdict},
    routing::{Kind, Lane, Status},
    time::Timestamp,
};

/// The state. Decisions get it mutably, and can change it only by [`Ledger::record`].
pub struct Ledger {
    _todo: (),
}

/// What is known of an (origin, id): of what is held, and of what was refused for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    pub leaf: LeafHash,
    pub verdict: Verdict,
    pub index: EntryIndex,
}

/// Result of looking up an id, a prefix of 8 or more, or a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    One(StatementRef),
    None,
    Ambiguous,
}

/// What a list is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct ListFilter {
    pub unopened_only: bool,
    pub kinds: Vec<Kind>,
    pub status: Option<Status>,
}
/// Which list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListBox {
    In,
    Out,
}

impl Ledger {
    /// Records an event: gives it the next index, applies it, and puts it into this decision's block.
    pub fn record(&mut self, _now: Timestamp, _event: Event) -> EntryIndex {
        todo!()
    }
    #[must_use]
    pub fn known(&self, _statement: &StatementRef) -> Option<Known> {
        todo!()
    }
    #[must_use]
    pub fn message(&self, _statement: &StatementRef) -> Option<MessageRecord> {
        todo!()
    }
    #[must_use]
    pub fn message_at(&self, _ordinal: Ordinal) -> Option<MessageRecord> {
        todo!()
    }
    /// All of a thread that is here, in the order in which it was recorded; bounded.
    #[must_use]
    pub fn thread(&self, _first: &StatementRef) -> Vec<MessageRecord> {
        todo!()
    }
    /// The next `thread_seq` of ours to this recipient in this thread.
    #[must_use]
    pub fn next_thread_seq(&self, _thread: &StatementRef, _recipient: &AuthorityId) -> u32 {
        todo!()
    }
    /// Queued deliveries of one lane to one recipient after `after`, oldest first.
    #[must_use]
    pub fn queued(
        &self,
        _recipient: &AuthorityId,
        _lane: Lane,
        _after: Option<Ordinal>,
        _limit: usize,
    ) -> Vec<Ordinal> {
        todo!()
    }
    #[must_use]
    pub fn queued_count(&self, _recipient: &AuthorityId) -> u64 {
        todo!()
    }
    /// Newest first, before `before`.
    #[must_use]
    pub fn list(
        &self,
        _which: ListBox,
        _filter: &ListFilter,
        _before: Option<Ordinal>,
        _limit: usize,
    ) -> Vec<MessageRecord> {
        todo!()
    }
    #[must_use]
    pub fn find(&self, _text: &str) -> Found {
        todo!()
    }
    #[must_use]
    pub fn unopened_count(&self) -> u64 {
        todo!()
    }
    #[must_use]
    pub fn last_directory(&self) -> Option<(u64, EntryIndex)> {
        todo!()
    }
    /// The entry in which this directory version was adopted.
    #[must_use]
    pub fn directory_entry(&self, _version: u64) -> Option<EntryIndex> {
        todo!()
    }
    /// Incidents since start that nobody has cleared: for `status` and `links`.
    #[must_use]
    pub fn incidents(&self) -> Vec<(Timestamp, Event)> {
        todo!()
    }
    /// True when the pseudonym's certificate name is already in the journal.
    #[must_use]
    pub fn actor_known(&self, _actor: &super::entry::Actor) -> bool {
        todo!()
    }
}
