//! A new fact: in words, in the shared content, or both.

use super::read_target;
use crate::{
    domain::alert::kinds::Update, proto::alert::v1 as pb, wire::alert::reader::Reader,
};

pub(super) fn read(
    reader: &mut Reader,
    wire: &pb::Update,
    payload: &pb::Payload,
) -> Option<Update> {
    let target = read_target(reader, wire.target.as_ref());
    let text = reader.text("text", wire.text.as_ref());
    let bare = pb::Payload {
        kind: payload.kind.clone(),
        ..pb::Payload::default()
    };
    let anything = wire.text.is_some() || *payload != bare;
    reader.demand(anything, "text", "what is new, here or in the shared fields");
    Some(Update {
        target: target?,
        text,
    })
}
