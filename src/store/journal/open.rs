//! Opening: keys, lock, scan, the tail made durable anew, threads.
//!
//! Must change nothing before keys, lock and every group were found good. A torn end is not overwritten: the new
//! segment's header supersedes it. The copy of a last group becomes a segment by one rename, when it is whole and
//! synced; until then the old one stands.
//!
//! Must never build on what a killed process left in the page cache alone. A header without a group behind it is
//! such: it may be gone at the next power cut, so its segment is made anew, under the same name.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicBool, AtomicU64},
        mpsc,
    },
    thread,
};

use tokio::sync::watch;

use super::{
    Journal, JournalConfig, JournalRecovery, Orders, Shared,
    commit::{self, Commit, Current},
    fault::OpenFault,
    group::{self, GROUP_HEADER_BYTES, GroupHeader, GroupKind},
    loss::LossBook,
    reading::{Fronts, Place, Places},
    scan::{self, End, Position, ScannedGroup},
    segment::{self, FIRST_GROUP, Segment, SegmentHeader},
    sizes::SizesCounted,
    stock::{self, Stock},
    tree::Tree,
};
use crate::{
    planted::{self, Bug},
    store::{
        disk::{Disk, File},
        keyring::{KeyEncryptionKey, Keyring, KeyringError, SegmentKey},
        runs::Runs,
    },
};

const LEAST_SEGMENT_BYTES: u64 = 4096;

pub(super) fn open(
    runs: &Runs,
    config: JournalConfig,
    disk: Arc<dyn Disk>,
) -> Result<(Journal, JournalRecovery), OpenFault> {
    let bytes = config.segment_bytes;
    if bytes < LEAST_SEGMENT_BYTES || !bytes.is_multiple_of(group::SECTOR_BYTES) {
        return Err(OpenFault::SegmentBytes(bytes, LEAST_SEGMENT_BYTES));
    }
    let (lock, mut keyring) = lock_and_keys(&config, &*disk)?;
    let segments = segment::find(&*disk, &config.folder).map_err(at)?;
    let mut places = Places::default();
    let tree = Tree::default();
    let mut unfolded = 0;
    let mut loss = LossBook::default();
    nothing_gone(&config, &keyring, &segments)?;
    let end = scan::scan(&segments, &mut |found: ScannedGroup<'_>| {
        loss.take(&found, || tree.head());
        places.add_blocks(blocks(found.segment.id, found.offset, &found));
        unfolded += found.leaves.len();
        tree.add(found.leaves);
        if unfolded > 65_536 {
            tree.fold();
            unfolded = 0;
        }
        Ok(())
    })?;
    not_cut_short(&config, &segments, &end)?;
    for segment in segments.iter().filter(|segment| segment.header.is_some()) {
        places.add_file(segment.id, segment.file.clone());
        // Its key was on disk before it was: without one its bodies would be lost, and nobody told.
        places.add_key(keyring.key_in_use(segment.id)?);
    }
    let recovery = JournalRecovery {
        entries: end.position.index,
        torn_bytes: end.torn_bytes,
        resynced_entries: unproven(&end).map_or(0, |last| u64::from(last.entries)),
        loss: loss.close(end.torn_bytes),
    };
    let tail = settle(&config, &*disk, &mut keyring, &segments, &end, &mut places)?;
    let shared = Arc::new(Shared {
        disk,
        folder: config.folder,
        segment_bytes: bytes,
        clock: config.clock,
        keyring: Mutex::new(keyring),
        key: RwLock::new(tail.key.clone()),
        places: RwLock::new(places),
        fronts: Mutex::new(Fronts::default()),
        durable: AtomicU64::new(end.position.index),
        tree,
        stock: Stock::default(),
        room: AtomicBool::new(true),
        failed: AtomicBool::new(false),
        failure: watch::Sender::new(None),
        groups: AtomicU64::new(0),
        group_entries: SizesCounted::default(),
        batch_documents: SizesCounted::default(),
        syncs: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        _lock: lock,
    });
    let folder = shared.folder.clone();
    let journal = start(runs, &shared, tail).map_err(|error| OpenFault::Disk(folder, error))?;
    Ok((journal, recovery))
}

/// Keys first, so that a wrong one touches nothing; again under the lock, as they may have changed meanwhile.
fn lock_and_keys(
    config: &JournalConfig,
    disk: &dyn Disk,
) -> Result<(Box<dyn Send + Sync>, Keyring), OpenFault> {
    let folder = &config.folder;
    let fault = |error| OpenFault::Disk(folder.clone(), error);
    let wrapping = KeyEncryptionKey::load(&config.key_file)?;
    let keyring = Keyring::path(folder);
    let begun = !segment::find(disk, folder).map_err(at)?.is_empty();
    if begun || disk.exists(&keyring) {
        Keyring::open(disk, folder, wrapping.clone())?;
    }
    for made in [folder.clone(), segment::folder(folder)] {
        if !disk.exists(&made) {
            disk.create_dir(&made).map_err(fault)?;
            let parent = made.parent().filter(|parent| disk.exists(parent));
            parent
                .map_or(Ok(()), |parent| disk.sync_dir(parent))
                .map_err(fault)?;
        }
    }
    let lock = disk
        .lock(&folder.join("lock"))
        .map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => OpenFault::Locked(folder.clone()),
            _ => OpenFault::Disk(folder.join("lock"), error),
        })?;
    let keyring = if disk.exists(&keyring) {
        Keyring::open(disk, folder, wrapping)?
    } else if segment::find(disk, folder).map_err(at)?.is_empty() {
        Keyring::create(disk, folder, wrapping)?
    } else {
        return Err(KeyringError::KeyringMissing(keyring).into());
    };
    Ok((lock, keyring))
}

/// A key that was made after groups were written into the segments before it proves that these were in use.
fn nothing_gone(
    config: &JournalConfig,
    keyring: &Keyring,
    segments: &[Segment],
) -> Result<(), OpenFault> {
    for id in 0..keyring.segments_in_use() {
        let path = segment::path(&config.folder, id);
        match segments.iter().find(|segment| segment.id == id) {
            None => return Err(OpenFault::SegmentMissing(path)),
            Some(segment) if segment.header.is_none() => {
                return Err(OpenFault::Damaged {
                    file: path,
                    offset: 0,
                    what: "its header is wrong".to_owned(),
                });
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// The segment in use is as long as it was made: only finished ones are shortened, after the next is on disk.
fn not_cut_short(config: &JournalConfig, segments: &[Segment], end: &End) -> Result<(), OpenFault> {
    let Some((segment, offset)) = end
        .segment
        .and_then(|(at, offset)| Some((segments.get(at)?, offset)))
    else {
        return Ok(());
    };
    if segment.bytes >= config.segment_bytes {
        return Ok(());
    }
    Err(OpenFault::Damaged {
        file: segment.path.clone(),
        offset,
        what: "the file was cut short".to_owned(),
    })
}

/// Where writing goes on.
struct Tail {
    current: Current,
    key: SegmentKey,
    position: Position,
    /// Whether a seal stands at the end.
    sealed: bool,
}

/// The last group, unless it is a seal: nothing proves that it is on disk and not in the page cache alone.
fn unproven(end: &End) -> Option<&GroupHeader> {
    let last = end.last.as_ref().map(|last| &last.header);
    last.filter(|header| header.kind == GroupKind::Entries && !planted::is(Bug::TrustTail))
}

/// Makes the end of the journal durable anew, and says where writing goes on.
fn settle(
    config: &JournalConfig,
    disk: &dyn Disk,
    keyring: &mut Keyring,
    segments: &[Segment],
    end: &End,
    places: &mut Places,
) -> Result<Tail, OpenFault> {
    let used = segments
        .iter()
        .filter(|segment| segment.header.is_some())
        .count();
    remove_unused(
        disk,
        &config.folder,
        segments.get(used..).unwrap_or_default(),
    )?;
    if let Some(tail) = resume(config, keyring, segments, end)? {
        let finished = used.saturating_sub(1);
        shorten(segments.get(..finished).unwrap_or_default(), end, None)?;
        return Ok(tail);
    }
    let place = place_of_next(end);
    let id = u32::try_from(place).unwrap_or(u32::MAX);
    let key = keyring.add(disk, id)?;
    let mut tag = [0; 8];
    aws_lc_rs::rand::fill(&mut tag).map_err(|_| KeyringError::Library("make random bytes"))?;
    let copied = copy_of_last(segments, end)?;
    let before = copied.as_ref().map_or(&end.position, |copy| &copy.before);
    let header = SegmentHeader {
        id,
        tag,
        first_sequence: before.sequence,
        first_index: before.index,
        chain: before.chain,
        since: config.clock.now(),
    };
    let mut bytes = header.encode();
    if let Some(copy) = &copied {
        let header = GroupHeader {
            segment: id,
            tag,
            ..copy.header.clone()
        };
        bytes.extend_from_slice(&header.encode(crc32c::crc32c(&copy.blocks)));
        bytes.extend_from_slice(&copy.blocks);
    }
    bytes.resize(
        usize::try_from(group::padded(bytes.len() as u64)).unwrap_or(0),
        0,
    );
    let empty = segments.get(place + 1..used).unwrap_or_default();
    remove_empty(disk, &config.folder, empty)?;
    places.forget_segments_from(id);
    let file = make_whole(disk, config, id, &bytes)?;
    let finished = segments.get(..place).unwrap_or_default();
    shorten(finished, end, copied.as_ref())?;
    if let Some(copy) = &copied {
        places.forget_from(copy.before.index);
        places.add_blocks(copy.places(id));
    }
    places.add_segment(id, file.clone(), key.clone());
    Ok(Tail {
        current: Current {
            id,
            file,
            tag,
            offset: bytes.len() as u64,
        },
        key,
        position: end.position.clone(),
        // One follows at once, so that the next start need not copy again.
        sealed: false,
    })
}

/// Where the new segment goes in the list: behind the last group that stays where it is. What stands there has no
/// group, or only the one that is copied, and is replaced.
fn place_of_next(end: &End) -> usize {
    let Some(last) = &end.last else {
        return 0;
    };
    let alone = unproven(end).is_some() && last.offset == FIRST_GROUP;
    if alone {
        last.segment
    } else {
        last.segment + 1
    }
}

/// A journal that ends with a seal goes on in its segment. The seal itself is written and synced anew: it must not
/// be missing behind later groups.
fn resume(
    config: &JournalConfig,
    keyring: &mut Keyring,
    segments: &[Segment],
    end: &End,
) -> Result<Option<Tail>, OpenFault> {
    let Some((at, offset)) = end.segment.filter(|_| end.torn_bytes == 0) else {
        return Ok(None);
    };
    let Some(segment) = segments.get(at).filter(|s| s.bytes == config.segment_bytes) else {
        return Ok(None);
    };
    let last = end.last.as_ref().filter(|last| last.segment == at);
    let Some(last) = last.filter(|last| last.header.kind == GroupKind::Seal) else {
        return Ok(None);
    };
    let (Some(header), Some(key)) = (&segment.header, keyring.key(segment.id)?) else {
        return Ok(None);
    };
    let mut seal = last.header.encode(0).to_vec();
    seal.resize(
        usize::try_from(last.header.bytes_on_disk()).unwrap_or(GROUP_HEADER_BYTES),
        0,
    );
    segment
        .file
        .write_all_at(&seal, last.offset)
        .and_then(|()| segment.file.sync_data())
        .map_err(|error| OpenFault::Disk(segment.path.clone(), error))?;
    Ok(Some(Tail {
        current: Current {
            id: segment.id,
            file: segment.file.clone(),
            tag: header.tag,
            offset,
        },
        key,
        position: end.position.clone(),
        sealed: true,
    }))
}

/// The last group as it must be copied.
struct Copied {
    before: Position,
    header: GroupHeader,
    blocks: bytes::Bytes,
}
impl Copied {
    fn places(&self, segment: u32) -> Vec<Place> {
        // The group was split when it was scanned: its blocks are whole.
        let split = super::block::split(&self.blocks).unwrap_or_default();
        let place = |at: usize, first| Place {
            first,
            segment,
            offset: FIRST_GROUP + (GROUP_HEADER_BYTES + at) as u64,
        };
        let firsts = split
            .iter()
            .filter_map(|(at, _, front)| Some((*at, front.headers.first()?.index)));
        firsts.map(|(at, first)| place(at, first)).collect()
    }
}
fn copy_of_last(segments: &[Segment], end: &End) -> Result<Option<Copied>, OpenFault> {
    let Some(last) = end.last.as_ref().filter(|_| unproven(end).is_some()) else {
        return Ok(None);
    };
    let Some(segment) = segments.get(last.segment) else {
        return Ok(None);
    };
    let group = group::read(&*segment.file, last.offset, segment.bytes, |header| {
        *header == last.header
    });
    let group = group.map_err(|error| OpenFault::Disk(segment.path.clone(), error))?;
    let group = group.ok_or_else(|| OpenFault::Damaged {
        file: segment.path.clone(),
        offset: last.offset,
        what: "the last group reads otherwise than a moment ago".to_owned(),
    })?;
    Ok(Some(Copied {
        before: last.before.clone(),
        header: group.header,
        blocks: group.blocks,
    }))
}

/// A segment that begins with these bytes; there whole and synced, or not at all.
fn make_whole(
    disk: &dyn Disk,
    config: &JournalConfig,
    id: u32,
    bytes: &[u8],
) -> Result<Arc<dyn File>, OpenFault> {
    let path = segment::path(&config.folder, id);
    let temporary = path.with_extension("new");
    let make = || {
        if disk.exists(&temporary) {
            disk.remove(&temporary)?;
        }
        let file: Arc<dyn File> = disk.create(&temporary)?.into();
        segment::fill_with_zeros(&*file, config.segment_bytes)?;
        file.write_all_at(bytes, 0)?;
        file.sync_all()?;
        disk.rename(&temporary, &path)?;
        disk.sync_dir(&segment::folder(&config.folder))?;
        Ok(file)
    };
    make().map_err(|error| OpenFault::Disk(path.clone(), error))
}

/// Prepared segments are made anew: whether their zeros are on disk is not known.
fn remove_unused(disk: &dyn Disk, folder: &Path, unused: &[Segment]) -> Result<(), OpenFault> {
    for segment in unused {
        let removed = disk.remove(&segment.path);
        removed.map_err(|error| OpenFault::Disk(segment.path.clone(), error))?;
    }
    if unused.is_empty() {
        return Ok(());
    }
    let folder = segment::folder(folder);
    disk.sync_dir(&folder)
        .map_err(|error| OpenFault::Disk(folder, error))
}

/// Gives back the space behind the groups that count, in segments that are never written again: nothing there is
/// read any more, as the segment behind each supersedes it and is durable. Only saves space: a power cut may leave
/// either length, and the next start does what is left.
fn shorten(finished: &[Segment], end: &End, copied: Option<&Copied>) -> Result<(), OpenFault> {
    let moved = end.last.as_ref().filter(|_| copied.is_some());
    for ((at, segment), used) in finished.iter().enumerate().zip(&end.ends) {
        let moved = moved.filter(|last| last.segment == at);
        let used = moved.map_or(*used, |last| last.offset);
        if segment.bytes > used {
            let shortened = segment.file.truncate(used);
            shortened
                .and_then(|()| segment.file.sync_all())
                .map_err(|error| OpenFault::Disk(segment.path.clone(), error))?;
        }
    }
    Ok(())
}

/// Segments whose header stands and that hold no group: nothing in them was acknowledged. From the end, one by one,
/// so that a power cut leaves no gap.
fn remove_empty(disk: &dyn Disk, folder: &Path, empty: &[Segment]) -> Result<(), OpenFault> {
    empty
        .iter()
        .rev()
        .try_for_each(|segment| remove_unused(disk, folder, std::slice::from_ref(segment)))
}

fn blocks(segment: u32, offset: u64, found: &ScannedGroup<'_>) -> Vec<Place> {
    let start = offset + GROUP_HEADER_BYTES as u64;
    let place = |(at, _, front): &(usize, _, Arc<super::block::Front>)| {
        let first = front.headers.first()?.index;
        let offset = start + *at as u64;
        Some(Place {
            first,
            segment,
            offset,
        })
    };
    found.blocks.iter().filter_map(place).collect()
}

fn start(runs: &Runs, shared: &Arc<Shared>, tail: Tail) -> io::Result<Journal> {
    let (wake_tree, woken) = mpsc::sync_channel::<()>(1);
    let half = shared.segment_bytes / 2;
    if tail.current.offset > half {
        shared.stock.want(tail.current.id + 1);
    }
    let commit = Commit {
        shared: shared.clone(),
        current: tail.current,
        position: tail.position,
        next_ticket: 0,
        waiting: BTreeMap::new(),
        waiting_bytes: 0,
        wake_tree,
        sealed: tail.sealed,
        buffer: Vec::new(),
    };
    let mut journal = Journal {
        shared: shared.clone(),
        orders: None,
        threads: Vec::new(),
    };
    match runs {
        Runs::OnThreads => {
            let folding = shared.clone();
            let tree = thread::Builder::new().name("journal-tree".into());
            journal.threads.push(tree.spawn(move || {
                while woken.recv().is_ok() {
                    folding.tree.fold();
                }
            })?);
            let (orders, taken) = mpsc::channel();
            journal.threads.push(commit::start(commit, taken)?);
            journal.threads.push(stock::start(shared)?);
            journal.orders = Some(Orders::Thread(orders));
        }
        #[cfg(any(test, feature = "faults"))]
        Runs::On(machine) => {
            let (orders, taken) = tokio::sync::mpsc::unbounded_channel();
            machine.spawn(super::stepped::run(commit, taken, machine.clone()));
            journal.orders = Some(Orders::Task(orders));
        }
    }
    Ok(journal)
}
fn at((path, error): (PathBuf, io::Error)) -> OpenFault {
    OpenFault::Disk(path, error)
}
