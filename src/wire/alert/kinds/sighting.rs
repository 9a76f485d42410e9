//! Where, when and how the person was met.

use crate::{
    domain::alert::kinds::Sighting,
    proto::alert::v1 as pb,
    wire::alert::{person, reader::Reader},
};

pub(super) fn read(
    reader: &mut Reader,
    wire: &pb::Sighting,
    _payload: &pb::Payload,
) -> Option<Sighting> {
    let place = reader.needed_line("place", &wire.place);
    let country = reader.needed("country", &wire.country);
    let seen_at = reader.needed("seenAt", &wire.seen_at);
    let reason = reader.line("reason", &wire.reason);
    let circumstances = reader.text("circumstances", wire.circumstances.as_ref());
    let route = reader.line("route", &wire.route);
    let destination_country = reader.optional("destinationCountry", &wire.destination_country);
    let companions = reader.lines("companions", &wire.companions);
    let document_shown = reader.message(
        "documentShown",
        wire.document_shown.as_ref(),
        person::document,
    );
    let awareness = reader.coded("awareness", wire.awareness);
    let presence = reader.coded("presence", wire.presence);
    Some(Sighting {
        place: place?,
        country: country?,
        seen_at: seen_at?,
        reason,
        circumstances,
        route,
        destination_country,
        companions,
        document_shown,
        awareness: awareness?,
        presence: presence?,
    })
}
