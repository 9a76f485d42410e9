//! When something is tried again: exponential, capped, with full jitter.
//!
//! The way in is [`wait`] for a lane and [`RetryBook`] for single statements. Must never give up: a retry reason
//! does not become final by counting.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    domain::limits::{RETRY_BASE, RETRY_CAP},
    store::record::Ordinal,
};

/// The longest wait after this many failures in a row: doubles from the base up to the cap.
pub(super) fn ceiling(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(31);
    RETRY_BASE.saturating_mul(1 << doublings).min(RETRY_CAP)
}

/// The wait: anything from nothing to the ceiling, by a random number from outside.
pub(super) fn wait(failures: u32, random: u32) -> Duration {
    ceiling(failures).mul_f64(f64::from(random) / f64::from(u32::MAX))
}

/// How a statement is sent the next time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Company {
    /// With others.
    Joined,
    /// In a frame of its own: it, or one beside it, broke a frame.
    Alone,
}

/// Statements of one lane that wait for their own time, while others go on.
#[derive(Debug, Default)]
pub(super) struct RetryBook {
    waiting: BTreeMap<Ordinal, Attempt>,
}

#[derive(Debug, Clone, Copy)]
struct Attempt {
    failures: u32,
    due: Duration,
    company: Company,
    under_way: bool,
}

impl RetryBook {
    /// Puts a statement off. Once alone, it stays alone until it is settled.
    pub(super) fn put_off(
        &mut self,
        ordinal: Ordinal,
        company: Company,
        monotonic: Duration,
        random: u32,
    ) {
        let attempt = self.waiting.entry(ordinal).or_insert(Attempt {
            failures: 0,
            due: monotonic,
            company,
            under_way: false,
        });
        attempt.failures = attempt.failures.saturating_add(1);
        attempt.due = monotonic.saturating_add(wait(attempt.failures, random));
        attempt.company = attempt.company.max(company);
        attempt.under_way = false;
    }

    /// Takes what is due, oldest first: either some that go joined, or one that goes alone.
    pub(super) fn take_due(&mut self, monotonic: Duration, limit: usize) -> Vec<Ordinal> {
        let due = |attempt: &&mut Attempt| !attempt.under_way && attempt.due <= monotonic;
        let mut taken = Vec::new();
        for (ordinal, attempt) in &mut self.waiting {
            if taken.len() >= limit || !due(&attempt) {
                if taken.len() >= limit {
                    break;
                }
                continue;
            }
            if attempt.company == Company::Alone {
                if taken.is_empty() {
                    attempt.under_way = true;
                    return vec![*ordinal];
                }
                continue;
            }
            attempt.under_way = true;
            taken.push(*ordinal);
        }
        taken
    }

    /// The stream is gone: nothing of it is under way any more.
    pub(super) fn stream_ended(&mut self) {
        for attempt in self.waiting.values_mut() {
            attempt.under_way = false;
        }
    }

    /// It is settled.
    pub(super) fn settle(&mut self, ordinal: Ordinal) {
        self.waiting.remove(&ordinal);
    }

    /// True when it waits here.
    pub(super) fn contains(&self, ordinal: Ordinal) -> bool {
        self.waiting.contains_key(&ordinal)
    }

    /// True when it goes in a frame of its own.
    pub(super) fn is_alone(&self, ordinal: Ordinal) -> bool {
        self.waiting
            .get(&ordinal)
            .is_some_and(|attempt| attempt.company == Company::Alone)
    }

    /// Statements that wait here.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// When the next one is due.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.waiting
            .values()
            .filter(|attempt| !attempt.under_way)
            .map(|attempt| attempt.due)
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_doubles_from_the_base_to_the_cap() {
        let schedule: Vec<u128> = (1..=11).map(|n| ceiling(n).as_millis()).collect();
        assert_eq!(
            schedule,
            [
                200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000
            ]
        );
        assert_eq!(ceiling(u32::MAX), RETRY_CAP);
    }

    #[test]
    fn jitter_is_full() {
        assert_eq!(wait(3, 0), Duration::ZERO);
        assert_eq!(wait(3, u32::MAX), Duration::from_millis(800));
        assert!(wait(3, u32::MAX / 2) < Duration::from_millis(401));
    }

    #[test]
    fn one_that_is_put_off_does_not_hold_up_the_others() {
        let mut book = RetryBook::default();
        let at = Duration::from_secs(100);
        for ordinal in [5, 6, 7] {
            book.put_off(ordinal, Company::Joined, at, 0);
        }
        book.put_off(6, Company::Alone, at, u32::MAX);
        assert_eq!(book.take_due(at, 10), [5, 7]);
        assert_eq!(book.take_due(at, 10), Vec::<Ordinal>::new());
        let later = at + Duration::from_millis(400);
        assert_eq!(book.next_due(), Some(later));
        assert_eq!(book.take_due(later, 10), [6]);
        book.stream_ended();
        assert_eq!(book.take_due(later, 1), [5]);
    }

    #[test]
    fn a_retry_never_becomes_final_by_counting() {
        let mut book = RetryBook::default();
        for _ in 0..10_000 {
            book.put_off(1, Company::Joined, Duration::ZERO, u32::MAX);
        }
        assert_eq!(book.len(), 1);
        assert_eq!(book.take_due(RETRY_CAP, 1), [1]);
        book.settle(1);
        assert_eq!(book.len(), 0);
    }
}
