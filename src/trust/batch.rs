//! One signature over many documents: made, split, verified.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    directory::Directory,
    keys::{KeyId, SigningKey},
    merkle::Hash,
};
use crate::domain::{id::AuthorityId, reason::Reason, receipt::LeafHash, time::Timestamp};

/// What a batch was signed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    Statement,
    Receipt,
}

/// A signed header: exact bytes and signature.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SignedHeader {
    pub header: Bytes,
    pub signature: Bytes,
}

/// Where a document stands under a signed header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    pub signed: Arc<SignedHeader>,
    pub index: u32,
    pub path: Vec<Hash>,
}

/// A whole batch that was signed here, or arrived whole: paths are made from its leaves when wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub signed: Arc<SignedHeader>,
    pub leaves: Arc<[LeafHash]>,
}
impl Batch {
    /// The proof of one leaf.
    #[must_use]
    pub fn proof(&self, _index: u32) -> Option<Proof> {
        todo!()
    }
}

/// Signs batches of one purpose in one authority's name.
pub struct BatchSigner {
    _todo: (),
}
impl BatchSigner {
    /// The key's use must fit the purpose.
    #[must_use]
    pub fn new(
        _federation: &str,
        _authority: AuthorityId,
        _purpose: Purpose,
        _key: SigningKey,
    ) -> Self {
        todo!()
    }
    /// The key that signs.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        todo!()
    }
    /// One signature over 1 to 1024 leaves.
    #[must_use]
    pub fn sign(&self, _leaves: Vec<LeafHash>) -> Batch {
        todo!()
    }
}

/// Documents as they arrive: a signed header with some or all of its leaves.
#[derive(Debug, Clone)]
pub struct Unverified {
    pub signed: SignedHeader,
    pub items: Vec<UnverifiedItem>,
}
/// One of them. `path` empty: only legal when the whole batch is here, in order.
#[derive(Debug, Clone)]
pub struct UnverifiedItem {
    pub document: Bytes,
    pub index: u32,
    pub path: Vec<Hash>,
}

/// A document whose signature, signer, purpose and key were checked. Only [`Verifier`] makes it.
#[derive(Debug, Clone)]
pub struct Verified {
    pub(in crate::trust) document: Bytes,
    pub(in crate::trust) leaf: LeafHash,
    pub(in crate::trust) signer: AuthorityId,
    pub(in crate::trust) key: KeyId,
    pub(in crate::trust) proof: ProofSource,
}
/// Whole batch or own path.
#[derive(Debug, Clone)]
pub enum ProofSource {
    Whole(Batch, u32),
    Path(Proof),
}
impl Verified {
    #[must_use]
    pub fn document(&self) -> &Bytes {
        &self.document
    }
    #[must_use]
    pub fn leaf(&self) -> LeafHash {
        self.leaf
    }
    #[must_use]
    pub fn signer(&self) -> AuthorityId {
        self.signer
    }
    #[must_use]
    pub fn key(&self) -> KeyId {
        self.key
    }
    #[must_use]
    pub fn proof(&self) -> &ProofSource {
        &self.proof
    }
}

/// Verifies batches under a directory; remembers verified headers, bounded, emptied when the directory changes.
pub struct Verifier {
    _todo: (),
}
impl Verifier {
    #[must_use]
    pub fn new(_directory: Arc<Directory>) -> Self {
        todo!()
    }
    #[must_use]
    pub fn directory(&self) -> Arc<Directory> {
        todo!()
    }
    /// Takes another directory and forgets all headers.
    pub fn replace_directory(&self, _directory: Arc<Directory>) {
        todo!()
    }
    /// Verifies every item for itself: one result per item, in order.
    ///
    /// `now` decides on key validity: active, or retired less than 24 h ago; revoked never.
    /// `signer` is whom the documents must be from (the TLS peer, or the receipt's giver).
    pub fn verify(
        &self,
        _purpose: Purpose,
        _signer: &AuthorityId,
        _batch: &Unverified,
        _now: Timestamp,
    ) -> Vec<Result<Verified, Reason>> {
        todo!()
    }
    /// For evidence: was it valid at `at` under this directory (no grace for what is revoked later).
    pub fn verify_at(
        &self,
        _purpose: Purpose,
        _signer: &AuthorityId,
        _batch: &Unverified,
        _at: Timestamp,
    ) -> Vec<Result<Verified, Reason>> {
        todo!()
    }
}
