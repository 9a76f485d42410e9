//! What is queried: rows written behind, once a tick. May be lost at any time.

pub mod sled;

/// A row store: keys and values are ours, durability is not its business.
pub trait View: Send + Sync {
    /// The value of a key.
    fn read(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ViewError>;
    /// All rows whose key begins with `prefix`, in order.
    fn scan(
        &self,
        prefix: &[u8],
    ) -> Box<dyn Iterator<Item = Result<(Vec<u8>, Vec<u8>), ViewError>> + Send + '_>;
    /// Writes all rows at once.
    fn apply(&self, rows: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), ViewError>;
    /// Throws everything away.
    fn clear(&self) -> Result<(), ViewError>;
}
/// The view is damaged: it is set aside and rebuilt.
#[derive(Debug, thiserror::Error)]
#[error("the view is damaged: {0}")]
pub struct ViewError(pub String);
