//! The append-only log: segments of groups of blocks of entries, one `fdatasync` a group.
//!
//! The way in is [`Journal::open`]; then [`Journal::append`] from any thread, and reading by index. Every decision's
//! entries are a [`Block`]; the commit thread joins the blocks that wait into a group. Formats stand in `segment`,
//! `group`, `block` and `batches`; keys in [`super::keyring`]. What was acknowledged must never be lost, changed or
//! passed over; what was not must never be served before it is written and synced anew (invariants I1, I2).
//!
//! **Keys.** The key of a segment is made with it. A body is sealed on the thread that appends, under the key of the
//! segment in use at that moment; the group may land in the next segment, so each body names its key. Erasing
//! rewrites the touched segments with their bodies under new keys, and then drops the old keys from the keyring.
//!
//! **The end.** A group is written after the sync of the one before, so a good group proves its predecessors and only
//! the last can be torn, or be visible without being on disk. Opening copies a last group that no seal follows into a
//! new segment; the header there says from which sequence number on it supersedes the segment before. Where nothing
//! but that group would be left behind, the new segment takes the place of the old one. Segments that are never
//! written again are shortened to what counts in them.

mod batches;
mod block;
mod check;
mod commit;
mod fault;
mod fields;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod group;
mod loss;
mod mend;
mod open;
#[cfg(any(test, feature = "faults"))]
mod place;
mod reading;
mod scan;
mod segment;
mod sizes;
#[cfg(any(test, feature = "faults"))]
mod stepped;
mod stock;
#[cfg(test)]
mod tests;
mod tree;
mod walk;

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
};

use bytes::Bytes;
use tokio::sync::watch;

#[cfg(any(test, feature = "faults"))]
pub(crate) use self::place::{Place, places};
pub use self::{
    check::{CheckProgress, CheckReport, Finding, check},
    fault::{BlockError, EncodeError, OpenFault, ReadFault},
    loss::{Loss, MissingEntry},
    mend::{RepairReport, repair},
    walk::Hole,
};
use self::{commit::Order, reading::Places, sizes::SizesCounted, stock::Stock, tree::Tree};
use super::{
    Figures, OpenError, ReadError, StoreFailed,
    disk::{Disk, File},
    entry::{EntryHeader, EntryIndex, HEADER_BYTES},
    keyring::{Keyring, SegmentKey},
    runs::Runs,
};
use crate::{domain::time::Clock, trust::batch::Proof};

/// An entry read back, its body opened and checked against its leaf hash.
#[derive(Debug, Clone)]
pub struct StoredEntry {
    /// The header, decoded.
    pub header: EntryHeader,
    /// Its exact bytes: the leaf of the log.
    pub header_bytes: [u8; HEADER_BYTES],
    /// The plain body.
    pub body: Bytes,
    /// Signature of the body, for statements and stored receipts.
    pub proof: Option<Proof>,
    /// The receipt issued for it, with its signature.
    pub receipt: Option<(Bytes, Proof)>,
    /// Its body was damaged beyond help: what stands here is its header alone.
    pub is_lost: bool,
}

/// One decision's entries, to be written in the order of its ticket.
pub struct Block {
    /// 0, 1, 2, ... without gaps, in the order of the decisions.
    pub ticket: u64,
    /// At least one; their indexes follow the block before.
    pub entries: Vec<NewEntry>,
    /// Signatures that the entries name.
    pub batches: Vec<BatchRecord>,
    /// Called once, on the commit thread, after the block's group is synced. Never called when that failed.
    pub done: Box<dyn FnOnce() + Send>,
}
/// An entry to write: `header.index` is given already, the body is plain and is sealed on the way.
pub struct NewEntry {
    /// The header; `body_bytes` as the body.
    pub header: EntryHeader,
    /// The plain body.
    pub body: Bytes,
    /** (batch in this block, leaf index) of the body's own signature. */
    pub signature: Option<(u16, u32)>,
    /** The same for the receipt issued. */
    pub receipt: Option<(u16, u32)>,
}
/// A batch as the journal keeps it: header and leaves once, paths made on reading; or the paths of a part.
/// Stands unsealed: it holds hashes and receipts only.
pub struct BatchRecord {
    /// The signature and what it covers.
    pub signed: super::Signed,
    /** Receipts issued, in the order of the leaves or parts; empty for statements and kept receipts, whose bytes are sealed bodies. */
    pub documents: Vec<Bytes>,
}

/// Where the journal lives.
pub struct JournalConfig {
    /// The store's folder: `journal/`, `keyring` and `lock` are made in it.
    pub folder: PathBuf,
    /// The key-encryption key, 0600, outside of the folder.
    pub key_file: PathBuf,
    /// Bytes of a segment file: at least 4,096, a multiple of 512.
    pub segment_bytes: u64,
    /// For the headers of segments.
    pub clock: Arc<dyn Clock>,
}
/// What opening found.
#[derive(Debug, Clone, Default)]
pub struct JournalRecovery {
    /// Durable entries.
    pub entries: u64,
    /// Bytes of a torn last group that were cut; it had not been acknowledged.
    pub torn_bytes: u64,
    /// Entries of the last group, which were written and synced anew as no seal followed them.
    pub resynced_entries: u64,
    /// What is not there that once was.
    pub loss: Loss,
}

/// A header's index and exact bytes.
pub type HeaderResult = Result<(EntryIndex, [u8; HEADER_BYTES]), ReadError>;

/// The journal: one commit thread orders blocks by ticket, joins what waits into a group, writes, syncs.
///
/// Dropped without [`Journal::close`] it writes what was handed over in order, and no seal.
pub struct Journal {
    shared: Arc<Shared>,
    orders: Option<Orders>,
    threads: Vec<thread::JoinHandle<()>>,
}

/// What all threads of a journal see.
struct Shared {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    segment_bytes: u64,
    clock: Arc<dyn Clock>,
    keyring: Mutex<Keyring>,
    key: RwLock<SegmentKey>,
    places: RwLock<Places>,
    fronts: Mutex<reading::Fronts>,
    durable: AtomicU64,
    tree: Tree,
    stock: Stock,
    room: AtomicBool,
    failed: AtomicBool,
    failure: watch::Sender<Option<String>>,
    groups: AtomicU64,
    group_entries: SizesCounted,
    batch_documents: SizesCounted,
    syncs: AtomicU64,
    bytes: AtomicU64,
    _lock: Box<dyn Send + Sync>,
}

impl Journal {
    /// Opens or creates. Reads and checks every group; cuts a torn last one; copies a last group that no seal
    /// follows into a new segment and syncs it before anything is served.
    ///
    /// # Errors
    /// Names the file, what is wrong, and the command that helps. Nothing was changed then, unless the disk failed.
    pub fn open(
        config: JournalConfig,
        disk: Arc<dyn Disk>,
    ) -> Result<(Self, JournalRecovery), OpenError> {
        Self::open_as(&Runs::OnThreads, config, disk)
    }
    /// The same, its work done by threads or by a simulated machine.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(in crate::store) fn open_as(
        runs: &Runs,
        config: JournalConfig,
        disk: Arc<dyn Disk>,
    ) -> Result<(Self, JournalRecovery), OpenError> {
        Ok(open::open(runs, config, disk)?)
    }
    /// Hands a block over; does not wait. Encodes and seals on the calling thread. After a failure it is dropped.
    pub fn append(&self, block: Block) {
        if self.shared.failed.load(Ordering::Acquire) {
            return;
        }
        for batch in &block.batches {
            let documents = batch.signed.documents();
            self.shared.batch_documents.add(documents);
        }
        let key = reading::shared(&self.shared.key).clone();
        let order = block::encode(block, &key).map_or_else(Order::Broken, Order::Write);
        if let Some(orders) = &self.orders {
            orders.send(order);
        }
    }
    /// Durable entries, in order, from `from`, bodies opened.
    pub fn entries(
        &self,
        from: EntryIndex,
    ) -> Box<dyn Iterator<Item = Result<StoredEntry, ReadError>> + Send + '_> {
        let entries = reading::Entries::new(self.shared.clone(), from);
        Box::new(entries.map(|entry| Ok(entry?)))
    }
    /// Headers of durable entries, in order, from `from`.
    pub fn headers(&self, from: EntryIndex) -> Box<dyn Iterator<Item = HeaderResult> + Send> {
        let headers = reading::Headers::new(self.shared.clone(), from);
        Box::new(headers.map(|header| Ok(header?)))
    }
    /// One durable entry.
    ///
    /// # Errors
    /// When there is none, or it is not what was written.
    pub fn read(&self, index: EntryIndex) -> Result<StoredEntry, ReadError> {
        Ok(self.shared.read(index)?)
    }
    /// The receipt that stands beside an entry, whatever became of the entry's body.
    ///
    /// # Errors
    /// When there is no such durable entry, or what stands beside its body is not what was written.
    pub fn receipt(&self, index: EntryIndex) -> Result<Option<(Bytes, Proof)>, ReadError> {
        Ok(self.shared.receipt(index)?)
    }
    /// Size and RFC 6962 root of the log over all durable headers.
    #[must_use]
    pub fn head(&self) -> (u64, [u8; 32]) {
        self.shared.tree.head()
    }
    /// False while the next segment cannot be prepared: only what is left of the present one is there.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.shared.room.load(Ordering::Acquire)
    }
    /// Set once, when a write or sync failed: from then on `done` is never called again.
    #[must_use]
    pub fn failure(&self) -> watch::Receiver<Option<String>> {
        self.shared.failure.subscribe()
    }
    /// Counters since opening; entries and segments of the whole journal.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let shared = &self.shared;
        Figures {
            entries: shared.durable.load(Ordering::Acquire),
            bytes: shared.bytes.load(Ordering::Relaxed),
            groups: shared.groups.load(Ordering::Relaxed),
            syncs: shared.syncs.load(Ordering::Relaxed),
            view_lag_entries: 0,
            segments: reading::shared(&shared.places).segments(),
            group_entries: shared.group_entries.sizes(),
            batch_documents: shared.batch_documents.sizes(),
        }
    }
    /// Writes what waits, then a seal, then stops the threads.
    ///
    /// # Errors
    /// When the store has failed, or what waited could not be written.
    pub fn close(mut self) -> Result<(), StoreFailed> {
        if let Some(orders) = self.orders.take() {
            orders.send(Order::Close);
        }
        self.join();
        let failure = self.shared.failure.borrow().clone();
        failure.map_or(Ok(()), |reason| Err(StoreFailed(reason)))
    }
    fn join(&mut self) {
        self.shared.stock.closing();
        for thread in self.threads.drain(..) {
            // A panic was told through `failure`.
            let _ = thread.join();
        }
    }
}
/// How the one who commits is told; gone only after a failure, of which `failure` tells.
enum Orders {
    Thread(mpsc::Sender<Order>),
    #[cfg(any(test, feature = "faults"))]
    Task(tokio::sync::mpsc::UnboundedSender<Order>),
}
impl Orders {
    fn send(&self, order: Order) {
        match self {
            Self::Thread(orders) => drop(orders.send(order)),
            #[cfg(any(test, feature = "faults"))]
            Self::Task(orders) => drop(orders.send(order)),
        }
    }
}
impl Drop for Journal {
    fn drop(&mut self) {
        self.orders = None;
        self.join();
    }
}

impl Shared {
    /// Ends the store: the first reason stays.
    fn fail(&self, reason: &str) {
        self.failed.store(true, Ordering::Release);
        self.failure.send_if_modified(|told| {
            let first = told.is_none();
            told.get_or_insert_with(|| reason.to_owned());
            first
        });
    }
    /// A segment came into use: its bodies can be read, and what is sealed from now on is under its key.
    fn use_segment(&self, id: u32, file: Arc<dyn File>, key: SegmentKey) {
        reading::exclusive(&self.places).add_segment(id, file, key.clone());
        *reading::exclusive(&self.key) = key;
    }
}
