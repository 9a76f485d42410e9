//! What all parts of the broker share, and how they commit.
//!
//! The way in is [`Core::run`] from the async side, and [`Core::commit`] on a worker. Must never answer before a
//! plan is durable (invariant I1), and never drop a plan uncommitted.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use tokio::{runtime::Handle, sync::oneshot};

pub(super) use super::alarms::Incident;
use super::{
    Connector, Random, SubmitError,
    alarms::Alarms,
    links::LinkTable,
    quota::Quotas,
    reclaim::{Asking, Shares},
    refusals::{Noted, Refusals},
    turns::Source,
    under_way::UnderWay,
    workers::{Job, WorkQueue},
};
use crate::{
    domain::{
        id::AuthorityId,
        reason::Reason,
        release::KindSet,
        routing::Lane,
        time::{Clock, Timestamp},
    },
    store::{Durable, Plan, Runs, Store, StoreFailed, event::Event, ledger::Ledger},
    trust::{
        batch::{BatchSigner, Verifier},
        directory::{DirectoryHandle, Standing},
    },
};

/// The broker's inside.
pub(super) struct Core {
    pub(super) authority: AuthorityId,
    pub(super) store: Store,
    pub(super) directory: DirectoryHandle,
    pub(super) statement_signer: BatchSigner,
    pub(super) receipt_signer: BatchSigner,
    pub(super) verifier: Verifier,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    pub(super) connector: Arc<dyn Connector>,
    pub(super) runtime: Handle,
    pub(super) runs: Runs,
    pub(super) queue: WorkQueue,
    pub(super) links: LinkTable,
    pub(super) under_way: UnderWay,
    pub(super) refusals: Mutex<Refusals>,
    pub(super) quotas: Quotas,
    pub(super) stopping: AtomicBool,
    pub(super) alarms: Mutex<Alarms>,
    pub(super) given: Shares,
    pub(super) asking: Asking,
}

/// A commit under way; answers when it is durable, or the store has failed.
pub(super) struct Committing<T>(oneshot::Receiver<Result<T, StoreFailed>>);

impl<T> Committing<T> {
    /// Waits for the disk.
    pub(super) async fn durable(self) -> Result<T, StoreFailed> {
        self.0
            .await
            .unwrap_or_else(|_| Err(StoreFailed("the runtime ended during a commit".into())))
    }
}

impl Core {
    /// The wall clock.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// True when nothing new is taken any more.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Refuses when the membership has expired beyond its grace.
    pub(super) fn check_directory(&self) -> Result<(), Reason> {
        match self.directory.load().standing(self.now()) {
            Standing::Closed => Err(Reason::DirectoryClosed),
            Standing::Fresh | Standing::Stale | Standing::Grace => Ok(()),
        }
    }

    /// Kinds that an authority sends only after a second person's release, by its own entry in the directory.
    pub(super) fn demands_release(&self, authority: &AuthorityId) -> KindSet {
        let directory = self.directory.load();
        directory
            .member(authority)
            .map_or_else(KindSet::default, |member| member.release_kinds)
    }

    /// Runs a piece of our own work on a worker.
    ///
    /// # Errors
    /// `OVERLOADED` or `STOPPING`: it did not run.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnOnce(&Arc<Self>) -> T + Send + 'static,
    ) -> Result<T, Reason> {
        self.run_for(None, lane, work).await
    }

    /// The same in the turn of whoever it is done for.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub(super) async fn run_for<T: Send + 'static>(
        &self,
        source: Source,
        lane: Lane,
        work: impl FnOnce(&Arc<Self>) -> T + Send + 'static,
    ) -> Result<T, Reason> {
        let (answer, answered) = oneshot::channel();
        let task = Job::Task(Box::new(move |core| {
            // Nobody waits any more: the work itself was done all the same.
            drop(answer.send(work(core)));
        }));
        self.queue.push(source, lane, task)?;
        answered.await.map_err(|_| Reason::Stopping)
    }

    /// Commits a plan: what it computes first (sealing) runs on this worker, the waiting on the runtime.
    pub(super) fn commit<T: Send + 'static>(&self, plan: Plan<T>) -> Committing<T> {
        let (answer, answered) = oneshot::channel();
        let mut commit: Pin<Box<_>> = Box::pin(plan.commit());
        let mut idle = Context::from_waker(Waker::noop());
        match commit.as_mut().poll(&mut idle) {
            Poll::Ready(result) => drop(answer.send(result.map(Durable::into_inner))),
            Poll::Pending => {
                self.spawn(async move {
                    drop(answer.send(commit.await.map(Durable::into_inner)));
                });
            }
        }
        Committing(answered)
    }

    /// Runs a task of the broker's until it ends, or the node does.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        match &self.runs {
            Runs::OnThreads => drop(self.runtime.spawn(task)),
            #[cfg(any(test, feature = "faults"))]
            Runs::On(machine) => machine.spawn(task),
        }
    }

    /// Records events that nothing else hangs on: at once, here; the future answers when they are durable.
    pub(super) fn record(
        &self,
        events: Vec<Event>,
    ) -> impl Future<Output = Result<(), StoreFailed>> + Send + 'static {
        let now = self.now();
        let committing = (!events.is_empty()).then(|| {
            let plan = self.store.decide(|ledger| {
                for event in events {
                    ledger.record(now, event);
                }
            });
            plan.commit()
        });
        async move {
            match committing {
                Some(committing) => committing.await.map(Durable::into_inner),
                None => Ok(()),
            }
        }
    }

    /// Reads what is durable.
    pub(super) async fn read<T: Send>(
        &self,
        reading: impl FnOnce(&Ledger) -> T + Send,
    ) -> Result<T, StoreFailed> {
        self.store.read(reading).await
    }

    /// Counts a refusal of a peer's, and says how it is to be journaled.
    pub(super) fn note(&self, peer: AuthorityId, reason: Reason) -> Noted {
        let now = self.now();
        self.refusals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .note(peer, reason, now)
    }

    /// Whether this alarm, which somebody else journals, is to be told now.
    pub(super) fn alarm_is_due(&self, peer: Option<AuthorityId>, reason: Reason) -> bool {
        let mut alarms = self.alarms.lock().unwrap_or_else(PoisonError::into_inner);
        alarms.is_due(peer, reason, self.clock.monotonic())
    }

    /// The incident's event, when it is to be told: about one statement once since the start, about a partner once in
    /// its time.
    pub(super) fn incident(&self, incident: Incident) -> Option<Event> {
        {
            let mut alarms = self.alarms.lock().unwrap_or_else(PoisonError::into_inner);
            if !alarms.incident_is_due(incident, self.clock.monotonic()) {
                return None;
            }
        }
        tracing::warn!(peer = %incident.peer, reason = %incident.reason, "incident");
        Some(Event::Incident {
            peer: Some(incident.peer),
            statement: incident.statement,
            reason: incident.reason,
            leaf: incident.leaf,
        })
    }

    /// Randomness for salts and ids.
    pub(super) fn random_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes);
        bytes
    }
}

impl From<Reason> for SubmitError {
    fn from(reason: Reason) -> Self {
        Self::refused(reason, reason.meaning())
    }
}
