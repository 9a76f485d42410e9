//! Counts what is refused before a good signature, so that no peer can flood the journal (invariant I9).
//!
//! The way in is [`Refusals::note`]: one by one up to a cap per peer and minute, then only counted per reason.
//! [`Refusals::take_counted`] gives what the last minutes counted. Must never lose a count.

use std::collections::BTreeMap;

use crate::domain::{
    id::AuthorityId, limits::REFUSALS_PER_MINUTE, reason::Reason, time::Timestamp,
};

/// How a refusal is journaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Noted {
    /// As an entry of its own.
    Single,
    /// With others of its minute, later.
    Counted,
}

/// Refusals of the present minute, by peer.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    minute: i64,
    peers: BTreeMap<AuthorityId, Minute>,
    /// Of minutes that are over and not journaled yet.
    over: BTreeMap<(AuthorityId, Reason), u32>,
}

#[derive(Debug, Default)]
struct Minute {
    singles: u32,
    counted: BTreeMap<Reason, u32>,
}

impl Refusals {
    /// Notes one refusal, and says how it is to be journaled.
    pub(super) fn note(&mut self, peer: AuthorityId, reason: Reason, now: Timestamp) -> Noted {
        self.turn(now);
        let minute = self.peers.entry(peer).or_default();
        if minute.singles < REFUSALS_PER_MINUTE {
            minute.singles += 1;
            return Noted::Single;
        }
        let count = minute.counted.entry(reason).or_default();
        *count = count.saturating_add(1);
        Noted::Counted
    }

    /// What was only counted in the minutes that are over, once.
    pub(super) fn take_counted(&mut self, now: Timestamp) -> Vec<(AuthorityId, Reason, u32)> {
        self.turn(now);
        std::mem::take(&mut self.over)
            .into_iter()
            .map(|((peer, reason), count)| (peer, reason, count))
            .collect()
    }

    /// The same at the end, the present minute included.
    pub(super) fn take_all(&mut self) -> Vec<(AuthorityId, Reason, u32)> {
        let after = Timestamp::from_micros((self.minute + 1).saturating_mul(MINUTE_MICROS));
        self.take_counted(after)
    }

    fn turn(&mut self, now: Timestamp) {
        let minute = now.as_micros().div_euclid(MINUTE_MICROS);
        if minute == self.minute {
            return;
        }
        self.minute = minute;
        for (peer, past) in std::mem::take(&mut self.peers) {
            for (reason, count) in past.counted {
                let sum = self.over.entry((peer, reason)).or_default();
                *sum = sum.saturating_add(count);
            }
        }
    }
}

const MINUTE_MICROS: i64 = 60_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn at_second(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }
    fn peer() -> AuthorityId {
        "XB-POL".parse().unwrap()
    }

    #[test]
    fn a_hundred_stand_alone_and_the_rest_is_counted_by_reason() {
        let mut refusals = Refusals::default();
        for _ in 0..REFUSALS_PER_MINUTE {
            assert_eq!(
                refusals.note(peer(), Reason::BadSignature, at_second(61)),
                Noted::Single
            );
        }
        for _ in 0..7 {
            assert_eq!(
                refusals.note(peer(), Reason::BadSignature, at_second(62)),
                Noted::Counted
            );
        }
        refusals.note(peer(), Reason::BadBatch, at_second(63));
        assert_eq!(refusals.take_counted(at_second(119)), []);
        assert_eq!(
            refusals.take_counted(at_second(120)),
            [
                (peer(), Reason::BadSignature, 7),
                (peer(), Reason::BadBatch, 1)
            ]
        );
        assert_eq!(refusals.take_counted(at_second(121)), []);
        assert_eq!(
            refusals.note(peer(), Reason::BadSignature, at_second(122)),
            Noted::Single
        );
    }

    #[test]
    fn stopping_loses_no_count_of_the_present_minute() {
        let mut refusals = Refusals::default();
        for _ in 0..=REFUSALS_PER_MINUTE {
            refusals.note(peer(), Reason::BadBatch, at_second(5));
        }
        assert_eq!(refusals.take_all(), [(peer(), Reason::BadBatch, 1)]);
    }
}
