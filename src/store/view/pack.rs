//! Records as bytes: small numbers short, nothing named twice. A stored layout: a change wants a new format.

use crate::{
    domain::{
        call::{CallKind, CallSet},
        id::{AuthorityId, MessageId, StatementRef},
        lives::{AlertLife, DeliveryLife, DraftLife, Hand, HandlingLife},
        reason::Reason,
        receipt::LeafHash,
        release::Outline,
        routing::{AnswerCode, Effect, Handling, HandlingSet, Kind, Priority, Status},
        terms::Terms,
        time::Timestamp,
    },
    store::{
        entry::{Actor, EntryIndex},
        record::{
            CallRecord, DeliveryRecord, Direction, DraftRecord, Extended, HandoverRecord,
            MessageRecord,
        },
    },
};

mod permission;
mod terms;

/// Numbers of [`Effect`]; an answer is `ANSWERS` with its code added.
const EFFECTS: [(u8, Effect); 9] = [
    (0, Effect::Starts),
    (1, Effect::Informs),
    (2, Effect::Instructs),
    (3, Effect::Updates),
    (4, Effect::Corrects),
    (5, Effect::Recalls),
    (6, Effect::Closes),
    (7, Effect::Extends),
    (8, Effect::PassesOn),
];
const ANSWERS: u8 = 0x40;

/// Writes.
#[derive(Default)]
pub(super) struct Packer(Vec<u8>);

impl Packer {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// LEB128.
    pub(super) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    pub(super) fn statement(&mut self, statement: &StatementRef) {
        self.authority(&statement.origin);
        self.raw(statement.id.as_bytes());
    }

    pub(super) fn record(&mut self, record: &MessageRecord) {
        self.number(record.ordinal);
        self.statement(&record.statement);
        let reply_to = record.in_reply_to;
        let flags = u8::from(record.direction == Direction::Foreign)
            | u8::from(record.thread != record.statement) << 1
            | u8::from(reply_to.is_some()) << 2
            | u8::from(record.opened_at.is_some()) << 3
            | u8::from(record.previous_in_thread.is_some()) << 4
            | u8::from(record.terms != Terms::default()) << 5
            | u8::from(record.called != CallSet::default()) << 6
            | u8::from(record.addressed.is_some()) << 7;
        self.raw(&[
            flags,
            record.kind as u8,
            record.status as u8,
            record.priority as u8,
            handling_bits(record.handling),
            effect_number(record.effect),
            record.life as u8,
        ]);
        if record.thread != record.statement {
            self.statement(&record.thread);
        }
        if let Some(target) = &reply_to {
            self.statement(target);
        }
        self.raw(&record.leaf.0);
        self.number(record.index);
        self.time(record.recorded_at);
        self.time(record.issued_at);
        self.time(record.carried_until);
        self.number(u64::from(record.size_bytes));
        self.handling_life(record.handling_life);
        if let Some(time) = record.opened_at {
            self.time(time);
        }
        if let Some(previous) = record.previous_in_thread {
            self.number(previous);
        }
        if record.terms != Terms::default() {
            self.terms(&record.terms);
        }
        if record.called != CallSet::default() {
            self.number(u64::from(record.called.bits()));
        }
        if let Some(names) = &record.addressed {
            self.text(names);
        }
        self.number(record.deliveries.len() as u64);
        for delivery in &record.deliveries {
            self.delivery(delivery);
        }
    }

    fn delivery(&mut self, delivery: &DeliveryRecord) {
        self.authority(&delivery.recipient);
        self.number(u64::from(delivery.thread_seq));
        let (life, reason) = match delivery.life {
            DeliveryLife::Queued => (0, None),
            DeliveryLife::Delivered => (1, None),
            DeliveryLife::Refused(reason) => (2, Some(reason)),
            DeliveryLife::Expired => (3, None),
            DeliveryLife::Held(reason) => (4, Some(reason)),
            // 5 to 8: how far it has come.
            DeliveryLife::ByHand(hand) => (5 + hand as u8, None),
            DeliveryLife::PassedOn => (15, None),
        };
        let flags = u8::from(delivery.receipt.is_some()) << 4
            | u8::from(delivery.opened_at.is_some()) << 5
            | u8::from(delivery.answered_at.is_some()) << 6
            | u8::from(delivery.extended.is_some()) << 7;
        self.0.push(life | flags);
        if let Some(reason) = reason {
            self.number(u64::from(reason.number()));
        }
        self.time(delivery.since);
        if let Some(receipt) = delivery.receipt {
            self.number(receipt);
        }
        self.handling_life(delivery.handling);
        for time in [delivery.opened_at, delivery.answered_at]
            .into_iter()
            .flatten()
        {
            self.time(time);
        }
        if let Some(extended) = &delivery.extended {
            self.statement(&extended.by);
            self.time(extended.at);
        }
    }

    pub(super) fn draft(&mut self, draft: &DraftRecord) {
        self.statement(&draft.statement);
        self.number(draft.index);
        self.text(draft.creator.as_str());
        self.time(draft.kept_at);
        let outline = &draft.outline;
        self.raw(&[
            draft.life as u8,
            outline.kind as u8,
            outline.status as u8,
            outline.priority as u8,
            u8::from(outline.do_not_alert),
        ]);
        // 0: it never went back; an entry that says why is never the first.
        self.number(draft.returned.unwrap_or(0));
        self.text(&outline.created_by);
        self.text(&outline.why);
        self.number(outline.recipients.len() as u64);
        for recipient in &outline.recipients {
            self.authority(recipient);
        }
    }

    pub(super) fn restriction(&mut self, thread: &StatementRef, units: &str) {
        self.statement(thread);
        self.text(units);
    }

    /// All but the entry that is its key.
    pub(super) fn handover(&mut self, record: &HandoverRecord) {
        self.text(record.giver.as_str());
        self.time(record.given_at);
        if let Some((taker, taken_at)) = record.taken {
            self.text(taker.as_str());
            self.time(taken_at);
        }
    }

    /// All but the id that is its key.
    pub(super) fn call(&mut self, record: &CallRecord) {
        let flags = u8::from(record.statement.is_some())
            | u8::from(record.peer.is_some()) << 1
            | u8::from(record.due.is_some()) << 2
            | u8::from(record.reason.is_some()) << 3;
        self.raw(&[flags, record.kind as u8]);
        self.time(record.at);
        self.time(record.since);
        self.number(u64::from(record.count));
        self.text(&record.ways);
        if let Some(statement) = &record.statement {
            self.statement(statement);
        }
        if let Some(peer) = &record.peer {
            self.authority(peer);
        }
        if let Some(due) = record.due {
            self.time(due);
        }
        if let Some(reason) = record.reason {
            self.number(u64::from(reason.number()));
        }
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.raw(text.as_bytes());
    }

    fn authority(&mut self, authority: &AuthorityId) {
        let text = authority.as_str();
        self.0.push(text.len() as u8);
        self.raw(text.as_bytes());
    }

    fn time(&mut self, time: Timestamp) {
        self.raw(&time.as_micros().to_be_bytes());
    }

    fn handling_life(&mut self, life: HandlingLife) {
        let number = |answer: Option<AnswerCode>| answer.map_or(0, |answer| answer as u8);
        self.0.push(number(life.latest) << 4 | number(life.gravest));
    }
}

/// Reads what a [`Packer`] wrote; `None`: not so.
pub(super) struct Unpacker<'a>(&'a [u8]);

impl<'a> Unpacker<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn raw<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*bytes)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for place in 0..10 {
            let [byte] = self.raw()?;
            let bits = u64::from(byte & 0x7f);
            number |= bits.checked_shl(place * 7)?;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn statement(&mut self) -> Option<StatementRef> {
        Some(StatementRef {
            origin: self.authority()?,
            id: MessageId::from_bytes(&self.raw::<16>()?).ok()?,
        })
    }

    pub(super) fn reason(&mut self) -> Option<Reason> {
        Reason::from_number(u16::try_from(self.number()?).ok()?)
    }

    pub(super) fn record(&mut self) -> Option<MessageRecord> {
        let ordinal = self.number()?;
        let statement = self.statement()?;
        let [flags, kind, status, priority, handling, effect, life] = self.raw()?;
        let has = |bit: u8| flags & (1 << bit) != 0;
        Some(MessageRecord {
            ordinal,
            statement,
            direction: match has(0) {
                true => Direction::Foreign,
                false => Direction::Own,
            },
            kind: Kind::from_number(kind)?,
            status: Status::from_number(status)?,
            priority: Priority::from_number(priority)?,
            handling: handling_of(handling)?,
            effect: effect_of(effect)?,
            life: AlertLife::from_number(life)?,
            thread: match has(1) {
                true => self.statement()?,
                false => statement,
            },
            in_reply_to: match has(2) {
                true => Some(self.statement()?),
                false => None,
            },
            leaf: LeafHash(self.raw()?),
            index: self.number()?,
            recorded_at: self.time()?,
            issued_at: self.time()?,
            carried_until: self.time()?,
            size_bytes: u32::try_from(self.number()?).ok()?,
            handling_life: self.handling_life()?,
            opened_at: match has(3) {
                true => Some(self.time()?),
                false => None,
            },
            previous_in_thread: match has(4) {
                true => Some(self.number()?),
                false => None,
            },
            terms: match has(5) {
                true => self.terms()?,
                false => Terms::default(),
            },
            called: match has(6) {
                true => CallSet::from_bits(u32::try_from(self.number()?).ok()?),
                false => CallSet::default(),
            },
            addressed: match has(7) {
                true => Some(self.text()?.into()),
                false => None,
            },
            deliveries: {
                let count = self.number()?;
                (0..count).map(|_| self.delivery()).collect::<Option<_>>()?
            },
        })
    }

    fn delivery(&mut self) -> Option<DeliveryRecord> {
        let recipient = self.authority()?;
        let thread_seq = u32::try_from(self.number()?).ok()?;
        let [flags] = self.raw()?;
        let has = |bit: u8| flags & (1 << bit) != 0;
        let life = match flags & 0xf {
            0 => DeliveryLife::Queued,
            1 => DeliveryLife::Delivered,
            2 => DeliveryLife::Refused(self.reason()?),
            3 => DeliveryLife::Expired,
            4 => DeliveryLife::Held(self.reason()?),
            15 => DeliveryLife::PassedOn,
            hand => DeliveryLife::ByHand(Hand::from_number(hand.checked_sub(5)?)?),
        };
        Some(DeliveryRecord {
            recipient,
            thread_seq,
            life,
            since: self.time()?,
            receipt: match has(4) {
                true => Some(self.number()?),
                false => None,
            },
            handling: self.handling_life()?,
            opened_at: match has(5) {
                true => Some(self.time()?),
                false => None,
            },
            answered_at: match has(6) {
                true => Some(self.time()?),
                false => None,
            },
            extended: match has(7) {
                true => Some(Extended {
                    by: self.statement()?,
                    at: self.time()?,
                }),
                false => None,
            },
        })
    }

    pub(super) fn draft(&mut self) -> Option<DraftRecord> {
        let statement = self.statement()?;
        let index = self.number()?;
        let creator = Actor::new(&self.text()?).ok()?;
        let kept_at = self.time()?;
        let [life, kind, status, priority, do_not_alert] = self.raw()?;
        let returned = self.number()?;
        let (created_by, why) = (self.text()?, self.text()?);
        let count = self.number()?;
        let outline = Outline {
            kind: Kind::from_number(kind)?,
            status: Status::from_number(status)?,
            priority: Priority::from_number(priority)?,
            recipients: (0..count)
                .map(|_| self.authority())
                .collect::<Option<_>>()?,
            created_by,
            why,
            do_not_alert: do_not_alert != 0,
        };
        Some(DraftRecord {
            statement,
            index,
            creator,
            kept_at,
            outline: outline.into(),
            life: DraftLife::from_number(life)?,
            returned: (returned != 0).then_some(returned),
        })
    }

    pub(super) fn restriction(&mut self) -> Option<(StatementRef, std::sync::Arc<str>)> {
        Some((self.statement()?, self.text()?.into()))
    }

    pub(super) fn handover(&mut self, given: EntryIndex) -> Option<HandoverRecord> {
        let giver = Actor::new(&self.text()?).ok()?;
        let given_at = self.time()?;
        let taken = match self.is_empty() {
            true => None,
            false => Some((Actor::new(&self.text()?).ok()?, self.time()?)),
        };
        Some(HandoverRecord {
            given,
            giver,
            given_at,
            taken,
        })
    }

    pub(super) fn call(&mut self, id: MessageId) -> Option<CallRecord> {
        let [flags, kind] = self.raw()?;
        let has = |bit: u8| flags & (1 << bit) != 0;
        Some(CallRecord {
            id,
            kind: CallKind::from_number(kind)?,
            at: self.time()?,
            since: self.time()?,
            count: u32::try_from(self.number()?).ok()?,
            ways: self.text()?.into(),
            statement: match has(0) {
                true => Some(self.statement()?),
                false => None,
            },
            peer: match has(1) {
                true => Some(self.authority()?),
                false => None,
            },
            due: match has(2) {
                true => Some(self.time()?),
                false => None,
            },
            reason: match has(3) {
                true => Some(self.reason()?),
                false => None,
            },
        })
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        str::from_utf8(text).ok().map(ToOwned::to_owned)
    }

    fn authority(&mut self) -> Option<AuthorityId> {
        let [length] = self.raw()?;
        let (text, rest) = self.0.split_at_checked(usize::from(length))?;
        self.0 = rest;
        str::from_utf8(text).ok()?.parse().ok()
    }

    fn time(&mut self) -> Option<Timestamp> {
        Some(Timestamp::from_micros(i64::from_be_bytes(self.raw()?)))
    }

    fn handling_life(&mut self) -> Option<HandlingLife> {
        let [byte] = self.raw()?;
        let answer = |number: u8| match number {
            0 => Some(None),
            number => AnswerCode::from_number(number).map(Some),
        };
        Some(HandlingLife {
            latest: answer(byte >> 4)?,
            gravest: answer(byte & 0xf)?,
        })
    }
}

fn handling_bits(handling: HandlingSet) -> u8 {
    let bits = handling.codes().map(|code| 1_u8 << (code as u8));
    bits.fold(0, |all, bit| all | bit)
}

fn handling_of(bits: u8) -> Option<HandlingSet> {
    let codes = Handling::ALL.iter().copied();
    HandlingSet::new(codes.filter(|code| bits & (1 << (*code as u8)) != 0)).ok()
}

fn effect_number(effect: Effect) -> u8 {
    if let Effect::Answers(code) = effect {
        return ANSWERS + code as u8;
    }
    let known = EFFECTS.iter().find(|(_, known)| *known == effect);
    known.map_or(u8::MAX, |(number, _)| *number)
}

fn effect_of(number: u8) -> Option<Effect> {
    if number > ANSWERS {
        return AnswerCode::from_number(number - ANSWERS).map(Effect::Answers);
    }
    let known = EFFECTS.iter().find(|(known, _)| *known == number);
    known.map(|(_, effect)| *effect)
}
