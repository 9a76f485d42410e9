//! Deadlines: what is due when, by whom, and what is overdue (`alert.md`, one scale of priority).
//!
//! The way in is [`overdue`]. Pure: reads records, keeps nothing, tells nobody. All times run round the clock, in
//! UTC. Must never call a recipient late while its question waits for our reply.

use std::time::Duration;

use crate::{
    domain::{
        id::AuthorityId,
        lives::{AlertLife, DeliveryLife, Hand},
        routing::{AnswerCode, Effect, Kind, Priority},
        time::Timestamp,
    },
    store::record::{DeliveryRecord, Direction, MessageRecord},
};

/// The four clocks of one priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// From acceptance to a stored receipt.
    pub delivered: Duration,
    /// From acceptance to an officer's first full view.
    pub opened: Duration,
    /// From receipt to an answer that says something.
    pub first_answer: Duration,
    /// From a hit to the originator's instruction.
    pub instruction: Duration,
}

/// From word that the person is there now to the originator's instruction, whatever the priority.
pub const INSTRUCTION_IF_PRESENT: Duration = minutes(30);

/// From acceptance to a report that it was carried, where it goes by hand: no node's clock fits an embassy's bag.
#[must_use]
pub const fn carried_within(priority: Priority) -> Duration {
    match priority {
        Priority::Flash | Priority::Urgent => days(1),
        Priority::Priority | Priority::Routine => days(3),
    }
}

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}
const fn hours(count: u64) -> Duration {
    minutes(count * 60)
}
const fn days(count: u64) -> Duration {
    hours(count * 24)
}

/// The defaults.
#[must_use]
pub const fn deadlines(priority: Priority) -> Deadlines {
    match priority {
        Priority::Flash => Deadlines {
            delivered: minutes(2),
            opened: minutes(10),
            first_answer: minutes(30),
            instruction: minutes(30),
        },
        Priority::Urgent => Deadlines {
            delivered: minutes(10),
            opened: hours(1),
            first_answer: hours(8),
            instruction: hours(2),
        },
        Priority::Priority => Deadlines {
            delivered: hours(1),
            opened: hours(4),
            first_answer: hours(12),
            instruction: hours(12),
        },
        Priority::Routine => Deadlines {
            delivered: hours(12),
            opened: days(3),
            first_answer: days(7),
            instruction: days(3),
        },
    }
}

/// The deadlines of a statement of a kind: those of its priority, but for questions between authorities.
///
/// Directive (EU) 2023/977 art. 5(1) gives 8 hours to urgent requests whose information is directly accessible, 3
/// calendar days to urgent ones whose information is not, and 7 calendar days to all others, from receipt. Whether it
/// is directly accessible only the authority that is asked knows; who asks says by the priority which of the three is
/// asked for: flash and urgent, priority, routine.
#[must_use]
pub const fn deadlines_of(kind: Kind, priority: Priority) -> Deadlines {
    let by_priority = deadlines(priority);
    let first_answer = match (kind, priority) {
        (Kind::InformationRequest, Priority::Flash | Priority::Urgent) => hours(8),
        (Kind::InformationRequest, Priority::Priority) => days(3),
        (Kind::InformationRequest, Priority::Routine) => days(7),
        _ => by_priority.first_answer,
    };
    Deadlines {
        first_answer,
        ..by_priority
    }
}

/// What is late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClockName {
    /// No receipt is here.
    Delivered,
    /// No officer saw it.
    Opened,
    /// Nothing was answered; or, owed by the originator, a question was not.
    Answer,
    /// A hit waits for the originator's word.
    Instruction,
    /// Nobody has reported that it was carried, where it goes by hand.
    Carried,
}

impl ClockName {
    /// The stable lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Opened => "opened",
            Self::Answer => "answer",
            Self::Instruction => "instruction",
            Self::Carried => "carried",
        }
    }
}

/// One clock that has run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overdue {
    /// Which.
    pub clock: ClockName,
    /// When it ran out.
    pub due: Timestamp,
    /// Who owes it.
    pub owed_by: AuthorityId,
}

/// What is overdue in an alert's thread, as far as it can be seen from here.
///
/// `record` is the alert, `thread` all of its thread that is here, `own` ourselves. Of an own alert: what each
/// recipient owes, and what we owe them. Of a foreign one: what we owe, and the instruction owed to us. Alerts that
/// are closed, recalled or past their last day owe nothing. A question between authorities is owed its reply wherever it
/// stands in a thread. What else follows an alert asks for its receipt alone: a recall that does not arrive is late too.
#[must_use]
pub fn overdue(
    own: AuthorityId,
    record: &MessageRecord,
    thread: &[MessageRecord],
    now: Timestamp,
) -> Vec<Overdue> {
    let mut late = running(own, record, thread, now);
    late.retain(|due| due.due < now);
    late
}

/// The same with what will be due: every clock that runs, the first due first.
#[must_use]
pub fn running(
    own: AuthorityId,
    record: &MessageRecord,
    thread: &[MessageRecord],
    now: Timestamp,
) -> Vec<Overdue> {
    let asks = record.kind.asks_answer();
    if asks && record.life_at(now) != AlertLife::Live {
        return Vec::new();
    }
    let mut dues: Vec<Overdue> = match record.direction {
        Direction::Own if !asks => record
            .deliveries
            .iter()
            .filter_map(|delivery| Partner::of_own(record, delivery, thread, now).receipt_due())
            .collect(),
        Direction::Foreign if !asks => Vec::new(),
        Direction::Own => record
            .deliveries
            .iter()
            .flat_map(|delivery| Partner::of_own(record, delivery, thread, now).dues())
            .collect(),
        Direction::Foreign => Partner::ourselves(own, record, thread, now).dues(),
    };
    dues.sort_by_key(|due| due.due);
    dues
}

/// When the instruction is due that we owe this recipient of our own alert; `None`: we owe none.
#[must_use]
pub fn instruction_due(
    record: &MessageRecord,
    recipient: &AuthorityId,
    thread: &[MessageRecord],
    now: Timestamp,
) -> Option<Timestamp> {
    let delivery = record.delivery(recipient)?;
    let owes = record.direction == Direction::Own && record.life_at(now) == AlertLife::Live;
    let partner = owes.then(|| Partner::of_own(record, delivery, thread, now))?;
    partner.instructions_due().map(|it| it.due)
}

/// One recipient's part in an alert.
struct Partner<'a> {
    authority: AuthorityId,
    originator: AuthorityId,
    deadlines: Deadlines,
    /// Accepted, by the originator's clock.
    accepted_at: Timestamp,
    /// Receipted; `None`: on its way.
    received_at: Option<Timestamp>,
    /// True when it will never arrive, or was taken back.
    given_up: bool,
    /// Where it goes by hand and nobody has carried it: within which time somebody does.
    to_carry: Option<Duration>,
    opened: bool,
    /// What this recipient answered, oldest first.
    answers: Vec<(Timestamp, AnswerCode)>,
    /// True when this recipient has replied to a question.
    replied: bool,
    thread: &'a [MessageRecord],
    now: Timestamp,
}

impl<'a> Partner<'a> {
    fn of_own(
        record: &MessageRecord,
        delivery: &DeliveryRecord,
        thread: &'a [MessageRecord],
        now: Timestamp,
    ) -> Self {
        let received_at = (delivery.life == DeliveryLife::Delivered).then_some(delivery.since);
        let waits = matches!(
            delivery.life,
            DeliveryLife::ByHand(Hand::Waiting | Hand::Bundled)
        );
        Self {
            to_carry: waits.then(|| carried_within(record.priority)),
            authority: delivery.recipient,
            originator: record.statement.origin,
            deadlines: deadlines_of(record.kind, record.priority),
            // To a newcomer the clock runs from when it was extended.
            accepted_at: delivery.extended.map_or(record.recorded_at, |it| it.at),
            received_at,
            given_up: delivery.life.is_settled() && received_at.is_none(),
            opened: delivery.opened_at.is_some(),
            answers: answers(&delivery.recipient, record, thread),
            replied: replied(&delivery.recipient, record, thread),
            thread,
            now,
        }
    }

    fn ourselves(
        own: AuthorityId,
        record: &MessageRecord,
        thread: &'a [MessageRecord],
        now: Timestamp,
    ) -> Self {
        let extended = record.delivery(&own).and_then(|ours| ours.extended);
        Self {
            authority: own,
            originator: record.statement.origin,
            deadlines: deadlines_of(record.kind, record.priority),
            accepted_at: extended.map_or(record.issued_at, |it| it.at),
            to_carry: None,
            received_at: Some(record.recorded_at),
            given_up: false,
            opened: record.opened_at.is_some(),
            answers: answers(&own, record, thread),
            replied: replied(&own, record, thread),
            thread,
            now,
        }
    }

    /// Every clock that runs, whether it has run out or not.
    fn dues(&self) -> Vec<Overdue> {
        let Some(received_at) = self.received_at else {
            return self.receipt_due().into_iter().collect();
        };
        let mut dues = Vec::new();
        if !self.opened && !self.replied && self.answers.is_empty() {
            let due = self.accepted_at.plus(self.deadlines.opened);
            dues.push(self.owed(ClockName::Opened, due));
        }
        dues.extend(self.answer_due(received_at));
        dues.extend(self.instructions_due());
        dues
    }

    /// While it is on its way.
    fn receipt_due(&self) -> Option<Overdue> {
        if let Some(within) = self.to_carry {
            return Some(Overdue {
                clock: ClockName::Carried,
                due: self.accepted_at.plus(within),
                owed_by: self.originator,
            });
        }
        if self.received_at.is_some() || self.given_up {
            return None;
        }
        let due = self.accepted_at.plus(self.deadlines.delivered);
        Some(self.owed(ClockName::Delivered, due))
    }

    /// The recipient's clock, stopped while its questions wait; and the originator's for each of those.
    fn answer_due(&self, received_at: Timestamp) -> Vec<Overdue> {
        if self.replied || self.answers.iter().any(|(_, code)| is_answer(*code)) {
            return Vec::new();
        }
        let mut paused = Duration::ZERO;
        let mut asked_until = received_at;
        let mut dues = Vec::new();
        let mut waits_for_originator = false;
        for (asked_at, _) in self.of_code(AnswerCode::NeedsInformation) {
            let replied_at = self.originator_said(asked_at, |effect| {
                matches!(
                    effect,
                    Effect::Updates | Effect::Corrects | Effect::Informs | Effect::Instructs
                )
            });
            let until = replied_at.unwrap_or(self.now);
            // Two questions under one reply stop the clock once.
            paused += until.since(asked_at.max(asked_until));
            asked_until = asked_until.max(until);
            if replied_at.is_none() && !waits_for_originator {
                waits_for_originator = true;
                dues.push(Overdue {
                    clock: ClockName::Answer,
                    due: asked_at.plus(self.deadlines.first_answer),
                    owed_by: self.originator,
                });
            }
        }
        if !waits_for_originator {
            let due = received_at.plus(self.deadlines.first_answer).plus(paused);
            dues.push(self.owed(ClockName::Answer, due));
        }
        dues
    }

    /// An instruction for the first due of what nobody has answered: a hit, and a person who is there now. Nothing for
    /// what came before the recipient said that it had been another person.
    fn instructions_due(&self) -> Option<Overdue> {
        let mistaken = self.of_code(AnswerCode::Misidentified).last();
        let stands = |at: Timestamp| mistaken.is_none_or(|(said_at, _)| said_at < at);
        let hits = self
            .of_code(AnswerCode::Hit)
            .map(|(at, _)| (at, self.deadlines.instruction));
        let present = self
            .present()
            .map(|at| (at, INSTRUCTION_IF_PRESENT.min(self.deadlines.instruction)));
        let due = hits
            .chain(present)
            .filter(|(at, _)| {
                let instructed = self.originator_said(*at, |effect| effect == Effect::Instructs);
                stands(*at) && instructed.is_none()
            })
            .map(|(at, within)| at.plus(within))
            .min()?;
        Some(Overdue {
            clock: ClockName::Instruction,
            due,
            owed_by: self.originator,
        })
    }

    /// When this recipient told that the person is there.
    fn present(&self) -> impl Iterator<Item = Timestamp> + '_ {
        self.thread
            .iter()
            .filter(|record| {
                record.statement.origin == self.authority && record.terms.person_present
            })
            .map(|record| record.recorded_at)
    }

    fn of_code(&self, code: AnswerCode) -> impl Iterator<Item = (Timestamp, AnswerCode)> + '_ {
        self.answers
            .iter()
            .copied()
            .filter(move |(_, answer)| *answer == code)
    }

    /// When the originator first said something of this sort to this recipient after `after`; a question says nothing.
    fn originator_said(
        &self,
        after: Timestamp,
        sort: impl Fn(Effect) -> bool,
    ) -> Option<Timestamp> {
        self.thread
            .iter()
            .filter(|record| {
                record.statement.origin == self.originator
                    && record.recorded_at >= after
                    && record.kind != Kind::InformationRequest
                    && sort(record.effect)
                    && record.delivery(&self.authority).is_some()
            })
            .map(|record| record.recorded_at)
            .min()
    }

    fn owed(&self, clock: ClockName, due: Timestamp) -> Overdue {
        Overdue {
            clock,
            due,
            owed_by: self.authority,
        }
    }
}

/// What one authority answered to `asked`, oldest first, by the time it was recorded here: all that it answered in a
/// thread that `asked` begins, and what names `asked` elsewhere.
fn answers(
    authority: &AuthorityId,
    asked: &MessageRecord,
    thread: &[MessageRecord],
) -> Vec<(Timestamp, AnswerCode)> {
    let begins = asked.thread == asked.statement;
    let mut answers: Vec<_> = thread
        .iter()
        .filter(|record| record.statement.origin == *authority && record.thread == asked.thread)
        .filter(|record| begins || record.in_reply_to == Some(asked.statement))
        .filter_map(|record| match record.effect {
            Effect::Answers(code) => Some((record.recorded_at, code)),
            _ => None,
        })
        .collect();
    answers.sort_by_key(|(at, _)| *at);
    answers
}

/// True when one authority has replied to the question `asked`, in whole, in part or by refusing.
fn replied(authority: &AuthorityId, asked: &MessageRecord, thread: &[MessageRecord]) -> bool {
    thread.iter().any(|record| {
        record.kind == Kind::InformationReply
            && record.statement.origin == *authority
            && record.in_reply_to == Some(asked.statement)
    })
}

/// True for answers that stop the answer clock for good: neither seen, nor assigned, nor a question back.
fn is_answer(code: AnswerCode) -> bool {
    !matches!(
        code,
        AnswerCode::Opened | AnswerCode::Assigned | AnswerCode::NeedsInformation
    )
}

#[cfg(test)]
#[path = "clocks_tests.rs"]
mod tests;
