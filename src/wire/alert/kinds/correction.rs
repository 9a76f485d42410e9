//! What was wrong in a statement of one's own, field by field.

use super::read_target;
use crate::{
    domain::alert::kinds::{Change, Correction},
    proto::alert::v1 as pb,
    wire::alert::reader::Reader,
};

pub(super) fn read(
    reader: &mut Reader,
    wire: &pb::Correction,
    _payload: &pb::Payload,
) -> Option<Correction> {
    let target = read_target(reader, wire.target.as_ref());
    reader.demand(!wire.changes.is_empty(), "changes", "at least one field that was wrong");
    let changes = reader.list("changes", &wire.changes, change);
    let reason = reader.text("reason", wire.reason.as_ref());
    Some(Correction {
        target: target?,
        changes,
        reason,
    })
}

fn change(reader: &mut Reader, wire: &pb::Change) -> Option<Change> {
    let path = reader.needed_line("path", &wire.path);
    let was = reader.line("was", &wire.was);
    let is = reader.line("is", &wire.is);
    if wire.was == wire.is {
        reader.wrong("is", &wire.is, "another value than stood there");
    }
    Some(Change {
        path: path?,
        was,
        is,
    })
}
