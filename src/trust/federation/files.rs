//! The files of a federation folder: where they are, how they are read and written.
//!
//! Writing replaces a file in one step, synced. Reading is bounded.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use prost::Message as _;
use serde::{Serialize, de::DeserializeOwned};

use super::FederationError;
use crate::{
    domain::limits,
    proto::directory::v1 as pb,
    trust::directory::{Directory, author},
};

/// What was published last: what is in force.
pub(super) fn bundle_path(folder: &Path) -> PathBuf {
    folder.join("directory.bundle")
}

pub(super) fn timestamp_key_path(folder: &Path) -> PathBuf {
    folder.join("timestamp.key")
}

/// Root 1 is `root.json`.
pub(super) fn root_path(folder: &Path, version: usize) -> PathBuf {
    match version {
        1 => folder.join("root.json"),
        later => folder.join(format!("root-list-{later}.json")),
    }
}

/// While something is proposed.
pub(super) fn proposal_path(folder: &Path) -> PathBuf {
    folder.join("proposal")
}

/// The document that roots sign.
pub(super) fn membership_path(folder: &Path) -> PathBuf {
    proposal_path(folder).join("membership.json")
}

/// The root list that is proposed to follow version `newest`.
pub(super) fn next_root_path(folder: &Path, newest: u64) -> PathBuf {
    proposal_path(folder).join(format!("root-list-{}.json", newest + 1))
}

/// The timestamp key that goes with a proposed root list.
pub(super) fn next_timestamp_key_path(folder: &Path) -> PathBuf {
    proposal_path(folder).join("timestamp.key")
}

/// The root list that is proposed, if one is.
pub(super) fn next_root(
    folder: &Path,
    newest: u64,
) -> Result<Option<(pb::SignedDocument, pb::Root)>, FederationError> {
    let path = next_root_path(folder, newest);
    if !path.exists() {
        return Ok(None);
    }
    let document: pb::SignedDocument = read_json(&path)?;
    let root = pb::Root::decode(document.document.as_slice());
    let root = root.map_err(|error| FederationError::Json {
        path,
        why: error.to_string(),
    })?;
    Ok(Some((document, root)))
}

/// Where the root lists are for a proposed document: beside it, or in the folder that it was proposed in.
pub(super) fn folder_of_proposal(file: &Path) -> PathBuf {
    let beside = file.parent().unwrap_or(Path::new(""));
    if root_path(beside, 1).exists() {
        return beside.to_owned();
    }
    beside.join("..")
}

/// Entries and revocation lists that go with a proposal.
pub(super) fn parts_path(folder: &Path) -> PathBuf {
    proposal_path(folder).join("parts.json")
}

/// The chain of roots, from the first.
pub(super) fn roots(folder: &Path) -> Result<Vec<pb::SignedDocument>, FederationError> {
    let mut roots = vec![read_json(&root_path(folder, 1))?];
    while root_path(folder, roots.len() + 1).exists() && roots.len() < limits::DIRECTORY_MAX_ROOTS {
        roots.push(read_json(&root_path(folder, roots.len() + 1))?);
    }
    Ok(roots)
}

/// The newest root list.
pub(super) fn newest_root(folder: &Path) -> Result<pb::Root, FederationError> {
    let roots = roots(folder)?;
    let document = roots
        .last()
        .map_or(&[][..], |root| root.document.as_slice());
    pb::Root::decode(document).map_err(|error| FederationError::Json {
        path: root_path(folder, roots.len()),
        why: error.to_string(),
    })
}

/// What was published last, verified; `None` before the first time.
pub(super) fn published(folder: &Path) -> Result<Option<Directory>, FederationError> {
    let path = bundle_path(folder);
    if !path.exists() {
        return Ok(None);
    }
    let anchor = author::anchor_of(&read_json(&root_path(folder, 1))?);
    let bundle = crate::trust::directory::read_bundle(&path)?;
    Ok(Some(Directory::verify_any_time(&bundle, anchor)?))
}

pub(super) fn create_folder(folder: &Path) -> Result<(), FederationError> {
    fs::create_dir_all(folder).map_err(at(folder))
}

pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, FederationError> {
    let file = File::open(path).map_err(at(path))?;
    let mut text = String::new();
    file.take(JSON_MAX_BYTES)
        .read_to_string(&mut text)
        .map_err(at(path))?;
    serde_json::from_str(&text).map_err(|error| FederationError::Json {
        path: path.to_owned(),
        why: error.to_string(),
    })
}

pub(super) fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), FederationError> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| FederationError::Json {
        path: path.to_owned(),
        why: error.to_string(),
    })?;
    text.push(b'\n');
    replace(path, &text)
}

/// Replaces a file in one step: written beside it, synced, renamed, folder synced.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), FederationError> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".writing-")
        .tempfile_in(folder)
        .map_err(at(folder))?;
    file.write_all(bytes).map_err(at(path))?;
    file.as_file().sync_all().map_err(at(path))?;
    file.persist(path).map_err(|error| at(path)(error.error))?;
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(at(folder))
}

pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> FederationError {
    let path = path.to_owned();
    move |source| FederationError::Io { path, source }
}

/// Base64 makes a bundle's parts a third longer; twice the bundle is room enough.
const JSON_MAX_BYTES: u64 = 2 * limits::DIRECTORY_MAX_BYTES;
