//! What is queried: rows written behind, once a tick. May be lost at any time.
//!
//! The way in is [`View`]: [`sled::SledView`] on disk, [`memory::MemoryView`] for tests. `rows.rs` names every
//! row, `pack.rs` packs records. A row holds no person, and nothing that the journal cannot give again.

#[cfg(feature = "fuzz")]
pub mod fuzz;
pub mod memory;
pub(in crate::store) mod pack;
pub(in crate::store) mod rows;
pub mod sled;

/// Keys and values, in order of the keys.
pub type ViewRows<'a> = Box<dyn Iterator<Item = Result<(Vec<u8>, Vec<u8>), ViewError>> + Send + 'a>;

/// A row store: keys and values are ours, durability is not its business.
pub trait View: Send + Sync {
    /// The value of a key.
    ///
    /// # Errors
    /// When the view is damaged.
    fn read(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ViewError>;
    /// All rows whose key begins with `prefix`, in order.
    fn scan(&self, prefix: &[u8]) -> ViewRows<'_>;
    /// Writes all rows at once: after a crash all are there, or none.
    ///
    /// # Errors
    /// When the view is damaged, or its disk full.
    fn apply(&self, rows: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), ViewError>;
    /// Throws everything away.
    ///
    /// # Errors
    /// When not even that can be done.
    fn clear(&self) -> Result<(), ViewError>;
}
/// The view is damaged: it is set aside and rebuilt.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the view is damaged: {0}")]
pub struct ViewError(pub String);

#[cfg(test)]
mod conformance;
