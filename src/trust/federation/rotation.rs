//! The next root list: who the roots are from now on, signed by k of those before and k of its own.
//!
//! The way in is [`rotate`]; [`super::sign`] and [`super::publish`] take it further. Versions step by one and all lists
//! stay, so that a node that was away walks the chain: no node is ever cut off by a new list (TUF, 5.3). Must never
//! leave a membership that the new roots have not signed, nor a list that its own keys cannot follow up.

use std::{
    fs,
    path::{Path, PathBuf},
};

use prost::Message as _;

use super::{FederationError, Signatures, files, proposal};
use crate::{
    domain::{limits, time::Clock},
    proto::directory::v1 as pb,
    trust::{
        keys::{KeyId, KeyUse, SigningKey},
        pae::DocumentType,
    },
};

/// What the next root list changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextRoots {
    /// New keys to make, each for another keeper.
    pub add: u32,
    /// Keys that are roots no longer.
    pub remove: Vec<KeyId>,
    /// How many must sign from now on; `None`: as many as before.
    pub threshold: Option<u32>,
    /// What becomes of the timestamp key.
    pub timestamp: TimestampKey,
}

/// What becomes of the key that signs the heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampKey {
    /// It stays.
    Keep,
    /// Another takes its place: what is signed with the old one verifies no longer.
    Replace,
}

/// A root list that was proposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationProposed {
    /// Its version.
    pub version: u64,
    /// One line for each change, for people to read before they sign.
    pub changes: Vec<String>,
    /// Files that roots must sign: the list, and the membership when the new roots must vouch for it anew.
    pub to_sign: Vec<PathBuf>,
    /// Key files that were made, each to be carried off to its keeper.
    pub made: Vec<PathBuf>,
}

/// Proposes the next root list and makes its new keys. Nothing is in force before it is published.
///
/// # Errors
/// When something is proposed already, a key to remove is not there, or the threshold cannot be met.
pub fn rotate(
    folder: &Path,
    next: &NextRoots,
    clock: &dyn Clock,
) -> Result<RotationProposed, FederationError> {
    let newest = files::newest_root(folder)?;
    let proposal = files::proposal_path(folder);
    if proposal.exists() {
        return Err(FederationError::Pending(proposal));
    }
    let mut changes = Vec::new();
    let mut root_keys = remaining(&newest, &next.remove, &mut changes)?;
    let added: Vec<SigningKey> = (0..next.add)
        .map(|_| SigningKey::generate(KeyUse::Root))
        .collect();
    root_keys.extend(added.iter().map(|key| key.public().to_vec()));
    let threshold = next.threshold.unwrap_or(newest.threshold);
    require_workable(root_keys.len(), threshold)?;
    if threshold != newest.threshold {
        changes.push(format!(
            "threshold {} becomes {threshold}",
            newest.threshold
        ));
    }
    files::create_folder(&proposal)?;
    let made = save(folder, &added, &mut changes)?;
    let timestamp_keys = match next.timestamp {
        TimestampKey::Keep => newest.timestamp_keys.clone(),
        TimestampKey::Replace => {
            let key = SigningKey::generate(KeyUse::Timestamp);
            key.save(&files::next_timestamp_key_path(folder))?;
            changes.push(format!("timestamp key becomes {}", key.id()));
            vec![key.public().to_vec()]
        }
    };
    if changes.is_empty() {
        fs::remove_dir_all(&proposal).map_err(files::at(&proposal))?;
        return Err(FederationError::NothingNew);
    }
    let version = newest.version + 1;
    let root = pb::Root {
        federation: newest.federation.clone(),
        version,
        root_keys,
        threshold,
        timestamp_keys,
        issued_at_us: clock.now().as_micros(),
    };
    let list = files::next_root_path(folder, newest.version);
    let mut to_sign = vec![list.clone()];
    if let Some(present) = files::published(folder)?
        && let Some(membership) = &present.bundle().membership
    {
        let signed = proposal::signatures(membership, &root);
        if signed.have < signed.need {
            files::write_json(&files::membership_path(folder), membership)?;
            to_sign.push(files::membership_path(folder));
        }
    }
    let document = pb::SignedDocument {
        r#type: DocumentType::Root.media_type().to_owned(),
        document: root.encode_to_vec(),
        signatures: Vec::new(),
    };
    files::write_json(&list, &document)?;
    Ok(RotationProposed {
        version,
        changes,
        to_sign,
        made,
    })
}

fn remaining(
    newest: &pb::Root,
    remove: &[KeyId],
    changes: &mut Vec<String>,
) -> Result<Vec<Vec<u8>>, FederationError> {
    let mut keys = newest.root_keys.clone();
    for id in remove {
        let before = keys.len();
        keys.retain(|key| key_id(key) != Some(*id));
        if keys.len() == before {
            return Err(FederationError::UnknownRoot(*id));
        }
        changes.push(format!("root key {id} goes"));
    }
    Ok(keys)
}

fn require_workable(roots: usize, threshold: u32) -> Result<(), FederationError> {
    let roots = u32::try_from(roots).unwrap_or(u32::MAX);
    let most = u32::try_from(limits::DIRECTORY_LIST_MAX).unwrap_or(u32::MAX);
    if threshold == 0 || threshold > roots || roots > most {
        return Err(FederationError::Threshold {
            roots,
            threshold,
            most,
        });
    }
    Ok(())
}

/// Saves new keys under the next free numbers.
fn save(
    folder: &Path,
    added: &[SigningKey],
    changes: &mut Vec<String>,
) -> Result<Vec<PathBuf>, FederationError> {
    let mut made = Vec::new();
    let mut numbers = (1u32..).map(|number| folder.join(format!("root-{number}.key")));
    for key in added {
        // The keepers have carried the earlier ones off: a number is free only when no list was made with it.
        let path = numbers
            .by_ref()
            .find(|path| !path.exists() && !made.contains(path))
            .unwrap_or_default();
        key.save(&path)?;
        changes.push(format!("root key {} comes", key.id()));
        made.push(path);
    }
    Ok(made)
}

/// A proposed list that enough roots have signed.
pub(super) struct Ready {
    pub(super) document: pb::SignedDocument,
    pub(super) root: pb::Root,
}

/// The proposed list, if there is one, once it is signed by k of the old and k of the new.
pub(super) fn ready(folder: &Path, newest: &pb::Root) -> Result<Option<Ready>, FederationError> {
    let Some((document, root)) = files::next_root(folder, newest.version)? else {
        return Ok(None);
    };
    let old = proposal::signatures_as(&document, DocumentType::Root, newest);
    let new = proposal::signatures_as(&document, DocumentType::Root, &root);
    if old.have < old.need || new.have < new.need {
        return Err(FederationError::RootList {
            version: root.version,
            old,
            new,
        });
    }
    Ok(Some(Ready { document, root }))
}

impl Ready {
    /// Moves list and timestamp key out of the proposal. Done before the bundle is written: whatever is repeated after
    /// an interruption finds them where they belong.
    pub(super) fn put_in_place(self, folder: &Path) -> Result<(), FederationError> {
        let version = usize::try_from(self.root.version).unwrap_or(usize::MAX);
        let next = files::next_timestamp_key_path(folder);
        if next.exists() {
            let present = files::timestamp_key_path(folder);
            let old = folder.join(format!("timestamp-until-root-{version}.key"));
            if present.exists() {
                fs::rename(&present, &old).map_err(files::at(&present))?;
            }
            fs::rename(&next, &present).map_err(files::at(&next))?;
        }
        files::write_json(&files::root_path(folder, version), &self.document)
    }
}

/// The key that signs the next timestamp.
pub(super) fn timestamp_key_path(folder: &Path) -> PathBuf {
    let next = files::next_timestamp_key_path(folder);
    if next.exists() {
        return next;
    }
    files::timestamp_key_path(folder)
}

/// What a file holds that roots sign, and whose signatures count on it.
pub(super) enum Signing {
    /// The roots in force, or those of the list that is proposed with it.
    Membership(Vec<pb::Root>),
    /// The list before, and the list itself.
    Root(Box<[pb::Root; 2]>),
}

impl Signing {
    /// `None`: roots sign no such thing.
    pub(super) fn of(
        file: &Path,
        document: &pb::SignedDocument,
    ) -> Option<Result<Self, FederationError>> {
        let folder = files::folder_of_proposal(file);
        if document.r#type == DocumentType::Membership.media_type() {
            return Some(Self::membership(&folder));
        }
        if document.r#type != DocumentType::Root.media_type() {
            return None;
        }
        let root = pb::Root::decode(document.document.as_slice()).ok()?;
        match files::newest_root(&folder) {
            // A list that is in force is not signed again.
            Ok(newest) if root.version == newest.version + 1 => {
                Some(Ok(Self::Root(Box::new([newest, root]))))
            }
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        }
    }

    fn membership(folder: &Path) -> Result<Self, FederationError> {
        let newest = files::newest_root(folder)?;
        let next = files::next_root(folder, newest.version)?;
        Ok(Self::Membership(match next {
            Some((_, next)) => vec![next, newest],
            None => vec![newest],
        }))
    }

    pub(super) fn document_type(&self) -> DocumentType {
        match self {
            Self::Membership(_) => DocumentType::Membership,
            Self::Root(_) => DocumentType::Root,
        }
    }

    /// True for a key whose signature can count.
    pub(super) fn allows(&self, public: &[u8; 32]) -> bool {
        let lists: &[pb::Root] = match self {
            Self::Membership(lists) => lists,
            Self::Root(lists) => &**lists,
        };
        let mut keys = lists.iter().flat_map(|list| &list.root_keys);
        keys.any(|key| key == public)
    }

    /// How many count, and how many must.
    pub(super) fn count(&self, document: &pb::SignedDocument) -> Signatures {
        match self {
            Self::Membership(lists) => lists
                .first()
                .map_or(Signatures { have: 0, need: 0 }, |list| {
                    proposal::signatures(document, list)
                }),
            Self::Root(lists) => {
                let counted = lists
                    .iter()
                    .map(|list| proposal::signatures_as(document, DocumentType::Root, list));
                counted.fold(Signatures { have: 0, need: 0 }, |sum, one| Signatures {
                    have: sum.have + one.have.min(one.need),
                    need: sum.need + one.need,
                })
            }
        }
    }
}

fn key_id(public: &[u8]) -> Option<KeyId> {
    public.try_into().ok().map(KeyId::of)
}
