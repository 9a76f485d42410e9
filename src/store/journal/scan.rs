//! Reads every group of every segment in order, checks all checksums and the chain, and finds where the journal ends.
//!
//! The way in is [`scan`]. It must never change anything, and never take damage for a torn end: only the very last
//! group can be torn, as each is written after the sync of the one before.

use std::{io, ops::ControlFlow};

use super::{
    block::{self, Front, Prefix},
    fault::OpenFault,
    group::{self, GROUP_HEADER_BYTES, Group, GroupHeader, GroupKind, MAGIC, SECTOR_BYTES},
    segment::{FIRST_GROUP, Segment, SegmentHeader},
};
use crate::{
    store::{disk::read_exact_at, entry::EntryIndex},
    trust::merkle::{self, Hash},
};

const READ_BYTES: usize = 1024 * 1024;

/// How far the journal has come: what the next group must continue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) sequence: u64,
    pub(super) index: EntryIndex,
    pub(super) chain: Hash,
}

/// A group that was read and checked.
pub(super) struct ScannedGroup<'a> {
    pub(super) segment: &'a Segment,
    pub(super) offset: u64,
    pub(super) group: Group,
    /// Place in the group's blocks, prefix and front of each block.
    pub(super) blocks: Vec<(usize, Prefix, std::sync::Arc<Front>)>,
    pub(super) leaves: Vec<Hash>,
    /// Whether the headers are known to be those that were written.
    pub(super) headers: Headers,
}

/// Whether the headers of a group are those that were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Headers {
    /// What follows says so by its hash.
    Proven,
    /// Some were lost: the log has another root from here on.
    Lost,
}

/// Where the journal ends.
#[derive(Debug, Default)]
pub(super) struct End {
    pub(super) position: Position,
    /// Of the segment in use: place in the list, and where its next group goes.
    pub(super) segment: Option<(usize, u64)>,
    /// Where the groups that count end, in each segment in use.
    pub(super) ends: Vec<u64>,
    /// The last good group: what came before it, its segment's place, its offset.
    pub(super) last: Option<Last>,
    /// Bytes after the last good group that are not zeros.
    pub(super) torn_bytes: u64,
}
/// The last good group.
#[derive(Debug, Clone)]
pub(super) struct Last {
    pub(super) before: Position,
    pub(super) segment: usize,
    pub(super) offset: u64,
    pub(super) header: GroupHeader,
}

/// Reads all; calls `visit` for every good group, in order.
pub(super) fn scan(
    segments: &[Segment],
    visit: &mut dyn FnMut(ScannedGroup<'_>) -> Result<(), OpenFault>,
) -> Result<End, OpenFault> {
    let mut end = End::default();
    let used = used(segments)?;
    for (at, segment) in used.iter().enumerate() {
        let Some(header) = &segment.header else {
            continue;
        };
        continues(segment, header, &end.position)?;
        let limit = used.get(at + 1).and_then(|next| next.header.as_ref());
        let limit = limit.map(|next| next.first_sequence);
        scan_segment(segment, at, header.tag, limit, &mut end, visit)?;
        end.ends.extend(end.segment.map(|(_, offset)| offset));
    }
    Ok(end)
}

/// The segments that came into use. Those behind them are prepared, or torn while they were.
fn used(segments: &[Segment]) -> Result<&[Segment], OpenFault> {
    let count = segments
        .iter()
        .rposition(|segment| segment.header.is_some())
        .map_or(0, |last| last + 1);
    let (used, unused) = segments.split_at_checked(count).unwrap_or_default();
    for (due, segment) in (0..).zip(used) {
        in_place(segment, due, true)?;
    }
    for segment in unused {
        // The first is whole before it has its name.
        if segment.id == 0 {
            return Err(damaged(segment, 0, "its header is wrong"));
        }
        let found = find_group(segment, FIRST_GROUP, |header| header.segment == segment.id);
        if found
            .map_err(|error| OpenFault::Disk(segment.path.clone(), error))?
            .0
            .is_some()
        {
            return Err(damaged(
                segment,
                0,
                "its header is wrong, but groups follow",
            ));
        }
    }
    Ok(used)
}

/// No segment is missing before it, and it has a header when it must.
fn in_place(segment: &Segment, due: u32, in_use: bool) -> Result<(), OpenFault> {
    if in_use && segment.id != due {
        let missing = segment.path.with_file_name(format!("{due:010}.segment"));
        return Err(OpenFault::SegmentMissing(missing));
    }
    if in_use && segment.header.is_none() {
        return Err(damaged(segment, 0, "its header is wrong"));
    }
    Ok(())
}
fn continues(
    segment: &Segment,
    header: &SegmentHeader,
    so_far: &Position,
) -> Result<(), OpenFault> {
    let follows = header.first_sequence == so_far.sequence
        && header.first_index == so_far.index
        && header.chain == so_far.chain;
    if !follows {
        return Err(damaged(
            segment,
            0,
            "it does not continue the segment before it",
        ));
    }
    Ok(())
}

fn scan_segment(
    segment: &Segment,
    at: usize,
    tag: [u8; 8],
    limit: Option<u64>,
    end: &mut End,
    visit: &mut dyn FnMut(ScannedGroup<'_>) -> Result<(), OpenFault>,
) -> Result<(), OpenFault> {
    let disk = |error| OpenFault::Disk(segment.path.clone(), error);
    let belongs = |header: &GroupHeader| header.segment == segment.id && header.tag == tag;
    let mut offset = FIRST_GROUP;
    while limit.is_none_or(|limit| end.position.sequence < limit) {
        let found = group::read(&*segment.file, offset, segment.bytes, belongs);
        let Some(group) = found.map_err(disk)? else {
            let (followed, torn_bytes) = find_group(segment, offset, belongs).map_err(disk)?;
            if followed.is_some() || limit.is_some() {
                return Err(damaged(
                    segment,
                    offset,
                    "a group is wrong, and good ones follow it",
                ));
            }
            end.torn_bytes = torn_bytes;
            break;
        };
        let before = end.position.clone();
        let header = group.header.clone();
        let scanned = check(segment, offset, group, &mut end.position)?;
        visit(scanned)?;
        end.last = Some(Last {
            before,
            segment: at,
            offset,
            header: header.clone(),
        });
        offset += header.bytes_on_disk();
    }
    end.segment = Some((at, offset));
    Ok(())
}

/// Checks what a checksum cannot: that the group continues the journal, and its blocks are whole.
pub(super) fn check<'a>(
    segment: &'a Segment,
    offset: u64,
    group: Group,
    position: &mut Position,
) -> Result<ScannedGroup<'a>, OpenFault> {
    let wrong = |what: &str| damaged(segment, offset, what);
    let header = &group.header;
    let follows = header.sequence == position.sequence
        && header.first_index == position.index
        && header.chain == position.chain;
    if !follows {
        return Err(wrong("the group does not continue the one before it"));
    }
    let blocks = block::split(&group.blocks).map_err(|error| wrong(&error.to_string()))?;
    let mut leaves = Vec::with_capacity(header.entries as usize);
    for (_, prefix, front) in &blocks {
        let first = front.headers.first().map(|header| header.index);
        if first != Some(position.index) {
            return Err(wrong("entries are not in order"));
        }
        for at in 0..prefix.entries {
            let bytes = front.header_bytes(at);
            let bytes = bytes.ok_or_else(|| wrong("an entry is missing"))?;
            leaves.push(merkle::leaf(&bytes));
        }
        position.index += prefix.entries as u64;
    }
    let counted = blocks.len() == header.blocks as usize && leaves.len() == header.entries as usize;
    if !counted || (header.kind == GroupKind::Seal && !blocks.is_empty()) {
        return Err(wrong("the group does not hold what its header says"));
    }
    let due = group::GoesOn {
        sequence: position.sequence + 1,
        chain: group::chain_after(&position.chain, leaves.iter()),
    };
    let goes_on = group.goes_on.unwrap_or(due);
    if goes_on.sequence < due.sequence {
        return Err(wrong("the group goes back behind itself"));
    }
    position.sequence = goes_on.sequence;
    position.chain = goes_on.chain;
    let headers = if goes_on == due {
        Headers::Proven
    } else {
        Headers::Lost
    };
    Ok(ScannedGroup {
        segment,
        offset,
        group,
        blocks,
        leaves,
        headers,
    })
}

/// Looks for any good group from `from` on; and how many bytes up to the last that is not zero, in whole sectors: whether the
/// last byte of a sealed body is a zero is chance.
pub(super) fn find_group(
    segment: &Segment,
    from: u64,
    belongs: impl Fn(&GroupHeader) -> bool,
) -> io::Result<(Option<u64>, u64)> {
    let mut last = from;
    let mut buffer = vec![0; READ_BYTES];
    let mut offset = from;
    while offset < segment.bytes {
        let count = usize::try_from(segment.bytes - offset).unwrap_or(READ_BYTES);
        let part = buffer.get_mut(..count.min(READ_BYTES)).unwrap_or_default();
        read_exact_at(&*segment.file, part, offset)?;
        if let Some(at) = part.iter().rposition(|byte| *byte != 0) {
            last = offset + (at as u64 / SECTOR_BYTES + 1) * SECTOR_BYTES;
        }
        let sectors = part.chunks(SECTOR_BYTES as usize);
        let found = (0..).zip(sectors).try_for_each(|(at, sector)| {
            let place = offset + at * SECTOR_BYTES;
            let begins = sector.starts_with(MAGIC) && sector.len() >= GROUP_HEADER_BYTES;
            if !begins {
                return ControlFlow::Continue(());
            }
            match group::read(&*segment.file, place, segment.bytes, &belongs) {
                Ok(None) => ControlFlow::Continue(()),
                Ok(Some(_)) => ControlFlow::Break(Ok(place)),
                Err(error) => ControlFlow::Break(Err(error)),
            }
        });
        if let ControlFlow::Break(outcome) = found {
            return outcome.map(|place| (Some(place), last - from));
        }
        offset += part.len() as u64;
    }
    Ok((None, last - from))
}

fn damaged(segment: &Segment, offset: u64, what: &str) -> OpenFault {
    OpenFault::Damaged {
        file: segment.path.clone(),
        offset,
        what: what.to_owned(),
    }
}
