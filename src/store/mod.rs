//! What is kept: the journal is the truth, the view is made from it (invariants I1, I2).
//!
//! The way in is [`Store::decide`]: a decision is taken on the present state under one lock, its events are
//! applied to the ledger at once and written as one block. [`Plan::commit`] answers when the block is durable.
//! [`Store::read`] answers only what is durable.

pub mod disk;
pub mod entry;
pub mod event;
pub mod journal;
pub mod keyring;
pub mod ledger;
pub mod record;
pub mod view;

use std::{future::Future, path::PathBuf, sync::Arc};

use bytes::Bytes;

use self::{entry::EntryIndex, event::Event, journal::StoredEntry, ledger::Ledger};
use crate::{
    domain::time::Clock,
    trust::batch::{Batch, Proof},
};

/// Where and how a store is opened.
pub struct StoreConfig {
    /// Folder of journal, keyring and view.
    pub folder: PathBuf,
    /// 0600 file outside of it with the key-encryption key.
    pub key_file: PathBuf,
    pub authority: crate::domain::id::AuthorityId,
}

/// What opening found and did.
#[derive(Debug, Clone, Default)]
pub struct Recovery {
    pub entries: u64,
    pub replayed: u64,
    pub view_rebuilt: Option<String>,
    pub tail_cut_bytes: u64,
    pub torn_groups: u64,
}

/// The one store of a node. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    _inner: Arc<()>,
}

/// What was true when it was decided and is now on disk. Only this module makes it.
#[derive(Debug)]
pub struct Durable<T>(T);
impl<T> Durable<T> {
    /** The value. */
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// A decision that is applied but not yet durable. Dropping it uncommitted stops the store: a hole in the
/// journal must never be passed over.
pub struct Plan<T> {
    pub value: T,
    _todo: (),
}
impl<T> Plan<T> {
    /// Entry indexes that the decision's events were given, in order.
    #[must_use]
    pub fn indexes(&self) -> &[EntryIndex] {
        todo!()
    }
    /// Adds the signature under which statements (or stored receipts) of this plan stand:
    /// `(position of the event in this plan, leaf index in the batch)`.
    pub fn attach_signature(&mut self, _batch: Signed, _links: &[(usize, u32)]) {
        todo!()
    }
    /// Adds the receipts that this plan issues, as one signed batch: link i is the event that receipt i is for.
    pub fn attach_receipts(&mut self, _batch: Batch, _documents: Vec<Bytes>, _links: &[usize]) {
        todo!()
    }
    /// Seals, writes, syncs; answers when durable.
    ///
    /// # Errors
    /// [`StoreFailed`] when the disk failed: nothing of it may be acknowledged, the node stops.
    pub fn commit(self) -> impl Future<Output = Result<Durable<T>, StoreFailed>> + Send
    where
        T: Send,
    {
        async { todo!() }
    }
}
/// A whole batch, or single proofs (leaf index, path) of one that came in part.
pub enum Signed {
    Whole(Batch),
    Parts(Vec<Proof>),
}

/// The store has failed for good; the process must exit (invariant I1).
#[derive(Debug, Clone, thiserror::Error)]
#[error("the store failed and accepts nothing any more: {0}")]
pub struct StoreFailed(pub String);
/// Why a store does not open. Says which file, what is wrong, which command helps.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /** Replace by precise variants. */
    #[error("{0}")]
    Refused(String),
}
/// Why a kept entry cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /** Replace by precise variants. */
    #[error("{0}")]
    Damaged(String),
}

impl Store {
    /// Opens or creates: locks, reads the journal, makes the tail durable anew, brings the view up to date.
    pub fn open(
        _config: StoreConfig,
        _disk: Arc<dyn disk::Disk>,
        _view: Box<dyn view::View>,
        _clock: Arc<dyn Clock>,
    ) -> Result<(Self, Recovery), OpenError> {
        todo!()
    }
    /// Decides under the lock.
    pub fn decide<T>(&self, _decision: impl FnOnce(&mut Ledger) -> T) -> Plan<T> {
        todo!()
    }
    /// Reads under the lock, and answers when all that was read is durable.
    pub fn read<T: Send>(
        &self,
        _reading: impl FnOnce(&Ledger) -> T,
    ) -> impl Future<Output = Result<T, StoreFailed>> + Send {
        async { todo!() }
    }
    /// One entry with body and proofs, checked against its leaf hash.
    pub fn entry(&self, _index: EntryIndex) -> Result<StoredEntry, ReadError> {
        todo!()
    }
    /// Resolves when the store has failed.
    pub fn failed(&self) -> impl Future<Output = StoreFailed> + Send {
        async { todo!() }
    }
    /// False when only the reserve is left: receipts, recalls and shutdown still fit, submits do not.
    #[must_use]
    pub fn has_room(&self) -> bool {
        todo!()
    }
    /// Every durable entry header's bytes, in order, from `from`: for the log tree, audit and export.
    pub fn headers(
        &self,
        _from: EntryIndex,
    ) -> Box<dyn Iterator<Item = Result<(EntryIndex, [u8; entry::HEADER_BYTES]), ReadError>> + Send>
    {
        todo!()
    }
    /// Root and size of the log over all durable entries.
    #[must_use]
    pub fn log_head(&self) -> (u64, [u8; 32]) {
        todo!()
    }
    /// Waits for the last tick, writes the seal and closes.
    pub async fn close(self) -> Result<(), StoreFailed> {
        todo!()
    }
    /// Told of every event after it is durable, in order. For `watch`, metrics and dispatchers.
    #[must_use]
    pub fn subscribe(&self) -> tokio::sync::broadcast::Receiver<Arc<Event>> {
        todo!()
    }
    /// Journal bytes, groups, syncs, view lag: for metrics and `status`.
    #[must_use]
    pub fn figures(&self) -> Figures {
        todo!()
    }
}
/// Counters since start.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures {
    pub entries: u64,
    pub bytes: u64,
    pub groups: u64,
    pub syncs: u64,
    pub view_lag_entries: u64,
    pub segments: u64,
}
