//! A conviction or conduct abroad makes the person a danger there.

use crate::{
    domain::alert::kinds::{ProtectionGround, PublicProtection},
    proto::alert::v1 as pb,
    wire::alert::reader::Reader,
};

pub(super) fn read(
    reader: &mut Reader,
    wire: &pb::PublicProtection,
    _payload: &pb::Payload,
) -> Option<PublicProtection> {
    let ground = reader.coded("ground", wire.ground);
    reader.demand(wire.danger.is_some(), "danger", "what danger the person is");
    let danger = reader.text("danger", wire.danger.as_ref());
    let conduct = reader.text("conduct", wire.conduct.as_ref());
    if ground == Some(ProtectionGround::Conduct) {
        reader.demand(wire.conduct.is_some(), "conduct", "what the person did");
    }
    let likely_countries = reader.parsed_list("likelyCountries", &wire.likely_countries);
    Some(PublicProtection {
        ground: ground?,
        danger: danger?,
        conduct,
        likely_countries,
    })
}
