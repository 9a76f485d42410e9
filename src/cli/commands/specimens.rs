//! Fixed responses of a node, for the golden outputs of commands.

use crate::proto::{
    desk::v1::{AlertLife, Delivery, DeliveryState, HandlingLife, Overdue, Summary},
    envelope::v1::{Handling, Kind, Priority, StatementRef, Status},
};

/// 2026-11-24T08:13:20Z.
pub(super) const NOW_US: i64 = 1_795_508_000_000_000;
pub(super) const MINUTE_US: i64 = 60_000_000;

/// A statement of an origin.
pub(super) fn statement(origin: &str) -> StatementRef {
    StatementRef {
        origin: origin.to_owned(),
        id: vec![7; 16],
    }
}

/// XA-POL's urgent alert: held by XB-POL, overdue at XC-POL.
pub(super) fn alert() -> Summary {
    let overdue = Overdue {
        clock: "opened".to_owned(),
        due_us: NOW_US - 95 * MINUTE_US,
        owed_by: "XC-POL".to_owned(),
    };
    let delivery = |recipient: &str, state: DeliveryState| Delivery {
        recipient: recipient.to_owned(),
        state: state.into(),
        ..Delivery::default()
    };
    Summary {
        statement: Some(statement("XA-POL")),
        reference: "XA-26-7F3K9".to_owned(),
        thread: Some(statement("XA-POL")),
        kind: Kind::MissingOffender.into(),
        status: Status::Actual.into(),
        priority: Priority::Urgent.into(),
        handling: vec![Handling::H1.into(), Handling::H3.into()],
        issued_at_us: NOW_US - 180 * MINUTE_US,
        recorded_at_us: NOW_US - 179 * MINUTE_US,
        life: AlertLife::Live.into(),
        handling_life: HandlingLife::Unopened.into(),
        deliveries: vec![
            delivery("XB-POL", DeliveryState::Delivered),
            delivery("XC-POL", DeliveryState::Queued),
        ],
        recipients: vec!["XB-POL".to_owned(), "XC-POL".to_owned()],
        overdue: vec![overdue],
        valid_until: "2027-05-01".to_owned(),
        ..Summary::default()
    }
}
