//! Counts what is under way, by whom, up to a cap: handshakes of an address, streams or bytes of a partner.
//!
//! The way in is [`Tally::enter`]. Must never count anything beyond its end: a [`Place`] gives back what it took.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What is under way, by key. Cheap to clone: clones count together.
#[derive(Debug, Clone)]
pub struct Tally<K: Ord + Copy>(Arc<Mutex<BTreeMap<K, u64>>>);

impl<K: Ord + Copy> Default for Tally<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// An amount under way; counted until it is dropped.
#[derive(Debug)]
pub struct Place<K: Ord + Copy> {
    tally: Tally<K>,
    key: K,
    amount: u64,
}

impl<K: Ord + Copy> Tally<K> {
    /// Counts `amount` more for this key; `None` when that would be more than `at_most`.
    #[must_use]
    pub fn enter(&self, key: K, amount: u64, at_most: u64) -> Option<Place<K>> {
        let mut counts = self.lock();
        let sum = counts.get(&key).copied().unwrap_or(0).checked_add(amount)?;
        if sum > at_most {
            return None;
        }
        counts.insert(key, sum);
        Some(Place {
            tally: self.clone(),
            key,
            amount,
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<K, u64>> {
        // Counts change in one step: a panic elsewhere leaves them good.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Ord + Copy> Drop for Place<K> {
    fn drop(&mut self) {
        let mut counts = self.tally.lock();
        if let Some(count) = counts.get_mut(&self.key) {
            *count = count.saturating_sub(self.amount);
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_cap_and_gets_back_what_ended() {
        let tally = Tally::default();
        let mut places: Vec<_> = (0..3)
            .map(|_| tally.enter('a', 10, 30).expect("below the cap"))
            .collect();
        assert!(tally.enter('a', 1, 30).is_none());
        assert!(tally.enter('b', 30, 30).is_some(), "others have their own");
        places.pop();
        assert!(tally.enter('a', 11, 30).is_none(), "too much at once");
        assert!(tally.enter('a', 10, 30).is_some());
        places.clear();
        assert!(tally.lock().is_empty(), "nothing is remembered");
    }

    #[test]
    fn a_sum_beyond_all_numbers_is_refused() {
        let tally = Tally::default();
        let _all = tally.enter((), u64::MAX, u64::MAX).expect("just fits");
        assert!(tally.enter((), 1, u64::MAX).is_none());
    }
}
