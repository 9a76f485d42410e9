//! The state under the lock: records, ids, queues. Made only by applying events.
//!
//! The way in is [`Ledger::record`] for decisions and the readers in `query.rs`. Live work and replay apply
//! events by the same code (`apply.rs`); nothing else may change the state. It holds no person.

mod apply;
mod calls;
mod drafts;
mod ends;
mod extending;
mod ids;
mod incidents;
mod query;
mod queues;
mod rows;
mod same_person;
mod shifts;
mod threads;
mod units;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use self::{
    calls::Calls,
    drafts::Drafts,
    ends::Ends,
    ids::Ids,
    incidents::Incidents,
    queues::{Place, Queues, Unopened},
    rows::Rows,
    same_person::SamePerson,
    shifts::Handovers,
    threads::Threads,
    units::Restrictions,
};
pub use self::{calls::Matter, same_person::LinkedAlert};
pub(in crate::store) use self::{ids::Refusal, rows::Row};
use super::{
    entry::{Actor, EntryIndex},
    event::Event,
    record::{CallRecord, DraftRecord, HandoverRecord, MessageRecord, Ordinal},
    view::{View, ViewError, rows::Position},
};
use crate::{
    domain::{
        id::{AuthorityId, MessageId, StatementRef},
        receipt::{LeafHash, Verdict},
        routing::{Kind, Status},
        time::Timestamp,
    },
    planted::{self, Bug},
};

/// The state. Decisions get it mutably, and can change it only by [`Ledger::record`].
pub struct Ledger {
    own: AuthorityId,
    /// Index that the next entry gets.
    next: EntryIndex,
    rows: Rows,
    ids: Ids,
    threads: Threads,
    queues: Queues,
    unopened: Unopened,
    ends: Ends,
    /// Own first statements that are for a group or for all, and that nobody has closed or recalled.
    addressed: BTreeSet<Ordinal>,
    directories: BTreeMap<u64, EntryIndex>,
    actors: HashMap<Actor, EntryIndex>,
    incidents: Incidents,
    drafts: Drafts,
    restrictions: Restrictions,
    handovers: Handovers,
    calls: Calls,
    same_person: SamePerson,
    /// Small rows that changed since the last tick.
    changes: Changes,
    /// Writings of the view so far.
    ticks: u64,
    /// Events of the decision that is being taken.
    decided: Vec<(EntryIndex, Timestamp, Arc<Event>)>,
}

/// What the view does not have yet, apart from records.
#[derive(Default)]
pub(in crate::store) struct Changes {
    pub(in crate::store) refusals: Vec<(StatementRef, Refusal)>,
    pub(in crate::store) directories: Vec<(u64, EntryIndex)>,
    pub(in crate::store) actors: Vec<(Actor, EntryIndex)>,
    /// As they are now; what is over stands here once more.
    pub(in crate::store) drafts: Vec<DraftRecord>,
    /// Units by thread, as they are now; none: open to all again.
    pub(in crate::store) restrictions: Vec<(StatementRef, Arc<str>)>,
    /// By their entries, as they are now; none: forgotten.
    pub(in crate::store) handovers: Vec<(EntryIndex, Option<HandoverRecord>)>,
    pub(in crate::store) calls: Vec<(MessageId, Option<CallRecord>)>,
}

/// A state that may be written into the view once everything before `next` is durable.
pub(in crate::store) struct Snapshot {
    /// Which writing of the view this is, from 1.
    pub(in crate::store) tick: u64,
    pub(in crate::store) next: EntryIndex,
    pub(in crate::store) rows: Vec<(u64, Arc<Row>)>,
    pub(in crate::store) changes: Changes,
}

/// What is known of an (origin, id): of what is held, and of what was refused for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The leaf hash that this id stands for; another one is an id conflict.
    pub leaf: LeafHash,
    /// What was said to its origin; of our own: held.
    pub verdict: Verdict,
    /// Entry that holds it, or its refusal.
    pub index: EntryIndex,
}

/// Result of looking up an id, a prefix of 8 or more, or a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Exactly one statement has it.
    One(StatementRef),
    /// No statement here has it.
    None,
    /// More than one has it.
    Ambiguous,
}

/// What a list is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct ListFilter {
    /// Only foreign first statements that no officer has opened.
    pub unopened_only: bool,
    /// Any of these; all when empty.
    pub kinds: Vec<Kind>,
    /// Only this status; all when absent, each marked in its record.
    pub status: Option<Status>,
}
/// Which day of own alerts is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DueList {
    /// The last day.
    Ends,
    /// The day of review.
    Reviews,
    /// The day on which somebody who travelled is to be back, and is not known to be.
    Returns,
}
/// Which list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListBox {
    /// Foreign statements.
    In,
    /// Our own.
    Out,
}

impl Ledger {
    /// An empty state of this authority over an empty view.
    pub(in crate::store) fn new(own: AuthorityId, view: Arc<dyn View>) -> Self {
        Self {
            own,
            next: 0,
            rows: Rows::new(view),
            ids: Ids::default(),
            threads: Threads::default(),
            queues: Queues::default(),
            unopened: Unopened::default(),
            ends: Ends::default(),
            addressed: BTreeSet::new(),
            directories: BTreeMap::new(),
            actors: HashMap::new(),
            incidents: Incidents::default(),
            drafts: Drafts::default(),
            restrictions: Restrictions::default(),
            handovers: Handovers::default(),
            calls: Calls::default(),
            same_person: SamePerson::default(),
            changes: Changes::default(),
            ticks: 0,
            decided: Vec::new(),
        }
    }

    /// Records an event: gives it the next index, applies it, and puts it into this decision's block.
    pub fn record(&mut self, now: Timestamp, event: Event) -> EntryIndex {
        let index = self.next;
        self.apply(index, now, &event);
        self.decided.push((index, now, Arc::new(event)));
        index
    }

    /// Index that the next entry gets: the number of entries applied.
    #[must_use]
    pub fn next_index(&self) -> EntryIndex {
        self.next
    }

    /// Takes what this decision has recorded.
    pub(in crate::store) fn take_decided(&mut self) -> Vec<(EntryIndex, Timestamp, Arc<Event>)> {
        std::mem::take(&mut self.decided)
    }

    /// Takes all that changed since the last snapshot. Rows stay in memory until [`Self::written`].
    pub(in crate::store) fn snapshot(&mut self) -> Snapshot {
        self.ticks += 1;
        Snapshot {
            tick: self.ticks,
            next: self.next,
            rows: self.rows.take_dirty(),
            changes: std::mem::take(&mut self.changes),
        }
    }

    /// The last snapshot is in the view: its rows may leave memory.
    pub(in crate::store) fn written(&mut self) {
        self.rows.written();
    }

    /// The last snapshot did not reach the view: it is taken again next time.
    pub(in crate::store) fn not_written(&mut self, snapshot: Snapshot) {
        self.rows.not_written();
        self.ticks = snapshot.tick - 1;
        let mut changes = snapshot.changes;
        changes.refusals.append(&mut self.changes.refusals);
        changes.directories.append(&mut self.changes.directories);
        changes.actors.append(&mut self.changes.actors);
        changes.drafts.append(&mut self.changes.drafts);
        changes.restrictions.append(&mut self.changes.restrictions);
        changes.handovers.append(&mut self.changes.handovers);
        changes.calls.append(&mut self.changes.calls);
        self.changes = changes;
    }

    /// Why a row could not be read, once: the store must stop, as its answers would be wrong.
    pub(in crate::store) fn view_fault(&self) -> Option<ViewError> {
        self.rows.fault()
    }

    /// Takes a record that the view holds, in the order of ordinals: makes ids, queues and threads from it.
    pub(in crate::store) fn load_record(&mut self, record: &MessageRecord) {
        self.rows.load(record);
        self.index_record(record);
        if planted::is(Bug::DropQueued) {
            for delivery in &record.deliveries {
                let place = Place::of(record, delivery.recipient);
                self.queues.remove(place, record.ordinal);
            }
        }
    }

    /// What happened before this start is no longer listed: the journal has it.
    pub(in crate::store) fn forget_incidents(&mut self) {
        self.incidents.clear();
    }

    /// Takes the small rows that the view holds, and the position that it stands at.
    pub(in crate::store) fn load_rest(&mut self, changes: Changes, position: &Position) {
        for (statement, refusal) in changes.refusals {
            self.ids.refuse(statement, refusal);
        }
        self.directories.extend(changes.directories);
        self.actors.extend(changes.actors);
        for draft in changes.drafts {
            self.drafts.load(draft);
        }
        for (thread, units) in changes.restrictions {
            self.restrictions.load(thread, units);
        }
        for (_, record) in changes.handovers {
            self.handovers.load(record);
        }
        for (_, record) in changes.calls {
            record
                .into_iter()
                .for_each(|record| self.calls.load(record));
        }
        self.next = position.next;
        self.ticks = position.tick;
    }
}
