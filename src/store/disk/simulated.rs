//! A disk in memory that forgets, after a power cut, what was not synced; and that fails on command.
//!
//! The way in is [`SimulatedDisk::new`]; [`SimulatedDisk::cut`] gives the disk that the next start finds.
//! It must never be kinder than a real disk: unsynced writes are lost, kept, torn or reordered by sector, and
//! unsynced names may be gone.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Disk, File};

/// What is written as a whole or not at all.
pub const SECTOR_BYTES: usize = 512;

/// A simulated disk. Clones share the same files.
#[derive(Debug, Clone, Default)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
}

/// When an operation fails once; operations are counted from 0, all files together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The nth write fails with EIO and writes the first half. Shortening counts as a write, and does nothing then.
    Write(u64),
    /// The nth sync fails with EIO: what it covered stays readable, and is not on disk. The next sync of the
    /// same file succeeds without writing it, as Linux does.
    Sync(u64),
}

#[derive(Debug, Default, Clone)]
struct State {
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    folders: BTreeSet<PathBuf>,
    contents: BTreeMap<u64, Content>,
    locks: BTreeSet<PathBuf>,
    faults: Vec<Fault>,
    capacity_bytes: Option<u64>,
    next_file: u64,
    writes: u64,
    syncs: u64,
    /// Bytes that the power cut before this start took.
    lost_bytes: u64,
    /// Writes and syncs after which the power fails.
    dark_after: Option<u64>,
    /// When kept: the state after each write, shortening and rename.
    moments: Option<Vec<(u64, State)>>,
}
#[derive(Debug, Default, Clone)]
struct Content {
    /// What a reader sees: the page cache.
    visible: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
}
#[derive(Debug, Clone)]
enum Change {
    /// Bytes at an offset.
    Written(u64, Vec<u8>),
    /// Shortened to a length.
    Shortened(usize),
}
#[derive(Debug)]
struct SimulatedFile {
    state: Arc<Mutex<State>>,
    number: u64,
}
struct SimulatedLock {
    state: Arc<Mutex<State>>,
    path: PathBuf,
}

impl SimulatedDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
    /// The disk as the next start finds it after a power cut: of what was not synced, `seed` decides per
    /// sector and per name what is there.
    #[must_use]
    pub fn cut(&self, seed: u64) -> Self {
        let state = held(&self.state);
        let mut random = SplitMix(seed);
        let mut next = State {
            folders: state.folders.clone(),
            next_file: state.next_file,
            capacity_bytes: state.capacity_bytes,
            ..State::default()
        };
        let mut names = state.durable_names.clone();
        for (path, number) in &state.names {
            if state.durable_names.get(path) != Some(number) && random.coin() {
                names.insert(path.clone(), *number);
            }
        }
        for path in state.durable_names.keys() {
            if !state.names.contains_key(path) && random.coin() {
                names.remove(path);
            }
        }
        for number in names.values() {
            if let Some(content) = state.contents.get(number) {
                let (after, lost_bytes) = content.after_cut(&mut random);
                next.contents.insert(*number, after);
                next.lost_bytes += lost_bytes;
            }
        }
        next.names = names.clone();
        next.durable_names = names;
        Self {
            state: Arc::new(Mutex::new(next)),
        }
    }
    /// How many things are not synced: sectors, lengths and names, each of which a power cut may keep or lose.
    #[must_use]
    pub fn unsynced(&self) -> usize {
        let mut count = 0;
        let _ = self.cut_keeping(|| {
            count += 1;
            false
        });
        count
    }
    /// The disk after a power cut that keeps of what was not synced just what `keep` says, asked in the order in which
    /// it was written, name by name and sector by sector.
    #[must_use]
    pub fn cut_keeping(&self, mut keep: impl FnMut() -> bool) -> Self {
        let state = held(&self.state);
        let mut names = state.durable_names.clone();
        for (path, number) in &state.names {
            if state.durable_names.get(path) != Some(number) && keep() {
                names.insert(path.clone(), *number);
            }
        }
        for path in state.durable_names.keys() {
            if !state.names.contains_key(path) && keep() {
                names.remove(path);
            }
        }
        let contents = state.contents.iter().map(|(number, content)| {
            let kept = content.after_cut_keeping(&mut keep);
            (*number, kept)
        });
        let next = State {
            contents: contents.collect(),
            folders: state.folders.clone(),
            next_file: state.next_file,
            capacity_bytes: state.capacity_bytes,
            names: names.clone(),
            durable_names: names,
            ..State::default()
        };
        Self {
            state: Arc::new(Mutex::new(next)),
        }
    }
    /// The disk as the next start of a killed process finds it: everything written is still visible, nothing
    /// more of it is durable, and the lock is free.
    #[must_use]
    pub fn killed(&self) -> Self {
        let state = held(&self.state);
        Self {
            state: Arc::new(Mutex::new(State {
                names: state.names.clone(),
                durable_names: state.durable_names.clone(),
                folders: state.folders.clone(),
                contents: state.contents.clone(),
                next_file: state.next_file,
                capacity_bytes: state.capacity_bytes,
                ..State::default()
            })),
        }
    }
    /// From now on keeps the state right after every write, shortening and rename, before any sync of it.
    pub fn keep_moments(&self) {
        held(&self.state).moments = Some(Vec::new());
    }
    /// The moments kept: the number of the last write, and the disk as it was then.
    #[must_use]
    pub fn moments(&self) -> Vec<(u64, Self)> {
        let kept = held(&self.state).moments.clone().unwrap_or_default();
        let disk = |state| Self {
            state: Arc::new(Mutex::new(state)),
        };
        kept.into_iter()
            .map(|(write, state)| (write, disk(state)))
            .collect()
    }
    /// Lets an operation fail once.
    pub fn inject(&self, fault: Fault) {
        held(&self.state).faults.push(fault);
    }
    /// Lets the power fail after so many more writes and syncs: from then on every operation fails and changes
    /// nothing. What was there at that moment, [`Self::cut`] decides.
    pub fn go_dark_after(&self, operations: u64) {
        let mut state = held(&self.state);
        state.dark_after = Some(state.writes + state.syncs + operations);
    }
    /// True when its power has failed.
    #[must_use]
    pub fn is_dark(&self) -> bool {
        held(&self.state).power().is_err()
    }
    /// Lets none of the injected faults happen any more.
    pub fn forget_faults(&self) {
        let mut state = held(&self.state);
        state.faults.clear();
        state.dark_after = None;
    }
    /// Bytes that all files together may have; writes that make a file longer fail past it with ENOSPC.
    pub fn limit_capacity(&self, bytes: Option<u64>) {
        held(&self.state).capacity_bytes = bytes;
    }
    /// Bytes that the power cut took which made this disk, names that it took not counted.
    #[must_use]
    pub fn lost_bytes(&self) -> u64 {
        held(&self.state).lost_bytes
    }
    /// Bytes written that a power cut now could lose.
    #[must_use]
    pub fn unsynced_bytes(&self) -> u64 {
        let state = held(&self.state);
        // A file that has no name any more is nobody's.
        let named = state.names.values();
        let contents = named.filter_map(|number| state.contents.get(number));
        let changes = contents.flat_map(|content| &content.unsynced);
        changes
            .map(|change| match change {
                Change::Written(_, bytes) => bytes.len() as u64,
                Change::Shortened(_) => 0,
            })
            .sum()
    }
    /// Writes and syncs so far: for aiming faults.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        let state = held(&self.state);
        (state.writes, state.syncs)
    }
    /// Changes bytes behind the store's back, in memory and on disk: damage.
    pub fn corrupt(&self, path: &Path, offset: u64, change: impl FnOnce(&mut [u8])) {
        let mut state = held(&self.state);
        let number = state.names.get(path).copied();
        let content = number.and_then(|number| state.contents.get_mut(&number));
        if let Some(content) = content {
            let from = usize::try_from(offset).unwrap_or(usize::MAX);
            content.settle();
            if let Some(bytes) = content.visible.get_mut(from..) {
                change(bytes);
            }
            content.durable = content.visible.clone();
        }
    }
    /// All names and bytes, as a reader sees them: for asking whether anything was touched.
    #[must_use]
    pub fn snapshot(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let state = held(&self.state);
        let bytes = |number| state.contents.get(number).map(|c| c.visible.clone());
        state
            .names
            .iter()
            .map(|(path, number)| (path.clone(), bytes(number).unwrap_or_default()))
            .collect()
    }
}

impl Disk for SimulatedDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut state = held(&self.state);
        state.power()?;
        if state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let number = state.next_file;
        state.next_file += 1;
        state.names.insert(path.to_owned(), number);
        state.contents.insert(number, Content::default());
        drop(state);
        Ok(self.file(number))
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let number = held(&self.state).names.get(path).copied();
        number
            .map(|number| self.file(number))
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = held(&self.state);
        state.power()?;
        let number = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), number);
        state.keep_moment();
        Ok(())
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = held(&self.state);
        state.power()?;
        let removed = state.names.remove(path);
        removed
            .map(drop)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        held(&self.state).folders.insert(path.to_owned());
        Ok(())
    }
    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let state = held(&self.state);
        if !state.folders.contains(folder) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = |path: &&PathBuf| path.parent() == Some(folder);
        Ok(state.names.keys().filter(inside).cloned().collect())
    }
    fn exists(&self, path: &Path) -> bool {
        let state = held(&self.state);
        state.names.contains_key(path) || state.folders.contains(path)
    }
    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        let mut state = held(&self.state);
        state.power()?;
        state.count_sync()?;
        let inside = |path: &PathBuf| path.parent() == Some(folder);
        state.durable_names.retain(|path, _| !inside(path));
        let named: Vec<_> = state
            .names
            .iter()
            .filter(|(path, _)| inside(path))
            .map(|(path, number)| (path.clone(), *number))
            .collect();
        state.durable_names.extend(named);
        Ok(())
    }
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        if !held(&self.state).locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(SimulatedLock {
            state: self.state.clone(),
            path: path.to_owned(),
        }))
    }
}
impl SimulatedDisk {
    fn file(&self, number: u64) -> Box<dyn File> {
        Box::new(SimulatedFile {
            state: self.state.clone(),
            number,
        })
    }
}
impl Drop for SimulatedLock {
    fn drop(&mut self) {
        held(&self.state).locks.remove(&self.path);
    }
}

impl File for SimulatedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = held(&self.state);
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let visible = state.content(self.number)?.visible.get(from..);
        let visible = visible.unwrap_or_default();
        let count = visible.len().min(buffer.len());
        for (to, byte) in buffer.iter_mut().zip(visible) {
            *to = *byte;
        }
        Ok(count)
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = held(&self.state);
        state.power()?;
        if state.write_fails() {
            let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
            state.write(self.number, half, offset)?;
            return Err(io::Error::from_raw_os_error(5));
        }
        let files = state.names.values();
        let used: u64 = files
            .filter_map(|number| Some(state.contents.get(number)?.visible.len() as u64))
            .sum();
        let end = offset.saturating_add(bytes.len() as u64);
        let grows = end.saturating_sub(state.content(self.number)?.visible.len() as u64);
        let fits = |most| grows == 0 || used + grows <= most;
        if !state.capacity_bytes.is_none_or(fits) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.write(self.number, bytes, offset)?;
        state.keep_moment();
        Ok(())
    }
    fn truncate(&self, bytes: u64) -> io::Result<()> {
        let mut state = held(&self.state);
        state.power()?;
        if state.write_fails() {
            return Err(io::Error::from_raw_os_error(5));
        }
        let content = state.contents.get_mut(&self.number);
        let content = content.ok_or(io::ErrorKind::NotFound)?;
        let length = usize::try_from(bytes).map_err(io::Error::other)?;
        content.visible.truncate(length);
        content.unsynced.push(Change::Shortened(length));
        state.keep_moment();
        Ok(())
    }
    fn sync_data(&self) -> io::Result<()> {
        let mut state = held(&self.state);
        state.power()?;
        let outcome = state.count_sync();
        let content = state
            .contents
            .get_mut(&self.number)
            .ok_or(io::ErrorKind::NotFound)?;
        if outcome.is_ok() {
            content.settle();
        } else {
            // The pages are marked clean: no later sync will write them.
            content.unsynced.clear();
        }
        outcome
    }
    fn sync_all(&self) -> io::Result<()> {
        self.sync_data()
    }
    fn len(&self) -> io::Result<u64> {
        Ok(held(&self.state).content(self.number)?.visible.len() as u64)
    }
}

impl State {
    fn content(&self, number: u64) -> io::Result<&Content> {
        self.contents
            .get(&number)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
    fn write(&mut self, number: u64, bytes: &[u8], offset: u64) -> io::Result<()> {
        let content = self
            .contents
            .get_mut(&number)
            .ok_or(io::ErrorKind::NotFound)?;
        put(&mut content.visible, offset, bytes);
        content
            .unsynced
            .push(Change::Written(offset, bytes.to_vec()));
        Ok(())
    }
    fn keep_moment(&mut self) {
        if let Some(mut moments) = self.moments.take() {
            moments.push((self.writes.saturating_sub(1), self.clone()));
            self.moments = Some(moments);
        }
    }
    /// Nothing happens any more once the power has failed.
    fn power(&self) -> io::Result<()> {
        match self.dark_after {
            Some(last) if self.writes + self.syncs >= last => Err(io::Error::from_raw_os_error(5)),
            _ => Ok(()),
        }
    }
    fn strikes(&mut self, fault: Fault) -> bool {
        let found = self.faults.iter().position(|f| *f == fault);
        found.map(|at| self.faults.swap_remove(at)).is_some()
    }
    /// Counts a write, and says whether it is one that fails.
    fn write_fails(&mut self) -> bool {
        let nth = self.writes;
        self.writes += 1;
        self.strikes(Fault::Write(nth))
    }
    fn count_sync(&mut self) -> io::Result<()> {
        let nth = self.syncs;
        self.syncs += 1;
        if self.strikes(Fault::Sync(nth)) {
            return Err(io::Error::from_raw_os_error(5));
        }
        Ok(())
    }
}
impl Content {
    fn settle(&mut self) {
        for change in std::mem::take(&mut self.unsynced) {
            match change {
                Change::Written(offset, bytes) => put(&mut self.durable, offset, &bytes),
                Change::Shortened(length) => self.durable.truncate(length),
            }
        }
    }
    fn after_cut_keeping(&self, keep: &mut impl FnMut() -> bool) -> Self {
        let mut durable = self.durable.clone();
        for change in &self.unsynced {
            match change {
                Change::Shortened(length) if keep() => durable.truncate(*length),
                Change::Shortened(_) => {}
                Change::Written(offset, bytes) => {
                    for (at, sector) in (0..).zip(bytes.chunks(SECTOR_BYTES)) {
                        if keep() {
                            put(&mut durable, offset + at * SECTOR_BYTES as u64, sector);
                        }
                    }
                }
            }
        }
        Self {
            visible: durable.clone(),
            durable,
            unsynced: Vec::new(),
        }
    }
    /// What is there after a cut, and how many bytes are not.
    fn after_cut(&self, random: &mut SplitMix) -> (Self, u64) {
        let mut durable = self.durable.clone();
        let mut lost_bytes = 0;
        for change in &self.unsynced {
            let (offset, bytes) = match change {
                Change::Written(offset, bytes) => (offset, bytes),
                Change::Shortened(length) => {
                    if random.coin() {
                        durable.truncate(*length);
                    }
                    continue;
                }
            };
            let fate = random.next() % 4;
            let mut at = *offset;
            let mut rest = bytes.as_slice();
            let torn_at = offset.saturating_add(random.next() % (bytes.len() as u64).max(1));
            while !rest.is_empty() {
                let room = SECTOR_BYTES - usize::try_from(at % SECTOR_BYTES as u64).unwrap_or(0);
                let (sector, behind) = rest.split_at(room.min(rest.len()));
                let kept = match fate {
                    0 => false,
                    1 => true,
                    2 => at < torn_at,
                    _ => random.coin(),
                };
                if kept {
                    put(&mut durable, at, sector);
                } else {
                    lost_bytes += sector.len() as u64;
                }
                at += sector.len() as u64;
                rest = behind;
            }
        }
        let after = Self {
            visible: durable.clone(),
            durable,
            unsynced: Vec::new(),
        };
        (after, lost_bytes)
    }
}

fn put(into: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let from = usize::try_from(offset).unwrap_or(usize::MAX);
    let end = from.saturating_add(bytes.len());
    if into.len() < end {
        into.resize(end, 0);
    }
    if let Some(place) = into.get_mut(from..end) {
        place.copy_from_slice(bytes);
    }
}
fn held(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Steele, Lea, Flood: small, seeded, good enough to choose sectors.
struct SplitMix(u64);
impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn coin(&mut self) -> bool {
        self.next().is_multiple_of(2)
    }
}

#[cfg(test)]
mod tests;
