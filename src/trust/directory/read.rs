//! Reads a bundle from the anchor up: roots, membership, entries, timestamp, revocation lists.
//!
//! The way in: [`read`]. Nothing of a document is believed before its signatures hold; roots and
//! entries are parsed before that only to learn who must have signed them. Looks at no clock.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use super::{
    Anchor, Directory, DirectoryError, Document, Head, Heads, ca,
    member::MemberOnly,
    signed::{at_most, check_federation, check_type, escaped, parse, signed_by, sound_key},
};
use crate::{
    domain::{id::AuthorityId, limits, time::Timestamp},
    proto::directory::v1 as pb,
    trust::{
        keys::KeyId,
        merkle::{Hash, sha256},
        pae::DocumentType,
    },
};

/// Verifies everything in a bundle that does not depend on the time.
pub(super) fn read(bundle: &pb::Bundle, anchor: Anchor) -> Result<Directory, DirectoryError> {
    let mut owners = KeyOwners::default();
    let roots = read_roots(&bundle.roots, anchor)?;
    for key in &roots.newest.keys {
        owners.claim(key, || "root".to_owned())?;
    }
    for key in &roots.newest.timestamp_keys {
        owners.claim(key, || "timestamp".to_owned())?;
    }

    let membership = read_membership(bundle.membership.as_ref(), &roots, &mut owners)?;
    let entries = read_entries(
        &bundle.entries,
        &roots.federation,
        &membership.members,
        &mut owners,
    )?;
    let timestamp = read_timestamp(bundle.timestamp.as_ref(), &roots, membership.head, &entries)?;
    let crls = ca::newest_crls(&bundle.crls, &membership.members)?;

    let mut members = BTreeMap::new();
    let mut heads = Heads {
        roots: roots.heads,
        membership: membership.head,
        entries: BTreeMap::new(),
        crls: BTreeMap::new(),
        timestamp: timestamp.head,
    };
    for (id, only) in membership.members {
        if let Some(member) = only.off_network() {
            members.insert(id, member);
            continue;
        }
        let entry = entries.get(&id).ok_or(DirectoryError::Unpaired(id))?;
        for ca in &only.cas {
            let name = (id, ca.key_hash);
            let crl = crls.get(&name);
            if let Some(crl) = crl
                && crl.number < entry.content.min_crl_number
            {
                return Err(DirectoryError::CrlTooOld {
                    authority: id,
                    found: crl.number,
                    minimum: entry.content.min_crl_number,
                });
            }
            let head = crl.map(|crl| Head {
                version: crl.number,
                hash: sha256(&crl.der),
            });
            heads.crls.insert(name, head);
        }
        heads.entries.insert(id, entry.head);
        members.insert(id, only.with(&entry.content, &crls)?);
    }
    Ok(Directory {
        bundle: bundle.clone(),
        federation: roots.federation,
        threshold: roots.newest.threshold,
        root_keys: roots.newest.keys.iter().map(KeyId::of).collect(),
        heads,
        members,
        membership_expires_at: membership.expires_at,
        grace: membership.grace,
        timestamp_issued_at: timestamp.issued_at,
        timestamp_expires_at: timestamp.expires_at,
    })
}

/// Who has which key: a key belongs to one authority and one use.
#[derive(Default)]
pub(super) struct KeyOwners(HashMap<[u8; 32], String>);

impl KeyOwners {
    pub(super) fn claim(
        &mut self,
        key: &[u8; 32],
        owner: impl FnOnce() -> String,
    ) -> Result<(), DirectoryError> {
        match self.0.insert(*key, owner()) {
            None => Ok(()),
            Some(first) => Err(DirectoryError::SharedKey {
                key: KeyId::of(key),
                first,
                second: self.0.remove(key).unwrap_or_default(),
            }),
        }
    }
}

/// A verified root chain.
struct Roots {
    federation: String,
    heads: Vec<Head>,
    newest: Signers,
}

/// Who may sign under one root.
struct Signers {
    version: u64,
    keys: Vec<[u8; 32]>,
    threshold: usize,
    timestamp_keys: Vec<[u8; 32]>,
}

struct ReadMembership {
    head: Head,
    expires_at: Timestamp,
    grace: Duration,
    members: BTreeMap<AuthorityId, MemberOnly>,
}

struct ReadEntry {
    head: Head,
    content: pb::Entry,
}

struct ReadTimestamp {
    head: Head,
    issued_at: Timestamp,
    expires_at: Timestamp,
}

/// Root 1 is the anchor's; each later one is signed by k of the one before and k of its own.
fn read_roots(documents: &[pb::SignedDocument], anchor: Anchor) -> Result<Roots, DirectoryError> {
    let first = documents
        .first()
        .ok_or(DirectoryError::Missing(Document::Root(1)))?;
    let found = Anchor(sha256(&first.document));
    if found != anchor {
        return Err(DirectoryError::WrongAnchor {
            found,
            expected: anchor,
        });
    }
    at_most(
        "roots",
        documents.len(),
        limits::DIRECTORY_MAX_ROOTS,
        Document::Root(1),
    )?;
    let (mut federation, mut heads) = (None, Vec::with_capacity(documents.len()));
    let mut newest: Option<Signers> = None;
    for (document, expected) in documents.iter().zip(1..) {
        let which = Document::Root(expected);
        check_type(document, DocumentType::Root, which)?;
        let root: pb::Root = parse(document, which)?;
        if root.version != expected {
            return Err(DirectoryError::RootStep {
                found: root.version,
                expected,
            });
        }
        let federation = federation.get_or_insert_with(|| root.federation.clone());
        check_federation(&root.federation, federation, which)?;
        let signers = signers(&root, which)?;
        if let Some(previous) = &newest {
            signed_by_roots(document, DocumentType::Root, which, previous)?;
        }
        signed_by_roots(document, DocumentType::Root, which, &signers)?;
        heads.push(head(root.version, document));
        newest = Some(signers);
    }
    let missing = || DirectoryError::Missing(Document::Root(1));
    let federation = federation.ok_or_else(missing)?;
    if !is_federation_name(&federation) {
        return Err(DirectoryError::OtherFederation {
            found: escaped(&federation),
            expected: "a name of 1 to 64 letters, digits, dashes and dots".to_owned(),
            document: Document::Root(1),
        });
    }
    Ok(Roots {
        federation,
        heads,
        newest: newest.ok_or_else(missing)?,
    })
}

/// True for a name that a federation may have: 1 to 64 ASCII letters, digits, dashes and dots.
pub(in crate::trust) fn is_federation_name(name: &str) -> bool {
    (1..=limits::FEDERATION_MAX_BYTES).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.')
}

fn signers(root: &pb::Root, which: Document) -> Result<Signers, DirectoryError> {
    let list = |keys: &[Vec<u8>], what| -> Result<Vec<[u8; 32]>, DirectoryError> {
        at_most(what, keys.len(), limits::DIRECTORY_LIST_MAX, which)?;
        keys.iter().map(|key| sound_key(key, which, what)).collect()
    };
    let keys = list(&root.root_keys, "root key")?;
    let timestamp_keys = list(&root.timestamp_keys, "timestamp key")?;
    let mut owners = KeyOwners::default();
    for key in &keys {
        owners.claim(key, || "root".to_owned())?;
    }
    for key in &timestamp_keys {
        owners.claim(key, || "timestamp".to_owned())?;
    }
    let threshold = usize::try_from(root.threshold).unwrap_or(usize::MAX);
    if !(1..=keys.len()).contains(&threshold) {
        return Err(DirectoryError::Threshold {
            version: root.version,
            threshold: root.threshold,
            keys: keys.len(),
        });
    }
    Ok(Signers {
        version: root.version,
        keys,
        threshold,
        timestamp_keys,
    })
}

fn read_membership(
    document: Option<&pb::SignedDocument>,
    roots: &Roots,
    owners: &mut KeyOwners,
) -> Result<ReadMembership, DirectoryError> {
    let which = Document::Membership;
    let document = document.ok_or(DirectoryError::Missing(which))?;
    check_type(document, DocumentType::Membership, which)?;
    signed_by_roots(document, DocumentType::Membership, which, &roots.newest)?;
    let membership: pb::Membership = parse(document, which)?;
    check_federation(&membership.federation, &roots.federation, which)?;
    let (_, expires_at) = life(
        membership.issued_at_us,
        membership.expires_at_us,
        which,
        None,
    )?;
    at_most(
        "members",
        membership.members.len(),
        limits::MEMBERS_MAX,
        which,
    )?;
    let mut members = BTreeMap::new();
    let mut ca_owners = HashMap::new();
    for listed in &membership.members {
        let only = MemberOnly::read(listed)?;
        if let Some(key) = &only.directory_key {
            owners.claim(key, || format!("{}'s directory", only.id))?;
        }
        for ca in &only.cas {
            if let Some(first) = ca_owners.insert(ca.key_hash, only.id)
                && first != only.id
            {
                return Err(DirectoryError::SharedCa {
                    first,
                    second: only.id,
                });
            }
        }
        let id = only.id;
        if members.insert(id, only).is_some() {
            return Err(DirectoryError::Twice(id, which));
        }
    }
    Ok(ReadMembership {
        head: head(membership.version, document),
        expires_at,
        grace: Duration::from_secs(u64::from(membership.grace_days) * 24 * 3600),
        members,
    })
}

/// Each entry is signed by the directory key that the membership gives its authority.
fn read_entries(
    documents: &[pb::SignedDocument],
    federation: &str,
    members: &BTreeMap<AuthorityId, MemberOnly>,
    owners: &mut KeyOwners,
) -> Result<BTreeMap<AuthorityId, ReadEntry>, DirectoryError> {
    at_most(
        "entries",
        documents.len(),
        limits::MEMBERS_MAX,
        Document::Membership,
    )?;
    let mut entries = BTreeMap::new();
    for document in documents {
        check_type(document, DocumentType::Entry, Document::UnnamedEntry)?;
        let content: pb::Entry = parse(document, Document::UnnamedEntry)?;
        let authority: AuthorityId =
            content
                .authority
                .parse()
                .map_err(|source| DirectoryError::Id {
                    document: Document::UnnamedEntry,
                    source,
                })?;
        let which = Document::Entry(authority);
        let directory_key = members
            .get(&authority)
            .and_then(|member| member.directory_key)
            .ok_or(DirectoryError::Unpaired(authority))?;
        let by = || format!("{authority}'s directory key");
        signed_by(
            document,
            DocumentType::Entry,
            which,
            &[directory_key],
            1,
            by,
        )?;
        check_federation(&content.federation, federation, which)?;
        if entries.contains_key(&authority) {
            return Err(DirectoryError::Twice(authority, which));
        }
        for key in &content.keys {
            let public = sound_key(&key.public_key, which, "signing key")?;
            owners.claim(&public, || {
                format!("{authority}'s {}", key.r#use().as_str_name())
            })?;
        }
        let head = head(content.number, document);
        entries.insert(authority, ReadEntry { head, content });
    }
    Ok(entries)
}

/// The timestamp names exactly the newest root, the membership and every entry.
fn read_timestamp(
    document: Option<&pb::SignedDocument>,
    roots: &Roots,
    membership: Head,
    entries: &BTreeMap<AuthorityId, ReadEntry>,
) -> Result<ReadTimestamp, DirectoryError> {
    let which = Document::Timestamp;
    let document = document.ok_or(DirectoryError::Missing(which))?;
    check_type(document, DocumentType::Timestamp, which)?;
    let by = || format!("the timestamp keys of root {}", roots.newest.version);
    signed_by(
        document,
        DocumentType::Timestamp,
        which,
        &roots.newest.timestamp_keys,
        1,
        by,
    )?;
    let timestamp: pb::Timestamp = parse(document, which)?;
    check_federation(&timestamp.federation, &roots.federation, which)?;
    let (issued_at, expires_at) = life(
        timestamp.issued_at_us,
        timestamp.expires_at_us,
        which,
        Some(limits::DIRECTORY_TIMESTAMP_MAX),
    )?;
    let root = roots
        .heads
        .last()
        .ok_or(DirectoryError::Missing(Document::Root(1)))?;
    same_head(
        root,
        timestamp.root_version,
        &timestamp.root_hash,
        Document::Root(root.version),
    )?;
    same_head(
        &membership,
        timestamp.membership_version,
        &timestamp.membership_hash,
        Document::Membership,
    )?;
    same_entries(&timestamp.entries, entries)?;
    Ok(ReadTimestamp {
        head: head(timestamp.version, document),
        issued_at,
        expires_at,
    })
}

/// The timestamp names every entry, each once, and no other.
fn same_entries(
    heads: &[pb::EntryHead],
    entries: &BTreeMap<AuthorityId, ReadEntry>,
) -> Result<(), DirectoryError> {
    let which = Document::Timestamp;
    let mut named = HashSet::new();
    for listed in heads {
        let authority: AuthorityId =
            listed
                .authority
                .parse()
                .map_err(|source| DirectoryError::Id {
                    document: which,
                    source,
                })?;
        let entry = entries
            .get(&authority)
            .ok_or(DirectoryError::Unpaired(authority))?;
        same_head(
            &entry.head,
            listed.number,
            &listed.hash,
            Document::Entry(authority),
        )?;
        if !named.insert(authority) {
            return Err(DirectoryError::Twice(authority, which));
        }
    }
    if let Some((authority, entry)) = entries.iter().find(|(id, _)| !named.contains(id)) {
        return Err(DirectoryError::HeadMismatch {
            document: Document::Entry(*authority),
            found: entry.head.version,
        });
    }
    Ok(())
}

fn same_head(
    held: &Head,
    version: u64,
    hash: &[u8],
    document: Document,
) -> Result<(), DirectoryError> {
    if held.version == version && held.hash == hash {
        return Ok(());
    }
    Err(DirectoryError::HeadMismatch {
        document,
        found: held.version,
    })
}

fn head(version: u64, document: &pb::SignedDocument) -> Head {
    let hash: Hash = sha256(&document.document);
    Head { version, hash }
}

fn signed_by_roots(
    document: &pb::SignedDocument,
    document_type: DocumentType,
    which: Document,
    signers: &Signers,
) -> Result<(), DirectoryError> {
    let by = || format!("root {}", signers.version);
    signed_by(
        document,
        document_type,
        which,
        &signers.keys,
        signers.threshold,
        by,
    )
}

fn life(
    from_us: i64,
    until_us: i64,
    document: Document,
    longest: Option<Duration>,
) -> Result<(Timestamp, Timestamp), DirectoryError> {
    let (from, until) = (
        Timestamp::from_micros(from_us),
        Timestamp::from_micros(until_us),
    );
    let fits = longest.is_none_or(|longest| until.since(from) <= longest);
    if from < until && fits {
        return Ok((from, until));
    }
    Err(DirectoryError::Life {
        document,
        from,
        until,
    })
}
