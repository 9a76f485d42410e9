//! What the view keeps of one statement: positions, states and routing, never a person (invariant I8).
//!
//! Made by the ledger only, packed by `view/pack.rs`.

use std::sync::Arc;

use super::entry::{Actor, EntryIndex};
use crate::domain::{
    alert::{basis::Validity, value::Day},
    call::{CallKind, CallSet},
    id::{AuthorityId, MessageId, StatementRef},
    lives::{AlertLife, DeliveryLife, DraftLife, HandlingLife},
    permission::Onward,
    reason::Reason,
    receipt::LeafHash,
    release::Outline,
    routing::{AnswerCode, Effect, HandlingSet, Kind, Priority, Status},
    terms::Terms,
    time::Timestamp,
};

/// Counts statements here, own and foreign, in the order in which they were recorded: 0, 1, 2, ...
pub type Ordinal = u64;

/// Whose statement it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// We issued it.
    Own,
    /// A partner issued it.
    Foreign,
}

/// One statement that is held here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRecord {
    /// Its place among the statements here.
    pub ordinal: Ordinal,
    /// Origin and id.
    pub statement: StatementRef,
    /// The first statement of its thread.
    pub thread: StatementRef,
    /// Whose it is.
    pub direction: Direction,
    /// What it is for.
    pub kind: Kind,
    /// Real or not.
    pub status: Status,
    /// How quick.
    pub priority: Priority,
    /// Who may do what with it.
    pub handling: HandlingSet,
    /// What it does to its thread.
    pub effect: Effect,
    /// What it says of time and caution; of an alert: with what its originator amended.
    pub terms: Terms,
    /// Which calls to the own desk about it were journaled.
    pub called: CallSet,
    /// Leaf hash of the signed bytes.
    pub leaf: LeafHash,
    /// Entry that holds it.
    pub index: EntryIndex,
    /// By the origin's clock.
    pub issued_at: Timestamp,
    /// Accepted or received here.
    pub recorded_at: Timestamp,
    /// End of carriage.
    pub carried_until: Timestamp,
    /// What it answers or changes.
    pub in_reply_to: Option<StatementRef>,
    /// Bytes of the statement.
    pub size_bytes: u32,
    /// Applied to its thread, or waiting for its turn or its target.
    pub life: AlertLife,
    /// One per recipient; own: with the state of delivery; foreign: all addressees, ourselves included.
    pub deliveries: Vec<DeliveryRecord>,
    /// Foreign first statements: what our own desk did.
    pub handling_life: HandlingLife,
    /// When an officer first saw it in full.
    pub opened_at: Option<Timestamp>,
    /// The statement recorded before it in the same thread.
    pub previous_in_thread: Option<Ordinal>,
    /// Own first statements: groups and `all`, commas between, for which they are, whoever belongs to them one day; with
    /// `!` before it, an authority to whom an officer has declined to give them.
    pub addressed: Option<Arc<str>>,
}
/// One statement, one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// Who.
    pub recipient: AuthorityId,
    /// Place in what the origin sent to it in this thread.
    pub thread_seq: u32,
    /// Where it stands; of foreign statements it says nothing but that we hold it.
    pub life: DeliveryLife,
    /// When that was recorded here.
    pub since: Timestamp,
    /// Entry that holds the receipt, or the latest report of what goes by hand.
    pub receipt: Option<EntryIndex>,
    /// What that recipient's people said of this (first) statement, from its answers.
    pub handling: HandlingLife,
    /// When an officer first saw it in full.
    pub opened_at: Option<Timestamp>,
    /// When the first answer came that stops the answer clock.
    pub answered_at: Option<Timestamp>,
    /// How it came there, when the statement itself does not name this recipient.
    pub extended: Option<Extended>,
}
impl DeliveryRecord {
    /// True when it was extended, and its carrier was refused for good or ended on its way.
    #[must_use]
    pub fn came_to_nothing(&self) -> bool {
        let is_there = matches!(self.life, DeliveryLife::Delivered | DeliveryLife::PassedOn);
        self.extended.is_some() && self.life.is_settled() && !is_there
    }
}
/// A statement was extended to a recipient: another one carried it there, whose delivery this one follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extended {
    /// The statement that carried it, or tells that it was.
    pub by: StatementRef,
    /// When that was recorded here.
    pub at: Timestamp,
}
/// A draft that waits for a second person, or went back to its creator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftRecord {
    /// The statement that it would be.
    pub statement: StatementRef,
    /// Entry that holds it.
    pub index: EntryIndex,
    /// Who wrote it.
    pub creator: Actor,
    /// When it was handed in.
    pub kept_at: Timestamp,
    /// What may be known of it.
    pub outline: Arc<Outline>,
    /// Where it stands.
    pub life: DraftLife,
    /// Entry that says why it went back.
    pub returned: Option<EntryIndex>,
}
/// A shift's open work that was given over, and whether it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandoverRecord {
    /// Entry that holds it: its name.
    pub given: EntryIndex,
    /// Whose shift ends.
    pub giver: Actor,
    /// When it was given.
    pub given_at: Timestamp,
    /// Who took it over, and when.
    pub taken: Option<(Actor, Timestamp)>,
}
/// A call that has not arrived on each of its ways yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// The same for every way and each try.
    pub id: MessageId,
    /// When it was made.
    pub at: Timestamp,
    /// Why.
    pub kind: CallKind,
    /// What it is about.
    pub statement: Option<StatementRef>,
    /// Who owes what is due, or the partner that it is about.
    pub peer: Option<AuthorityId>,
    /// When that was or is due.
    pub due: Option<Timestamp>,
    /// Since when it is so.
    pub since: Timestamp,
    /// The named reason, of refusals and links.
    pub reason: Option<Reason>,
    /// Which call about this it is, from 1.
    pub count: u32,
    /// The ways on which it waits, by their names in the configuration, commas between.
    pub ways: Arc<str>,
}
impl CallRecord {
    /// What tells one matter from another: a later call takes the place of an earlier one about the same.
    #[must_use]
    pub fn matter(&self) -> (CallKind, Option<AuthorityId>, Option<StatementRef>) {
        (self.kind, self.peer, self.statement)
    }
    /// The ways on which it waits.
    pub fn waits_on(&self) -> impl Iterator<Item = &str> {
        self.ways.split(',').filter(|way| !way.is_empty())
    }
}
impl MessageRecord {
    /// The delivery to one recipient.
    #[must_use]
    pub fn delivery(&self, recipient: &AuthorityId) -> Option<&DeliveryRecord> {
        self.deliveries.iter().find(|d| d.recipient == *recipient)
    }
    /// Those to whom its own origin gave it: whom it names, and to whom it was extended. Not those to whom others have
    /// passed it on, who send on what follows it.
    pub fn given(&self) -> impl Iterator<Item = &DeliveryRecord> {
        let by_its_origin = |it: &&DeliveryRecord| {
            it.extended
                .is_none_or(|extended| extended.by.origin == self.statement.origin)
        };
        self.deliveries.iter().filter(by_its_origin)
    }
    /// Those to whom this authority, which is not its origin, has passed it on.
    pub fn passed_on_by(&self, holder: AuthorityId) -> impl Iterator<Item = &DeliveryRecord> {
        let by_holder = move |it: &&DeliveryRecord| {
            it.extended
                .is_some_and(|extended| extended.by.origin == holder)
        };
        let is_holders = self.statement.origin == holder;
        self.deliveries
            .iter()
            .filter(by_holder)
            .filter(move |_| !is_holders)
    }
    /// What its markings demand of who passes it on.
    #[must_use]
    pub fn onward(&self) -> Onward {
        Onward::of(self.kind, self.handling, self.terms.onward)
    }
    /// True when the statement itself names this recipient; false when it was extended to it, or does not hold it.
    #[must_use]
    pub fn names(&self, recipient: &AuthorityId) -> bool {
        self.delivery(recipient)
            .is_some_and(|delivery| delivery.extended.is_none())
    }
    /// True when the recipient is to be given it: it neither names it nor was extended to it, or that came to nothing.
    #[must_use]
    pub fn is_lacked_by(&self, recipient: &AuthorityId) -> bool {
        self.statement.origin != *recipient
            && self
                .delivery(recipient)
                .is_none_or(DeliveryRecord::came_to_nothing)
    }
    /// Groups and `all` for which it is.
    pub fn is_for(&self) -> impl Iterator<Item = &str> {
        let names = self.addressed.as_deref().unwrap_or_default().split(',');
        names.filter(|name| !name.is_empty() && !name.starts_with('!'))
    }
    /// True when an officer has declined to give it to this authority.
    #[must_use]
    pub fn is_declined_to(&self, authority: &AuthorityId) -> bool {
        let mut names = self.addressed.as_deref().unwrap_or_default().split(',');
        names.any(|name| name.strip_prefix('!') == Some(authority.as_str()))
    }
    /// True for what begins a thread.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.thread == self.statement
    }
    /// True for an alert that stands first in its thread: it lives, ends and is extended.
    #[must_use]
    pub fn is_alert(&self) -> bool {
        self.kind.is_alert() && self.thread == self.statement
    }
    /// Where it stands at this time: past its last day it is not live, whether or not its end was journaled yet.
    #[must_use]
    pub fn life_at(&self, now: Timestamp) -> AlertLife {
        let is_over = self
            .terms
            .valid_until
            .is_some_and(|day| self.is_alert() && day.end() <= now);
        match self.life {
            AlertLife::Live if is_over => AlertLife::Expired,
            life => life,
        }
    }
    /// The last day to which an alert may be extended: after its kind's longest validity it is issued anew.
    #[must_use]
    pub fn last_day(&self) -> Option<Day> {
        Validity::of(self.kind).last_day(self.issued_at)
    }
    /// The gravest answer of any recipient.
    #[must_use]
    pub fn gravest(&self) -> Option<AnswerCode> {
        self.deliveries
            .iter()
            .filter_map(|d| d.handling.gravest)
            .max()
    }
}
