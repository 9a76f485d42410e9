//! Events as entries: what stands in the header, what in the body.
//!
//! The way in is [`Event::to_entry`]; `reader.rs` is the way back. What a header can say stands there alone; bodies are
//! documents as they were signed, or what must be sealed. Layouts here are stored: never change one.

use bytes::Bytes;

use super::{DraftEnd, Event, HandoverStep, Peek, Word};
use crate::{
    domain::{
        call::CallKind,
        id::{AuthorityId, StatementRef},
        reason::Reason,
        receipt::{LeafHash, Verdict},
        time::Timestamp,
    },
    store::{
        entry::{Act, Actor, EntryHeader, EntryIndex},
        record::CallRecord,
    },
    trust::pae::{self, DocumentType},
};

impl Event {
    /// The entry that keeps this event: its header, and its plain body, which the journal seals.
    #[must_use]
    pub fn to_entry(&self, index: EntryIndex, time: Timestamp) -> (EntryHeader, Bytes) {
        let mut header = EntryHeader {
            index,
            time,
            act: self.act(),
            reason: self.reason(),
            actor: self.actor(),
            subject: self.subject(),
            peer: self.peer(),
            leaf: self.leaf(),
            body_bytes: 0,
            count: self.count(),
        };
        let body = self.body();
        header.body_bytes = u32::try_from(body.len()).unwrap_or(u32::MAX);
        if header.leaf.is_none() && !body.is_empty() {
            header.leaf = Some(pae::leaf_hash(DocumentType::Note, &body));
        }
        (header, body)
    }

    fn act(&self) -> Act {
        match self {
            Self::Accepted { .. } => Act::Accepted,
            Self::Received { .. } => Act::Received,
            Self::Carried { .. } => Act::Carried,
            Self::RefusedStatement { .. } => Act::RefusedStatement,
            Self::ReceiptStored { .. } => Act::ReceiptStored,
            Self::RefusedInput { .. } => Act::RefusedInput,
            Self::RefusalsCounted { .. } => Act::RefusalsCounted,
            Self::DeliveryEnded { .. } => Act::DeliveryEnded,
            Self::DeliveryHeld { .. } => Act::DeliveryHeld,
            Self::DeliveryResumed { .. } => Act::DeliveryResumed,
            Self::Consulted { .. } => Act::Consulted,
            Self::Exported { .. } => Act::Exported,
            Self::AuditRead { .. } => Act::AuditRead,
            Self::Incident { .. } => Act::Incident,
            Self::DirectoryAdopted { .. } => Act::DirectoryAdopted,
            Self::Started => Act::Started,
            Self::Stopped => Act::Stopped,
            Self::TailCut { .. } => Act::TailCut,
            Self::ActorNamed { .. } => Act::ActorNamed,
            Self::Missing => Act::Missing,
            Self::Reclaimed { .. } => Act::Reclaimed,
            Self::GivenBack { .. } => Act::GivenBack,
            Self::ReclaimEnded { .. } => Act::ReclaimEnded,
            Self::EpochBegun { .. } => Act::EpochBegun,
            Self::DraftKept { .. } => Act::DraftKept,
            Self::DraftReturned { .. } => Act::DraftReturned,
            Self::DraftEnded { .. } => Act::DraftEnded,
            Self::ActRefused { .. } => Act::ActRefused,
            Self::HandedOver { .. } => Act::HandedOver,
            Self::OfferDeclined { .. } => Act::OfferDeclined,
            Self::TakeRefused { .. } => Act::TakeRefused,
            Self::Restricted { .. } => Act::Restricted,
            Self::Addressed { .. } => Act::Addressed,
            Self::AlertExpired { .. } => Act::AlertExpired,
            Self::Called { .. } => Act::Called,
            Self::CallFailed { .. } => Act::CallFailed,
            Self::CallWaits { .. } => Act::CallWaits,
            Self::CallArrived { .. } => Act::CallArrived,
            Self::GoesByHand { .. } => Act::GoesByHand,
            Self::Bundled { .. } => Act::Bundled,
            Self::HandReported { .. } => Act::HandReported,
        }
    }

    fn reason(&self) -> Option<Reason> {
        match self {
            Self::RefusedStatement { reason, .. }
            | Self::RefusedInput { reason, .. }
            | Self::RefusalsCounted { reason, .. }
            | Self::DeliveryEnded { reason, .. }
            | Self::DeliveryHeld { reason, .. }
            | Self::Incident { reason, .. }
            | Self::ActRefused { reason, .. }
            | Self::TakeRefused { reason, .. }
            | Self::CallFailed { reason, .. } => Some(*reason),
            Self::ReceiptStored { receipt, .. } => match receipt.verdict {
                Verdict::Held => None,
                Verdict::Refused(reason) => Some(reason),
            },
            Self::CallWaits { call } => call.reason,
            Self::TailCut { .. } => Some(Reason::TailCut),
            Self::Missing | Self::EpochBegun { .. } => Some(Reason::EntryMissing),
            _ => None,
        }
    }

    fn actor(&self) -> Actor {
        match self {
            Self::Accepted { actor, .. }
            | Self::DeliveryResumed { actor, .. }
            | Self::Consulted { actor, .. }
            | Self::Exported { actor, .. }
            | Self::AuditRead { actor }
            | Self::ActorNamed { actor, .. }
            | Self::DraftKept { actor, .. }
            | Self::DraftReturned { actor, .. }
            | Self::DraftEnded { actor, .. }
            | Self::ActRefused { actor, .. }
            | Self::TakeRefused { actor, .. }
            | Self::OfferDeclined { actor, .. }
            | Self::HandedOver { actor, .. }
            | Self::GoesByHand { actor, .. }
            | Self::Bundled { actor, .. }
            | Self::HandReported { actor, .. }
            | Self::Addressed { actor, .. }
            | Self::Restricted { actor, .. } => *actor,
            Self::Received { routing, .. } => routing.statement.origin.into(),
            Self::RefusedStatement { peer, .. }
            | Self::RefusedInput { peer, .. }
            | Self::RefusalsCounted { peer, .. } => (*peer).into(),
            Self::ReceiptStored { receipt, .. } => receipt.recipient.into(),
            Self::Carried { peer, .. }
            | Self::Reclaimed { peer, .. }
            | Self::GivenBack { peer, .. } => (*peer).into(),
            _ => Actor::NODE,
        }
    }

    fn subject(&self) -> Option<StatementRef> {
        match self {
            Self::Accepted { routing, .. }
            | Self::Received { routing, .. }
            | Self::Carried { routing, .. } => Some(routing.statement),
            Self::RefusedStatement { statement, .. }
            | Self::DeliveryEnded { statement, .. }
            | Self::DeliveryHeld { statement, .. }
            | Self::DeliveryResumed { statement, .. }
            | Self::Reclaimed { statement, .. }
            | Self::GivenBack { statement, .. }
            | Self::DraftKept { statement, .. }
            | Self::DraftReturned { statement, .. }
            | Self::DraftEnded { statement, .. }
            | Self::ActRefused { statement, .. }
            | Self::GoesByHand { statement, .. }
            | Self::Bundled { statement, .. }
            | Self::HandReported { statement, .. }
            | Self::Addressed { statement, .. }
            | Self::OfferDeclined { statement, .. }
            | Self::AlertExpired { statement } => Some(*statement),
            Self::ReceiptStored { receipt, .. } => Some(StatementRef {
                origin: receipt.sender,
                id: receipt.message,
            }),
            Self::Consulted { thread, .. }
            | Self::Exported { thread, .. }
            | Self::Restricted { thread, .. } => Some(*thread),
            Self::Incident { statement, .. }
            | Self::Called { statement, .. }
            | Self::CallArrived { statement, .. }
            | Self::CallFailed { statement, .. } => *statement,
            Self::CallWaits { call } => call.statement,
            _ => None,
        }
    }

    fn peer(&self) -> Option<AuthorityId> {
        match self {
            Self::Received { routing, .. } => Some(routing.statement.origin),
            Self::RefusedStatement { peer, .. }
            | Self::RefusedInput { peer, .. }
            | Self::RefusalsCounted { peer, .. }
            | Self::Carried { peer, .. }
            | Self::Reclaimed { peer, .. }
            | Self::GivenBack { peer, .. } => Some(*peer),
            Self::ReceiptStored { receipt, .. } => Some(receipt.recipient),
            Self::DeliveryEnded { recipient, .. }
            | Self::DeliveryHeld { recipient, .. }
            | Self::DeliveryResumed { recipient, .. }
            | Self::GoesByHand { recipient, .. }
            | Self::Bundled { recipient, .. }
            | Self::OfferDeclined { recipient, .. }
            | Self::HandReported { recipient, .. } => Some(*recipient),
            Self::Incident { peer, .. }
            | Self::Called { peer, .. }
            | Self::CallArrived { peer, .. }
            | Self::CallFailed { peer, .. } => *peer,
            Self::CallWaits { call } => call.peer,
            _ => None,
        }
    }

    fn leaf(&self) -> Option<LeafHash> {
        match self {
            Self::Accepted { leaf, .. }
            | Self::Received { leaf, .. }
            | Self::Carried { leaf, .. }
            | Self::RefusedStatement { leaf, .. }
            | Self::ReceiptStored { leaf, .. }
            | Self::Reclaimed { leaf, .. }
            | Self::GivenBack { leaf, .. } => Some(*leaf),
            Self::RefusedInput { leaf, .. } | Self::Incident { leaf, .. } => *leaf,
            _ => None,
        }
    }

    /// Of a consultation: 1 when it marks the thread opened. Of a handover: 1 when it is taken. Of what was given back:
    /// the low half of the index that was lost, all ones when it is not known.
    fn count(&self) -> u32 {
        match self {
            Self::RefusalsCounted { count, .. }
            | Self::Called { count, .. }
            | Self::CallArrived { count, .. }
            | Self::CallFailed { count, .. } => *count,
            Self::CallWaits { call } => call.count,
            Self::TailCut { bytes } => *bytes,
            Self::ReclaimEnded { missing } => *missing,
            Self::EpochBegun { epoch, .. } => *epoch,
            Self::Reclaimed { lost, .. } => low_half(lost.unwrap_or(EntryIndex::MAX)),
            Self::Consulted { peek, .. } => u32::from(*peek == Peek::Opens),
            Self::DraftEnded { end, .. } => u32::from(*end == DraftEnd::Released),
            Self::HandedOver { step, .. } => u32::from(*step != HandoverStep::Given),
            Self::HandReported { word, .. } => u32::from(*word == Word::Acknowledged),
            _ => 0,
        }
    }

    fn body(&self) -> Bytes {
        match self {
            Self::Accepted { document, .. }
            | Self::Received { document, .. }
            | Self::Carried { document, .. }
            | Self::ReceiptStored { document, .. } => document.clone(),
            // The version, 8 bytes big-endian, then the bundle as it is.
            Self::DirectoryAdopted { version, bundle } => {
                let mut body = Vec::with_capacity(8 + bundle.len());
                body.extend_from_slice(&version.to_be_bytes());
                body.extend_from_slice(bundle);
                body.into()
            }
            Self::ActorNamed { uri, .. } => Bytes::copy_from_slice(uri.as_bytes()),
            Self::Consulted { why: Some(why), .. } | Self::Exported { why: Some(why), .. } => {
                Bytes::copy_from_slice(why.as_bytes())
            }
            Self::DraftKept { body, .. } | Self::HandReported { report: body, .. } => body.clone(),
            // The entry, 8 bytes big-endian.
            Self::TakeRefused { given, .. } => Bytes::copy_from_slice(&given.to_be_bytes()),
            Self::HandedOver { step, body, .. } => match step {
                HandoverStep::Given => body.clone(),
                // The entry, 8 bytes big-endian, the leaf hash, then the rest.
                HandoverStep::Taken { given, leaf } => {
                    [&given.to_be_bytes()[..], &leaf.0, body].concat().into()
                }
            },
            Self::DraftReturned { text, .. }
            | Self::OfferDeclined { text, .. }
            | Self::Restricted { units: text, .. }
            | Self::Addressed { names: text, .. } => Bytes::copy_from_slice(text.as_bytes()),
            Self::Called { kind, ways, .. } => call_body(*kind, ways),
            Self::CallFailed { kind, way, .. } | Self::CallArrived { kind, way, .. } => {
                call_body(*kind, way)
            }
            Self::CallWaits { call } => waiting_body(call),
            // The size, 8 bytes big-endian, then the root.
            Self::EpochBegun { size, root, .. } => [&size.to_be_bytes()[..], root].concat().into(),
            _ => Bytes::new(),
        }
    }
}

/// The number of the kind, then the ways.
fn call_body(kind: CallKind, ways: &str) -> Bytes {
    [&[kind as u8], ways.as_bytes()].concat().into()
}

/// The number of the kind; id, 16 bytes; made at, since, and due or the least number, 8 bytes big-endian each; the ways.
fn waiting_body(call: &CallRecord) -> Bytes {
    let due = call.due.map_or(i64::MIN, Timestamp::as_micros);
    let times = [call.at.as_micros(), call.since.as_micros(), due];
    let times = times.map(i64::to_be_bytes).concat();
    [
        &[call.kind as u8],
        call.id.as_bytes().as_slice(),
        &times,
        call.ways.as_bytes(),
    ]
    .concat()
    .into()
}

const fn low_half(index: EntryIndex) -> u32 {
    (index & u32::MAX as u64) as u32
}
