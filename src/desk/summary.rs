//! A kept statement as a line of a list: routing and state only, no person.

use super::moment::Moment;
use crate::{
    delivery::clocks::{Overdue, overdue},
    domain::{
        alert::value::Day,
        id::StatementRef,
        lives::{DeliveryLife, Hand, HandlingLife},
        reason::Reason,
        routing::AnswerCode,
        time::Timestamp,
    },
    proto::{desk::v1 as pb, envelope::v1 as envelope},
    store::record::{DeliveryRecord, Direction, MessageRecord},
};

/// The line of one record. `thread` is all of its thread that is here, from which its clocks are read.
pub(super) fn summary(
    record: &MessageRecord,
    thread: &[MessageRecord],
    moment: &Moment,
) -> pb::Summary {
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
        life: i32::from(record.life_at(moment.now) as u8),
        handling_life: if own {
            pb::HandlingLife::Unspecified.into()
        } else {
            handling(record.handling_life).into()
        },
        deliveries: if own {
            deliveries(record, thread, moment)
        } else {
            Vec::new()
        },
        // Whom its origin gave it: follow-ups are addressed to these, and travel on from there.
        recipients: record
            .given()
            .map(|delivery| delivery.recipient.to_string())
            .collect(),
        overdue: overdue(moment.own, record, thread, moment.now)
            .into_iter()
            .map(overdue_line)
            .collect(),
        do_not_alert: do_not_alert(record, thread),
        valid_until: day(record.terms.valid_until),
        review_on: day(record.terms.review_on),
        expected_return_on: day(record.terms.expected_return_on),
        person_present: record.terms.person_present,
        // Said where the state, and the content, are at hand.
        kept_to: Vec::new(),
        touched: Vec::new(),
    }
}

/// Whoever reads a line about a thread must know that its person must not notice, whatever the line is about.
fn do_not_alert(record: &MessageRecord, thread: &[MessageRecord]) -> bool {
    let all = thread.iter().chain(std::iter::once(record));
    all.into_iter().any(|record| record.terms.do_not_alert)
}

fn day(day: Option<Day>) -> String {
    day.map_or_else(String::new, |day| day.to_string())
}

/// Every recipient of an own statement, with where it stands.
pub(super) fn deliveries(
    record: &MessageRecord,
    thread: &[MessageRecord],
    moment: &Moment,
) -> Vec<pb::Delivery> {
    let late = overdue(moment.own, record, thread, moment.now);
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
            ..delivery_line(record, delivery, moment)
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

fn delivery_line(
    record: &MessageRecord,
    delivery: &DeliveryRecord,
    moment: &Moment,
) -> pb::Delivery {
    let mut since = delivery.since;
    let (state, reason, attempts) = match delivery.life {
        DeliveryLife::Queued => {
            let wait = moment.wait(record, &delivery.recipient);
            let reason = wait.reason.map_or_else(String::new, |it| it.to_string());
            let state = match moment.sent_at(record, &delivery.recipient) {
                Some(sent_at) => {
                    since = sent_at;
                    pb::DeliveryState::Sent
                }
                None => pb::DeliveryState::Queued,
            };
            (state, reason, wait.attempts)
        }
        life => {
            let (state, reason) = settled(life);
            (state, reason, 0)
        }
    };
    let answer = |code: Option<AnswerCode>| code.map_or_else(String::new, |code| code.to_string());
    let micros = |time: Option<Timestamp>| time.map_or(0, Timestamp::as_micros);
    pb::Delivery {
        recipient: delivery.recipient.to_string(),
        state: state.into(),
        since_us: since.as_micros(),
        reason,
        attempts,
        handling: handling(delivery.handling).into(),
        opened_at_us: micros(delivery.opened_at),
        latest_answer: answer(delivery.handling.latest),
        gravest_answer: answer(delivery.handling.gravest),
        answered_at_us: micros(delivery.answered_at),
        overdue: Vec::new(),
        hand: hand_stage(delivery.life).into(),
        channel: moment
            .channel(&delivery.recipient)
            .map_or_else(String::new, |channel| channel.to_string()),
        report: None,
        extended_by: delivery.extended.map(|it| reference_of(&it.by)),
        extended_at_us: micros(delivery.extended.map(|it| it.at)),
    }
}

/// How far what goes by hand has come.
pub(super) fn hand_stage(life: DeliveryLife) -> pb::HandStage {
    match life {
        DeliveryLife::ByHand(Hand::Waiting) => pb::HandStage::Waiting,
        DeliveryLife::ByHand(Hand::Bundled) => pb::HandStage::Bundled,
        DeliveryLife::ByHand(Hand::Carried) => pb::HandStage::Carried,
        DeliveryLife::ByHand(Hand::Acknowledged) => pb::HandStage::Acknowledged,
        _ => pb::HandStage::Unspecified,
    }
}

fn settled(life: DeliveryLife) -> (pb::DeliveryState, String) {
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
        DeliveryLife::ByHand(_) => (pb::DeliveryState::ByHand, none()),
        DeliveryLife::PassedOn => (pb::DeliveryState::PassedOn, none()),
    }
}

/// The wire's form of one clock.
pub(super) fn overdue_line(late: Overdue) -> pb::Overdue {
    pb::Overdue {
        clock: late.clock.name().to_owned(),
        due_us: late.due.as_micros(),
        owed_by: late.owed_by.to_string(),
    }
}
