//! Fields that several messages of the envelope share. Nothing here normalises: a field is legal or refused.

use crate::{
    domain::{
        id::{AuthorityId, MessageId, StatementRef},
        reason::Reason,
    },
    proto::envelope::v1 as pb,
};

/// Reads an authority id, byte by byte.
pub(super) fn authority(text: &str) -> Result<AuthorityId, Reason> {
    text.parse().map_err(|_| Reason::Malformed)
}

/// Reads a reference that names origin and id.
pub(super) fn reference(wire: &pb::StatementRef) -> Result<StatementRef, Reason> {
    Ok(StatementRef {
        origin: authority(&wire.origin)?,
        id: MessageId::from_bytes(&wire.id).map_err(|_| Reason::Malformed)?,
    })
}

/// Reads a reference that may be absent.
pub(super) fn optional_reference(
    wire: Option<&pb::StatementRef>,
) -> Result<Option<StatementRef>, Reason> {
    wire.map(reference).transpose()
}

/// Writes a reference.
pub(super) fn encode_reference(reference: &StatementRef) -> pb::StatementRef {
    pb::StatementRef {
        origin: reference.origin.as_str().to_owned(),
        id: reference.id.as_bytes().to_vec(),
    }
}

/// Reads an enum whose protobuf numbers are the domain's numbers.
pub(super) fn coded<T>(number: i32, from_number: impl Fn(u8) -> Option<T>) -> Option<T> {
    u8::try_from(number).ok().and_then(from_number)
}
