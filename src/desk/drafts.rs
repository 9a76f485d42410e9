//! Drafts that wait for a second person: listed, shown, released, given back, discarded.
//!
//! The way in is one function for each call. Who wrote a draft never releases it, whichever of the own certificates is
//! used: certificates of one name are one person. A refused release leaves an entry in the journal.

use std::sync::Arc;

use prost::Message as _;
use tonic::{Request, Status};

use super::{
    cursor::{self, Paged},
    inbox::page_size,
    rights::{Call, may},
    second,
    service::{DeskService, Permit, read_failed, store_failed, submit_failed},
    statistics,
    submit::{self, addressees, submitted},
    summary::{reference_of, short_reference},
    thread::blocking,
    units,
};
use crate::{
    delivery::{Accepted, DraftWord, SecondPerson, SubmitError},
    domain::{
        limits::NOTE_TO_STAFF_MAX_CHARS,
        lives::DraftLife,
        reason::Reason,
        release::Outline,
        routing::{Release, Routing},
    },
    proto::{alert::v1 as alert, desk::v1 as pb},
    store::{
        entry::{Actor, EntryIndex},
        event::{Event, Peek},
        ledger::Found,
        record::{Direction, DraftRecord},
    },
    trust::tls::Name,
    wire::{
        alert::parse_marked_draft,
        decode_kept_draft, decode_kept_statement,
        status::{faulty_draft, reason_of, refusal},
    },
};

/// One page, newest first.
pub(super) async fn list(
    desk: &DeskService,
    permit: &Permit,
    request: &pb::ListDraftsRequest,
) -> Result<pb::ListDraftsResponse, Status> {
    let before = cursor::read(Paged::Drafts, &request.cursor)?;
    let limit = page_size(request.limit)?;
    let reading = desk
        .parts()
        .store
        .read(|ledger| ledger.drafts(before, limit + 1));
    let mut records = reading.await.map_err(|error| store_failed(&error))?;
    let more = records.len() > limit;
    records.truncate(limit);
    let last = records.last().filter(|_| more);
    Ok(pb::ListDraftsResponse {
        next_cursor: last.map_or_else(String::new, |last| cursor::write(Paged::Drafts, last.index)),
        items: records
            .iter()
            .map(|record| summary(record, permit))
            .collect(),
    })
}

/// One draft in full. That somebody saw it is itself an entry.
pub(super) async fn show(
    desk: &DeskService,
    permit: &Permit,
    request: &pb::ShowDraftRequest,
) -> Result<pb::ShowDraftResponse, Status> {
    let record = kept(desk, &request.id).await?.ok_or_else(not_kept)?;
    let (draft, _) = content(desk, record.index).await?;
    check_units(desk, permit, &draft).await?;
    let parts = desk.parts();
    let (now, actor, thread) = (parts.clock.now(), permit.actor, record.statement);
    let plan = parts.store.decide(|ledger| {
        let peek = Peek::LeavesUnopened;
        ledger.record(
            now,
            Event::Consulted {
                actor,
                thread,
                peek,
                why: None,
            },
        );
    });
    plan.commit().await.map_err(|error| store_failed(&error))?;
    let returned_reason = match record.returned {
        None => String::new(),
        Some(index) => text(desk, index).await?,
    };
    Ok(pb::ShowDraftResponse {
        summary: Some(summary(&record, permit)),
        draft: Some(draft),
        returned_reason,
    })
}

/// A second person lets it go. Said twice, the second gets the first answer.
pub(super) async fn release(
    desk: &DeskService,
    permit: &Permit,
    request: &pb::ReleaseDraftRequest,
) -> Result<pb::ReleaseDraftResponse, Status> {
    let Some(record) = kept(desk, &request.id).await? else {
        return released_before(desk, &request.id).await;
    };
    if is_same_person(desk, permit, &record.creator).await? {
        return Err(refused_to_creator(desk, permit, &record).await);
    }
    let (draft, outline) = content(desk, record.index).await?;
    // Dates and directory may have changed since: it is judged as if it were handed in now.
    let mut parsed = parse_marked_draft(&draft, desk.parts().clock.now(), desk.parts().markings)
        .map_err(|faults| faulty_draft(&faults))?;
    let warnings = std::mem::take(&mut parsed.warnings);
    let resolved = submit::resolve(desk, permit, parsed).await;
    let mut submission = resolved.map_err(|unresolved| unresolved.into_status(""))?;
    submission.id = Some(record.statement.id);
    submission.release = SecondPerson::Attested(Release {
        created_by: outline.created_by,
        created_at: record.kept_at,
        released_by: second::function(desk, permit)?,
        released_at: record.kept_at,
    });
    let _one_return = statistics::admit(desk, std::slice::from_ref(&submission)).await?;
    let broker = &desk.parts().broker;
    let directory = desk.parts().directory.load_full();
    let released = broker.release_draft(permit.actor, record.statement, submission.clone());
    match released.await {
        Ok(accepted) => {
            let addressees = addressees(&accepted, Some(&submission), &directory);
            Ok(pb::ReleaseDraftResponse {
                submitted: Some(submitted(accepted, addressees, warnings)),
            })
        }
        Err(SubmitError::Refused {
            reason: Reason::SamePerson,
            ..
        }) => Err(refused_to_creator(desk, permit, &record).await),
        // Somebody else has just released it.
        Err(SubmitError::Refused {
            reason: Reason::NotFound,
            ..
        }) => released_before(desk, &request.id).await,
        Err(error) => Err(submit_failed(&error)),
    }
}

/// What a draft follows may be kept to other units than the caller's: then the draft is too.
async fn check_units(
    desk: &DeskService,
    permit: &Permit,
    draft: &alert::Draft,
) -> Result<(), Status> {
    if permit.unit.is_none() || draft.in_reply_to.is_empty() {
        return Ok(());
    }
    let followed = desk.find(&draft.in_reply_to).await?;
    units::check_follow(desk, permit, &followed).await
}

/// Back to its creator, with why.
pub(super) async fn give_back(
    desk: &DeskService,
    permit: &Permit,
    request: &pb::ReturnDraftRequest,
) -> Result<pb::ReturnDraftResponse, Status> {
    let why = note("reason", &request.reason)?;
    let record = kept(desk, &request.id).await?.ok_or_else(not_kept)?;
    let (draft, _) = content(desk, record.index).await?;
    check_units(desk, permit, &draft).await?;
    if record.creator == Actor::NODE {
        return Err(refusal(
            Reason::NotYours,
            "the node filled it in, and changes nothing: release it, or discard it and send what is right; \
             `allpoints return ID --prepare` prints it",
        ));
    }
    let broker = &desk.parts().broker;
    let word = DraftWord::Return(why);
    let stepped = broker.step_draft(permit.actor, record.statement, word);
    stepped.await.map_err(|error| submit_failed(&error))?;
    let returned = DraftRecord {
        life: DraftLife::Returned,
        ..record
    };
    Ok(pb::ReturnDraftResponse {
        summary: Some(summary(&returned, permit)),
    })
}

/// Ended unsent, by its creator or by whoever may release.
pub(super) async fn discard(
    desk: &DeskService,
    permit: &Permit,
    request: &pb::DiscardDraftRequest,
) -> Result<pb::DiscardDraftResponse, Status> {
    let record = kept(desk, &request.id).await?.ok_or_else(not_kept)?;
    let may_end = may(permit.role, Call::ReleaseDraft)
        || is_same_person(desk, permit, &record.creator).await?;
    if !may_end {
        return Err(refusal(
            Reason::NotYours,
            "a draft of somebody else is discarded by a supervisor or duty officer",
        ));
    }
    let broker = &desk.parts().broker;
    let stepped = broker.step_draft(permit.actor, record.statement, DraftWord::Discard);
    stepped.await.map_err(|error| submit_failed(&error))?;
    Ok(pb::DiscardDraftResponse {
        statement: Some(reference_of(&record.statement)),
    })
}

/// Journals that somebody without the right tried to release a draft; gives the refusal as it was.
pub(super) async fn unseen(
    desk: &DeskService,
    request: &Request<pb::ReleaseDraftRequest>,
    refused: Status,
) -> Status {
    if reason_of(&refused) != Some(Reason::NotYours) {
        return refused;
    }
    let Ok(Some(record)) = kept(desk, &request.get_ref().id).await else {
        return refused;
    };
    let Some(actor) = desk.caller(request).await else {
        return refused;
    };
    let broker = &desk.parts().broker;
    let told = broker.act_refused(actor, record.statement, Reason::NotYours);
    match told.await {
        Ok(()) => refused,
        Err(error) => store_failed(&error),
    }
}

/// A text that one member of the staff writes to another.
pub(super) fn note(field: &str, text: &str) -> Result<Arc<str>, Status> {
    let length = text.chars().count();
    if text.trim().is_empty() || length > NOTE_TO_STAFF_MAX_CHARS {
        return Err(refusal(
            Reason::Malformed,
            format!(
                "{field}: found {length} characters, expected words, at most {NOTE_TO_STAFF_MAX_CHARS} characters"
            ),
        ));
    }
    Ok(text.into())
}

/// The open draft that a text names; `None`: there is none.
async fn kept(desk: &DeskService, text: &str) -> Result<Option<DraftRecord>, Status> {
    let reading = desk.parts().store.read(|ledger| {
        let found = ledger.find_draft(text);
        let record = match &found {
            Found::One(statement) => ledger.draft(statement),
            Found::None | Found::Ambiguous => None,
        };
        (found, record)
    });
    match reading.await.map_err(|error| store_failed(&error))? {
        (Found::Ambiguous, _) => Err(refusal(Reason::AmbiguousId, Reason::AmbiguousId.meaning())),
        (_, record) => Ok(record),
    }
}

fn not_kept() -> Status {
    refusal(
        Reason::NotFound,
        "no such draft waits: see `allpoints draft list`; what was released is in the outbox",
    )
}

/// The first answer, when this was a draft and is a released statement now.
async fn released_before(
    desk: &DeskService,
    text: &str,
) -> Result<pb::ReleaseDraftResponse, Status> {
    let found = desk
        .find(text)
        .await
        .map_err(|status| match reason_of(&status) {
            Some(Reason::NotFound) => not_kept(),
            _ => status,
        })?;
    let store = desk.parts().store.clone();
    let reading = store.read(|ledger| ledger.message(&found));
    let record = reading
        .await
        .map_err(|error| store_failed(&error))?
        .filter(|record| record.direction == Direction::Own)
        .ok_or_else(not_kept)?;
    let index = record.index;
    let body = blocking(move || {
        let entry = store.entry(index).map_err(|error| read_failed(&error))?;
        Ok(entry.body)
    })
    .await?;
    let (routing, _): (Routing, _) = decode_kept_statement(&body).map_err(damaged)?;
    if routing.release.is_none() {
        return Err(not_kept());
    }
    let accepted = Accepted {
        statement: record.statement,
        recipients: routing.recipients,
        accepted_at: record.recorded_at,
        repeated: true,
        awaits: None,
    };
    let addressees = addressees(&accepted, None, &desk.parts().directory.load());
    Ok(pb::ReleaseDraftResponse {
        submitted: Some(submitted(accepted, addressees, Vec::new())),
    })
}

/// True when the caller wrote it: under this certificate, or under another of the same name.
pub(super) async fn is_same_person(
    desk: &DeskService,
    permit: &Permit,
    creator: &Actor,
) -> Result<bool, Status> {
    if permit.actor == *creator {
        return Ok(true);
    }
    // What the node filled in was written by nobody.
    if *creator == Actor::NODE {
        return Ok(false);
    }
    let named = desk
        .parts()
        .store
        .glance(|ledger, _| ledger.actor_entry(creator));
    let index = named.ok_or_else(|| {
        refusal(
            Reason::EntryMissing,
            "the entry that names who wrote or gave it is missing: have it handed in again",
        )
    })?;
    let uri = text(desk, index).await?;
    Ok(is_one_name(&uri, &permit.uri))
}

/// Roles and units may differ: one name is one person.
fn is_one_name(one: &str, other: &str) -> bool {
    let name = |uri: &str| match uri.parse() {
        Ok(Name::DeskPerson { name, .. }) => Some(name),
        Ok(Name::Node { .. } | Name::DeskServer { .. }) | Err(_) => None,
    };
    match (name(one), name(other)) {
        (Some(one), Some(other)) => one == other,
        // What cannot be told apart is not taken for two.
        _ => true,
    }
}

async fn refused_to_creator(desk: &DeskService, permit: &Permit, record: &DraftRecord) -> Status {
    let broker = &desk.parts().broker;
    let told = broker.act_refused(permit.actor, record.statement, Reason::SamePerson);
    match told.await {
        Ok(()) => refusal(Reason::SamePerson, Reason::SamePerson.meaning()),
        Err(error) => store_failed(&error),
    }
}

async fn content(desk: &DeskService, index: EntryIndex) -> Result<(alert::Draft, Outline), Status> {
    let store = desk.parts().store.clone();
    blocking(move || {
        let entry = store.entry(index).map_err(|error| read_failed(&error))?;
        let (draft, outline) = decode_kept_draft(&entry.body).map_err(damaged)?;
        let draft = alert::Draft::decode(draft).map_err(|_| damaged(Reason::Malformed))?;
        Ok((draft, outline))
    })
    .await
}

async fn text(desk: &DeskService, index: EntryIndex) -> Result<String, Status> {
    let store = desk.parts().store.clone();
    blocking(move || {
        let entry = store.entry(index).map_err(|error| read_failed(&error))?;
        let text = str::from_utf8(&entry.body).map_err(|_| damaged(Reason::Malformed))?;
        Ok(text.to_owned())
    })
    .await
}

fn damaged(reason: Reason) -> Status {
    tracing::error!(%reason, "a kept draft cannot be decoded");
    refusal(Reason::DamagedBody, Reason::DamagedBody.meaning())
}

fn summary(record: &DraftRecord, permit: &Permit) -> pb::DraftSummary {
    let outline = &record.outline;
    let life = match record.life {
        DraftLife::Awaiting => pb::DraftLife::AwaitingRelease,
        DraftLife::Returned => pb::DraftLife::Returned,
        // Not kept any more.
        DraftLife::Released | DraftLife::Discarded => pb::DraftLife::Unspecified,
    };
    pb::DraftSummary {
        statement: Some(reference_of(&record.statement)),
        reference: short_reference(&record.statement),
        kind: i32::from(outline.kind as u8),
        status: i32::from(outline.status as u8),
        priority: i32::from(outline.priority as u8),
        recipients: outline.recipients.iter().map(ToString::to_string).collect(),
        created_by: outline.created_by.clone(),
        created_at_us: record.kept_at.as_micros(),
        life: life.into(),
        release_rule: outline.why.clone(),
        own: record.creator == permit.actor,
        do_not_alert: outline.do_not_alert,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_is_one_person_whatever_role_or_unit() {
        let uri = |rest: &str| format!("allpoints://XA-POL/desk/{rest}");
        let officer = uri("officer/duty-7");
        for same in ["supervisor/duty-7", "duty/duty-7/unit/harbour"] {
            assert!(is_one_name(&officer, &uri(same)), "{same}");
        }
        assert!(!is_one_name(&officer, &uri("supervisor/duty-8")));
        assert!(
            is_one_name(&officer, "somebody"),
            "what cannot be read is not another person"
        );
    }

    #[test]
    fn a_note_has_words_and_an_end() {
        assert!(note("reason", "name the court").is_ok());
        assert!(note("reason", &"x".repeat(NOTE_TO_STAFF_MAX_CHARS)).is_ok());
        for wrong in [
            String::new(),
            "  ".to_owned(),
            "x".repeat(NOTE_TO_STAFF_MAX_CHARS + 1),
        ] {
            let refused = note("reason", &wrong).expect_err("refused");
            assert_eq!(reason_of(&refused), Some(Reason::Malformed));
        }
    }
}
