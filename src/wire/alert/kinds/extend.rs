//! Recipients are added to a thread.

use super::{read_reference, read_target};
use crate::{
    domain::{
        alert::kinds::{Extend, Extender},
        id::AuthorityId,
        limits::{BATCH_HEADER_MAX_BYTES, RECIPIENTS_MAX},
    },
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
    if let Some(passing_on) = &wire.passing_on {
        reader.within("passingOn", |reader| check_passing_on(reader, passing_on));
    }
    Some(Extend {
        target: target?,
        text,
        by: match wire.passing_on {
            None => Extender::Origin,
            Some(_) => Extender::Holder,
        },
    })
}

/// The node says to whom, and on what permission.
fn check_passing_on(reader: &mut Reader, wire: &pb::PassingOn) {
    if reader.target_rule == TargetRule::MayBeOfHeader {
        let why = "nothing: the node fills it in";
        reader.forbid(!wire.passed.is_empty(), "passed", why);
        reader.forbid(wire.grant.is_some(), "grant", why);
        return;
    }
    let within = (1..=RECIPIENTS_MAX).contains(&wire.passed.len());
    reader.demand(within, "passed", "to whom it is passed on");
    reader.list("passed", &wire.passed, |reader, passed| {
        let _: Option<AuthorityId> = reader.needed("to", &passed.to);
        let at = passed.received_at_us;
        reader.demand(at >= 0, "receivedAtUs", "microseconds since 1970");
        reader.message("grant", passed.grant.as_ref(), read_reference)
    });
    if let Some(grant) = &wire.grant {
        reader.demand(is_one(grant), "grant", "one document with its path");
    }
}

/// The shape alone: what is inside is verified where keys are known.
fn is_one(carried: &envelope::SignedBatch) -> bool {
    let [item] = carried.items.as_slice() else {
        return false;
    };
    carried.header.len() <= BATCH_HEADER_MAX_BYTES && item.path.iter().all(|hash| hash.len() == 32)
}
