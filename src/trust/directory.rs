//! Who belongs, with which keys, where: read, verified, kept (in the manner of TUF).

use std::{path::Path, sync::Arc};

use super::keys::{KeyId, KeyUse};
use crate::{
    domain::{id::AuthorityId, time::Timestamp},
    proto::directory::v1 as pb,
};

/// SHA-256 of the first root document, from the configuration: no trust on first use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor(pub [u8; 32]);
impl std::str::FromStr for Anchor {
    type Err = DirectoryError;
    fn from_str(_text: &str) -> Result<Self, Self::Err> {
        todo!()
    }
}
impl std::fmt::Display for Anchor {
    fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        todo!()
    }
}

/// One verified version of the directory. Immutable.
#[derive(Debug)]
pub struct Directory {
    _todo: (),
}

/// How far the directory can be trusted now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Fresh,
    /** The timestamp is older than it says. Warn. */
    Stale,
    /** Membership expired, within its grace. */
    Grace,
    Closed,
}

/// One authority.
#[derive(Debug, Clone)]
pub struct Member {
    pub id: AuthorityId,
    pub name: String,
    pub suspended: bool,
    /// DER of the only CA that may vouch for its nodes.
    pub exchange_ca: Vec<u8>,
    pub endpoints: Vec<String>,
    pub keys: Vec<MemberKey>,
    pub contact: String,
    pub groups: Vec<String>,
    pub spki_pins: Vec<[u8; 32]>,
    /// DER, newest; `None`: no connection can be verified.
    pub crl: Option<Vec<u8>>,
}
/// One published key.
#[derive(Debug, Clone)]
pub struct MemberKey {
    pub id: KeyId,
    pub key_use: KeyUse,
    pub public: [u8; 32],
    pub valid_from: Timestamp,
    pub valid_until: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

impl Directory {
    /// Verifies a whole bundle from the anchor up.
    ///
    /// # Errors
    /// Names the first document that does not hold, and why.
    pub fn verify(
        _bundle: &pb::Bundle,
        _anchor: Anchor,
        _now: Timestamp,
    ) -> Result<Self, DirectoryError> {
        todo!()
    }
    /// The same, and refuses what goes back or forks from `previous`.
    pub fn verify_successor(
        _bundle: &pb::Bundle,
        _anchor: Anchor,
        _previous: &Directory,
        _now: Timestamp,
    ) -> Result<Self, DirectoryError> {
        todo!()
    }
    /// Reads the newest version from a node's directory folder (`NNNNNNNN.bundle`, all kept).
    pub fn load(_folder: &Path, _anchor: Anchor, _now: Timestamp) -> Result<Self, DirectoryError> {
        todo!()
    }
    /// Verifies against what the folder holds and adds it there, durably. Nothing is overwritten.
    pub fn install(
        _folder: &Path,
        _bundle: &pb::Bundle,
        _anchor: Anchor,
        _now: Timestamp,
    ) -> Result<Self, DirectoryError> {
        todo!()
    }
    #[must_use]
    pub fn federation(&self) -> &str {
        todo!()
    }
    #[must_use]
    pub fn version(&self) -> u64 {
        todo!()
    }
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        todo!()
    }
    #[must_use]
    pub fn standing(&self, _now: Timestamp) -> Standing {
        todo!()
    }
    #[must_use]
    pub fn member(&self, _id: &AuthorityId) -> Option<&Member> {
        todo!()
    }
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        [].iter()
    }
    /// Expands `XB-POL`, `@group` or `all` (never ourselves, never suspended).
    pub fn expand(
        &self,
        _to: &str,
        _ourselves: &AuthorityId,
    ) -> Result<Vec<AuthorityId>, DirectoryError> {
        todo!()
    }
    /// The exact bundle it was made from.
    #[must_use]
    pub fn bundle(&self) -> &pb::Bundle {
        todo!()
    }
    #[must_use]
    pub fn membership_expires_at(&self) -> Timestamp {
        todo!()
    }
    #[must_use]
    pub fn timestamp_expires_at(&self) -> Timestamp {
        todo!()
    }
}
/// The directory in force, swapped as a whole.
pub type DirectoryHandle = Arc<arc_swap::ArcSwap<Directory>>;

/// Why a directory is refused.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Replace by precise variants.
    #[error("{0}")]
    Refused(String),
}
