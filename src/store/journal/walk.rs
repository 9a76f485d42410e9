//! Reads all that can be read, damage or not, and finds each hole: what it is between, and what is left inside.
//!
//! The way in is [`walk`]: `store check` tells what it finds, `store repair` mends it. It changes nothing, and never
//! calls a torn end a hole: only what good groups or a later segment follow was acknowledged for certain.

use std::{io, path::PathBuf};

use super::{
    fault::OpenFault,
    group::{self, Group, GroupHeader, GroupKind, SECTOR_BYTES},
    scan::{self, Position, ScannedGroup},
    segment::{self, FIRST_GROUP, Segment, SegmentHeader},
};
use crate::{domain::time::Timestamp, store::entry::EntryIndex};

/// Of a segment without a file.
pub(super) const GONE: &str = "the file is missing";
/// Of a segment without a header and without groups.
pub(super) const UNREADABLE: &str = "nothing in it can be read";

/// A place where the journal is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hole {
    /// The segment's file.
    pub file: PathBuf,
    /// Where it begins, in bytes from the start of the file.
    pub offset: u64,
    /// Groups that stood there.
    pub groups: u64,
    /// The first entry that stood there.
    pub first_entry: EntryIndex,
    /// Entries that stood there; none of an end that was cut off, where nobody can know.
    pub entries: u64,
    /// What is wrong.
    pub what: &'static str,
}

/// A hole with what it is between.
#[derive(Debug)]
pub(super) struct Torn {
    pub(super) hole: Hole,
    pub(super) before: Position,
    /// What follows; `None` when nothing does.
    pub(super) after: Option<Position>,
    /// The bytes of the file that it takes.
    pub(super) bytes: std::ops::Range<u64>,
}

/// One part of a segment.
#[derive(Debug)]
pub(super) enum Part {
    /// Good groups, byte by byte.
    Kept(std::ops::Range<u64>),
    Hole(Torn),
}

/// One segment that is or was in use.
#[derive(Debug)]
pub(super) struct Course {
    /// As it stands, or as what is around it says that it was.
    pub(super) header: SegmentHeader,
    /// `None` when there is no such file.
    pub(super) found: Option<Segment>,
    /// What is wrong with its header, or that it is gone.
    pub(super) fault: Option<&'static str>,
    pub(super) parts: Vec<Part>,
}
impl Course {
    pub(super) fn holes(&self) -> impl Iterator<Item = &Torn> {
        self.parts.iter().filter_map(|part| match part {
            Part::Kept(_) => None,
            Part::Hole(torn) => Some(torn),
        })
    }
    /// True when it must be written anew.
    pub(super) fn is_damaged(&self) -> bool {
        self.fault.is_some() || self.holes().next().is_some()
    }
}

/// All segments.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) courses: Vec<Course>,
    /// Bytes of a last group that was never acknowledged.
    pub(super) torn_bytes: u64,
}

/// What a walk needs to know from elsewhere.
pub(super) struct Ground<'a> {
    pub(super) folder: &'a std::path::Path,
    pub(super) segments: &'a [Segment],
    /// Segments that are in use for certain, as the keyring has a key that was made after them.
    pub(super) in_use: u32,
    pub(super) segment_bytes: u64,
    pub(super) now: Timestamp,
}

/// Reads all; calls `visit` for every good group.
pub(super) fn walk(
    ground: &Ground<'_>,
    visit: &mut dyn FnMut(ScannedGroup<'_>) -> Result<(), OpenFault>,
) -> Result<Walked, OpenFault> {
    let mut openings = Vec::new();
    let mut count = ground.in_use;
    for segment in ground.segments {
        let opening = opening(segment)?;
        if opening.is_some() {
            count = count.max(segment.id.saturating_add(1));
        }
        openings.push((segment, opening));
    }
    let mut walked = Walked::default();
    let mut position = Position::default();
    for id in 0..count {
        let at = |wanted: u32| openings.iter().find(|(segment, _)| segment.id == wanted);
        let start = |of: u32| at(of)?.1.as_ref()?.position.clone();
        let later = (id + 1..count).find_map(start);
        let (course, torn_bytes) = match at(id) {
            Some((segment, Some(opening))) => {
                let mut walking = Walking {
                    ground,
                    segment,
                    tag: opening.tag,
                    next: match (start(id + 1), id + 1 < count) {
                        (Some(next), _) => Next::At(next),
                        (None, true) => Next::Unreadable,
                        (None, false) => Next::None,
                    },
                    position: opening.position.clone().unwrap_or(position),
                    parts: Vec::new(),
                };
                let header = walking.header();
                let torn_bytes = walking.walk(visit)?;
                position = walking.position;
                let course = Course {
                    header,
                    found: Some((*segment).clone()),
                    fault: opening.fault,
                    parts: walking.parts,
                };
                (course, torn_bytes)
            }
            gone => {
                let found = gone.map(|(segment, _)| *segment);
                let course = nothing_left(ground, id, found, &position, later.as_ref());
                position = later.unwrap_or_else(|| beyond(&position));
                (course, 0)
            }
        };
        walked.torn_bytes = torn_bytes;
        walked.courses.push(course);
    }
    Ok(walked)
}

/// How a segment begins.
struct Opening {
    tag: [u8; 8],
    /// `None` when neither its header nor its first group says it.
    position: Option<Position>,
    fault: Option<&'static str>,
}

/// `None`: prepared, or nothing of it is left.
fn opening(segment: &Segment) -> Result<Option<Opening>, OpenFault> {
    if let Some(header) = &segment.header {
        return Ok(Some(Opening {
            tag: header.tag,
            position: Some(Position {
                sequence: header.first_sequence,
                index: header.first_index,
                chain: header.chain,
            }),
            fault: None,
        }));
    }
    let disk = |error| OpenFault::Disk(segment.path.clone(), error);
    let own = |header: &GroupHeader| header.segment == segment.id;
    let (found, _) = scan::find_group(segment, FIRST_GROUP, own).map_err(disk)?;
    let Some(place) = found else {
        return Ok(None);
    };
    let group = group::read(&*segment.file, place, segment.bytes, own).map_err(disk)?;
    Ok(group.map(|group| Opening {
        tag: group.header.tag,
        position: (place == FIRST_GROUP).then(|| begins(&group.header)),
        fault: Some("its header is wrong"),
    }))
}

fn begins(header: &GroupHeader) -> Position {
    Position {
        sequence: header.sequence,
        index: header.first_index,
        chain: header.chain,
    }
}

/// A segment of which nothing can be read.
fn nothing_left(
    ground: &Ground<'_>,
    id: u32,
    found: Option<&Segment>,
    before: &Position,
    after: Option<&Position>,
) -> Course {
    let what = found.map_or(GONE, |_| UNREADABLE);
    let torn = torn(
        segment::path(ground.folder, id),
        FIRST_GROUP..found.map_or(FIRST_GROUP, |segment| segment.bytes),
        before.clone(),
        after.cloned(),
        what,
    );
    Course {
        header: SegmentHeader {
            id,
            tag: [0; 8],
            first_sequence: before.sequence,
            first_index: before.index,
            chain: before.chain,
            since: ground.now,
        },
        found: found.cloned(),
        fault: Some(what),
        parts: vec![Part::Hole(torn)],
    }
}

/// Where writing goes on when nothing says what followed: under a chain of its own, as what followed had another.
pub(super) fn beyond(before: &Position) -> Position {
    Position {
        sequence: before.sequence + 1,
        index: before.index,
        chain: group::chain_after(&before.chain, [[0xff; 32]].iter()),
    }
}

fn torn(
    file: PathBuf,
    bytes: std::ops::Range<u64>,
    before: Position,
    after: Option<Position>,
    what: &'static str,
) -> Torn {
    let end = after.as_ref();
    let hole = Hole {
        file,
        offset: bytes.start,
        groups: end.map_or(0, |end| end.sequence - before.sequence),
        first_entry: before.index,
        entries: end.map_or(0, |end| end.index - before.index),
        what,
    };
    Torn {
        hole,
        before,
        after,
        bytes,
    }
}

/// The segment behind the one that is gone through.
#[derive(Debug)]
enum Next {
    /// It takes over here.
    At(Position),
    /// It was in use, and does not say where it begins.
    Unreadable,
    /// There is none.
    None,
}
impl Next {
    fn at(&self) -> Option<&Position> {
        match self {
            Self::At(next) => Some(next),
            Self::Unreadable | Self::None => None,
        }
    }
}

/// Going through one segment.
struct Walking<'a> {
    ground: &'a Ground<'a>,
    segment: &'a Segment,
    tag: [u8; 8],
    next: Next,
    position: Position,
    parts: Vec<Part>,
}

impl Walking<'_> {
    fn header(&self) -> SegmentHeader {
        let since = self.segment.header.as_ref().map(|header| header.since);
        SegmentHeader {
            id: self.segment.id,
            tag: self.tag,
            first_sequence: self.position.sequence,
            first_index: self.position.index,
            chain: self.position.chain,
            since: since.unwrap_or(self.ground.now),
        }
    }

    /// Gives the bytes of a torn end.
    fn walk(
        &mut self,
        visit: &mut dyn FnMut(ScannedGroup<'_>) -> Result<(), OpenFault>,
    ) -> Result<u64, OpenFault> {
        let mut offset = FIRST_GROUP;
        while self
            .next
            .at()
            .is_none_or(|next| self.position.sequence < next.sequence)
        {
            if let Some(group) = self.read(offset)? {
                let bytes = group.header.bytes_on_disk();
                let mut position = self.position.clone();
                if let Ok(scanned) = scan::check(self.segment, offset, group, &mut position) {
                    visit(scanned)?;
                    self.position = position;
                    self.keep(offset..offset + bytes);
                    offset += bytes;
                    continue;
                }
            }
            let Some((after, end)) = self.hole(offset)? else {
                return self.end(offset);
            };
            self.tear(offset..end, Some(after));
            offset = end;
        }
        Ok(0)
    }

    fn read(&self, offset: u64) -> Result<Option<Group>, OpenFault> {
        let own = |header: &GroupHeader| self.belongs(header);
        group::read(&*self.segment.file, offset, self.segment.bytes, own).map_err(|e| self.disk(e))
    }
    fn belongs(&self, header: &GroupHeader) -> bool {
        header.segment == self.segment.id && header.tag == self.tag
    }
    fn disk(&self, error: io::Error) -> OpenFault {
        OpenFault::Disk(self.segment.path.clone(), error)
    }

    fn keep(&mut self, bytes: std::ops::Range<u64>) {
        match self.parts.last_mut() {
            Some(Part::Kept(kept)) if kept.end == bytes.start => kept.end = bytes.end,
            _ => self.parts.push(Part::Kept(bytes)),
        }
    }

    fn tear(&mut self, bytes: std::ops::Range<u64>, after: Option<Position>) {
        let what = match &after {
            Some(_) => "a group is wrong, and good ones follow it",
            None => "the file was cut short",
        };
        let before = self.position.clone();
        self.position = after.clone().unwrap_or_else(|| beyond(&before));
        let path = self.segment.path.clone();
        self.parts
            .push(Part::Hole(torn(path, bytes, before, after, what)));
    }

    /// What follows the hole at `offset`, and where; `None` when nothing does.
    fn hole(&self, offset: u64) -> Result<Option<(Position, u64)>, OpenFault> {
        if let Some(found) = self.one_group(offset)? {
            return Ok(Some(found));
        }
        let later = |header: &GroupHeader| {
            self.belongs(header)
                && header.sequence > self.position.sequence
                && header.first_index >= self.position.index
                && self
                    .next
                    .at()
                    .is_none_or(|next| header.sequence <= next.sequence)
        };
        let from = offset + SECTOR_BYTES;
        let (found, _) =
            scan::find_group(self.segment, from, later).map_err(|error| self.disk(error))?;
        let Some(place) = found else {
            let bytes = self.segment.bytes.max(offset);
            return Ok(self.next.at().map(|next| (next.clone(), bytes)));
        };
        let group = self.read(place)?;
        Ok(group.map(|group| (begins(&group.header), place)))
    }

    /// When the header of the damaged group still says what it must, and what stands behind it fits: just that group.
    fn one_group(&self, offset: u64) -> Result<Option<(Position, u64)>, OpenFault> {
        let look = |offset| {
            group::look(&*self.segment.file, offset, self.segment.bytes)
                .map(|header| header.filter(|header| self.belongs(header)))
                .map_err(|error| self.disk(error))
        };
        let Some(own) = look(offset)?.filter(|own| begins(own) == self.position) else {
            return Ok(None);
        };
        let end = offset + own.bytes_on_disk();
        let fits = |after: &Position| {
            after.sequence == own.sequence + 1
                && after.index == own.first_index + u64::from(own.entries)
                && own.kind != GroupKind::Mended
        };
        let after = look(end)?.map(|behind| begins(&behind)).filter(fits);
        let after = after.or_else(|| self.next.at().filter(|next| fits(next)).cloned());
        if after.is_none() || self.next.at().is_some() {
            return Ok(after.map(|after| (after, end)));
        }
        // In the last segment a good group must follow: else it is the end, which may be torn.
        let own = |header: &GroupHeader| self.belongs(header);
        let (found, _) =
            scan::find_group(self.segment, end, own).map_err(|error| self.disk(error))?;
        Ok(found.and(after).map(|after| (after, end)))
    }

    /// Nothing good follows: torn, unless the file itself is too short.
    fn end(&mut self, offset: u64) -> Result<u64, OpenFault> {
        if matches!(self.next, Next::Unreadable) {
            // Finished, and shortened to what counts.
            return Ok(0);
        }
        if self.segment.bytes < self.ground.segment_bytes {
            self.tear(offset..self.segment.bytes.max(offset), None);
            return Ok(0);
        }
        let none = |_: &GroupHeader| false;
        let torn = scan::find_group(self.segment, offset, none);
        torn.map(|(_, bytes)| bytes)
            .map_err(|error| self.disk(error))
    }
}
