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

mod log;
mod opening;
mod plan;
mod runs;
mod shared;
mod statements;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod ticker;

use std::{future::Future, path::PathBuf, sync::Arc};

use bytes::Bytes;

#[cfg(any(test, feature = "faults"))]
pub use self::runs::{Effort, Machine};
use self::{
    entry::EntryIndex, event::EventError, journal::StoredEntry, ledger::Ledger, record::Ordinal,
    shared::Shared,
};
pub use self::{
    log::Headers,
    plan::{Durable, Plan, Signed},
    shared::Told,
    statements::KeptStatement,
};
pub(crate) use self::{opening::REPLAY_TICK_ENTRIES, runs::Runs};
use crate::{domain::time::Clock, trust::batch::Proof};

/// Where and how a store is opened.
pub struct StoreConfig {
    /// Folder of journal, keyring and view.
    pub folder: PathBuf,
    /// 0600 file outside of it with the key-encryption key.
    pub key_file: PathBuf,
    /// Whose node it is.
    pub authority: crate::domain::id::AuthorityId,
}

/// What opening found and did.
#[derive(Debug, Clone, Default)]
pub struct Recovery {
    /// Entries in the journal.
    pub entries: u64,
    /// Of these, how many were not in the view and were applied anew.
    pub replayed: u64,
    /// Why the view was thrown away, when it was.
    pub view_rebuilt: Option<String>,
    /// Bytes of a torn last group, cut off; nothing of it had been acknowledged.
    pub tail_cut_bytes: u64,
    /// Groups cut so.
    pub torn_groups: u64,
    /// What is not there that once was.
    pub loss: journal::Loss,
}

/// The one store of a node. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

/// The store has failed for good; the process must exit (invariant I1).
#[derive(Debug, Clone, thiserror::Error)]
#[error("the store failed and accepts nothing any more: {0}")]
pub struct StoreFailed(pub String);

/// Why a store does not open. Says which file, what is wrong, which command helps.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The journal refuses to open: damage, or the disk.
    #[error("{0}")]
    Refused(String),
    /// Key, lock, place or version are wrong: nothing was touched, and who runs the node can set it right.
    #[error("{0}")]
    Configuration(String),
    /// A kept entry cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A kept entry makes no sense to this version.
    #[error(transparent)]
    Event(#[from] EventError),
    /// Not even an empty view can be written: a matter of its disk.
    #[error("the view cannot be rebuilt: {0}; check space and permissions of its folder")]
    View(#[from] view::ViewError),
}

/// Why a kept entry cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Its bytes are not what was written.
    #[error("{0}")]
    Damaged(String),
    /// There is no such entry, or it is not yet durable.
    #[error("entry {0} is not in the journal")]
    NoEntry(EntryIndex),
    /// There is no such statement.
    #[error("statement number {0} is not here")]
    NoStatement(Ordinal),
    /// Its body was damaged beyond help.
    #[error("entry {0} was lost: its header is all that was saved")]
    Lost(EntryIndex),
    /// An entry without the signature that its document must have.
    #[error("entry {0} has lost its signature; run `allpoints store check`")]
    NoSignature(EntryIndex),
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
}

impl Store {
    /// Opens or creates: locks, reads the journal, makes the tail durable anew, brings the view up to date.
    ///
    /// A view that is damaged, or does not belong to this journal, is cleared and rebuilt.
    ///
    /// # Errors
    /// When the journal refuses, an entry cannot be applied, or the view cannot be written.
    pub fn open(
        config: StoreConfig,
        disk: Arc<dyn disk::Disk>,
        view: Box<dyn view::View>,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Recovery), OpenError> {
        let segment_bytes = crate::failpoint::segment_bytes();
        Self::open_in_segments_of(segment_bytes, config, disk, view, clock)
    }

    /// The same with segments of another size: small ones make simulated disks and full ones cheap.
    ///
    /// # Errors
    /// As [`Self::open`], and when segments of this size are not legal.
    pub fn open_in_segments_of(
        segment_bytes: u64,
        config: StoreConfig,
        disk: Arc<dyn disk::Disk>,
        view: Box<dyn view::View>,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Recovery), OpenError> {
        Self::open_as(Runs::OnThreads, segment_bytes, config, disk, view, clock)
    }

    /// The same as a part of a simulated machine: its work is done by tasks that die with the machine, and it is
    /// never closed in order.
    ///
    /// # Errors
    /// As [`Self::open_in_segments_of`].
    #[cfg(any(test, feature = "faults"))]
    pub fn open_on(
        machine: Arc<Machine>,
        segment_bytes: u64,
        config: StoreConfig,
        disk: Arc<dyn disk::Disk>,
        view: Box<dyn view::View>,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Recovery), OpenError> {
        Self::open_as(Runs::On(machine), segment_bytes, config, disk, view, clock)
    }

    fn open_as(
        runs: Runs,
        segment_bytes: u64,
        config: StoreConfig,
        disk: Arc<dyn disk::Disk>,
        view: Box<dyn view::View>,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Recovery), OpenError> {
        let journal_config = journal::JournalConfig {
            folder: config.folder,
            key_file: config.key_file,
            segment_bytes,
            clock: Arc::clone(&clock),
        };
        let (journal, found) = journal::Journal::open_as(&runs, journal_config, disk)?;
        let opening = opening::Opening {
            authority: config.authority,
            torn_bytes: found.torn_bytes,
            loss: found.loss,
            view: view.into(),
            clock,
            reader: event::Reader::WIRE,
            runs,
        };
        opening.store(Box::new(journal))
    }

    /// Decides under the lock: one at a time, in the order of their entries.
    ///
    /// Keep decisions short, and prepare outside. While the view lags too far behind, the caller is made to
    /// wait up to `VIEW_LAG_WAIT` first. On a failed store the plan is made, and its commit fails.
    pub fn decide<T>(&self, decision: impl FnOnce(&mut Ledger) -> T) -> Plan<T> {
        self.shared.wait_for_view();
        let (value, decided) = self.shared.decide(decision);
        Plan::new(value, decided, Arc::clone(&self.shared))
    }

    /// Reads under the lock, and answers when all that was read is durable.
    pub fn read<T: Send>(
        &self,
        reading: impl FnOnce(&Ledger) -> T,
    ) -> impl Future<Output = Result<T, StoreFailed>> + Send {
        let (value, tickets) = self.shared.look(reading);
        let shared = Arc::clone(&self.shared);
        async move {
            shared.durable(tickets).await?;
            Ok(value)
        }
    }

    /// Reads under the lock and does not wait for the disk. The reading is given the first entry that is not yet
    /// durable, and must leave out whatever was recorded at it or later (invariant I1).
    pub fn glance<T>(&self, reading: impl FnOnce(&Ledger, EntryIndex) -> T) -> T {
        let durable_before = self.shared.durable_before();
        self.shared.look(|ledger| reading(ledger, durable_before)).0
    }

    /// A statement of late by its entry, when it is still in memory: with its whole batch.
    #[must_use]
    pub fn statement_in_memory(&self, index: EntryIndex) -> Option<KeptStatement> {
        self.shared.statements.kept(index)
    }

    /// A held statement's exact bytes with what proves its signature, from memory when it is recent: then a
    /// whole batch stays whole, and needs no paths.
    ///
    /// # Errors
    /// When there is no such statement, or its entry is not yet durable or damaged.
    pub fn statement(&self, ordinal: Ordinal) -> Result<KeptStatement, ReadError> {
        let (index, _) = self
            .shared
            .look(|ledger| Some(ledger.message_at(ordinal)?.index));
        let index = index.ok_or(ReadError::NoStatement(ordinal))?;
        if let Some(kept) = self.shared.statements.kept(index) {
            return Ok(kept);
        }
        let entry = self.entry(index)?;
        KeptStatement::from_entry(entry).ok_or(ReadError::NoSignature(index))
    }

    /// One entry with body and proofs, checked against its leaf hash.
    ///
    /// # Errors
    /// When there is no such durable entry, or it is damaged.
    pub fn entry(&self, index: EntryIndex) -> Result<StoredEntry, ReadError> {
        let entry = self.shared.with_log(|log| log.read(index))??;
        if entry.is_lost {
            return Err(ReadError::Lost(index));
        }
        Ok(entry)
    }

    /// The receipt that was issued for a statement: it stands beside the body, and is there when the body is lost, or has
    /// rotted and nobody has repaired it yet.
    ///
    /// # Errors
    /// When not even that can be read.
    pub fn issued_receipt(&self, index: EntryIndex) -> Result<Option<(Bytes, Proof)>, ReadError> {
        self.shared.with_log(|log| log.receipt(index))?
    }

    /// What is not here that once was, as far as it was not given back.
    #[must_use]
    pub fn loss(&self) -> journal::Loss {
        self.shared.loss().clone()
    }

    /// Takes an entry off the list of what is missing: what it kept is here again, and durable.
    pub fn regained(&self, index: EntryIndex) {
        let mut loss = self.shared.loss();
        loss.missing.retain(|entry| entry.index != index);
    }

    /// All partners were asked for what is missing, and that is durable.
    pub fn asked(&self) {
        self.shared.loss().ask_since = None;
    }

    /// Resolves when the store has failed.
    pub fn failed(&self) -> impl Future<Output = StoreFailed> + Send {
        let shared = Arc::clone(&self.shared);
        async move { shared.failure().await }
    }

    /// False when only the reserve is left: receipts, recalls and shutdown still fit, submits do not.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.shared.with_log(|log| log.has_room()).unwrap_or(false)
    }

    /// Every durable entry header's bytes, in order, from `from`: for the log tree, audit and export.
    pub fn headers(&self, from: EntryIndex) -> Headers {
        match self.shared.with_log(|log| log.headers(from)) {
            Ok(headers) => headers,
            Err(closed) => Box::new(std::iter::once(Err(closed))),
        }
    }

    /// Size and root of the log over all durable entries; of a closed store, nothing.
    #[must_use]
    pub fn log_head(&self) -> (u64, [u8; 32]) {
        self.shared.with_log(|log| log.head()).unwrap_or_default()
    }

    /// Waits for the last tick, writes the seal and closes. Plans must be committed before.
    ///
    /// # Errors
    /// When the store has failed, before or in closing.
    pub async fn close(self) -> Result<(), StoreFailed> {
        let shared = Arc::clone(&self.shared);
        let closing = tokio::task::spawn_blocking(move || shared.close());
        closing
            .await
            .unwrap_or_else(|_| Err(StoreFailed("closing panicked".into())))
    }

    /// The same on a simulated machine, by its tasks and in its time.
    ///
    /// # Errors
    /// As [`Self::close`].
    #[cfg(any(test, feature = "faults"))]
    pub async fn close_on_machine(self) -> Result<(), StoreFailed> {
        ticker::reached(&self.shared).await?;
        self.shared.close()?;
        self.shared.closed().await
    }

    /// Told of every decision's events after they are durable, in order. For `watch`, metrics and dispatchers.
    #[must_use]
    pub fn subscribe(&self) -> tokio::sync::broadcast::Receiver<Told> {
        self.shared.subscribe()
    }

    /// Journal bytes, groups, syncs, view lag: for metrics and `status`.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let mut figures = self
            .shared
            .with_log(|log| log.figures())
            .unwrap_or_default();
        figures.view_lag_entries = self.shared.view_lag();
        figures
    }
}

/// Counters since start.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures {
    /// Entries written.
    pub entries: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Groups written.
    pub groups: u64,
    /// Syncs done.
    pub syncs: u64,
    /// Entries that are not yet in the view.
    pub view_lag_entries: u64,
    /// Segment files.
    pub segments: u64,
    /// Entries of each group.
    pub group_entries: Sizes,
    /// Documents under each signature that is kept.
    pub batch_documents: Sizes,
}

/// How many were how large, by powers of two: 1, 2, up to 4, up to 8, ...; the last bucket has no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Counts, smallest first.
    pub buckets: [u64; Sizes::BUCKETS],
    /// All sizes together.
    pub sum: u64,
}

impl Sizes {
    /// One for each power of two up to 32,768, and one for all above.
    pub const BUCKETS: usize = 17;

    /// The bucket of a size.
    #[must_use]
    pub fn bucket(size: u64) -> usize {
        let last = Self::BUCKETS - 1;
        let power = size.max(1).checked_next_power_of_two();
        power.map_or(last, |power| last.min(power.trailing_zeros() as usize))
    }
}
