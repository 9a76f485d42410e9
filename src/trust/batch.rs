//! One signature over many documents: made, split, verified.
//!
//! The way in: [`BatchSigner::sign`] for one's own documents, [`Verifier::verify`] for what arrives,
//! [`Verifier::verify_at`] for evidence. What is verified are the bytes as received (invariant I3):
//! nothing here parses a document or encodes a header anew. Only [`Verifier`] makes a [`Verified`].

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use prost::Message as _;

use super::{
    keys::{KeyId, KeyUse, SigningKey},
    merkle::{self, Hash},
    pae::{self, DocumentType},
};
use crate::{
    domain::{id::AuthorityId, limits, receipt::LeafHash},
    proto::envelope::v1 as pb,
};

mod verify;

pub use verify::Verifier;

/// What a batch was signed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Statements.
    Statement,
    /// Receipts.
    Receipt,
}

impl Purpose {
    /// The only keys that may sign for it.
    #[must_use]
    pub const fn key_use(self) -> KeyUse {
        match self {
            Self::Statement => KeyUse::Statement,
            Self::Receipt => KeyUse::Receipt,
        }
    }

    /// What its leaves are hashed as.
    #[must_use]
    pub const fn document_type(self) -> DocumentType {
        match self {
            Self::Statement => DocumentType::Statement,
            Self::Receipt => DocumentType::Receipt,
        }
    }

    const fn wire(self) -> pb::Purpose {
        match self {
            Self::Statement => pb::Purpose::Statement,
            Self::Receipt => pb::Purpose::Receipt,
        }
    }
}

/// A signed header: exact bytes and signature.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SignedHeader {
    /// Bytes of a `BatchHeader`.
    pub header: Bytes,
    /// Ed25519, 64 bytes.
    pub signature: Bytes,
}

/// Where a document stands under a signed header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The header it stands under.
    pub signed: Arc<SignedHeader>,
    /// Its leaf, from 0.
    pub index: u32,
    /// RFC 6962 audit path, lowest first.
    pub path: Vec<Hash>,
}

/// A whole batch that was signed here, or arrived whole: paths are made from its leaves when wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Its header.
    pub signed: Arc<SignedHeader>,
    /// Its leaves, all of them, in order.
    pub leaves: Arc<[LeafHash]>,
}

impl Batch {
    /// The proof of one leaf; `None` when there is no such leaf.
    #[must_use]
    pub fn proof(&self, index: u32) -> Option<Proof> {
        let hashes: Vec<Hash> = self.leaves.iter().map(|leaf| leaf.0).collect();
        let path = merkle::path(&hashes, usize::try_from(index).ok()?)?;
        Some(Proof {
            signed: Arc::clone(&self.signed),
            index,
            path,
        })
    }
}

/// Signs batches of one purpose in one authority's name.
#[derive(Debug)]
pub struct BatchSigner {
    federation: String,
    authority: AuthorityId,
    purpose: Purpose,
    // Swapped as a whole: a batch that is under way is signed with the key that it names.
    key: ArcSwap<SigningKey>,
}

impl BatchSigner {
    /// The key's use must fit the purpose.
    ///
    /// # Panics
    /// When it does not: a fault in the program, as keys are loaded for a named use.
    #[must_use]
    pub fn new(
        federation: &str,
        authority: AuthorityId,
        purpose: Purpose,
        key: SigningKey,
    ) -> Self {
        assert_eq!(
            key.key_use(),
            purpose.key_use(),
            "a key signs for its one use"
        );
        Self {
            federation: federation.to_owned(),
            authority,
            purpose,
            key: ArcSwap::from_pointee(key),
        }
    }

    /// The key that signs now.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.key.load().id()
    }

    /// Signs with this key from now on. What was signed stays as it is.
    ///
    /// # Panics
    /// When its use does not fit the purpose: a fault in the program, as keys are loaded for a named use.
    pub fn replace_key(&self, key: SigningKey) {
        assert_eq!(
            key.key_use(),
            self.purpose.key_use(),
            "a key signs for its one use"
        );
        self.key.store(Arc::new(key));
    }

    /// One signature over 1 to 1024 leaves.
    ///
    /// # Panics
    /// With none or more: a fault in the program, as such a batch could never be verified.
    #[must_use]
    pub fn sign(&self, leaves: Vec<LeafHash>) -> Batch {
        assert!(
            (1..=limits::BATCH_MAX_LEAVES).contains(&leaves.len()),
            "a batch has 1 to {} leaves, not {}",
            limits::BATCH_MAX_LEAVES,
            leaves.len()
        );
        let key = self.key.load();
        let header = pb::BatchHeader {
            federation: self.federation.clone(),
            authority: self.authority.to_string(),
            purpose: self.purpose.wire().into(),
            key_id: key.id().0.to_vec(),
            size: u32::try_from(leaves.len()).unwrap_or(u32::MAX),
            root: root_of(&leaves).to_vec(),
        }
        .encode_to_vec();
        let signature = key.sign(&pae::encode(DocumentType::Batch, &header));
        Batch {
            signed: Arc::new(SignedHeader {
                header: header.into(),
                signature: Bytes::copy_from_slice(&signature),
            }),
            leaves: leaves.into(),
        }
    }
}

/// Documents as they arrive: a signed header with some or all of its leaves.
#[derive(Debug, Clone)]
pub struct Unverified {
    /// The header, as received.
    pub signed: SignedHeader,
    /// The documents, as received.
    pub items: Vec<UnverifiedItem>,
}

/// One of them. `path` empty: only legal when the whole batch is here, in order.
#[derive(Debug, Clone)]
pub struct UnverifiedItem {
    /// Exact bytes.
    pub document: Bytes,
    /// The leaf that it claims to be.
    pub index: u32,
    /// RFC 6962 audit path, lowest first.
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
    /// All leaves are here; the document is the one at this index.
    Whole(Batch, u32),
    /// It came with a path of its own.
    Path(Proof),
}

impl Verified {
    /// Its exact bytes.
    #[must_use]
    pub fn document(&self) -> &Bytes {
        &self.document
    }

    /// Its leaf hash.
    #[must_use]
    pub fn leaf(&self) -> LeafHash {
        self.leaf
    }

    /// Who signed.
    #[must_use]
    pub fn signer(&self) -> AuthorityId {
        self.signer
    }

    /// With which key.
    #[must_use]
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// What proves it.
    #[must_use]
    pub fn proof(&self) -> &ProofSource {
        &self.proof
    }
}

fn root_of(leaves: &[LeafHash]) -> Hash {
    let mut frontier = merkle::Frontier::default();
    for leaf in leaves {
        frontier.push(leaf.0);
    }
    frontier.root()
}

#[cfg(test)]
mod tests;
