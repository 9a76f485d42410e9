//! Entries as events again: the way back of `codec.rs`.
//!
//! The way in is [`Reader::event`]. Total over whatever a journal holds: what is not as its act demands is an error that
//! names the entry.

use bytes::Bytes;

use super::{DraftEnd, Event, HandoverStep, Peek, Word};
use crate::{
    domain::{
        call::CallKind,
        id::{MessageId, StatementRef},
        reason::Reason,
        receipt::{LeafHash, Receipt},
        routing::Routing,
        time::Timestamp,
    },
    store::{
        entry::{Act, EntryHeader, EntryIndex},
        record::CallRecord,
    },
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
            | Act::CallWaits
            | Act::CallArrived
            | Act::TakeRefused
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
            Act::OfferDeclined => Event::OfferDeclined {
                actor: header.actor,
                statement: subject()?,
                recipient: peer()?,
                text: why(header, body)?.unwrap_or_default(),
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
    if header.act == Act::TakeRefused {
        let given = <[u8; 8]>::try_from(&body[..]).map_err(|_| unreadable())?;
        return Ok(Event::TakeRefused {
            actor: header.actor,
            given: EntryIndex::from_be_bytes(given),
            reason: header.reason.ok_or_else(unreadable)?,
        });
    }
    if header.act == Act::HandedOver {
        return handover(header, body).ok_or_else(unreadable);
    }
    if matches!(header.act, Act::Called | Act::CallFailed | Act::CallArrived) {
        return call(header, body).ok_or_else(unreadable);
    }
    if header.act == Act::CallWaits {
        let call = waiting(header, body).ok_or_else(unreadable)?;
        return Ok(Event::CallWaits { call: call.into() });
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
        None if header.act == Act::CallArrived => Event::CallArrived {
            statement,
            peer,
            kind,
            count,
            way: ways,
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

fn waiting(header: &EntryHeader, body: &Bytes) -> Option<CallRecord> {
    let (kind, rest) = body.split_first()?;
    let (id, rest) = rest.split_first_chunk::<16>()?;
    let (times, ways) = rest.split_first_chunk::<24>()?;
    let time = |place: usize| {
        let bytes = times.get(place * 8..)?.first_chunk::<8>()?;
        Some(i64::from_be_bytes(*bytes))
    };
    let due = Some(time(2)?).filter(|due| *due != i64::MIN);
    Some(CallRecord {
        id: MessageId::from_bytes(id).ok()?,
        at: Timestamp::from_micros(time(0)?),
        kind: CallKind::from_number(*kind)?,
        statement: header.subject,
        peer: header.peer,
        due: due.map(Timestamp::from_micros),
        since: Timestamp::from_micros(time(1)?),
        reason: header.reason,
        count: header.count,
        ways: str::from_utf8(ways).ok()?.into(),
    })
}
