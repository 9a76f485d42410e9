//! Records for the desk's own tests.

use std::time::Duration;

use super::{moment::Moment, thread::tracked};
use crate::{
    domain::{
        id::{AuthorityId, MessageId, StatementRef},
        lives::{AlertLife, DeliveryLife},
        receipt::LeafHash,
        routing::{Effect, Handling, HandlingSet, Kind, Priority, Status},
        time::Timestamp,
    },
    proto::desk::v1 as pb,
    store::record::{DeliveryRecord, Direction, MessageRecord},
};

/// What `Track` tells of a thread's first statement at a time, by its records alone.
pub(crate) fn tracked_at(
    own: AuthorityId,
    now: Timestamp,
    records: &[MessageRecord],
) -> pb::TrackResponse {
    let moment = Moment::at(own, now, Vec::new());
    let first = records.first().expect("a thread");
    tracked(first, records, &moment)
}

/// A live alert of XA-POL, queued for XB-POL.
pub(super) fn own_alert(priority: Priority) -> MessageRecord {
    let now = Timestamp::from_micros(1_795_000_000_000_000);
    let statement = StatementRef {
        origin: "XA-POL".parse().expect("legal id"),
        id: MessageId::from_parts(1_795_000_000_000, [7; 10]),
    };
    MessageRecord {
        ordinal: 0,
        statement,
        thread: statement,
        direction: Direction::Own,
        kind: Kind::MissingOffender,
        status: Status::Actual,
        priority,
        handling: HandlingSet::new([Handling::H0]).expect("legal set"),
        effect: Effect::Starts,
        terms: <_>::default(),
        called: <_>::default(),
        leaf: LeafHash([1; 32]),
        index: 0,
        issued_at: now,
        recorded_at: now,
        carried_until: now.plus(Duration::from_secs(3600)),
        in_reply_to: None,
        size_bytes: 1,
        life: AlertLife::Live,
        deliveries: vec![DeliveryRecord {
            recipient: "XB-POL".parse().expect("legal id"),
            thread_seq: 0,
            life: DeliveryLife::Queued,
            since: now,
            receipt: None,
            handling: <_>::default(),
            opened_at: None,
            answered_at: None,
            extended: None,
        }],
        handling_life: <_>::default(),
        opened_at: None,
        previous_in_thread: None,
        addressed: None,
    }
}
