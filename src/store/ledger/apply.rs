//! What each event does to the state: the one place where it changes, live and in replay (invariant I2).
//!
//! Total: whatever a journal holds, applying it neither fails nor panics. What does not fit has no effect.

use std::collections::btree_map::Entry;

use super::{
    Ledger,
    ends::Days,
    extending::{Came, may_live},
    ids::Refusal,
    queues::Place,
    rows::Tag,
    threads::Thread,
};
use crate::{
    domain::{
        call::{CallKind, CallSet},
        id::{AuthorityId, StatementRef},
        lives::{AlertLife, DeliveryLife, DeliveryStep, DraftStep, Hand, HandlingLife},
        reason::Reason,
        receipt::{LeafHash, Receipt},
        routing::{AnswerCode, Effect, Recipient, Routing},
        time::Timestamp,
    },
    store::{
        entry::{Actor, EntryIndex},
        event::{Event, Peek},
        record::{DeliveryRecord, Direction, MessageRecord, Ordinal},
    },
};

impl Ledger {
    /// Applies an event that has this index.
    pub(in crate::store) fn apply(&mut self, index: EntryIndex, time: Timestamp, event: &Event) {
        self.next = index + 1;
        match event {
            Event::Accepted {
                routing,
                leaf,
                document,
                ..
            } => self.hold(index, time, Came::OfUs, routing, *leaf, document.len()),
            Event::Received {
                routing,
                leaf,
                document,
            } => self.hold(index, time, Came::ToUs, routing, *leaf, document.len()),
            Event::Carried {
                peer,
                routing,
                leaf,
                document,
            } => {
                let carrier = self.carrier(peer, routing);
                let came = Came::Inside(carrier.as_ref());
                self.hold(index, time, came, routing, *leaf, document.len());
            }
            Event::RefusedStatement {
                statement,
                leaf,
                reason,
                ..
            } => self.refuse(index, statement, *leaf, *reason),
            Event::ReceiptStored { receipt, .. } => self.receipt(index, time, receipt),
            Event::DeliveryEnded {
                statement,
                recipient,
                reason,
            } => self.step(
                time,
                statement,
                recipient,
                DeliveryStep::Ended(*reason),
                None,
            ),
            Event::DeliveryHeld {
                statement,
                recipient,
                reason,
            } => self.step(
                time,
                statement,
                recipient,
                DeliveryStep::Held(*reason),
                None,
            ),
            Event::DeliveryResumed {
                statement,
                recipient,
                ..
            } => self.step(time, statement, recipient, DeliveryStep::Resumed, None),
            Event::GoesByHand {
                statement,
                recipient,
                ..
            } => self.by_hand(index, time, statement, recipient, Hand::Waiting),
            Event::Bundled {
                statement,
                recipient,
                ..
            } => self.by_hand(index, time, statement, recipient, Hand::Bundled),
            Event::HandReported {
                statement,
                recipient,
                word,
                ..
            } => self.by_hand(index, time, statement, recipient, word.step()),
            Event::Consulted {
                thread,
                peek: Peek::Opens,
                ..
            } => self.open(time, thread),
            Event::Incident { .. } => self.incidents.add(time, event.clone()),
            Event::DirectoryAdopted { version, .. } => self.adopt(index, *version),
            Event::ActorNamed { actor, .. } => self.name_actor(index, *actor),
            Event::DraftKept {
                actor,
                statement,
                outline,
                ..
            } => self.keep_draft(index, time, *actor, *statement, outline),
            Event::Restricted { thread, units, .. } => self.restrict(thread, units),
            Event::DraftReturned { statement, .. } => {
                self.step_draft(index, statement, DraftStep::Returned);
            }
            Event::DraftEnded { statement, end, .. } => {
                self.step_draft(index, statement, end.step());
            }
            Event::HandedOver { actor, step, .. } => self.hand_over(index, time, *actor, *step),
            Event::AlertExpired { statement } => self.expire(statement),
            Event::Addressed {
                statement, names, ..
            } => self.address(statement, names),
            Event::OfferDeclined {
                statement,
                recipient,
                ..
            } => self.address(statement, &format!("!{recipient}")),
            Event::Called {
                statement: Some(statement),
                kind,
                ..
            } => self.called(statement, *kind),
            Event::CallWaits { call } => self.keep_call(call),
            Event::CallArrived {
                statement,
                peer,
                kind,
                way,
                ..
            }
            | Event::CallFailed {
                statement,
                peer,
                kind,
                way,
                ..
            } => self.end_call((*kind, *peer, *statement), way),
            Event::Called { .. }
            | Event::Consulted { .. }
            | Event::RefusedInput { .. }
            | Event::RefusalsCounted { .. }
            | Event::Exported { .. }
            | Event::AuditRead { .. }
            | Event::Started
            | Event::Stopped
            | Event::TailCut { .. }
            | Event::Missing
            | Event::Reclaimed { .. }
            | Event::GivenBack { .. }
            | Event::ReclaimEnded { .. }
            | Event::EpochBegun { .. }
            | Event::ActRefused { .. }
            | Event::TakeRefused { .. } => {}
        }
    }

    fn refuse(
        &mut self,
        index: EntryIndex,
        statement: &StatementRef,
        leaf: LeafHash,
        reason: Reason,
    ) {
        let refusal = Refusal {
            leaf,
            reason,
            index,
        };
        if self.ids.refuse(*statement, refusal) {
            self.changes.refusals.push((*statement, refusal));
        }
    }

    fn adopt(&mut self, index: EntryIndex, version: u64) {
        if let Entry::Vacant(place) = self.directories.entry(version) {
            place.insert(index);
            self.changes.directories.push((version, index));
        }
    }

    fn name_actor(&mut self, index: EntryIndex, actor: Actor) {
        self.actors.entry(actor).or_insert_with(|| {
            self.changes.actors.push((actor, index));
            index
        });
    }

    /// Counts a record into everything that is made from records: ids, queues, threads, what is unopened.
    pub(super) fn index_record(&mut self, record: &MessageRecord) {
        let statement = record.statement;
        self.ids.hold(statement, record.ordinal);
        self.ends.add(record.ordinal, Days::of(record));
        self.same_person.note(record);
        let is_first = record.is_first();
        if record.addressed.is_some() && may_live(record) {
            self.addressed.insert(record.ordinal);
        }
        match record.direction {
            Direction::Own => {
                for delivery in &record.deliveries {
                    // What was extended travels inside its carrier.
                    if delivery.life == DeliveryLife::Queued && delivery.extended.is_none() {
                        let place = Place::of(record, delivery.recipient);
                        self.queues.add(place, record.ordinal);
                    }
                }
            }
            Direction::Foreign => {
                if is_first && record.opened_at.is_none() {
                    self.unopened.add(record.status, record.ordinal);
                }
            }
        }
        if let Some(thread) = self.threads.of_mut(&record.thread) {
            thread.note(&self.own, record);
        } else if !is_first {
            let mut thread = Thread::default();
            if let Some(first) = self.ids.ordinal(&record.thread) {
                let own = &self.own;
                self.rows.with(first, |first| thread.note(own, first));
            }
            thread.note(&self.own, record);
            self.threads.add(record.thread, thread);
        }
    }

    fn hold(
        &mut self,
        index: EntryIndex,
        time: Timestamp,
        came: Came<'_>,
        routing: &Routing,
        leaf: LeafHash,
        size: usize,
    ) {
        // I6: one effect per (origin, id), whatever the journal holds.
        if self.ids.is_settled(&routing.statement) {
            return;
        }
        let direction = came.direction();
        let record = MessageRecord {
            ordinal: self.rows.len(),
            statement: routing.statement,
            thread: routing.thread,
            direction,
            kind: routing.kind,
            status: routing.status,
            priority: routing.priority,
            handling: routing.handling,
            effect: routing.effect,
            terms: routing.terms,
            called: CallSet::default(),
            leaf,
            index,
            issued_at: routing.issued_at,
            recorded_at: time,
            carried_until: routing.carried_until,
            in_reply_to: routing.in_reply_to,
            size_bytes: u32::try_from(size).unwrap_or(u32::MAX),
            life: match routing.is_first() {
                true => AlertLife::Live,
                false => AlertLife::Waiting,
            },
            deliveries: self.deliveries(came, time, routing),
            handling_life: HandlingLife::default(),
            opened_at: None,
            previous_in_thread: self.tail(&routing.thread),
            addressed: None,
        };
        self.index_record(&record);
        self.rows.push(record);
        self.settle(&routing.thread);
    }

    fn deliveries(
        &self,
        came: Came<'_>,
        time: Timestamp,
        routing: &Routing,
    ) -> Vec<DeliveryRecord> {
        let is_here = |recipient: &AuthorityId| {
            came.direction() == Direction::Foreign && *recipient == self.own
        };
        let of = |recipient: &Recipient| DeliveryRecord {
            recipient: recipient.authority,
            thread_seq: recipient.thread_seq,
            life: match is_here(&recipient.authority) {
                true => DeliveryLife::Delivered,
                false => DeliveryLife::Queued,
            },
            since: time,
            receipt: None,
            handling: HandlingLife::default(),
            opened_at: None,
            answered_at: None,
            extended: None,
        };
        let mut deliveries: Vec<_> = routing.recipients.iter().map(of).collect();
        if let Came::Inside(Some(carrier)) = came
            && routing.recipient(&self.own).is_none()
        {
            let ours = carrier.delivery(&self.own);
            deliveries.extend(ours.map(|ours| ours.extended_by(carrier)));
        }
        deliveries
    }

    /// The statement recorded last in this thread.
    pub(super) fn tail(&self, first: &StatementRef) -> Option<Ordinal> {
        match self.threads.of(first) {
            Some(thread) => thread.tail,
            None => self.ids.ordinal(first),
        }
    }

    /// Applies all in the thread whose turn has come and whose target is here.
    fn settle(&mut self, first: &StatementRef) {
        let Some(thread) = self.threads.of_mut(first) else {
            return;
        };
        let ids = &self.ids;
        for ordinal in thread.take_ready(|target| ids.ordinal(target).is_some()) {
            self.take_effect(ordinal);
        }
    }

    fn take_effect(&mut self, ordinal: Ordinal) {
        let applied = self.rows.change(ordinal, |record| {
            let life = record.life.after(Effect::Starts)?;
            record.life = life;
            Some(record.clone())
        });
        let Some(statement) = applied.flatten() else {
            return;
        };
        match statement.effect {
            Effect::Recalls | Effect::Closes => self.change_target(&statement),
            Effect::Answers(code) => self.answer(&statement, code),
            Effect::Updates => self.amend(&statement),
            Effect::Extends => self.extend(&statement),
            Effect::Informs if statement.terms.return_confirmed => self.confirm_return(&statement),
            Effect::Starts | Effect::Informs | Effect::Instructs | Effect::Corrects => {}
        }
    }

    /// The last day of an alert has passed.
    fn expire(&mut self, statement: &StatementRef) {
        self.change_alert(statement, |record| {
            if let Some(life) = record.life.expired() {
                record.life = life;
            }
        });
    }

    /// An update by the alert's own origin: it may set a later end, which brings an expired alert back.
    fn amend(&mut self, by: &MessageRecord) {
        self.change_alert(&by.thread, |record| {
            if record.statement.origin != by.statement.origin || record.status != by.status {
                return;
            }
            let was = record.terms;
            record.terms = was.amended_by(&by.terms, record.last_day());
            if record.terms.valid_until > was.valid_until {
                record.life = record.life.extended().unwrap_or(record.life);
                record.called = record
                    .called
                    .without(CallKind::EndsInAWeek)
                    .without(CallKind::EndsInADay);
            }
            if record.terms.review_on != was.review_on {
                record.called = record.called.without(CallKind::ReviewDue);
            }
            if record.terms.expected_return_on != was.expected_return_on {
                record.called = record.called.without(CallKind::ReturnNotConfirmed);
            }
        });
    }

    /// Somebody in the thread says that the person is back.
    fn confirm_return(&mut self, by: &MessageRecord) {
        self.change_alert(&by.thread, |record| {
            if record.status == by.status {
                record.terms.return_confirmed = true;
            }
        });
    }

    /// Changes a first statement, and the days that it is listed under.
    fn change_alert(&mut self, first: &StatementRef, change: impl FnOnce(&mut MessageRecord)) {
        let Some(ordinal) = self.ids.ordinal(first) else {
            return;
        };
        let days = self.rows.change(ordinal, |record| {
            let was = Days::of(record);
            if record.is_alert() {
                change(record);
            }
            (was, Days::of(record))
        });
        if let Some((was, is)) = days {
            self.ends.change(ordinal, was, is);
        }
    }

    /// Recall and closure: by the target's own origin, in its thread, and never an exercise upon what is real.
    fn change_target(&mut self, by: &MessageRecord) {
        let target = by.in_reply_to.unwrap_or(by.thread);
        let Some(ordinal) = self.ids.ordinal(&target) else {
            return;
        };
        let was = self.rows.change(ordinal, |record| {
            let may = record.statement.origin == by.statement.origin
                && record.thread == by.thread
                && record.status == by.status;
            let life = may.then(|| record.life.after(by.effect)).flatten()?;
            let was = Days::of(record);
            let life = std::mem::replace(&mut record.life, life);
            Some((life, was, Days::of(record)))
        });
        let Some((was, days, now)) = was.flatten() else {
            return;
        };
        self.ends.change(ordinal, days, now);
        // Closed or recalled: nobody is given it any more.
        self.addressed.remove(&ordinal);
        if was == AlertLife::Waiting
            && let Some(thread) = self.threads.of_mut(&by.thread)
        {
            thread.forget_waiting(ordinal);
        }
    }

    /// An answer stands with the thread's first statement, and with its target when that is another.
    fn answer(&mut self, by: &MessageRecord, code: AnswerCode) {
        let target = by.in_reply_to.filter(|target| *target != by.thread);
        for answered in [Some(by.thread), target].into_iter().flatten() {
            if let Some(ordinal) = self.ids.ordinal(&answered) {
                self.answer_one(by, code, ordinal);
            }
        }
    }

    fn answer_one(&mut self, by: &MessageRecord, code: AnswerCode, ordinal: Ordinal) {
        let opened = self.rows.change(ordinal, |record| {
            if record.status != by.status || record.thread != by.thread {
                return false;
            }
            match (record.direction, by.direction) {
                (Direction::Own, Direction::Foreign) => {
                    let origin = by.statement.origin;
                    let mut deliveries = record.deliveries.iter_mut();
                    if let Some(delivery) = deliveries.find(|d| d.recipient == origin) {
                        delivery.answered(code, by.recorded_at);
                    }
                    false
                }
                (Direction::Foreign, Direction::Own) => {
                    record.handling_life = record.handling_life.after(code);
                    record.opened_at.get_or_insert(by.recorded_at);
                    true
                }
                // What others say of each other's statements is theirs.
                _ => false,
            }
        });
        if opened == Some(true) {
            self.unopened.remove(ordinal);
        }
    }

    /// An officer saw a foreign thread in full.
    fn open(&mut self, time: Timestamp, thread: &StatementRef) {
        let Some(ordinal) = self.ids.ordinal(thread) else {
            return;
        };
        if self
            .rows
            .tags()
            .get(ordinal as usize)
            .copied()
            .is_some_and(Tag::is_foreign)
        {
            self.rows.change(ordinal, |record| {
                record.handling_life = record.handling_life.after(AnswerCode::Opened);
                record.opened_at.get_or_insert(time);
            });
            self.unopened.remove(ordinal);
        }
    }

    /// Only a receipt for these very bytes, by a recipient of them, has an effect.
    fn receipt(&mut self, index: EntryIndex, time: Timestamp, receipt: &Receipt) {
        let statement = StatementRef {
            origin: receipt.sender,
            id: receipt.message,
        };
        let fits = self.ids.ordinal(&statement).and_then(|ordinal| {
            self.rows
                .with(ordinal, |record| record.leaf == receipt.leaf)
        });
        if fits == Some(true) {
            let step = DeliveryStep::Receipted(receipt.verdict);
            self.step(time, &statement, &receipt.recipient, step, Some(index));
        }
    }

    /// The entry of the latest report stands where a receipt's would.
    fn by_hand(
        &mut self,
        index: EntryIndex,
        time: Timestamp,
        statement: &StatementRef,
        recipient: &AuthorityId,
        hand: Hand,
    ) {
        let report = (hand >= Hand::Carried).then_some(index);
        self.step(time, statement, recipient, DeliveryStep::Hand(hand), report);
    }

    fn step(
        &mut self,
        time: Timestamp,
        statement: &StatementRef,
        recipient: &AuthorityId,
        step: DeliveryStep,
        receipt: Option<EntryIndex>,
    ) {
        let Some(ordinal) = self.ids.ordinal(statement) else {
            return;
        };
        let outcome = self.rows.change(ordinal, |record| {
            if record.direction != Direction::Own {
                return None;
            }
            let place = Place::of(record, *recipient);
            let mut deliveries = record.deliveries.iter_mut();
            let delivery =
                deliveries.find(|d| d.recipient == *recipient && d.extended.is_none())?;
            delivery.life = delivery.life.after(step)?;
            delivery.since = time;
            delivery.receipt = receipt.or(delivery.receipt);
            let carried = record
                .in_reply_to
                .filter(|_| record.effect == Effect::Extends);
            Some((place, delivery.clone(), carried))
        });
        let Some((place, delivery, carried)) = outcome.flatten() else {
            return;
        };
        match delivery.life {
            DeliveryLife::Queued => self.queues.add(place, ordinal),
            _ => self.queues.remove(place, ordinal),
        }
        if let Some(carried) = carried {
            self.follow(statement, &delivery, &carried);
        }
    }
}

impl DeliveryRecord {
    fn answered(&mut self, code: AnswerCode, at: Timestamp) {
        self.handling = self.handling.after(code);
        // Whoever answers anything has seen it.
        self.opened_at.get_or_insert(at);
        if self.handling.is_answered() {
            self.answered_at.get_or_insert(at);
        }
    }
}
