//! Why a journal does not open, and why an entry cannot be read: file, place, and the command that helps.

use std::{io, path::PathBuf};

use crate::store::{
    OpenError, ReadError,
    entry::{EntryIndex, HeaderError},
    keyring::{KeyNumber, KeyringError},
};

/// Why a journal does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenFault {
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeyringError),
    /// Another process.
    #[error("the store in {0} is in use by another process: stop that one first")]
    Locked(PathBuf),
    /// The disk.
    #[error("{0}: {1}; check space and permissions there")]
    Disk(PathBuf, io::Error),
    /// Something that was acknowledged is not as it was written.
    #[error(
        "the journal is damaged: {file} at byte {offset}: {what}; nothing was changed: run `allpoints store check`, then restore the file from a copy, or run `allpoints store repair`"
    )]
    Damaged {
        /// The segment.
        file: PathBuf,
        /// From the start of the file.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// A part of the journal is gone.
    #[error(
        "the journal is damaged: {0} is missing; nothing was changed: run `allpoints store check`, then restore the file from a copy, or run `allpoints store repair`"
    )]
    SegmentMissing(PathBuf),
    /// The segment size asked for.
    #[error("segments of {0} bytes are too small: at least {1}, a multiple of 512")]
    SegmentBytes(u64, u64),
}
impl OpenFault {
    /// True when nothing is broken: key, lock, place or version are not what this start needs.
    fn is_configuration(&self) -> bool {
        use KeyringError::{KeyExposed, KeyMalformed, KeyMissing, Newer, Older, WrongKey};
        match self {
            Self::Keys(
                KeyMissing(_)
                | KeyExposed(..)
                | KeyMalformed(_)
                | Newer(_)
                | Older(..)
                | WrongKey { .. },
            )
            | Self::Locked(_)
            | Self::SegmentBytes(..) => true,
            Self::Disk(_, error) => matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied
                    | io::ErrorKind::NotADirectory
                    | io::ErrorKind::ReadOnlyFilesystem
            ),
            _ => false,
        }
    }
}
impl From<OpenFault> for OpenError {
    fn from(fault: OpenFault) -> Self {
        let text = fault.to_string();
        if fault.is_configuration() {
            Self::Configuration(text)
        } else {
            Self::Refused(text)
        }
    }
}

/// Why an entry cannot be read. Holds nothing of its body.
#[derive(Debug, thiserror::Error)]
pub enum ReadFault {
    /// There is no such durable entry.
    #[error("entry {0} is not in the journal, which has {1} entries")]
    NotThere(EntryIndex, u64),
    /// The stored bytes are not what was written.
    #[error("entry {0} is damaged in {1}: {2}; run `allpoints store check`")]
    Damaged(EntryIndex, PathBuf, BlockError),
    /// The disk.
    #[error("entry {0} cannot be read from {1}: {2}")]
    Disk(EntryIndex, PathBuf, io::Error),
}
impl From<ReadFault> for ReadError {
    fn from(fault: ReadFault) -> Self {
        Self::Damaged(fault.to_string())
    }
}

/// What is wrong with a block, or one of its bodies.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// Lengths, counts or checksum of the headers.
    #[error("the {0} of its block is wrong")]
    Shape(&'static str),
    /// A header.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// Its key is not in the keyring.
    #[error("segment key {0} is not in the keyring")]
    KeyGone(KeyNumber),
    /// It does not open.
    #[error("the body does not open under its key")]
    Sealed,
    /// It opens, to other bytes than were hashed.
    #[error("the body does not have its leaf hash")]
    Leaf,
    /// The batch that it names does not hold it.
    #[error("the signature that it names is not in its block")]
    Signature,
}

/// Why a block cannot be written. A fault of the caller: the store stops, as a hole must never be passed over.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// No entries.
    #[error("block {0} has no entries")]
    Empty(u64),
    /// Indexes with a gap.
    #[error("block {ticket} has entry {found} where {expected} was due")]
    Index {
        /// The block.
        ticket: u64,
        /// The index due.
        expected: EntryIndex,
        /// The index found.
        found: EntryIndex,
    },
    /// Header and body disagree.
    #[error("entry {0}: the header says {1} bytes, the body has {2}")]
    BodyBytes(EntryIndex, u32, usize),
    /// Too much.
    #[error("block {0} does not fit a segment")]
    TooLarge(u64),
    /// The library.
    #[error("sealing failed")]
    Sealing,
}
