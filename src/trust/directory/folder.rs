//! A node's directory folder: one `NNNNNNNN.bundle` for each version, all kept.
//!
//! The way in: [`newest`], [`version`] and [`install`]. A version is written beside, synced, and moved
//! to its name only if that is free; the folder is synced before anybody is told.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use prost::Message as _;

use super::{Anchor, Directory, DirectoryError, read};
use crate::{
    domain::{limits, time::Timestamp},
    proto::directory::v1 as pb,
};

/// The newest version kept; `None` when there is none, or no folder.
pub(super) fn newest(folder: &Path, anchor: Anchor) -> Result<Option<Directory>, DirectoryError> {
    newest_of(folder, anchor, |_| true)
}

/// The newest version kept that is older than this one.
pub(super) fn newest_before(
    folder: &Path,
    anchor: Anchor,
    version: u64,
) -> Result<Option<Directory>, DirectoryError> {
    newest_of(folder, anchor, |kept| kept < version)
}

fn newest_of(
    folder: &Path,
    anchor: Anchor,
    wanted: impl Fn(u64) -> bool,
) -> Result<Option<Directory>, DirectoryError> {
    let files = match fs::read_dir(folder) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(at(folder)(error)),
    };
    let mut newest = None;
    for file in files {
        let name = file.map_err(at(folder))?.file_name();
        let version = name.to_str().and_then(version_of);
        newest = newest.max(version.filter(|version| wanted(*version)));
    }
    newest
        .map(|version| self::version(folder, anchor, version))
        .transpose()
}

/// One version kept.
pub(super) fn version(
    folder: &Path,
    anchor: Anchor,
    version: u64,
) -> Result<Directory, DirectoryError> {
    let path = folder.join(file_name(version));
    let directory = read::read(&read_bundle(&path)?, anchor)?;
    if directory.version() != version {
        return Err(DirectoryError::Misnamed {
            path,
            found: directory.version(),
            expected: version,
        });
    }
    Ok(directory)
}

/// Verifies against what the folder holds and adds it there, durably.
pub(super) fn install(
    folder: &Path,
    bundle: &pb::Bundle,
    anchor: Anchor,
    now: Timestamp,
) -> Result<Directory, DirectoryError> {
    let directory = match newest(folder, anchor)? {
        None => Directory::verify(bundle, anchor, now)?,
        Some(held) => {
            let directory = Directory::verify_successor(bundle, anchor, &held, now)?;
            if directory.version() == held.version() {
                return if held.bundle() == bundle {
                    Ok(held)
                } else {
                    Err(DirectoryError::SameVersion(held.version()))
                };
            }
            directory
        }
    };
    keep(folder, &directory)?;
    Ok(directory)
}

/// Adds a version that was verified, durably; never over another. An operator and a running node may both bring the
/// same one: whoever comes second finds it kept. Another of that version is the other side of a fork, and kept beside.
pub(super) fn keep(folder: &Path, directory: &Directory) -> Result<(), DirectoryError> {
    fs::create_dir_all(folder).map_err(at(folder))?;
    let bytes = directory.bundle().encode_to_vec();
    match write_durably(folder, &file_name(directory.version()), &bytes) {
        Err(DirectoryError::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
            let kept = version(folder, directory.anchor(), directory.version())?;
            if kept.hash() != directory.hash() {
                keep_fork(folder, directory)?;
                return Err(DirectoryError::SameVersion(kept.version()));
            }
            sync(folder)
        }
        done => done,
    }
}

/// Keeps the other side of a fork, durably: never loaded again, only shown. So many are kept and no more.
pub(super) fn keep_fork(folder: &Path, other: &Directory) -> Result<(), DirectoryError> {
    let hash: String = other
        .hash()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let name = format!("{FORK}{:08}-{hash}.bundle", other.version());
    let mut kept = 0;
    for file in fs::read_dir(folder).map_err(at(folder))? {
        let known = file.map_err(at(folder))?.file_name();
        let known = known.to_string_lossy();
        kept += usize::from(known.starts_with(FORK));
        if known == name {
            return Ok(());
        }
    }
    if kept >= limits::DIRECTORY_FORKS_MAX {
        return Ok(());
    }
    write_durably(folder, &name, &other.bundle().encode_to_vec())
}

const FORK: &str = "fork-";

/// Reads a bundle file, bounded; verifies nothing.
pub(in crate::trust) fn read_bundle(path: &Path) -> Result<pb::Bundle, DirectoryError> {
    let file = File::open(path).map_err(at(path))?;
    let mut bytes = Vec::new();
    file.take(limits::DIRECTORY_MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(at(path))?;
    if bytes.len() as u64 > limits::DIRECTORY_MAX_BYTES {
        return Err(DirectoryError::File {
            path: path.to_owned(),
            why: "it is longer".to_owned(),
        });
    }
    pb::Bundle::decode(bytes.as_slice()).map_err(|error| DirectoryError::File {
        path: path.to_owned(),
        why: error.to_string(),
    })
}

fn write_durably(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), DirectoryError> {
    let path = folder.join(name);
    let mut file = tempfile::Builder::new()
        .prefix(".installing-")
        .tempfile_in(folder)
        .map_err(at(folder))?;
    file.write_all(bytes).map_err(at(&path))?;
    file.as_file().sync_all().map_err(at(&path))?;
    file.persist_noclobber(&path)
        .map_err(|error| at(&path)(error.error))?;
    sync(folder)
}

fn sync(folder: &Path) -> Result<(), DirectoryError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(at(folder))
}

fn file_name(version: u64) -> String {
    format!("{version:08}.bundle")
}

fn version_of(name: &str) -> Option<u64> {
    let version = name.strip_suffix(".bundle")?.parse().ok()?;
    (file_name(version) == name).then_some(version)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> DirectoryError {
    let path: PathBuf = path.to_owned();
    move |source| DirectoryError::Io { path, source }
}
