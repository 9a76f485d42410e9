//! So much a second and no more, on average: for what others may ask of us.
//!
//! The way in is [`Allowance`]. Time comes from outside, as a monotonic duration.

use std::time::Duration;

/// An amount that comes back with time, one second's worth at most in hand.
#[derive(Debug, Clone)]
pub struct Allowance {
    per_second: u64,
    /// Millionths of one; below nothing: owed.
    left: i128,
    at: Duration,
}

const MILLION: i128 = 1_000_000;

impl Allowance {
    /// A full one. `per_second` of 0 is taken as 1: nothing would ever be paid back.
    #[must_use]
    pub fn full(per_second: u64, now: Duration) -> Self {
        let per_second = per_second.max(1);
        Self {
            per_second,
            left: i128::from(per_second) * MILLION,
            at: now,
        }
    }

    /// Takes an amount, whether or not it is there: what is owed is waited for by whoever comes next.
    pub fn spend(&mut self, amount: u64, now: Duration) {
        self.refill(now);
        self.left -= i128::from(amount) * MILLION;
    }

    /// How long until nothing is owed; zero: go on.
    #[must_use]
    pub fn owed(&mut self, now: Duration) -> Duration {
        self.refill(now);
        if self.left >= 0 {
            return Duration::ZERO;
        }
        // Rounded up, so that a wait of what is owed is always enough.
        let rate = i128::from(self.per_second);
        let micros = (rate - 1 - self.left) / rate;
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// Nothing has been taken for so long that all is back.
    #[must_use]
    pub fn is_full(&mut self, now: Duration) -> bool {
        self.refill(now);
        self.left == i128::from(self.per_second) * MILLION
    }

    fn refill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.at);
        self.at = self.at.max(now);
        let micros = i128::try_from(passed.as_micros()).unwrap_or(i128::MAX);
        let full = i128::from(self.per_second) * MILLION;
        let back = micros.saturating_mul(i128::from(self.per_second));
        self.left = self.left.saturating_add(back).min(full);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_seconds_worth_is_there_at_once_and_the_rest_comes_with_time() {
        let mut allowance = Allowance::full(100, ms(5000));
        allowance.spend(100, ms(5000));
        assert_eq!(allowance.owed(ms(5000)), Duration::ZERO);
        allowance.spend(50, ms(5000));
        assert_eq!(allowance.owed(ms(5000)), ms(500));
        assert_eq!(allowance.owed(ms(5499)), ms(1));
        assert_eq!(allowance.owed(ms(5500)), Duration::ZERO);
        assert!(!allowance.is_full(ms(6499)));
        assert!(allowance.is_full(ms(6500)));
    }

    #[test]
    fn no_more_than_a_second_is_ever_saved_up() {
        let mut allowance = Allowance::full(100, ms(0));
        allowance.spend(150, Duration::from_secs(3600));
        assert_eq!(allowance.owed(Duration::from_secs(3600)), ms(500));
    }

    #[test]
    fn time_that_goes_back_gives_nothing_and_the_greatest_numbers_do_not_overflow() {
        let mut allowance = Allowance::full(1, ms(9000));
        allowance.spend(2, ms(9000));
        assert_eq!(allowance.owed(ms(1000)), ms(1000));
        let mut most = Allowance::full(u64::MAX, Duration::ZERO);
        most.spend(u64::MAX, Duration::MAX);
        most.spend(u64::MAX, Duration::MAX);
        assert_eq!(most.owed(Duration::MAX), Duration::from_secs(1));
        let mut least = Allowance::full(0, Duration::ZERO);
        least.spend(2, Duration::ZERO);
        assert_eq!(least.owed(Duration::ZERO), Duration::from_secs(1));
    }
}
