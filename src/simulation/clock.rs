//! A node's clock in virtual time, which may be wrong.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    domain::time::{Clock, Timestamp},
    trust::testing::NOW,
};

/// The wall clock of one node.
#[derive(Debug)]
pub(super) struct NodeClock {
    began: Instant,
    wrong_by_us: AtomicI64,
}

impl NodeClock {
    /// A clock that is right. All clocks of a run begin at the same moment.
    pub(super) fn new(began: Instant) -> Self {
        Self {
            began,
            wrong_by_us: AtomicI64::new(0),
        }
    }

    /// The time that it should show.
    pub(super) fn true_now(&self) -> Timestamp {
        NOW.plus(self.began.elapsed())
    }

    /// Sets it wrong by so many microseconds; 0 sets it right.
    pub(super) fn set_wrong(&self, by_us: i64) {
        self.wrong_by_us.store(by_us, Ordering::Relaxed);
    }
}

impl Clock for NodeClock {
    fn now(&self) -> Timestamp {
        let wrong = self.wrong_by_us.load(Ordering::Relaxed);
        Timestamp::from_micros(self.true_now().as_micros().saturating_add(wrong))
    }

    fn monotonic(&self) -> Duration {
        self.began.elapsed()
    }
}
