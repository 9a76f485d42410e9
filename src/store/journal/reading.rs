//! Durable entries, read back and checked.
//!
//! Must never serve an entry that is not durable, nor one whose headers' checksum, seal or leaf hash fails.

use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic::Ordering},
};

use bytes::Bytes;

use super::{
    Shared, StoredEntry,
    block::{Front, PREFIX_BYTES, Prefix},
    fault::{BlockError, ReadFault},
    segment,
    tree::held,
};
use crate::{
    domain::limits::{GROUP_MAX_BYTES, JOURNAL_FRONTS_MAX},
    store::{
        disk::{File, read_exact_at},
        entry::{EntryIndex, HEADER_BYTES},
        keyring::{KeyNumber, SegmentKey},
    },
    trust::batch::Proof,
};

/// Where a block stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Index of its first entry.
    pub(super) first: EntryIndex,
    pub(super) segment: u32,
    pub(super) offset: u64,
}

/// Every block's place, in order, and what it takes to read it.
#[derive(Default)]
pub(super) struct Places {
    blocks: Vec<Place>,
    files: BTreeMap<u32, Arc<dyn File>>,
    keys: BTreeMap<KeyNumber, SegmentKey>,
}
impl Places {
    pub(super) fn add_segment(&mut self, id: u32, file: Arc<dyn File>, key: SegmentKey) {
        self.files.insert(id, file);
        self.keys.insert(key.number, key);
    }
    pub(super) fn add_file(&mut self, id: u32, file: Arc<dyn File>) {
        self.files.insert(id, file);
    }
    pub(super) fn add_key(&mut self, key: SegmentKey) {
        self.keys.insert(key.number, key);
    }
    pub(super) fn add_blocks(&mut self, places: impl IntoIterator<Item = Place>) {
        self.blocks.extend(places);
    }
    /// Forgets the blocks from an index on.
    pub(super) fn forget_from(&mut self, index: EntryIndex) {
        let kept = self.blocks.partition_point(|place| place.first < index);
        self.blocks.truncate(kept);
    }
    /// Forgets the files from a segment on.
    pub(super) fn forget_segments_from(&mut self, id: u32) {
        self.files.split_off(&id);
    }
    pub(super) fn segments(&self) -> u64 {
        self.files.len() as u64
    }
    fn of(&self, index: EntryIndex) -> Option<Place> {
        let behind = self.blocks.partition_point(|place| place.first <= index);
        self.blocks.get(behind.checked_sub(1)?).copied()
    }
}

/// The fronts read last.
#[derive(Default)]
pub(super) struct Fronts(VecDeque<(EntryIndex, Arc<Front>)>);

impl Shared {
    /// Lets readers see blocks that are durable.
    pub(super) fn publish(&self, places: Vec<Place>, entries: u64) {
        exclusive(&self.places).add_blocks(places);
        self.durable.store(entries, Ordering::Release);
    }
    pub(super) fn read(&self, index: EntryIndex) -> Result<StoredEntry, ReadFault> {
        let place = self.place(index)?;
        let front = self.front(place, index)?;
        let at = position(place, index);
        let range = front.body(at);
        let mut sealed = vec![0; range.len()];
        let offset = place.offset + range.start as u64;
        self.fill(place, index, &mut sealed, offset)?;
        self.stored(place, index, &front, &sealed)
    }
    /// The receipt beside an entry, whose body is not opened.
    pub(super) fn receipt(&self, index: EntryIndex) -> Result<Option<(Bytes, Proof)>, ReadFault> {
        let place = self.place(index)?;
        self.front(place, index)?
            .receipt(position(place, index))
            .map_err(|error| self.damaged(place, index, error))
    }
    fn stored(
        &self,
        place: Place,
        index: EntryIndex,
        front: &Front,
        sealed: &[u8],
    ) -> Result<StoredEntry, ReadFault> {
        front
            .stored(position(place, index), sealed, |key| self.key(key))
            .map_err(|error| self.damaged(place, index, error))
    }
    fn key(&self, number: KeyNumber) -> Option<SegmentKey> {
        shared(&self.places).keys.get(&number).cloned()
    }
    fn place(&self, index: EntryIndex) -> Result<Place, ReadFault> {
        let durable = self.durable.load(Ordering::Acquire);
        let place = shared(&self.places).of(index);
        place
            .filter(|_| index < durable)
            .ok_or(ReadFault::NotThere(index, durable))
    }
    fn front(&self, place: Place, index: EntryIndex) -> Result<Arc<Front>, ReadFault> {
        let kept = held(&self.fronts)
            .0
            .iter()
            .find(|f| f.0 == place.first)
            .cloned();
        if let Some((_, front)) = kept {
            return Ok(front);
        }
        let prefix = self.prefix(place, index)?;
        let mut bytes = vec![0; prefix.front];
        self.fill(place, index, &mut bytes, place.offset)?;
        let front = self.decode(place, index, &Bytes::from(bytes))?;
        let mut fronts = held(&self.fronts);
        if fronts.0.len() >= JOURNAL_FRONTS_MAX {
            fronts.0.pop_front();
        }
        fronts.0.push_back((place.first, front.clone()));
        Ok(front)
    }
    fn prefix(&self, place: Place, index: EntryIndex) -> Result<Prefix, ReadFault> {
        let mut bytes = [0; PREFIX_BYTES];
        self.fill(place, index, &mut bytes, place.offset)?;
        let prefix = Prefix::decode(&bytes);
        let prefix = prefix.map_err(|error| self.damaged(place, index, error))?;
        let most = self.segment_bytes.max(GROUP_MAX_BYTES as u64);
        if prefix.length as u64 > most {
            return Err(self.damaged(place, index, BlockError::Shape("length")));
        }
        Ok(prefix)
    }
    fn decode(
        &self,
        place: Place,
        index: EntryIndex,
        bytes: &Bytes,
    ) -> Result<Arc<Front>, ReadFault> {
        let front = Front::decode(bytes).map_err(|error| self.damaged(place, index, error))?;
        let header = front.headers.get(position(place, index));
        if header.map(|header| header.index) != Some(index) {
            return Err(self.damaged(place, index, BlockError::Shape("numbering")));
        }
        Ok(Arc::new(front))
    }
    fn fill(
        &self,
        place: Place,
        index: EntryIndex,
        buffer: &mut [u8],
        offset: u64,
    ) -> Result<(), ReadFault> {
        let file = shared(&self.places).files.get(&place.segment).cloned();
        file.ok_or_else(|| std::io::ErrorKind::NotFound.into())
            .and_then(|file| read_exact_at(&*file, buffer, offset))
            .map_err(|error| ReadFault::Disk(index, self.path(place), error))
    }
    fn path(&self, place: Place) -> PathBuf {
        segment::path(&self.folder, place.segment)
    }
    fn damaged(&self, place: Place, index: EntryIndex, error: BlockError) -> ReadFault {
        ReadFault::Damaged(index, self.path(place), error)
    }
}

/// Entries in order: whole blocks are read at once. Ends after the first fault.
pub(super) struct Entries {
    shared: Arc<Shared>,
    next: EntryIndex,
    block: Option<(Place, Arc<Front>, Bytes)>,
    over: bool,
}
impl Entries {
    pub(super) fn new(shared: Arc<Shared>, from: EntryIndex) -> Self {
        Self {
            shared,
            next: from,
            block: None,
            over: false,
        }
    }
    fn read(&mut self) -> Result<StoredEntry, ReadFault> {
        let (index, store) = (self.next, &self.shared);
        let place = store.place(index)?;
        let (front, bytes) = match self.block.take().filter(|block| block.0 == place) {
            Some((_, front, bytes)) => (front, bytes),
            None => {
                let prefix = store.prefix(place, index)?;
                let mut bytes = vec![0; prefix.length];
                store.fill(place, index, &mut bytes, place.offset)?;
                let bytes = Bytes::from(bytes);
                let front = store.decode(place, index, &bytes.slice(..prefix.front))?;
                (front, bytes)
            }
        };
        let sealed = bytes.get(front.body(position(place, index)));
        let entry = store.stored(place, index, &front, sealed.unwrap_or_default())?;
        self.block = Some((place, front, bytes));
        Ok(entry)
    }
}
impl Iterator for Entries {
    type Item = Result<StoredEntry, ReadFault>;
    fn next(&mut self) -> Option<Self::Item> {
        if self.over || self.next >= self.shared.durable.load(Ordering::Acquire) {
            return None;
        }
        let entry = self.read();
        self.over = entry.is_err();
        self.next += 1;
        Some(entry)
    }
}

/// Headers in order. Ends after the first fault.
pub(super) struct Headers {
    shared: Arc<Shared>,
    next: EntryIndex,
    over: bool,
}
impl Headers {
    pub(super) fn new(shared: Arc<Shared>, from: EntryIndex) -> Self {
        Self {
            shared,
            next: from,
            over: false,
        }
    }
    fn read(&self) -> Result<(EntryIndex, [u8; HEADER_BYTES]), ReadFault> {
        let index = self.next;
        let place = self.shared.place(index)?;
        let front = self.shared.front(place, index)?;
        let bytes = front.header_bytes(position(place, index));
        let gone = || {
            self.shared
                .damaged(place, index, BlockError::Shape("length"))
        };
        Ok((index, bytes.ok_or_else(gone)?))
    }
}
impl Iterator for Headers {
    type Item = Result<(EntryIndex, [u8; HEADER_BYTES]), ReadFault>;
    fn next(&mut self) -> Option<Self::Item> {
        if self.over || self.next >= self.shared.durable.load(Ordering::Acquire) {
            return None;
        }
        let header = self.read();
        self.over = header.is_err();
        self.next += 1;
        Some(header)
    }
}

fn position(place: Place, index: EntryIndex) -> usize {
    usize::try_from(index - place.first).unwrap_or(usize::MAX)
}
pub(super) fn shared<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}
pub(super) fn exclusive<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
