//! What all clones of a store share: the lock, the log, what is durable, and failure.
//!
//! Only here is the ledger's lock taken. Tickets are given under it, one to each decision with events.

use std::{
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use tokio::sync::{Notify, broadcast, watch};

use super::{
    ReadError, StoreFailed,
    entry::EntryIndex,
    event::Event,
    journal::{Block, Loss},
    ledger::Ledger,
    log::Log,
    plan::Decided,
    statements::Statements,
    ticker::Ticker,
    view::View,
};
use crate::domain::limits::{
    STATEMENTS_CACHED_BYTES, STORE_DECISIONS_TOLD_MAX, VIEW_LAG_MAX_ENTRIES, VIEW_LAG_WAIT,
};

pub(super) struct Shared {
    state: Mutex<State>,
    /// `None` once closed.
    log: RwLock<Option<Box<dyn Log>>>,
    log_failure: watch::Receiver<Option<String>>,
    failure: watch::Sender<Option<StoreFailed>>,
    pub(super) announcer: Arc<Announcer>,
    pub(super) statements: Statements,
    pub(super) view: Arc<dyn View>,
    /// Entries applied, and entries in the view.
    applied: AtomicU64,
    in_view: AtomicU64,
    pub(super) ticker: Ticker,
    loss: Mutex<Loss>,
}

pub(super) struct State {
    pub(super) ledger: Ledger,
    /// Tickets given.
    pub(super) tickets: u64,
}

/// The events of one decision, in order, all durable.
pub type Told = Arc<Vec<Arc<Event>>>;

/// Tells what is durable. Apart from [`Shared`], so that a block under way keeps no journal alive.
pub(super) struct Announcer {
    /// Tickets whose blocks are durable.
    durable: AtomicU64,
    /// Wakes who waits for them, in the order in which they began to wait.
    grown: Notify,
    /// Entries that are durable.
    entries: AtomicU64,
    events: broadcast::Sender<Told>,
}

impl Announcer {
    /// Called in the order of tickets.
    pub(super) fn announce(&self, ticket: u64, next: EntryIndex, events: Vec<Arc<Event>>) {
        // First: whoever is woken by what follows finds it durable.
        self.entries.store(next, Ordering::Release);
        self.durable.store(ticket + 1, Ordering::Release);
        self.grown.notify_waiters();
        // Nobody may be listening.
        let _ = self.events.send(Arc::new(events));
    }

    /// Resolves when this many tickets are durable.
    async fn reached(&self, tickets: u64) {
        loop {
            // In the list before the look, so that no growth passes between the two.
            let mut grown = pin!(self.grown.notified());
            grown.as_mut().enable();
            if self.durable.load(Ordering::Acquire) >= tickets {
                return;
            }
            grown.await;
        }
    }
}

impl Shared {
    pub(super) fn new(
        ledger: Ledger,
        in_view: EntryIndex,
        log: Box<dyn Log>,
        view: Arc<dyn View>,
    ) -> Self {
        let announcer = Arc::new(Announcer {
            durable: AtomicU64::new(0),
            grown: Notify::new(),
            // What is opened is durable.
            entries: AtomicU64::new(ledger.next_index()),
            events: broadcast::Sender::new(STORE_DECISIONS_TOLD_MAX),
        });
        Self {
            applied: AtomicU64::new(ledger.next_index()),
            in_view: AtomicU64::new(in_view),
            state: Mutex::new(State { ledger, tickets: 0 }),
            log_failure: log.failure(),
            log: RwLock::new(Some(log)),
            failure: watch::Sender::new(None),
            announcer,
            statements: Statements::new(STATEMENTS_CACHED_BYTES),
            view,
            ticker: Ticker::default(),
            loss: Mutex::default(),
        }
    }

    pub(super) fn loss(&self) -> MutexGuard<'_, Loss> {
        self.loss.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn decide<T>(&self, decision: impl FnOnce(&mut Ledger) -> T) -> (T, Decided) {
        let mut state = self.state();
        let value = decision(&mut state.ledger);
        let events = state.ledger.take_decided();
        let ticket = (!events.is_empty()).then_some(state.tickets);
        state.tickets += u64::from(ticket.is_some());
        self.applied
            .store(state.ledger.next_index(), Ordering::Relaxed);
        let decided = Decided {
            events,
            ticket,
            tickets: state.tickets,
        };
        let fault = state.ledger.view_fault();
        drop(state);
        if let Some(fault) = fault {
            self.fail(format!("{fault}; a restart rebuilds it"));
        }
        (value, decided)
    }

    /// Reads, and tells how many tickets must be durable before the reading may be told.
    pub(super) fn look<T>(&self, reading: impl FnOnce(&Ledger) -> T) -> (T, u64) {
        let state = self.state();
        let value = reading(&state.ledger);
        let (tickets, fault) = (state.tickets, state.ledger.view_fault());
        drop(state);
        if let Some(fault) = fault {
            self.fail(format!("{fault}; a restart rebuilds it"));
        }
        (value, tickets)
    }

    /// Entries that are durable: all before this one.
    pub(super) fn durable_before(&self) -> EntryIndex {
        self.announcer.entries.load(Ordering::Acquire)
    }

    /// The lock. A decision that panicked may have left half a state behind: the store fails.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| {
            self.fail("a decision panicked".into());
            PoisonError::into_inner(poisoned)
        })
    }

    pub(super) fn append(&self, block: Block) -> Result<(), StoreFailed> {
        if let Some(failed) = self.has_failed() {
            return Err(failed);
        }
        self.with_log(|log| log.append(block))
            .map_err(|closed| StoreFailed(closed.to_string()))
    }

    pub(super) fn with_log<T>(&self, work: impl FnOnce(&dyn Log) -> T) -> Result<T, ReadError> {
        let log = self.log.read().unwrap_or_else(PoisonError::into_inner);
        log.as_deref().map(work).ok_or(ReadError::Closed)
    }

    /// Resolves when this many tickets are durable.
    pub(super) async fn durable(&self, tickets: u64) -> Result<(), StoreFailed> {
        if self.is_durable(tickets) {
            return self.has_failed().map_or(Ok(()), Err);
        }
        tokio::select! {
            biased;
            failed = self.failure() => Err(failed),
            () = self.announcer.reached(tickets) => Ok(()),
        }
    }

    pub(super) fn is_durable(&self, tickets: u64) -> bool {
        self.announcer.durable.load(Ordering::Acquire) >= tickets
    }

    /// Resolves when the store has failed, be it by its journal or by itself.
    pub(super) async fn failure(&self) -> StoreFailed {
        let (mut own, mut log) = (self.failure.subscribe(), self.log_failure.clone());
        let log_failed = async {
            // An error: the journal closed in order.
            let known = log.wait_for(Option::is_some).await;
            known.ok().and_then(|why| why.clone()).map(StoreFailed)
        };
        let own_failed = async {
            let known = own.wait_for(Option::is_some).await;
            known.ok().and_then(|failed| failed.clone())
        };
        tokio::select! {
            biased;
            Some(failed) = log_failed => failed,
            Some(failed) = own_failed => failed,
            else => std::future::pending().await,
        }
    }

    pub(super) fn has_failed(&self) -> Option<StoreFailed> {
        let own = self.failure.borrow().clone();
        own.or_else(|| self.log_failure.borrow().clone().map(StoreFailed))
    }

    /// The first failure stands.
    pub(super) fn fail(&self, why: String) {
        self.failure.send_if_modified(|failure| {
            let is_first = failure.is_none();
            if is_first {
                tracing::error!(why, "the store failed");
                *failure = Some(StoreFailed(why));
            }
            is_first
        });
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<Told> {
        self.announcer.events.subscribe()
    }

    pub(super) fn view_lag(&self) -> u64 {
        let applied = self.applied.load(Ordering::Relaxed);
        applied.saturating_sub(self.in_view.load(Ordering::Relaxed))
    }

    pub(super) fn in_view(&self) -> EntryIndex {
        self.in_view.load(Ordering::Relaxed)
    }

    pub(super) fn set_in_view(&self, next: EntryIndex) {
        self.in_view.store(next, Ordering::Relaxed);
    }

    /// Slows decisions down while the view lags, so that what is only in memory stays bounded.
    pub(super) fn wait_for_view(&self) {
        let lag = self.view_lag();
        if lag > VIEW_LAG_MAX_ENTRIES / 2 {
            self.ticker.hurry();
        }
        if lag > VIEW_LAG_MAX_ENTRIES {
            thread::sleep(VIEW_LAG_WAIT);
        }
    }

    /// Resolves when the journal, which was told to close, has written its seal.
    #[cfg(any(test, feature = "faults"))]
    pub(super) async fn closed(&self) -> Result<(), StoreFailed> {
        let mut log = self.log_failure.clone();
        match log.wait_for(Option::is_some).await {
            Ok(why) => Err(StoreFailed(why.clone().unwrap_or_default())),
            // Whoever could fail is gone.
            Err(_) => Ok(()),
        }
    }

    pub(super) fn close(&self) -> Result<(), StoreFailed> {
        self.ticker.stop();
        let log = self
            .log
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let failed = self.has_failed();
        let closed = log.map_or(Ok(()), Log::close);
        failed.map_or(closed, Err)
    }
}
