//! Protobuf to domain and back. Decodes only verified bytes ([`Verified`]) and the own desk's drafts.
//!
//! The way in: [`decode_statement`] for what a peer signed, [`alert::parse_draft`] for what an officer wrote.
//! Never re-encodes what was received: the verified document is kept and passed on as it came (invariant I3).

use bytes::Bytes;
use prost::Message as _;

use crate::{
    domain::{
        reason::Reason,
        receipt::Receipt,
        release::Outline,
        routing::{Kind, Routing},
        time::Timestamp,
    },
    proto::envelope::v1 as pb,
    trust::batch::{Unverified, Verified},
};

pub mod alert;
mod fields;
pub mod generate;
mod kept;

mod receipt;
mod statement;
pub mod status;

/// A statement whose signature holds, decoded and legal: exact bytes, routing, payload bytes.
#[derive(Debug, Clone)]
pub struct Statement {
    /// The header.
    pub routing: Routing,
    /// 16 random bytes that keep the leaf hash from being guessed.
    pub salt: [u8; 16],
    /// The payload's exact bytes, legal and of the header's kind.
    pub payload: Bytes,
    /// The exact document with what proves it.
    pub verified: Verified,
}

/// Decodes a verified statement. Checks everything that can be checked without the store: ids, order of
/// recipients, origin = signer, kind = payload's kind, target = header's target, release, carriage limit.
///
/// # Errors
/// The named reason to refuse it with.
pub fn decode_statement(verified: Verified) -> Result<Statement, Reason> {
    let parts = statement::decode(verified.document(), verified.signer())?;
    Ok(Statement {
        routing: parts.routing,
        salt: parts.salt,
        payload: parts.payload,
        verified,
    })
}

/// Decodes the bytes of a statement that the own journal holds (they were verified before they were kept).
///
/// # Errors
/// When they are no legal statement of this version.
pub fn decode_kept_statement(document: &Bytes) -> Result<(Routing, Bytes), Reason> {
    statement::decode_kept(document).map(|parts| (parts.routing, parts.payload))
}

/// What a legal statement carries inside, as its origin signed it: not verified by that. `None`: it carries nothing.
///
/// # Errors
/// `MALFORMED` when what stands there is no signed document.
pub fn carried(kind: Kind, payload: &[u8]) -> Result<Option<Unverified>, Reason> {
    match kind {
        Kind::Extend => alert::carried(payload),
        _ => Ok(None),
    }
}

/// The originator's grant inside a legal statement by which a holder passes on, as it was signed: not verified by that.
/// `None`: there is none.
///
/// # Errors
/// `MALFORMED` when what stands there is no signed document.
pub fn granted(kind: Kind, payload: &[u8]) -> Result<Option<Unverified>, Reason> {
    match kind {
        Kind::Extend => alert::granted(payload),
        _ => Ok(None),
    }
}

/// When a statement says that it was issued, read before its signature is verified: it chooses at which time its key must
/// have been good, and is believed only if it was.
#[must_use]
pub fn issued_at(document: &Bytes) -> Option<Timestamp> {
    let statement = pb::Statement::decode(document.clone()).ok()?;
    Some(Timestamp::from_micros(statement.issued_at_us))
}

/// The exact bytes to sign.
#[must_use]
pub fn encode_statement(routing: &Routing, salt: [u8; 16], payload: &[u8]) -> Bytes {
    statement::encode(routing, salt, payload)
}

/// The exact bytes of a receipt to sign.
#[must_use]
pub fn encode_receipt(receipt: &Receipt) -> Bytes {
    receipt::encode(receipt)
}

/// Decodes a verified (or kept) receipt's bytes.
///
/// # Errors
/// When they are no legal receipt of this version.
pub fn decode_receipt(document: &Bytes) -> Result<Receipt, Reason> {
    receipt::decode(document)
}

/// A draft that waits for a second person, as the journal keeps it (sealed): `draft` is an `alert.v1.Draft`.
#[must_use]
pub fn encode_kept_draft(draft: &[u8], outline: &Outline) -> Bytes {
    kept::encode(draft, outline)
}

/// Decodes a kept draft: what was handed in, and what may be known of it.
///
/// # Errors
/// When the bytes are no kept draft of this version.
pub fn decode_kept_draft(bytes: &Bytes) -> Result<(Bytes, Outline), Reason> {
    kept::decode(bytes)
}
