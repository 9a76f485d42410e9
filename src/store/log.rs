//! What the store needs of a journal, so that its own tests can do without files.

use bytes::Bytes;
use tokio::sync::watch;

use super::{
    Figures, ReadError, StoreFailed,
    entry::{EntryIndex, HEADER_BYTES},
    journal::{Block, Journal, StoredEntry},
};
use crate::trust::batch::Proof;

/// Encoded entry headers with their places, in order.
pub type Headers =
    Box<dyn Iterator<Item = Result<(EntryIndex, [u8; HEADER_BYTES]), ReadError>> + Send>;
/// Entries in order.
pub(super) type Entries<'a> = Box<dyn Iterator<Item = Result<StoredEntry, ReadError>> + Send + 'a>;

/// A journal: see [`Journal`], which is the real one.
pub(super) trait Log: Send + Sync {
    fn append(&self, block: Block);
    fn entries(&self, from: EntryIndex) -> Entries<'_>;
    fn headers(&self, from: EntryIndex) -> Headers;
    fn read(&self, index: EntryIndex) -> Result<StoredEntry, ReadError>;
    fn receipt(&self, index: EntryIndex) -> Result<Option<(Bytes, Proof)>, ReadError>;
    fn head(&self) -> (u64, [u8; 32]);
    fn has_room(&self) -> bool;
    fn failure(&self) -> watch::Receiver<Option<String>>;
    fn figures(&self) -> Figures;
    fn close(self: Box<Self>) -> Result<(), StoreFailed>;
}

impl Log for Journal {
    fn append(&self, block: Block) {
        Journal::append(self, block);
    }

    fn entries(&self, from: EntryIndex) -> Entries<'_> {
        Journal::entries(self, from)
    }

    fn headers(&self, from: EntryIndex) -> Headers {
        Journal::headers(self, from)
    }

    fn read(&self, index: EntryIndex) -> Result<StoredEntry, ReadError> {
        Journal::read(self, index)
    }

    fn receipt(&self, index: EntryIndex) -> Result<Option<(Bytes, Proof)>, ReadError> {
        Journal::receipt(self, index)
    }

    fn head(&self) -> (u64, [u8; 32]) {
        Journal::head(self)
    }

    fn has_room(&self) -> bool {
        Journal::has_room(self)
    }

    fn failure(&self) -> watch::Receiver<Option<String>> {
        Journal::failure(self)
    }

    fn figures(&self) -> Figures {
        Journal::figures(self)
    }

    fn close(self: Box<Self>) -> Result<(), StoreFailed> {
        Journal::close(*self)
    }
}
