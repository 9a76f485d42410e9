//! Which clocks of a statement have run out, and who owes what (the table of priorities and times).
//!
//! Delivered and opened count from acceptance here, the first answer from delivery; round the clock, UTC.

use std::time::Duration;

use crate::{
    domain::{
        id::AuthorityId,
        lives::{AlertLife, DeliveryLife},
        routing::{AnswerCode, Priority},
        time::Timestamp,
    },
    store::record::{DeliveryRecord, Direction, MessageRecord},
};

/// One clock that has run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Overdue {
    /// `delivered`, `opened` or `answer`.
    pub(super) clock: &'static str,
    /// When it ran out.
    pub(super) due: Timestamp,
    /// Who owes it.
    pub(super) owed_by: AuthorityId,
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Times allowed for one priority, seconds: delivered, opened, first answer.
const fn allowed(priority: Priority) -> [u64; 3] {
    match priority {
        Priority::Flash => [2 * MINUTE, 10 * MINUTE, 30 * MINUTE],
        Priority::Urgent => [10 * MINUTE, HOUR, 8 * HOUR],
        Priority::Priority => [HOUR, 4 * HOUR, 12 * HOUR],
        Priority::Routine => [12 * HOUR, 3 * DAY, 7 * DAY],
    }
}

/// What is overdue of an own statement at `now`. Only live alerts ask to be opened and answered.
pub(super) fn overdue(record: &MessageRecord, now: Timestamp) -> Vec<Overdue> {
    if record.direction != Direction::Own {
        return Vec::new();
    }
    let asks = record.kind.is_alert() && record.life == AlertLife::Live;
    record
        .deliveries
        .iter()
        .filter_map(|delivery| owed(record, delivery, asks))
        .filter(|late| late.due < now)
        .collect()
}

/// The next thing that a recipient owes, with its due time.
fn owed(record: &MessageRecord, delivery: &DeliveryRecord, asks: bool) -> Option<Overdue> {
    let [delivered, opened, answered] = allowed(record.priority).map(Duration::from_secs);
    let owed = |clock, due| {
        Some(Overdue {
            clock,
            due,
            owed_by: delivery.recipient,
        })
    };
    match delivery.life {
        DeliveryLife::Queued | DeliveryLife::Held(_) => {
            owed("delivered", record.recorded_at.plus(delivered))
        }
        DeliveryLife::Delivered if asks => match delivery.handling.gravest {
            None => owed("opened", record.recorded_at.plus(opened)),
            Some(AnswerCode::Opened | AnswerCode::Assigned) => {
                owed("answer", delivery.since.plus(answered))
            }
            Some(_) => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::testing::own_alert;

    #[test]
    fn each_clock_runs_out_after_its_time_and_not_before() {
        let table = [
            (DeliveryLife::Queued, None, "delivered", 2 * MINUTE),
            (DeliveryLife::Delivered, None, "opened", 10 * MINUTE),
            (
                DeliveryLife::Delivered,
                Some(AnswerCode::Opened),
                "answer",
                30 * MINUTE,
            ),
        ];
        for (life, answer, clock, seconds) in table {
            let mut record = own_alert(Priority::Flash);
            record.deliveries[0].life = life;
            record.deliveries[0].handling = answer
                .map(|answer| record.deliveries[0].handling.after(answer))
                .unwrap_or_default();
            let due = record.recorded_at.plus(Duration::from_secs(seconds));
            assert_eq!(overdue(&record, due), [], "{clock} is not over yet");
            let late = overdue(&record, due.plus(Duration::from_micros(1)));
            assert_eq!(late.len(), 1);
            assert_eq!((late[0].clock, late[0].due), (clock, due));
        }
    }

    #[test]
    fn nothing_is_owed_for_what_is_answered_ended_or_closed() {
        let end = Timestamp::from_micros(i64::MAX);
        let mut record = own_alert(Priority::Flash);
        record.deliveries[0].life = DeliveryLife::Delivered;
        record.deliveries[0].handling = record.deliveries[0].handling.after(AnswerCode::NoTrace);
        assert_eq!(overdue(&record, end), []);
        record.deliveries[0].life = DeliveryLife::Expired;
        assert_eq!(overdue(&record, end), []);
        record.deliveries[0].life = DeliveryLife::Delivered;
        record.deliveries[0].handling = <_>::default();
        record.life = AlertLife::Closed;
        assert_eq!(overdue(&record, end), []);
    }
}
