//! Handover between shifts: one person gives the open work over, another takes it, each in their own name.
//!
//! The ways in are [`open_work`], [`give`], [`show`] and [`take`]. Both halves are entries of the journal, by the
//! certificate whose act each is, over the same bytes: who takes says back the hash of what was given. Must never let a
//! person take over from themselves.

use prost::Message as _;
use tonic::Status;

use super::{
    drafts::{is_same_person, note},
    second,
    service::{DeskService, Permit, read_failed, store_failed},
    thread::blocking,
    work,
};
use crate::{
    domain::{reason::Reason, receipt::LeafHash, release},
    proto::desk::v1 as pb,
    store::{
        entry::{Actor, EntryIndex},
        event::{Event, HandoverStep},
        ledger::Ledger,
        record::HandoverRecord,
    },
    wire::status::refusal,
};

/// Handovers that are listed beside the open work.
const LISTED_MAX: usize = 16;

/// What is open, and what was given over of late.
pub(super) async fn open_work(
    desk: &DeskService,
    permit: &Permit,
) -> Result<pb::OpenWorkResponse, Status> {
    let work = work::open_work(desk).await?;
    let own = permit.actor;
    let reading = desk.parts().store.read(|ledger| {
        let mut all: Vec<HandoverRecord> = ledger.handovers().collect();
        all.sort_by_key(|record| (record.taken.is_some(), std::cmp::Reverse(record.given)));
        let listed = all.iter().take(LISTED_MAX);
        listed
            .map(|record| summary(desk, ledger, record, own))
            .collect()
    });
    Ok(pb::OpenWorkResponse {
        work: Some(work),
        handovers: reading.await.map_err(|error| store_failed(&error))?,
    })
}

/// The caller's shift ends.
pub(super) async fn give(
    desk: &DeskService,
    permit: &Permit,
    request: pb::HandOverRequest,
) -> Result<pb::HandOverResponse, Status> {
    if !request.note.is_empty() {
        note("note", &request.note)?;
    }
    let work = work::open_work(desk).await?;
    let kept = pb::KeptHandover {
        work: Some(work.clone()),
        note: request.note,
        given_by: second::function(desk, permit)?,
    };
    let (now, actor) = (desk.parts().clock.now(), permit.actor);
    let body = kept.encode_to_vec().into();
    let plan = desk.parts().store.decide(|ledger| {
        let step = HandoverStep::Given;
        ledger.record(now, Event::HandedOver { actor, step, body })
    });
    let given = plan.commit().await.map_err(|error| store_failed(&error))?;
    let record = HandoverRecord {
        given: given.into_inner(),
        giver: actor,
        given_at: now,
        taken: None,
    };
    Ok(pb::HandOverResponse {
        summary: Some(read_summary(desk, &record, actor).await?),
        work: Some(work),
    })
}

/// What was given over. Looking changes nothing, and is no act: it holds no person but in the giver's words.
pub(super) async fn show(
    desk: &DeskService,
    permit: &Permit,
    request: &pb::ShowHandoverRequest,
) -> Result<pb::ShowHandoverResponse, Status> {
    let record = match request.name.is_empty() {
        true => newest_for(desk, permit.actor).await?,
        false => named(desk, &request.name).await?,
    };
    let (kept, leaf) = content(desk, record.given).await?;
    Ok(pb::ShowHandoverResponse {
        summary: Some(read_summary(desk, &record, permit.actor).await?),
        work: kept.work,
        note: kept.note,
        leaf: leaf.0.to_vec(),
    })
}

/// The caller's shift begins. Said twice, the second gets the first answer.
pub(super) async fn take(
    desk: &DeskService,
    permit: &Permit,
    request: &pb::TakeOverRequest,
) -> Result<pb::TakeOverResponse, Status> {
    let record = named(desk, &request.name).await?;
    let (_, leaf) = content(desk, record.given).await?;
    if request.leaf != leaf.0 {
        return Err(refusal(
            Reason::Malformed,
            "leaf: found another hash than that of what was given, expected the one that `ShowHandover` gives",
        ));
    }
    if is_same_person(desk, permit, &record.giver).await? {
        let (now, parts) = (desk.parts().clock.now(), desk.parts());
        let refused = Event::TakeRefused {
            actor: permit.actor,
            given: record.given,
            reason: Reason::SamePerson,
        };
        let plan = parts.store.decide(|ledger| {
            ledger.record(now, refused);
        });
        plan.commit().await.map_err(|error| store_failed(&error))?;
        return Err(refusal(
            Reason::SamePerson,
            "whoever gave it over does not take it: somebody of the next shift does",
        ));
    }
    let (now, actor, given) = (desk.parts().clock.now(), permit.actor, record.given);
    let plan = desk.parts().store.decide(|ledger| {
        let Some(record) = ledger.handover(given) else {
            return Err(gone());
        };
        match record.taken {
            Some((taker, _)) if taker == actor => return Ok(record),
            Some(_) => {
                return Err(refusal(
                    Reason::HandoverTaken,
                    Reason::HandoverTaken.meaning(),
                ));
            }
            None => {}
        }
        let taken = Event::HandedOver {
            actor,
            step: HandoverStep::Taken { given, leaf },
            body: <_>::default(),
        };
        ledger.record(now, taken);
        ledger.handover(given).ok_or_else(gone)
    });
    let taken = plan.commit().await.map_err(|error| store_failed(&error))?;
    let record = taken.into_inner()?;
    Ok(pb::TakeOverResponse {
        summary: Some(read_summary(desk, &record, actor).await?),
    })
}

fn gone() -> Status {
    refusal(Reason::HandoverGone, Reason::HandoverGone.meaning())
}

/// The newest that waits and that somebody else gave.
async fn newest_for(desk: &DeskService, caller: Actor) -> Result<HandoverRecord, Status> {
    let reading = desk.parts().store.read(|ledger| {
        let mut waiting = ledger.handovers().filter(|record| record.taken.is_none());
        waiting.find(|record| record.giver != caller)
    });
    let newest = reading.await.map_err(|error| store_failed(&error))?;
    newest.ok_or_else(|| {
        refusal(
            Reason::HandoverGone,
            "nothing that somebody else gave over waits to be taken",
        )
    })
}

async fn named(desk: &DeskService, name: &str) -> Result<HandoverRecord, Status> {
    let given = name
        .trim()
        .strip_prefix("H-")
        .and_then(|it| it.parse().ok());
    let given: EntryIndex = given.ok_or_else(|| {
        refusal(
            Reason::Malformed,
            "name: expected `H-` and a number, as `allpoints handover` lists it",
        )
    })?;
    let reading = desk.parts().store.read(|ledger| ledger.handover(given));
    let record = reading.await.map_err(|error| store_failed(&error))?;
    record.ok_or_else(gone)
}

/// What was given, and its hash in the journal.
async fn content(
    desk: &DeskService,
    given: EntryIndex,
) -> Result<(pb::KeptHandover, LeafHash), Status> {
    let store = desk.parts().store.clone();
    blocking(move || {
        let entry = store.entry(given).map_err(|error| read_failed(&error))?;
        let kept = pb::KeptHandover::decode(entry.body.clone()).ok();
        kept.zip(entry.header.leaf).ok_or_else(|| {
            tracing::error!(index = given, "a kept handover cannot be decoded");
            refusal(Reason::DamagedBody, Reason::DamagedBody.meaning())
        })
    })
    .await
}

async fn read_summary(
    desk: &DeskService,
    record: &HandoverRecord,
    caller: Actor,
) -> Result<pb::HandoverSummary, Status> {
    let reading = desk
        .parts()
        .store
        .read(|ledger| summary(desk, ledger, record, caller));
    reading.await.map_err(|error| store_failed(&error))
}

fn summary(
    desk: &DeskService,
    ledger: &Ledger,
    record: &HandoverRecord,
    caller: Actor,
) -> pb::HandoverSummary {
    let function = |actor: Actor| {
        let role = actor.as_str().rsplit_once('-').map_or("", |(role, _)| role);
        let number = ledger.actor_entry(&actor).unwrap_or_default();
        release::function(desk.parts().authority, role, number)
    };
    pb::HandoverSummary {
        name: format!("H-{}", record.given),
        given_by: function(record.giver),
        given_at_us: record.given_at.as_micros(),
        taken_by: record
            .taken
            .map_or_else(String::new, |(it, _)| function(it)),
        taken_at_us: record.taken.map_or(0, |(_, at)| at.as_micros()),
        own: record.giver == caller,
    }
}
