//! A registered offender has gone off the radar.

use crate::{
    domain::alert::kinds::MissingOffender,
    proto::alert::v1 as pb,
    wire::alert::{measure::last_seen, reader::Reader},
};

pub(super) fn read(
    reader: &mut Reader,
    wire: &pb::MissingOffender,
    _payload: &pb::Payload,
) -> Option<MissingOffender> {
    let missing_since = reader.needed("missingSince", &wire.missing_since);
    let last_seen = reader.message("lastSeen", wire.last_seen.as_ref(), last_seen);
    let circumstances = reader.text("circumstances", wire.circumstances.as_ref());
    let likely_countries = reader.parsed_list("likelyCountries", &wire.likely_countries);
    Some(MissingOffender {
        missing_since: missing_since?,
        last_seen,
        circumstances,
        likely_countries,
    })
}
