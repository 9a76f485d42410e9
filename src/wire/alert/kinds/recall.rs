//! It was wrong: take it back.

use super::read_target;
use crate::{
    domain::alert::kinds::{Recall, RecallReason},
    proto::alert::v1 as pb,
    wire::alert::reader::Reader,
};

pub(super) fn read(
    reader: &mut Reader,
    wire: &pb::Recall,
    _payload: &pb::Payload,
) -> Option<Recall> {
    let target = read_target(reader, wire.target.as_ref());
    let reason = reader.coded("reason", wire.reason);
    let text = reader.text("text", wire.text.as_ref());
    if reason == Some(RecallReason::Other) {
        reader.demand(wire.text.is_some(), "text", "the other reason, in words");
    }
    Some(Recall {
        target: target?,
        reason: reason?,
        text,
    })
}
