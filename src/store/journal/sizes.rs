//! Counts of sizes by powers of two, cheap enough for every group: two additions, no lock.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::store::Sizes;

/// Counts from any thread.
#[derive(Debug, Default)]
pub(super) struct SizesCounted {
    buckets: [AtomicU64; Sizes::BUCKETS],
    sum: AtomicU64,
}

impl SizesCounted {
    /// One of this size.
    pub(super) fn add(&self, size: u64) {
        if let Some(bucket) = self.buckets.get(Sizes::bucket(size)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(size, Ordering::Relaxed);
    }

    /// As counted until now.
    pub(super) fn sizes(&self) -> Sizes {
        let mut sizes = Sizes {
            sum: self.sum.load(Ordering::Relaxed),
            ..Sizes::default()
        };
        for (bucket, counted) in sizes.buckets.iter_mut().zip(&self.buckets) {
            *bucket = counted.load(Ordering::Relaxed);
        }
        sizes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_size_falls_into_the_bucket_of_its_power_of_two() {
        let sizes = [0, 1, 2, 3, 4, 5, 256, 257, 32_768, 32_769, u64::MAX / 2 + 2];
        let buckets = sizes.map(Sizes::bucket);
        assert_eq!(buckets, [0, 0, 1, 2, 2, 3, 8, 9, 15, 16, 16]);
    }

    #[test]
    fn counts_and_sum_are_of_what_was_added() {
        let counted = SizesCounted::default();
        for size in [1, 3, 4, 100] {
            counted.add(size);
        }
        let sizes = counted.sizes();
        assert_eq!(sizes.sum, 108);
        assert_eq!(sizes.buckets.iter().sum::<u64>(), 4);
        assert_eq!(
            (sizes.buckets[0], sizes.buckets[2], sizes.buckets[7]),
            (1, 2, 1)
        );
    }
}
