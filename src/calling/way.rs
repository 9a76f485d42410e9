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

use arc_swap::ArcSwap;
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
    pub(super) fn name(&self) -> &str {
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

/// What came of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing that anybody must know.
    Waited,
    /// A call arrived, after so many tries.
    Arrived(Arc<Call>, u32),
    /// A call is given up after so many tries, and why.
    GivenUp(Arc<Call>, u32, Reason),
    /// The way is no more; what waited on it is given up.
    Ended(Vec<Arc<Call>>),
}

pub(super) struct Way {
    name: String,
    messenger: ArcSwap<Messenger>,
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
    /// The configuration names it no more.
    is_ended: bool,
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
            name: messenger.name().to_owned(),
            messenger: ArcSwap::from_pointee(messenger),
            state: Mutex::default(),
            grown: Notify::new(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// By another address, secret or server from now on: what waits is tried there at once, and by
    /// the whole schedule.
    pub(super) fn goes_by(&self, messenger: Messenger) {
        self.messenger.store(Arc::new(messenger));
        let mut state = self.lock();
        state.is_gone = false;
        for waiting in &mut state.waiting {
            (waiting.due, waiting.tries) = (Duration::ZERO, 0);
        }
        drop(state);
        self.grown.notify_one();
    }

    /// The configuration names it no more.
    pub(super) fn end(&self) {
        self.lock().is_ended = true;
        self.grown.notify_one();
    }

    #[cfg(test)]
    pub(super) fn is_ended(&self) -> bool {
        self.lock().is_ended
    }

    pub(super) fn state(&self) -> WayState {
        let state = self.lock();
        WayState {
            name: self.name().to_owned(),
            what: self.messenger.load().what(),
            waiting: u64::try_from(state.waiting.len()).unwrap_or(u64::MAX),
            sent: state.sent,
            failed: state.failed,
            sent_at: state.sent_at,
            fault: state.fault.clone(),
        }
    }

    /// Puts a call into the queue; gives back the one that is given up for it.
    pub(super) fn push(&self, call: Arc<Call>, monotonic: Duration) -> Option<Arc<Call>> {
        self.queue(call, 0, monotonic)
    }

    /// Puts a call that is so old back into the queue, as far in its schedule as it would be: tried at once.
    pub(super) fn restore(
        &self,
        call: Arc<Call>,
        age: Duration,
        monotonic: Duration,
    ) -> Option<Arc<Call>> {
        self.queue(call, tries_within(age), monotonic)
    }

    fn queue(&self, call: Arc<Call>, tries: u32, monotonic: Duration) -> Option<Arc<Call>> {
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
            tries,
            due: monotonic,
        });
        drop(state);
        self.grown.notify_one();
        dropped.map(|waiting| waiting.call)
    }

    /// One try beside the queue.
    pub(super) async fn try_once(&self, call: &Call) -> Tried {
        let messenger = self.messenger.load_full();
        let tried = messenger.send(call, call.at).await;
        Tried {
            way: self.name().to_owned(),
            what: messenger.what(),
            fault: tried.err().map(|fault| (fault.reason, fault.detail)),
        }
    }

    /// Waits for the next call that is due and tries it.
    pub(super) async fn step(&self, clock: &dyn Clock, random: &dyn Random) -> Step {
        let taken = match self.ended() {
            Some(waited) => return Step::Ended(waited),
            None => self.take(clock.monotonic()),
        };
        let mut waiting = match taken {
            Ok(waiting) => waiting,
            Err(wait) => {
                tokio::select! {
                    biased;
                    () = self.grown.notified() => {}
                    () = sleep(wait) => {}
                }
                return Step::Waited;
            }
        };
        if self.lock().is_gone {
            self.lock().failed += 1;
            return Step::GivenUp(waiting.call, waiting.tries, Reason::CallGone);
        }
        waiting.tries += 1;
        let messenger = self.messenger.load_full();
        let fault = match messenger.send(&waiting.call, clock.now()).await {
            Ok(()) => {
                let mut state = self.lock();
                state.sent += 1;
                state.sent_at = Some(clock.now());
                state.fault = None;
                return Step::Arrived(waiting.call, waiting.tries);
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

    /// What waited, once the way has ended.
    fn ended(&self) -> Option<Vec<Arc<Call>>> {
        let mut state = self.lock();
        if !state.is_ended {
            return None;
        }
        let waited = state.waiting.drain(..);
        Some(waited.map(|waiting| waiting.call).collect())
    }

    /// Back into the queue, or given up.
    fn failed(
        &self,
        mut waiting: Waiting,
        fault: SendFault,
        clock: &dyn Clock,
        [chance]: [u8; 1],
    ) -> Step {
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
            Some(_) if superseded => Step::Waited,
            Some(wait) => {
                let wait = wait.max(fault.retry_after.unwrap_or_default());
                waiting.due = clock.monotonic() + wait;
                state.waiting.push_back(waiting);
                Step::Waited
            }
            None => {
                state.failed += 1;
                Step::GivenUp(waiting.call, waiting.tries, fault.reason)
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
        if let Some(per_minute) = self.messenger.load().per_minute() {
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

/// How often a call of this age was to be tried by the schedule: the wait after each of these tries is over.
fn tries_within(age: Duration) -> u32 {
    let mut left = age;
    let over = RETRIES.iter().take_while(|wait| {
        let rest = left.checked_sub(**wait);
        left = rest.unwrap_or_default();
        rest.is_some()
    });
    u32::try_from(over.count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
pub(super) mod tests;
