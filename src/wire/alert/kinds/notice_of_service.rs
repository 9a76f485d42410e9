//! Maintenance or a drill of a node; says nothing of a person.

use crate::{
    domain::alert::{
        kinds::{NoticeOfService, ServiceCode},
        value::Moment,
    },
    proto::alert::v1 as pb,
    wire::alert::reader::Reader,
};

pub(super) fn read(
    reader: &mut Reader,
    wire: &pb::NoticeOfService,
    _payload: &pb::Payload,
) -> Option<NoticeOfService> {
    let code = reader.coded("code", wire.code);
    let from: Option<Moment> = reader.needed("from", &wire.from);
    let until: Option<Moment> = reader.optional("until", &wire.until);
    reader.in_order(from.as_ref(), until.as_ref(), "until", &wire.until, "from");
    if code == Some(ServiceCode::Maintenance) {
        reader.demand(!wire.until.is_empty(), "until", "when the maintenance ends");
    }
    let text = reader.text("text", wire.text.as_ref());
    Some(NoticeOfService {
        code: code?,
        from: from?,
        until,
        text,
    })
}
