//! What a stream sends next: first what was put off and is due, then the queue, read in order.
//!
//! The way in is [`Feed::refill`]. Must never give what is settled or past its carriage, and never fetch the same
//! place of the queue twice on one stream.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use super::{
    frames::Item,
    lane::LaneHandle,
    load,
    pump::store_failed,
    retry::{Company, RetryBook},
    window::FrameCaps,
};
use crate::{
    delivery::{core::Core, expire, link::LinkError},
    domain::{
        limits::{FRAME_MAX_STATEMENTS, RETRYING_MAX_STATEMENTS},
        lives::DeliveryLife,
        reason::Reason,
        routing::{Lane, Queue},
    },
    store::{
        event::Event,
        ledger::Ledger,
        record::{MessageRecord, Ordinal},
    },
};

/// The statements of one lane on one stream, up to the frame.
pub(super) struct Feed<'a> {
    core: &'a Arc<Core>,
    handle: &'a LaneHandle,
    /// Read and ready to leave.
    ready: VecDeque<Item>,
    /// Under way or ready in a frame of their own.
    alone: BTreeSet<Ordinal>,
    /// Last ordinal that was fetched from each queue on this stream.
    cursors: [(Queue, Option<Ordinal>); 2],
    /// The queues had nothing more when last asked.
    exhausted: bool,
}

impl<'a> Feed<'a> {
    pub(super) fn new(core: &'a Arc<Core>, handle: &'a LaneHandle) -> Self {
        Self {
            core,
            handle,
            ready: VecDeque::new(),
            alone: BTreeSet::new(),
            cursors: [(Queue::Live, None), (Queue::Drill, None)],
            exhausted: false,
        }
    }

    /// Reads the next statements when none is ready. False: there is nothing to send now.
    pub(super) async fn refill(&mut self, book: &mut RetryBook) -> Result<bool, LinkError> {
        if !self.ready.is_empty() {
            return Ok(true);
        }
        let now = self.core.clock.monotonic();
        let due = book.take_due(now, FRAME_MAX_STATEMENTS);
        if let [only] = due.as_slice()
            && book.is_alone(*only)
        {
            self.alone.insert(*only);
        }
        if !due.is_empty() {
            let open = self.still_open(&due).await?;
            self.read(&due, open, book).await?;
            return Ok(true);
        }
        if self.exhausted || book.len() >= RETRYING_MAX_STATEMENTS {
            return Ok(false);
        }
        let queued = self.next_queued(book);
        if queued.is_empty() {
            return Ok(!self.exhausted);
        }
        let ordinals: Vec<Ordinal> = queued.iter().map(|record| record.ordinal).collect();
        self.read(&ordinals, queued, book).await?;
        Ok(true)
    }

    /// Statements and bytes that the next frame has at most, and its caps.
    pub(super) fn next_size(&self, caps: FrameCaps) -> (usize, usize, FrameCaps) {
        let front = self.ready.front().map(|item| item.sent.ordinal);
        let statements = match front {
            Some(ordinal) if self.alone.contains(&ordinal) => 1,
            _ => caps.statements,
        };
        let bytes: usize = self.ready.iter().map(|item| item.document.len()).sum();
        (
            self.ready.len().min(statements),
            bytes.min(caps.bytes),
            FrameCaps { statements, ..caps },
        )
    }

    /// What is read and not yet sent, oldest first.
    pub(super) fn ready(&mut self) -> &mut VecDeque<Item> {
        &mut self.ready
    }

    /// Its result came; true when it had gone in a frame of its own.
    pub(super) fn arrived(&mut self, ordinal: Ordinal) -> bool {
        self.alone.remove(&ordinal)
    }

    /// Something was queued, or let go on by a person.
    pub(super) async fn look_again(&mut self, book: &mut RetryBook) -> Result<(), LinkError> {
        self.exhausted = false;
        let resumed = self.handle.take_resumed();
        if resumed.is_empty() {
            return Ok(());
        }
        let (lane, now) = (self.handle.lane, self.core.clock.monotonic());
        let of_lane = |ledger: &Ledger| -> Vec<Ordinal> {
            resumed
                .iter()
                .filter_map(|statement| ledger.message(statement))
                .filter(|record| Lane::of(record.kind, record.priority) == lane)
                .map(|record| record.ordinal)
                .collect()
        };
        for ordinal in self.core.read(of_lane).await.map_err(store_failed)? {
            book.put_off(ordinal, Company::Joined, now, 0);
        }
        Ok(())
    }

    /// The next part of the queues, what is real before any drill, without what waits for its own time. What is not yet
    /// durable is not there yet: its own event wakes the lane. So the lane never waits for the disk, and the window stays
    /// full.
    fn next_queued(&mut self, book: &RetryBook) -> Vec<MessageRecord> {
        let (peer, lane) = (self.handle.peer, self.handle.lane);
        let mut records: Vec<MessageRecord> = Vec::new();
        self.core.store.glance(|ledger, durable_before| {
            for (queue, cursor) in &mut self.cursors {
                let room = FRAME_MAX_STATEMENTS - records.len();
                let ordinals = ledger.queued(&peer, lane, *queue, *cursor, room);
                let durable = ordinals
                    .into_iter()
                    .map_while(|ordinal| ledger.message_at(ordinal))
                    .take_while(|record| record.index < durable_before);
                let before = records.len();
                records.extend(durable);
                let fetched = records.get(before..).and_then(<[_]>::last);
                *cursor = fetched.map(|record| record.ordinal).or(*cursor);
            }
        });
        self.exhausted = records.len() < FRAME_MAX_STATEMENTS;
        records.retain(|record| !book.contains(record.ordinal));
        records
    }

    /// Reads what of `ordinals` is still open and in time, and lets the others go.
    async fn read(
        &mut self,
        ordinals: &[Ordinal],
        open: Vec<MessageRecord>,
        book: &mut RetryBook,
    ) -> Result<(), LinkError> {
        let open = self.end_overdue(open).await?;
        let loaded = self.load(open).await?;
        self.hold_damaged(loaded.damaged).await?;
        if loaded.items.len() < ordinals.len() {
            let read: BTreeSet<Ordinal> = loaded.items.iter().map(|i| i.sent.ordinal).collect();
            for gone in ordinals.iter().filter(|ordinal| !read.contains(ordinal)) {
                book.settle(*gone);
                self.alone.remove(gone);
            }
        }
        self.ready.extend(loaded.items);
        Ok(())
    }

    /// Bodies and proofs: from memory when all of them are there, else by a worker from the journal.
    async fn load(&self, open: Vec<MessageRecord>) -> Result<load::Loaded, LinkError> {
        if let Some(loaded) = load::from_memory(self.core, &open) {
            return Ok(loaded);
        }
        self.core
            .run(self.handle.lane, move |core| load::load(core, open))
            .await
            .map_err(|reason| LinkError {
                reason,
                detail: "our own queue of work did not take it".into(),
            })
    }

    /// Records of those that are still queued.
    async fn still_open(&self, ordinals: &[Ordinal]) -> Result<Vec<MessageRecord>, LinkError> {
        let peer = self.handle.peer;
        let open = |ledger: &Ledger| {
            ordinals
                .iter()
                .filter_map(|ordinal| ledger.message_at(*ordinal))
                .filter(|record| {
                    record
                        .delivery(&peer)
                        .is_some_and(|delivery| delivery.life == DeliveryLife::Queued)
                })
                .collect()
        };
        self.core.read(open).await.map_err(store_failed)
    }

    /// Ends what is past its carriage instead of sending it.
    async fn end_overdue(
        &self,
        records: Vec<MessageRecord>,
    ) -> Result<Vec<MessageRecord>, LinkError> {
        let (now, monotonic) = (self.core.now(), self.core.clock.monotonic());
        let own_clock = self.core.links.own_clock(now, monotonic);
        let (over, open): (Vec<_>, Vec<_>) = records
            .into_iter()
            .partition(|record| expire::is_over(record.carried_until, now, own_clock));
        let ended = |record| expire::ended(record, self.handle.peer);
        let events = over.iter().map(ended).collect();
        self.core.record(events).await.map_err(store_failed)?;
        Ok(open)
    }

    /// A kept body that cannot be read waits for a person; the others go on.
    async fn hold_damaged(&self, damaged: Vec<MessageRecord>) -> Result<(), LinkError> {
        let held = |record: &MessageRecord| Event::DeliveryHeld {
            statement: record.statement,
            recipient: self.handle.peer,
            reason: Reason::DamagedBody,
        };
        let events = damaged.iter().map(held).collect();
        self.core.record(events).await.map_err(store_failed)
    }
}
