//! C2SP signed notes and tlog checkpoints: the journal's log, signed with the log key.

use super::{keys::SigningKey, merkle::Hash};
use crate::domain::id::AuthorityId;

/// A checkpoint's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// `allpoints/ID/log/EPOCH`.
    pub origin: String,
    /// Entries.
    pub size: u64,
    /// RFC 6962 root.
    pub root: Hash,
}
/// Name of an authority's log.
#[must_use]
pub fn log_origin(_authority: &AuthorityId, _epoch: u32) -> String {
    todo!()
}
impl Checkpoint {
    /// The signed note (C2SP tlog-checkpoint, Ed25519).
    #[must_use]
    pub fn sign(&self, _key: &SigningKey) -> String {
        todo!()
    }
    /// Reads and verifies a note under a public key.
    ///
    /// # Errors
    /// When it is no checkpoint, or the signature is not by that key.
    pub fn verify(_note: &str, _public_key: &[u8; 32]) -> Result<Self, NoteError> {
        todo!()
    }
}
/// Why a note is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Replace by precise variants.
    #[error("not a checkpoint: {0}")]
    Malformed(String),
}
