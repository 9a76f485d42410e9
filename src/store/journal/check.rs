//! Reads everything, changes nothing, and says what is damaged: for `store check`.

use std::path::PathBuf;

use super::{
    JournalConfig,
    fault::OpenFault,
    scan::{self, ScannedGroup},
    segment,
};
use crate::store::{
    OpenError,
    disk::Disk,
    entry::EntryIndex,
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
    let wrapping = KeyEncryptionKey::load(&config.key_file)?;
    let keyring = Keyring::open(disk, &config.folder, wrapping)?;
    let lock = config.folder.join("lock");
    let _lock = disk.lock(&lock).map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock => OpenFault::Locked(config.folder.clone()),
        _ => OpenFault::Disk(lock, error),
    })?;
    let segments = segment::find(disk, &config.folder);
    let segments = segments.map_err(|(path, error)| OpenFault::Disk(path, error))?;
    let mut report = CheckReport {
        segments: segments.len() as u64,
        ..CheckReport::default()
    };
    let mut told = CheckProgress {
        bytes: 0,
        of_bytes: segments.iter().map(|segment| segment.bytes).sum(),
        entries: 0,
    };
    let mut faults = Vec::new();
    let mut visit = |group: ScannedGroup<'_>| {
        told.bytes += group.group.header.bytes_on_disk();
        told.entries += group.leaves.len() as u64;
        check_bodies(&group, &keyring, &mut report.findings);
        progress(told);
        Ok(())
    };
    report.torn_bytes = scan::survey(&segments, &mut visit, &mut |fault| faults.push(fault))?;
    report.entries = told.entries;
    report.findings.extend(faults.into_iter().map(finding));
    Ok(report)
}

fn finding(fault: OpenFault) -> Finding {
    let (file, offset, what) = match fault {
        OpenFault::Damaged { file, offset, what } => (file, offset, what),
        OpenFault::SegmentMissing(file) => (file, 0, "the file is missing".to_owned()),
        other => (PathBuf::new(), 0, other.to_string()),
    };
    Finding {
        file,
        offset,
        entry: None,
        what,
    }
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
