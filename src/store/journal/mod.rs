//! The append-only log: segments of groups of blocks of entries, one `fdatasync` a group.

use bytes::Bytes;

use super::entry::{EntryHeader, HEADER_BYTES};
use crate::trust::batch::Proof;

/// An entry read back, its body opened and checked against its leaf hash.
#[derive(Debug, Clone)]
pub struct StoredEntry {
    pub header: EntryHeader,
    pub header_bytes: [u8; HEADER_BYTES],
    pub body: Bytes,
    /// Signature of the body, for statements and stored receipts.
    pub proof: Option<Proof>,
    /// The receipt issued for it, with its signature.
    pub receipt: Option<(Bytes, Proof)>,
}

/// One decision's entries, to be written in the order of its ticket.
pub struct Block {
    /// 0, 1, 2, ... without gaps, in the order of the decisions.
    pub ticket: u64,
    pub entries: Vec<NewEntry>,
    pub batches: Vec<BatchRecord>,
    /// Called once, on the commit thread, after the block's group is synced. Never called when that failed.
    pub done: Box<dyn FnOnce() + Send>,
}
/// An entry to write: `header.index` is given already, the body is plain and is sealed on the way.
pub struct NewEntry {
    pub header: EntryHeader,
    pub body: Bytes,
    /** (batch in this block, leaf index) of the body's own signature. */
    pub signature: Option<(u16, u32)>,
    /** The same for the receipt issued. */
    pub receipt: Option<(u16, u32)>,
}
/// A batch as the journal keeps it: header and leaves once, paths made on reading; or the paths of a part.
/// Stands unsealed: it holds hashes and receipts only.
pub struct BatchRecord {
    pub signed: super::Signed,
    /** Receipts issued, by leaf index; empty for statements and kept receipts, whose bytes are sealed bodies. */
    pub documents: Vec<Bytes>,
}

/// Where the journal lives.
pub struct JournalConfig {
    pub folder: std::path::PathBuf,
    pub key_file: std::path::PathBuf,
    pub segment_bytes: u64,
    pub clock: std::sync::Arc<dyn crate::domain::time::Clock>,
}
/// What opening found.
#[derive(Debug, Clone, Default)]
pub struct JournalRecovery {
    pub entries: u64,
    pub torn_bytes: u64,
}

/// The journal: one commit thread orders blocks by ticket, joins what waits into a group, writes, syncs.
pub struct Journal {
    _todo: (),
}
impl Journal {
    /// Opens or creates. Reads and checks every group; cuts a torn last one; copies the tail since the last
    /// seal into a new segment and syncs it before anything is served.
    pub fn open(
        _config: JournalConfig,
        _disk: std::sync::Arc<dyn super::disk::Disk>,
    ) -> Result<(Self, JournalRecovery), super::OpenError> {
        todo!()
    }
    /// Hands a block over; does not wait.
    pub fn append(&self, _block: Block) {
        todo!()
    }
    /// Durable entries, in order, from `from`, bodies opened.
    pub fn entries(
        &self,
        _from: super::entry::EntryIndex,
    ) -> Box<dyn Iterator<Item = Result<StoredEntry, super::ReadError>> + Send + '_> {
        todo!()
    }
    pub fn headers(
        &self,
        _from: super::entry::EntryIndex,
    ) -> Box<
        dyn Iterator<
                Item = Result<(super::entry::EntryIndex, [u8; HEADER_BYTES]), super::ReadError>,
            > + Send,
    > {
        todo!()
    }
    pub fn read(&self, _index: super::entry::EntryIndex) -> Result<StoredEntry, super::ReadError> {
        todo!()
    }
    /// Size and RFC 6962 root of the log over all durable headers.
    pub fn head(&self) -> (u64, [u8; 32]) {
        todo!()
    }
    pub fn has_room(&self) -> bool {
        todo!()
    }
    /// Set once, when a write or sync failed: from then on `done` is never called again.
    pub fn failure(&self) -> tokio::sync::watch::Receiver<Option<String>> {
        todo!()
    }
    pub fn figures(&self) -> super::Figures {
        todo!()
    }
    /// Writes what waits, then a seal, then stops the thread.
    pub fn close(self) -> Result<(), super::StoreFailed> {
        todo!()
    }
}
