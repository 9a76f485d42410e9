//! The next segment, made by a thread of its own before it is needed.
//!
//! A full disk turns `has_room` false and is tried again; any other failure ends the store (invariant I1).

use std::{
    io,
    sync::{Arc, Condvar, Mutex, PoisonError, atomic::Ordering},
    thread,
};

use super::{Shared, segment, tree::held};
use crate::{
    domain::limits::SEGMENT_RETRY,
    store::{
        disk::File,
        keyring::{KeyringError, SegmentKey},
    },
};

/// A segment that is ready for use: zeros, synced, its key in the keyring.
#[derive(Clone)]
pub(super) struct Prepared {
    pub(super) id: u32,
    pub(super) file: Arc<dyn File>,
    pub(super) key: SegmentKey,
}

/// What became of an attempt to prepare a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tried {
    /// It is ready, or none is wanted.
    Ready,
    /// The disk is full.
    Full,
    /// The store has failed.
    Failed,
}

/// Between the thread that prepares and the one that commits.
#[derive(Default)]
pub(super) struct Stock {
    state: Mutex<State>,
    changed: Condvar,
}
#[derive(Default)]
struct State {
    wanted: Option<u32>,
    ready: Option<Prepared>,
    stopping: bool,
    closing: bool,
    /// The last attempt found the disk full.
    full: bool,
}

impl Stock {
    /// Asks for a segment to be prepared, once.
    pub(super) fn want(&self, id: u32) {
        let mut state = held(&self.state);
        let ready = state.ready.as_ref().map(|prepared| prepared.id);
        if state.wanted != Some(id) && ready != Some(id) {
            state.wanted = Some(id);
            self.changed.notify_all();
        }
    }
    /// Takes a prepared segment; waits for room on the disk.
    ///
    /// Fails when the store has failed or is closing: then what waits for room is not acknowledged.
    pub(super) fn take(&self, id: u32, shared: &Shared) -> io::Result<Prepared> {
        self.want(id);
        let mut state = held(&self.state);
        loop {
            if let Some(prepared) = state.ready.take() {
                return Ok(prepared);
            }
            let hopeless = state.closing && state.full;
            if state.stopping || hopeless || shared.failed.load(Ordering::Acquire) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
    /// Ends a wait for room, if there is none now: what waits for it is then not acknowledged.
    pub(super) fn closing(&self) {
        held(&self.state).closing = true;
        self.changed.notify_all();
    }
    /// Ends the thread.
    pub(super) fn stop(&self) {
        held(&self.state).stopping = true;
        self.changed.notify_all();
    }
    /// The thread's work: until stopped.
    pub(super) fn run(&self, shared: &Shared) {
        let mut state = held(&self.state);
        while !state.stopping {
            let Some(id) = state.wanted else {
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(state);
            failpoint!(PrepareBefore);
            let tried = self.prepare(shared, id);
            failpoint!(PrepareAfter);
            state = held(&self.state);
            match tried {
                Tried::Ready => {}
                Tried::Full => {
                    let waited = self.changed.wait_timeout(state, SEGMENT_RETRY);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                Tried::Failed => return,
            }
        }
    }
    /// One attempt to make the segment.
    fn prepare(&self, shared: &Shared, id: u32) -> Tried {
        let outcome = make(shared, id);
        let mut state = held(&self.state);
        let tried = match outcome {
            Ok(prepared) => {
                state.wanted = None;
                state.ready = Some(prepared);
                state.full = false;
                shared.room.store(true, Ordering::Release);
                Tried::Ready
            }
            Err(error) if is_full(&error) => {
                shared.room.store(false, Ordering::Release);
                state.full = true;
                Tried::Full
            }
            Err(error) => {
                shared.fail(&format!("preparing segment {id}: {error}"));
                Tried::Failed
            }
        };
        self.changed.notify_all();
        tried
    }
    /// True when nobody waits for room any more.
    #[cfg(any(test, feature = "faults"))]
    pub(super) fn is_closing(&self) -> bool {
        held(&self.state).closing
    }
    /// The same for one who does not wait: makes what is wanted, if anything is.
    #[cfg(any(test, feature = "faults"))]
    pub(super) fn prepare_wanted(&self, shared: &Shared) -> Tried {
        let wanted = held(&self.state).wanted;
        wanted.map_or(Tried::Ready, |id| self.prepare(shared, id))
    }
}

/// Starts the thread.
pub(super) fn start(shared: &Arc<Shared>) -> io::Result<thread::JoinHandle<()>> {
    let shared = shared.clone();
    thread::Builder::new()
        .name("journal-prepare".into())
        .spawn(move || shared.stock.run(&shared))
}

fn make(shared: &Shared, id: u32) -> Result<Prepared, KeyringError> {
    let path = segment::path(&shared.folder, id);
    let fault = |error| KeyringError::Disk(path.clone(), error);
    let file = segment::prepare(&*shared.disk, &path, shared.segment_bytes).map_err(fault)?;
    let key = held(&shared.keyring).add(&*shared.disk, id);
    if key.is_err() {
        // Only a file of zeros; the next start removes it too.
        let _ = shared.disk.remove(&path);
    }
    Ok(Prepared {
        id,
        file,
        key: key?,
    })
}
fn is_full(error: &KeyringError) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error, KeyringError::Disk(_, error) if matches!(error.kind(), StorageFull | QuotaExceeded))
}
