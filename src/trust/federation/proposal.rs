//! What is proposed: who joins, leaves, is suspended, and under which terms.
//!
//! The way in: [`propose`]. Checks each application against itself; that all of it holds together is
//! checked when it is published, by reading it as every node will.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, iter,
    path::PathBuf,
    time::Duration,
};

use prost::Message as _;

use super::{FederationError, Path, Signatures, files};
use crate::{
    domain::{id::AuthorityId, time::Clock, transfer::Channel},
    proto::directory::v1 as pb,
    trust::{
        directory::{Directory, crl_number, fingerprint, valid_signers},
        keys::KeyId,
        pae::DocumentType,
    },
};

/// One change to the membership.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A new member, or new facts of a present one.
    Admit(Box<pb::Application>),
    /// A member that runs no node, or new facts of a present one.
    AdmitOffNetwork(Box<OffNetwork>),
    /// Nothing is exchanged with it until it is restored.
    Suspend(AuthorityId),
    /// Ends a suspension.
    Restore(AuthorityId),
    /// It leaves the federation.
    Remove(AuthorityId),
}

/// An authority that runs no node: the roots alone speak for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffNetwork {
    /// Its id.
    pub id: AuthorityId,
    /// Its name, for people.
    pub name: String,
    /// Groups without `@`.
    pub groups: Vec<String>,
    /// How what is for it is carried there.
    pub channel: Channel,
    /// To whom it is handed: a function and a place, never a person.
    pub contact: String,
}

impl OffNetwork {
    fn listed(&self) -> pb::Member {
        let channel = match self.channel {
            Channel::I247 => pb::Channel::I247,
            Channel::Embassy => pb::Channel::Embassy,
            Channel::SealedMail => pb::Channel::SealedMail,
        };
        pb::Member {
            id: self.id.to_string(),
            country: self.id.country().to_owned(),
            name: self.name.clone(),
            groups: self.groups.clone(),
            off_network: Some(pb::OffNetwork {
                channel: channel.into(),
                contact: self.contact.clone(),
            }),
            ..pb::Member::default()
        }
    }
}

/// How long a membership lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Days until it expires.
    pub days: u32,
    /// Days after that in which known peers go on.
    pub grace_days: u32,
}

/// A year, and 14 days of grace.
impl Default for Terms {
    fn default() -> Self {
        Self {
            days: 365,
            grace_days: 14,
        }
    }
}

/// What a proposal changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed {
    /// One line for each change, for people to read before they sign.
    pub changes: Vec<String>,
    /// The document that roots must sign; `None` when only entries or revocation lists change, which
    /// their authorities have signed themselves.
    pub to_sign: Option<PathBuf>,
    /// How many roots must sign.
    pub signatures: Signatures,
}

/// Merges changes with the present membership and writes the proposal to be signed; one that was not
/// published yet is replaced. Without changes it renews the membership under the given terms.
///
/// # Errors
/// When an application does not hold in itself, names an unknown member, or changes nothing.
pub fn propose(
    folder: &Path,
    changes: &[Change],
    terms: Terms,
    clock: &dyn Clock,
) -> Result<Proposed, FederationError> {
    if !(1..=3650).contains(&terms.days) || terms.grace_days > 365 {
        return Err(FederationError::Terms {
            days: terms.days,
            grace: terms.grace_days,
        });
    }
    let root = files::newest_root(folder)?;
    let rotating = files::next_root_path(folder, root.version);
    if rotating.exists() {
        return Err(FederationError::Pending(rotating));
    }
    let present = files::published(folder)?;
    let mut draft = Draft::from(present.as_ref())?;
    for change in changes {
        draft.apply(change, &root.federation)?;
    }
    let renews = changes.is_empty() && present.is_some();
    if renews {
        draft.changes.push(format!("renew for {} days", terms.days));
    }
    if draft.changes.is_empty() {
        return Err(FederationError::NothingNew);
    }
    let needs_roots = renews || draft.membership_changed;
    let proposal = files::proposal_path(folder);
    if proposal.exists() {
        fs::remove_dir_all(&proposal).map_err(files::at(&proposal))?;
    }
    files::create_folder(&proposal)?;
    files::write_json(&files::parts_path(folder), &draft.parts)?;
    let to_sign = needs_roots.then(|| files::membership_path(folder));
    if let Some(path) = &to_sign {
        let now = clock.now();
        let expires_at = now.plus(Duration::from_secs(u64::from(terms.days) * 24 * 3600));
        let membership = pb::Membership {
            federation: root.federation.clone(),
            version: draft.version + 1,
            issued_at_us: now.as_micros(),
            expires_at_us: expires_at.as_micros(),
            grace_days: terms.grace_days,
            members: draft.members.into_values().collect(),
        };
        let document = pb::SignedDocument {
            r#type: DocumentType::Membership.media_type().to_owned(),
            document: membership.encode_to_vec(),
            signatures: Vec::new(),
        };
        files::write_json(path, &document)?;
    }
    Ok(Proposed {
        changes: draft.changes,
        to_sign,
        signatures: Signatures {
            have: 0,
            need: root.threshold as usize,
        },
    })
}

/// Distinct roots that have signed a membership.
pub(super) fn signatures(document: &pb::SignedDocument, root: &pb::Root) -> Signatures {
    signatures_as(document, DocumentType::Membership, root)
}

/// Distinct keys of this root list that have signed a document of this type.
pub(super) fn signatures_as(
    document: &pb::SignedDocument,
    document_type: DocumentType,
    root: &pb::Root,
) -> Signatures {
    let keys: Vec<[u8; 32]> = root
        .root_keys
        .iter()
        .filter_map(|key| key.as_slice().try_into().ok())
        .collect();
    Signatures {
        have: valid_signers(document, document_type, &keys).len(),
        need: root.threshold as usize,
    }
}

/// Number and authority of an entry, which must be signed by this directory key.
pub(super) fn entry_of(
    document: &pb::SignedDocument,
    directory_key: &[u8],
) -> Result<pb::Entry, String> {
    if document.r#type != DocumentType::Entry.media_type() {
        return Err("its entry is of another type".to_owned());
    }
    let key: [u8; 32] = directory_key
        .try_into()
        .map_err(|_| "its directory key is not 32 bytes".to_owned())?;
    if valid_signers(document, DocumentType::Entry, &[key]).is_empty() {
        return Err("its entry is not signed by its directory key".to_owned());
    }
    pb::Entry::decode(document.document.as_slice()).map_err(|error| error.to_string())
}

/// Which of a member's CAs signed a revocation list, by its place, and the list's number.
pub(super) fn crl_of(crl: &[u8], member: &pb::Member) -> Result<(usize, u64), String> {
    let mut told = "the member names no exchange CA".to_owned();
    for (place, ca) in exchange_cas(member).enumerate() {
        match crl_number(crl, ca) {
            Ok(number) => return Ok((place, number)),
            Err(why) => told = why,
        }
    }
    Err(told)
}

fn exchange_cas(member: &pb::Member) -> impl Iterator<Item = &Vec<u8>> {
    // Who runs no node has none.
    let first = (!member.exchange_ca.is_empty()).then_some(&member.exchange_ca);
    first.into_iter().chain(&member.other_exchange_cas)
}

/// Which CAs and keys come and which go: a root that signs puts its hand to each of them.
fn key_changes(present: &pb::Member, next: &pb::Member) -> Vec<String> {
    let (id, mut lines) = (&next.id, Vec::new());
    let named = |member: &pb::Member, der: &Vec<u8>| exchange_cas(member).any(|ca| ca == der);
    for ca in exchange_cas(next).filter(|ca| !named(present, ca)) {
        lines.push(format!("exchange CA {} of {id} comes", fingerprint(ca)));
    }
    for ca in exchange_cas(present).filter(|ca| !named(next, ca)) {
        lines.push(format!("exchange CA {} of {id} goes", fingerprint(ca)));
    }
    let key = |member: &pb::Member| {
        let public = member.directory_key.as_slice().try_into().ok();
        public.map_or_else(String::new, |public| KeyId::of(public).to_string())
    };
    if present.directory_key != next.directory_key {
        lines.push(format!(
            "directory key {} of {id} becomes {}",
            key(present),
            key(next)
        ));
    }
    lines
}

struct Draft {
    version: u64,
    members: BTreeMap<AuthorityId, pb::Member>,
    entries: BTreeMap<AuthorityId, pb::SignedDocument>,
    crls: BTreeSet<Vec<u8>>,
    membership_changed: bool,
    /// Entries and revocation lists that change, as a bundle of nothing else.
    parts: pb::Bundle,
    changes: Vec<String>,
}

impl Draft {
    fn from(present: Option<&Directory>) -> Result<Self, FederationError> {
        let mut draft = Self {
            version: 0,
            members: BTreeMap::new(),
            entries: BTreeMap::new(),
            crls: BTreeSet::new(),
            membership_changed: false,
            parts: pb::Bundle::default(),
            changes: Vec::new(),
        };
        let Some(present) = present else {
            return Ok(draft);
        };
        let bundle = present.bundle();
        // Both were verified as parts of the published directory.
        if let Some(document) = &bundle.membership
            && let Ok(membership) = pb::Membership::decode(document.document.as_slice())
        {
            draft.version = membership.version;
            for member in membership.members {
                draft.members.insert(member.id.parse()?, member);
            }
        }
        for document in &bundle.entries {
            if let Ok(entry) = pb::Entry::decode(document.document.as_slice()) {
                let authority = entry.authority.parse()?;
                draft.entries.insert(authority, document.clone());
            }
        }
        let cas = present.members().flat_map(|member| &member.exchange_cas);
        draft.crls.extend(cas.filter_map(|ca| ca.crl.clone()));
        Ok(draft)
    }

    fn apply(&mut self, change: &Change, federation: &str) -> Result<(), FederationError> {
        match change {
            Change::Admit(application) => self.admit(application, federation),
            Change::AdmitOffNetwork(authority) => {
                self.admit_member(authority.id, authority.listed());
                Ok(())
            }
            Change::Suspend(id) => self.set_status(*id, pb::MemberStatus::Suspended, "suspend"),
            Change::Restore(id) => self.set_status(*id, pb::MemberStatus::Active, "restore"),
            Change::Remove(id) => {
                self.members
                    .remove(id)
                    .ok_or(FederationError::NotAMember(*id))?;
                self.membership_changed = true;
                self.changes.push(format!("remove {id}"));
                Ok(())
            }
        }
    }

    fn set_status(
        &mut self,
        id: AuthorityId,
        status: pb::MemberStatus,
        word: &str,
    ) -> Result<(), FederationError> {
        let member = self
            .members
            .get_mut(&id)
            .ok_or(FederationError::NotAMember(id))?;
        if member.status() != status {
            member.set_status(status);
            self.membership_changed = true;
            self.changes.push(format!("{word} {id}"));
        }
        Ok(())
    }

    fn admit(
        &mut self,
        application: &pb::Application,
        federation: &str,
    ) -> Result<(), FederationError> {
        let member = application.member.clone().unwrap_or_default();
        let authority: String = member
            .id
            .chars()
            .take(32)
            .flat_map(char::escape_default)
            .collect();
        let refuse = |why: String| FederationError::Application {
            authority: authority.clone(),
            why,
        };
        let id: AuthorityId = member.id.parse()?;
        let document = application
            .entry
            .as_ref()
            .ok_or_else(|| refuse("it holds no entry".to_owned()))?;
        let entry = entry_of(document, &member.directory_key).map_err(refuse)?;
        if entry.authority != member.id {
            return Err(refuse("its entry names another authority".to_owned()));
        }
        if entry.federation != federation {
            return Err(refuse(format!(
                "its entry is for another federation, expected `{federation}`"
            )));
        }
        if let Some(held) = self.held_number(&id)
            && held > entry.number
        {
            return Err(refuse(format!(
                "its entry is number {}, and the directory holds number {held}: entries never go back, hand in a newer one",
                entry.number
            )));
        }
        self.admit_member(id, member.clone());
        if self.entries.get(&id) != Some(document) {
            self.changes.push(format!(
                "entry {} of {id}: {} endpoints, {} keys",
                entry.number,
                entry.endpoints.len(),
                entry.keys.len()
            ));
            self.entries.insert(id, document.clone());
            self.parts.entries.push(document.clone());
        }
        for crl in iter::once(&application.crl).chain(&application.other_crls) {
            if crl.is_empty() || self.crls.contains(crl) {
                continue;
            }
            let (_, number) = crl_of(crl, &member)
                .map_err(|why| refuse(format!("its revocation list: {why}")))?;
            self.changes
                .push(format!("revocation list {number} of {id}"));
            self.crls.insert(crl.clone());
            self.parts.crls.push(crl.clone());
        }
        Ok(())
    }

    /// Number of the entry that the directory holds for it.
    fn held_number(&self, id: &AuthorityId) -> Option<u64> {
        let held = self.entries.get(id)?;
        let entry = pb::Entry::decode(held.document.as_slice()).ok()?;
        Some(entry.number)
    }

    fn admit_member(&mut self, id: AuthorityId, mut member: pb::Member) {
        let present = self.members.get(&id);
        // An application never lifts a suspension, nor chooses its own status.
        let status = present.map_or(pb::MemberStatus::Active, pb::Member::status);
        member.set_status(status);
        let word = match present {
            Some(present) if *present == member => return,
            Some(_) => "change",
            None => "add",
        };
        let keys = present.map(|present| key_changes(present, &member));
        self.changes
            .push(format!("{word} {id} ({:?})", member.name));
        self.changes.extend(keys.unwrap_or_default());
        self.members.insert(id, member);
        self.membership_changed = true;
    }
}
