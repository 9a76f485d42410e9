//! Records and headers for the tests of calls: XA-POL is our own desk.

use crate::{
    domain::{
        id::{AuthorityId, MessageId, StatementRef},
        lives::{AlertLife, DeliveryLife, HandlingLife},
        receipt::LeafHash,
        routing::{
            Effect, Handling, HandlingSet, Kind, Priority, Recipient, Routing, Status,
            TransferGround,
        },
        terms::Terms,
        time::Timestamp,
    },
    store::record::{DeliveryRecord, Direction, MessageRecord},
};

/// 2026-11-24T08:13:20Z.
pub(in crate::calling) const NOW: Timestamp = Timestamp::from_micros(1_795_508_000_000_000);

pub(in crate::calling) fn own() -> AuthorityId {
    "XA-POL".parse().unwrap()
}

/// An alert, from abroad to us, or our own to XB-POL and XC-POL.
pub(in crate::calling) fn routing(origin: &str, number: u64) -> Routing {
    let statement = StatementRef {
        origin: origin.parse().unwrap(),
        id: MessageId::from_parts(1_795_508_000_000 + number, [number as u8; 10]),
    };
    let to: &[&str] = if origin == "XA-POL" {
        &["XB-POL", "XC-POL"]
    } else {
        &["XA-POL"]
    };
    Routing {
        statement,
        thread: statement,
        recipients: to.iter().map(|to| recipient(to, 0)).collect(),
        kind: Kind::MissingOffender,
        status: Status::Actual,
        priority: Priority::Urgent,
        handling: HandlingSet::new([Handling::H1]).unwrap(),
        handling_text: String::new(),
        issued_at: NOW,
        carried_until: Timestamp::from_micros(NOW.as_micros() + 3_600_000_000),
        in_reply_to: None,
        supersedes: None,
        release: None,
        effect: Effect::Starts,
        terms: Terms::default(),
    }
}

/// What `by` says in the thread of `first`.
pub(in crate::calling) fn reply(first: &Routing, by: &str, number: u64, effect: Effect) -> Routing {
    let to = first.statement.origin;
    let to = if to.as_str() == by {
        "XB-POL"
    } else {
        to.as_str()
    };
    Routing {
        thread: first.thread,
        in_reply_to: Some(first.statement),
        recipients: vec![recipient(to, u32::try_from(number).unwrap() % 8)],
        kind: match effect {
            Effect::Answers(_) => Kind::Answer,
            Effect::Instructs => Kind::Instruction,
            Effect::Closes => Kind::Closure,
            Effect::Updates => Kind::Update,
            _ => Kind::Sighting,
        },
        effect,
        ..routing(by, number)
    }
}

fn recipient(to: &str, thread_seq: u32) -> Recipient {
    Recipient {
        authority: to.parse().unwrap(),
        thread_seq,
        ground: TransferGround::Adequacy,
        ground_reason: String::new(),
    }
}

/// The record of an alert.
pub(in crate::calling) fn alert(origin: &str, number: u64) -> MessageRecord {
    let routing = routing(origin, number);
    MessageRecord {
        ordinal: 0,
        statement: routing.statement,
        thread: routing.thread,
        direction: match origin {
            "XA-POL" => Direction::Own,
            _ => Direction::Foreign,
        },
        kind: routing.kind,
        status: routing.status,
        priority: routing.priority,
        handling: routing.handling,
        effect: routing.effect,
        terms: routing.terms.clone(),
        called: <_>::default(),
        leaf: LeafHash([1; 32]),
        index: 0,
        issued_at: NOW,
        recorded_at: NOW,
        carried_until: routing.carried_until,
        in_reply_to: None,
        size_bytes: 100,
        life: AlertLife::Live,
        deliveries: routing
            .recipients
            .iter()
            .map(|recipient| DeliveryRecord {
                recipient: recipient.authority,
                thread_seq: 0,
                life: DeliveryLife::Queued,
                since: NOW,
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
