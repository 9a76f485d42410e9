//! Segment keys, wrapped by the key-encryption key.
