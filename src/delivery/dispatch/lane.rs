//! One lane to one partner: dials, greets, pumps, and dials again.
//!
//! The way in is [`keep_up`]. Must never take a connection for a link: it is up after its greeting.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::FutureExt as _;
use tokio::sync::{Notify, watch};

use super::{
    Beats, VERSIONS, greeting,
    pump::{self, Memory},
    retry,
};
use crate::{
    delivery::{
        core::{Core, Incident},
        link::{Greeting, Link, LinkError},
        links::Fork,
    },
    domain::{
        id::{AuthorityId, StatementRef},
        limits::{CLOCK_TOLERANCE, GREETING_TIMEOUT, HANDSHAKE_TIMEOUT, HEARD_AGAIN_AFTER},
        reason::Reason,
        routing::Lane,
    },
};

/// How others reach a lane's task.
pub(super) struct LaneHandle {
    pub(super) peer: AuthorityId,
    pub(super) lane: Lane,
    /// Something is queued, or somebody wants it dialled now.
    pub(super) wake: Notify,
    /// A heartbeat is wanted.
    pub(super) heartbeat: Notify,
    pub(super) beats: Beats,
    /// The partner greeted us: it is there.
    heard: Notify,
    other_up: Notify,
    resumed: Mutex<Vec<StatementRef>>,
    stopping: watch::Sender<bool>,
    over: watch::Sender<bool>,
}

impl LaneHandle {
    pub(super) fn new(peer: AuthorityId, lane: Lane) -> Self {
        Self {
            peer,
            lane,
            wake: Notify::new(),
            heartbeat: Notify::new(),
            beats: watch::Sender::new(0),
            heard: Notify::new(),
            other_up: Notify::new(),
            resumed: Mutex::default(),
            stopping: watch::Sender::new(false),
            over: watch::Sender::new(false),
        }
    }

    /// Asks for a heartbeat, dialling if need be, and waits until one came back.
    pub(super) fn check(&self) -> impl Future<Output = ()> + use<> {
        let mut beats = self.beats.subscribe();
        self.wake.notify_one();
        self.heartbeat.notify_one();
        async move {
            // An error means that the lane is gone: then nothing comes back.
            drop(beats.changed().await);
        }
    }

    /// Asks the lane to settle what is under way, and waits until it has ended.
    pub(super) fn stop(&self) -> impl Future<Output = ()> + use<> {
        self.stopping.send_replace(true);
        self.wake.notify_one();
        let mut over = self.over.subscribe();
        async move { drop(over.wait_for(|over| *over).await) }
    }

    /// True when nothing new is to be sent.
    pub(super) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Waits until nothing new is to be sent.
    async fn stopped(&self) {
        // The sender is our own: it cannot be gone.
        drop(self.stopping.subscribe().wait_for(|is| *is).await);
    }

    /// The partner is there: a lane that waits to dial again does so now.
    pub(super) fn heard(&self) {
        self.heard.notify_one();
    }

    /// The other lane is up: so the partner is there. A lane that does not wait at this moment is told nothing.
    fn need_not_wait(&self) {
        self.other_up.notify_waiters();
    }

    /// The task has ended.
    pub(super) fn ended(&self) {
        self.over.send_replace(true);
    }

    /// A person let a held delivery go on.
    pub(super) fn resume(&self, statement: StatementRef) {
        self.lock_resumed().push(statement);
        self.wake.notify_one();
    }

    /// What was let go on since the last time.
    pub(super) fn take_resumed(&self) -> Vec<StatementRef> {
        std::mem::take(&mut *self.lock_resumed())
    }

    fn lock_resumed(&self) -> std::sync::MutexGuard<'_, Vec<StatementRef>> {
        self.resumed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the lane up until it is stopped. When it comes up the partner is there: the other lane need not wait any
/// longer, so that after an outage what is urgent does not come behind what is not.
pub(super) async fn keep_up(core: Arc<Core>, handle: Arc<LaneHandle>, other: Arc<LaneHandle>) {
    let mut memory = Memory::default();
    let mut backoff = Backoff::default();
    while !handle.is_stopping() {
        let opened = tokio::select! {
            biased;
            () = handle.stopped() => return,
            opened = open(&core, &handle) => opened,
        };
        let error = match opened {
            Err(error) => error,
            Ok(link) => {
                other.need_not_wait();
                let (ended, use_) = pump::run(&core, &handle, link, &mut memory).await;
                if use_ == pump::Use::Proved {
                    backoff.failures = 0;
                }
                match ended {
                    Ok(()) => return,
                    Err(error) => error,
                }
            }
        };
        tracing::debug!(peer = %handle.peer, lane = %handle.lane, %error, "lane is down");
        backoff.rest(&core, &handle, error.reason).await;
    }
}

/// How long a lane waits before it dials again.
#[derive(Debug, Default)]
struct Backoff {
    /// Attempts in a row that brought nothing.
    failures: u32,
    /// When a greeting of the partner's last ended a wait (monotonic).
    heard_at: Option<Duration>,
}

impl Backoff {
    /// Shows the lane as down and waits, until its time or until somebody knows better.
    async fn rest(&mut self, core: &Core, handle: &LaneHandle, reason: Reason) {
        self.failures = self.failures.saturating_add(1);
        let wait = retry::wait(self.failures, u32::from_le_bytes(core.random_bytes()));
        let (peer, lane) = (&handle.peer, handle.lane);
        let links = &core.links;
        links.down(peer, lane, core.now(), reason, self.failures, wait);
        tokio::select! {
            biased;
            () = tokio::time::sleep(wait) => {}
            () = handle.stopped() => {}
            () = handle.heartbeat.notified() => {}
            () = handle.other_up.notified() => self.failures = 0,
            () = self.heard(core, handle) => self.failures = 0,
        }
    }

    /// Until the partner greets us. Two nodes that cannot agree would wake each other for ever, so that greetings
    /// end waits only so often.
    async fn heard(&mut self, core: &Core, handle: &LaneHandle) {
        loop {
            handle.heard.notified().await;
            let now = core.clock.monotonic();
            let again = self.heard_at.map(|at| at + HEARD_AGAIN_AFTER);
            if again.is_none_or(|again| now >= again) {
                self.heard_at = Some(now);
                return;
            }
        }
    }
}

/// Dials and compares greetings.
async fn open(core: &Arc<Core>, handle: &LaneHandle) -> Result<Box<dyn Link>, LinkError> {
    core.check_directory().map_err(|reason| LinkError {
        reason,
        detail: "our own membership list has expired".into(),
    })?;
    let dialling = core
        .connector
        .connect(handle.peer, handle.lane, greeting(core, handle.lane));
    let link = tokio::time::timeout(HANDSHAKE_TIMEOUT + GREETING_TIMEOUT, dialling)
        .await
        .map_err(|_| LinkError {
            reason: Reason::GreetingTimeout,
            detail: "no greeting in time".into(),
        })??;
    compare(core, handle, link.greeting()).await?;
    // What was heard before does not count against the next break.
    handle.heard.notified().now_or_never();
    core.links.up(
        &handle.peer,
        handle.lane,
        core.now(),
        link.peer_uri(),
        link.key_exchange(),
    );
    Ok(link)
}

/// Federation and version must fit; a fork and differing clocks are told, and nothing is changed for them.
async fn compare(
    core: &Arc<Core>,
    handle: &LaneHandle,
    theirs: &Greeting,
) -> Result<(), LinkError> {
    let ours = greeting(core, handle.lane);
    let refuse = |reason, detail: &str| {
        Err(LinkError {
            reason,
            detail: detail.to_owned(),
        })
    };
    if theirs.federation != ours.federation {
        return refuse(
            Reason::WrongFederation,
            "the partner is of another federation",
        );
    }
    if !theirs.versions.iter().any(|v| VERSIONS.contains(v)) {
        return refuse(Reason::UnsupportedVersion, "no protocol version in common");
    }
    let fork = fork(&ours, theirs);
    let monotonic = core.clock.monotonic();
    core.links
        .greeted(&handle.peer, theirs.clock, monotonic, fork);
    let mut seen = Vec::new();
    if fork == Fork::Seen {
        seen.push(Reason::DirectoryFork);
    }
    if theirs.clock.distance(ours.clock) > CLOCK_TOLERANCE {
        seen.push(Reason::ClockSkew);
    }
    let events = seen
        .into_iter()
        .filter_map(|reason| {
            core.incident(Incident {
                peer: handle.peer,
                reason,
                statement: None,
                leaf: None,
            })
        })
        .collect();
    core.record(events).await.map_err(|error| LinkError {
        reason: Reason::Stopping,
        detail: error.to_string(),
    })
}

/// The same version with another hash.
fn fork(ours: &Greeting, theirs: &Greeting) -> Fork {
    let same_version = ours.directory_version == theirs.directory_version;
    if same_version && ours.directory_hash != theirs.directory_hash {
        Fork::Seen
    } else {
        Fork::None
    }
}
