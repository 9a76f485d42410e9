//! A kept statement as a line of a list: routing and state only, no person.

use super::overdue::{self, Overdue};
use crate::{
    domain::{
        id::StatementRef,
        lives::{DeliveryLife, HandlingLife},
        reason::Reason,
        routing::AnswerCode,
        time::Timestamp,
    },
    proto::{desk::v1 as pb, envelope::v1 as envelope},
    store::record::{DeliveryRecord, Direction, MessageRecord},
};

/// The line of one record.
pub(super) fn summary(record: &MessageRecord, now: Timestamp) -> pb::Summary {
    let own = record.direction == Direction::Own;
    pb::Summary {
        statement: Some(reference_of(&record.statement)),
        reference: short_reference(&record.statement),
        thread: Some(reference_of(&record.thread)),
        kind: i32::from(record.kind as u8),
        status: i32::from(record.status as u8),
        priority: i32::from(record.priority as u8),
        handling: record
            .handling
            .codes()
            .map(|code| i32::from(code as u8))
            .collect(),
        issued_at_us: record.issued_at.as_micros(),
        recorded_at_us: record.recorded_at.as_micros(),
        life: i32::from(record.life as u8),
        handling_life: if own {
            pb::HandlingLife::Unspecified.into()
        } else {
            handling(record.handling_life).into()
        },
        deliveries: if own {
            deliveries(record, now)
        } else {
            Vec::new()
        },
        recipients: record
            .deliveries
            .iter()
            .map(|delivery| delivery.recipient.to_string())
            .collect(),
        overdue: overdue::overdue(record, now)
            .into_iter()
            .map(overdue_line)
            .collect(),
    }
}

/// Every recipient of an own statement, with where it stands.
pub(super) fn deliveries(record: &MessageRecord, now: Timestamp) -> Vec<pb::Delivery> {
    let late = overdue::overdue(record, now);
    record
        .deliveries
        .iter()
        .map(|delivery| pb::Delivery {
            overdue: late
                .iter()
                .filter(|late| late.owed_by == delivery.recipient)
                .copied()
                .map(overdue_line)
                .collect(),
            ..delivery_line(delivery)
        })
        .collect()
}

/// The wire's name of a statement.
pub(super) fn reference_of(statement: &StatementRef) -> envelope::StatementRef {
    envelope::StatementRef {
        origin: statement.origin.to_string(),
        id: statement.id.as_bytes().to_vec(),
    }
}

/// Where the work of a desk stands, as one word.
pub(super) fn handling(life: HandlingLife) -> pb::HandlingLife {
    match life.gravest {
        None => pb::HandlingLife::Unopened,
        Some(AnswerCode::Opened) => pb::HandlingLife::Opened,
        Some(AnswerCode::Assigned) => pb::HandlingLife::Assigned,
        Some(_) => pb::HandlingLife::Answered,
    }
}

/// What is said over a telephone: country, year and five digits of base 32, such as `XA-26-7F3K9`.
pub(super) fn short_reference(statement: &StatementRef) -> String {
    statement.reference().to_string()
}

fn delivery_line(delivery: &DeliveryRecord) -> pb::Delivery {
    let (state, reason) = state(delivery.life);
    let answer = |code: Option<AnswerCode>| code.map_or_else(String::new, |code| code.to_string());
    let micros = |time: Option<Timestamp>| time.map_or(0, Timestamp::as_micros);
    pb::Delivery {
        recipient: delivery.recipient.to_string(),
        state: state.into(),
        since_us: delivery.since.as_micros(),
        reason,
        attempts: 0,
        handling: handling(delivery.handling).into(),
        opened_at_us: micros(delivery.opened_at),
        latest_answer: answer(delivery.handling.latest),
        gravest_answer: answer(delivery.handling.gravest),
        answered_at_us: micros(delivery.answered_at),
        overdue: Vec::new(),
    }
}

fn state(life: DeliveryLife) -> (pb::DeliveryState, String) {
    let none = String::new;
    match life {
        DeliveryLife::Queued => (pb::DeliveryState::Queued, none()),
        DeliveryLife::Delivered => (pb::DeliveryState::Delivered, none()),
        DeliveryLife::Refused(reason) => (pb::DeliveryState::Refused, reason.to_string()),
        DeliveryLife::Expired => (
            pb::DeliveryState::Expired,
            Reason::CarriageEnded.to_string(),
        ),
        DeliveryLife::Held(reason) => (pb::DeliveryState::Held, reason.to_string()),
        DeliveryLife::Recalled => (
            pb::DeliveryState::Recalled,
            Reason::RecalledUnsent.to_string(),
        ),
    }
}

fn overdue_line(late: Overdue) -> pb::Overdue {
    pb::Overdue {
        clock: late.clock.to_owned(),
        due_us: late.due.as_micros(),
        owed_by: late.owed_by.to_string(),
    }
}
