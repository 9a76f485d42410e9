//! Reading the state: records, threads, queues, lists, look-ups. Every answer is bounded.

use std::collections::BTreeSet;

use super::{
    DueList, Found, Known, Ledger, ListBox, ListFilter, ids::Slot, queues::Place, rows::Tag,
};
use crate::{
    domain::{
        alert::value::Day,
        id::{AuthorityId, MessageId, Reference, StatementRef},
        limits::THREAD_MAX_STATEMENTS,
        receipt::Verdict,
        routing::{Lane, Queue},
        time::Timestamp,
    },
    store::{
        entry::{Actor, EntryIndex},
        event::Event,
        record::{Direction, MessageRecord, Ordinal},
    },
};

/// Hexadecimal digits of the shortest prefix that is looked up.
const PREFIX_MIN_DIGITS: usize = 8;

impl Ledger {
    /// What was decided about this (origin, id), if anything.
    #[must_use]
    pub fn known(&self, statement: &StatementRef) -> Option<Known> {
        match self.ids.slot(statement)? {
            Slot::Held(ordinal) => self.rows.with(ordinal, |record| Known {
                leaf: record.leaf,
                verdict: Verdict::Held,
                index: record.index,
            }),
            Slot::Refused(refusal) => Some(Known {
                leaf: refusal.leaf,
                verdict: Verdict::Refused(refusal.reason),
                index: refusal.index,
            }),
        }
    }

    /// The record of a held statement.
    #[must_use]
    pub fn message(&self, statement: &StatementRef) -> Option<MessageRecord> {
        self.rows.read(self.ids.ordinal(statement)?)
    }

    /// The record at an ordinal.
    #[must_use]
    pub fn message_at(&self, ordinal: Ordinal) -> Option<MessageRecord> {
        self.rows.read(ordinal)
    }

    /// Statements held here: the ordinal of the next.
    #[must_use]
    pub fn message_count(&self) -> u64 {
        self.rows.len()
    }

    /// All of a thread that is here, in the order in which it was recorded; bounded: of a longer one the
    /// newest. The first statement's name is wanted; that of a later one gives its thread too.
    #[must_use]
    pub fn thread(&self, first: &StatementRef) -> Vec<MessageRecord> {
        let tail = match self.message(first) {
            Some(record) => self.tail(&record.thread),
            None => self.tail(first),
        };
        let previous = |record: &MessageRecord| self.rows.read(record.previous_in_thread?);
        let newest = tail.and_then(|ordinal| self.rows.read(ordinal));
        let mut thread: Vec<MessageRecord> = std::iter::successors(newest, previous)
            .take(THREAD_MAX_STATEMENTS)
            .collect();
        thread.reverse();
        thread
    }

    /// The statement recorded last in a thread, whose first statement is named.
    #[must_use]
    pub fn thread_tail(&self, first: &StatementRef) -> Option<Ordinal> {
        self.tail(first)
    }

    /// The same for people: what one authority sent stands in the order of its numbers, though statements may
    /// overtake each other on their way, and the first statement stands first.
    #[must_use]
    pub fn thread_in_order(&self, first: &StatementRef) -> Vec<MessageRecord> {
        let mut thread = self.thread(first);
        self.put_in_order(&mut thread);
        thread
    }

    /// Each origin's statements keep the places that it has, and take them by turn.
    fn put_in_order(&self, thread: &mut [MessageRecord]) {
        // What somebody carried here has its carrier's number, and was there before what its origin sent here itself.
        let seq = |record: &MessageRecord| {
            let delivery = record.delivery(&self.own)?;
            Some((delivery.extended.is_none(), delivery.thread_seq))
        };
        let foreign = |record: &MessageRecord| record.direction == Direction::Foreign;
        let origins: BTreeSet<AuthorityId> = thread
            .iter()
            .filter(|record| foreign(record))
            .map(|record| record.statement.origin)
            .collect();
        for origin in origins {
            let is_theirs = |record: &MessageRecord| record.statement.origin == origin;
            let theirs = thread.iter().filter(|record| is_theirs(record));
            if theirs.clone().is_sorted_by_key(seq) {
                continue;
            }
            let mut sorted: Vec<MessageRecord> = theirs.cloned().collect();
            sorted.sort_by_key(seq);
            let places = thread.iter_mut().filter(|record| is_theirs(record));
            places
                .zip(sorted)
                .for_each(|(place, record)| *place = record);
        }
        let first = thread.iter().position(|it| it.statement == it.thread);
        if let Some(before) = first.and_then(|first| thread.get_mut(..=first)) {
            before.rotate_right(1);
        }
    }

    /// The next `thread_seq` of ours to this recipient in this thread.
    #[must_use]
    pub fn next_thread_seq(&self, thread: &StatementRef, recipient: &AuthorityId) -> u32 {
        if let Some(thread) = self.threads.of(thread) {
            return thread.next_sent(recipient);
        }
        let first = self.ids.ordinal(thread).and_then(|ordinal| {
            self.rows.with(ordinal, |record| {
                let is_own = record.statement.origin == self.own;
                is_own.then(|| record.delivery(recipient).map(|d| d.thread_seq))?
            })
        });
        first.flatten().map_or(0, |seq| seq.saturating_add(1))
    }

    /// Queued deliveries of one lane and queue to one recipient after `after`, oldest first.
    #[must_use]
    pub fn queued(
        &self,
        recipient: &AuthorityId,
        lane: Lane,
        queue: Queue,
        after: Option<Ordinal>,
        limit: usize,
    ) -> Vec<Ordinal> {
        let place = Place {
            recipient: *recipient,
            lane,
            queue,
        };
        self.queues.after(place, after, limit)
    }

    /// Everyone to whom a delivery is queued, members of the directory or not.
    #[must_use]
    pub fn queued_recipients(&self) -> BTreeSet<AuthorityId> {
        self.queues.recipients()
    }

    /// Queued deliveries of one queue to one recipient, both lanes.
    #[must_use]
    pub fn queued_count(&self, recipient: &AuthorityId, queue: Queue) -> u64 {
        let lanes = Lane::ALL.iter();
        lanes
            .map(|lane| self.queued_in(recipient, *lane, queue))
            .sum()
    }

    /// Queued deliveries of one queue to one recipient in one lane.
    #[must_use]
    pub fn queued_in(&self, recipient: &AuthorityId, lane: Lane, queue: Queue) -> u64 {
        self.queues.count(Place {
            recipient: *recipient,
            lane,
            queue,
        })
    }

    /// Newest first, before `before`.
    #[must_use]
    pub fn list(
        &self,
        which: ListBox,
        filter: &ListFilter,
        before: Option<Ordinal>,
        limit: usize,
    ) -> Vec<MessageRecord> {
        let tags = self.rows.tags();
        let end = before.map_or(tags.len(), |ordinal| {
            usize::try_from(ordinal)
                .unwrap_or(usize::MAX)
                .min(tags.len())
        });
        let fits = |tag: Tag| {
            tag.is_foreign() == (which == ListBox::In)
                && (filter.kinds.is_empty()
                    || filter.kinds.iter().any(|kind| *kind as u8 == tag.kind()))
                && filter.status.is_none_or(|s| s as u8 == tag.status())
        };
        let chosen = tags.get(..end).unwrap_or_default().iter().enumerate().rev();
        chosen
            .filter(|(_, tag)| fits(**tag))
            .map(|(place, _)| place as Ordinal)
            .filter(|ordinal| !filter.unopened_only || self.unopened.contains(*ordinal))
            .take(limit)
            .filter_map(|ordinal| self.rows.read(ordinal))
            .collect()
    }

    /// Looks up an id, `ORIGIN/id`, a prefix of 8 hexadecimal digits or more (dashes or not), or a reference.
    #[must_use]
    pub fn find(&self, text: &str) -> Found {
        let text = text.trim();
        if let Some((origin, id)) = text.split_once('/') {
            let (Ok(origin), Ok(id)) = (origin.parse(), id.parse()) else {
                return Found::None;
            };
            let statement = StatementRef { origin, id };
            return self.one_of(self.ids.ordinal(&statement));
        }
        if let Ok(id) = text.parse::<MessageId>() {
            let id = *id.as_bytes();
            return self.one_of(self.ids.held_between(id, id, 2));
        }
        if let Ok(reference) = text.parse::<Reference>() {
            let (code, bits) = reference.code_bits();
            let statement = |ordinal| self.rows.with(ordinal, |record| record.statement);
            let fits = self.rows.with_code(code, bits).filter(|ordinal| {
                statement(*ordinal).is_some_and(|statement| reference.fits(&statement))
            });
            return self.one_of(fits.take(2));
        }
        match prefix_range(text) {
            Some((first, last)) => self.one_of(self.ids.held_between(first, last, 2)),
            None => Found::None,
        }
    }

    fn one_of(&self, ordinals: impl IntoIterator<Item = Ordinal>) -> Found {
        let mut ordinals = ordinals.into_iter();
        match (ordinals.next(), ordinals.next()) {
            (None, _) => Found::None,
            (Some(_), Some(_)) => Found::Ambiguous,
            (Some(ordinal), None) => self
                .rows
                .with(ordinal, |record| Found::One(record.statement))
                .unwrap_or(Found::None),
        }
    }

    /// Real alerts (and other first statements) from abroad that no officer has opened.
    #[must_use]
    pub fn unopened_count(&self) -> u64 {
        self.unopened.actual_count()
    }

    /// The same of exercises and tests: never part of the live count (invariant I10).
    #[must_use]
    pub fn unopened_exercise_count(&self) -> u64 {
        self.unopened.other_count()
    }

    /// Own first statements for groups or for all that are neither closed nor recalled, newest first, before `before`.
    #[must_use]
    pub fn addressed(&self, before: Option<Ordinal>, limit: usize) -> Vec<MessageRecord> {
        let older = self.addressed.range(..before.unwrap_or(Ordinal::MAX));
        let older = older.rev().take(limit);
        older
            .filter_map(|ordinal| self.rows.read(*ordinal))
            .collect()
    }

    /// Alerts that live, though their last day is before this one; at most so many.
    #[must_use]
    pub fn lapsed(&self, today: Day, limit: usize) -> Vec<StatementRef> {
        let ended = self.ends.ended(today).take(limit);
        ended
            .filter_map(|ordinal| self.rows.with(ordinal, |record| record.statement))
            .collect()
    }

    /// Own alerts that live and whose day is at most this one, soonest first, after a place; at most so many.
    #[must_use]
    pub fn due(
        &self,
        list: DueList,
        after: Option<(Day, Ordinal)>,
        by: Day,
        limit: usize,
    ) -> Vec<(Day, MessageRecord)> {
        let read = |(day, ordinal)| Some((day, self.rows.read(ordinal)?));
        let days = self.ends.ahead(list, after, by);
        days.take(limit).filter_map(read).collect()
    }

    /// Foreign first statements that no officer has opened, the real ones first, newest first; at most so many.
    #[must_use]
    pub fn unopened(&self, limit: usize) -> Vec<MessageRecord> {
        let unopened = self.unopened.newest().take(limit);
        unopened
            .filter_map(|ordinal| self.rows.read(ordinal))
            .collect()
    }

    /// The newest directory version adopted, and its entry.
    #[must_use]
    pub fn last_directory(&self) -> Option<(u64, EntryIndex)> {
        let (version, index) = self.directories.last_key_value()?;
        Some((*version, *index))
    }

    /// The entry in which this directory version was adopted.
    #[must_use]
    pub fn directory_entry(&self, version: u64) -> Option<EntryIndex> {
        self.directories.get(&version).copied()
    }

    /// Incidents since start that nobody has cleared: for `status` and `links`.
    #[must_use]
    pub fn incidents(&self) -> Vec<(Timestamp, Event)> {
        self.incidents.list()
    }

    /// True when the pseudonym's certificate name is already in the journal.
    #[must_use]
    pub fn actor_known(&self, actor: &Actor) -> bool {
        self.actors.contains_key(actor)
    }
}

/// The ids that begin with these digits.
fn prefix_range(text: &str) -> Option<([u8; 16], [u8; 16])> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|char| *char != '-')
        .map(|char| char.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    if !(PREFIX_MIN_DIGITS..=32).contains(&digits.len()) {
        return None;
    }
    let (mut first, mut last) = ([0; 16], [0xff; 16]);
    for (place, digit) in digits.into_iter().enumerate() {
        let shift = if place % 2 == 0 { 4 } else { 0 };
        let byte = place / 2;
        first[byte] |= digit << shift;
        last[byte] = (last[byte] & !(0xf << shift)) | (digit << shift);
    }
    Some((first, last))
}
