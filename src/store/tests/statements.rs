//! Statements, receipts and events in a line, and a decoder that knows them by their bytes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use bytes::Bytes;

use crate::{
    domain::{
        call::CallKind,
        id::{AuthorityId, MessageId, StatementRef},
        reason::Reason,
        receipt::{LeafHash, Receipt, Verdict},
        release::Outline,
        routing::{
            AnswerCode, Effect, Handling, HandlingSet, Kind, Priority, Recipient, Routing, Status,
            TransferGround,
        },
        time::Timestamp,
    },
    store::{
        entry::Actor,
        event::{Event, Reader},
        ledger::Ledger,
        record::CallRecord,
        view::memory::MemoryView,
    },
    wire,
};

pub(super) const OWN: &str = "XA-POL";

static STATEMENTS: Mutex<Option<HashMap<Bytes, Routing>>> = Mutex::new(None);
static RECEIPTS: Mutex<Option<HashMap<Bytes, Receipt>>> = Mutex::new(None);

/// Reads what [`document`] and [`receipt_document`] made.
pub(super) const READER: Reader = Reader::of(
    |bytes| {
        let known = STATEMENTS.lock().unwrap();
        let routing = known.as_ref().and_then(|known| known.get(bytes).cloned());
        Ok((routing.ok_or(Reason::Malformed)?, Bytes::new()))
    },
    |bytes| {
        let known = RECEIPTS.lock().unwrap();
        let receipt = known.as_ref().and_then(|known| known.get(bytes).cloned());
        receipt.ok_or(Reason::Malformed)
    },
);

pub(super) fn authority(text: &str) -> AuthorityId {
    text.parse().unwrap()
}

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_795_500_000_000_000 + seconds * 1_000_000)
}

pub(super) fn officer() -> Actor {
    Actor::new("officer-3fa9c1d2").unwrap()
}

pub(super) fn name(origin: &str, number: u64) -> StatementRef {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    StatementRef {
        origin: authority(origin),
        id: MessageId::from_parts(1_795_500_000_000 + number, random),
    }
}

/// A statement that begins a thread.
pub(super) fn alert(origin: &str, number: u64, to: &[&str]) -> Routing {
    Routing {
        statement: name(origin, number),
        thread: name(origin, number),
        recipients: to.iter().map(|to| recipient(to, 0)).collect(),
        kind: Kind::MissingOffender,
        status: Status::Actual,
        priority: Priority::Urgent,
        handling: HandlingSet::new([Handling::H1, Handling::H3]).unwrap(),
        handling_text: String::new(),
        issued_at: at(0),
        carried_until: at(3600),
        in_reply_to: None,
        supersedes: None,
        release: None,
        effect: Effect::Starts,
        terms: <_>::default(),
    }
}

/// A later statement in the thread of `first`, about `first`.
pub(super) fn follow(
    first: &Routing,
    origin: &str,
    number: u64,
    effect: Effect,
    to: &[(&str, u32)],
) -> Routing {
    Routing {
        statement: name(origin, number),
        thread: first.thread,
        recipients: to.iter().map(|(to, seq)| recipient(to, *seq)).collect(),
        kind: match effect {
            Effect::Starts => Kind::TravelNotice,
            Effect::Informs => Kind::Sighting,
            Effect::Answers(_) => Kind::Answer,
            Effect::Instructs => Kind::Instruction,
            Effect::Updates => Kind::Update,
            Effect::Corrects => Kind::Correction,
            Effect::Recalls => Kind::Recall,
            Effect::Closes => Kind::Closure,
            Effect::Extends => Kind::Extend,
        },
        effect,
        in_reply_to: Some(first.statement),
        ..first.clone()
    }
}

pub(super) fn answer(
    first: &Routing,
    by: &str,
    number: u64,
    seq: u32,
    code: AnswerCode,
) -> Routing {
    let to = first.statement.origin;
    follow(
        first,
        by,
        number,
        Effect::Answers(code),
        &[(to.as_str(), seq)],
    )
}

fn recipient(authority_id: &str, thread_seq: u32) -> Recipient {
    Recipient {
        authority: authority(authority_id),
        thread_seq,
        ground: TransferGround::Adequacy,
        ground_reason: String::new(),
    }
}

pub(super) fn leaf_of(routing: &Routing) -> LeafHash {
    let mut leaf = [routing.kind as u8; 32];
    leaf[..16].copy_from_slice(routing.statement.id.as_bytes());
    LeafHash(leaf)
}

pub(super) fn document(routing: &Routing) -> Bytes {
    let bytes = Bytes::from(format!("{routing:?}"));
    let mut known = STATEMENTS.lock().unwrap();
    let known = known.get_or_insert_default();
    known.insert(bytes.clone(), routing.clone());
    bytes
}

pub(super) fn accepted(routing: &Routing) -> Event {
    Event::Accepted {
        actor: officer(),
        routing: Arc::new(routing.clone()),
        leaf: leaf_of(routing),
        document: document(routing),
    }
}

pub(super) fn received(routing: &Routing) -> Event {
    Event::Received {
        routing: Arc::new(routing.clone()),
        leaf: leaf_of(routing),
        document: document(routing),
    }
}

/// It came inside a statement of `by`.
pub(super) fn carried(routing: &Routing, by: &str) -> Event {
    Event::Carried {
        peer: authority(by),
        routing: Arc::new(routing.clone()),
        leaf: leaf_of(routing),
        document: document(routing),
    }
}

pub(super) fn receipt(routing: &Routing, by: &str, verdict: Verdict) -> Receipt {
    Receipt {
        federation: "test".into(),
        recipient: authority(by),
        sender: routing.statement.origin,
        message: routing.statement.id,
        leaf: leaf_of(routing),
        verdict,
        time: at(1),
        directory_version: 1,
        journal_index: 7,
    }
}

pub(super) fn stored(receipt: &Receipt) -> Event {
    let bytes = Bytes::from(format!("{receipt:?}"));
    let mut known = RECEIPTS.lock().unwrap();
    let known = known.get_or_insert_default();
    known.insert(bytes.clone(), receipt.clone());
    Event::ReceiptStored {
        receipt: Box::new(receipt.clone()),
        document: bytes,
        leaf: LeafHash([9; 32]),
    }
}

pub(super) fn empty_ledger() -> Ledger {
    Ledger::new(authority(OWN), Arc::new(MemoryView::default()))
}

/// A draft of ours that waits for a second person.
pub(super) fn waiting_call(statement: StatementRef, reason: Option<Reason>) -> CallRecord {
    CallRecord {
        id: statement.id,
        at: at(1),
        kind: CallKind::HitWaiting,
        statement: Some(statement),
        peer: Some(authority("XB-POL")),
        due: reason.map(|_| at(9)),
        since: at(2),
        reason,
        count: 1,
        ways: "duty,mail".into(),
    }
}

pub(super) fn draft_kept(statement: StatementRef) -> Event {
    let outline = Outline {
        kind: Kind::MissingOffender,
        status: Status::Actual,
        priority: Priority::Urgent,
        recipients: vec![authority("XB-POL"), authority("XC-POL")],
        created_by: "XA-POL/officer-1".to_owned(),
        why: "rule 1 of [[release]]".to_owned(),
        do_not_alert: false,
    };
    Event::DraftKept {
        actor: officer(),
        statement,
        body: wire::encode_kept_draft(b"a draft", &outline),
        outline: outline.into(),
    }
}
