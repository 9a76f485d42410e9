//! Reads what a finding of touched clauses is made of: for the own desk and its duty desk, never for routing.
//!
//! The way in is [`touched`]. The bodies are read away from every lock; which alerts are looked at, the ledger says by
//! records alone.

use crate::{
    domain::alert::value::Day,
    store::{Store, record::MessageRecord},
    wire::{
        alert::{self, Stated, Touched},
        decode_kept_statement,
    },
};

/// Clauses of orders that journeys touch, of alerts about one person, as
/// [`Ledger::orders_and_journeys`](crate::store::ledger::Ledger::orders_and_journeys) names them. Blocks on files. What
/// cannot be read any more is absent, and alarms by itself.
#[must_use]
pub fn touched(store: &Store, alerts: &[Vec<MessageRecord>]) -> Vec<Touched> {
    let stated = alerts.iter().filter_map(|records| {
        let first = records.first()?;
        let payload = |record: &MessageRecord| {
            let entry = store.entry(record.index).ok()?;
            let (_, payload) = decode_kept_statement(&entry.body).ok()?;
            Some(payload)
        };
        Some(Stated {
            alert: first.statement,
            issued_on: Day::of(first.issued_at)?,
            payloads: records.iter().filter_map(payload).collect(),
        })
    });
    alert::touched(&stated.collect::<Vec<_>>())
}
