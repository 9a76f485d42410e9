//! Segment files: their names, their first sector, and how they are filled with zeros before use.
//!
//! | offset | bytes | field |
//! | --- | --- | --- |
//! | 0 | 8 | `APSEG001`: format 1 |
//! | 8 | 4 | segment id |
//! | 12 | 8 | random tag, repeated in every group |
//! | 20 | 8 | sequence number of its first group |
//! | 28 | 8 | index of its first entry |
//! | 36 | 32 | chain before its first group |
//! | 68 | 8 | when it came into use, microseconds since 1970 |
//! | 76 | 4 | CRC32C of the 76 bytes before |
//!
//! A segment that is never written again may end right behind its last group that counts.
//!
//! A prepared segment is all zeros; its header is written and synced before its first group. What stands in the
//! segment before, from its first sequence number on, is superseded: so is a tail cut or copied at start.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::fields::Fields;
use crate::{
    domain::time::Timestamp,
    store::{
        disk::{Disk, File, read_exact_at},
        entry::EntryIndex,
    },
    trust::merkle::Hash,
};

/// Where groups begin.
pub(super) const FIRST_GROUP: u64 = 512;
const HEADER_BYTES: usize = 80;
const MAGIC: &[u8; 8] = b"APSEG001";
const ZEROS_BYTES: usize = 1024 * 1024;

/// A segment's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) id: u32,
    pub(super) tag: [u8; 8],
    pub(super) first_sequence: u64,
    pub(super) first_index: EntryIndex,
    pub(super) chain: Hash,
    pub(super) since: Timestamp,
}
impl SegmentHeader {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FIRST_GROUP as usize);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.id.to_le_bytes());
        bytes.extend_from_slice(&self.tag);
        bytes.extend_from_slice(&self.first_sequence.to_le_bytes());
        bytes.extend_from_slice(&self.first_index.to_le_bytes());
        bytes.extend_from_slice(&self.chain);
        bytes.extend_from_slice(&self.since.as_micros().to_le_bytes());
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes.resize(FIRST_GROUP as usize, 0);
        bytes
    }
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let checked = bytes.get(..HEADER_BYTES - 4)?;
        let mut fields = Fields(bytes);
        if &fields.array::<8>()? != MAGIC {
            return None;
        }
        let header = Self {
            id: fields.u32()?,
            tag: fields.array()?,
            first_sequence: fields.u64()?,
            first_index: fields.u64()?,
            chain: fields.array()?,
            since: Timestamp::from_micros(i64::from_le_bytes(fields.array()?)),
        };
        (fields.u32()? == crc32c::crc32c(checked)).then_some(header)
    }
}

/// A segment file that was found.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) id: u32,
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn File>,
    pub(super) bytes: u64,
    /// `None`: prepared and not used, or damaged.
    pub(super) header: Option<SegmentHeader>,
}

/// Folder of the segments.
pub(super) fn folder(store: &Path) -> PathBuf {
    store.join("journal")
}
/// Name of a segment.
pub(super) fn path(store: &Path, id: u32) -> PathBuf {
    folder(store).join(format!("{id:010}.segment"))
}

/// All segments, in order.
pub(super) fn find(disk: &dyn Disk, store: &Path) -> Result<Vec<Segment>, (PathBuf, io::Error)> {
    let folder = folder(store);
    if !disk.exists(&folder) {
        return Ok(Vec::new());
    }
    let mut segments = Vec::new();
    for path in disk.list(&folder).map_err(|error| (folder, error))? {
        let name = path.file_name().and_then(|name| name.to_str());
        let id = name.and_then(|name| name.strip_suffix(".segment"));
        let id = id
            .filter(|id| id.len() == 10)
            .and_then(|id| id.parse().ok());
        if let Some(id) = id {
            segments.push(open(disk, id, path.clone()).map_err(|error| (path, error))?);
        }
    }
    segments.sort_by_key(|segment: &Segment| segment.id);
    Ok(segments)
}
fn open(disk: &dyn Disk, id: u32, path: PathBuf) -> io::Result<Segment> {
    let file: Arc<dyn File> = disk.open(&path)?.into();
    let bytes = file.len()?;
    let mut front = [0; HEADER_BYTES];
    let header = match read_exact_at(&*file, &mut front, 0) {
        Ok(()) => SegmentHeader::decode(&front).filter(|header| header.id == id),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
        Err(error) => return Err(error),
    };
    Ok(Segment {
        id,
        path,
        file,
        bytes,
        header,
    })
}

/// Makes a file of zeros, synced with its folder. Removes what it made when that fails.
pub(super) fn prepare(disk: &dyn Disk, path: &Path, bytes: u64) -> io::Result<Arc<dyn File>> {
    let file = disk.create(path)?;
    let fill = || {
        fill_with_zeros(&*file, bytes)?;
        file.sync_all()?;
        disk.sync_dir(path.parent().unwrap_or(Path::new(".")))
    };
    if let Err(error) = fill() {
        // The space is wanted back; the first error is the one to tell.
        let _ = disk.remove(path);
        return Err(error);
    }
    Ok(file.into())
}
/// Zeros from the start.
pub(super) fn fill_with_zeros(file: &dyn File, bytes: u64) -> io::Result<()> {
    let zeros = vec![0; ZEROS_BYTES];
    let mut at = 0;
    while at < bytes {
        let count = (bytes - at).min(ZEROS_BYTES as u64);
        let part = usize::try_from(count).unwrap_or(ZEROS_BYTES);
        file.write_all_at(zeros.get(..part).unwrap_or_default(), at)?;
        at += count;
    }
    Ok(())
}
