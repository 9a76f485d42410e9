//! RFC 6962 trees: of one batch, and of the journal's log.

/// A node or leaf hash.
pub type Hash = [u8; 32];

/// `SHA-256(0x01 || left || right)`.
#[must_use]
pub fn node(_left: &Hash, _right: &Hash) -> Hash {
    todo!()
}
/// `SHA-256(0x00 || data)`: leaf of the journal's log over an entry header.
#[must_use]
pub fn leaf(_data: &[u8]) -> Hash {
    todo!()
}
/// Root over leaf hashes (RFC 6962, 2.1).
#[must_use]
pub fn root(_leaves: &[Hash]) -> Hash {
    todo!()
}
/// Audit path of a leaf (RFC 6962, 2.1.1); `None` when there is no such leaf.
#[must_use]
pub fn path(_leaves: &[Hash], _index: usize) -> Option<Vec<Hash>> {
    todo!()
}
/// Root that a leaf at `index` of `size` leads to; `None` unless the path has exactly the right length (RFC 9162, 2.1.3.2).
#[must_use]
pub fn root_from_path(_leaf: &Hash, _index: u64, _size: u64, _path: &[Hash]) -> Option<Hash> {
    todo!()
}

/// The growing right edge of a log: appends and gives the root, without keeping the leaves.
#[derive(Debug, Clone, Default)]
pub struct Frontier {
    pub(crate) _size: u64,
}
impl Frontier {
    /// Adds one leaf.
    pub fn push(&mut self, _leaf: Hash) {
        todo!()
    }
    /// Leaves so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        todo!()
    }
    /// Root over all leaves so far; of none, the hash of nothing.
    #[must_use]
    pub fn root(&self) -> Hash {
        todo!()
    }
}
