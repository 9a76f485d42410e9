//! The originator's word after a hit.

use super::read_target;
use crate::{
    domain::alert::kinds::Instruction, proto::alert::v1 as pb, wire::alert::reader::Reader,
};

pub(super) fn read(
    reader: &mut Reader,
    wire: &pb::Instruction,
    _payload: &pb::Payload,
) -> Option<Instruction> {
    let target = read_target(reader, wire.target.as_ref());
    let code = reader.coded("code", wire.code);
    let text = reader.text("text", wire.text.as_ref());
    Some(Instruction {
        target: target?,
        code: code?,
        text,
    })
}
