//! One stream while it stands: fetches what is queued, sends frames, takes results, keeps it alive.
//!
//! The way in is [`run`]. Must never have more under way than the window allows, and never let one statement that
//! is put off hold up the others.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::sync::mpsc;

use super::{
    frames::{self, Item},
    lane::LaneHandle,
    load,
    results::{self, Next, Worked},
    retry::{Company, RetryBook},
    window::{Flight, FrameCaps, Sent, Window},
};
use crate::{
    delivery::{
        core::Core,
        expire,
        link::{Incoming, Link, LinkError, Outgoing, StatementOutcome},
    },
    domain::{
        limits::{
            FRAME_MAX_STATEMENTS, HEARTBEAT_INTERVAL, RESULT_TIMEOUT, RETRYING_MAX_STATEMENTS,
        },
        lives::DeliveryLife,
        reason::Reason,
        routing::Lane,
    },
    store::{
        StoreFailed,
        event::Event,
        ledger::Ledger,
        record::{MessageRecord, Ordinal},
    },
    trust::batch::Unverified,
};

/// What a lane remembers from stream to stream.
#[derive(Debug, Default)]
pub(super) struct Memory {
    book: RetryBook,
    /// The first statement of the frame on which the last stream broke.
    broke_on: Option<Ordinal>,
    /// The partner asked us to wait until then (monotonic).
    paused_until: Duration,
    failures_in_a_row: u32,
}

/// Whether a stream was good for anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// A result or heartbeat came through.
    Proved,
    /// Nothing did.
    Nothing,
}

/// Pumps until the stream breaks, or the lane is stopped and nothing is under way.
pub(super) async fn run(
    core: &Arc<Core>,
    handle: &LaneHandle,
    link: Box<dyn Link>,
    memory: &mut Memory,
) -> (Result<(), LinkError>, Use) {
    let (worked_out, worked) = mpsc::unbounded_channel();
    let mut pump = Pump {
        caps: FrameCaps::agreed(&link.greeting().limits),
        window: Window::agreed(handle.lane, &link.greeting().limits),
        core,
        handle,
        link,
        memory,
        ready: VecDeque::new(),
        alone: BTreeSet::new(),
        cursor: None,
        exhausted: false,
        working: 0,
        worked_out,
        frame_number: 0,
        beat_number: 0,
        heard_at: core.clock.monotonic(),
        asked_at: None,
        proved: Use::Nothing,
    };
    let ended = pump.pump(worked).await;
    if let Err(error) = &ended {
        pump.broken(error.reason);
    }
    let proved = pump.proved;
    memory.book.stream_ended();
    (ended, proved)
}

struct Pump<'a> {
    core: &'a Arc<Core>,
    handle: &'a LaneHandle,
    link: Box<dyn Link>,
    memory: &'a mut Memory,
    caps: FrameCaps,
    window: Window,
    /// Read and ready to leave.
    ready: VecDeque<Item>,
    /// Under way or ready in a frame of their own.
    alone: BTreeSet<Ordinal>,
    /// Last ordinal that was fetched from the queue on this stream.
    cursor: Option<Ordinal>,
    /// The queue had nothing more when last asked.
    exhausted: bool,
    /// Results that are being worked up.
    working: usize,
    worked_out: mpsc::UnboundedSender<Result<Worked, LinkError>>,
    frame_number: u64,
    beat_number: u64,
    /// Monotonic time of the last message from the partner.
    heard_at: Duration,
    /// When the heartbeat that is under way left.
    asked_at: Option<Duration>,
    proved: Use,
}

impl Pump<'_> {
    async fn pump(
        &mut self,
        mut worked: mpsc::UnboundedReceiver<Result<Worked, LinkError>>,
    ) -> Result<(), LinkError> {
        self.beat().await?;
        loop {
            if self.handle.is_stopping() {
                if self.window.is_empty() && self.working == 0 {
                    return Ok(());
                }
            } else {
                self.fill().await?;
            }
            let nap = self.nap();
            tokio::select! {
                biased;
                Some(worked) = worked.recv() => self.settle(worked?),
                incoming = self.link.receive() => self.hear(incoming?),
                () = self.handle.wake.notified() => self.look_again().await?,
                () = self.handle.heartbeat.notified() => self.beat().await?,
                () = tokio::time::sleep(nap) => {}
            }
            self.check_alive().await?;
        }
    }

    /// Fetches and sends while the window has room and something is there.
    async fn fill(&mut self) -> Result<(), LinkError> {
        let now = self.core.clock.monotonic();
        if now < self.memory.paused_until {
            return Ok(());
        }
        loop {
            if self.ready.is_empty() && !self.fetch().await? {
                return Ok(());
            }
            let Some(front) = self.ready.front() else {
                continue;
            };
            let caps = if self.alone.contains(&front.sent.ordinal) {
                FrameCaps {
                    statements: 1,
                    ..self.caps
                }
            } else {
                self.caps
            };
            let bytes = self.ready.iter().map(|item| item.document.len()).sum();
            let (statements, bytes) = (
                self.ready.len().min(caps.statements),
                usize::min(bytes, caps.bytes),
            );
            if !self.window.has_room(statements, bytes) {
                return Ok(());
            }
            let items = frames::next_frame(&mut self.ready, caps);
            self.send(&items).await?;
        }
    }

    async fn send(&mut self, items: &[Item]) -> Result<(), LinkError> {
        self.frame_number += 1;
        let flight = Flight {
            statements: items.iter().map(|item| item.sent).collect(),
            bytes: items.iter().map(|item| item.document.len()).sum(),
            sent_at: self.core.clock.monotonic(),
        };
        let number = self.frame_number;
        self.window.sent(number, flight);
        let batches = frames::batches(items);
        self.say(Outgoing::Frame { number, batches }).await
    }

    /// Hands a message over; a transport that takes nothing for too long is given up.
    async fn say(&mut self, outgoing: Outgoing) -> Result<(), LinkError> {
        tokio::time::timeout(RESULT_TIMEOUT, self.link.send(outgoing))
            .await
            .unwrap_or_else(|_| Err(timed_out()))
    }

    /// Reads the next statements: first what was put off and is due, then the queue. False: nothing now.
    async fn fetch(&mut self) -> Result<bool, LinkError> {
        let now = self.core.clock.monotonic();
        let due = self.memory.book.take_due(now, FRAME_MAX_STATEMENTS);
        let records = if !due.is_empty() {
            if due.len() == 1 && self.memory.book.is_alone(due[0]) {
                self.alone.extend(&due);
            }
            self.still_open(&due).await?
        } else if self.exhausted || self.memory.book.len() >= RETRYING_MAX_STATEMENTS {
            return Ok(false);
        } else {
            self.next_queued()
        };
        if records.is_empty() {
            return Ok(!self.exhausted);
        }
        let records = self.end_overdue(records).await?;
        let loaded = match load::from_memory(self.core, &records) {
            Some(loaded) => loaded,
            None => self
                .core
                .run(move |core| load::load(core, records))
                .await
                .map_err(refused_by_us)?,
        };
        self.hold_damaged(loaded.damaged).await?;
        self.ready.extend(loaded.items);
        Ok(true)
    }

    /// The next part of the queue, without what waits for its own time. What is not yet durable is not there yet:
    /// its own event wakes the lane. So the lane never waits for the disk, and the window stays full.
    fn next_queued(&mut self) -> Vec<MessageRecord> {
        let (peer, lane, after) = (self.handle.peer, self.handle.lane, self.cursor);
        let mut records: Vec<MessageRecord> = self.core.store.glance(|ledger, durable_before| {
            ledger
                .queued(&peer, lane, after, FRAME_MAX_STATEMENTS)
                .into_iter()
                .map_while(|ordinal| ledger.message_at(ordinal))
                .take_while(|record| record.index < durable_before)
                .collect()
        });
        self.exhausted = records.len() < FRAME_MAX_STATEMENTS;
        self.cursor = records.last().map(|record| record.ordinal).or(self.cursor);
        records.retain(|record| !self.memory.book.contains(record.ordinal));
        records
    }

    /// Records of those that are still queued; the others are forgotten.
    async fn still_open(&mut self, ordinals: &[Ordinal]) -> Result<Vec<MessageRecord>, LinkError> {
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
                .collect::<Vec<_>>()
        };
        let records = self.core.read(open).await.map_err(store_failed)?;
        for gone in ordinals {
            if !records.iter().any(|record| record.ordinal == *gone) {
                self.memory.book.settle(*gone);
            }
        }
        Ok(records)
    }

    /// Ends what is past its carriage instead of sending it.
    async fn end_overdue(
        &mut self,
        records: Vec<MessageRecord>,
    ) -> Result<Vec<MessageRecord>, LinkError> {
        let (now, own_clock) = (self.core.now(), self.core.links.own_clock());
        let (over, open): (Vec<_>, Vec<_>) = records
            .into_iter()
            .partition(|record| expire::is_over(record.carried_until, now, own_clock));
        let events = over
            .iter()
            .map(|record| {
                self.memory.book.settle(record.ordinal);
                expire::ended(record, self.handle.peer)
            })
            .collect();
        self.core.record(events).await.map_err(store_failed)?;
        Ok(open)
    }

    /// A kept body that cannot be read waits for a person; the others go on.
    async fn hold_damaged(&mut self, damaged: Vec<MessageRecord>) -> Result<(), LinkError> {
        let events = damaged
            .iter()
            .map(|record| {
                self.memory.book.settle(record.ordinal);
                Event::DeliveryHeld {
                    statement: record.statement,
                    recipient: self.handle.peer,
                    reason: Reason::DamagedBody,
                }
            })
            .collect();
        self.core.record(events).await.map_err(store_failed)
    }

    /// Something was queued, or let go on by a person.
    async fn look_again(&mut self) -> Result<(), LinkError> {
        self.exhausted = false;
        let resumed = self.handle.take_resumed();
        if resumed.is_empty() {
            return Ok(());
        }
        let (lane, now) = (self.handle.lane, self.core.clock.monotonic());
        let ordinals: Vec<Ordinal> = self
            .core
            .read(|ledger| {
                resumed
                    .iter()
                    .filter_map(|statement| ledger.message(statement))
                    .filter(|r| Lane::of(r.kind, r.priority) == lane)
                    .map(|record| record.ordinal)
                    .collect()
            })
            .await
            .map_err(store_failed)?;
        for ordinal in ordinals {
            self.memory.book.put_off(ordinal, Company::Joined, now, 0);
        }
        Ok(())
    }

    fn hear(&mut self, incoming: Incoming) {
        let now = self.core.clock.monotonic();
        self.heard_at = now;
        match incoming {
            Incoming::Heartbeat(number) => {
                // Only the answer to our own question proves that the way is open.
                if number == self.beat_number && self.asked_at.take().is_some() {
                    self.proved(now);
                    self.handle.beats.send_modify(|beats| *beats += 1);
                }
            }
            Incoming::Result {
                number,
                results,
                receipts,
            } => {
                // A result for no frame of this stream says nothing.
                if let Some(flight) = self.window.settle(number) {
                    self.work_up(flight, &results, receipts);
                }
            }
        }
    }

    /// Has a result worked up on a worker; the lane goes on meanwhile.
    fn work_up(
        &mut self,
        flight: Flight,
        outcomes: &[StatementOutcome],
        receipts: Vec<Unverified>,
    ) {
        let sent = flight
            .statements
            .into_iter()
            .map(|sent| (sent, self.alone.remove(&sent.ordinal)))
            .collect();
        let said = results::match_up(sent, outcomes);
        let put_off: Vec<(Ordinal, Next)> = said
            .iter()
            .map(|said| (said.sent.ordinal, Next::Retry(Reason::Overloaded)))
            .collect();
        let (core, peer) = (Arc::clone(self.core), self.handle.peer);
        let worked_out = self.worked_out.clone();
        self.working += 1;
        self.core.runtime.spawn(async move {
            let taken = core
                .run(move |core| results::take(core, peer, &said, &receipts))
                .await;
            let worked = match taken {
                Ok(committing) => committing.durable().await.map_err(store_failed),
                // Our own queue is full: the statements are sent again, and get the same receipts.
                Err(_) => Ok(Worked {
                    next: put_off,
                    receipts: 0,
                }),
            };
            // The stream may be gone meanwhile: what was kept is kept.
            drop(worked_out.send(worked));
        });
    }

    fn settle(&mut self, worked: Worked) {
        self.working -= 1;
        let now = self.core.clock.monotonic();
        if worked.receipts > 0 {
            self.proved(now);
            self.core
                .links
                .receipted(&self.handle.peer, self.core.now());
        }
        let mut pause = false;
        for (ordinal, next) in worked.next {
            let random = u32::from_le_bytes(self.core.random_bytes());
            let book = &mut self.memory.book;
            match next {
                Next::Settled => book.settle(ordinal),
                Next::Retry(reason) => {
                    pause |= concerns_lane(reason);
                    book.put_off(ordinal, Company::Joined, now, random);
                }
                Next::Alone(_) => book.put_off(ordinal, Company::Alone, now, random),
            }
        }
        if pause {
            self.memory.failures_in_a_row = self.memory.failures_in_a_row.saturating_add(1);
            let random = u32::from_le_bytes(self.core.random_bytes());
            self.memory.paused_until =
                now + super::retry::wait(self.memory.failures_in_a_row, random);
        } else if worked.receipts > 0 {
            self.memory.failures_in_a_row = 0;
        }
    }

    fn proved(&mut self, now: Duration) {
        self.proved = Use::Proved;
        self.memory.broke_on = None;
        self.core
            .links
            .proved(&self.handle.peer, self.handle.lane, now);
    }

    async fn beat(&mut self) -> Result<(), LinkError> {
        self.beat_number += 1;
        self.asked_at = Some(self.core.clock.monotonic());
        self.say(Outgoing::Heartbeat(self.beat_number)).await
    }

    /// Ends a stream whose results or heartbeats stay out; asks for one when it was quiet.
    async fn check_alive(&mut self) -> Result<(), LinkError> {
        let now = self.core.clock.monotonic();
        let waited = [self.window.oldest_sent_at(), self.asked_at]
            .into_iter()
            .flatten()
            .min();
        if waited.is_some_and(|since| now.saturating_sub(since) > RESULT_TIMEOUT) {
            return Err(timed_out());
        }
        let quiet = now.saturating_sub(self.heard_at) >= HEARTBEAT_INTERVAL;
        if quiet && self.asked_at.is_none() {
            self.beat().await?;
        }
        Ok(())
    }

    /// Until something is due by itself.
    fn nap(&self) -> Duration {
        let now = self.core.clock.monotonic();
        let pause = (self.memory.paused_until > now).then_some(self.memory.paused_until);
        let retry = self.memory.book.next_due().map(|due| match pause {
            Some(pause) => due.max(pause),
            None => due,
        });
        [retry, pause]
            .into_iter()
            .flatten()
            .min()
            .map_or(HEARTBEAT_INTERVAL, |due| due.saturating_sub(now))
            .clamp(Duration::from_millis(1), HEARTBEAT_INTERVAL)
    }

    /// The stream ended. The oldest frame under way is sent one by one when it was called broken, or when two
    /// streams in a row ended on it.
    fn broken(&mut self, reason: Reason) {
        let now = self.core.clock.monotonic();
        let Some(oldest) = self.window.oldest() else {
            return;
        };
        let statements: Vec<Sent> = oldest.statements.clone();
        let first = statements.first().map(|sent| sent.ordinal);
        if reason == Reason::FrameBroken || first == self.memory.broke_on {
            for sent in statements {
                let random = u32::from_le_bytes(self.core.random_bytes());
                self.memory
                    .book
                    .put_off(sent.ordinal, Company::Alone, now, random);
            }
        }
        self.memory.broke_on = first;
    }
}

/// Reasons that say something of the partner, not of one statement.
fn concerns_lane(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Overloaded | Reason::StoreFull | Reason::Quota | Reason::Stopping
    )
}

fn timed_out() -> LinkError {
    LinkError {
        reason: Reason::ResultTimeout,
        detail: "no result in time".into(),
    }
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "used as a function for `map_err`"
)]
fn store_failed(error: StoreFailed) -> LinkError {
    LinkError {
        reason: Reason::Stopping,
        detail: error.to_string(),
    }
}

fn refused_by_us(reason: Reason) -> LinkError {
    LinkError {
        reason,
        detail: "our own queue of work did not take it".into(),
    }
}
