//! A duty desk beside a node of a test: what it is called for, in words.

use tokio::sync::broadcast::{Receiver, error::TryRecvError};

use super::duty::Duty;
use crate::{
    domain::{
        id::AuthorityId,
        time::{Clock, Timestamp},
    },
    store::{Store, Told},
};
use std::time::Duration;

/// The desk of one authority.
pub(crate) struct Watched {
    duty: Duty,
    store: Store,
    told: Receiver<Told>,
}

impl Watched {
    /// From now on.
    pub(crate) fn new(own: AuthorityId, store: &Store, clock: &dyn Clock) -> Self {
        Self {
            duty: Duty::new(own, clock.now(), Duration::from_secs(900)),
            store: store.clone(),
            told: store.subscribe(),
        }
    }

    /// What it is called for by what has happened since it was asked last, and by what time has brought:
    /// `hit_waiting XB-POL, call 2`.
    pub(crate) async fn called(&mut self, now: Timestamp, monotonic: Duration) -> Vec<String> {
        let mut happened = Vec::new();
        loop {
            match self.told.try_recv() {
                Ok(told) => happened.push(told),
                Err(TryRecvError::Empty) => break,
                Err(error) => panic!("{error}"),
            }
        }
        let duty = &mut self.duty;
        let reading = self.store.read(|ledger| {
            let events = happened.iter().flat_map(|told| told.iter());
            let mut dues: Vec<_> = events
                .filter_map(|event| duty.hear(event, ledger, now))
                .collect();
            dues.extend(duty.look(ledger, now, monotonic).0);
            dues
        });
        let dues = reading.await.unwrap().into_iter();
        dues.map(|due| {
            let peer = due.peer.map_or_else(String::new, |peer| format!(" {peer}"));
            format!("{}{peer}, call {}", due.kind, due.count)
        })
        .collect()
    }
}
