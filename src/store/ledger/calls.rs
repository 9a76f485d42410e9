//! Calls that have not arrived yet on each of their ways, so that a restart loses none. In memory, and bounded.
//!
//! The way in is [`Ledger::waiting_calls`]. A later call about the same matter takes the place of an earlier one, as it
//! does in the queue of each way. It holds no person.

use std::{collections::BTreeMap, sync::Arc};

use super::Ledger;
use crate::{
    domain::{
        call::CallKind,
        id::{AuthorityId, MessageId, StatementRef},
        limits::CALLS_KEPT_MAX,
    },
    store::record::CallRecord,
};

/// What a call is about: why, whose, which statement.
pub type Matter = (CallKind, Option<AuthorityId>, Option<StatementRef>);

/// By the id of each, and so by time.
#[derive(Default)]
pub(super) struct Calls(BTreeMap<MessageId, CallRecord>);

impl Calls {
    pub(super) fn load(&mut self, record: CallRecord) {
        self.0.insert(record.id, record);
    }

    fn about(&self, matter: Matter) -> Option<&CallRecord> {
        self.0.values().find(|record| record.matter() == matter)
    }
}

impl Ledger {
    /// Those that wait, the oldest first.
    pub fn waiting_calls(&self) -> impl Iterator<Item = &CallRecord> {
        self.calls.0.values()
    }

    /// Whether a call about this waits on this way.
    #[must_use]
    pub fn call_waits(&self, matter: Matter, way: &str) -> bool {
        let record = self.calls.about(matter);
        record.is_some_and(|record| record.waits_on().any(|it| it == way))
    }

    /// People were called about a statement.
    pub(super) fn called(&mut self, statement: &StatementRef, kind: CallKind) {
        if let Some(ordinal) = self.ids.ordinal(statement) {
            self.rows.change(ordinal, |record| {
                record.called = record.called.with(kind);
            });
        }
    }

    /// In the place of an earlier one about the same, and, when there are too many, of the oldest.
    pub(super) fn keep_call(&mut self, call: &CallRecord) {
        let earlier = self.calls.about(call.matter()).map(|record| record.id);
        let full = self.calls.0.len() >= CALLS_KEPT_MAX;
        let oldest = || self.calls.0.keys().next().copied();
        if let Some(displaced) = earlier.or_else(|| full.then(oldest).flatten()) {
            self.forget_call(displaced);
        }
        self.calls.0.insert(call.id, call.clone());
        self.changes.calls.push((call.id, Some(call.clone())));
    }

    /// It has arrived on a way, or is given up there.
    pub(super) fn end_call(&mut self, matter: Matter, way: &str) {
        let Some(record) = self.calls.about(matter) else {
            return;
        };
        let left: Vec<&str> = record.waits_on().filter(|it| *it != way).collect();
        let record = CallRecord {
            ways: Arc::from(left.join(",")),
            ..record.clone()
        };
        if record.ways.is_empty() {
            self.forget_call(record.id);
            return;
        }
        self.changes.calls.push((record.id, Some(record.clone())));
        self.calls.0.insert(record.id, record);
    }

    fn forget_call(&mut self, id: MessageId) {
        self.calls.0.remove(&id);
        self.changes.calls.push((id, None));
    }
}
