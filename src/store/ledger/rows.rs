//! Records in rows of 32: what changed or was used lately is in memory, the rest is read from the view.
//!
//! A row leaves memory only when the view has its latest state.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    domain::limits::{ROWS_IN_MEMORY_MAX, ROWS_READ_BACK_MAX, VIEW_ROW_RECORDS},
    store::{
        record::{Direction, MessageRecord, Ordinal},
        view::{View, ViewError, rows as view_rows},
    },
};

/// Up to [`VIEW_ROW_RECORDS`] records, ordinals without gaps.
pub(in crate::store) type Row = Vec<MessageRecord>;

pub(super) struct Rows {
    view: Arc<dyn View>,
    rows: BTreeMap<u64, Arc<Row>>,
    dirty: BTreeSet<u64>,
    /// In the last snapshot, not known to be in the view.
    in_flight: BTreeSet<u64>,
    /// Rows that readers fetched; only whole rows that are not in `rows`.
    read_back: Mutex<BTreeMap<u64, Arc<Row>>>,
    fault: Mutex<Option<String>>,
    /// One per record, for lists: direction, kind and status.
    tags: Vec<Tag>,
    /// One per record, for references: see `domain::id::reference_code`.
    codes: Vec<u32>,
}

/// Kind in bits 0 to 4, status less one in bits 5 and 6, foreign in bit 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag(u8);

impl Tag {
    pub(super) fn of(record: &MessageRecord) -> Self {
        let foreign = u8::from(record.direction == Direction::Foreign) << 7;
        Self(record.kind as u8 | ((record.status as u8 - 1) << 5) | foreign)
    }

    pub(super) fn is_foreign(self) -> bool {
        self.0 & 0x80 != 0
    }

    pub(super) fn kind(self) -> u8 {
        self.0 & 0x1f
    }

    pub(super) fn status(self) -> u8 {
        ((self.0 >> 5) & 3) + 1
    }
}

impl Rows {
    pub(super) fn new(view: Arc<dyn View>) -> Self {
        Self {
            view,
            rows: BTreeMap::new(),
            dirty: BTreeSet::new(),
            in_flight: BTreeSet::new(),
            read_back: Mutex::default(),
            fault: Mutex::default(),
            tags: Vec::new(),
            codes: Vec::new(),
        }
    }

    /// The ordinal of the next record.
    pub(super) fn len(&self) -> Ordinal {
        self.tags.len() as u64
    }

    pub(super) fn push(&mut self, record: MessageRecord) {
        let number = record.ordinal / VIEW_ROW_RECORDS;
        self.count(&record);
        if record.ordinal.is_multiple_of(VIEW_ROW_RECORDS) {
            self.rows.insert(number, Arc::default());
        }
        if let Some(row) = self.hold(number) {
            Arc::make_mut(row).push(record);
            self.dirty.insert(number);
        }
    }

    /// Counts a record that the view holds.
    pub(super) fn load(&mut self, record: &MessageRecord) {
        self.count(record);
    }

    fn count(&mut self, record: &MessageRecord) {
        self.tags.push(Tag::of(record));
        self.codes.push(record.statement.reference_code());
    }

    pub(super) fn read(&self, ordinal: Ordinal) -> Option<MessageRecord> {
        self.with(ordinal, MessageRecord::clone)
    }

    pub(super) fn with<T>(
        &self,
        ordinal: Ordinal,
        reading: impl FnOnce(&MessageRecord) -> T,
    ) -> Option<T> {
        if ordinal >= self.len() {
            return None;
        }
        let number = ordinal / VIEW_ROW_RECORDS;
        let place = usize::try_from(ordinal % VIEW_ROW_RECORDS).ok()?;
        if let Some(row) = self.rows.get(&number) {
            return row.get(place).map(reading);
        }
        let row = self.fetch(number)?;
        row.get(place).map(reading)
    }

    /// Changes a record, which is then in memory and written at the next tick.
    pub(super) fn change<T>(
        &mut self,
        ordinal: Ordinal,
        change: impl FnOnce(&mut MessageRecord) -> T,
    ) -> Option<T> {
        if ordinal >= self.len() {
            return None;
        }
        let number = ordinal / VIEW_ROW_RECORDS;
        let place = usize::try_from(ordinal % VIEW_ROW_RECORDS).ok()?;
        let record = Arc::make_mut(self.hold(number)?).get_mut(place)?;
        let value = change(record);
        self.dirty.insert(number);
        Some(value)
    }

    pub(super) fn tags(&self) -> &[Tag] {
        &self.tags
    }

    /// Ordinals whose reference code begins with these bits, newest first.
    pub(super) fn with_code(&self, code: u32, bits: u32) -> impl Iterator<Item = Ordinal> {
        let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
        self.codes
            .iter()
            .enumerate()
            .rev()
            .filter(move |(_, known)| **known & mask == code & mask)
            .map(|(ordinal, _)| ordinal as u64)
    }

    pub(super) fn take_dirty(&mut self) -> Vec<(u64, Arc<Row>)> {
        let dirty = std::mem::take(&mut self.dirty);
        let rows = dirty
            .iter()
            .filter_map(|number| Some((*number, Arc::clone(self.rows.get(number)?))))
            .collect();
        self.in_flight = dirty;
        rows
    }

    pub(super) fn written(&mut self) {
        self.in_flight.clear();
        if self.rows.len() <= ROWS_IN_MEMORY_MAX {
            return;
        }
        let surplus = self.rows.len() - ROWS_IN_MEMORY_MAX;
        let oldest: Vec<u64> = self
            .rows
            .keys()
            .filter(|number| !self.dirty.contains(number))
            .take(surplus)
            .copied()
            .collect();
        for number in oldest {
            self.rows.remove(&number);
        }
    }

    pub(super) fn not_written(&mut self) {
        self.dirty.append(&mut self.in_flight);
    }

    pub(super) fn fault(&self) -> Option<ViewError> {
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.clone().map(ViewError)
    }

    /// The row, in memory from now on. `None` when the view cannot give it.
    fn hold(&mut self, number: u64) -> Option<&mut Arc<Row>> {
        if !self.rows.contains_key(&number) {
            let row = self.fetch(number)?;
            self.read_back
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&number);
            self.rows.insert(number, row);
        }
        self.rows.get_mut(&number)
    }

    fn fetch(&self, number: u64) -> Option<Arc<Row>> {
        let mut kept = self
            .read_back
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(row) = kept.get(&number) {
            return Some(Arc::clone(row));
        }
        let row = match view_rows::read_row(&*self.view, number) {
            Ok(row) => Arc::new(row),
            Err(fault) => {
                let mut known = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
                known.get_or_insert(fault.0);
                return None;
            }
        };
        if kept.len() >= ROWS_READ_BACK_MAX {
            kept.pop_first();
        }
        kept.insert(number, Arc::clone(&row));
        Some(row)
    }
}
