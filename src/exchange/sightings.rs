//! Which directory each partner named last, in a greeting or a heartbeat, of either direction.
//!
//! The way in is [`Sightings::note`]; who wants to catch up waits in [`Sightings::changed`]. Nothing here is believed:
//! a name is a reason to ask, and what is given is verified.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use tokio::sync::Notify;

use crate::domain::id::AuthorityId;

/// What one partner said of its directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// Who said it.
    pub peer: AuthorityId,
    /// The version that it has.
    pub version: u64,
    /// SHA-256 of that directory.
    pub hash: [u8; 32],
}

/// The last word of each partner. Bounded: only members of the directory get here.
#[derive(Debug, Default)]
pub struct Sightings {
    last: Mutex<BTreeMap<AuthorityId, Sighting>>,
    news: Notify,
}

impl Sightings {
    /// A partner named its directory.
    pub fn note(&self, sighting: Sighting) {
        let before = self
            .last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(sighting.peer, sighting);
        if before != Some(sighting) {
            self.news.notify_one();
        }
    }

    /// Resolves when a partner has named another directory than before. One waits at a time.
    pub async fn changed(&self) {
        self.news.notified().await;
    }

    /// The last word of everybody.
    #[must_use]
    pub fn all(&self) -> Vec<Sighting> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.values().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn only_what_is_new_wakes_and_the_last_word_counts() {
        let sightings = Sightings::default();
        let said = |version| Sighting {
            peer: "XB-POL".parse().expect("legal id"),
            version,
            hash: [1; 32],
        };
        assert!(sightings.changed().now_or_never().is_none());
        sightings.note(said(4));
        assert!(sightings.changed().now_or_never().is_some());
        sightings.note(said(4));
        assert!(sightings.changed().now_or_never().is_none());
        sightings.note(said(5));
        assert!(sightings.changed().now_or_never().is_some());
        assert_eq!(sightings.all(), [said(5)]);
    }
}
