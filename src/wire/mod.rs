//! Protobuf to domain and back. Decodes only verified bytes ([`Verified`]) and the own desk's drafts.

use bytes::Bytes;

use crate::{
    domain::{reason::Reason, receipt::Receipt, routing::Routing},
    trust::batch::Verified,
};

pub mod alert;
pub mod status;

/// A statement whose signature holds, decoded and legal: exact bytes, routing, payload bytes.
#[derive(Debug, Clone)]
pub struct Statement {
    pub routing: Routing,
    pub salt: [u8; 16],
    pub payload: Bytes,
    pub verified: Verified,
}

/// Decodes a verified statement. Checks everything that can be checked without the store: ids, order of
/// recipients, origin = signer, kind = payload's kind, target = header's target, release, carriage limit.
///
/// # Errors
/// The named reason to refuse it with.
pub fn decode_statement(_verified: Verified) -> Result<Statement, Reason> {
    todo!()
}
/// Decodes the bytes of a statement that the own journal holds (they were verified before they were kept).
pub fn decode_kept_statement(_document: &Bytes) -> Result<(Routing, Bytes), Reason> {
    todo!()
}
/// The exact bytes to sign.
#[must_use]
pub fn encode_statement(_routing: &Routing, _salt: [u8; 16], _payload: &[u8]) -> Bytes {
    todo!()
}
/// The exact bytes of a receipt to sign.
#[must_use]
pub fn encode_receipt(_receipt: &Receipt) -> Bytes {
    todo!()
}
/// Decodes a verified (or kept) receipt's bytes.
pub fn decode_receipt(_document: &Bytes) -> Result<Receipt, Reason> {
    todo!()
}
