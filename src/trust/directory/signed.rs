//! Checks that hold for any signed document: its type, its federation, who signed it, sound keys, caps.
//!
//! The way in: [`signed_by`]. Each key counts once, however often it signed.

use std::collections::HashSet;

use prost::Message;

use super::{DirectoryError, Document};
use crate::{
    domain::limits,
    proto::directory::v1 as pb,
    trust::{
        keys::{self, KeyId},
        pae::{self, DocumentType},
    },
};

pub(super) fn check_type(
    document: &pb::SignedDocument,
    expected: DocumentType,
    which: Document,
) -> Result<(), DirectoryError> {
    if document.r#type == expected.media_type() {
        return Ok(());
    }
    Err(DirectoryError::Type {
        document: which,
        found: escaped(&document.r#type),
        expected: expected.media_type(),
    })
}

pub(super) fn check_federation(
    found: &str,
    expected: &str,
    document: Document,
) -> Result<(), DirectoryError> {
    if found == expected {
        return Ok(());
    }
    Err(DirectoryError::OtherFederation {
        document,
        found: escaped(found),
        expected: escaped(expected),
    })
}

pub(super) fn parse<M: Message + Default>(
    document: &pb::SignedDocument,
    which: Document,
) -> Result<M, DirectoryError> {
    M::decode(document.document.as_slice()).map_err(|source| DirectoryError::Unparsable {
        document: which,
        source,
    })
}

/// At least `needed` of `allowed` signed; each key counts once, however often it signed.
pub(super) fn signed_by(
    document: &pb::SignedDocument,
    document_type: DocumentType,
    which: Document,
    allowed: &[[u8; 32]],
    needed: usize,
    by: impl FnOnce() -> String,
) -> Result<(), DirectoryError> {
    at_most(
        "signatures",
        document.signatures.len(),
        limits::DIRECTORY_LIST_MAX,
        which,
    )?;
    let found = valid_signers(document, document_type, allowed).len();
    if found >= needed {
        return Ok(());
    }
    Err(DirectoryError::TooFewSignatures {
        document: which,
        found,
        needed,
        by: by(),
    })
}

/// The distinct keys among `allowed` whose signature on the document verifies.
pub(in crate::trust) fn valid_signers(
    document: &pb::SignedDocument,
    document_type: DocumentType,
    allowed: &[[u8; 32]],
) -> HashSet<[u8; 32]> {
    let message = pae::encode(document_type, &document.document);
    allowed
        .iter()
        .filter(|key| {
            let id = KeyId::of(key);
            document.signatures.iter().any(|signature| {
                signature.key_id == id.0 && keys::verify(key, &message, &signature.signature)
            })
        })
        .copied()
        .collect()
}

pub(super) fn sound_key(
    key: &[u8],
    document: Document,
    what: &'static str,
) -> Result<[u8; 32], DirectoryError> {
    key.try_into()
        .ok()
        .filter(|key| !keys::is_weak(key))
        .ok_or(DirectoryError::UnsoundKey { document, what })
}

pub(super) fn at_most(
    what: &'static str,
    found: usize,
    max: usize,
    document: Document,
) -> Result<(), DirectoryError> {
    if found <= max {
        return Ok(());
    }
    Err(DirectoryError::TooMany {
        document,
        what,
        found,
        max,
    })
}

pub(super) fn escaped(text: &str) -> String {
    text.chars()
        .take(64)
        .flat_map(char::escape_default)
        .collect()
}
