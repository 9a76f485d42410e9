//! Other alerts about the person of a thread, and the order that is proposed when they ask different things.
//!
//! The way in is [`of`]. Codes and references only; who is meant stands in the alerts themselves.

use std::collections::BTreeMap;

use super::summary::{reference_of, short_reference};
use crate::{
    domain::{alert::basis::AskedAction, id::StatementRef, lives::AlertLife, time::Timestamp},
    proto::desk::v1 as pb,
    store::{ledger::Ledger, record::MessageRecord},
};

/// `None`: nobody says that there are any.
pub(super) fn of(ledger: &Ledger, thread: &StatementRef, now: Timestamp) -> Option<pb::SamePerson> {
    let linked = ledger.same_person(thread);
    if linked.is_empty() {
        return None;
    }
    let held: Vec<Option<MessageRecord>> =
        linked.iter().map(|it| ledger.message(&it.alert)).collect();
    let alerts = linked
        .iter()
        .zip(&held)
        .map(|(linked, record)| pb::LinkedAlert {
            statement: Some(reference_of(&linked.alert)),
            reference: short_reference(&linked.alert),
            said_by: linked.said_by.iter().map(ToString::to_string).collect(),
            ..record
                .as_ref()
                .map_or_else(<_>::default, |it| known(it, now))
        });
    let all = held.iter().flatten().cloned();
    let order = match ledger.asks_differ(thread, now) {
        true => order(ledger.message(thread).into_iter().chain(all), now),
        false => Vec::new(),
    };
    Some(pb::SamePerson {
        alerts: alerts.collect(),
        order,
    })
}

fn known(record: &MessageRecord, now: Timestamp) -> pb::LinkedAlert {
    pb::LinkedAlert {
        here: true,
        kind: i32::from(record.kind as u8),
        status: i32::from(record.status as u8),
        life: i32::from(record.life_at(now) as u8),
        asked: record
            .terms
            .asked
            .actions()
            .map(|action| i32::from(action as u8))
            .collect(),
        ..pb::LinkedAlert::default()
    }
}

/// Arrest first, to inform last: the order of the list of actions itself.
fn order(alerts: impl Iterator<Item = MessageRecord>, now: Timestamp) -> Vec<pb::ProposedAction> {
    let mut asked: BTreeMap<u8, Vec<String>> = BTreeMap::new();
    for record in alerts.filter(|record| record.life_at(now) == AlertLife::Live) {
        for action in record.terms.asked.actions() {
            let by = asked.entry(action as u8).or_default();
            by.push(short_reference(&record.statement));
        }
    }
    let proposed = asked
        .into_iter()
        .filter(|(action, _)| AskedAction::from_number(*action).is_some());
    proposed
        .map(|(action, asked_by)| pb::ProposedAction {
            action: i32::from(action),
            asked_by,
        })
        .collect()
}
