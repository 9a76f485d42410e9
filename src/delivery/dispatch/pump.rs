//! One stream while it stands: sends frames, takes results, keeps it alive.
//!
//! The way in is [`run`]; what is to be sent comes from [`Feed`]. Must never have more under way than the window
//! allows, and never let one statement that is put off hold up the others.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;

use super::{
    feed::Feed,
    frames::{self, Item},
    lane::LaneHandle,
    results::{self, Next, Worked},
    retry::{Company, RetryBook},
    window::{Flight, FrameCaps, Sent, Window},
};
use crate::{
    delivery::{
        core::Core,
        link::{Incoming, Link, LinkError, Outgoing, StatementOutcome},
    },
    domain::{
        limits::{HEARTBEAT_INTERVAL, RESULT_TIMEOUT},
        reason::Reason,
    },
    store::{StoreFailed, record::Ordinal},
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
        feed: Feed::new(core, handle),
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
    core.under_way.ended((handle.peer, handle.lane));
    memory.book.stream_ended();
    (ended, proved)
}

/// The result of the frame of this number, kept.
type WorkedUp = (u64, Result<Worked, LinkError>);

/// What became of filling the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filled {
    /// A frame left; there may be more to send.
    OneFrame,
    /// There is no room, or nothing to send.
    Enough,
}

struct Pump<'a> {
    core: &'a Arc<Core>,
    handle: &'a LaneHandle,
    link: Box<dyn Link>,
    memory: &'a mut Memory,
    caps: FrameCaps,
    window: Window,
    feed: Feed<'a>,
    /// Results that are being worked up.
    working: usize,
    worked_out: mpsc::UnboundedSender<WorkedUp>,
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
        mut worked: mpsc::UnboundedReceiver<WorkedUp>,
    ) -> Result<(), LinkError> {
        self.beat().await?;
        loop {
            let filled = if self.handle.is_stopping() {
                if self.window.is_empty() && self.working == 0 {
                    return Ok(());
                }
                Filled::Enough
            } else {
                self.fill().await?
            };
            let nap = self.nap();
            tokio::select! {
                biased;
                Some((number, worked)) = worked.recv() => self.settle(number, worked?),
                incoming = self.link.receive() => self.hear(incoming?),
                () = self.handle.wake.notified() => self.feed.look_again(&mut self.memory.book).await?,
                () = self.handle.heartbeat.notified() => self.beat().await?,
                // After what was heard: the next frame.
                () = std::future::ready(()), if filled == Filled::OneFrame => {}
                () = tokio::time::sleep(nap) => {}
            }
            self.check_alive().await?;
        }
    }

    /// Fetches and sends a frame if the window has room and something is there. One only: reading back what has waited
    /// for long takes its time, and what the partner says meanwhile must be heard.
    async fn fill(&mut self) -> Result<Filled, LinkError> {
        let now = self.core.clock.monotonic();
        if now < self.memory.paused_until {
            return Ok(Filled::Enough);
        }
        loop {
            if !self.feed.refill(&mut self.memory.book).await? {
                return Ok(Filled::Enough);
            }
            let (statements, bytes, caps) = self.feed.next_size(self.caps);
            if statements == 0 {
                continue;
            }
            if !self.window.has_room(statements, bytes) {
                return Ok(Filled::Enough);
            }
            let items = frames::next_frame(self.feed.ready(), caps);
            self.send(&items).await?;
            return Ok(Filled::OneFrame);
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
        let statements = items.iter().map(|item| item.sent.statement).collect();
        let to = (self.handle.peer, self.handle.lane);
        let now = self.core.now();
        self.core.under_way.sent(to, number, now, statements);
        self.window.sent(number, flight);
        let batches = frames::batches(items);
        failpoint!(SendBefore);
        let said = self.say(Outgoing::Frame { number, batches }).await;
        failpoint!(SendAfter);
        said
    }

    /// Hands a message over; a transport that takes nothing for too long is given up.
    async fn say(&mut self, outgoing: Outgoing) -> Result<(), LinkError> {
        tokio::time::timeout(RESULT_TIMEOUT, self.link.send(outgoing))
            .await
            .unwrap_or_else(|_| Err(timed_out()))
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
                    self.work_up(number, flight, &results, receipts);
                }
            }
        }
    }

    /// Has a result worked up on a worker; the lane goes on meanwhile.
    fn work_up(
        &mut self,
        number: u64,
        flight: Flight,
        outcomes: &[StatementOutcome],
        receipts: Vec<Unverified>,
    ) {
        let sent = flight
            .statements
            .into_iter()
            .map(|sent| (sent, self.feed.arrived(sent.ordinal)))
            .collect();
        let said = results::match_up(sent, outcomes);
        let put_off: Vec<(Ordinal, Next)> = said
            .iter()
            .map(|said| (said.sent.ordinal, Next::Retry(Reason::Overloaded)))
            .collect();
        let core = Arc::clone(self.core);
        let (peer, lane) = (self.handle.peer, self.handle.lane);
        let worked_out = self.worked_out.clone();
        self.working += 1;
        self.core.spawn(async move {
            failpoint!(ReceiptKeptBefore);
            let taken = core
                .run(lane, move |core| {
                    results::take(core, peer, &said, &receipts)
                })
                .await;
            let worked = match taken {
                Ok(committing) => committing.durable().await.map_err(store_failed),
                // Our own queue is full: the statements are sent again, and get the same receipts.
                Err(_) => Ok(Worked {
                    next: put_off,
                    receipts: 0,
                }),
            };
            failpoint!(ReceiptKeptAfter);
            // The stream may be gone meanwhile: what was kept is kept.
            drop(worked_out.send((number, worked)));
        });
    }

    fn settle(&mut self, number: u64, worked: Worked) {
        self.working -= 1;
        let to = (self.handle.peer, self.handle.lane);
        self.core.under_way.settled(to, number);
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
pub(super) fn store_failed(error: StoreFailed) -> LinkError {
    LinkError {
        reason: Reason::Stopping,
        detail: error.to_string(),
    }
}
