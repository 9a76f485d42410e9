//! Mending a damaged journal: `store repair`, on the files of a stopped node.
//!
//! The way in is [`repair`]. Each damaged file is copied beside itself first and never deleted. What is good is kept
//! byte by byte; of a damaged group every block whose headers hold, and in it every body that opens; for each entry
//! beyond that a stand-in is written under its index, so that every other entry keeps its place. A segment is
//! replaced by one rename. It must never invent an entry, nor let a body count that does not open.

use std::{path::PathBuf, sync::Arc};

use bytes::Bytes;

use super::{
    Block, JournalConfig, NewEntry,
    block::{self, Front, PREFIX_BYTES, Prefix},
    check,
    fault::OpenFault,
    group::{self, GROUP_HEADER_BYTES, GoesOn, GroupHeader, GroupKind, MAGIC, SECTOR_BYTES},
    segment,
    walk::{self, Course, Hole, Part, Torn},
};
use crate::{
    domain::{reason::Reason, time::Timestamp},
    store::{
        OpenError,
        disk::{self, Disk, File},
        entry::{Act, Actor, EntryHeader, EntryIndex},
        keyring::{Keyring, KeyringError, SegmentKey},
    },
};

/// Copies of one damaged segment that may stand side by side.
const MAX_ASIDE: u32 = 100;
/// Stand-ins in one block.
const STAND_INS_PER_BLOCK: u64 = 4096;

/// What was mended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepairReport {
    /// Holes, as they were found.
    pub holes: Vec<Hole>,
    /// Entries that are lost, header and all.
    pub missing: Vec<EntryIndex>,
    /// Entries whose header was saved and whose body was not.
    pub bodies_lost: Vec<EntryIndex>,
    /// Entries that stood in damaged groups and were saved whole.
    pub saved: u64,
    /// The damaged files, set aside.
    pub aside: Vec<PathBuf>,
}

/// Mends every damaged segment. The node must be stopped.
///
/// # Errors
/// When the keys are missing or wrong, the store is in use, or the disk fails; then nothing is lost: it may be run again.
pub fn repair(config: &JournalConfig, disk: &dyn Disk) -> Result<RepairReport, OpenError> {
    Ok(run(config, disk)?)
}

fn run(config: &JournalConfig, disk: &dyn Disk) -> Result<RepairReport, OpenFault> {
    let (_lock, keyring) = check::lock(config, disk)?;
    let segments = check::segments(config, disk)?;
    let ground = check::ground(config, &keyring, &segments);
    let walked = walk::walk(&ground, &mut |_| Ok(()))?;
    let mut report = RepairReport::default();
    let last = walked.courses.len().saturating_sub(1);
    for (at, course) in walked.courses.iter().enumerate() {
        if !course.is_damaged() {
            continue;
        }
        let mending = Mending {
            config,
            disk,
            keyring: &keyring,
            course,
        };
        let mut bytes = mending.bytes(&mut report)?;
        if at == last {
            let least = usize::try_from(config.segment_bytes).unwrap_or(0);
            bytes.resize(bytes.len().max(least), 0);
        }
        report.aside.extend(mending.set_aside()?);
        mending.replace(&bytes)?;
    }
    Ok(report)
}

/// Writing one segment anew.
struct Mending<'a> {
    config: &'a JournalConfig,
    disk: &'a dyn Disk,
    keyring: &'a Keyring,
    course: &'a Course,
}

impl Mending<'_> {
    fn path(&self) -> PathBuf {
        segment::path(&self.config.folder, self.course.header.id)
    }

    fn bytes(&self, report: &mut RepairReport) -> Result<Vec<u8>, OpenFault> {
        let mut bytes = self.course.header.encode();
        for part in &self.course.parts {
            match part {
                Part::Kept(kept) => bytes.extend_from_slice(&self.read(kept)?),
                Part::Hole(torn) => self.mend(torn, &mut bytes, report)?,
            }
        }
        Ok(bytes)
    }

    fn read(&self, range: &std::ops::Range<u64>) -> Result<Vec<u8>, OpenFault> {
        let Some(found) = &self.course.found else {
            return Ok(Vec::new());
        };
        let end = range.end.min(found.bytes);
        let length = end.saturating_sub(range.start);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        disk::read_exact_at(&*found.file, &mut bytes, range.start)
            .map_err(|error| OpenFault::Disk(found.path.clone(), error))?;
        Ok(bytes)
    }

    /// One group in the place of the hole: what was saved, and stand-ins between.
    fn mend(
        &self,
        torn: &Torn,
        out: &mut Vec<u8>,
        report: &mut RepairReport,
    ) -> Result<(), OpenFault> {
        let after = torn.after.clone();
        let after = after.unwrap_or_else(|| walk::beyond(&torn.before));
        let saved = salvage(&self.read(&torn.bytes)?, torn, self.keyring);
        let mut blocks = Vec::new();
        let mut count = 0;
        let mut due = torn.before.index;
        for block in saved {
            count += self.stand_ins(due..block.first, &mut blocks, report)?;
            report.saved += block.entries - block.lost.len() as u64;
            report.bodies_lost.extend(block.lost);
            due = block.first + block.entries;
            count += 1;
            blocks.extend_from_slice(&block.bytes);
        }
        count += self.stand_ins(due..after.index, &mut blocks, report)?;
        let goes_on = GoesOn {
            sequence: after.sequence,
            chain: after.chain,
        };
        goes_on.encode(&mut blocks);
        let size = |size: u64| u32::try_from(size).map_err(|_| self.too_large());
        let header = GroupHeader {
            kind: GroupKind::Mended,
            length: size(blocks.len() as u64)?,
            segment: self.course.header.id,
            sequence: torn.before.sequence,
            first_index: torn.before.index,
            entries: size(after.index - torn.before.index)?,
            blocks: count,
            tag: self.course.header.tag,
            chain: torn.before.chain,
        };
        out.extend_from_slice(&header.encode(crc32c::crc32c(&blocks)));
        out.extend_from_slice(&blocks);
        let end = group::padded(out.len() as u64);
        out.resize(usize::try_from(end).unwrap_or(out.len()), 0);
        report.holes.push(torn.hole.clone());
        Ok(())
    }

    fn too_large(&self) -> OpenFault {
        OpenFault::Damaged {
            file: self.path(),
            offset: 0,
            what: "the hole is too large to be mended".to_owned(),
        }
    }

    /// Appends blocks of stand-ins; gives how many.
    fn stand_ins(
        &self,
        indexes: std::ops::Range<EntryIndex>,
        blocks: &mut Vec<u8>,
        report: &mut RepairReport,
    ) -> Result<u32, OpenFault> {
        let mut count = 0;
        let mut first = indexes.start;
        while first < indexes.end {
            let end = indexes.end.min(first + STAND_INS_PER_BLOCK);
            let block = Block {
                ticket: 0,
                entries: (first..end)
                    .map(|index| stand_in(index, self.config.clock.now()))
                    .collect(),
                batches: Vec::new(),
                done: Box::new(|| {}),
            };
            let encoded = block::encode(block, &self.key()?).map_err(|_| self.too_large())?;
            blocks.extend_from_slice(&encoded.bytes);
            report.missing.extend(first..end);
            count += 1;
            first = end;
        }
        Ok(count)
    }

    /// The segment's key; stand-ins have no body, so that nothing is sealed under it.
    fn key(&self) -> Result<SegmentKey, OpenFault> {
        let key = self.keyring.key(self.course.header.id)?;
        let missing = || KeyringError::KeyringMissing(Keyring::path(&self.config.folder));
        Ok(key.ok_or_else(missing)?)
    }

    /// A copy of the damaged file, whole and synced.
    fn set_aside(&self) -> Result<Option<PathBuf>, OpenFault> {
        let Some(found) = &self.course.found else {
            return Ok(None);
        };
        let free = (1..=MAX_ASIDE).map(|at| found.path.with_extension(format!("damaged-{at}")));
        let aside = free.into_iter().find(|path| !self.disk.exists(path));
        let full = || std::io::Error::other("too many damaged copies stand there");
        let copy = || {
            let aside = aside.clone().ok_or_else(full)?;
            let bytes = disk::read_all(&*found.file)?;
            let file = self.disk.create(&aside)?;
            file.write_all_at(&bytes, 0)?;
            file.sync_all()?;
            self.disk.sync_dir(&segment::folder(&self.config.folder))?;
            Ok(Some(aside))
        };
        copy().map_err(|error| OpenFault::Disk(found.path.clone(), error))
    }

    /// Whole, synced, then under its name.
    fn replace(&self, bytes: &[u8]) -> Result<(), OpenFault> {
        let path = self.path();
        let temporary = path.with_extension("mended");
        let write = || {
            if self.disk.exists(&temporary) {
                self.disk.remove(&temporary)?;
            }
            let file: Arc<dyn File> = self.disk.create(&temporary)?.into();
            file.write_all_at(bytes, 0)?;
            file.sync_all()?;
            self.disk.rename(&temporary, &path)?;
            self.disk.sync_dir(&segment::folder(&self.config.folder))
        };
        write().map_err(|error| OpenFault::Disk(path.clone(), error))
    }
}

fn stand_in(index: EntryIndex, now: Timestamp) -> NewEntry {
    NewEntry {
        header: EntryHeader {
            index,
            time: now,
            act: Act::Missing,
            reason: Some(Reason::EntryMissing),
            actor: Actor::NODE,
            subject: None,
            peer: None,
            leaf: None,
            body_bytes: 0,
            count: 0,
        },
        body: Bytes::new(),
        signature: None,
        receipt: None,
    }
}

/// A block that was found in a damaged group, its headers whole.
struct Saved {
    first: EntryIndex,
    entries: u64,
    bytes: Vec<u8>,
    /// Entries whose body does not open: marked so in the bytes.
    lost: Vec<EntryIndex>,
}

/// The blocks of a hole that can still be read, in order.
fn salvage(bytes: &[u8], torn: &Torn, keyring: &Keyring) -> Vec<Saved> {
    let Some(after) = &torn.after else {
        return Vec::new();
    };
    let mut saved = Vec::new();
    let mut due = torn.before.index;
    let sector = usize::try_from(SECTOR_BYTES).unwrap_or(512);
    for start in (0..bytes.len()).step_by(sector) {
        let begins = |at: usize| bytes.get(at..).is_some_and(|rest| rest.starts_with(MAGIC));
        if start > 0 && !begins(start) {
            continue;
        }
        let mut at = start + GROUP_HEADER_BYTES;
        while let Some(rest) = bytes.get(at..)
            && let Some(length) = length(rest)
        {
            let found = save(rest, keyring)
                .filter(|block| due <= block.first && block.first + block.entries <= after.index);
            if let Some(block) = found {
                due = block.first + block.entries;
                saved.push(block);
            }
            at += length;
        }
    }
    saved
}

/// Bytes of the block that begins here, as it says itself.
fn length(bytes: &[u8]) -> Option<usize> {
    let prefix = Prefix::decode(bytes.get(..PREFIX_BYTES)?).ok()?;
    (prefix.length <= bytes.len()).then_some(prefix.length)
}

/// The block that begins here, if its headers hold.
fn save(bytes: &[u8], keyring: &Keyring) -> Option<Saved> {
    let prefix = Prefix::decode(bytes.get(..PREFIX_BYTES)?).ok()?;
    let mut block = bytes.get(..prefix.length)?.to_vec();
    let front = Bytes::copy_from_slice(block.get(..prefix.front)?);
    let front = Front::decode(&front).ok()?;
    let mut lost = Vec::new();
    for (at, header) in front.headers.iter().enumerate() {
        let sealed = block.get_mut(front.body(at))?;
        let key = |number| keyring.key(number).ok().flatten();
        if front.stored(at, sealed, key).is_err() {
            block::lose(sealed);
            lost.push(header.index);
        }
    }
    Some(Saved {
        first: front.headers.first()?.index,
        entries: front.headers.len() as u64,
        bytes: block,
        lost,
    })
}
