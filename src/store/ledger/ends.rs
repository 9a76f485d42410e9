//! When alerts end, are looked at again, and when somebody is to be back: by day, for those that live.
//!
//! Everything here follows from the records. Must never hold an alert that is closed, recalled or expired.

use std::{collections::BTreeSet, ops::Bound};

use super::DueList;
use crate::{
    domain::{alert::value::Day, lives::AlertLife},
    store::record::{Direction, MessageRecord, Ordinal},
};

/// The days of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Days {
    ends: Option<Day>,
    /// Of own alerts alone: others look after theirs.
    review: Option<Day>,
    back: Option<Day>,
    /// Whose end it is.
    direction: Option<Direction>,
}

impl Days {
    pub(super) fn of(record: &MessageRecord) -> Self {
        if record.life != AlertLife::Live || !record.is_alert() {
            return Self::default();
        }
        let own = record.direction == Direction::Own;
        let terms = &record.terms;
        Self {
            ends: terms.valid_until,
            review: terms.review_on.filter(|_| own),
            back: terms
                .expected_return_on
                .filter(|_| own && !terms.return_confirmed),
            direction: Some(record.direction),
        }
    }
}

/// The days of all alerts that live.
#[derive(Default)]
pub(super) struct Ends {
    all: BTreeSet<(Day, Ordinal)>,
    own: BTreeSet<(Day, Ordinal)>,
    reviews: BTreeSet<(Day, Ordinal)>,
    backs: BTreeSet<(Day, Ordinal)>,
}

impl Ends {
    pub(super) fn add(&mut self, ordinal: Ordinal, days: Days) {
        for (set, day) in self.sets(days) {
            set.insert((day, ordinal));
        }
    }

    pub(super) fn change(&mut self, ordinal: Ordinal, was: Days, is: Days) {
        if was == is {
            return;
        }
        for (set, day) in self.sets(was) {
            set.remove(&(day, ordinal));
        }
        self.add(ordinal, is);
    }

    /// Those whose last day is before this one, oldest first.
    pub(super) fn ended(&self, before: Day) -> impl Iterator<Item = Ordinal> + '_ {
        let range = self.all.range(..(before, 0));
        range.map(|(_, ordinal)| *ordinal)
    }

    /// Own alerts by one of their days, up to this one, after a place, oldest first.
    pub(super) fn ahead(
        &self,
        list: DueList,
        after: Option<(Day, Ordinal)>,
        to: Day,
    ) -> impl Iterator<Item = (Day, Ordinal)> + '_ {
        let set = match list {
            DueList::Ends => &self.own,
            DueList::Reviews => &self.reviews,
            DueList::Returns => &self.backs,
        };
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        set.range((from, Bound::Unbounded))
            .copied()
            .take_while(move |(day, _)| *day <= to)
    }

    fn sets(&mut self, days: Days) -> impl Iterator<Item = (&mut BTreeSet<(Day, Ordinal)>, Day)> {
        let own = days.ends.filter(|_| days.direction == Some(Direction::Own));
        [
            (&mut self.all, days.ends),
            (&mut self.own, own),
            (&mut self.reviews, days.review),
            (&mut self.backs, days.back),
        ]
        .into_iter()
        .filter_map(|(set, day)| Some((set, day?)))
    }
}
