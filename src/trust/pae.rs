//! DSSE's pre-authentication encoding, and the leaf hash over it. One type per purpose and version.

use crate::domain::receipt::LeafHash;

/// What kind of bytes are hashed or signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DocumentType {
    Statement,
    Receipt,
    Batch,
    Root,
    Membership,
    Entry,
    Timestamp,
    /** A body of the own journal that never travels. */
    Note,
}

impl DocumentType {
    /// Such as `application/vnd.allpoints.statement.v1`.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        todo!()
    }
}

/// `SHA-256(0x00 || PAE(type, bytes))`.
#[must_use]
pub fn leaf_hash(_document_type: DocumentType, _bytes: &[u8]) -> LeafHash {
    todo!()
}

/// `PAE(type, bytes)`: what Ed25519 signs.
#[must_use]
pub fn encode(_document_type: DocumentType, _bytes: &[u8]) -> Vec<u8> {
    todo!()
}
