//! One way of calling: its queue, its tries, and how it is.
//!
//! The way in is [`Way::push`]; [`Way::step`] is its task's work. Bounded: a newer call about the same matter takes the
//! place of the one that waits, and beyond the cap the oldest is given up. Must never wait for anything but its own
//! receiver.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::sleep};

use super::{call::Call, mail::Mailbox, webhook::Webhook};
use crate::{
    delivery::Random,
    domain::{
        limits::CALLS_WAITING_MAX,
        reason::Reason,
        time::{Clock, Timestamp},
    },
};

/// Waits after each try that failed; the first try is at once (Standard Webhooks, deliverability).
pub(super) const RETRIES: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(5 * 3600),
    Duration::from_secs(10 * 3600),
    Duration::from_secs(14 * 3600),
    Duration::from_secs(20 * 3600),
    Duration::from_secs(24 * 3600),
];

/// Of the wait, at most this part is added by chance.
const JITTER_PART: u32 = 10;
/// Between looks at an empty queue.
const REST: Duration = Duration::from_secs(3600);
/// The window of a rate a minute.
const MINUTE: Duration = Duration::from_secs(60);

/// What carries a call.
pub(super) enum Messenger {
    Webhook(Webhook),
    Mail(Mailbox),
}

/// Why a try failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SendFault {
    pub(super) reason: Reason,
    /// For people; no personal data, no secret.
    pub(super) detail: String,
    /// The receiver asks for so much patience.
    pub(super) retry_after: Option<Duration>,
}

impl SendFault {
    pub(super) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            retry_after: None,
        }
    }
}

impl Messenger {
    fn name(&self) -> &str {
        match self {
            Self::Webhook(hook) => hook.name(),
            Self::Mail(_) => "mail",
        }
    }

    const fn what(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Mail(_) => "mail",
        }
    }

    /// At most so many in a minute.
    const fn per_minute(&self) -> Option<u32> {
        match self {
            Self::Webhook(_) => None,
            Self::Mail(mail) => Some(mail.per_minute()),
        }
    }

    async fn send(&self, call: &Call, now: Timestamp) -> Result<(), SendFault> {
        match self {
            Self::Webhook(hook) => hook.send(call, now).await,
            Self::Mail(mail) => mail.send(call).await,
        }
    }
}

/// How a way is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayState {
    /// By its name in the configuration.
    pub name: String,
    /// `webhook` or `mail`.
    pub what: &'static str,
    /// Calls that wait.
    pub waiting: u64,
    /// Calls that arrived since the start.
    pub sent: u64,
    /// Calls that were given up since the start.
    pub failed: u64,
    /// When the last one arrived.
    pub sent_at: Option<Timestamp>,
    /// What stopped the last try, if it failed: since when, the named reason, and more in words.
    pub fault: Option<(Timestamp, Reason, String)>,
}

/// What came of one try by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The way, by its name in the configuration.
    pub way: String,
    /// `webhook` or `mail`.
    pub what: &'static str,
    /// What stopped it.
    pub fault: Option<(Reason, String)>,
}

pub(super) struct Way {
    messenger: Messenger,
    state: Mutex<State>,
    grown: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    sent: u64,
    failed: u64,
    sent_at: Option<Timestamp>,
    fault: Option<(Timestamp, Reason, String)>,
    /// The receiver wants nothing more, ever.
    is_gone: bool,
    /// When calls left within the last minute (monotonic).
    left: VecDeque<Duration>,
}

pub(super) struct Waiting {
    call: Arc<Call>,
    tries: u32,
    /// Monotonic.
    due: Duration,
}

impl Way {
    pub(super) fn new(messenger: Messenger) -> Self {
        Self {
            messenger,
            state: Mutex::default(),
            grown: Notify::new(),
        }
    }

    pub(super) fn name(&self) -> &str {
        self.messenger.name()
    }

    pub(super) fn state(&self) -> WayState {
        let state = self.lock();
        WayState {
            name: self.name().to_owned(),
            what: self.messenger.what(),
            waiting: u64::try_from(state.waiting.len()).unwrap_or(u64::MAX),
            sent: state.sent,
            failed: state.failed,
            sent_at: state.sent_at,
            fault: state.fault.clone(),
        }
    }

    /// Puts a call into the queue; gives back the one that is given up for it.
    pub(super) fn push(&self, call: Arc<Call>, monotonic: Duration) -> Option<Arc<Call>> {
        let mut state = self.lock();
        state
            .waiting
            .retain(|waiting| !waiting.call.is_about_the_same(&call));
        let dropped = (state.waiting.len() >= CALLS_WAITING_MAX)
            .then(|| state.waiting.pop_front())
            .flatten();
        state.failed += u64::from(dropped.is_some());
        state.waiting.push_back(Waiting {
            call,
            tries: 0,
            due: monotonic,
        });
        drop(state);
        self.grown.notify_one();
        dropped.map(|waiting| waiting.call)
    }

    /// One try beside the queue.
    pub(super) async fn try_once(&self, call: &Call) -> Tried {
        let tried = self.messenger.send(call, call.at).await;
        Tried {
            way: self.name().to_owned(),
            what: self.messenger.what(),
            fault: tried.err().map(|fault| (fault.reason, fault.detail)),
        }
    }

    /// Waits for the next call that is due and tries it. A call that is given up comes back, with how often it was
    /// tried and why.
    pub(super) async fn step(
        &self,
        clock: &dyn Clock,
        random: &dyn Random,
    ) -> Option<(Arc<Call>, u32, Reason)> {
        let mut waiting = match self.take(clock.monotonic()) {
            Ok(waiting) => waiting,
            Err(wait) => {
                tokio::select! {
                    biased;
                    () = self.grown.notified() => {}
                    () = sleep(wait) => {}
                }
                return None;
            }
        };
        if self.lock().is_gone {
            self.lock().failed += 1;
            return Some((waiting.call, waiting.tries, Reason::CallGone));
        }
        waiting.tries += 1;
        let fault = match self.messenger.send(&waiting.call, clock.now()).await {
            Ok(()) => {
                let mut state = self.lock();
                state.sent += 1;
                state.sent_at = Some(clock.now());
                state.fault = None;
                return None;
            }
            Err(fault) => fault,
        };
        tracing::warn!(
            way = self.name(), reason = %fault.reason, detail = fault.detail, tries = waiting.tries,
            "a call did not arrive"
        );
        let mut random_bytes = [0; 1];
        random.fill(&mut random_bytes);
        self.failed(waiting, fault, clock, random_bytes)
    }

    /// Back into the queue, or given up.
    fn failed(
        &self,
        mut waiting: Waiting,
        fault: SendFault,
        clock: &dyn Clock,
        [chance]: [u8; 1],
    ) -> Option<(Arc<Call>, u32, Reason)> {
        let wait = wait_after(waiting.tries, chance);
        let mut state = self.lock();
        state.fault = Some((clock.now(), fault.reason, fault.detail));
        state.is_gone |= fault.reason == Reason::CallGone;
        let superseded = state
            .waiting
            .iter()
            .any(|other| other.call.is_about_the_same(&waiting.call));
        match wait.filter(|_| !state.is_gone) {
            // A newer call about the same waits already.
            Some(_) if superseded => None,
            Some(wait) => {
                let wait = wait.max(fault.retry_after.unwrap_or_default());
                waiting.due = clock.monotonic() + wait;
                state.waiting.push_back(waiting);
                None
            }
            None => {
                state.failed += 1;
                Some((waiting.call, waiting.tries, fault.reason))
            }
        }
    }

    /// The one that is due longest, or how long there is nothing to do.
    pub(super) fn take(&self, monotonic: Duration) -> Result<Waiting, Duration> {
        let mut state = self.lock();
        let soonest = state.waiting.iter().enumerate();
        let soonest = soonest.min_by_key(|(_, waiting)| waiting.due);
        let Some((place, due)) = soonest.map(|(place, waiting)| (place, waiting.due)) else {
            return Err(REST);
        };
        if due > monotonic && !state.is_gone {
            return Err(due - monotonic);
        }
        if let Some(per_minute) = self.messenger.per_minute() {
            let begun = monotonic.saturating_sub(MINUTE);
            state
                .left
                .retain(|left| *left > begun || monotonic < MINUTE);
            if state.left.len() >= usize::try_from(per_minute).unwrap_or(usize::MAX) {
                let oldest = state.left.front().copied().unwrap_or(monotonic);
                return Err((oldest + MINUTE).saturating_sub(monotonic));
            }
            state.left.push_back(monotonic);
        }
        state.waiting.remove(place).ok_or(REST)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long to wait after so many tries; `None`: it is given up. `chance` adds up to a tenth.
pub(super) fn wait_after(tries: u32, chance: u8) -> Option<Duration> {
    let place = usize::try_from(tries.checked_sub(1)?).ok()?;
    let wait = *RETRIES.get(place)?;
    Some(wait + wait / JITTER_PART * u32::from(chance) / u32::from(u8::MAX))
}

#[cfg(test)]
mod tests;
