//! `Tree`: who has a thread, from whom, on what permission, and what each did with it, as far as it is known here.
//!
//! The way in is [`tree`]. Routing and state, and what holders say became of their copies; no person.

use std::collections::BTreeMap;

use tonic::Status;

use super::{
    moment::Moment,
    service::{DeskService, read_failed, store_failed},
    summary::{deliveries, handling, reference_of, short_reference},
    thread::{blocking, located, records_of},
};
use crate::{
    domain::{
        id::{AuthorityId, StatementRef},
        lives::DeliveryLife,
        permission::Passed,
        reason::Reason,
        routing::{AnswerCode, Effect},
        time::Timestamp,
    },
    proto::{
        alert::v1::payload::Kind,
        desk::v1::{self as pb, HoldingWay},
    },
    store::{
        Store,
        ledger::Ledger,
        record::{DeliveryRecord, Direction, MessageRecord},
    },
    wire::{alert::decode_payload, decode_kept_statement, status::refusal},
};

/// Everybody who has it, each after whom it has it from.
pub(super) async fn tree(
    desk: &DeskService,
    request: &pb::TreeRequest,
) -> Result<pb::TreeResponse, Status> {
    let (_, thread) = located(desk, &request.id).await?;
    let records = records_of(desk, thread).await?;
    let first = records.iter().find(|record| record.statement == thread);
    let first = first
        .cloned()
        .ok_or_else(|| refusal(Reason::NotFound, Reason::NotFound.meaning()))?;
    let moment = Moment::of(desk.parts());
    let life = i32::from(first.life_at(moment.now) as u8);
    let store = desk.parts().store.clone();
    let reading = store.read(|ledger| breaches(ledger, &first, &records));
    let breaches = reading.await.map_err(|error| store_failed(&error))?;
    let do_not_alert = records.iter().any(|it| it.terms.do_not_alert);
    let (first, mut holders) = blocking(move || {
        let retained = retained(&store, &records)?;
        let holders = holders(&first, &records, &retained, &moment);
        Ok((first, holders))
    })
    .await?;
    for holder in &mut holders {
        holder.without_permission = breaches.iter().any(|it| it.as_str() == holder.authority);
    }
    Ok(pb::TreeResponse {
        statement: Some(reference_of(&thread)),
        reference: short_reference(&thread),
        kind: i32::from(first.kind as u8),
        status: i32::from(first.status as u8),
        do_not_alert,
        life,
        holders,
    })
}

/// By whom each has it, deepest last; a holder whose giver is not known here stands below the originator.
fn holders(
    first: &MessageRecord,
    records: &[MessageRecord],
    retained: &BTreeMap<AuthorityId, pb::Retained>,
    moment: &Moment,
) -> Vec<pb::Holder> {
    let states = deliveries(first, records, moment);
    let all: Vec<(AuthorityId, pb::Holder)> = first
        .deliveries
        .iter()
        .zip(states)
        .map(|(delivery, state)| {
            let mut holder = holder(first, delivery, records, moment.own);
            holder.retained = retained.get(&delivery.recipient).cloned();
            if is_ours(first, delivery, moment.own) {
                holder.state = state.state;
            }
            (delivery.recipient, holder)
        })
        .collect();
    let mut ordered = Vec::with_capacity(all.len());
    below(&first.thread.origin, &all, &mut ordered);
    let is_missing = |(_, it): &&(AuthorityId, pb::Holder)| !ordered.contains(it);
    let missing: Vec<pb::Holder> = all
        .iter()
        .filter(is_missing)
        .map(|(_, it)| it.clone())
        .collect();
    ordered.extend(missing);
    ordered
}

/// Each holder once, whatever the holders say of each other.
fn below(from: &AuthorityId, all: &[(AuthorityId, pb::Holder)], ordered: &mut Vec<pb::Holder>) {
    for (authority, holder) in all {
        if holder.from == from.as_str() && !ordered.contains(holder) {
            ordered.push(holder.clone());
            below(authority, all, ordered);
        }
    }
}

/// True when the delivery is one that we make.
fn is_ours(first: &MessageRecord, delivery: &DeliveryRecord, own: AuthorityId) -> bool {
    let giver = delivery
        .extended
        .map_or(first.statement.origin, |it| it.by.origin);
    giver == own
}

fn holder(
    first: &MessageRecord,
    delivery: &DeliveryRecord,
    records: &[MessageRecord],
    own: AuthorityId,
) -> pb::Holder {
    let originator = first.statement.origin;
    let (way, from) = match delivery.extended {
        None => (HoldingWay::Named, originator),
        Some(it) if it.by.origin == originator => (HoldingWay::Extended, originator),
        Some(it) => (HoldingWay::PassedOn, it.by.origin),
    };
    let given_at = delivery.extended.map_or(first.recorded_at, |it| it.at);
    let is_here = delivery.recipient == own && first.direction == Direction::Foreign;
    let received_at = match delivery.life {
        _ if is_here => Some(first.recorded_at),
        DeliveryLife::Delivered if is_ours(first, delivery, own) => Some(delivery.since),
        _ => words(delivery, records)
            .filter_map(|it| it.received_at)
            .last(),
    };
    // Of ourselves the record says what our desk did; of others, what they said to us.
    let (life, opened_at) = match is_here {
        true => (first.handling_life, first.opened_at),
        false => (delivery.handling, delivery.opened_at),
    };
    let micros = |time: Option<Timestamp>| time.map_or(0, Timestamp::as_micros);
    let answer = |code: Option<AnswerCode>| code.map_or_else(String::new, |code| code.to_string());
    pb::Holder {
        authority: delivery.recipient.to_string(),
        from: from.to_string(),
        way: way.into(),
        by: delivery.extended.map(|it| reference_of(&it.by)),
        grant: words(delivery, records)
            .find_map(|it| it.under)
            .as_ref()
            .map(reference_of),
        given_at_us: given_at.as_micros(),
        received_at_us: micros(received_at),
        state: pb::DeliveryState::Unspecified.into(),
        handling: handling(life).into(),
        opened_at_us: micros(opened_at),
        latest_answer: answer(life.latest),
        gravest_answer: answer(life.gravest),
        retained: None,
        without_permission: false,
    }
}

/// What whoever passed it on there has said of it, oldest first.
fn words<'a>(
    delivery: &'a DeliveryRecord,
    records: &'a [MessageRecord],
) -> impl Iterator<Item = &'a Passed> {
    let giver = delivery.extended.map(|it| it.by.origin);
    let of_giver = move |record: &&MessageRecord| Some(record.statement.origin) == giver;
    let said = records.iter().filter(of_giver);
    said.filter_map(|record| {
        let said = record.terms.permission.as_deref()?;
        said.passed().iter().find(|it| it.to == delivery.recipient)
    })
}

/// To whom our own thread was passed on without the permission that its markings demand.
fn breaches(ledger: &Ledger, first: &MessageRecord, records: &[MessageRecord]) -> Vec<AuthorityId> {
    let passed_on = first.deliveries.iter().filter_map(|delivery| {
        let giver = delivery.extended?.by.origin;
        let passed = words(delivery, records).next()?;
        Some((giver, passed, delivery.extended?.by))
    });
    let issued = |by: StatementRef| records.iter().find(|it| it.statement == by);
    passed_on
        .filter(|_| first.direction == Direction::Own)
        .filter(|(giver, passed, by)| {
            let at = issued(*by).map_or(first.issued_at, |it| it.issued_at);
            !ledger.is_permitted(&first.thread, giver, passed, at)
        })
        .map(|(_, passed, _)| passed.to)
        .collect()
}

/// What each holder says became of its copy: the latest word counts.
fn retained(
    store: &Store,
    records: &[MessageRecord],
) -> Result<BTreeMap<AuthorityId, pb::Retained>, Status> {
    let mut all = BTreeMap::new();
    let actioned = |record: &&MessageRecord| record.effect == Effect::Answers(AnswerCode::Actioned);
    for record in records.iter().filter(actioned) {
        let entry = store
            .entry(record.index)
            .map_err(|error| read_failed(&error))?;
        let payload = decode_kept_statement(&entry.body)
            .and_then(|(_, payload)| decode_payload(&payload))
            .map_err(|_| refusal(Reason::DamagedBody, Reason::DamagedBody.meaning()))?;
        let Some(Kind::Answer(answer)) = payload.kind else {
            continue;
        };
        if let Some(retention) = answer.retention {
            let said = pb::Retained {
                code: retention.code,
                law: retention.law,
                until: retention.until,
                passed_on_to: retention.passed_on_to,
                said_at_us: record.recorded_at.as_micros(),
            };
            all.insert(record.statement.origin, said);
        }
    }
    Ok(all)
}
