//! What one peer may have us work on: so much at once, and so much a second. A peer that floods is told `QUOTA`.
//!
//! The way in is [`Quotas::enter`]. Must never count a frame beyond its end.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{
    domain::{
        id::AuthorityId,
        limits::{
            FRAME_MAX_BYTES, FRAME_MAX_STATEMENTS, PEER_BYTES_MAX, PEER_FRAMES_MAX, QUOTA_BYTES,
            QUOTA_STATEMENTS,
        },
        rate::Allowance,
        reason::Reason,
        tally::{Place, Tally},
    },
    trust::batch::Unverified,
};

/// What each partner may send in a second, as the node's configuration has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerQuota {
    /// Statements a second.
    pub statements: u64,
    /// Bytes of statements a second.
    pub bytes: u64,
}

impl Default for PeerQuota {
    fn default() -> Self {
        Self {
            statements: QUOTA_STATEMENTS,
            bytes: QUOTA_BYTES,
        }
    }
}

/// What is asked of us, by peer. Bounded: only members of the directory get here.
#[derive(Debug, Default)]
pub(super) struct Quotas {
    frames: Tally<AuthorityId>,
    bytes: Tally<AuthorityId>,
    rates: Mutex<Rates>,
}

#[derive(Debug, Default)]
struct Rates {
    each: PeerQuota,
    peers: BTreeMap<AuthorityId, Rate>,
}

#[derive(Debug)]
struct Rate {
    statements: Allowance,
    bytes: Allowance,
}

/// What one frame asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) statements: u64,
    pub(super) bytes: u64,
}

impl Asked {
    /// What a frame of these asks.
    ///
    /// # Errors
    /// `FRAME_BROKEN` when it breaks the limits of a frame.
    pub(super) fn of(batches: &[Unverified]) -> Result<Self, Reason> {
        let items = || batches.iter().flat_map(|batch| &batch.items);
        let count = items().count();
        let bytes: usize = items().map(|item| item.document.len()).sum();
        let within = count <= FRAME_MAX_STATEMENTS && (bytes <= FRAME_MAX_BYTES || count == 1);
        if !within {
            return Err(Reason::FrameBroken);
        }
        let number = |count| u64::try_from(count).unwrap_or(u64::MAX);
        Ok(Self {
            statements: number(count),
            bytes: number(bytes),
        })
    }
}

/// One frame under way; counted until it is dropped.
#[derive(Debug)]
pub(super) struct Entered {
    _frame: Place<AuthorityId>,
    _bytes: Place<AuthorityId>,
}

impl Quotas {
    /// From now on each partner may send so much. The same as before forgives nobody what it owes.
    pub(super) fn allow_each(&self, quota: PeerQuota) {
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        if rates.each != quota {
            rates.each = quota;
            rates.peers.clear();
        }
    }

    /// Counts one more frame of this peer.
    ///
    /// # Errors
    /// `QUOTA` when it has as much under way as it may, or has sent as much in the last second.
    pub(super) fn enter(
        &self,
        peer: AuthorityId,
        asked: Asked,
        now: Duration,
    ) -> Result<Entered, Reason> {
        let frame = self.frames.enter(peer, 1, PEER_FRAMES_MAX);
        let bytes = self.bytes.enter(peer, asked.bytes, PEER_BYTES_MAX);
        let (Some(_frame), Some(_bytes)) = (frame, bytes) else {
            return Err(Reason::Quota);
        };
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        rates.spend(peer, asked, now)?;
        Ok(Entered { _frame, _bytes })
    }
}

impl Rates {
    /// A frame that is let in is let in whole; what it goes over is owed by the next.
    fn spend(&mut self, peer: AuthorityId, asked: Asked, now: Duration) -> Result<(), Reason> {
        let each = self.each;
        let rate = self.peers.entry(peer).or_insert_with(|| Rate {
            statements: Allowance::full(each.statements, now),
            bytes: Allowance::full(each.bytes, now),
        });
        let owes = |allowance: &mut Allowance| allowance.owed(now) > Duration::ZERO;
        if owes(&mut rate.statements) || owes(&mut rate.bytes) {
            return Err(Reason::Quota);
        }
        rate.statements.spend(asked.statements, now);
        rate.bytes.spend(asked.bytes, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);
    const ONE: Asked = Asked {
        statements: 1,
        bytes: 1,
    };

    fn peers() -> [AuthorityId; 2] {
        ["XB-POL", "XC-POL"].map(|id| id.parse().unwrap())
    }

    #[test]
    fn a_peer_has_its_frames_under_way_and_others_have_theirs() {
        let quotas = Quotas::default();
        let [flooding, other] = peers();
        let enter = |peer| quotas.enter(peer, ONE, NOW);
        let mut entered: Vec<_> = (0..PEER_FRAMES_MAX)
            .map(|_| enter(flooding).unwrap())
            .collect();
        assert_eq!(enter(flooding).unwrap_err(), Reason::Quota);
        assert!(enter(other).is_ok());
        entered.pop();
        assert!(enter(flooding).is_ok());
    }

    #[test]
    fn a_peer_has_its_bytes_under_way() {
        let quotas = Quotas::default();
        let [flooding, other] = peers();
        let half = Asked {
            statements: 1,
            bytes: PEER_BYTES_MAX / 2,
        };
        let first = quotas.enter(flooding, half, NOW).unwrap();
        let _second = quotas.enter(flooding, half, NOW).unwrap();
        assert_eq!(quotas.enter(flooding, ONE, NOW).unwrap_err(), Reason::Quota);
        assert!(quotas.enter(other, half, NOW).is_ok());
        drop(first);
        assert!(quotas.enter(flooding, half, NOW).is_ok());
    }

    #[test]
    fn a_peer_has_its_rate_and_it_comes_back_with_time() {
        let quotas = Quotas::default();
        let few = PeerQuota {
            statements: 10,
            bytes: 1_000,
        };
        quotas.allow_each(few);
        let [flooding, other] = peers();
        let asks = |statements, bytes| Asked { statements, bytes };
        // The second goes over by 5: half a second is owed.
        assert!(quotas.enter(flooding, asks(10, 10), NOW).is_ok());
        assert!(quotas.enter(flooding, asks(5, 5), NOW).is_ok());
        let later = |millis| NOW + Duration::from_millis(millis);
        quotas.allow_each(few);
        assert_eq!(
            quotas.enter(flooding, ONE, later(499)).unwrap_err(),
            Reason::Quota
        );
        assert!(quotas.enter(other, ONE, later(499)).is_ok());
        assert!(quotas.enter(flooding, ONE, later(500)).is_ok());
        // Bytes have a rate of their own.
        assert!(quotas.enter(other, asks(1, 2_000), later(499)).is_ok());
        assert_eq!(
            quotas.enter(other, ONE, later(1400)).unwrap_err(),
            Reason::Quota
        );
        assert!(quotas.enter(other, ONE, later(1500)).is_ok());
    }
}
