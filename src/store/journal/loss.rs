//! What a journal once held and holds no more: gathered while it is opened, for asking partners for it.
//!
//! Entries are lost by damage that `store repair` mended, and perhaps with a last group that was cut. Must never
//! call found what only looks alike: an entry is given back when an entry of its own says so.

use std::collections::BTreeMap;

use super::{
    block,
    group::GroupKind,
    scan::{Headers, ScannedGroup},
};
use crate::{
    domain::time::Timestamp,
    store::entry::{Act, EntryHeader, EntryIndex},
    trust::merkle::Hash,
};

/// An entry that was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingEntry {
    /// Its place.
    pub index: EntryIndex,
    /// Its header, when that was saved.
    pub header: Option<EntryHeader>,
}

/// Everything that is lost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loss {
    /// Entries that were lost and not given back, in order.
    pub missing: Vec<MissingEntry>,
    /// From when on partners are to be asked; `None` when there is nothing to ask, or all were asked.
    pub ask_since: Option<Timestamp>,
    /// When something was lost of which no header tells what it was: the latest time in the journal. What is named is
    /// in `missing`, and nothing else is lost.
    pub unnamed_before: Option<Timestamp>,
    /// Epochs of the log that an entry names; 1 without any.
    pub epoch: u32,
    /// Size and root of the log before headers were lost, when no entry begins a new epoch yet.
    pub broken_at: Option<(u64, Hash)>,
}

/// Gathers while every group is read.
#[derive(Default)]
pub(super) struct LossBook {
    missing: BTreeMap<EntryIndex, Option<EntryHeader>>,
    ask_since: Option<Timestamp>,
    /// Something may be lost that left no header, and not all partners were asked since.
    unnamed: bool,
    epoch: u32,
    broken_at: Option<(u64, Hash)>,
    /// Latest time of what was read so far.
    last: Timestamp,
}

impl LossBook {
    /// Takes a group; `head` is the log's before it.
    pub(super) fn take(&mut self, found: &ScannedGroup<'_>, head: impl FnOnce() -> (u64, Hash)) {
        if found.headers == Headers::Lost {
            self.broken_at.get_or_insert_with(head);
            self.ask_unnamed();
        }
        let mended = found.group.header.kind == GroupKind::Mended;
        for (start, _, front) in &found.blocks {
            for (at, header) in front.headers.iter().enumerate() {
                let range = front.body(at);
                let sealed = found
                    .group
                    .blocks
                    .get(start + range.start..start + range.end);
                if mended && header.act == Act::Missing {
                    self.lose(header.index, None);
                } else if mended && block::is_lost(sealed.unwrap_or_default()) {
                    self.lose(header.index, Some(header.clone()));
                } else {
                    self.note(header);
                }
            }
        }
    }

    fn lose(&mut self, index: EntryIndex, header: Option<EntryHeader>) {
        match &header {
            Some(_) => self.ask(),
            None => self.ask_unnamed(),
        }
        self.missing.insert(index, header);
    }

    fn ask_unnamed(&mut self) {
        self.unnamed = true;
        self.ask();
    }

    fn ask(&mut self) {
        self.ask_since.get_or_insert(self.last);
    }

    fn note(&mut self, header: &EntryHeader) {
        match header.act {
            Act::TailCut => self.ask_unnamed(),
            // Told before a later repair, it did not know of all that is lost here.
            Act::ReclaimEnded if self.missing.len() as u64 <= u64::from(header.count) => {
                self.ask_since = None;
                self.unnamed = false;
            }
            Act::EpochBegun => {
                self.epoch = header.count;
                self.broken_at = None;
            }
            Act::Reclaimed => {
                // The low half of the index stands in the count.
                let low = u64::from(header.count);
                let same = |index: &EntryIndex| *index & u64::from(u32::MAX) == low;
                let index = self.missing.keys().copied().find(same);
                index.map(|index| self.missing.remove(&index));
            }
            _ => {}
        }
        self.last = self.last.max(header.time);
    }

    /// At the end; a torn end is asked about, too.
    pub(super) fn close(mut self, torn_bytes: u64) -> Loss {
        if torn_bytes > 0 {
            self.ask_unnamed();
        }
        let missing = self.missing.into_iter();
        Loss {
            missing: missing
                .map(|(index, header)| MissingEntry { index, header })
                .collect(),
            ask_since: self.ask_since,
            unnamed_before: self.unnamed.then_some(self.last),
            epoch: self.epoch.max(1),
            broken_at: self.broken_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::entry::Actor;

    fn header(index: EntryIndex, act: Act, count: u32) -> EntryHeader {
        EntryHeader {
            index,
            time: Timestamp::from_micros(i64::try_from(index).unwrap() * 1_000_000),
            act,
            reason: None,
            actor: Actor::NODE,
            subject: None,
            peer: None,
            leaf: None,
            body_bytes: 0,
            count,
        }
    }

    /// What is asked since when, after these entries, of which some are lost.
    fn asked(lost: &[EntryIndex], acts: &[(Act, u32)]) -> Option<i64> {
        let mut book = LossBook::default();
        for (index, (act, count)) in (0..).zip(acts) {
            match lost.contains(&index) {
                true => book.lose(index, None),
                false => book.note(&header(index, *act, *count)),
            }
        }
        let since = book.close(0).ask_since?;
        Some(since.as_micros() / 1_000_000)
    }

    #[test]
    fn partners_are_asked_until_all_were_and_again_after_a_later_repair() {
        const PLAIN: (Act, u32) = (Act::Received, 0);
        const CUT: (Act, u32) = (Act::TailCut, 0);
        let ended = |missing| (Act::ReclaimEnded, missing);
        type Case = (&'static str, Vec<EntryIndex>, Vec<(Act, u32)>, Option<i64>);
        let table: [Case; 8] = [
            ("nothing was lost", vec![], vec![PLAIN, PLAIN], None),
            ("a tail was cut", vec![], vec![PLAIN, PLAIN, CUT], Some(1)),
            (
                "and all were asked",
                vec![],
                vec![PLAIN, CUT, ended(0)],
                None,
            ),
            (
                "an entry was lost",
                vec![1],
                vec![PLAIN, PLAIN, PLAIN],
                Some(0),
            ),
            ("nobody had it", vec![1], vec![PLAIN, PLAIN, ended(1)], None),
            (
                "it was lost after all had been asked for something else",
                vec![1],
                vec![PLAIN, PLAIN, CUT, ended(0), PLAIN],
                Some(0),
            ),
            (
                "it was given back before the end",
                vec![1],
                vec![PLAIN, PLAIN, CUT, ended(0), (Act::Reclaimed, 1), ended(0)],
                None,
            ),
            (
                "another was lost since nobody had the first",
                vec![0, 1],
                vec![PLAIN, PLAIN, ended(1)],
                Some(0),
            ),
        ];
        for (what, lost, acts, since) in table {
            assert_eq!(asked(&lost, &acts), since, "{what}");
        }
    }

    #[test]
    fn what_left_no_header_is_told_apart_from_what_is_named() {
        let plain = |index| header(index, Act::Received, 0);
        let unnamed = |lose: &dyn Fn(&mut LossBook), torn_bytes| {
            let mut book = LossBook::default();
            book.note(&plain(7));
            lose(&mut book);
            book.note(&plain(9));
            let before = book.close(torn_bytes).unnamed_before;
            before.map(|before| before.as_micros() / 1_000_000)
        };
        let named = |book: &mut LossBook| book.lose(8, Some(plain(8)));
        assert_eq!(unnamed(&|_| (), 0), None);
        assert_eq!(unnamed(&named, 0), None);
        assert_eq!(unnamed(&|book| book.lose(8, None), 0), Some(9));
        assert_eq!(unnamed(&named, 512), Some(9), "a torn end");
        let cut = |book: &mut LossBook| book.note(&header(8, Act::TailCut, 0));
        assert_eq!(unnamed(&cut, 0), Some(9));
        let asked = |book: &mut LossBook| {
            cut(book);
            book.note(&header(9, Act::ReclaimEnded, 0));
        };
        assert_eq!(unnamed(&asked, 0), None);
    }
}
