//! The open connections of one listener, and which of them must end (threats, rows 4 and 7).
//!
//! The way in is [`Connections::close_unwelcome`]. A revoked certificate ends its connections at once and without a word;
//! a suspended member's calls are told why before they are cut. Never lets a connection stand that would not be let in
//! now.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use rustls::{
    pki_types::{CertificateDer, UnixTime},
    server::danger::ClientCertVerifier,
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::{DeskTrust, MemberSource, exchange::NodeGate, unix_time};
use crate::domain::{
    id::AuthorityId,
    limits::{CONNECTIONS_MAX, SUSPENDED_LINGER},
    reason::Reason,
    time::Timestamp,
};

/// The open connections of one listener. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Connections {
    open: Arc<Mutex<HashMap<u64, Open>>>,
    next: Arc<AtomicU64>,
    most: Arc<AtomicUsize>,
    per_authority: Arc<AtomicUsize>,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            open: Arc::default(),
            next: Arc::default(),
            most: Arc::new(AtomicUsize::new(CONNECTIONS_MAX)),
            per_authority: Arc::new(AtomicUsize::new(CONNECTIONS_MAX)),
        }
    }
}

#[derive(Debug)]
struct Open {
    authority: AuthorityId,
    chain: Vec<CertificateDer<'static>>,
    /// It ends by itself in a moment.
    leaving: bool,
    end: CancellationToken,
}

impl Open {
    fn passes(&self, gate: &dyn ClientCertVerifier, now: UnixTime) -> bool {
        self.chain
            .split_first()
            .is_some_and(|(leaf, rest)| gate.verify_client_cert(leaf, rest, now).is_ok())
    }
}

impl Connections {
    /// How many are open.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// From now on at most so many are open; more than there are stay until they end.
    pub fn limit(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// From now on one authority may have so many open; those that are stay.
    pub fn allow_each(&self, connections: usize) {
        self.per_authority.store(connections, Ordering::Relaxed);
    }

    /// Closes the connections of one authority; tells how many.
    pub fn close_authority(&self, authority: &AuthorityId) -> usize {
        self.close(|open| open.authority == *authority)
    }

    /// Closes all; tells how many. For a node that stops: an open stream would otherwise go on.
    pub fn close_all(&self) -> usize {
        self.close(|_| true)
    }

    /// Closes every exchange connection that would not be let in now: revoked, out of date,
    /// unlisted, under an expired list, or no longer pinned, at once and without a word; of a suspended
    /// authority, which passes TLS and is told why on its calls, after [`SUSPENDED_LINGER`]. Tells how many
    /// it has found that were not found before. Call it after each change of the directory, and at least
    /// once a minute, within a tokio runtime.
    pub fn close_unwelcome(&self, members: Arc<dyn MemberSource>, now: Timestamp) -> usize {
        let gate = NodeGate::new(members);
        let now = unix_time(now);
        self.close(|open| !open.passes(&gate, now))
            + self.close_in_a_moment(|open| gate.shuts_out(&open.authority))
    }

    /// Closes every desk connection that would not be let in now: its certificate is revoked or out of date, or the
    /// desk's list is. Call it after each change of the desk's CA and list, and at least once a minute.
    pub fn close_unwelcome_at_desk(&self, desk: &DeskTrust, now: Timestamp) -> usize {
        let now = unix_time(now);
        self.close(|open| !open.passes(desk.gate(), now))
    }

    fn close(&self, unwelcome: impl Fn(&Open) -> bool) -> usize {
        let ending: Vec<CancellationToken> = self
            .lock()
            .values()
            .filter(|open| !open.end.is_cancelled() && unwelcome(open))
            .map(|open| open.end.clone())
            .collect();
        for end in &ending {
            end.cancel();
        }
        ending.len()
    }

    /// Closes once what is being said has had its time; a connection that is leaving already is not given more.
    fn close_in_a_moment(&self, unwelcome: impl Fn(&Open) -> bool) -> usize {
        let mut ending = Vec::new();
        for open in self.lock().values_mut() {
            if !open.leaving && !open.end.is_cancelled() && unwelcome(open) {
                open.leaving = true;
                ending.push(open.end.clone());
            }
        }
        let found = ending.len();
        if found > 0 {
            tokio::spawn(async move {
                tokio::time::sleep(SUSPENDED_LINGER).await;
                ending.iter().for_each(CancellationToken::cancel);
            });
        }
        found
    }

    /// A place for one more, while there is room for it.
    pub(super) fn enter(
        &self,
        authority: AuthorityId,
        connection: &rustls::ServerConnection,
    ) -> Result<Place, Reason> {
        let end = CancellationToken::new();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let chain = connection
            .peer_certificates()
            .unwrap_or_default()
            .iter()
            .map(|certificate| certificate.clone().into_owned())
            .collect();
        let mut open = self.lock();
        if open.len() >= self.most.load(Ordering::Relaxed) {
            return Err(Reason::Overloaded);
        }
        let of_this_authority = |open: &&Open| open.authority == authority;
        if open.values().filter(of_this_authority).count()
            >= self.per_authority.load(Ordering::Relaxed)
        {
            return Err(Reason::Quota);
        }
        open.insert(
            number,
            Open {
                authority,
                chain,
                leaving: false,
                end: end.clone(),
            },
        );
        Ok(Place {
            connections: self.clone(),
            number,
            ended: Box::pin(end.cancelled_owned()),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Open>> {
        // Entries are inserted and removed whole: a panic elsewhere leaves the map good.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place among the open ones; given up when it is dropped.
pub(super) struct Place {
    connections: Connections,
    pub(super) number: u64,
    /// Resolves when the connection must end.
    pub(super) ended: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.lock().remove(&self.number);
    }
}
