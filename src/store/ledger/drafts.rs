//! Drafts that wait for a second person, or went back to their creator. In memory, and bounded by who keeps them.
//!
//! The way in is [`Ledger::draft`] and [`Ledger::drafts`]. It holds no person: what a draft says stands sealed in its
//! entry alone.

use std::{collections::BTreeMap, sync::Arc};

use super::{Found, Ledger};
use crate::{
    domain::{
        id::{MessageId, Reference, StatementRef},
        lives::{DraftLife, DraftStep},
        release::Outline,
        time::Timestamp,
    },
    store::{
        entry::{Actor, EntryIndex},
        record::DraftRecord,
    },
};

/// Hexadecimal digits of the shortest prefix that is looked up.
const PREFIX_MIN_DIGITS: usize = 8;

/// Every draft that is not over.
#[derive(Default)]
pub(super) struct Drafts(BTreeMap<MessageId, DraftRecord>);

impl Drafts {
    pub(super) fn load(&mut self, record: DraftRecord) {
        self.0.insert(record.statement.id, record);
    }
}

impl Ledger {
    /// A draft that is not over.
    #[must_use]
    pub fn draft(&self, statement: &StatementRef) -> Option<DraftRecord> {
        let record = self.drafts.0.get(&statement.id)?;
        (record.statement == *statement).then(|| record.clone())
    }

    /// How many there are.
    #[must_use]
    pub fn draft_count(&self) -> usize {
        self.drafts.0.len()
    }

    /// Those kept before entry `before`, newest first.
    #[must_use]
    pub fn drafts(&self, before: Option<EntryIndex>, limit: usize) -> Vec<DraftRecord> {
        let all = self.drafts.0.values();
        let mut chosen: Vec<&DraftRecord> = all
            .filter(|record| before.is_none_or(|before| record.index < before))
            .collect();
        chosen.sort_by_key(|record| std::cmp::Reverse(record.index));
        chosen.into_iter().take(limit).cloned().collect()
    }

    /// Looks up a draft as statements are: id, `ORIGIN/id`, a prefix of 8 hexadecimal digits or more, or a reference.
    #[must_use]
    pub fn find_draft(&self, text: &str) -> Found {
        let text = text.trim();
        let reference = text.parse::<Reference>().ok();
        let digits = |text: &str| text.replace('-', "").to_ascii_lowercase();
        let wanted = digits(text);
        let fits = |statement: &StatementRef| {
            statement.to_string() == text
                || reference
                    .as_ref()
                    .is_some_and(|reference| reference.fits(statement))
                || (wanted.len() >= PREFIX_MIN_DIGITS
                    && digits(&statement.id.to_string()).starts_with(&wanted))
        };
        let statements = self.drafts.0.values().map(|record| record.statement);
        let found: Vec<StatementRef> = statements.filter(fits).take(2).collect();
        match found.as_slice() {
            [] => Found::None,
            [one] => Found::One(*one),
            _ => Found::Ambiguous,
        }
    }

    /// The entry that names a pseudonym's certificate.
    #[must_use]
    pub fn actor_entry(&self, actor: &Actor) -> Option<EntryIndex> {
        self.actors.get(actor).copied()
    }

    /// A draft is kept; again only after it went back.
    pub(super) fn keep_draft(
        &mut self,
        index: EntryIndex,
        time: Timestamp,
        creator: Actor,
        statement: StatementRef,
        outline: &Arc<Outline>,
    ) {
        let may = match self.drafts.0.get(&statement.id) {
            None => !self.ids.is_settled(&statement),
            Some(kept) => kept.life.after(DraftStep::Kept).is_some(),
        };
        if may {
            self.put_draft(DraftRecord {
                statement,
                index,
                creator,
                kept_at: time,
                outline: Arc::clone(outline),
                life: DraftLife::Awaiting,
                returned: None,
            });
        }
    }

    /// A draft goes back, or ends.
    pub(super) fn step_draft(
        &mut self,
        index: EntryIndex,
        statement: &StatementRef,
        step: DraftStep,
    ) {
        let Some(record) = self.drafts.0.get_mut(&statement.id) else {
            return;
        };
        let Some(life) = record.life.after(step) else {
            return;
        };
        record.life = life;
        if life == DraftLife::Returned {
            record.returned = Some(index);
        }
        let record = record.clone();
        if life.is_over() {
            self.drafts.0.remove(&statement.id);
        }
        self.changes.drafts.push(record);
    }

    fn put_draft(&mut self, record: DraftRecord) {
        self.drafts.0.insert(record.statement.id, record.clone());
        self.changes.drafts.push(record);
    }
}
