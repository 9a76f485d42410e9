//! Recipients are added to a thread.

use super::read_target;
use crate::{
    domain::{alert::kinds::Extend, limits::BATCH_HEADER_MAX_BYTES},
    proto::{alert::v1 as pb, envelope::v1 as envelope},
    wire::alert::reader::{Reader, TargetRule},
};

pub(super) fn read(
    reader: &mut Reader,
    wire: &pb::Extend,
    _payload: &pb::Payload,
) -> Option<Extend> {
    let target = read_target(reader, wire.target.as_ref());
    let text = reader.text("text", wire.text.as_ref());
    match (&wire.carried, reader.target_rule) {
        (Some(_), TargetRule::MayBeOfHeader) => {
            reader.forbid(true, "carried", "nothing: the node puts the statement in");
        }
        (Some(carried), TargetRule::Named) => {
            reader.demand(is_one(carried), "carried", "one document with its path");
        }
        (None, _) => {}
    }
    Some(Extend {
        target: target?,
        text,
    })
}

/// The shape alone: what is inside is verified where keys are known.
fn is_one(carried: &envelope::SignedBatch) -> bool {
    let [item] = carried.items.as_slice() else {
        return false;
    };
    carried.header.len() <= BATCH_HEADER_MAX_BYTES && item.path.iter().all(|hash| hash.len() == 32)
}
