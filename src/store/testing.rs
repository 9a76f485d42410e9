//! A real store on a disk in memory, for the tests of other layers: it may be closed, killed and opened again.
//!
//! The way in: [`TestDisk::new`], then [`TestDisk::open`].

use std::sync::Arc;

use super::{
    Store,
    disk::simulated::SimulatedDisk,
    event::Reader,
    journal::{Journal, JournalConfig},
    keyring::KeyEncryptionKey,
    opening::Opening,
    runs::Runs,
    view::memory::MemoryView,
};
use crate::domain::{id::AuthorityId, time::Clock};

/// What outlives a process: journal and key, and no view.
pub(crate) struct TestDisk {
    keys: tempfile::TempDir,
    disk: SimulatedDisk,
}

impl TestDisk {
    /// An empty disk.
    pub(crate) fn new() -> Self {
        let keys = tempfile::tempdir().unwrap();
        KeyEncryptionKey::generate(&keys.path().join("kek")).unwrap();
        Self {
            keys,
            disk: SimulatedDisk::new(),
        }
    }

    /// Opens the journal with what is on the disk, over an empty view.
    pub(crate) fn open(&self, authority: AuthorityId, clock: Arc<dyn Clock>) -> Store {
        let config = JournalConfig {
            folder: "/store".into(),
            key_file: self.keys.path().join("kek"),
            segment_bytes: 1 << 20,
            clock: Arc::clone(&clock),
        };
        let (journal, found) = Journal::open(config, Arc::new(self.disk.clone())).unwrap();
        let opening = Opening {
            authority,
            torn_bytes: found.torn_bytes,
            view: Arc::new(MemoryView::default()),
            clock,
            reader: Reader::WIRE,
            runs: Runs::OnThreads,
        };
        opening.store(Box::new(journal)).unwrap().0
    }

    /// The process that had it open is gone: what it wrote later is not seen here.
    pub(crate) fn kill(&mut self) {
        self.disk = self.disk.killed();
    }
}
