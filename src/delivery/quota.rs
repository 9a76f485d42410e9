//! How many frames of one peer are worked on at once, so that a peer that floods leaves the workers to others.
//!
//! The way in is [`Quotas::enter`]. Must never count a frame beyond its end.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::domain::{id::AuthorityId, limits::PEER_FRAMES_MAX, reason::Reason};

/// Frames under way, by peer.
#[derive(Debug, Clone, Default)]
pub(super) struct Quotas(Arc<Mutex<BTreeMap<AuthorityId, u32>>>);

/// One frame under way; counted until it is dropped.
#[derive(Debug)]
pub(super) struct Entered {
    quotas: Quotas,
    peer: AuthorityId,
}

impl Quotas {
    /// Counts one more frame of this peer.
    ///
    /// # Errors
    /// `QUOTA` when it has as many under way as it may.
    pub(super) fn enter(&self, peer: AuthorityId) -> Result<Entered, Reason> {
        let mut under_way = self.lock();
        let count = under_way.entry(peer).or_default();
        if *count >= PEER_FRAMES_MAX {
            return Err(Reason::Quota);
        }
        *count += 1;
        Ok(Entered {
            quotas: self.clone(),
            peer,
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AuthorityId, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut under_way = self.quotas.lock();
        if let Some(count) = under_way.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                under_way.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_has_its_quota_and_others_have_theirs() {
        let quotas = Quotas::default();
        let [flooding, other]: [AuthorityId; 2] =
            ["XB-POL", "XC-POL"].map(|id| id.parse().unwrap());
        let mut entered: Vec<_> = (0..PEER_FRAMES_MAX)
            .map(|_| quotas.enter(flooding).unwrap())
            .collect();
        assert_eq!(quotas.enter(flooding).unwrap_err(), Reason::Quota);
        assert!(quotas.enter(other).is_ok());
        entered.pop();
        assert!(quotas.enter(flooding).is_ok());
        entered.clear();
        assert!(quotas.lock().is_empty());
    }
}
