//! `AuditList`: journal entry headers, newest first. That somebody read them is itself an entry.

use tonic::Status;

use super::{
    cursor::{self, Paged},
    inbox::page_size,
    service::{DeskService, Permit, read_failed, store_failed},
    summary::reference_of,
    thread::blocking,
};
use crate::{
    domain::{id::StatementRef, reason::Reason},
    proto::desk::v1 as pb,
    store::{
        Store,
        entry::{Act, EntryHeader},
        event::Event,
    },
    wire::status::refusal,
};

/// Headers that are read at once while looking for those of one statement.
const STRIDE_ENTRIES: u64 = 4096;

/// One page.
pub(super) async fn list(
    desk: &DeskService,
    permit: &Permit,
    request: &pb::AuditListRequest,
) -> Result<pb::AuditListResponse, Status> {
    let before = cursor::read(Paged::Audit, &request.cursor)?;
    let limit = page_size(request.limit)?;
    let subject = match request.id.as_str() {
        "" => None,
        text => Some(desk.find(text).await?),
    };
    let store = desk.parts().store.clone();
    let (now, actor) = (desk.parts().clock.now(), permit.actor);
    let plan = store.decide(|ledger| {
        ledger.record(now, Event::AuditRead { actor });
    });
    plan.commit().await.map_err(|error| store_failed(&error))?;
    let headers = blocking(move || newest(&store, before, subject, limit)).await?;
    let next_cursor = match headers.last() {
        Some(last) if headers.len() == limit && last.index > 0 => {
            cursor::write(Paged::Audit, last.index)
        }
        _ => String::new(),
    };
    Ok(pb::AuditListResponse {
        entries: headers.iter().map(entry).collect(),
        next_cursor,
    })
}

/// The stable lower-case name of an act.
pub(super) const fn act_name(act: Act) -> &'static str {
    match act {
        Act::Accepted => "accepted",
        Act::Received => "received",
        Act::Carried => "came-inside",
        Act::Addressed => "addressed",
        Act::RefusedStatement => "refused",
        Act::ReceiptStored => "receipt-stored",
        Act::RefusedInput => "refused-input",
        Act::RefusalsCounted => "refusals-counted",
        Act::DeliveryEnded => "delivery-ended",
        Act::DeliveryHeld => "delivery-held",
        Act::DeliveryResumed => "delivery-resumed",
        Act::Consulted => "consulted",
        Act::Exported => "exported",
        Act::Incident => "incident",
        Act::DirectoryAdopted => "directory-adopted",
        Act::Started => "started",
        Act::Stopped => "stopped",
        Act::TailCut => "tail-cut",
        Act::ActorNamed => "actor-named",
        Act::AuditRead => "audit-read",
        Act::Missing => "missing",
        Act::Reclaimed => "reclaimed",
        Act::GivenBack => "given-back",
        Act::ReclaimEnded => "reclaim-ended",
        Act::EpochBegun => "epoch-begun",
        Act::DraftKept => "draft-kept",
        Act::DraftReturned => "draft-returned",
        Act::DraftEnded => "draft-ended",
        Act::ActRefused => "act-refused",
        Act::HandedOver => "handed-over",
        Act::TakeRefused => "take-refused",
        Act::OfferDeclined => "offer-declined",
        Act::Restricted => "restricted",
        Act::GoesByHand => "goes-by-hand",
        Act::Bundled => "bundled",
        Act::HandReported => "carried-by-hand",
        Act::AlertExpired => "alert-expired",
        Act::Called => "called",
        Act::CallFailed => "call-failed",
        Act::CallWaits => "call-waits",
        Act::CallArrived => "call-arrived",
    }
}

/// The act's name; of one that ends two ways, or has two halves, which.
fn act_of(header: &EntryHeader) -> &'static str {
    match (header.act, header.count) {
        (Act::DraftEnded, 0) => "draft-discarded",
        (Act::DraftEnded, _) => "draft-released",
        (Act::HandedOver, 1..) => "taken-over",
        (act, _) => act_name(act),
    }
}

/// Reads a header; one that does not decode is damage.
pub(super) fn decoded(
    bytes: &[u8; crate::store::entry::HEADER_BYTES],
) -> Result<EntryHeader, Status> {
    EntryHeader::decode(bytes).map_err(|error| {
        tracing::error!(%error, "a kept entry header cannot be decoded");
        refusal(Reason::DamagedBody, Reason::DamagedBody.meaning())
    })
}

/// Walks back from `before` in strides until the page is full.
fn newest(
    store: &Store,
    before: Option<u64>,
    subject: Option<StatementRef>,
    limit: usize,
) -> Result<Vec<EntryHeader>, Status> {
    let (size, _) = store.log_head();
    let mut end = before.unwrap_or(size).min(size);
    let mut page = Vec::new();
    while end > 0 && page.len() < limit {
        let start = end.saturating_sub(STRIDE_ENTRIES);
        let mut stride = Vec::new();
        for header in store.headers(start) {
            let (index, bytes) = header.map_err(|error| read_failed(&error))?;
            if index >= end {
                break;
            }
            let header = decoded(&bytes)?;
            if subject.is_none() || header.subject == subject {
                stride.push(header);
            }
        }
        let room = limit - page.len();
        page.extend(stride.into_iter().rev().take(room));
        end = start;
    }
    Ok(page)
}

fn entry(header: &EntryHeader) -> pb::AuditEntry {
    pb::AuditEntry {
        index: header.index,
        at_us: header.time.as_micros(),
        actor: header.actor.to_string(),
        act: act_of(header).to_owned(),
        statement: header.subject.as_ref().map(reference_of),
        reason: header
            .reason
            .map_or_else(String::new, |reason| reason.to_string()),
        peer: header
            .peer
            .map_or_else(String::new, |peer| peer.to_string()),
        leaf: header.leaf.map_or_else(Vec::new, |leaf| leaf.0.to_vec()),
        count: match header.act {
            Act::RefusalsCounted
            | Act::Called
            | Act::CallFailed
            | Act::CallWaits
            | Act::CallArrived => header.count,
            _ => 0,
        },
    }
}
