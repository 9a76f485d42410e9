//! Every choice of the driver comes from here: the same seed, the same choices.

use std::time::Duration;

/// SplitMix64 (Steele, Lea, Flood 2014): small, seeded, good enough to choose whom to kill.
pub(super) struct Dice(u64);

impl Dice {
    /// One of many independent dice of a run.
    pub(super) fn of(seed: u64, number: u64) -> Self {
        let mut dice = Self(seed ^ number.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        dice.next();
        dice
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to, and without, `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % (bound.max(1) as u64)).unwrap_or(0)
    }

    /// Anything from nothing to `most`.
    pub(super) fn wait(&mut self, most: Duration) -> Duration {
        Duration::from_micros(self.next() % (u64::try_from(most.as_micros()).unwrap_or(1) + 1))
    }
}
