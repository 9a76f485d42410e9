//! All chance of a simulation, from its seed.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::delivery::Random;

/// SplitMix64 (Steele, Lea, Flood 2014). The same seed and the same questions give the same answers.
#[derive(Debug)]
pub(super) struct Dice(AtomicU64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// Others of its own, so that what one part asks does not change what another is told.
    pub(super) fn apart(&self) -> Self {
        Self::new(self.next())
    }

    pub(super) fn next(&self) -> u64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let mixed = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// 0 up to below `bound`.
    pub(super) fn below(&self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// True in so many of a thousand times.
    pub(super) fn happens(&self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    /// Some duration from the first to the last, in whole microseconds.
    pub(super) fn between(&self, first: Duration, last: Duration) -> Duration {
        let span = u64::try_from(last.saturating_sub(first).as_micros()).unwrap_or(u64::MAX - 1);
        first + Duration::from_micros(self.below(span + 1))
    }

    /// One of the items; `None` when there is none.
    pub(super) fn one_of<'a, T>(&self, items: &'a [T]) -> Option<&'a T> {
        let place = usize::try_from(self.below(items.len() as u64)).ok()?;
        items.get(place)
    }
}

/// Not unpredictable: it is for simulations only.
impl Random for Dice {
    fn fill(&self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(8) {
            let random = self.next().to_le_bytes();
            part.copy_from_slice(&random[..part.len()]);
        }
    }
}
