//! Work of several sources that take turns, so that a flood of one delays the others by one piece of its work.
//!
//! The way in is [`Turns::push`] and [`Turns::pop`]. Of one source, what came first goes first.

use std::collections::{BTreeMap, VecDeque};

use crate::domain::id::AuthorityId;

/// For whom work is done: a partner, or our own desk and housekeeping.
pub(super) type Source = Option<AuthorityId>;

/// What waits, by source. An empty source is forgotten.
#[derive(Debug)]
pub(super) struct Turns<T> {
    waiting: BTreeMap<Source, VecDeque<T>>,
    /// Sources with work, the next one first.
    order: VecDeque<Source>,
    count: usize,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self {
            waiting: BTreeMap::new(),
            order: VecDeque::new(),
            count: 0,
        }
    }
}

impl<T> Turns<T> {
    /// How much waits.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds at the end of its source's work.
    pub(super) fn push(&mut self, source: Source, work: T) {
        let waiting = self.waiting.entry(source).or_default();
        if waiting.is_empty() {
            self.order.push_back(source);
        }
        waiting.push_back(work);
        self.count += 1;
    }

    /// Takes the first of the source whose turn it is.
    pub(super) fn pop(&mut self) -> Option<(Source, T)> {
        let source = self.order.pop_front()?;
        let waiting = self.waiting.get_mut(&source)?;
        let work = waiting.pop_front()?;
        self.count -= 1;
        if waiting.is_empty() {
            self.waiting.remove(&source);
        } else {
            self.order.push_back(source);
        }
        Some((source, work))
    }

    /// Takes one more of the same source if it is as wanted; its turn stays spent.
    pub(super) fn pop_if(&mut self, source: Source, wanted: impl Fn(&T) -> bool) -> Option<T> {
        let waiting = self.waiting.get_mut(&source)?;
        let work = waiting.pop_front_if(|work| wanted(work))?;
        self.count -= 1;
        if waiting.is_empty() {
            self.waiting.remove(&source);
            self.order.retain(|other| *other != source);
        }
        Some(work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str) -> Source {
        Some(format!("{name}-POL").parse().unwrap())
    }

    fn drained(turns: &mut Turns<u32>) -> Vec<u32> {
        std::iter::from_fn(|| turns.pop())
            .map(|(_, work)| work)
            .collect()
    }

    #[test]
    fn a_flood_of_one_delays_another_by_one_piece() {
        let mut turns = Turns::default();
        (0..4).for_each(|number| turns.push(source("XB"), number));
        turns.push(source("XC"), 100);
        turns.push(None, 200);
        turns.push(source("XC"), 101);
        assert_eq!(turns.len(), 7);
        assert_eq!(drained(&mut turns), [0, 100, 200, 1, 101, 2, 3]);
        assert!(turns.is_empty());
    }

    #[test]
    fn who_comes_back_has_its_turn_after_the_others() {
        let mut turns = Turns::default();
        turns.push(source("XB"), 1);
        assert_eq!(turns.pop(), Some((source("XB"), 1)));
        turns.push(source("XC"), 2);
        turns.push(source("XB"), 3);
        assert_eq!(drained(&mut turns), [2, 3]);
    }

    #[test]
    fn more_of_the_same_is_taken_only_as_wanted() {
        let mut turns = Turns::default();
        turns.push(None, 2);
        turns.push(source("XB"), 9);
        turns.push(None, 4);
        turns.push(None, 5);
        let (own, first) = turns.pop().unwrap();
        assert_eq!((own, first), (None, 2));
        let even = |work: &u32| work.is_multiple_of(2);
        assert_eq!(turns.pop_if(own, even), Some(4));
        assert_eq!(turns.pop_if(own, even), None, "5 stays");
        assert_eq!(turns.pop_if(source("XC"), even), None);
        assert_eq!(drained(&mut turns), [9, 5]);
        turns.push(None, 6);
        turns.push(None, 8);
        let (own, _) = turns.pop().unwrap();
        assert_eq!(turns.pop_if(own, even), Some(8));
        assert_eq!(turns.pop(), None, "an empty source has no turn");
    }
}
