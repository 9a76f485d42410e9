//! Threads of more than one statement: their tails, the order in which they are applied, and what waits.
//!
//! Everything here follows from the records of a thread, whatever the order in which they came: what was
//! received decides whose turn it is. So loading and live work end in the same state.

use std::collections::{BTreeSet, HashMap};

use crate::{
    domain::{
        id::{AuthorityId, StatementRef},
        lives::AlertLife,
        routing::Kind,
    },
    planted::{self, Bug},
    store::record::{Direction, MessageRecord, Ordinal},
};

#[derive(Default)]
pub(super) struct Threads(HashMap<StatementRef, Thread>);

impl Threads {
    pub(super) fn of(&self, first: &StatementRef) -> Option<&Thread> {
        self.0.get(first)
    }

    pub(super) fn of_mut(&mut self, first: &StatementRef) -> Option<&mut Thread> {
        self.0.get_mut(first)
    }

    pub(super) fn add(&mut self, first: StatementRef, thread: Thread) {
        self.0.insert(first, thread);
    }
}

/// A thread that more than its first statement belongs to, or whose first is not here.
#[derive(Default)]
pub(super) struct Thread {
    pub(super) tail: Option<Ordinal>,
    /// The next `thread_seq` of ours, per recipient.
    sent: Vec<(AuthorityId, u32)>,
    /// Whose turn it is, per origin.
    turns: Vec<(AuthorityId, Turn)>,
    waiting: Vec<Waiting>,
}

/// What was received from one origin in one thread.
#[derive(Default)]
struct Turn {
    /// All before this are here.
    next: u32,
    ahead: BTreeSet<u32>,
}

/// A statement that is here and not applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) ordinal: Ordinal,
    /// In whose numbers it has its turn.
    turn_of: AuthorityId,
    /// `None`: needs no turn, only its target.
    thread_seq: Option<u32>,
    target: StatementRef,
}

impl Thread {
    /// Counts a statement in: the tail, the numbers used, and it waits if its record says so.
    pub(super) fn note(&mut self, own: &AuthorityId, record: &MessageRecord) {
        self.tail = Some(record.ordinal);
        let origin = record.statement.origin;
        let (mut turn_of, mut thread_seq) = (origin, None);
        match record.direction {
            Direction::Own => {
                // What others passed on has their numbers.
                for delivery in record.given() {
                    self.note_sent(delivery.recipient, delivery.thread_seq);
                }
            }
            Direction::Foreign => {
                if let Some(delivery) = record.delivery(own) {
                    thread_seq = Some(delivery.thread_seq);
                    match delivery.extended {
                        // Whoever carried it gave it the carrier's number.
                        Some(extended) => {
                            turn_of = extended.by.origin;
                            if record.is_first() {
                                self.turn_of(turn_of).begin_at(delivery.thread_seq);
                            }
                        }
                        None => self.turn_of(origin).note(delivery.thread_seq),
                    }
                }
            }
        }
        if record.life == AlertLife::Waiting {
            self.waiting.push(Waiting {
                ordinal: record.ordinal,
                turn_of,
                thread_seq: thread_seq.filter(|_| !record.kind.overtakes()),
                target: target_of(record),
            });
        }
    }

    /// Takes out all whose turn has come and whose target is here, in the order in which they apply.
    pub(super) fn take_ready(&mut self, here: impl Fn(&StatementRef) -> bool) -> Vec<Ordinal> {
        let turns = &self.turns;
        let due = |waiting: &Waiting| {
            planted::is(Bug::AnyOrder)
                || waiting.thread_seq.is_none_or(|seq| {
                    turns
                        .iter()
                        .find(|(origin, _)| *origin == waiting.turn_of)
                        .is_some_and(|(_, turn)| seq < turn.next)
                })
        };
        let mut ready: Vec<Waiting> = self
            .waiting
            .extract_if(.., |waiting| due(waiting) && here(&waiting.target))
            .collect();
        ready.sort_by_key(|waiting| (waiting.thread_seq, waiting.ordinal));
        ready.into_iter().map(|waiting| waiting.ordinal).collect()
    }

    /// It was taken back while it waited.
    pub(super) fn forget_waiting(&mut self, ordinal: Ordinal) {
        self.waiting.retain(|waiting| waiting.ordinal != ordinal);
    }

    /// The next `thread_seq` of ours to this recipient.
    pub(super) fn next_sent(&self, recipient: &AuthorityId) -> u32 {
        self.sent
            .iter()
            .find(|(authority, _)| authority == recipient)
            .map_or(0, |(_, next)| *next)
    }

    fn note_sent(&mut self, recipient: AuthorityId, thread_seq: u32) {
        let next = thread_seq.saturating_add(1);
        match self.sent.iter_mut().find(|(a, _)| *a == recipient) {
            Some((_, known)) => *known = next.max(*known),
            None => self.sent.push((recipient, next)),
        }
    }

    fn turn_of(&mut self, origin: AuthorityId) -> &mut Turn {
        let place = self.turns.iter().position(|(a, _)| *a == origin);
        let place = place.unwrap_or_else(|| {
            self.turns.push((origin, Turn::default()));
            self.turns.len() - 1
        });
        &mut self.turns[place].1
    }
}

impl Turn {
    /// The thread's first statement came inside this one: what stands comes with it, and what was sent before it and
    /// never arrived is waited for by nobody.
    fn begin_at(&mut self, thread_seq: u32) {
        self.next = self.next.max(thread_seq);
        self.ahead = self.ahead.split_off(&self.next);
        while self.ahead.remove(&self.next) {
            self.next = self.next.saturating_add(1);
        }
    }

    fn note(&mut self, thread_seq: u32) {
        if thread_seq >= self.next {
            self.ahead.insert(thread_seq);
        }
        while self.ahead.remove(&self.next) {
            self.next = self.next.saturating_add(1);
        }
    }
}

/// What must be here before it is applied: of what only an owner may send, the statement that it changes; of what
/// extends, the statement that it extends; of the rest, the thread's first.
pub(super) fn target_of(record: &MessageRecord) -> StatementRef {
    match record.in_reply_to {
        Some(target) if record.kind.owner_only() || record.kind == Kind::Extend => target,
        _ => record.thread,
    }
}
