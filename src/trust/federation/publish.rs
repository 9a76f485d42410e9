//! Publishing: a new timestamp over the newest parts, as one bundle file.
//!
//! The way in: [`publish`]. Reads the bundle as every node will before it is written; what it holds is
//! in force from the moment that the file is replaced.

use std::{collections::BTreeMap, fs, path::PathBuf};

use prost::Message as _;

use super::{FederationError, Path, TIMESTAMP_LIFE, files, proposal, rotation};
use crate::{
    domain::{
        id::AuthorityId,
        time::{Clock, Timestamp},
    },
    proto::directory::v1 as pb,
    trust::{
        directory::{Anchor, Directory, author},
        keys::{KeyUse, SigningKey},
        merkle::sha256,
        pae::DocumentType,
    },
};

/// What was published.
#[derive(Debug)]
pub struct Published {
    /// The bundle to hand to the nodes.
    pub file: PathBuf,
    /// Directory version.
    pub version: u64,
    /// What every configuration must hold.
    pub anchor: Anchor,
    /// Members, suspended ones included.
    pub members: usize,
    /// Until when the timestamp lasts.
    pub expires_at: Timestamp,
}

/// Takes in the proposal, if there is one, signs a new timestamp for 24 h and writes `directory.bundle`.
///
/// # Errors
/// When a proposal has too few signatures, nothing was ever proposed, or the result would not verify.
pub fn publish(folder: &Path, clock: &dyn Clock) -> Result<Published, FederationError> {
    let now = clock.now();
    let present = files::published(folder)?;
    let roots = files::roots(folder)?;
    let mut root = files::newest_root(folder)?;
    let rotation = rotation::ready(folder, &root)?;
    let mut bundle = present
        .as_ref()
        .map(|present| present.bundle().clone())
        .unwrap_or_default();
    bundle.roots = roots;
    if let Some(rotation) = &rotation {
        bundle.roots.push(rotation.document.clone());
        root = rotation.root.clone();
    }
    take_in_proposal(folder, &root, &mut bundle)?;
    if bundle.membership.is_none() {
        return Err(FederationError::NothingToPublish(folder.to_owned()));
    }
    let version = present.as_ref().map_or(0, Directory::version) + 1;
    let key = SigningKey::load(&rotation::timestamp_key_path(folder), KeyUse::Timestamp)?;
    bundle.timestamp = Some(timestamp(&bundle, &root, version, now, &key)?);
    let anchor = bundle
        .roots
        .first()
        .map_or(Anchor([0; 32]), author::anchor_of);
    let directory = match &present {
        Some(present) => Directory::verify_successor(&bundle, anchor, present, now)?,
        None => Directory::verify(&bundle, anchor, now)?,
    };
    if let Some(rotation) = rotation {
        rotation.put_in_place(folder)?;
    }
    let file = files::bundle_path(folder);
    files::replace(&file, &bundle.encode_to_vec())?;
    let proposal = files::proposal_path(folder);
    if proposal.exists() {
        fs::remove_dir_all(&proposal).map_err(files::at(&proposal))?;
    }
    Ok(Published {
        file,
        version,
        anchor,
        members: directory.members().count(),
        expires_at: directory.timestamp_expires_at(),
    })
}

/// Whoever wants a bundle that is not there yet is told what it waits for: signatures, or to be published.
///
/// # Errors
/// When a membership is proposed beside it.
pub(super) fn check_nothing_waits(folder: &Path) -> Result<(), FederationError> {
    let membership = files::membership_path(folder);
    if !membership.exists() {
        return Ok(());
    }
    proposed(&membership, &files::newest_root(folder)?)?;
    Err(FederationError::Pending(membership))
}

/// The proposed membership, once enough roots have signed it.
fn proposed(membership: &Path, root: &pb::Root) -> Result<pb::SignedDocument, FederationError> {
    let document: pb::SignedDocument = files::read_json(membership)?;
    let signatures = proposal::signatures(&document, root);
    if signatures.have < signatures.need {
        return Err(FederationError::TooFewSignatures {
            have: signatures.have,
            need: signatures.need,
        });
    }
    Ok(document)
}

/// Replaces membership, entries and revocation lists by those proposed.
fn take_in_proposal(
    folder: &Path,
    root: &pb::Root,
    bundle: &mut pb::Bundle,
) -> Result<(), FederationError> {
    let membership = files::membership_path(folder);
    if membership.exists() {
        bundle.membership = Some(proposed(&membership, root)?);
    }
    let parts = files::parts_path(folder);
    if parts.exists() {
        let parts: pb::Bundle = files::read_json(&parts)?;
        bundle.entries.extend(parts.entries);
        bundle.crls.extend(parts.crls);
    }
    keep_newest(bundle)
}

/// One entry for each present member, the one with the highest number; one revocation list for each CA, the newest.
fn keep_newest(bundle: &mut pb::Bundle) -> Result<(), FederationError> {
    let members: Vec<pb::Member> = bundle
        .membership
        .as_ref()
        .and_then(|document| pb::Membership::decode(document.document.as_slice()).ok())
        .map(|membership| membership.members)
        .unwrap_or_default();
    let mut entries: BTreeMap<AuthorityId, (u64, pb::SignedDocument)> = BTreeMap::new();
    for document in std::mem::take(&mut bundle.entries) {
        let named = pb::Entry::decode(document.document.as_slice()).unwrap_or_default();
        // One of an earlier directory key, or of somebody who left, falls away here.
        let Some(member) = members.iter().find(|member| member.id == named.authority) else {
            continue;
        };
        let Ok(entry) = proposal::entry_of(&document, &member.directory_key) else {
            continue;
        };
        let authority: AuthorityId = member.id.parse()?;
        // Later ones stand behind: of two with one number the proposed stays, and is seen as a fork.
        if entries
            .get(&authority)
            .is_none_or(|(number, _)| *number <= entry.number)
        {
            entries.insert(authority, (entry.number, document));
        }
    }
    bundle.entries = entries
        .into_values()
        .map(|(_, document)| document)
        .collect();

    let mut crls: BTreeMap<(&str, usize), (u64, Vec<u8>)> = BTreeMap::new();
    for crl in std::mem::take(&mut bundle.crls) {
        for member in &members {
            // One of a CA that is named no longer falls away here.
            let Ok((place, number)) = proposal::crl_of(&crl, member) else {
                continue;
            };
            let ca = (member.id.as_str(), place);
            if crls.get(&ca).is_none_or(|(held, _)| *held <= number) {
                crls.insert(ca, (number, crl.clone()));
            }
        }
    }
    bundle.crls = crls.into_values().map(|(_, crl)| crl).collect();
    Ok(())
}

fn timestamp(
    bundle: &pb::Bundle,
    root: &pb::Root,
    version: u64,
    now: Timestamp,
    key: &SigningKey,
) -> Result<pb::SignedDocument, FederationError> {
    let hash = |document: Option<&pb::SignedDocument>| {
        document
            .map(|document| sha256(&document.document).to_vec())
            .unwrap_or_default()
    };
    // Whatever cannot be parsed here is refused right after, when the bundle is verified.
    let membership = bundle
        .membership
        .as_ref()
        .and_then(|document| pb::Membership::decode(document.document.as_slice()).ok())
        .unwrap_or_default();
    let entries = bundle.entries.iter().map(|document| {
        let entry = pb::Entry::decode(document.document.as_slice()).unwrap_or_default();
        pb::EntryHead {
            authority: entry.authority,
            number: entry.number,
            hash: hash(Some(document)),
        }
    });
    let timestamp = pb::Timestamp {
        federation: root.federation.clone(),
        version,
        root_version: root.version,
        root_hash: hash(bundle.roots.last()),
        membership_version: membership.version,
        membership_hash: hash(bundle.membership.as_ref()),
        entries: entries.collect(),
        issued_at_us: now.as_micros(),
        expires_at_us: now.plus(TIMESTAMP_LIFE).as_micros(),
    };
    Ok(author::sign_message(
        DocumentType::Timestamp,
        &timestamp,
        &[key],
    ))
}
