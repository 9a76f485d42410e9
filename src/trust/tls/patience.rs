//! How long a connection may take over what it has begun, and how fast its small frames are read.
//!
//! The way in is [`Patience`], which sees every byte of a connection go by. The HTTP/2 library answers what is illegal;
//! it has no deadline for half a frame or half a header block, none for a peer that does not read, and takes any number
//! of legal small frames: those are bounded here (threats, rows 54 and 56). Must never end a connection that only
//! carries little.

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

use super::frames::Frames;
use crate::domain::{
    limits::{
        FIRST_CALL_TIMEOUT, HTTP2_SMALL_FRAMES_PER_SECOND, HTTP2_UNIT_TIMEOUT, WRITE_STALL_MAX,
    },
    rate::Allowance,
};

/// Why a connection is put out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Impatience {
    #[error("the peer stood still within a frame, a header block or its preface")]
    Unfinished,
    #[error("the peer began no call")]
    NoCall,
    #[error("the peer has long had no call")]
    Idle,
    #[error("the peer does not read")]
    DoesNotRead,
    #[error("the peer broke the rules or limits of HTTP/2")]
    Broken,
}

/// What one connection has done, and until when it must do more.
pub(super) struct Patience {
    begun: Instant,
    /// Longest time without a call; `None`: a connection may stay for calls to come.
    idle_max: Option<Duration>,
    incoming: Frames,
    outgoing: Frames,
    small: Allowance,
    /// When the last frame, header block or preface ended.
    ended: Instant,
    /// When the last frame of a call came.
    called: Option<Instant>,
    /// Since when nothing could be written.
    stalled: Option<Instant>,
    reading: Pin<Box<Sleep>>,
    writing: Pin<Box<Sleep>>,
}

impl Patience {
    /// With a connection whose handshake has just ended.
    pub(super) fn with(idle_max: Option<Duration>) -> Self {
        let now = Instant::now();
        Self {
            begun: now,
            idle_max,
            incoming: Frames::of_a_client(),
            outgoing: Frames::of_a_server(),
            small: Allowance::full(HTTP2_SMALL_FRAMES_PER_SECOND, Duration::ZERO),
            ended: now,
            called: None,
            stalled: None,
            reading: Box::pin(sleep_until(now + FIRST_CALL_TIMEOUT)),
            writing: Box::pin(sleep_until(now + WRITE_STALL_MAX)),
        }
    }

    /// Whether more may be read now: small frames beyond their rate are left in the pipe for a while.
    pub(super) fn poll_may_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let now = Instant::now();
            let owed = self.small.owed(now - self.begun);
            if owed.is_zero() {
                return Poll::Ready(());
            }
            // It is we who wait: the peer's time stands still.
            self.ended = now + owed;
            self.reading.as_mut().reset(now + owed);
            ready!(self.reading.as_mut().poll(cx));
        }
    }

    /// Sees what was read.
    pub(super) fn has_read(&mut self, bytes: &[u8]) {
        let seen = self.incoming.read(bytes);
        let now = Instant::now();
        if seen.small > 0 {
            self.small.spend(u64::from(seen.small), now - self.begun);
        }
        if seen.ended {
            self.ended = now;
        }
        if seen.of_a_call {
            self.called = Some(now);
        }
    }

    /// Nothing is there to read: an error when that has been so for too long; wakes the task when it will be.
    pub(super) fn wait_for_more(&mut self, cx: &mut Context<'_>) -> Result<(), Impatience> {
        loop {
            let Some((due, why)) = self.due() else {
                return Ok(());
            };
            if Instant::now() >= due {
                return Err(why);
            }
            // A wake-up that comes early looks again: cheaper than to set it anew with every frame.
            if self.reading.deadline() > due || self.reading.is_elapsed() {
                self.reading.as_mut().reset(due);
            }
            if self.reading.as_mut().poll(cx).is_pending() {
                return Ok(());
            }
        }
    }

    fn due(&self) -> Option<(Instant, Impatience)> {
        if self.incoming.is_within() {
            return Some((self.ended + HTTP2_UNIT_TIMEOUT, Impatience::Unfinished));
        }
        match (self.called, self.idle_max) {
            (_, None) => None,
            (None, Some(_)) => Some((self.begun + FIRST_CALL_TIMEOUT, Impatience::NoCall)),
            (Some(called), Some(idle_max)) => Some((called + idle_max, Impatience::Idle)),
        }
    }

    /// Sees what was written.
    ///
    /// # Errors
    /// When that gave the connection up for its peer's faults.
    pub(super) fn has_written(&mut self, bytes: &[u8]) -> Result<(), Impatience> {
        self.stalled = None;
        match self.outgoing.read(bytes).given_up {
            None | Some(0) => Ok(()),
            Some(_) => Err(Impatience::Broken),
        }
    }

    /// Nothing could be written: an error when that has been so for too long; wakes the task when it will be.
    pub(super) fn wait_for_room(&mut self, cx: &mut Context<'_>) -> Result<(), Impatience> {
        let now = Instant::now();
        let since = *self.stalled.get_or_insert(now);
        let due = since + WRITE_STALL_MAX;
        if now >= due {
            return Err(Impatience::DoesNotRead);
        }
        if self.writing.deadline() != due {
            self.writing.as_mut().reset(due);
        }
        // Pending, or due by now and seen at the next look: the task is woken either way.
        if self.writing.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const HEADERS: [u8; 9] = [0, 0, 0, 1, 4, 0, 0, 0, 1];
    const PING: [u8; 17] = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1];
    const SECOND: Duration = Duration::from_secs(1);
    const IDLE: Duration = Duration::from_secs(60);

    fn now() -> Context<'static> {
        Context::from_waker(Waker::noop())
    }

    /// Nothing happens until just before, and then until the end of a time.
    async fn until(
        patience: &mut Patience,
        time: Duration,
        wait: fn(&mut Patience, &mut Context<'_>) -> Result<(), Impatience>,
    ) -> Result<(), Impatience> {
        wait(patience, &mut now())?;
        tokio::time::advance(time.saturating_sub(SECOND)).await;
        assert_eq!(wait(patience, &mut now()), Ok(()), "too early");
        tokio::time::advance(SECOND).await;
        wait(patience, &mut now())
    }

    #[tokio::test(start_paused = true)]
    async fn t56_what_has_begun_must_end_and_calls_must_come() {
        let wait = Patience::wait_for_more;
        let mut silent = Patience::with(Some(IDLE));
        let told = until(&mut silent, HTTP2_UNIT_TIMEOUT, wait).await;
        assert_eq!(told, Err(Impatience::Unfinished), "no preface");

        let mut callless = Patience::with(Some(IDLE));
        callless.has_read(PREFACE);
        let told = until(&mut callless, FIRST_CALL_TIMEOUT, wait).await;
        assert_eq!(told, Err(Impatience::NoCall));

        let mut idle = Patience::with(Some(IDLE));
        idle.has_read(PREFACE);
        idle.has_read(&HEADERS);
        let told = until(&mut idle, IDLE, wait).await;
        assert_eq!(told, Err(Impatience::Idle));

        let mut half = Patience::with(Some(IDLE));
        half.has_read(PREFACE);
        half.has_read(&HEADERS);
        tokio::time::advance(SECOND * 5).await;
        half.has_read(&HEADERS);
        half.has_read(&PING[..4]);
        let told = until(&mut half, HTTP2_UNIT_TIMEOUT, wait).await;
        assert_eq!(told, Err(Impatience::Unfinished), "half a frame");

        // Where calls may be long in coming, only halves are ended.
        let mut patient = Patience::with(None);
        patient.has_read(PREFACE);
        assert_eq!(until(&mut patient, IDLE * 60, wait).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn t54_small_frames_are_read_at_their_rate() {
        let mut patience = Patience::with(None);
        patience.has_read(PREFACE);
        let most = usize::try_from(HTTP2_SMALL_FRAMES_PER_SECOND).unwrap();
        patience.has_read(&PING.repeat(most));
        assert!(patience.poll_may_read(&mut now()).is_ready(), "in hand");
        patience.has_read(&PING.repeat(most));
        assert!(patience.poll_may_read(&mut now()).is_pending(), "owed");
        tokio::time::advance(SECOND / 2).await;
        assert!(patience.poll_may_read(&mut now()).is_pending(), "half paid");
        tokio::time::advance(SECOND / 2 + Duration::from_millis(2)).await;
        assert!(patience.poll_may_read(&mut now()).is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn t56_a_peer_that_does_not_read_is_put_out() {
        let wait = Patience::wait_for_room;
        let mut patience = Patience::with(None);
        assert_eq!(wait(&mut patience, &mut now()), Ok(()));
        tokio::time::advance(WRITE_STALL_MAX - SECOND).await;
        // It read something: its time begins anew.
        patience.has_written(&PING).unwrap();
        let told = until(&mut patience, WRITE_STALL_MAX, wait).await;
        assert_eq!(told, Err(Impatience::DoesNotRead));
    }

    #[tokio::test(start_paused = true)]
    async fn t52_what_the_library_gives_up_is_told() {
        let farewell = |code| [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, code];
        let mut patience = Patience::with(None);
        assert_eq!(patience.has_written(&farewell(0)), Ok(()));
        assert_eq!(patience.has_written(&farewell(11)), Err(Impatience::Broken));
    }
}
