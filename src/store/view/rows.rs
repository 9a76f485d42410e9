//! The rows of the view: their keys, their checks, and how a state is written and loaded.
//!
//! | key | value |
//! | --- | --- |
//! | `m` | format version, tick, position (next entry index), header of the entry before it |
//! | `t`, tick modulo 4,096 (2) | the tick that wrote it: one of these goes with each writing |
//! | `r`, row number (8 bytes), part (2) | packed records, 32 a row, in parts under 8 KiB |
//! | `x`, entry index (8) | a statement refused for good |
//! | `d`, version (8) | entry in which this directory was adopted |
//! | `a`, pseudonym | entry in which its certificate was named |
//!
//! Every value begins with a CRC32C of its key and the rest. Keys are never reused for anything else.
//!
//! A crash may take any of the last writings, not only the newest. A position says nothing of the writings before its
//! own, so each leaves its number: a view in which one of the last 4,096 is absent is rebuilt. What is older was on the
//! disk long before.

use std::sync::Arc;

use super::{
    View, ViewError,
    pack::{Packer, Unpacker},
};
use crate::{
    domain::limits::{VIEW_ROW_RECORDS, VIEW_VALUE_MAX_BYTES},
    store::{
        entry::{Actor, EntryIndex, HEADER_BYTES},
        ledger::{Changes, Ledger, Refusal, Row, Snapshot},
    },
};

/// Of keys and values; another one is rebuilt.
const FORMAT: u8 = 3;
/// Writings whose numbers are kept: 13 minutes of ticks, beside a flush twice a second.
const TICKS_KEPT: u64 = 4096;
const META: &[u8] = b"m";
const TICK: u8 = b't';
const RECORDS: u8 = b'r';
const REFUSAL: u8 = b'x';
const DIRECTORY: u8 = b'd';
const ACTOR: u8 = b'a';
/// CRC and count of parts.
const PART_HEAD_BYTES: usize = 4 + 2;

/// Where a view stands in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Position {
    /// Which writing of this view was the last.
    pub(in crate::store) tick: u64,
    /// Index of the first entry that is not in it.
    pub(in crate::store) next: EntryIndex,
    /// Bytes of the header before that: the same journal has them.
    pub(in crate::store) header: [u8; HEADER_BYTES],
}

/// The rows of a snapshot; `header` is that of the entry before `snapshot.next`.
pub(in crate::store) fn encode(
    snapshot: &Snapshot,
    header: &[u8; HEADER_BYTES],
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    for (number, row) in &snapshot.rows {
        encode_row(*number, row, &mut rows);
    }
    for (statement, refusal) in &snapshot.changes.refusals {
        let mut value = Packer::default();
        value.statement(statement);
        value.raw(&refusal.leaf.0);
        value.number(u64::from(refusal.reason.number()));
        rows.push(checked(numbered(REFUSAL, refusal.index), value.bytes()));
    }
    for (version, index) in &snapshot.changes.directories {
        let mut value = Packer::default();
        value.number(*index);
        rows.push(checked(numbered(DIRECTORY, *version), value.bytes()));
    }
    for (actor, index) in &snapshot.changes.actors {
        let mut value = Packer::default();
        value.number(*index);
        let key = [&[ACTOR], actor.as_str().as_bytes()].concat();
        rows.push(checked(key, value.bytes()));
    }
    let mut tick = Packer::default();
    tick.number(snapshot.tick);
    rows.push(checked(tick_key(snapshot.tick), tick.bytes()));
    let mut meta = Packer::default();
    meta.raw(&[FORMAT]);
    meta.number(snapshot.tick);
    meta.number(snapshot.next);
    meta.raw(header);
    rows.push(checked(META.to_vec(), meta.bytes()));
    rows
}

/// Where the view stands; `None` when it is empty.
pub(in crate::store) fn position(view: &dyn View) -> Result<Option<Position>, ViewError> {
    let Some(value) = view.read(META)? else {
        return Ok(None);
    };
    let value = check(META, &value)?;
    let mut meta = Unpacker::new(value);
    let read = |meta: &mut Unpacker<'_>| {
        let [format] = meta.raw::<1>()?;
        (format == FORMAT).then_some(())?;
        Some(Position {
            tick: meta.number()?,
            next: meta.number()?,
            header: meta.raw()?,
        })
    };
    let position = read(&mut meta).filter(|_| meta.is_empty());
    position
        .map(Some)
        .ok_or_else(|| ViewError("its position is of another format".into()))
}

/// Loads all rows into an empty ledger, which then stands at this position.
pub(in crate::store) fn load(
    view: &dyn View,
    ledger: &mut Ledger,
    position: &Position,
) -> Result<(), ViewError> {
    no_tick_is_absent(view, position.tick)?;
    let next = position.next;
    let mut expected = 0;
    while let Some(row) = read_row_if_any(view, expected)? {
        let full = row.len() as u64 == VIEW_ROW_RECORDS;
        for record in &row {
            if record.ordinal != ledger.message_count() || record.index >= next {
                return Err(ViewError(format!("row {expected} is out of order")));
            }
            ledger.load_record(record);
        }
        expected += 1;
        if !full {
            break;
        }
    }
    if read_row_if_any(view, expected)?.is_some() {
        return Err(ViewError(format!("row {expected} follows a gap")));
    }
    let changes = Changes {
        refusals: load_refusals(view)?,
        directories: load_directories(view)?,
        actors: load_actors(view)?,
    };
    ledger.load_rest(changes, position);
    Ok(())
}

/// That every writing of late is there, up to the one that the position is of.
fn no_tick_is_absent(view: &dyn View, last: u64) -> Result<(), ViewError> {
    let first = last.saturating_sub(TICKS_KEPT - 1).max(1);
    for tick in first..=last {
        let key = tick_key(tick);
        let value = view.read(&key)?;
        let found = match &value {
            Some(value) => Unpacker::new(check(&key, value)?).number(),
            None => None,
        };
        if found != Some(tick) {
            return Err(ViewError(format!(
                "writing {tick} of {last} is absent: a crash took it"
            )));
        }
    }
    Ok(())
}

/// The records of one row.
pub(in crate::store) fn read_row(view: &dyn View, number: u64) -> Result<Row, ViewError> {
    read_row_if_any(view, number)?.ok_or_else(|| ViewError(format!("row {number} is absent")))
}

fn read_row_if_any(view: &dyn View, number: u64) -> Result<Option<Row>, ViewError> {
    let damaged = || ViewError(format!("row {number} cannot be read"));
    let mut packed = Vec::new();
    let (mut part, mut parts) = (0_u16, 1_u16);
    while part < parts {
        let key = record_key(number, part);
        let Some(value) = view.read(&key)? else {
            return match part {
                0 => Ok(None),
                _ => Err(damaged()),
            };
        };
        let value = check(&key, &value)?;
        let (count, records) = value.split_first_chunk::<2>().ok_or_else(damaged)?;
        parts = u16::from_be_bytes(*count);
        packed.extend_from_slice(records);
        part += 1;
    }
    let mut unpacker = Unpacker::new(&packed);
    let mut row = Row::new();
    while !unpacker.is_empty() {
        row.push(unpacker.record().ok_or_else(damaged)?);
    }
    let first = number.saturating_mul(VIEW_ROW_RECORDS);
    let in_order = (first..).zip(&row).all(|(ordinal, r)| r.ordinal == ordinal);
    let right = in_order && !row.is_empty() && row.len() as u64 <= VIEW_ROW_RECORDS;
    right.then_some(Some(row)).ok_or_else(damaged)
}

fn encode_row(number: u64, row: &Arc<Row>, rows: &mut Vec<(Vec<u8>, Vec<u8>)>) {
    let mut packed = Packer::default();
    for record in row.iter() {
        packed.record(record);
    }
    let packed = packed.bytes();
    let parts = packed.chunks(VIEW_VALUE_MAX_BYTES - PART_HEAD_BYTES);
    // 32 records of 256 deliveries are far under 65,536 parts.
    let count = u16::try_from(parts.len()).unwrap_or(u16::MAX);
    for (part, bytes) in (0..count).zip(parts) {
        let value = [&count.to_be_bytes(), bytes].concat();
        rows.push(checked(record_key(number, part), &value));
    }
}

fn load_refusals(
    view: &dyn View,
) -> Result<Vec<(crate::domain::id::StatementRef, Refusal)>, ViewError> {
    let mut refusals = Vec::new();
    for row in view.scan(&[REFUSAL]) {
        let (key, value) = row?;
        let mut value = Unpacker::new(check(&key, &value)?);
        let read = |value: &mut Unpacker<'_>| {
            let statement = value.statement()?;
            let refusal = Refusal {
                leaf: crate::domain::receipt::LeafHash(value.raw()?),
                reason: value.reason()?,
                index: key_number(&key)?,
            };
            Some((statement, refusal))
        };
        let refusal = read(&mut value).ok_or_else(|| unreadable("refusal"))?;
        refusals.push(refusal);
    }
    Ok(refusals)
}

fn load_directories(view: &dyn View) -> Result<Vec<(u64, EntryIndex)>, ViewError> {
    let mut directories = Vec::new();
    for row in view.scan(&[DIRECTORY]) {
        let (key, value) = row?;
        let index = Unpacker::new(check(&key, &value)?).number();
        let directory = key_number(&key).zip(index);
        directories.push(directory.ok_or_else(|| unreadable("directory"))?);
    }
    Ok(directories)
}

fn load_actors(view: &dyn View) -> Result<Vec<(Actor, EntryIndex)>, ViewError> {
    let mut actors = Vec::new();
    for row in view.scan(&[ACTOR]) {
        let (key, value) = row?;
        let index = Unpacker::new(check(&key, &value)?).number();
        let name = key.get(1..).and_then(|name| str::from_utf8(name).ok());
        let actor = name.and_then(|name| Actor::new(name).ok()).zip(index);
        actors.push(actor.ok_or_else(|| unreadable("actor"))?);
    }
    Ok(actors)
}

fn unreadable(what: &str) -> ViewError {
    ViewError(format!("the row of a {what} cannot be read"))
}

fn record_key(number: u64, part: u16) -> Vec<u8> {
    let mut key = numbered(RECORDS, number);
    key.extend_from_slice(&part.to_be_bytes());
    key
}

fn tick_key(tick: u64) -> Vec<u8> {
    let place = u16::try_from(tick % TICKS_KEPT).unwrap_or(u16::MAX);
    [&[TICK], place.to_be_bytes().as_slice()].concat()
}

fn numbered(kind: u8, number: u64) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend_from_slice(&number.to_be_bytes());
    key
}

fn key_number(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(1..)?.try_into().ok()?))
}

/// The row with its check before it. The key is in the check: a value under another key is damage.
fn checked(key: Vec<u8>, value: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let sum = crc32c::crc32c_append(crc32c::crc32c(&key), value);
    let value = [&sum.to_be_bytes(), value].concat();
    (key, value)
}

fn check<'a>(key: &[u8], value: &'a [u8]) -> Result<&'a [u8], ViewError> {
    let (sum, rest) = value
        .split_first_chunk::<4>()
        .ok_or_else(|| ViewError("a row is too short".into()))?;
    let right = crc32c::crc32c_append(crc32c::crc32c(key), rest) == u32::from_be_bytes(*sum);
    right
        .then_some(rest)
        .ok_or_else(|| ViewError("a row does not agree with its check".into()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        domain::{
            alert::value::Day,
            call::CallSet,
            id::{AuthorityId, MessageId, StatementRef},
            lives::{AlertLife, DeliveryLife, HandlingLife},
            reason::Reason,
            receipt::LeafHash,
            routing::{AnswerCode, Effect, Handling, HandlingSet, Kind, Priority, Status},
            terms::Terms,
            time::Timestamp,
        },
        store::{
            record::{DeliveryRecord, Direction, MessageRecord},
            view::memory::MemoryView,
        },
    };

    fn authority(number: usize) -> AuthorityId {
        format!("XA-A{number}").parse().unwrap()
    }

    fn statement(number: usize) -> StatementRef {
        StatementRef {
            origin: authority(number),
            id: MessageId::from_parts(number as u64, [3; 10]),
        }
    }

    fn delivery() -> impl Strategy<Value = DeliveryRecord> {
        let reason = prop::sample::select(Reason::ALL.to_vec());
        let life = prop_oneof![
            Just(DeliveryLife::Queued),
            Just(DeliveryLife::Delivered),
            Just(DeliveryLife::Expired),
            reason.clone().prop_map(DeliveryLife::Refused),
            reason.prop_map(DeliveryLife::Held),
        ];
        let time = any::<i64>().prop_map(Timestamp::from_micros);
        (
            (0..500_usize, any::<u32>(), life, time.clone()),
            (any::<Option<u64>>(), handling_life()),
            (prop::option::of(time.clone()), prop::option::of(time)),
        )
            .prop_map(|(first, (receipt, handling), (opened_at, answered_at))| {
                let (recipient, thread_seq, life, since) = first;
                DeliveryRecord {
                    recipient: authority(recipient),
                    thread_seq,
                    life,
                    since,
                    receipt,
                    handling,
                    opened_at,
                    answered_at,
                }
            })
    }

    fn handling_life() -> impl Strategy<Value = HandlingLife> {
        let answer = || prop::option::of(prop::sample::select(AnswerCode::ALL.to_vec()));
        (answer(), answer()).prop_map(|(latest, gravest)| HandlingLife { latest, gravest })
    }

    fn effect() -> impl Strategy<Value = Effect> {
        let plain = prop::sample::select(vec![
            Effect::Starts,
            Effect::Informs,
            Effect::Instructs,
            Effect::Updates,
            Effect::Corrects,
            Effect::Recalls,
            Effect::Closes,
        ]);
        let answers = prop::sample::select(AnswerCode::ALL.to_vec()).prop_map(Effect::Answers);
        prop_oneof![plain, answers]
    }

    fn terms() -> impl Strategy<Value = Terms> {
        let day =
            || prop::option::of((-43_829..84_005).prop_map(|day| Day::from_number(day).unwrap()));
        (day(), day(), day(), any::<[bool; 3]>()).prop_map(
            |(valid_until, review_on, expected_return_on, said)| Terms {
                valid_until,
                review_on,
                expected_return_on,
                return_confirmed: said[0],
                person_present: said[1],
                do_not_alert: said[2],
            },
        )
    }

    prop_compose! {
        fn record()(
            (name, thread, target) in (0..99_usize, 0..99_usize, prop::option::of(0..99_usize)),
            foreign in any::<bool>(),
            kind in prop::sample::select(Kind::ALL.to_vec()),
            status in prop::sample::select(Status::ALL.to_vec()),
            priority in prop::sample::select(Priority::ALL.to_vec()),
            restricted in any::<bool>(),
            effect in effect(),
            life in prop::sample::select(vec![
                AlertLife::Live, AlertLife::Closed, AlertLife::Recalled, AlertLife::Waiting,
                AlertLife::Expired,
            ]),
            (terms, called) in (terms(), any::<u32>()),
            (leaf, index, size_bytes) in any::<([u8; 32], u64, u32)>(),
            times in any::<[i64; 3]>(),
            (opened_at, previous_in_thread) in any::<(Option<i64>, Option<u64>)>(),
            handling_life in handling_life(),
            deliveries in prop::collection::vec(delivery(), 0..5),
        ) -> MessageRecord {
            let codes = if restricted { vec![Handling::H2, Handling::H3] } else { vec![Handling::H0] };
            let [issued_at, recorded_at, carried_until] = times.map(Timestamp::from_micros);
            MessageRecord {
                ordinal: 0,
                statement: statement(name),
                thread: statement(thread),
                direction: if foreign { Direction::Foreign } else { Direction::Own },
                kind, status, priority, effect, life, index, size_bytes, terms,
                called: CallSet::from_bits(called),
                handling: HandlingSet::new(codes).unwrap(),
                leaf: LeafHash(leaf),
                issued_at, recorded_at, carried_until,
                in_reply_to: target.map(statement),
                deliveries, handling_life, previous_in_thread,
                opened_at: opened_at.map(Timestamp::from_micros),
            }
        }
    }

    fn snapshot(mut row: Row, number: u64) -> Snapshot {
        for (ordinal, record) in (number * VIEW_ROW_RECORDS..).zip(&mut row) {
            record.ordinal = ordinal;
        }
        Snapshot {
            tick: 1,
            next: 1,
            rows: vec![(number, Arc::new(row))],
            changes: Changes::default(),
        }
    }

    /// A view after so many writings, of which each wrote nothing but its number.
    fn written(ticks: u64) -> MemoryView {
        let view = MemoryView::default();
        for tick in 1..=ticks {
            let snapshot = Snapshot {
                tick,
                next: 0,
                rows: Vec::new(),
                changes: Changes::default(),
            };
            view.apply(encode(&snapshot, &[7; HEADER_BYTES])).unwrap();
        }
        view
    }

    fn loaded(view: MemoryView) -> Result<u64, String> {
        let view: Arc<dyn View> = Arc::new(view);
        let position = position(&*view).unwrap().unwrap();
        let mut ledger = Ledger::new(authority(0), Arc::clone(&view));
        load(&*view, &mut ledger, &position).map_err(|fault| fault.0)?;
        Ok(ledger.snapshot().tick)
    }

    #[test]
    fn a_view_goes_on_counting_its_writings() {
        for ticks in [1, 3, TICKS_KEPT - 1, TICKS_KEPT, TICKS_KEPT + 5] {
            assert_eq!(loaded(written(ticks)), Ok(ticks + 1));
        }
    }

    #[test]
    fn a_view_of_another_format_is_not_loaded_but_rebuilt() {
        for format in [FORMAT - 1, FORMAT + 1] {
            let view = written(1);
            let mut meta = view.read(META).unwrap().unwrap();
            meta[4] = format;
            view.apply(vec![checked(META.to_vec(), &meta[4..])])
                .unwrap();
            let fault = position(&view).unwrap_err();
            assert_eq!(fault.0, "its position is of another format", "{format}");
        }
    }

    #[test]
    fn a_view_that_misses_a_writing_is_refused() {
        // The place of writing 2: never written, or of the round before.
        for (ticks, absent) in [(3, 2), (TICKS_KEPT + 5, TICKS_KEPT + 2)] {
            let view = written(absent - 1);
            let snapshot = Snapshot {
                tick: ticks,
                next: 0,
                rows: Vec::new(),
                changes: Changes::default(),
            };
            view.apply(encode(&snapshot, &[7; HEADER_BYTES])).unwrap();
            let fault = loaded(view).unwrap_err();
            assert_eq!(
                fault,
                format!("writing {absent} of {ticks} is absent: a crash took it")
            );
        }
    }

    proptest! {
        #[test]
        fn a_row_comes_back_as_it_was(
            row in prop::collection::vec(record(), 1..33),
            number in 0..1_000_000_u64,
        ) {
            let snapshot = snapshot(row, number);
            let view = MemoryView::default();
            view.apply(encode(&snapshot, &[7; HEADER_BYTES])).unwrap();
            prop_assert_eq!(&read_row(&view, number).unwrap(), &*snapshot.rows[0].1);
            let position = position(&view).unwrap().unwrap();
            prop_assert_eq!(position, Position { tick: 1, next: 1, header: [7; HEADER_BYTES] });
        }

        #[test]
        fn a_flipped_bit_is_damage(
            row in prop::collection::vec(record(), 1..5),
            place in any::<prop::sample::Index>(),
            bit in 0..8_u8,
        ) {
            let view = MemoryView::default();
            let mut rows = encode(&snapshot(row, 0), &[7; HEADER_BYTES]);
            let value = &mut rows[0].1;
            let place = place.index(value.len());
            value[place] ^= 1 << bit;
            view.apply(rows).unwrap();
            prop_assert!(read_row(&view, 0).is_err());
        }

        #[test]
        fn values_stay_small_however_many_recipients(
            record in record(),
            delivery in delivery(),
        ) {
            let mut record = record;
            record.deliveries = vec![delivery; 256];
            let snapshot = snapshot(vec![record; 32], 0);
            let rows = encode(&snapshot, &[7; HEADER_BYTES]);
            prop_assert!(rows.iter().all(|(_, value)| value.len() <= VIEW_VALUE_MAX_BYTES));
            let view = MemoryView::default();
            view.apply(rows).unwrap();
            prop_assert_eq!(&read_row(&view, 0).unwrap(), &*snapshot.rows[0].1);
        }
    }
}
