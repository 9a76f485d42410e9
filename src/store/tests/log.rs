//! A journal in memory that keeps the real one's promises: tickets in order, `done` once durable.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use tokio::sync::watch;

use crate::{
    store::{
        Figures, ReadError, StoreFailed,
        entry::EntryIndex,
        journal::{Block, StoredEntry},
        log::{Entries, Headers, Log},
    },
    trust::batch::Proof,
};

/// Cheap to clone; a clone opened anew has what was durable.
#[derive(Clone)]
pub(super) struct MemoryLog {
    disk: Arc<Mutex<Vec<StoredEntry>>>,
    waiting: Arc<Mutex<Waiting>>,
    failure: watch::Sender<Option<String>>,
}

#[derive(Default)]
struct Waiting {
    next_ticket: u64,
    blocks: BTreeMap<u64, Block>,
    held: bool,
}

impl MemoryLog {
    pub(super) fn new() -> Self {
        Self {
            disk: Arc::default(),
            waiting: Arc::default(),
            failure: watch::Sender::new(None),
        }
    }

    /// The same disk after a restart: what was not written is gone.
    pub(super) fn reopened(&self) -> Self {
        Self {
            disk: Arc::clone(&self.disk),
            ..Self::new()
        }
    }

    /// From now on nothing becomes durable.
    pub(super) fn hold(&self) {
        self.waiting.lock().unwrap().held = true;
    }

    pub(super) fn release(&self) {
        self.waiting.lock().unwrap().held = false;
        self.write();
    }

    pub(super) fn fail(&self) {
        self.hold();
        self.failure.send_replace(Some("sync failed".into()));
    }

    pub(super) fn entry_count(&self) -> u64 {
        self.disk.lock().unwrap().len() as u64
    }

    fn write(&self) {
        loop {
            let mut waiting = self.waiting.lock().unwrap();
            let ticket = waiting.next_ticket;
            if waiting.held {
                return;
            }
            let Some(block) = waiting.blocks.remove(&ticket) else {
                return;
            };
            waiting.next_ticket += 1;
            drop(waiting);
            let mut disk = self.disk.lock().unwrap();
            for entry in block.entries {
                assert_eq!(entry.header.index, disk.len() as u64);
                disk.push(StoredEntry {
                    is_lost: false,
                    header_bytes: entry.header.encode(),
                    header: entry.header,
                    body: entry.body,
                    proof: None,
                    receipt: None,
                });
            }
            drop(disk);
            (block.done)();
        }
    }

    fn from(&self, from: EntryIndex) -> Vec<StoredEntry> {
        let disk = self.disk.lock().unwrap();
        disk.iter().skip(from as usize).cloned().collect()
    }
}

impl Log for MemoryLog {
    fn append(&self, block: Block) {
        let mut waiting = self.waiting.lock().unwrap();
        assert!(block.ticket >= waiting.next_ticket);
        waiting.blocks.insert(block.ticket, block);
        drop(waiting);
        self.write();
    }

    fn entries(&self, from: EntryIndex) -> Entries<'_> {
        Box::new(self.from(from).into_iter().map(Ok))
    }

    fn headers(&self, from: EntryIndex) -> Headers {
        let entries = self.from(from).into_iter();
        Box::new(entries.map(|entry| Ok((entry.header.index, entry.header_bytes))))
    }

    fn read(&self, index: EntryIndex) -> Result<StoredEntry, ReadError> {
        let disk = self.disk.lock().unwrap();
        let entry = disk.get(index as usize).cloned();
        entry.ok_or(ReadError::NoEntry(index))
    }

    fn receipt(&self, index: EntryIndex) -> Result<Option<(Bytes, Proof)>, ReadError> {
        Ok(self.read(index)?.receipt)
    }

    fn head(&self) -> (u64, [u8; 32]) {
        (self.entry_count(), [0; 32])
    }

    fn has_room(&self) -> bool {
        true
    }

    fn failure(&self) -> watch::Receiver<Option<String>> {
        self.failure.subscribe()
    }

    fn figures(&self) -> Figures {
        Figures::default()
    }

    fn close(self: Box<Self>) -> Result<(), StoreFailed> {
        Ok(())
    }
}
