//! Passing the directory on: giving ours in pieces, and taking a partner's within bounds.
//!
//! The ways in are [`Giving`] for the server and [`take`] for the client. What is taken is bytes of somebody else's:
//! who called verifies them. Never takes more than a directory can have, and never waits for longer than its time.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use prost::Message as _;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::timeout,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::status;
use crate::{
    delivery::LinkError,
    domain::{
        id::AuthorityId,
        limits::{
            DIRECTORY_CHUNK_BYTES, DIRECTORY_MAX_BYTES, DIRECTORY_STREAM_TIMEOUT,
            DIRECTORY_STREAMS_MAX,
        },
        reason::Reason,
    },
    proto::{
        directory::v1 as pb,
        exchange::v1::{DirectoryRequest, DirectoryResponse},
    },
    trust::directory::Directory,
};

/// The pieces as they leave.
pub(super) type Pieces = ReceiverStream<Result<DirectoryResponse, Status>>;

/// Who is being given a directory: one at a time each, and so many in all.
#[derive(Debug, Clone)]
pub(super) struct Giving {
    room: Arc<Semaphore>,
    to: Arc<Mutex<BTreeSet<AuthorityId>>>,
}

impl Default for Giving {
    fn default() -> Self {
        Self {
            room: Arc::new(Semaphore::new(DIRECTORY_STREAMS_MAX)),
            to: Arc::default(),
        }
    }
}

impl Giving {
    /// Gives a partner what it lacks of this directory; nothing when it has all of it.
    pub(super) fn give(
        &self,
        peer: AuthorityId,
        directory: &Directory,
        request: &DirectoryRequest,
    ) -> Result<Pieces, Reason> {
        let (pieces, stream) = mpsc::channel(1);
        if request.held_version < directory.version() {
            // The turn first: who asks out of turn costs us nothing.
            let turn = self.enter(peer)?;
            let bytes = lacking(directory, request.held_roots);
            tokio::spawn(async move {
                let sending = send(bytes, pieces);
                if timeout(DIRECTORY_STREAM_TIMEOUT, sending).await.is_err() {
                    tracing::debug!(%peer, "a partner took too long to take the directory");
                }
                drop(turn);
            });
        }
        Ok(ReceiverStream::new(stream))
    }

    fn enter(&self, peer: AuthorityId) -> Result<Turn, Reason> {
        let room = Arc::clone(&self.room).try_acquire_owned();
        let room = room.map_err(|_| Reason::Overloaded)?;
        let is_new = self.lock().insert(peer);
        is_new.then_some(()).ok_or(Reason::Overloaded)?;
        Ok(Turn {
            giving: self.clone(),
            peer,
            _room: room,
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<AuthorityId>> {
        self.to.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A partner's turn; over when it is dropped.
struct Turn {
    giving: Giving,
    peer: AuthorityId,
    _room: OwnedSemaphorePermit,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.giving.lock().remove(&self.peer);
    }
}

/// The bundle without the roots that the asker holds.
fn lacking(directory: &Directory, held_roots: u32) -> Bytes {
    let bundle = directory.bundle();
    let held = usize::try_from(held_roots).unwrap_or(usize::MAX);
    let rest = pb::Bundle {
        roots: bundle.roots.iter().skip(held).cloned().collect(),
        membership: bundle.membership.clone(),
        entries: bundle.entries.clone(),
        timestamp: bundle.timestamp.clone(),
        crls: bundle.crls.clone(),
    };
    rest.encode_to_vec().into()
}

async fn send(mut bytes: Bytes, pieces: mpsc::Sender<Result<DirectoryResponse, Status>>) {
    while !bytes.is_empty() {
        let chunk = bytes.split_to(bytes.len().min(DIRECTORY_CHUNK_BYTES));
        if pieces.send(Ok(DirectoryResponse { chunk })).await.is_err() {
            // The asker has gone.
            return;
        }
    }
}

/// Takes what a partner gives; `None` when it has nothing newer.
pub(super) async fn take(
    mut pieces: Streaming<DirectoryResponse>,
) -> Result<Option<pb::Bundle>, LinkError> {
    let mut bytes = Vec::new();
    while let Some(piece) = pieces
        .message()
        .await
        .map_err(|status| refused(status::from_peer(&status), "the call ended"))?
    {
        let after = bytes.len() + piece.chunk.len();
        let within = u64::try_from(after).is_ok_and(|after| after <= DIRECTORY_MAX_BYTES);
        if piece.chunk.is_empty() || !within {
            return Err(refused(
                Reason::DirectoryEndless,
                "an empty piece, or more bytes than a directory can have",
            ));
        }
        bytes.extend_from_slice(&piece.chunk);
    }
    if bytes.is_empty() {
        return Ok(None);
    }
    pb::Bundle::decode(bytes.as_slice())
        .map(Some)
        .map_err(|_| refused(Reason::DirectoryForged, "what was given is no bundle"))
}

pub(super) fn refused(reason: Reason, detail: &str) -> LinkError {
    LinkError {
        reason,
        detail: detail.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use tokio_stream::StreamExt as _;

    use super::*;
    use crate::trust::testing::TestFederation;

    /// Verifies that a partner has one turn at a time, and no way to make us work out of it.
    #[tokio::test]
    async fn a_partner_is_given_one_directory_at_a_time() {
        let directory = TestFederation::new().directory();
        let giving = Giving::default();
        let [one, other] = ["XB-POL", "XC-POL"].map(|id| id.parse().expect("legal id"));
        let behind = DirectoryRequest::default();
        let level = DirectoryRequest {
            held_version: directory.version(),
            ..behind
        };
        let mut first = giving.give(one, &directory, &behind).expect("its turn");
        let again = giving.give(one, &directory, &behind);
        assert_eq!(again.err(), Some(Reason::Overloaded));
        giving.give(other, &directory, &behind).expect("its turn");
        let mut nothing = giving.give(one, &directory, &level).expect("answered");
        assert!(nothing.next().await.is_none(), "it has all of it");
        let mut bytes = Vec::new();
        while let Some(piece) = first.next().await {
            bytes.extend_from_slice(&piece.expect("a piece").chunk);
        }
        let given = pb::Bundle::decode(bytes.as_slice()).expect("a bundle");
        assert_eq!(&given, directory.bundle());
        for _ in 0..100 {
            if giving.give(one, &directory, &behind).is_ok() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("its turn is never over");
    }
}
