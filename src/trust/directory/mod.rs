//! Who belongs, with which keys, where: read, verified, kept (in the manner of TUF).
//!
//! The way in: [`Directory::load`] for a node, [`Directory::install`] for a newer version,
//! [`Directory::verify`] for evidence. A [`Directory`] that exists was verified from the anchor up;
//! how far it can be trusted *now* is its [`Standing`]. Never trusts on first use, never goes back,
//! never overwrites a version that it has kept.

mod addressing;
pub mod author;
mod ca;
mod error;
mod folder;
mod member;
mod read;
mod signed;
mod succeed;

use std::{collections::BTreeMap, fmt, path::Path, str::FromStr, sync::Arc, time::Duration};

pub use {addressing::Beginning, ca::ExchangeCa, error::DirectoryError};
pub(in crate::trust) use {
    ca::{crl_number, fingerprint},
    folder::read_bundle,
    read::is_federation_name,
    signed::valid_signers,
};

use super::{
    keys::{KeyId, KeyUse},
    merkle::Hash,
};
use crate::{
    domain::{
        id::AuthorityId, limits, release::KindSet, routing::Kind, time::Timestamp,
        transfer::Channel,
    },
    proto::directory::v1 as pb,
};

/// SHA-256 of the first root document, from the configuration: no trust on first use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor(pub [u8; 32]);

impl FromStr for Anchor {
    type Err = DirectoryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text
            .strip_prefix("sha256:")
            .filter(|digits| digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
            .ok_or(DirectoryError::Anchor)?;
        let mut anchor = [0; 32];
        for (byte, pair) in anchor.iter_mut().zip(digits.as_bytes().chunks(2)) {
            *byte = str::from_utf8(pair)
                .ok()
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                .ok_or(DirectoryError::Anchor)?;
        }
        Ok(Self(anchor))
    }
}

/// `sha256:` and 64 hexadecimal digits.
impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// One document of a bundle, as errors name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Document {
    /// A root list, with its place in the chain.
    Root(u64),
    /// The list of members.
    Membership,
    /// One authority's own entry.
    Entry(AuthorityId),
    /// An entry whose authority is not known yet.
    UnnamedEntry,
    /// The heads.
    Timestamp,
    /// One authority's revocation list.
    Crl(AuthorityId),
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(version) => write!(f, "root {version}"),
            Self::Membership => f.write_str("membership"),
            Self::Entry(authority) => write!(f, "entry of {authority}"),
            Self::UnnamedEntry => f.write_str("entry"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Crl(authority) => write!(f, "revocation list of {authority}"),
        }
    }
}

/// One verified version of the directory. Immutable.
#[derive(Debug)]
pub struct Directory {
    bundle: pb::Bundle,
    federation: String,
    threshold: usize,
    root_keys: Vec<KeyId>,
    heads: Heads,
    members: BTreeMap<AuthorityId, Member>,
    membership_expires_at: Timestamp,
    grace: Duration,
    timestamp_issued_at: Timestamp,
    timestamp_expires_at: Timestamp,
}

/// Version or number of a document, and the hash of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    version: u64,
    hash: Hash,
}

/// What must never go back.
#[derive(Debug)]
struct Heads {
    /// Root 1, 2, 3, ...
    roots: Vec<Head>,
    membership: Head,
    entries: BTreeMap<AuthorityId, Head>,
    /// Numbers of the revocation lists, for each CA that is named; `None`: it has no list.
    crls: BTreeMap<ca::CaRef, Option<Head>>,
    timestamp: Head,
}

/// How far the directory can be trusted now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// All in date.
    Fresh,
    /// The timestamp is older than it says, or from our future. Warn.
    Stale,
    /// Membership expired, within its grace.
    Grace,
    /// Membership expired beyond its grace: nothing is exchanged.
    Closed,
}

/// One authority.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its id.
    pub id: AuthorityId,
    /// Its name, for people.
    pub name: String,
    /// Nothing is exchanged with it while this is true.
    pub suspended: bool,
    /// The only CAs that may vouch for its nodes, each for itself: one, or two while one replaces the other.
    pub exchange_cas: Vec<ExchangeCa>,
    /// Ed25519: signs its own entry. `None`: it runs no node and has no entry.
    pub directory_key: Option<[u8; 32]>,
    /// `host:port` of each node's exchange listener.
    pub endpoints: Vec<String>,
    /// Its signing keys, retired and revoked ones too.
    pub keys: Vec<MemberKey>,
    /// Duty contact: function, telephone, mail.
    pub contact: String,
    /// Groups without `@`.
    pub groups: Vec<String>,
    /// SHA-256 of the public keys allowed in node certificates; empty: any of its CAs.
    pub spki_pins: Vec<[u8; 32]>,
    /// Kinds that it sends only after a second person's release; never answers.
    pub release_kinds: KindSet,
    /// Kinds that threads towards it begin with.
    pub receives: Receives,
    /// How what is for it is carried there, when it runs no node.
    pub off_network: Option<Channel>,
}

/// What threads towards an authority begin with. Whatever stands in a thread reaches whoever takes part in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receives {
    /// Any kind: it has not said which.
    Any,
    /// These, as far as this version carries them.
    These(KindSet),
}

impl Receives {
    /// True when a thread towards the authority may begin with this kind.
    #[must_use]
    pub fn takes(self, kind: Kind) -> bool {
        match self {
            Self::Any => true,
            Self::These(kinds) => kinds.contains(kind),
        }
    }
}

impl Member {
    /// The published key with this id and use.
    #[must_use]
    pub fn key(&self, key_use: KeyUse, id: &KeyId) -> Option<&MemberKey> {
        self.keys
            .iter()
            .find(|key| key.key_use == key_use && key.id == *id)
    }
}

/// One published key.
#[derive(Debug, Clone)]
pub struct MemberKey {
    /// First 8 bytes of SHA-256 over it.
    pub id: KeyId,
    /// Its one use.
    pub key_use: KeyUse,
    /// Ed25519.
    pub public: [u8; 32],
    /// First moment of its life.
    pub valid_from: Timestamp,
    /// First moment of its retirement.
    pub valid_until: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl Directory {
    /// Verifies a whole bundle from the anchor up. An expired one verifies too: see [`Self::standing`].
    ///
    /// # Errors
    /// Names the first document that does not hold, and why.
    pub fn verify(
        bundle: &pb::Bundle,
        anchor: Anchor,
        now: Timestamp,
    ) -> Result<Self, DirectoryError> {
        let directory = read::read(bundle, anchor)?;
        directory.require_not_from_the_future(now)?;
        Ok(directory)
    }

    /// Verifies what was published here before, whatever the clock says.
    pub(in crate::trust) fn verify_any_time(
        bundle: &pb::Bundle,
        anchor: Anchor,
    ) -> Result<Self, DirectoryError> {
        read::read(bundle, anchor)
    }

    /// As [`Self::verify`], and refuses what goes back or forks from `previous`.
    ///
    /// # Errors
    /// As [`Self::verify`]; [`DirectoryError::RolledBack`], [`DirectoryError::Forked`] and
    /// [`DirectoryError::AddedInGrace`].
    pub fn verify_successor(
        bundle: &pb::Bundle,
        anchor: Anchor,
        previous: &Directory,
        now: Timestamp,
    ) -> Result<Self, DirectoryError> {
        let directory = Self::verify(bundle, anchor, now)?;
        succeed::check(previous, &directory, now)?;
        Ok(directory)
    }

    /// Reads the newest version from a node's directory folder (`NNNNNNNN.bundle`, all kept).
    ///
    /// An expired one loads too: [`Self::standing`] tells, as it does for one from our future.
    ///
    /// # Errors
    /// When there is none, it cannot be read, or does not verify. Never falls back to an older one.
    pub fn load(folder: &Path, anchor: Anchor, _now: Timestamp) -> Result<Self, DirectoryError> {
        folder::newest(folder, anchor)?.ok_or_else(|| DirectoryError::Empty(folder.to_owned()))
    }

    /// Reads the newest version of the folder when it is another than `held`, and refuses one that must not follow it.
    ///
    /// # Errors
    /// As [`Self::load`] and [`Self::verify_successor`].
    pub fn load_after(
        folder: &Path,
        held: &Directory,
        now: Timestamp,
    ) -> Result<Option<Self>, DirectoryError> {
        let newest = Self::load(folder, held.anchor(), now)?;
        if newest.hash() == held.hash() {
            return Ok(None);
        }
        newest.require_not_from_the_future(now)?;
        succeed::check(held, &newest, now)?;
        Ok(Some(newest))
    }

    /// Verifies what a partner passed on against `held`, and adds it to the folder, durably. `None`: it is what is
    /// held. The other side of a fork is refused and kept beside, as `fork-VERSION-HASH.bundle`. A bundle that begins its chain of roots where that of `held` ends is made whole first.
    ///
    /// # Errors
    /// As [`Self::verify_successor`], and when the folder cannot be written.
    pub fn install_after(
        folder: &Path,
        mut offered: pb::Bundle,
        held: &Directory,
        now: Timestamp,
    ) -> Result<Option<Self>, DirectoryError> {
        let mut roots = held.bundle.roots.clone();
        roots.append(&mut offered.roots);
        offered.roots = roots;
        let newer = Self::verify(&offered, held.anchor(), now)?;
        if newer.hash() == held.hash() {
            return Ok(None);
        }
        if let Err(refused) = succeed::check(held, &newer, now) {
            // Two truths under the same keys: both are kept, so that the federation can be shown them.
            if matches!(refused, DirectoryError::Forked { .. }) {
                folder::keep_fork(folder, &newer)?;
            }
            return Err(refused);
        }
        folder::keep(folder, &newer)?;
        Ok(Some(newer))
    }

    /// Reads one kept version, for evidence.
    ///
    /// # Errors
    /// When it is not there, cannot be read, or does not verify.
    pub fn load_version(
        folder: &Path,
        anchor: Anchor,
        version: u64,
    ) -> Result<Self, DirectoryError> {
        folder::version(folder, anchor, version)
    }

    /// Reads the newest kept version that is older than `version`; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read, or does not verify.
    pub fn load_before(
        folder: &Path,
        anchor: Anchor,
        version: u64,
    ) -> Result<Option<Self>, DirectoryError> {
        folder::newest_before(folder, anchor, version)
    }

    /// Verifies against what the folder holds and adds it there, durably. Nothing is overwritten.
    ///
    /// Installing again what is held already changes nothing.
    ///
    /// # Errors
    /// As [`Self::verify_successor`], and when the folder cannot be written.
    pub fn install(
        folder: &Path,
        bundle: &pb::Bundle,
        anchor: Anchor,
        now: Timestamp,
    ) -> Result<Self, DirectoryError> {
        folder::install(folder, bundle, anchor, now)
    }

    /// Name of the federation.
    #[must_use]
    pub fn federation(&self) -> &str {
        &self.federation
    }

    /// Version of the timestamp: what greetings and receipts name.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.heads.timestamp.version
    }

    /// SHA-256 of the timestamp's document.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        self.heads.timestamp.hash
    }

    /// The anchor that it was verified from.
    #[must_use]
    pub fn anchor(&self) -> Anchor {
        Anchor(self.heads.roots.first().map_or([0; 32], |root| root.hash))
    }

    /// How far it can be trusted now.
    #[must_use]
    pub fn standing(&self, now: Timestamp) -> Standing {
        if now >= self.membership_expires_at.plus(self.grace) {
            Standing::Closed
        } else if now >= self.membership_expires_at {
            Standing::Grace
        } else if now >= self.timestamp_expires_at || self.is_from_the_future(now) {
            Standing::Stale
        } else {
            Standing::Fresh
        }
    }

    /// The authority of this id.
    #[must_use]
    pub fn member(&self, id: &AuthorityId) -> Option<&Member> {
        self.members.get(id)
    }

    /// Active members that run a node, in byte order.
    pub fn active(&self) -> impl Iterator<Item = &Member> {
        let members = self.members();
        members.filter(|member| !member.suspended && member.off_network.is_none())
    }

    /// How what is for this authority is carried to it; `None`: it runs a node, or is no member.
    #[must_use]
    pub fn channel(&self, id: &AuthorityId) -> Option<Channel> {
        self.member(id).and_then(|member| member.off_network)
    }

    /// All authorities, in byte order.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// Length of the chain of roots: the version of the newest.
    #[must_use]
    pub fn roots(&self) -> usize {
        self.heads.roots.len()
    }

    /// How many roots must sign what comes next, and who they are.
    #[must_use]
    pub fn root_keys(&self) -> (usize, &[KeyId]) {
        (self.threshold, &self.root_keys)
    }

    /// The exact bundle it was made from.
    #[must_use]
    pub fn bundle(&self) -> &pb::Bundle {
        &self.bundle
    }

    /// From then on known peers go on for the grace, and nobody is added.
    #[must_use]
    pub fn membership_expires_at(&self) -> Timestamp {
        self.membership_expires_at
    }

    /// When its heads were signed.
    #[must_use]
    pub fn timestamp_issued_at(&self) -> Timestamp {
        self.timestamp_issued_at
    }

    /// From then on every surface warns.
    #[must_use]
    pub fn timestamp_expires_at(&self) -> Timestamp {
        self.timestamp_expires_at
    }

    fn require_not_from_the_future(&self, now: Timestamp) -> Result<(), DirectoryError> {
        if self.is_from_the_future(now) {
            return Err(DirectoryError::FromTheFuture {
                issued: self.timestamp_issued_at,
                now,
            });
        }
        Ok(())
    }

    fn is_from_the_future(&self, now: Timestamp) -> bool {
        self.timestamp_issued_at > now.plus(limits::CLOCK_TOLERANCE)
    }
}

/// The directory in force, swapped as a whole.
pub type DirectoryHandle = Arc<arc_swap::ArcSwap<Directory>>;

#[cfg(test)]
mod tests;
