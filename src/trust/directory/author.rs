//! Building and signing directory documents.
//!
//! The way in: [`sign_document`], [`add_signature`], and [`anchor_of`]. Signs the exact bytes given;
//! never decides who may sign: that is what reading checks.

use prost::Message;

use super::Anchor;
use crate::{
    proto::directory::v1 as pb,
    trust::{
        keys::SigningKey,
        merkle::sha256,
        pae::{self, DocumentType},
    },
};

/// Wraps bytes of a directory document with one signature for each key.
#[must_use]
pub fn sign_document(
    document_type: DocumentType,
    bytes: &[u8],
    keys: &[&SigningKey],
) -> pb::SignedDocument {
    let message = pae::encode(document_type, bytes);
    pb::SignedDocument {
        r#type: document_type.media_type().to_owned(),
        document: bytes.to_vec(),
        signatures: keys.iter().map(|key| signature(key, &message)).collect(),
    }
}

/// Encodes a directory message, once, and signs those bytes.
#[must_use]
pub fn sign_message(
    document_type: DocumentType,
    message: &impl Message,
    keys: &[&SigningKey],
) -> pb::SignedDocument {
    sign_document(document_type, &message.encode_to_vec(), keys)
}

/// Adds a key's signature to a document that others have signed; its earlier one is replaced.
pub fn add_signature(
    document: &mut pb::SignedDocument,
    document_type: DocumentType,
    key: &SigningKey,
) {
    let signature = signature(key, &pae::encode(document_type, &document.document));
    document
        .signatures
        .retain(|present| present.key_id != signature.key_id);
    document.signatures.push(signature);
}

/// The anchor that a first root's document stands for.
#[must_use]
pub fn anchor_of(root: &pb::SignedDocument) -> Anchor {
    Anchor(sha256(&root.document))
}

fn signature(key: &SigningKey, message: &[u8]) -> pb::Signature {
    pb::Signature {
        key_id: key.id().0.to_vec(),
        signature: key.sign(message).to_vec(),
    }
}
