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
        if let Some(bytes) = lacking(directory, request) {
            let turn = self.enter(peer)?;
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

/// The bundle without the roots that the asker holds; `None` when the asker is not behind.
fn lacking(directory: &Directory, request: &DirectoryRequest) -> Option<Bytes> {
    if request.held_version >= directory.version() {
        return None;
    }
    let bundle = directory.bundle();
    let held = usize::try_from(request.held_roots).unwrap_or(usize::MAX);
    let rest = pb::Bundle {
        roots: bundle.roots.iter().skip(held).cloned().collect(),
        membership: bundle.membership.clone(),
        entries: bundle.entries.clone(),
        timestamp: bundle.timestamp.clone(),
        crls: bundle.crls.clone(),
    };
    Some(rest.encode_to_vec().into())
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
