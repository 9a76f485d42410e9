//! `Show` and `Track`: one thread in full for those who may see it, and what each recipient did for those who
//! may not. `Show` is journaled before anything is shown.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use tonic::Status;

use super::{
    carry,
    drafts::note,
    moment::Moment,
    same_person,
    service::{DeskService, Permit, read_failed, store_failed, submit_failed},
    submit::recipient,
    summary::{deliveries, handling, overdue_line, reference_of, summary},
    touched, units,
};
use crate::{
    delivery::clocks::running,
    domain::{
        id::StatementRef,
        limits::DESK_MESSAGE_MAX_BYTES,
        reason::Reason,
        routing::{Effect, Release, Routing},
        time::Timestamp,
    },
    proto::{desk::v1 as pb, envelope::v1 as envelope},
    store::{
        Store,
        event::Peek,
        journal::StoredEntry,
        record::{Direction, MessageRecord},
    },
    trust::tls::Role,
    wire::{
        alert::{decode_payload, do_not_alert, without_carried},
        decode_kept_statement,
        status::refusal,
    },
};

/// The thread in order. An officer's full view marks it opened; any other look does not.
pub(super) async fn show(
    desk: &DeskService,
    permit: &Permit,
    request: pb::ShowRequest,
) -> Result<pb::ShowResponse, Status> {
    let (_, thread) = located(desk, &request.id).await?;
    units::check(desk, permit, &thread).await?;
    let why = reason_for_content(permit, &request.reason)?;
    let peek = match permit.role {
        Role::Officer | Role::Supervisor | Role::Duty if !request.peek => Peek::Opens,
        _ => Peek::LeavesUnopened,
    };
    desk.parts()
        .broker
        .consult(permit.actor, thread, peek, why)
        .await
        .map_err(|error| submit_failed(&error))?;
    let records = records_of(desk, thread).await?;
    let first = records.iter().find(|record| record.statement == thread);
    let now = desk.parts().clock.now();
    let (life, handling_life) = first.map_or((0, 0), |first| {
        (
            i32::from(first.life_at(now) as u8),
            i32::from(handling(first.handling_life)),
        )
    });
    let (store, moment) = (desk.parts().store.clone(), Moment::of(desk.parts()));
    let statements = blocking(move || views(&store, &records, &moment)).await?;
    // What one statement keeps from the person, no later one gives away.
    let payloads = statements.iter().filter_map(|it| it.payload.as_ref());
    let do_not_alert = payloads.into_iter().any(do_not_alert);
    let reading = desk
        .parts()
        .store
        .read(|ledger| same_person::of(ledger, &thread, now));
    Ok(pb::ShowResponse {
        touched: touched::of_thread(desk, permit, thread).await?,
        same_person: reading.await.map_err(|error| store_failed(&error))?,
        statements,
        life,
        handling_life,
        do_not_alert,
    })
}

/// Why content is looked at: an auditor must say it, others may.
pub(super) fn reason_for_content(permit: &Permit, text: &str) -> Result<Option<Arc<str>>, Status> {
    if text.is_empty() && permit.role != Role::Auditor {
        return Ok(None);
    }
    note("reason", text).map(Some)
}

/// What became of one statement: kinds, times and authorities, no person.
pub(super) async fn track(
    desk: &DeskService,
    permit: &Permit,
    request: &pb::TrackRequest,
) -> Result<pb::TrackResponse, Status> {
    let (record, thread) = located(desk, &request.id).await?;
    let records = records_of(desk, thread).await?;
    let now = desk.parts().clock.now();
    let reading = desk.parts().store.read(|ledger| {
        let same_person = same_person::of(ledger, &thread, now);
        (ledger.kept_to(&thread), same_person)
    });
    let (kept_to, same_person) = reading.await.map_err(|error| store_failed(&error))?;
    let mut told = tracked(&record, &records, &Moment::of(desk.parts()));
    if permit.role != Role::Ops {
        carry::with_reports(desk, &record, &mut told.deliveries).await?;
    }
    let threads = vec![thread];
    let mut touched = touched::of_lines(desk, permit, threads).await?;
    let summary = told.summary.unwrap_or_default();
    Ok(pb::TrackResponse {
        touched: touched.remove(&thread).unwrap_or_default(),
        summary: Some(pb::Summary { kept_to, ..summary }),
        same_person,
        ..told
    })
}

/// What the records of a thread alone tell of one of its statements.
pub(super) fn tracked(
    record: &MessageRecord,
    records: &[MessageRecord],
    moment: &Moment,
) -> pb::TrackResponse {
    let mut events = records.iter().flat_map(events_of).collect::<Vec<_>>();
    events.sort_by_key(|event| event.at_us);
    let running = running(moment.own, record, records, moment.now);
    pb::TrackResponse {
        summary: Some(summary(record, records, moment)),
        deliveries: match record.direction {
            Direction::Own => deliveries(record, records, moment),
            Direction::Foreign => Vec::new(),
        },
        events,
        running: running.into_iter().map(overdue_line).collect(),
        ..pb::TrackResponse::default()
    }
}

/// The record that a text names, and its thread.
pub(super) async fn located(
    desk: &DeskService,
    text: &str,
) -> Result<(MessageRecord, StatementRef), Status> {
    let statement = desk.find(text).await?;
    let record = desk
        .parts()
        .store
        .read(|ledger| ledger.message(&statement))
        .await
        .map_err(|error| store_failed(&error))?
        .ok_or_else(|| refusal(Reason::NotFound, Reason::NotFound.meaning()))?;
    let thread = record.thread;
    Ok((record, thread))
}

/// All of a thread that is here.
pub(super) async fn records_of(
    desk: &DeskService,
    thread: StatementRef,
) -> Result<Vec<MessageRecord>, Status> {
    desk.parts()
        .store
        .read(|ledger| ledger.thread_in_order(&thread))
        .await
        .map_err(|error| store_failed(&error))
}

/// Runs what reads files away from the tasks that serve.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Status> + Send + 'static,
) -> Result<T, Status> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| {
            tracing::error!(%error, "reading ended in a fault of the program");
            Err(Status::internal("a fault of the node: see its log"))
        })
}

fn views(
    store: &Store,
    records: &[MessageRecord],
    moment: &Moment,
) -> Result<Vec<pb::StatementView>, Status> {
    let mut left = DESK_MESSAGE_MAX_BYTES;
    let mut views = Vec::with_capacity(records.len());
    for record in records {
        let entry = store
            .entry(record.index)
            .map_err(|error| read_failed(&error))?;
        let view = view(record, records, &entry, moment)?;
        left = left.checked_sub(view.encoded_len()).ok_or_else(|| {
            refusal(
                Reason::TooLarge,
                "the thread is too large to be shown at once: use `audit export`",
            )
        })?;
        views.push(view);
    }
    Ok(views)
}

fn view(
    record: &MessageRecord,
    thread: &[MessageRecord],
    entry: &StoredEntry,
    moment: &Moment,
) -> Result<pb::StatementView, Status> {
    let unreadable = |reason: Reason| {
        tracing::error!(index = record.index, %reason, "a kept statement cannot be decoded");
        refusal(Reason::DamagedBody, Reason::DamagedBody.meaning())
    };
    let (routing, payload): (Routing, Bytes) =
        decode_kept_statement(&entry.body).map_err(unreadable)?;
    let mut payload = decode_payload(&payload).map_err(unreadable)?;
    without_carried(&mut payload);
    Ok(pb::StatementView {
        summary: Some(summary(record, thread, moment)),
        payload: Some(payload),
        leaf: record.leaf.0.to_vec(),
        signing_key_id: signing_key(entry),
        in_reply_to: routing.in_reply_to.as_ref().map(reference_of),
        release: routing.release.map(release),
        handling_text: routing.handling_text,
        recipients: routing.recipients.into_iter().map(recipient).collect(),
    })
}

/// Key id of the signature that the entry keeps; empty when it keeps none.
fn signing_key(entry: &StoredEntry) -> Vec<u8> {
    entry
        .proof
        .as_ref()
        .and_then(|proof| envelope::BatchHeader::decode(proof.signed.header.clone()).ok())
        .map(|header| header.key_id)
        .unwrap_or_default()
}

pub(super) fn release(release: Release) -> envelope::Release {
    envelope::Release {
        created_by: release.created_by,
        created_at_us: release.created_at.as_micros(),
        released_by: release.released_by,
        released_at_us: release.released_at.as_micros(),
    }
}

/// What one record tells of its thread's course.
fn events_of(record: &MessageRecord) -> Vec<pb::TrackEvent> {
    let event = |at: Timestamp, authority: String, what: String| pb::TrackEvent {
        at_us: at.as_micros(),
        authority,
        what,
        statement: Some(reference_of(&record.statement)),
    };
    let mut events = vec![event(
        record.recorded_at,
        record.statement.origin.to_string(),
        what(record),
    )];
    if record.direction == Direction::Own {
        // What was extended is where its carrier is, which tells that itself.
        let named = record.deliveries.iter().filter(|it| it.extended.is_none());
        for delivery in named {
            if let Some(word) = settled(delivery.life) {
                events.push(event(delivery.since, delivery.recipient.to_string(), word));
            }
        }
    }
    events
}

fn what(record: &MessageRecord) -> String {
    match record.effect {
        Effect::Answers(code) => format!("answer: {code}"),
        _ => record.kind.to_string(),
    }
}

fn settled(life: crate::domain::lives::DeliveryLife) -> Option<String> {
    use crate::domain::lives::DeliveryLife;
    match life {
        DeliveryLife::Queued => None,
        DeliveryLife::Delivered => Some("delivered".to_owned()),
        DeliveryLife::Refused(reason) => Some(format!("refused: {reason}")),
        DeliveryLife::Expired => Some("expired".to_owned()),
        DeliveryLife::Held(reason) => Some(format!("held: {reason}")),
        DeliveryLife::ByHand(hand) => Some(format!("by hand: {}", hand.name())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        desk::testing::own_alert,
        domain::{
            lives::DeliveryLife,
            routing::{AnswerCode, Priority},
        },
    };

    #[test]
    fn a_course_tells_what_was_sent_and_what_came_of_it() {
        let mut record = own_alert(Priority::Urgent);
        let told = |record: &MessageRecord| {
            events_of(record)
                .into_iter()
                .map(|event| format!("{} {}", event.authority, event.what))
                .collect::<Vec<_>>()
        };
        assert_eq!(told(&record), ["XA-POL missing_offender"]);
        record.deliveries[0].life = DeliveryLife::Delivered;
        assert_eq!(
            told(&record),
            ["XA-POL missing_offender", "XB-POL delivered"]
        );
        record.deliveries[0].life = DeliveryLife::Refused(Reason::Expired);
        assert_eq!(told(&record)[1], "XB-POL refused: EXPIRED");
    }

    #[test]
    fn an_answer_is_told_by_its_code() {
        let mut record = own_alert(Priority::Urgent);
        record.effect = Effect::Answers(AnswerCode::Hit);
        assert_eq!(what(&record), "answer: hit");
    }
}
