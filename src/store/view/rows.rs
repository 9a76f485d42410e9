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
//! | `u`, id (16), origin | the units that a thread is kept to; empty once it is open to all |
//! | `h`, entry index (8) | open work that was given over; empty once it is forgotten |
//! | `c`, id (16) | a call that has not arrived on each of its ways; empty once it is over |
//! | `w`, id (16) | a draft that waits for a second person; empty once it is over |
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
    domain::{
        id::{MessageId, StatementRef},
        limits::{VIEW_ROW_RECORDS, VIEW_VALUE_MAX_BYTES},
    },
    store::{
        entry::{Actor, EntryIndex, HEADER_BYTES},
        ledger::{Changes, Ledger, Refusal, Row, Snapshot},
        record::{CallRecord, DraftRecord, HandoverRecord},
    },
};

/// Of keys and values; another one is rebuilt.
const FORMAT: u8 = 5;
/// Writings whose numbers are kept: 13 minutes of ticks, beside a flush twice a second.
const TICKS_KEPT: u64 = 4096;
const META: &[u8] = b"m";
const TICK: u8 = b't';
const RECORDS: u8 = b'r';
const REFUSAL: u8 = b'x';
const DIRECTORY: u8 = b'd';
const ACTOR: u8 = b'a';
const DRAFT: u8 = b'w';
const UNITS: u8 = b'u';
const HANDOVER: u8 = b'h';
const CALL: u8 = b'c';
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
    for draft in &snapshot.changes.drafts {
        let mut value = Packer::default();
        if !draft.life.is_over() {
            value.draft(draft);
        }
        let key = [&[DRAFT], draft.statement.id.as_bytes().as_slice()].concat();
        rows.push(checked(key, value.bytes()));
    }
    for (thread, units) in &snapshot.changes.restrictions {
        let mut value = Packer::default();
        if !units.is_empty() {
            value.restriction(thread, units);
        }
        rows.push(checked(thread_key(thread), value.bytes()));
    }
    for (given, record) in &snapshot.changes.handovers {
        let mut value = Packer::default();
        if let Some(record) = record {
            value.handover(record);
        }
        rows.push(checked(numbered(HANDOVER, *given), value.bytes()));
    }
    for (id, record) in &snapshot.changes.calls {
        let mut value = Packer::default();
        if let Some(record) = record {
            value.call(record);
        }
        let key = [&[CALL], id.as_bytes().as_slice()].concat();
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
        drafts: load_drafts(view)?,
        restrictions: load_restrictions(view)?,
        handovers: load_handovers(view)?,
        calls: load_calls(view)?,
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

fn load_drafts(view: &dyn View) -> Result<Vec<DraftRecord>, ViewError> {
    let mut drafts = Vec::new();
    for row in view.scan(&[DRAFT]) {
        let (key, value) = row?;
        let mut value = Unpacker::new(check(&key, &value)?);
        if !value.is_empty() {
            let draft = value.draft().filter(|_| value.is_empty());
            drafts.push(draft.ok_or_else(|| unreadable("draft"))?);
        }
    }
    Ok(drafts)
}

fn load_restrictions(view: &dyn View) -> Result<Vec<(StatementRef, Arc<str>)>, ViewError> {
    let mut restrictions = Vec::new();
    for row in view.scan(&[UNITS]) {
        let (key, value) = row?;
        let mut value = Unpacker::new(check(&key, &value)?);
        if !value.is_empty() {
            let restriction = value.restriction().filter(|_| value.is_empty());
            restrictions.push(restriction.ok_or_else(|| unreadable("restriction"))?);
        }
    }
    Ok(restrictions)
}

fn load_handovers(view: &dyn View) -> Result<Vec<(EntryIndex, Option<HandoverRecord>)>, ViewError> {
    let mut handovers = Vec::new();
    for row in view.scan(&[HANDOVER]) {
        let (key, value) = row?;
        let mut value = Unpacker::new(check(&key, &value)?);
        if !value.is_empty() {
            let given = key_number(&key).ok_or_else(|| unreadable("handover"))?;
            let record = value.handover(given).filter(|_| value.is_empty());
            let record = record.ok_or_else(|| unreadable("handover"))?;
            handovers.push((given, Some(record)));
        }
    }
    Ok(handovers)
}

fn load_calls(view: &dyn View) -> Result<Vec<(MessageId, Option<CallRecord>)>, ViewError> {
    let mut calls = Vec::new();
    for row in view.scan(&[CALL]) {
        let (key, value) = row?;
        let mut value = Unpacker::new(check(&key, &value)?);
        if !value.is_empty() {
            let id = key.get(1..).and_then(|id| id.try_into().ok());
            let id = id.and_then(|id: &[u8; 16]| MessageId::from_bytes(id).ok());
            let record = id
                .and_then(|id| value.call(id))
                .filter(|_| value.is_empty());
            let record = record.ok_or_else(|| unreadable("call"))?;
            calls.push((record.id, Some(record)));
        }
    }
    Ok(calls)
}

fn thread_key(thread: &StatementRef) -> Vec<u8> {
    [
        &[UNITS],
        thread.id.as_bytes().as_slice(),
        thread.origin.as_str().as_bytes(),
    ]
    .concat()
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
#[path = "rows_tests.rs"]
mod tests;
