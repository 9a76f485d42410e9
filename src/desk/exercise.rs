//! How a drill went: who got, opened and answered each exercise alert when, and whether in time.
//!
//! The way in is [`report`]. It tells of our own exercise alerts, by the times that stand in the state; nothing real is
//! in it, and no person.

use std::collections::BTreeMap;

use tonic::Status;

use super::{
    service::{DeskService, read_failed, store_failed},
    summary::{reference_of, short_reference},
    thread::{blocking, located},
};
use crate::{
    delivery::clocks::{Deadlines, INSTRUCTION_IF_PRESENT, deadlines_of},
    domain::{
        alert::value::Moment,
        id::AuthorityId,
        limits::{EXERCISE_ALERTS_MAX, WORK_PAGE_RECORDS},
        lives::DeliveryLife,
        reason::Reason,
        routing::{AnswerCode, Effect, Kind, Status as Reality},
        time::Timestamp,
    },
    proto::{
        alert::v1::{ServiceCode, payload::Kind as Content},
        desk::v1 as pb,
    },
    store::{
        Store,
        ledger::{ListBox, ListFilter},
        record::{DeliveryRecord, Direction, MessageRecord},
    },
    wire::{alert::decode_payload, decode_kept_statement, status::refusal},
};

/// An alert of the drill with its thread.
type Exercise = (MessageRecord, Vec<MessageRecord>);

/// The report of the drill that a notice announced, or of a span of time.
pub(super) async fn report(
    desk: &DeskService,
    request: &pb::ExerciseReportRequest,
) -> Result<pb::ExerciseReportResponse, Status> {
    let parts = desk.parts();
    let now = parts.clock.now();
    let (from, until) = match request.notice.is_empty() {
        true => span(request, now)?,
        false => announced(desk, &request.notice, now).await?,
    };
    let (exercises, truncated) = exercises(&parts.store, from, until)
        .await
        .map_err(|error| store_failed(&error))?;
    let alerts: Vec<pb::ExerciseAlert> = exercises
        .iter()
        .map(|(record, thread)| alert(record, thread, now))
        .collect();
    Ok(pb::ExerciseReportResponse {
        from_us: from.as_micros(),
        until_us: until.as_micros(),
        at_us: now.as_micros(),
        totals: totals(&alerts, parts.authority),
        alerts,
        truncated,
    })
}

fn span(
    request: &pb::ExerciseReportRequest,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), Status> {
    let until = match request.until_us {
        0 => now,
        until => Timestamp::from_micros(until),
    };
    let from = Timestamp::from_micros(request.from_us);
    if from > until {
        return Err(refusal(
            Reason::Malformed,
            format!("from: found {from}, expected a time before {until}"),
        ));
    }
    Ok((from, until))
}

/// From when to when a drill was announced; without an end: until now.
async fn announced(
    desk: &DeskService,
    notice: &str,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), Status> {
    let (record, _) = located(desk, notice).await?;
    let no_drill = || {
        refusal(
            Reason::KindMismatch,
            "notice: expected a notice of service that announces a drill",
        )
    };
    if record.kind != Kind::NoticeOfService {
        return Err(no_drill());
    }
    let store = desk.parts().store.clone();
    let payload = blocking(move || {
        let entry = store
            .entry(record.index)
            .map_err(|error| read_failed(&error))?;
        let statement = decode_kept_statement(&entry.body);
        let payload = statement.and_then(|(_, payload)| decode_payload(&payload));
        payload.map_err(|_| refusal(Reason::DamagedBody, Reason::DamagedBody.meaning()))
    });
    let Some(Content::NoticeOfService(notice)) = payload.await?.kind else {
        return Err(no_drill());
    };
    if notice.code() != ServiceCode::Drill {
        return Err(no_drill());
    }
    let time = |text: &str| text.parse::<Moment>().ok().map(Moment::time);
    let from = time(&notice.from).ok_or_else(no_drill)?;
    Ok((from, time(&notice.until).unwrap_or(now)))
}

/// Our exercise alerts of that span, oldest first; and whether there are more.
async fn exercises(
    store: &Store,
    from: Timestamp,
    until: Timestamp,
) -> Result<(Vec<Exercise>, bool), crate::store::StoreFailed> {
    let filter = ListFilter {
        status: Some(Reality::Exercise),
        ..ListFilter::default()
    };
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let page = store.read(|ledger| {
            let records = ledger.list(ListBox::Out, &filter, before, WORK_PAGE_RECORDS);
            let with_thread = |record: MessageRecord| {
                let asks = record.is_alert() && record.kind.asks_answer();
                let in_span = (from..=until).contains(&record.recorded_at);
                let thread = (asks && in_span).then(|| ledger.thread(&record.thread));
                (record, thread)
            };
            records.into_iter().map(with_thread).collect::<Vec<_>>()
        });
        let page = page.await?;
        let last = page
            .last()
            .map(|(record, _)| (record.ordinal, record.recorded_at));
        for (record, thread) in page {
            found.extend(thread.map(|thread| (record, thread)));
        }
        if found.len() > EXERCISE_ALERTS_MAX {
            found.truncate(EXERCISE_ALERTS_MAX);
            found.reverse();
            return Ok((found, true));
        }
        match last {
            Some((ordinal, recorded_at)) if recorded_at >= from => before = Some(ordinal),
            _ => {
                found.reverse();
                return Ok((found, false));
            }
        }
    }
}

fn alert(record: &MessageRecord, thread: &[MessageRecord], now: Timestamp) -> pb::ExerciseAlert {
    let deliveries = record.deliveries.iter();
    pb::ExerciseAlert {
        statement: Some(reference_of(&record.statement)),
        reference: short_reference(&record.statement),
        kind: i32::from(record.kind as u8),
        priority: i32::from(record.priority as u8),
        accepted_at_us: record.recorded_at.as_micros(),
        parts: deliveries
            .map(|delivery| part(record, delivery, thread, now))
            .collect(),
    }
}

/// What one partner did with one alert, by the clocks of its priority.
fn part(
    record: &MessageRecord,
    delivery: &DeliveryRecord,
    thread: &[MessageRecord],
    now: Timestamp,
) -> pb::ExercisePart {
    let deadlines: Deadlines = deadlines_of(record.kind, record.priority);
    let accepted = record.recorded_at;
    let delivered = (delivery.life == DeliveryLife::Delivered).then_some(delivery.since);
    let stage = |from: Timestamp, within, at| stage(from, from.plus(within), at, now);
    pb::ExercisePart {
        authority: delivery.recipient.to_string(),
        delivered: Some(stage(accepted, deadlines.delivered, delivered)),
        opened: Some(stage(accepted, deadlines.opened, delivery.opened_at)),
        answered: delivered.map(|at| stage(at, deadlines.first_answer, delivery.answered_at)),
        instructed: instructed(record, delivery.recipient, thread, deadlines, now),
        answer: delivery
            .handling
            .gravest
            .map_or_else(String::new, |code| code.to_string()),
    }
}

/// Our word after a partner's first hit; `None`: it had none.
fn instructed(
    record: &MessageRecord,
    partner: AuthorityId,
    thread: &[MessageRecord],
    deadlines: Deadlines,
    now: Timestamp,
) -> Option<pb::ExerciseStage> {
    let theirs = || thread.iter().filter(|it| it.statement.origin == partner);
    let is_hit = |it: &&MessageRecord| it.effect == Effect::Answers(AnswerCode::Hit);
    let hit = theirs().filter(is_hit).map(|it| it.recorded_at).min();
    let is_present = |it: &&MessageRecord| it.terms.person_present;
    let present = theirs().filter(is_present).map(|it| it.recorded_at).min();
    let due_of_hit = hit.map(|at| at.plus(deadlines.instruction));
    let within = INSTRUCTION_IF_PRESENT.min(deadlines.instruction);
    let due_of_present = present.map(|at| at.plus(within));
    let from = hit.into_iter().chain(present).min()?;
    let due = due_of_hit.into_iter().chain(due_of_present).min()?;
    let ours = thread.iter().filter(|it| {
        it.direction == Direction::Own
            && it.effect == Effect::Instructs
            && it.recorded_at >= from
            && it.delivery(&partner).is_some()
            && it.thread == record.statement
    });
    let at = ours.map(|it| it.recorded_at).min();
    Some(stage(from, due, at, now))
}

fn stage(
    from: Timestamp,
    due: Timestamp,
    at: Option<Timestamp>,
    now: Timestamp,
) -> pb::ExerciseStage {
    pb::ExerciseStage {
        from_us: from.as_micros(),
        due_us: due.as_micros(),
        at_us: at.map_or(0, Timestamp::as_micros),
        late: at.unwrap_or(now) > due,
    }
}

/// How each did over all alerts, in the order of the stages.
fn totals(alerts: &[pb::ExerciseAlert], own: AuthorityId) -> Vec<pb::ExerciseTotal> {
    let mut stages: BTreeMap<(String, usize), Vec<&pb::ExerciseStage>> = BTreeMap::new();
    for part in alerts.iter().flat_map(|alert| &alert.parts) {
        let of_partner = [&part.delivered, &part.opened, &part.answered];
        for (place, stage) in of_partner.into_iter().enumerate() {
            let key = (part.authority.clone(), place);
            stages.entry(key).or_default().extend(stage);
        }
        if let Some(stage) = &part.instructed {
            let key = (own.to_string(), of_partner.len());
            stages.entry(key).or_default().push(stage);
        }
    }
    const NAMES: [&str; 4] = ["delivered", "opened", "answer", "instruction"];
    let named = stages.into_iter().map(|((authority, place), stages)| {
        total(
            authority,
            NAMES.get(place).copied().unwrap_or_default(),
            &stages,
        )
    });
    named.collect()
}

fn total(authority: String, stage: &str, stages: &[&pb::ExerciseStage]) -> pb::ExerciseTotal {
    let done = stages.iter().filter(|stage| stage.at_us != 0);
    let mut took: Vec<i64> = done.map(|stage| stage.at_us - stage.from_us).collect();
    took.sort_unstable();
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    pb::ExerciseTotal {
        authority,
        stage: stage.to_owned(),
        expected: count(stages.len()),
        done: count(took.len()),
        late: count(stages.iter().filter(|stage| stage.late).count()),
        // Of an even number the lower one: a time that somebody took.
        median_us: took
            .get(took.len().saturating_sub(1) / 2)
            .copied()
            .unwrap_or(0),
        worst_us: took.last().copied().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        desk::testing::own_alert,
        domain::{lives::HandlingLife, routing::Priority},
    };

    fn minutes(count: u64) -> Duration {
        Duration::from_secs(count * 60)
    }

    /// A flash to XB-POL that was delivered after 1 minute, opened after 11 and answered after 20.
    fn flash() -> MessageRecord {
        let mut record = own_alert(Priority::Flash);
        let at = record.recorded_at;
        let delivery = &mut record.deliveries[0];
        delivery.life = DeliveryLife::Delivered;
        delivery.since = at.plus(minutes(1));
        delivery.opened_at = Some(at.plus(minutes(11)));
        delivery.answered_at = Some(at.plus(minutes(20)));
        delivery.handling = HandlingLife {
            latest: Some(AnswerCode::NoTrace),
            gravest: Some(AnswerCode::NoTrace),
        };
        record
    }

    #[test]
    fn each_stage_is_judged_by_the_clock_of_its_priority() {
        let record = flash();
        let part = part(
            &record,
            &record.deliveries[0],
            &[],
            record.recorded_at.plus(minutes(60)),
        );
        let late = [part.delivered, part.opened, part.answered].map(|stage| stage.unwrap().late);
        assert_eq!(late, [false, true, false], "10 minutes to open a flash");
        assert_eq!(part.answer, "no_trace");
        assert!(part.instructed.is_none(), "nothing was owed by us");
    }

    #[test]
    fn what_nobody_did_is_late_only_after_it_was_due() {
        let mut record = flash();
        record.deliveries[0].opened_at = None;
        let opened = |after| {
            let now = record.recorded_at.plus(minutes(after));
            part(&record, &record.deliveries[0], &[], now)
                .opened
                .unwrap()
        };
        assert!(!opened(10).late && opened(11).late);
        assert_eq!(opened(11).at_us, 0);
    }

    #[test]
    fn what_was_not_delivered_owes_no_answer() {
        let mut record = flash();
        record.deliveries[0].life = DeliveryLife::Queued;
        let now = record.recorded_at.plus(minutes(600));
        let part = part(&record, &record.deliveries[0], &[], now);
        assert!(part.delivered.unwrap().late && part.answered.is_none());
    }

    #[test]
    fn our_own_word_after_a_hit_is_judged_too() {
        let record = flash();
        let partner = record.deliveries[0].recipient;
        let mut hit = own_alert(Priority::Flash);
        hit.statement.origin = partner;
        hit.direction = Direction::Foreign;
        hit.effect = Effect::Answers(AnswerCode::Hit);
        hit.recorded_at = record.recorded_at.plus(minutes(5));
        let mut word = own_alert(Priority::Flash);
        word.effect = Effect::Instructs;
        word.thread = record.statement;
        let judged = |after| {
            word.recorded_at = hit.recorded_at.plus(minutes(after));
            let now = record.recorded_at.plus(minutes(600));
            let thread = [hit.clone(), word.clone()];
            part(&record, &record.deliveries[0], &thread, now)
                .instructed
                .unwrap()
        };
        let mut judged = judged;
        assert!(!judged(30).late && judged(31).late);
    }

    #[test]
    fn totals_count_the_late_and_give_median_and_worst_of_what_was_done() {
        let now = flash().recorded_at.plus(minutes(600));
        let mut never = flash();
        never.deliveries[0].answered_at = None;
        let mut slow = flash();
        slow.deliveries[0].answered_at = Some(slow.recorded_at.plus(minutes(41)));
        let alerts: Vec<_> = [flash(), never, slow]
            .iter()
            .map(|it| alert(it, &[], now))
            .collect();
        let own = "XA-POL".parse().unwrap();
        let totals = totals(&alerts, own);
        let answer = totals.iter().find(|it| it.stage == "answer").unwrap();
        assert_eq!((answer.expected, answer.done, answer.late), (3, 2, 2));
        assert_eq!(answer.median_us, 19 * 60_000_000);
        assert_eq!(answer.worst_us, 40 * 60_000_000);
        assert_eq!(
            totals
                .iter()
                .map(|it| it.stage.as_str())
                .collect::<Vec<_>>(),
            ["delivered", "opened", "answer"]
        );
    }
}
