//! What was done.

use crate::{
    domain::alert::kinds::Outcome, proto::alert::v1 as pb, wire::alert::reader::Reader,
};

pub(super) fn read(
    reader: &mut Reader,
    wire: &pb::Outcome,
    _payload: &pb::Payload,
) -> Option<Outcome> {
    let code = reader.coded("code", wire.code);
    let happened_on = reader.needed("happenedOn", &wire.happened_on);
    let country = reader.needed("country", &wire.country);
    let place = reader.line("place", &wire.place);
    let authority = reader.line("authority", &wire.authority);
    let reference = reader.line("reference", &wire.reference);
    let text = reader.text("text", wire.text.as_ref());
    Some(Outcome {
        code: code?,
        happened_on: happened_on?,
        country: country?,
        place,
        authority,
        reference,
        text,
    })
}
