//! What one sync covers: a header, blocks, zeros up to the next sector.
//!
//! | offset | bytes | field |
//! | --- | --- | --- |
//! | 0 | 4 | `APGR` |
//! | 4 | 4 | kind: 1 entries, 2 seal, 3 mended |
//! | 8 | 4 | bytes of the blocks |
//! | 12 | 4 | segment id |
//! | 16 | 8 | sequence number, from 0 through all segments |
//! | 24 | 8 | index of the first entry |
//! | 32 | 4 | entries |
//! | 36 | 4 | blocks |
//! | 40 | 8 | the segment's random tag: nobody who sends us bytes can forge a group inside of a block |
//! | 48 | 32 | chain: hash of the previous group's chain and entry headers |
//! | 80 | 12 | zeros |
//! | 92 | 4 | CRC32C of the 92 bytes before and of the blocks |
//!
//! A mended group stands where a damaged one stood. Behind its blocks 40 bytes say where the journal goes on: 8 of
//! the next sequence number, 32 of the chain there. Nothing else may write one but `store repair`.
//!
//! Groups begin at sectors, so that writing one never touches the sector of an acknowledged one.

use aws_lc_rs::digest;
use bytes::Bytes;

use super::fields::Fields;
use crate::{
    store::{disk, entry::EntryIndex},
    trust::merkle::Hash,
};

/// Bytes of the header.
pub(super) const GROUP_HEADER_BYTES: usize = 96;
/// What groups are aligned to.
pub(super) const SECTOR_BYTES: u64 = 512;
/// First bytes of every group.
pub(super) const MAGIC: &[u8; 4] = b"APGR";

/// What a group is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GroupKind {
    Entries = 1,
    /// Says that the group before it was synced; holds nothing.
    Seal = 2,
    /// What was left of a damaged group, and stand-ins for the entries that were not.
    Mended = 3,
}

/// A group's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GroupHeader {
    pub(super) kind: GroupKind,
    pub(super) length: u32,
    pub(super) segment: u32,
    pub(super) sequence: u64,
    pub(super) first_index: EntryIndex,
    pub(super) entries: u32,
    pub(super) blocks: u32,
    pub(super) tag: [u8; 8],
    pub(super) chain: Hash,
}
impl GroupHeader {
    /// The bytes; `blocks_crc` is the CRC32C of all blocks together.
    pub(super) fn encode(&self, blocks_crc: u32) -> [u8; GROUP_HEADER_BYTES] {
        let mut bytes = Vec::with_capacity(GROUP_HEADER_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&(self.kind as u32).to_le_bytes());
        bytes.extend_from_slice(&self.length.to_le_bytes());
        bytes.extend_from_slice(&self.segment.to_le_bytes());
        bytes.extend_from_slice(&self.sequence.to_le_bytes());
        bytes.extend_from_slice(&self.first_index.to_le_bytes());
        bytes.extend_from_slice(&self.entries.to_le_bytes());
        bytes.extend_from_slice(&self.blocks.to_le_bytes());
        bytes.extend_from_slice(&self.tag);
        bytes.extend_from_slice(&self.chain);
        bytes.extend_from_slice(&[0; 12]);
        let own = crc32c::crc32c(&bytes);
        let crc = crc32c::crc32c_combine(own, blocks_crc, self.length as usize);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes.try_into().unwrap_or([0; GROUP_HEADER_BYTES])
    }
    /// Header and checksum; `None` when these are not such bytes.
    pub(super) fn decode(bytes: &[u8; GROUP_HEADER_BYTES]) -> Option<(Self, u32)> {
        let mut fields = Fields(bytes);
        if &fields.array::<4>()? != MAGIC {
            return None;
        }
        let kind = match fields.u32()? {
            1 => GroupKind::Entries,
            2 => GroupKind::Seal,
            3 => GroupKind::Mended,
            _ => return None,
        };
        let header = Self {
            kind,
            length: fields.u32()?,
            segment: fields.u32()?,
            sequence: fields.u64()?,
            first_index: fields.u64()?,
            entries: fields.u32()?,
            blocks: fields.u32()?,
            tag: fields.array()?,
            chain: fields.array()?,
        };
        if fields.array::<12>()? != [0; 12] {
            return None;
        }
        Some((header, fields.u32()?))
    }
    /// Bytes on disk, up to the next sector.
    pub(super) fn bytes_on_disk(&self) -> u64 {
        padded(GROUP_HEADER_BYTES as u64 + u64::from(self.length))
    }
}

/// Up to the next sector.
pub(super) fn padded(bytes: u64) -> u64 {
    bytes.next_multiple_of(SECTOR_BYTES)
}

/// The chain after a group with these leaves.
pub(super) fn chain_after<'a>(chain: &Hash, leaves: impl Iterator<Item = &'a Hash>) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(chain);
    for leaf in leaves {
        context.update(leaf);
    }
    let hash = context.finish();
    hash.as_ref().try_into().unwrap_or_default()
}

/// Where the journal goes on behind a mended group, as what follows it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GoesOn {
    pub(super) sequence: u64,
    pub(super) chain: Hash,
}
impl GoesOn {
    const BYTES: usize = 40;
    pub(super) fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.sequence.to_le_bytes());
        bytes.extend_from_slice(&self.chain);
    }
    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        Some(Self {
            sequence: fields.u64()?,
            chain: fields.array()?,
        })
    }
}

/// A whole group with a checksum that holds.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) header: GroupHeader,
    pub(super) blocks: Bytes,
    /// Of a mended one only.
    pub(super) goes_on: Option<GoesOn>,
}

/// Reads the group at `offset`; `None` when there is none whose checksum holds, for this segment and tag.
pub(super) fn read(
    file: &dyn disk::File,
    offset: u64,
    end: u64,
    belongs: impl FnOnce(&GroupHeader) -> bool,
) -> std::io::Result<Option<Group>> {
    let mut bytes = [0; GROUP_HEADER_BYTES];
    if offset.saturating_add(GROUP_HEADER_BYTES as u64) > end {
        return Ok(None);
    }
    disk::read_exact_at(file, &mut bytes, offset)?;
    let Some((header, crc)) = GroupHeader::decode(&bytes) else {
        return Ok(None);
    };
    if !belongs(&header) || offset.saturating_add(header.bytes_on_disk()) > end {
        return Ok(None);
    }
    let mut blocks = vec![0; header.length as usize];
    disk::read_exact_at(file, &mut blocks, offset + GROUP_HEADER_BYTES as u64)?;
    let own = crc32c::crc32c(bytes.get(..GROUP_HEADER_BYTES - 4).unwrap_or_default());
    if crc32c::crc32c_append(own, &blocks) != crc {
        return Ok(None);
    }
    Ok(whole(header, Bytes::from(blocks)))
}

/// Takes what stands behind the blocks of a mended group off them.
fn whole(header: GroupHeader, mut blocks: Bytes) -> Option<Group> {
    let goes_on = match header.kind {
        GroupKind::Entries | GroupKind::Seal => None,
        GroupKind::Mended => {
            let end = blocks.len().checked_sub(GoesOn::BYTES)?;
            Some(GoesOn::decode(&blocks.split_off(end))?)
        }
    };
    Some(Group {
        header,
        blocks,
        goes_on,
    })
}

/// The header at `offset` as it stands, whatever its checksum says: for looking at what is damaged.
pub(super) fn look(
    file: &dyn disk::File,
    offset: u64,
    end: u64,
) -> std::io::Result<Option<GroupHeader>> {
    let mut bytes = [0; GROUP_HEADER_BYTES];
    if offset.saturating_add(GROUP_HEADER_BYTES as u64) > end {
        return Ok(None);
    }
    disk::read_exact_at(file, &mut bytes, offset)?;
    Ok(GroupHeader::decode(&bytes).map(|(header, _)| header))
}
