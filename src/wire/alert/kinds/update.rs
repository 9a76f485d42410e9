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
    let returned_on = reader.optional("returnedOn", &wire.returned_on);
    let expected_return_on = reader.optional("expectedReturnOn", &wire.expected_return_on);
    reader.demand(
        wire.returned_on.is_empty() || wire.expected_return_on.is_empty(),
        "expectedReturnOn",
        "nothing: the person is back",
    );
    let bare = pb::Payload {
        kind: payload.kind.clone(),
        ..pb::Payload::default()
    };
    let dated = !wire.returned_on.is_empty() || !wire.expected_return_on.is_empty();
    let anything = wire.text.is_some() || dated || *payload != bare;
    reader.demand(anything, "text", "what is new, here or in the shared fields");
    Some(Update {
        target: target?,
        text,
        returned_on,
        expected_return_on,
    })
}
