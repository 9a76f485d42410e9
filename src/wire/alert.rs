//! Payloads and drafts: protobuf to domain and back.

use bytes::Bytes;

use crate::{
    domain::{
        id::{MessageId, StatementRef},
        reason::Reason,
        routing::{Effect, Handling, HandlingSet, Kind, Priority, Status, TransferGround},
    },
    proto::alert::v1 as pb,
};

/// One wrong field of a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /** `subject.documents[0].mrz` */
    pub path: String,
    /** What stands there. */
    pub found: String,
    /** What would be right. */
    pub expected: String,
}

/// A draft whose every field is legal. Ids and recipients are not looked up yet.
#[derive(Debug, Clone)]
pub struct ParsedDraft {
    pub id: Option<MessageId>,
    pub to: Vec<String>,
    pub kind: Kind,
    pub effect: Effect,
    pub status: Status,
    pub priority: Priority,
    pub handling: HandlingSet,
    pub handling_text: String,
    pub ground: TransferGround,
    pub ground_reason: String,
    /** As given: full, prefix or reference. */
    pub in_reply_to: Option<String>,
    pub carried_hours: Option<u32>,
    /** Exact payload bytes to sign. */
    pub payload: Bytes,
    /** Such as text that may name a minor. */
    pub warnings: Vec<String>,
}

impl ParsedDraft {
    /// Writes the statement that `in_reply_to` names into a payload that carries its target.
    pub fn aim_at(&mut self, _target: StatementRef) -> Result<(), Reason> {
        todo!()
    }
}

/// Checks every field and lists *all* faults, in the order of the fields.
pub fn parse_draft(
    _draft: &pb::Draft,
    _now: crate::domain::time::Timestamp,
) -> Result<ParsedDraft, Vec<Fault>> {
    todo!()
}
/// Reads a draft file (canonical protobuf JSON) into a `Draft`; a syntax fault names line and column.
pub fn read_draft_json(_text: &str) -> Result<pb::Draft, Vec<Fault>> {
    todo!()
}
/// What the routing layer needs of a received payload; checks that it is legal and of this kind.
/// `target` is the statement that an update, correction, recall, closure, answer or instruction names inside.
pub fn inspect_payload(_kind: Kind, _payload: &[u8]) -> Result<Inspected, Reason> {
    todo!()
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inspected {
    pub effect: Effect,
    pub target: Option<StatementRef>,
}
/// For showing: decodes a kept payload.
pub fn decode_payload(_payload: &[u8]) -> Result<pb::Payload, Reason> {
    todo!()
}

#[allow(unused_imports, reason = "skeleton")]
use Handling as _;
