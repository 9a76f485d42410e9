//! Writes the view behind: once a tick, only what is durable.
//!
//! A tick takes changed rows and the position together under the lock (pointers only; a row that changes
//! meanwhile is copied), waits until everything before that position is durable, and writes them in one
//! `apply`. So the view never knows anything that the journal could lose.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError, Weak},
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{
    entry::{EntryIndex, HEADER_BYTES},
    shared::Shared,
    view::{ViewError, rows},
};
use crate::domain::limits::{VIEW_LAG_MAX_ENTRIES, VIEW_TICK};

/// Between looks at whether a snapshot is durable.
const DURABLE_POLL: Duration = Duration::from_millis(1);
/// With a view that cannot be written, the store fails at this many times the bearable lag.
const LAG_FATAL_FACTOR: u64 = 4;

/// The thread of the view, and how it is told.
#[derive(Default)]
pub(super) struct Ticker {
    wish: Arc<(Mutex<Wish>, Condvar)>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Wish {
    #[default]
    Wait,
    Hurry,
    Stop,
}

impl Ticker {
    pub(super) fn start(shared: &Arc<Shared>) {
        let wish = Arc::clone(&shared.ticker.wish);
        // Not a strong reference: a store that is dropped ends its thread.
        let store = Arc::downgrade(shared);
        let spawned = thread::Builder::new()
            .name("view".into())
            .spawn(move || run(&store, &wish));
        match spawned {
            Ok(handle) => *shared.ticker.handle() = Some(handle),
            Err(error) => shared.fail(format!("no thread for the view: {error}")),
        }
    }

    /// A tick now.
    pub(super) fn hurry(&self) {
        self.tell(Wish::Hurry);
    }

    /// A last tick, and the end of the thread.
    pub(super) fn stop(&self) {
        self.tell(Wish::Stop);
        let handle = self.handle().take();
        if let Some(handle) = handle
            && handle.thread().id() != thread::current().id()
            && handle.join().is_err()
        {
            tracing::error!("the thread of the view panicked");
        }
    }

    fn tell(&self, wish: Wish) {
        let (present, changed) = &*self.wish;
        let mut present = present.lock().unwrap_or_else(PoisonError::into_inner);
        if *present != Wish::Stop {
            *present = wish;
            changed.notify_all();
        }
    }

    fn handle(&self) -> std::sync::MutexGuard<'_, Option<JoinHandle<()>>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn run(store: &Weak<Shared>, wish: &(Mutex<Wish>, Condvar)) {
    loop {
        let wished = wait(wish);
        let Some(shared) = store.upgrade() else {
            return;
        };
        if let Err(fault) = tick(&shared) {
            tracing::warn!(%fault, "the view was not written");
            if shared.view_lag() > LAG_FATAL_FACTOR * VIEW_LAG_MAX_ENTRIES {
                shared.fail(fault.to_string());
            }
        }
        if wished == Wish::Stop || shared.has_failed().is_some() {
            return;
        }
    }
}

fn wait((present, changed): &(Mutex<Wish>, Condvar)) -> Wish {
    let guard = present.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut guard, _) = changed
        .wait_timeout_while(guard, VIEW_TICK, |wish| *wish == Wish::Wait)
        .unwrap_or_else(PoisonError::into_inner);
    let wished = *guard;
    if wished == Wish::Hurry {
        *guard = Wish::Wait;
    }
    wished
}

/// Brings the view to the present state, once that is durable.
pub(super) fn tick(shared: &Shared) -> Result<(), ViewError> {
    let mut state = shared.state();
    if state.ledger.next_index() == shared.in_view() {
        return Ok(());
    }
    let (snapshot, tickets) = (state.ledger.snapshot(), state.tickets);
    drop(state);
    while !shared.is_durable(tickets) {
        if shared.has_failed().is_some() {
            return Err(ViewError("the store failed first".into()));
        }
        thread::sleep(DURABLE_POLL);
    }
    let written = header_before(shared, snapshot.next)
        .and_then(|header| shared.view.apply(rows::encode(&snapshot, &header)));
    let mut state = shared.state();
    match written {
        Ok(()) => {
            state.ledger.written();
            shared.set_in_view(snapshot.next);
            Ok(())
        }
        Err(fault) => {
            state.ledger.not_written(snapshot);
            Err(fault)
        }
    }
}

fn header_before(shared: &Shared, next: EntryIndex) -> Result<[u8; HEADER_BYTES], ViewError> {
    let before = next.saturating_sub(1);
    match shared.with_log(|log| log.headers(before).next()) {
        Ok(Some(Ok((index, header)))) if index == before => Ok(header),
        _ => Err(ViewError(format!("entry {before} cannot be read"))),
    }
}
