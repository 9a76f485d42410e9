//! An order stands; the order itself is in the shared content.

use crate::{
    domain::alert::kinds::RestrictionOrder, proto::alert::v1 as pb, wire::alert::reader::Reader,
};

#[allow(
    clippy::unnecessary_wraps,
    reason = "every kind reads by the same signature"
)]
pub(super) fn read(
    reader: &mut Reader,
    wire: &pb::RestrictionOrder,
    _payload: &pb::Payload,
) -> Option<RestrictionOrder> {
    Some(RestrictionOrder {
        served_on: reader.optional("servedOn", &wire.served_on),
        breaches: reader.text("breaches", wire.breaches.as_ref()),
    })
}
