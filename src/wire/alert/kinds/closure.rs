//! Stand down: the purpose is reached or gone.

use super::read_target;
use crate::{
    domain::alert::kinds::{Closure, ClosureReason},
    proto::alert::v1 as pb,
    wire::alert::reader::Reader,
};

pub(super) fn read(
    reader: &mut Reader,
    wire: &pb::Closure,
    _payload: &pb::Payload,
) -> Option<Closure> {
    let target = read_target(reader, wire.target.as_ref());
    let reason = reader.coded("reason", wire.reason);
    let since = reader.optional("since", &wire.since);
    let text = reader.text("text", wire.text.as_ref());
    if reason == Some(ClosureReason::Other) {
        reader.demand(wire.text.is_some(), "text", "the other reason, in words");
    }
    Some(Closure {
        target: target?,
        reason: reason?,
        since,
        text,
    })
}
