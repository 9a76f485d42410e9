//! Records and headers for tests of rules: three authorities, one thread, short names.

use std::collections::HashMap;

use super::verdict::Holdings;
use crate::{
    domain::{
        call::CallSet,
        id::{AuthorityId, MessageId, StatementRef},
        lives::{AlertLife, DeliveryLife, HandlingLife},
        receipt::{LeafHash, Verdict},
        routing::{
            AnswerCode, Effect, Handling, HandlingSet, Kind, Priority, Recipient, Routing, Status,
            TransferGround,
        },
        terms::Terms,
        time::Timestamp,
    },
    store::{
        ledger::Known,
        record::{DeliveryRecord, Direction, MessageRecord},
    },
};

pub(super) fn id(name: &str) -> AuthorityId {
    format!("{name}-POL").parse().unwrap()
}

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

pub(super) fn named(origin: &str, number: u64) -> StatementRef {
    StatementRef {
        origin: id(origin),
        id: MessageId::from_parts(number, [0; 10]),
    }
}

/// The effect of a kind, as wire would read it.
pub(super) fn effect(kind: Kind) -> Effect {
    match kind {
        Kind::Update => Effect::Updates,
        Kind::Correction => Effect::Corrects,
        Kind::Extend => Effect::Extends,
        Kind::Recall => Effect::Recalls,
        Kind::Closure => Effect::Closes,
        Kind::Answer => Effect::Answers(AnswerCode::Hit),
        Kind::Instruction => Effect::Instructs,
        Kind::Sighting | Kind::Outcome | Kind::InformationRequest | Kind::InformationReply => {
            Effect::Informs
        }
        Kind::MissingOffender
        | Kind::TravelNotice
        | Kind::PublicProtection
        | Kind::RestrictionOrder
        | Kind::NoticeOfService
        | Kind::Statistics => Effect::Starts,
    }
}

/// A header by `origin` to `to`, first of its own thread.
pub(super) fn first(origin: &str, number: u64, to: &[&str]) -> Routing {
    let statement = named(origin, number);
    Routing {
        statement,
        thread: statement,
        recipients: to
            .iter()
            .map(|name| Recipient {
                authority: id(name),
                thread_seq: 0,
                ground: TransferGround::Adequacy,
                ground_reason: String::new(),
            })
            .collect(),
        kind: Kind::MissingOffender,
        status: Status::Actual,
        priority: Priority::Urgent,
        handling: HandlingSet::new([Handling::H1]).unwrap(),
        handling_text: String::new(),
        issued_at: at(1000),
        carried_until: at(9000),
        in_reply_to: None,
        supersedes: None,
        release: None,
        effect: Effect::Starts,
        terms: Terms::default(),
    }
}

/// A header in a thread.
pub(super) fn later(
    origin: &str,
    number: u64,
    to: &[&str],
    kind: Kind,
    target: StatementRef,
    thread: StatementRef,
) -> Routing {
    Routing {
        thread,
        kind,
        effect: effect(kind),
        in_reply_to: Some(target),
        ..first(origin, number, to)
    }
}

/// The record of a header, as a ledger would keep it, delivered to all.
pub(super) fn record(routing: &Routing, recorded_at: Timestamp) -> MessageRecord {
    MessageRecord {
        ordinal: 0,
        statement: routing.statement,
        thread: routing.thread,
        direction: Direction::Own,
        kind: routing.kind,
        status: routing.status,
        priority: routing.priority,
        handling: routing.handling,
        effect: routing.effect,
        terms: routing.terms.clone(),
        called: CallSet::default(),
        leaf: LeafHash([1; 32]),
        index: 0,
        issued_at: routing.issued_at,
        recorded_at,
        carried_until: routing.carried_until,
        in_reply_to: routing.in_reply_to,
        size_bytes: 100,
        life: AlertLife::Live,
        deliveries: routing
            .recipients
            .iter()
            .map(|recipient| DeliveryRecord {
                recipient: recipient.authority,
                thread_seq: 0,
                life: DeliveryLife::Delivered,
                since: recorded_at,
                receipt: None,
                handling: HandlingLife::default(),
                opened_at: None,
                answered_at: None,
                extended: None,
            })
            .collect(),
        handling_life: HandlingLife::default(),
        opened_at: None,
        previous_in_thread: None,
        addressed: None,
    }
}

/// What a ledger holds.
#[derive(Default)]
pub(super) struct Shelf {
    records: HashMap<StatementRef, MessageRecord>,
    refused: HashMap<StatementRef, Known>,
}

impl Shelf {
    pub(super) fn with(routings: &[Routing]) -> Self {
        Self {
            records: routings
                .iter()
                .map(|routing| (routing.statement, record(routing, at(1000))))
                .collect(),
            refused: HashMap::new(),
        }
    }
    pub(super) fn refused(mut self, statement: StatementRef, known: Known) -> Self {
        self.refused.insert(statement, known);
        self
    }
}

impl Holdings for Shelf {
    fn message(&self, statement: &StatementRef) -> Option<MessageRecord> {
        self.records.get(statement).cloned()
    }
    fn known(&self, statement: &StatementRef) -> Option<Known> {
        let held = self.records.get(statement).map(|record| Known {
            leaf: record.leaf,
            verdict: Verdict::Held,
            index: record.index,
        });
        held.or_else(|| self.refused.get(statement).copied())
    }
    fn is_expected(&self, thread: &StatementRef, authority: &AuthorityId) -> bool {
        let grants = self.records.values().filter(|it| it.thread == *thread);
        let mut grants = grants.filter_map(|it| it.terms.permission.as_ref()?.grant());
        grants.any(|grant| grant.to.contains(authority))
    }
}
