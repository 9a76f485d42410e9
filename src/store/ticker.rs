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
    ledger::Snapshot,
    runs::Runs,
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
    pub(super) fn start(shared: &Arc<Shared>, runs: &Runs) {
        let wish = Arc::clone(&shared.ticker.wish);
        // Not a strong reference: a store that is dropped ends its thread.
        let store = Arc::downgrade(shared);
        match runs {
            Runs::OnThreads => {
                let spawned = thread::Builder::new()
                    .name("view".into())
                    .spawn(move || run(&store, &wish));
                match spawned {
                    Ok(handle) => *shared.ticker.handle() = Some(handle),
                    Err(error) => shared.fail(format!("no thread for the view: {error}")),
                }
            }
            #[cfg(any(test, feature = "faults"))]
            Runs::On(machine) => machine.spawn(stepped::run(Arc::clone(machine), store)),
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
    let Some(taken) = take(shared) else {
        return Ok(());
    };
    while !taken.is_durable(shared)? {
        thread::sleep(DURABLE_POLL);
    }
    write(shared, taken.snapshot)
}

/// The state as it was at the beginning of a tick.
struct Taken {
    snapshot: Snapshot,
    /// Tickets that must be durable before it is written.
    tickets: u64,
}

impl Taken {
    fn is_durable(&self, shared: &Shared) -> Result<bool, ViewError> {
        let durable = shared.is_durable(self.tickets);
        if !durable && shared.has_failed().is_some() {
            return Err(ViewError("the store failed first".into()));
        }
        Ok(durable)
    }
}

/// What changed since the last tick; `None`: nothing.
fn take(shared: &Shared) -> Option<Taken> {
    let mut state = shared.state();
    if state.ledger.next_index() == shared.in_view() {
        return None;
    }
    let (snapshot, tickets) = (state.ledger.snapshot(), state.tickets);
    Some(Taken { snapshot, tickets })
}

fn write(shared: &Shared, snapshot: Snapshot) -> Result<(), ViewError> {
    failpoint!(ViewBefore);
    let written = header_before(shared, snapshot.next)
        .and_then(|header| shared.view.apply(rows::encode(&snapshot, &header)));
    failpoint!(ViewAfter);
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

/// Waits until the view is where the journal is: the last tick of a simulated machine.
#[cfg(any(test, feature = "faults"))]
pub(super) async fn reached(shared: &Shared) -> Result<(), super::StoreFailed> {
    while shared.view_lag() > 0 {
        if let Some(failed) = shared.has_failed() {
            return Err(failed);
        }
        tokio::time::sleep(DURABLE_POLL).await;
    }
    Ok(())
}

/// The same ticks by a task of a simulated machine.
#[cfg(any(test, feature = "faults"))]
mod stepped {
    use std::sync::{Arc, Weak};

    use super::{DURABLE_POLL, Shared, VIEW_TICK, ViewError, take, write};
    use crate::store::runs::{Effort, Machine};

    pub(super) async fn run(machine: Arc<Machine>, store: Weak<Shared>) {
        loop {
            tokio::time::sleep(VIEW_TICK).await;
            let Some(shared) = store.upgrade() else {
                return;
            };
            if let Err(fault) = tick(&machine, &shared).await {
                tracing::warn!(%fault, "the view was not written");
            }
        }
    }

    async fn tick(machine: &Machine, shared: &Shared) -> Result<(), ViewError> {
        let Some(taken) = take(shared) else {
            return Ok(());
        };
        while !taken.is_durable(shared)? {
            tokio::time::sleep(DURABLE_POLL).await;
        }
        machine.spend(Effort::View).await;
        write(shared, taken.snapshot)
    }
}
