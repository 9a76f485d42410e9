//! Where each body stands in the files: for tests that damage one.

use std::{ops::Range, path::PathBuf};

use super::{JournalConfig, check, group::GROUP_HEADER_BYTES, scan};
use crate::store::{OpenError, disk::Disk, entry::EntryHeader};

/// A sealed body in its file.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Its entry.
    pub(crate) header: EntryHeader,
    /// The segment's file.
    pub(crate) file: PathBuf,
    /// From the start of the file.
    pub(crate) bytes: Range<u64>,
    /// Groups that follow its own.
    pub(crate) groups_after: u64,
}

/// All bodies, in order; the journal may be in use.
///
/// # Errors
/// When it is damaged.
pub(crate) fn places(config: &JournalConfig, disk: &dyn Disk) -> Result<Vec<Place>, OpenError> {
    let segments = check::segments(config, disk)?;
    let mut places = Vec::new();
    let mut last = 0;
    scan::scan(&segments, &mut |found| {
        last = found.group.header.sequence;
        for (start, _, front) in &found.blocks {
            let blocks = found.offset + GROUP_HEADER_BYTES as u64 + *start as u64;
            for (at, header) in front.headers.iter().enumerate() {
                let body = front.body(at);
                places.push(Place {
                    header: header.clone(),
                    file: found.segment.path.clone(),
                    bytes: blocks + body.start as u64..blocks + body.end as u64,
                    groups_after: last,
                });
            }
        }
        Ok(())
    })?;
    for place in &mut places {
        place.groups_after = last.saturating_sub(place.groups_after);
    }
    Ok(places)
}
