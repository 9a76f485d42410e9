//! Events as entries, and back: what stands in the header, what in the body.
//!
//! The way in is [`Event::to_entry`] and [`Reader::event`]. What a header can say stands there alone; bodies
//! are documents as they were signed, or what must be sealed. Layouts here are stored: never change one.

use bytes::Bytes;

use super::{DraftEnd, Event, HandoverStep, Peek, Word};
use crate::{
    domain::{
        call::CallKind,
        id::{AuthorityId, StatementRef},
        reason::Reason,
        receipt::{LeafHash, Receipt, Verdict},
        routing::Routing,
        time::Timestamp,
    },
    store::entry::{Act, Actor, EntryHeader, EntryIndex},
    trust::pae::{self, DocumentType},
    wire,
};

/// Why an entry makes no event: the journal is damaged, or was written by a later version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// A header field that this act needs is absent.
    #[error("entry {index}: {act:?} without {field}; run `allpoints store check`")]
    Missing {
        /// Which entry.
        index: EntryIndex,
        /// Its act.
        act: Act,
        /// The field.
        field: &'static str,
    },
    /// The body is not what this act keeps.
    #[error(
        "entry {index}: the body of {act:?} cannot be read: {reason}; run `allpoints store check`"
    )]
    Body {
        /// Which entry.
        index: EntryIndex,
        /// Its act.
        act: Act,
        /// What the decoder said.
        reason: Reason,
    },
}

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
            Self::Restricted { .. } => Act::Restricted,
            Self::Addressed { .. } => Act::Addressed,
            Self::AlertExpired { .. } => Act::AlertExpired,
            Self::Called { .. } => Act::Called,
            Self::CallFailed { .. } => Act::CallFailed,
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
            | Self::CallFailed { reason, .. } => Some(*reason),
            Self::ReceiptStored { receipt, .. } => match receipt.verdict {
                Verdict::Held => None,
                Verdict::Refused(reason) => Some(reason),
            },
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
            | Self::CallFailed { statement, .. } => *statement,
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
            | Self::HandReported { recipient, .. } => Some(*recipient),
            Self::Incident { peer, .. }
            | Self::Called { peer, .. }
            | Self::CallFailed { peer, .. } => *peer,
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
            | Self::CallFailed { count, .. } => *count,
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
            Self::HandedOver { step, body, .. } => match step {
                HandoverStep::Given => body.clone(),
                // The entry, 8 bytes big-endian, the leaf hash, then the rest.
                HandoverStep::Taken { given, leaf } => {
                    [&given.to_be_bytes()[..], &leaf.0, body].concat().into()
                }
            },
            Self::DraftReturned { text, .. }
            | Self::Restricted { units: text, .. }
            | Self::Addressed { names: text, .. } => Bytes::copy_from_slice(text.as_bytes()),
            Self::Called { kind, ways, .. } => call_body(*kind, ways),
            Self::CallFailed { kind, way, .. } => call_body(*kind, way),
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

const fn low_half(index: EntryIndex) -> u32 {
    (index & u32::MAX as u64) as u32
}

/// Decodes kept documents, and with them entries. The real one is [`Reader::WIRE`].
#[derive(Debug, Clone, Copy)]
pub struct Reader {
    statement: fn(&Bytes) -> Result<(Routing, Bytes), Reason>,
    receipt: fn(&Bytes) -> Result<Receipt, Reason>,
}

impl Reader {
    /// Documents as they travel.
    pub const WIRE: Self = Self {
        statement: wire::decode_kept_statement,
        receipt: wire::decode_receipt,
    };

    #[cfg(test)]
    pub(in crate::store) const fn of(
        statement: fn(&Bytes) -> Result<(Routing, Bytes), Reason>,
        receipt: fn(&Bytes) -> Result<Receipt, Reason>,
    ) -> Self {
        Self { statement, receipt }
    }

    /// The event that an entry keeps.
    ///
    /// # Errors
    /// When a field is absent that its act needs, or the body cannot be read.
    pub fn event(self, header: &EntryHeader, body: &Bytes) -> Result<Event, EventError> {
        let missing = |field| EventError::Missing {
            index: header.index,
            act: header.act,
            field,
        };
        let subject = || header.subject.ok_or_else(|| missing("subject"));
        let peer = || header.peer.ok_or_else(|| missing("peer"));
        let reason = || header.reason.ok_or_else(|| missing("reason"));
        Ok(match header.act {
            Act::Accepted | Act::Received | Act::Carried | Act::ReceiptStored => {
                return self.documented(header, body);
            }
            Act::DirectoryAdopted
            | Act::ActorNamed
            | Act::EpochBegun
            | Act::Called
            | Act::CallFailed
            | Act::HandedOver => {
                return with_own_body(header, body);
            }
            Act::DraftKept | Act::DraftReturned => return of_draft(header, subject()?, body),
            Act::Restricted => Event::Restricted {
                actor: header.actor,
                thread: subject()?,
                units: why(header, body)?.unwrap_or_default(),
            },
            Act::GoesByHand => Event::GoesByHand {
                actor: header.actor,
                statement: subject()?,
                recipient: peer()?,
            },
            Act::Bundled => Event::Bundled {
                actor: header.actor,
                statement: subject()?,
                recipient: peer()?,
            },
            Act::HandReported => Event::HandReported {
                actor: header.actor,
                statement: subject()?,
                recipient: peer()?,
                word: match header.count {
                    0 => Word::None,
                    _ => Word::Acknowledged,
                },
                report: body.clone(),
            },
            Act::Addressed => Event::Addressed {
                actor: header.actor,
                statement: subject()?,
                names: why(header, body)?.unwrap_or_default(),
            },
            Act::DraftEnded => Event::DraftEnded {
                actor: header.actor,
                statement: subject()?,
                end: match header.count {
                    0 => DraftEnd::Discarded,
                    _ => DraftEnd::Released,
                },
            },
            Act::ActRefused => Event::ActRefused {
                actor: header.actor,
                statement: subject()?,
                reason: reason()?,
            },
            Act::RefusedStatement => Event::RefusedStatement {
                statement: subject()?,
                peer: peer()?,
                leaf: header.leaf.ok_or_else(|| missing("leaf"))?,
                reason: reason()?,
            },
            Act::RefusedInput => Event::RefusedInput {
                peer: peer()?,
                reason: reason()?,
                leaf: header.leaf,
            },
            Act::RefusalsCounted => Event::RefusalsCounted {
                peer: peer()?,
                reason: reason()?,
                count: header.count,
            },
            Act::DeliveryEnded => Event::DeliveryEnded {
                statement: subject()?,
                recipient: peer()?,
                reason: reason()?,
            },
            Act::DeliveryHeld => Event::DeliveryHeld {
                statement: subject()?,
                recipient: peer()?,
                reason: reason()?,
            },
            Act::DeliveryResumed => Event::DeliveryResumed {
                actor: header.actor,
                statement: subject()?,
                recipient: peer()?,
            },
            Act::Consulted => Event::Consulted {
                actor: header.actor,
                thread: subject()?,
                peek: match header.count {
                    0 => Peek::LeavesUnopened,
                    _ => Peek::Opens,
                },
                why: why(header, body)?,
            },
            Act::Exported => Event::Exported {
                actor: header.actor,
                thread: subject()?,
                why: why(header, body)?,
            },
            Act::AuditRead => Event::AuditRead {
                actor: header.actor,
            },
            Act::Incident => Event::Incident {
                peer: header.peer,
                statement: header.subject,
                reason: reason()?,
                leaf: header.leaf,
            },
            Act::Started => Event::Started,
            Act::Stopped => Event::Stopped,
            Act::TailCut => Event::TailCut {
                bytes: header.count,
            },
            Act::Missing => Event::Missing,
            Act::Reclaimed => Event::Reclaimed {
                statement: subject()?,
                peer: peer()?,
                leaf: header.leaf.ok_or_else(|| missing("leaf"))?,
                lost: (header.count != u32::MAX).then_some(header.count.into()),
            },
            Act::GivenBack => Event::GivenBack {
                statement: subject()?,
                peer: peer()?,
                leaf: header.leaf.ok_or_else(|| missing("leaf"))?,
            },
            Act::AlertExpired => Event::AlertExpired {
                statement: subject()?,
            },
            Act::ReclaimEnded => Event::ReclaimEnded {
                missing: header.count,
            },
        })
    }

    fn documented(self, header: &EntryHeader, body: &Bytes) -> Result<Event, EventError> {
        let leaf = header.leaf.ok_or(EventError::Missing {
            index: header.index,
            act: header.act,
            field: "leaf",
        })?;
        let unreadable = |reason| EventError::Body {
            index: header.index,
            act: header.act,
            reason,
        };
        let document = body.clone();
        if header.act == Act::ReceiptStored {
            let receipt = Box::new((self.receipt)(body).map_err(unreadable)?);
            return Ok(Event::ReceiptStored {
                receipt,
                document,
                leaf,
            });
        }
        let routing = (self.statement)(body).map_err(unreadable)?.0.into();
        Ok(match header.act {
            Act::Accepted => Event::Accepted {
                actor: header.actor,
                routing,
                leaf,
                document,
            },
            Act::Carried => Event::Carried {
                peer: header.peer.ok_or(EventError::Missing {
                    index: header.index,
                    act: header.act,
                    field: "peer",
                })?,
                routing,
                leaf,
                document,
            },
            _ => Event::Received {
                routing,
                leaf,
                document,
            },
        })
    }
}

/// Words beside an act; most have none.
fn why(header: &EntryHeader, body: &Bytes) -> Result<Option<std::sync::Arc<str>>, EventError> {
    if body.is_empty() {
        return Ok(None);
    }
    let text = str::from_utf8(body).map_err(|_| EventError::Body {
        index: header.index,
        act: header.act,
        reason: Reason::DamagedBody,
    })?;
    Ok(Some(text.into()))
}

fn of_draft(
    header: &EntryHeader,
    statement: StatementRef,
    body: &Bytes,
) -> Result<Event, EventError> {
    let unreadable = |reason| EventError::Body {
        index: header.index,
        act: header.act,
        reason,
    };
    if header.act == Act::DraftKept {
        let (_, outline) = wire::decode_kept_draft(body).map_err(unreadable)?;
        return Ok(Event::DraftKept {
            actor: header.actor,
            statement,
            outline: outline.into(),
            body: body.clone(),
        });
    }
    let text = str::from_utf8(body).map_err(|_| unreadable(Reason::DamagedBody))?;
    Ok(Event::DraftReturned {
        actor: header.actor,
        statement,
        text: text.into(),
    })
}

fn with_own_body(header: &EntryHeader, body: &Bytes) -> Result<Event, EventError> {
    let unreadable = || EventError::Body {
        index: header.index,
        act: header.act,
        reason: Reason::DamagedBody,
    };
    if header.act == Act::ActorNamed {
        return Ok(Event::ActorNamed {
            actor: header.actor,
            uri: str::from_utf8(body).map_err(|_| unreadable())?.into(),
        });
    }
    if header.act == Act::HandedOver {
        return handover(header, body).ok_or_else(unreadable);
    }
    if matches!(header.act, Act::Called | Act::CallFailed) {
        return call(header, body).ok_or_else(unreadable);
    }
    if header.act == Act::EpochBegun {
        let (size, root) = body.split_first_chunk::<8>().ok_or_else(unreadable)?;
        return Ok(Event::EpochBegun {
            epoch: header.count,
            size: u64::from_be_bytes(*size),
            root: root.try_into().map_err(|_| unreadable())?,
        });
    }
    let version = body.first_chunk::<8>().ok_or_else(unreadable)?;
    Ok(Event::DirectoryAdopted {
        version: u64::from_be_bytes(*version),
        bundle: body.slice(version.len()..),
    })
}

fn handover(header: &EntryHeader, body: &Bytes) -> Option<Event> {
    let actor = header.actor;
    if header.count == 0 {
        return Some(Event::HandedOver {
            actor,
            step: HandoverStep::Given,
            body: body.clone(),
        });
    }
    let (given, rest) = body.split_first_chunk::<8>()?;
    let (leaf, rest) = rest.split_first_chunk::<32>()?;
    Some(Event::HandedOver {
        actor,
        step: HandoverStep::Taken {
            given: u64::from_be_bytes(*given),
            leaf: LeafHash(*leaf),
        },
        body: body.slice_ref(rest),
    })
}

fn call(header: &EntryHeader, body: &Bytes) -> Option<Event> {
    let (kind, ways) = body.split_first()?;
    let kind = CallKind::from_number(*kind)?;
    let ways = str::from_utf8(ways).ok()?.into();
    let (statement, peer, count) = (header.subject, header.peer, header.count);
    Some(match header.reason {
        Some(reason) if header.act == Act::CallFailed => Event::CallFailed {
            statement,
            peer,
            kind,
            count,
            way: ways,
            reason,
        },
        None if header.act == Act::Called => Event::Called {
            statement,
            peer,
            kind,
            count,
            ways,
        },
        _ => return None,
    })
}
