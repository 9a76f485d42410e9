//! Statements that travel inside others, and for whom they are: what an extension does to the state.
//!
//! Applied by `apply.rs` alone, live and in replay. Total: what does not fit has no effect.

use std::collections::BTreeSet;

use super::Ledger;
use crate::{
    domain::{
        id::{AuthorityId, StatementRef},
        limits::THREAD_MAX_STATEMENTS,
        lives::{AlertLife, DeliveryLife, HandlingLife},
        permission::{Passed, Permission},
        routing::{Effect, Routing},
    },
    store::record::{DeliveryRecord, Direction, Extended, MessageRecord},
};

impl Ledger {
    /// What brought a statement here: it stands before it in the journal, of whom it names, about this statement.
    pub(super) fn carrier(&self, peer: &AuthorityId, carried: &Routing) -> Option<MessageRecord> {
        let previous = |record: &MessageRecord| self.rows.read(record.previous_in_thread?);
        let newest = self
            .tail(&carried.thread)
            .and_then(|ordinal| self.rows.read(ordinal));
        std::iter::successors(newest, previous)
            .take(THREAD_MAX_STATEMENTS)
            .find(|record| {
                record.effect.carries()
                    && record.statement.origin == *peer
                    && record.in_reply_to == Some(carried.statement)
            })
    }

    /// Whoever its origin extends a statement to holds it from now on, as far as its carrier is delivered; so does whom a
    /// holder passes its thread's originator's word on to.
    pub(super) fn extend(&mut self, by: &MessageRecord) {
        let Some(ordinal) = by.in_reply_to.and_then(|target| self.ids.ordinal(&target)) else {
            return;
        };
        let passed = self.rows.change(ordinal, |record| {
            if record.thread != by.thread || record.status != by.status {
                return None;
            }
            for delivery in record.newcomers(by) {
                if record.is_lacked_by(&delivery.recipient) {
                    let others = |it: &DeliveryRecord| it.recipient != delivery.recipient;
                    record.deliveries.retain(others);
                    record.deliveries.push(delivery);
                }
            }
            let ours = by.direction == Direction::Own && by.effect == Effect::PassesOn;
            (ours && record.is_first()).then_some(record.thread)
        });
        self.passed_on.extend(passed.flatten());
    }

    /// Threads of others that we have passed on: what follows in them is sent on.
    pub fn passed_on(&self) -> impl Iterator<Item = &StatementRef> {
        self.passed_on.iter()
    }

    /// What travels inside a statement is where that is.
    pub(super) fn follow(
        &mut self,
        carrier: &StatementRef,
        its: &DeliveryRecord,
        carried: &StatementRef,
    ) {
        let Some(ordinal) = self.ids.ordinal(carried) else {
            return;
        };
        self.rows.change(ordinal, |record| {
            let mut deliveries = record.deliveries.iter_mut();
            let inside = deliveries.find(|delivery| {
                delivery.recipient == its.recipient
                    && delivery.extended.is_some_and(|it| it.by == *carrier)
            });
            if let Some(delivery) = inside {
                delivery.life = its.life;
                delivery.since = its.since;
                delivery.receipt = its.receipt;
            }
        });
    }

    /// An own first statement is for these, whoever they are one day; what was named before stays.
    pub(super) fn address(&mut self, statement: &StatementRef, names: &str) {
        let Some(ordinal) = self.ids.ordinal(statement) else {
            return;
        };
        let is_own = self.rows.change(ordinal, |record| {
            let is_own = record.direction == Direction::Own && record.is_first();
            if is_own {
                let before = record.addressed.as_deref().unwrap_or_default();
                let all = before.split(',').chain(names.split(','));
                let all: BTreeSet<&str> = all.filter(|name| !name.is_empty()).collect();
                record.addressed = Some(Vec::from_iter(all).join(",").into());
            }
            is_own && may_live(record)
        });
        if is_own == Some(true) {
            self.addressed.insert(ordinal);
        }
    }
}

/// False for what is closed or recalled: nothing brings that back.
pub(super) fn may_live(record: &MessageRecord) -> bool {
    matches!(record.life, AlertLife::Live | AlertLife::Expired)
}

/// How a statement came to be here.
#[derive(Clone, Copy)]
pub(super) enum Came<'a> {
    /// We issued it.
    OfUs,
    /// Its origin sent it to us.
    ToUs,
    /// Inside another one; `None`: which one is lost.
    Inside(Option<&'a MessageRecord>),
}

impl Came<'_> {
    pub(super) const fn direction(self) -> Direction {
        match self {
            Self::OfUs => Direction::Own,
            Self::ToUs | Self::Inside(_) => Direction::Foreign,
        }
    }
}

impl MessageRecord {
    /// Who holds it from now on, by the word of this statement.
    fn newcomers(&self, by: &Self) -> Vec<DeliveryRecord> {
        let is_its_own = self.statement.origin == by.statement.origin;
        match by.effect {
            Effect::Extends if is_its_own => by
                .deliveries
                .iter()
                .map(|delivery| delivery.extended_by(by))
                .collect(),
            // Nobody passes on but the originator's word, and that only who is not the originator.
            Effect::PassesOn if !is_its_own && self.statement.origin == self.thread.origin => {
                let said = by.terms.permission.as_deref();
                let passed = said.map_or(&[][..], Permission::passed);
                passed.iter().map(|passed| by.passed(passed)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The delivery of what it passes on, in its own numbers; where it only tells of that, no number is known.
    fn passed(&self, passed: &Passed) -> DeliveryRecord {
        match self.delivery(&passed.to) {
            Some(delivery) => delivery.extended_by(self),
            None => DeliveryRecord {
                recipient: passed.to,
                thread_seq: 0,
                life: DeliveryLife::PassedOn,
                since: self.recorded_at,
                receipt: None,
                handling: HandlingLife::default(),
                opened_at: None,
                answered_at: None,
                extended: Some(Extended {
                    by: self.statement,
                    at: self.recorded_at,
                }),
            },
        }
    }
}

impl DeliveryRecord {
    /// The delivery of what this one's statement carries.
    pub(super) fn extended_by(&self, carrier: &MessageRecord) -> Self {
        Self {
            handling: HandlingLife::default(),
            opened_at: None,
            answered_at: None,
            extended: Some(Extended {
                by: carrier.statement,
                at: carrier.recorded_at,
            }),
            ..self.clone()
        }
    }
}
