//! Payloads and drafts: protobuf to domain and back.
//!
//! The way in: [`read_draft_json`] and [`parse_draft`] for what an officer wrote, [`inspect_payload`] for what a peer
//! signed, [`decode_payload`] for showing. Received bytes are never written anew; a draft's payload is.

use bytes::Bytes;
use prost::Message as _;

use crate::{
    domain::{
        alert::{
            basis::AskedAction,
            kinds::{Content, Shared, Target},
            marking::{self, Markings, Pap, laxest_tlp},
        },
        id::{MessageId, StatementRef},
        reason::Reason,
        routing::{
            AnswerCode, Coded as _, Effect, HandlingSet, Kind, Priority, Status, TransferGround,
        },
        statistics::Return,
        terms::Terms,
        time::Timestamp,
    },
    proto::alert::v1 as pb,
    wire::fields::{coded, encode_reference},
};

mod carried;
mod counted;
mod draft;
mod json;
mod kinds;
mod look;
mod marks;
mod measure;
mod payload;
mod permission;
mod person;
mod reader;
mod terms;
mod touched;
mod unreturned;
mod zone;

pub use carried::{Inside, carrying, passing, without_carried};
pub(super) use carried::{carried, granted};
pub use counted::{Corrections, known, report};
pub use json::read_draft_json;
pub use kinds::target_slot;
pub use look::deceiving_texts;
pub use touched::{Stated, Touched, touched};
pub use unreturned::{Unprepared, Went, missing_offender};

pub use crate::domain::alert::Fault;

/// A draft whose every field is legal. Ids and recipients are not looked up yet.
#[derive(Debug, Clone)]
pub struct ParsedDraft {
    /// The client's id.
    pub id: Option<MessageId>,
    /// Authorities, `@group` or `all`, as given.
    pub to: Vec<String>,
    /// What it is for.
    pub kind: Kind,
    /// What it does to its thread.
    pub effect: Effect,
    /// What its content says of time and caution.
    pub terms: Terms,
    /// Real or not.
    pub status: Status,
    /// How quick.
    pub priority: Priority,
    /// Who may do what with it.
    pub handling: HandlingSet,
    /// Words of H3; empty otherwise.
    pub handling_text: String,
    /// On what ground it goes abroad; `None`, for a reply alone: as its thread went.
    pub ground: Option<TransferGround>,
    /// Why a derogation is used; empty otherwise.
    pub ground_reason: String,
    /// As given: full, prefix or reference.
    pub in_reply_to: Option<String>,
    /// How long it may be carried; `None`: the default of its priority.
    pub carried_hours: Option<u32>,
    /// Exact payload bytes to sign; after [`ParsedDraft::aim_at`] where `in_reply_to` was no full id.
    pub payload: Bytes,
    /// Such as text that may name a minor.
    pub warnings: Vec<String>,
}

impl ParsedDraft {
    /// Writes the resolved `in_reply_to` into the payload of a kind that carries its target. To be called once it was
    /// looked up: receivers refuse a payload that names another target than its header, or none.
    ///
    /// # Errors
    /// [`Reason::TargetMismatch`] when the payload names another statement already.
    pub fn aim_at(&mut self, target: StatementRef) -> Result<(), Reason> {
        let mut payload = decode_payload(&self.payload)?;
        if let Some(slot) = target_slot(&mut payload) {
            let wanted = encode_reference(&target);
            if slot.as_ref().is_some_and(|present| *present != wanted) {
                return Err(Reason::TargetMismatch);
            }
            *slot = Some(wanted);
            self.payload = payload.encode_to_vec().into();
        }
        self.in_reply_to = Some(target.to_string());
        Ok(())
    }
}

/// Checks every field and lists *all* faults, in the order of the fields. `now` dates what must lie ahead.
///
/// # Errors
/// Every wrong field, by its path in the draft file.
pub fn parse_draft(draft: &pb::Draft, now: Timestamp) -> Result<ParsedDraft, Vec<Fault>> {
    draft::parse(draft, now, Markings::default())
}

/// [`parse_draft`], where the federation uses some of the optional markings.
///
/// # Errors
/// As [`parse_draft`].
pub fn parse_marked_draft(
    draft: &pb::Draft,
    now: Timestamp,
    markings: Markings,
) -> Result<ParsedDraft, Vec<Fault>> {
    draft::parse(draft, now, markings)
}

/// Whether what a payload says must be kept from the person; see [`crate::domain::alert::Payload::do_not_alert`].
#[must_use]
pub fn do_not_alert(payload: &pb::Payload) -> bool {
    let asked = payload.asked.iter();
    marking::do_not_alert(
        coded(payload.pap, Pap::from_number),
        asked.filter_map(|asked| coded(asked.action, AskedAction::from_number)),
    )
}

/// What the routing layer needs of a received payload; checks that it is legal and of this kind.
///
/// # Errors
/// [`Reason::KindMismatch`], or [`Reason::Malformed`] for anything that is not legal.
pub fn inspect_payload(kind: Kind, payload: &[u8]) -> Result<Inspected, Reason> {
    inspect(kind, payload, None, None)
}

/// What the routing layer may know of a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// What it does to its thread; [`Effect::Informs`] of a sighting or outcome that begins one is a start.
    pub effect: Effect,
    /// The statement that an update, correction, recall, closure, answer, instruction or reply names inside.
    pub target: Option<StatementRef>,
    /// Whether it says whom it is about; what begins a thread must.
    pub names_person: bool,
    /// What it says of time and caution.
    pub terms: Terms,
}

/// For showing: decodes a kept payload.
///
/// # Errors
/// When the bytes are no payload.
pub fn decode_payload(payload: &[u8]) -> Result<pb::Payload, Reason> {
    pb::Payload::decode(payload).map_err(|_| Reason::Malformed)
}

/// The payload of the answer that goes back by itself at an officer's first full view.
#[must_use]
pub fn opened_payload(target: StatementRef) -> Bytes {
    answer_payload(target, AnswerCode::Opened, pb::Answer::default())
}

/// The payload of an extension that says nothing more.
#[must_use]
pub fn extend_payload() -> Bytes {
    pb::Payload {
        kind: Some(pb::payload::Kind::Extend(pb::Extend::default())),
        ..pb::Payload::default()
    }
    .encode_to_vec()
    .into()
}

/// The payload of a return.
#[must_use]
pub fn statistics_payload(made: &Return) -> pb::Payload {
    pb::Payload {
        kind: Some(pb::payload::Kind::Statistics(kinds::write_statistics(made))),
        ..pb::Payload::default()
    }
}

/// The return that a payload states; none when it states none, or a wrong one.
#[must_use]
pub fn read_statistics(payload: &pb::Payload) -> Option<Return> {
    let mut reader = reader::Reader::of_received(None);
    let read = payload::read(&mut reader, payload)?;
    match read.content {
        Content::Statistics(made) if reader.is_faultless() => Some(made),
        _ => None,
    }
}

/// The payload of an answer; `more` holds what the code demands, target and code are filled in.
#[must_use]
pub fn answer_payload(target: StatementRef, code: AnswerCode, more: pb::Answer) -> Bytes {
    pb::Payload {
        kind: Some(pb::payload::Kind::Answer(pb::Answer {
            target: Some(encode_reference(&target)),
            code: code as i32,
            ..more
        })),
        ..pb::Payload::default()
    }
    .encode_to_vec()
    .into()
}

/// [`inspect_payload`], and checks dates against the time of issue, and markings against the header's handling set.
pub(super) fn inspect(
    kind: Kind,
    payload: &[u8],
    issued_at: Option<Timestamp>,
    handling: Option<HandlingSet>,
) -> Result<Inspected, Reason> {
    let wire = decode_payload(payload)?;
    if kinds::kind_of(&wire) != Some(kind) {
        return Err(Reason::KindMismatch);
    }
    let mut reader = reader::Reader::of_received(issued_at);
    let legal = payload::read(&mut reader, &wire).filter(|_| reader.is_faultless());
    let payload = legal.ok_or(Reason::Malformed)?;
    if let Some(handling) = handling {
        let lax = payload.tlp.is_some_and(|tlp| tlp < laxest_tlp(handling));
        if lax || !marks::all_stricter(&payload.paragraph_marking, handling, payload.tlp) {
            return Err(Reason::Malformed);
        }
    }
    Ok(Inspected {
        effect: kinds::effect(&payload.content),
        target: match kinds::target(&payload.content) {
            Some(Target::Statement(target)) => Some(target),
            _ => None,
        },
        names_person: payload.subject.is_some(),
        terms: terms::of(&wire),
    })
}

/// True for kinds that name inside what they change or answer.
pub(super) const fn carries_target(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Update
            | Kind::Correction
            | Kind::Extend
            | Kind::Recall
            | Kind::Closure
            | Kind::Answer
            | Kind::Instruction
            | Kind::InformationReply
    )
}

/// The effect and the terms of a payload that was judged before it was kept.
pub(super) fn effect_of(kind: Kind, payload: &[u8]) -> Result<(Effect, Terms), Reason> {
    if !says_more_than_its_kind(kind) {
        return Ok((kinds::plain_effect(kind), Terms::default()));
    }
    let payload = decode_payload(payload)?;
    let terms = terms::of(&payload);
    match payload.kind {
        Some(pb::payload::Kind::Answer(answer)) => coded(answer.code, AnswerCode::of_number)
            .map(|code| (Effect::Answers(code), terms))
            .ok_or(Reason::Malformed),
        Some(pb::payload::Kind::Extend(extend)) => Ok((kinds::effect_of_extend(&extend), terms)),
        _ if matches!(kind, Kind::Answer | Kind::Extend) => Err(Reason::KindMismatch),
        _ => Ok((kinds::plain_effect(kind), terms)),
    }
}

/// False for kinds of which routing needs nothing from inside: they carry none of the shared content.
const fn says_more_than_its_kind(kind: Kind) -> bool {
    match Shared::of(kind) {
        Shared::Whole | Shared::Optional => true,
        Shared::Nothing => matches!(kind, Kind::Answer | Kind::Extend),
    }
}
