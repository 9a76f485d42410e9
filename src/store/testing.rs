//! A real store on a disk in memory, for the tests of other layers: it may be closed, killed and opened again.
//!
//! The way in: [`TestDisk::new`], then [`TestDisk::open`].

use std::sync::Arc;

use super::{
    OpenError, Recovery, Store,
    disk::simulated::SimulatedDisk,
    entry::Act,
    event::Reader,
    journal::{self, CheckReport, Journal, JournalConfig, Place, RepairReport, check, repair},
    keyring::KeyEncryptionKey,
    opening::Opening,
    runs::Runs,
    view::{View, memory::MemoryView},
};
use crate::domain::{
    id::{AuthorityId, StatementRef},
    time::Clock,
};

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
        let view = Arc::new(MemoryView::default());
        self.open_over(view, authority, clock).unwrap().0
    }

    /// The same over a view of the test's own.
    pub(crate) fn open_over(
        &self,
        view: Arc<dyn View>,
        authority: AuthorityId,
        clock: Arc<dyn Clock>,
    ) -> Result<(Store, Recovery), OpenError> {
        let config = self.config(Arc::clone(&clock));
        let (journal, found) = Journal::open(config, Arc::new(self.disk.clone()))?;
        let opening = Opening {
            authority,
            torn_bytes: found.torn_bytes,
            loss: found.loss,
            view,
            clock,
            reader: Reader::WIRE,
            runs: Runs::OnThreads,
        };
        opening.store(Box::new(journal))
    }

    /// The files, for damaging them.
    pub(crate) fn files(&self) -> &SimulatedDisk {
        &self.disk
    }

    /// Flips a bit in the body of this statement's entry; its header a repair can save.
    pub(crate) fn rot(&self, act: Act, statement: StatementRef, clock: Arc<dyn Clock>) {
        let places = journal::places(&self.config(clock), &self.disk).unwrap();
        let fits =
            |place: &&Place| place.header.act == act && place.header.subject == Some(statement);
        let place = places.iter().find(fits).unwrap();
        self.disk
            .corrupt(&place.file, place.bytes.start, |bytes| bytes[0] ^= 1);
    }

    /// `store repair`, on a store that nobody has open.
    pub(crate) fn repair(&self, clock: Arc<dyn Clock>) -> RepairReport {
        repair(&self.config(clock), &self.disk).unwrap()
    }

    /// `store check`, on a store that nobody has open.
    pub(crate) fn check(&self, clock: Arc<dyn Clock>) -> Result<CheckReport, OpenError> {
        check(&self.config(clock), &self.disk, &mut |_| {})
    }

    /// The same keys over a copy of the files.
    pub(crate) fn over(&self, disk: SimulatedDisk) -> Self {
        let keys = tempfile::tempdir().unwrap();
        std::fs::copy(self.key_file(), keys.path().join("kek")).unwrap();
        Self { keys, disk }
    }

    fn key_file(&self) -> std::path::PathBuf {
        self.keys.path().join("kek")
    }

    fn config(&self, clock: Arc<dyn Clock>) -> JournalConfig {
        JournalConfig {
            folder: "/store".into(),
            key_file: self.key_file(),
            segment_bytes: 1 << 20,
            clock,
        }
    }

    /// The process that had it open is gone: what it wrote later is not seen here.
    pub(crate) fn kill(&mut self) {
        self.disk = self.disk.killed();
    }
}
