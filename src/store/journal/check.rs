//! Reads everything, changes nothing, and says what is damaged: for `store check`.

use std::path::PathBuf;

use super::{
    JournalConfig,
    fault::OpenFault,
    scan::ScannedGroup,
    segment::{self, Segment},
    walk::{self, Ground, Hole},
};
use crate::store::{
    OpenError,
    disk::Disk,
    entry::{Act, EntryIndex},
    keyring::{KeyEncryptionKey, KeyNumber, Keyring},
};

/// How far checking has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckProgress {
    /// Bytes read.
    pub bytes: u64,
    /// Bytes of all segments.
    pub of_bytes: u64,
    /// Entries found good so far.
    pub entries: u64,
}

/// What is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub file: PathBuf,
    /// From its start, in bytes.
    pub offset: u64,
    /// The entry, when it is one body.
    pub entry: Option<EntryIndex>,
    /// What is wrong.
    pub what: String,
}

/// What checking found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Segment files.
    pub segments: u64,
    /// Entries read.
    pub entries: u64,
    /// Bytes of a torn last group, which the next start cuts.
    pub torn_bytes: u64,
    /// All damage; empty when the journal is whole.
    pub findings: Vec<Finding>,
    /// The groups and entries that are damaged.
    pub holes: Vec<Hole>,
    /// Entries that an earlier repair could not save.
    pub missing: Vec<EntryIndex>,
}

/// Reads every group and opens every body. The node must be stopped.
///
/// # Errors
/// When the keys are missing or wrong, the store is in use, or the disk fails.
pub fn check(
    config: &JournalConfig,
    disk: &dyn Disk,
    progress: &mut dyn FnMut(CheckProgress),
) -> Result<CheckReport, OpenError> {
    Ok(run(config, disk, progress)?)
}

fn run(
    config: &JournalConfig,
    disk: &dyn Disk,
    progress: &mut dyn FnMut(CheckProgress),
) -> Result<CheckReport, OpenFault> {
    let (_lock, keyring) = lock(config, disk)?;
    let segments = segments(config, disk)?;
    let mut report = CheckReport {
        segments: segments.len() as u64,
        ..CheckReport::default()
    };
    let mut told = CheckProgress {
        bytes: 0,
        of_bytes: segments.iter().map(|segment| segment.bytes).sum(),
        entries: 0,
    };
    let mut visit = |group: ScannedGroup<'_>| {
        told.bytes += group.group.header.bytes_on_disk();
        told.entries += group.leaves.len() as u64;
        note_missing(&group, &mut report.missing);
        check_bodies(&group, &keyring, &mut report.findings);
        progress(told);
        Ok(())
    };
    let walked = walk::walk(&ground(config, &keyring, &segments), &mut visit)?;
    report.entries = told.entries;
    report.torn_bytes = walked.torn_bytes;
    for course in &walked.courses {
        if let Some(what) = course.fault {
            report.findings.push(Finding {
                file: segment::path(&config.folder, course.header.id),
                offset: 0,
                entry: None,
                what: what.to_owned(),
            });
        }
        for hole in course.holes().map(|torn| &torn.hole) {
            report.findings.extend(finding(hole));
            report.holes.push(hole.clone());
        }
    }
    Ok(report)
}

/// The lock and the keys; neither is made.
pub(super) fn lock(
    config: &JournalConfig,
    disk: &dyn Disk,
) -> Result<(Box<dyn Send + Sync>, Keyring), OpenFault> {
    let wrapping = KeyEncryptionKey::load(&config.key_file)?;
    let keyring = Keyring::open(disk, &config.folder, wrapping)?;
    let lock = config.folder.join("lock");
    let held = disk.lock(&lock).map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock => OpenFault::Locked(config.folder.clone()),
        _ => OpenFault::Disk(lock, error),
    })?;
    Ok((held, keyring))
}

pub(super) fn segments(config: &JournalConfig, disk: &dyn Disk) -> Result<Vec<Segment>, OpenFault> {
    let found = segment::find(disk, &config.folder);
    found.map_err(|(path, error)| OpenFault::Disk(path, error))
}

pub(super) fn ground<'a>(
    config: &'a JournalConfig,
    keyring: &Keyring,
    segments: &'a [Segment],
) -> Ground<'a> {
    // The first segment is whole before it has its name.
    let first = segments.first().is_some_and(|segment| segment.id == 0);
    Ground {
        folder: &config.folder,
        segments,
        in_use: keyring.segments_in_use().max(u32::from(first)),
        segment_bytes: config.segment_bytes,
        now: config.clock.now(),
    }
}

/// A hole as one finding; nothing for a file of which its course says it already.
fn finding(hole: &Hole) -> Option<Finding> {
    (hole.offset > 0 && hole.what != walk::GONE && hole.what != walk::UNREADABLE).then(|| Finding {
        file: hole.file.clone(),
        offset: hole.offset,
        entry: None,
        what: hole.what.to_owned(),
    })
}

/// Entries that an earlier repair could not save.
fn note_missing(group: &ScannedGroup<'_>, missing: &mut Vec<EntryIndex>) {
    let headers = group.blocks.iter().flat_map(|(.., front)| &front.headers);
    let lost = headers.filter(|header| header.act == Act::Missing);
    missing.extend(lost.map(|header| header.index));
}

fn check_bodies(group: &ScannedGroup<'_>, keyring: &Keyring, findings: &mut Vec<Finding>) {
    let key = |number: KeyNumber| keyring.key(number).ok().flatten();
    for (start, prefix, front) in &group.blocks {
        for at in 0..prefix.entries {
            let range = front.body(at);
            let sealed = group
                .group
                .blocks
                .get(start + range.start..start + range.end);
            if let Err(error) = front.stored(at, sealed.unwrap_or_default(), key) {
                findings.push(Finding {
                    file: group.segment.path.clone(),
                    offset: group.offset,
                    entry: front.headers.get(at).map(|header| header.index),
                    what: error.to_string(),
                });
            }
        }
    }
}
