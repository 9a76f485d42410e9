//! `Carry` and `ReportCarried`: a bundle for a recipient that runs no node, and what became of it.
//!
//! The ways in are [`bundle`] and [`report`]. A bundle holds the own statements of a thread to that recipient and nothing
//! that others said, and is journaled before its first byte goes out. Who carried it stands in sealed bodies alone: ops
//! are never shown it. Must never say that anything was delivered.

use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{
    drafts::note,
    export::{self, Reader},
    service::{DeskService, Permit, read_failed, submit_failed},
    summary::{hand_stage, reference_of},
    thread::{blocking, located, records_of},
    units,
};
use crate::{
    domain::{
        id::AuthorityId,
        limits::{CLOCK_TOLERANCE, RESPONSE_QUEUE_MESSAGES},
        lives::{DeliveryLife, Hand},
        reason::Reason,
        time::Timestamp,
    },
    proto::desk::v1 as pb,
    store::{
        event::Word,
        record::{Direction, MessageRecord},
    },
    wire::status::refusal,
};

/// People say times to the minute.
const AS_PEOPLE_SAY_IT: Duration = Duration::from_secs(60);

/// Journals the bundle, makes it, and sends it in chunks.
pub(super) async fn bundle(
    desk: &DeskService,
    permit: &Permit,
    request: &pb::CarryRequest,
) -> Result<ReceiverStream<Result<pb::CarryResponse, Status>>, Status> {
    let to = recipient(&request.to)?;
    let (_, thread) = located(desk, &request.id).await?;
    units::check(desk, permit, &thread).await?;
    let mut records = records_of(desk, thread).await?;
    records.retain(|record| life_towards(record, &to).is_some());
    if records.is_empty() {
        return Err(refusal(
            Reason::NotFound,
            format!("nothing of ours in this thread goes to {to}: see `allpoints track`"),
        ));
    }
    let parts = desk.parts();
    let statements: Vec<_> = records.iter().map(|record| record.statement).collect();
    let bundled = parts.broker.bundle(permit.actor, &statements, to).await;
    let bundled_at = bundled.map_err(|error| submit_failed(&error))?;
    let directory = parts.directory.load_full();
    let member = directory.member(&to);
    let mut first = pb::CarryResponse {
        statements: statements.iter().map(reference_of).collect(),
        channel: directory
            .channel(&to)
            .map_or_else(String::new, |channel| channel.to_string()),
        contact: member.map_or_else(String::new, |member| member.contact.clone()),
        ..<_>::default()
    };

    let desk = desk.clone();
    let bytes = blocking(move || {
        let built = export::build(&desk, thread, &records, bundled_at, Reader::Recipient(to));
        built
            .map(|export| Bytes::from(export.encode_to_vec()))
            .map_err(|error| {
                tracing::error!(%error, "a bundle to be carried cannot be made");
                refusal(Reason::DamagedBody, error.to_string())
            })
    })
    .await?;
    let (responses, stream) = tokio::sync::mpsc::channel(RESPONSE_QUEUE_MESSAGES);
    tokio::spawn(async move {
        for chunk in export::chunks(bytes) {
            let response = pb::CarryResponse {
                chunk,
                ..std::mem::take(&mut first)
            };
            if responses.send(Ok(response)).await.is_err() {
                return;
            }
        }
    });
    Ok(ReceiverStream::new(stream))
}

/// Records who carried it: the named statement, and what was bundled before it in its thread.
pub(super) async fn report(
    desk: &DeskService,
    permit: &Permit,
    request: pb::ReportCarriedRequest,
) -> Result<pb::ReportCarriedResponse, Status> {
    let to = recipient(&request.to)?;
    let (record, thread) = located(desk, &request.id).await?;
    units::check(desk, permit, &thread).await?;
    if life_towards(&record, &to).is_none() {
        return Err(refusal(
            Reason::NotFound,
            format!("it is no statement of ours to {to}: check the id and the recipient"),
        ));
    }
    let now = desk.parts().clock.now();
    let report = checked(request.report.unwrap_or_default(), &record, now)?;
    let word = match report.acknowledged_by.is_empty() {
        true => Word::None,
        false => Word::Acknowledged,
    };
    let on_the_way = |other: &MessageRecord| {
        let life = life_towards(other, &to);
        other.ordinal < record.ordinal
            && matches!(
                life,
                Some(DeliveryLife::ByHand(Hand::Bundled | Hand::Carried))
            )
    };
    let records = records_of(desk, thread).await?;
    let before = records.iter().filter(|other| on_the_way(other));
    let mut statements: Vec<_> = before.map(|other| other.statement).collect();
    statements.push(record.statement);
    let body = Bytes::from(report.encode_to_vec());
    let broker = &desk.parts().broker;
    let carried = broker.carried(permit.actor, &statements, to, word, body);
    carried.await.map_err(|error| submit_failed(&error))?;
    Ok(pb::ReportCarriedResponse {
        statements: statements.iter().map(reference_of).collect(),
        hand: hand_stage(DeliveryLife::ByHand(word.step())).into(),
    })
}

/// Adds who carried what went by hand. For whoever may know people.
pub(super) async fn with_reports(
    desk: &DeskService,
    record: &MessageRecord,
    lines: &mut [pb::Delivery],
) -> Result<(), Status> {
    for (delivery, line) in record.deliveries.iter().zip(lines) {
        let (DeliveryLife::ByHand(_), Some(index)) = (delivery.life, delivery.receipt) else {
            continue;
        };
        let store = desk.parts().store.clone();
        let report = blocking(move || {
            let entry = store.entry(index).map_err(|error| read_failed(&error))?;
            pb::HandReport::decode(entry.body)
                .map_err(|_| refusal(Reason::DamagedBody, Reason::DamagedBody.meaning()))
        });
        line.report = Some(report.await?);
    }
    Ok(())
}

/// Where an own statement stands on its way to a recipient; `None`: it is not ours, or does not go there.
fn life_towards(record: &MessageRecord, to: &AuthorityId) -> Option<DeliveryLife> {
    let delivery = record.delivery(to)?;
    (record.direction == Direction::Own).then_some(delivery.life)
}

fn recipient(text: &str) -> Result<AuthorityId, Status> {
    text.parse().map_err(|_| {
        refusal(
            Reason::Malformed,
            format!(
                "to: found `{}`, expected an authority such as `XE-POL`",
                text.chars()
                    .take(40)
                    .flat_map(char::escape_default)
                    .collect::<String>()
            ),
        )
    })
}

/// A report that says who, of a time between the statement and now.
fn checked(
    report: pb::HandReport,
    record: &MessageRecord,
    now: Timestamp,
) -> Result<pb::HandReport, Status> {
    note("carriedBy", &report.carried_by)?;
    if !report.acknowledged_by.is_empty() {
        note("acknowledgedBy", &report.acknowledged_by)?;
    }
    let at = match report.carried_at_us {
        0 => now,
        micros => Timestamp::from_micros(micros),
    };
    if at.plus(AS_PEOPLE_SAY_IT) < record.recorded_at || at > now.plus(CLOCK_TOLERANCE) {
        return Err(refusal(
            Reason::Malformed,
            format!(
                "carriedAt: found {at}, expected a time between {} and now",
                record.recorded_at
            ),
        ));
    }
    Ok(pb::HandReport {
        carried_at_us: at.as_micros(),
        ..report
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{desk::testing::own_alert, domain::routing::Priority};

    #[test]
    fn a_report_names_somebody_and_a_time_between_the_statement_and_now() {
        let record = own_alert(Priority::Flash);
        let now = record.recorded_at.plus(Duration::from_secs(60));
        let report = |by: &str, at: i64| pb::HandReport {
            carried_by: by.to_owned(),
            carried_at_us: at,
            acknowledged_by: String::new(),
        };
        let check = |report| checked(report, &record, now).map(|it| it.carried_at_us);
        let accepted = record.recorded_at.as_micros();
        assert_eq!(check(report("courier 4", 0)).unwrap(), now.as_micros());
        let same_minute = accepted - 60_000_000;
        assert_eq!(
            check(report("courier 4", same_minute)).unwrap(),
            same_minute
        );
        for wrong in [
            report("", 0),
            report("courier 4", accepted - 60_000_001),
            report("courier 4", now.plus(CLOCK_TOLERANCE).as_micros() + 1),
        ] {
            assert!(check(wrong.clone()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_recipient_is_an_authority() {
        assert!(recipient("XE-POL").is_ok());
        for wrong in ["", "XE", "@all-eu", "all"] {
            assert!(recipient(wrong).is_err(), "{wrong}");
        }
    }
}
