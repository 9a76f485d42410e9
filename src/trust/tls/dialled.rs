//! Connections that we opened, and which of them must end.
//!
//! The way in is [`Dialled::close_unwelcome`]. A partner's certificate is looked at when we dial; a revocation that is
//! published later must end what stands as well (threats, row 4). Never lets a connection stand to somebody who would
//! not be believed if it were dialled now.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use rustls::pki_types::{CertificateDer, UnixTime};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::{MemberSource, Name, exchange::believed, reason::rustls_reason, unix_time};
use crate::domain::{id::AuthorityId, reason::Reason, time::Timestamp};

/// The connections that one dialler holds open. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Dialled {
    open: Arc<Mutex<HashMap<u64, Open>>>,
    next: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Open {
    peer: AuthorityId,
    chain: Vec<CertificateDer<'static>>,
    /// Why it ended: the first word counts.
    why: Arc<OnceLock<Reason>>,
    end: CancellationToken,
}

impl Dialled {
    /// How many are open.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Closes every connection whose peer would not be believed now: revoked, out of date, unlisted, under an expired
    /// list, no longer pinned, or suspended; tells how many. Call it after each change of the directory, and at
    /// least once a minute.
    pub fn close_unwelcome(&self, members: &Arc<dyn MemberSource>, now: Timestamp) -> usize {
        let now = unix_time(now);
        let mut closed = 0;
        for open in self.lock().values() {
            let Some(reason) = open.unwelcome(members, now) else {
                continue;
            };
            if !open.end.is_cancelled() {
                let _ = open.why.set(reason);
                open.end.cancel();
                closed += 1;
            }
        }
        closed
    }

    /// A place for a connection whose handshake is done; `None` for one whose peer is no node.
    pub(super) fn enter(
        &self,
        connection: &rustls::ClientConnection,
        why: Arc<OnceLock<Reason>>,
    ) -> Option<DialledPlace> {
        let chain: Vec<_> = connection
            .peer_certificates()?
            .iter()
            .map(|certificate| certificate.clone().into_owned())
            .collect();
        let peer = match Name::of_certificate(chain.first()?).ok()? {
            Name::Node { authority, .. } => authority,
            Name::DeskServer { .. } | Name::DeskPerson { .. } => return None,
        };
        let end = CancellationToken::new();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let open = Open {
            peer,
            chain,
            why,
            end: end.clone(),
        };
        self.lock().insert(number, open);
        Some(DialledPlace {
            dialled: self.clone(),
            number,
            ended: Box::pin(end.cancelled_owned()),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Open>> {
        // Entries are inserted and removed whole: a panic elsewhere leaves the map good.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn unwelcome(&self, members: &Arc<dyn MemberSource>, now: UnixTime) -> Option<Reason> {
        if members.member(&self.peer).is_some_and(|it| it.suspended) {
            return Some(Reason::PeerSuspended);
        }
        let (leaf, rest) = self.chain.split_first()?;
        let refused = believed(self.peer, members, leaf, rest, now).err()?;
        Some(rustls_reason(&refused).unwrap_or(Reason::TlsRefused))
    }
}

/// A connection's place among those that are open; given up when it is dropped.
pub(super) struct DialledPlace {
    dialled: Dialled,
    number: u64,
    /// Resolves when the connection must end.
    pub(super) ended: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Drop for DialledPlace {
    fn drop(&mut self) {
        self.dialled.lock().remove(&self.number);
    }
}
