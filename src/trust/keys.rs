//! Ed25519 keys, one use each, in files that only their owner reads.

use std::path::Path;

/// First 8 bytes of SHA-256 over a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 8]);

/// What a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyUse {
    Statement,
    Receipt,
    Log,
    Witness,
    Directory,
    Root,
    Timestamp,
}

/// A private key with its one use.
pub struct SigningKey {
    _todo: (),
}
impl SigningKey {
    /// Makes a new key.
    #[must_use]
    pub fn generate(_key_use: KeyUse) -> Self {
        todo!()
    }
    /// Reads a key file. Refuses one that others can read, or of another use.
    ///
    /// # Errors
    /// Names the file, what was wrong, and the fix.
    pub fn load(_path: &Path, _key_use: KeyUse) -> Result<Self, KeyError> {
        todo!()
    }
    /// Writes a key file with mode 0600; never over an existing one.
    ///
    /// # Errors
    /// When it exists or cannot be written.
    pub fn save(&self, _path: &Path) -> Result<(), KeyError> {
        todo!()
    }
    /// Public half.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        todo!()
    }
    /// Its id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        todo!()
    }
    /// Signs.
    #[must_use]
    pub fn sign(&self, _message: &[u8]) -> [u8; 64] {
        todo!()
    }
}

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Replace this by precise variants.
    #[error("key file {0}: {1}")]
    File(std::path::PathBuf, String),
}
