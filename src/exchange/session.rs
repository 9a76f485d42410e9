//! One `Deliver` stream of a peer: greeting, then frames, worked on side by side, and heartbeats.
//!
//! The way in is [`Session::run`]. A frame that was begun is worked to its end even when the stream breaks:
//! what the broker has decided must become durable. Knows the peer only as TLS named it.

use std::{sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt as _};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{interval, timeout},
};
use tonic::Status;

use super::{convert, status};
use crate::{
    delivery::{FrameOutcome, Greeting, StatementOutcome},
    domain::{
        id::AuthorityId,
        limits::{ADMISSION_INTERVAL, GREETING_TIMEOUT, WINDOW_MAX_BYTES, WINDOW_MAX_STATEMENTS},
        reason::Reason,
        routing::Lane,
    },
    proto::exchange::v1::{
        self as pb, DeliverRequest, DeliverResponse, deliver_request::Message as Request,
        deliver_response::Message as Response,
    },
    trust::{
        batch::Unverified,
        pae::{DocumentType, leaf_hash},
    },
};

/// What a session needs of its node.
#[tonic::async_trait]
pub(super) trait Host: Send + Sync + 'static {
    /// Whether this peer may talk to us now.
    fn admit(&self, peer: &AuthorityId) -> Result<(), Reason>;
    /// What we say of ourselves.
    fn greeting(&self, lane: Lane) -> Greeting;
    /// Told what the peer said of itself, before anything is taken from it.
    fn greeted(&self, peer: &AuthorityId, theirs: &Greeting);
    /// The answer to a heartbeat: the same number, and our directory.
    fn heartbeat(&self, peer: &AuthorityId, theirs: &pb::Heartbeat) -> pb::Heartbeat;
    /// Takes a frame; answers when its effect is durable.
    async fn receive(
        &self,
        peer: AuthorityId,
        lane: Lane,
        batches: Vec<Unverified>,
    ) -> Result<FrameOutcome, Reason>;
    /// Told why a stream was refused or broken; returns when that is durable.
    async fn refused(&self, peer: AuthorityId, reason: Reason);
}

/// Where responses go.
pub(super) type Responses = mpsc::Sender<Result<DeliverResponse, Status>>;

/// How long a session waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadlines {
    /// For the greeting.
    pub(super) greeting: Duration,
    /// Between two looks whether the peer is still admitted.
    pub(super) admission: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            greeting: GREETING_TIMEOUT,
            admission: ADMISSION_INTERVAL,
        }
    }
}

/// One stream.
pub(super) struct Session<H> {
    peer: AuthorityId,
    host: Arc<H>,
    responses: Responses,
    deadlines: Deadlines,
    /// As the greeting names it.
    lane: Lane,
    window: Window,
    last_frame: u64,
}

impl<H: Host> Session<H> {
    pub(super) fn new(
        peer: AuthorityId,
        host: Arc<H>,
        responses: Responses,
        deadlines: Deadlines,
    ) -> Self {
        Self {
            peer,
            host,
            responses,
            deadlines,
            lane: Lane::Bulk,
            window: Window::new(WINDOW_MAX_STATEMENTS, WINDOW_MAX_BYTES),
            last_frame: 0,
        }
    }

    /// Talks until the peer is done or breaks the rules; then tells it why, in one word.
    pub(super) async fn run<S>(mut self, mut requests: S)
    where
        S: Stream<Item = Result<DeliverRequest, Status>> + Send + Unpin,
    {
        if let Err(reason) = self.converse(&mut requests).await {
            tracing::warn!(peer = %self.peer, %reason, "an exchange stream ended");
            // Neither a peer that goes away nor our own stop is a refusal.
            if !matches!(reason, Reason::StreamEnded | Reason::Stopping) {
                self.host.refused(self.peer, reason).await;
            }
            // A failed send means that the peer has gone: there is nobody left to tell.
            let _ = self.responses.send(Err(status::to_peer(reason))).await;
        }
    }

    async fn converse<S>(&mut self, requests: &mut S) -> Result<(), Reason>
    where
        S: Stream<Item = Result<DeliverRequest, Status>> + Send + Unpin,
    {
        self.lane = timeout(self.deadlines.greeting, self.greet(requests))
            .await
            .map_err(|_| Reason::GreetingTimeout)??;
        let mut recheck = interval(self.deadlines.admission);
        loop {
            tokio::select! {
                request = requests.next() => match request {
                    None => return Ok(()),
                    Some(request) => self.take(message(request)?).await?,
                },
                _ = recheck.tick() => self.host.admit(&self.peer)?,
                () = self.responses.closed() => return Ok(()),
            }
        }
    }

    async fn greet<S>(&self, requests: &mut S) -> Result<Lane, Reason>
    where
        S: Stream<Item = Result<DeliverRequest, Status>> + Send + Unpin,
    {
        let Some(request) = requests.next().await else {
            return Err(Reason::StreamEnded);
        };
        let Request::Greeting(theirs) = message(request)? else {
            return Err(Reason::FrameBroken);
        };
        let theirs = convert::greeting_from(&theirs).map_err(|error| self.broken(&error))?;
        let ours = self.host.greeting(theirs.lane);
        convert::agree(&ours, &theirs)?;
        self.host.greeted(&self.peer, &theirs);
        self.answer(Response::Greeting(convert::greeting_into(&ours)))
            .await;
        Ok(theirs.lane)
    }

    async fn take(&mut self, request: Request) -> Result<(), Reason> {
        match request {
            Request::Greeting(_) => Err(Reason::FrameBroken),
            Request::Heartbeat(heartbeat) => {
                let ours = self.host.heartbeat(&self.peer, &heartbeat);
                self.answer(Response::Heartbeat(ours)).await;
                Ok(())
            }
            Request::Frame(frame) => self.take_frame(frame).await,
        }
    }

    /// Waits for room in the window, then works on the frame beside the others. A peer that keeps to the
    /// window it was told never waits here.
    async fn take_frame(&mut self, frame: pb::Frame) -> Result<(), Reason> {
        let number = frame.number;
        if number <= self.last_frame {
            return Err(Reason::FrameBroken);
        }
        self.last_frame = number;
        let (batches, size) = convert::frame_from(frame).map_err(|error| self.broken(&error))?;
        let room = self.window.take(size).await?;
        let (host, responses) = (Arc::clone(&self.host), self.responses.clone());
        let (peer, lane) = (self.peer, self.lane);
        tokio::spawn(async move {
            failpoint!(ReceiveBefore);
            let response = work(&*host, peer, lane, number, batches).await;
            failpoint!(ReceiptGivenBefore);
            let response = response.map_err(status::to_peer);
            // The stream may be gone; what was kept is kept, and a repeat gets the same receipt.
            let _ = responses.send(response).await;
            failpoint!(ReceiptGivenAfter);
            // Only now: a peer that does not read its results is not read from either.
            drop(room);
        });
        Ok(())
    }

    fn broken(&self, error: &convert::ConvertError) -> Reason {
        tracing::warn!(peer = %self.peer, %error, "a message broke the limits");
        Reason::FrameBroken
    }

    async fn answer(&self, message: Response) {
        let response = DeliverResponse {
            message: Some(message),
        };
        // As above: a peer that has gone needs no answer; the loop sees the closed channel.
        let _ = self.responses.send(Ok(response)).await;
    }
}

/// One frame from decision to result. A refusal of the whole frame is told statement by statement, so that
/// the stream goes on.
async fn work(
    host: &impl Host,
    peer: AuthorityId,
    lane: Lane,
    number: u64,
    batches: Vec<Unverified>,
) -> Result<DeliverResponse, Reason> {
    let leaves = batches
        .iter()
        .flat_map(|batch| &batch.items)
        .map(|item| item.document.clone())
        .collect::<Vec<_>>();
    let outcome = match host.receive(peer, lane, batches).await {
        Ok(outcome) => outcome,
        Err(Reason::FrameBroken) => return Err(Reason::FrameBroken),
        Err(reason) => FrameOutcome {
            results: leaves
                .iter()
                .map(|document| StatementOutcome {
                    leaf: leaf_hash(DocumentType::Statement, document),
                    refused: Some(reason),
                })
                .collect(),
            receipts: Vec::new(),
        },
    };
    Ok(DeliverResponse {
        message: Some(Response::Result(pb::FrameResult {
            number,
            results: convert::results_into(&outcome.results),
            receipts: outcome
                .receipts
                .into_iter()
                .map(convert::batch_into)
                .collect(),
        })),
    })
}

/// A message that could not be read, or is empty, breaks the frame; an error that has a source is the
/// transport's.
fn message(request: Result<DeliverRequest, Status>) -> Result<Request, Reason> {
    use tonic::Code::{Internal, OutOfRange, ResourceExhausted, Unimplemented};
    request
        .map_err(
            |status| match (status.code(), std::error::Error::source(&status)) {
                // Not to be decoded, too long, or compressed.
                (Internal | OutOfRange | ResourceExhausted | Unimplemented, None) => {
                    Reason::FrameBroken
                }
                _ => Reason::StreamEnded,
            },
        )?
        .message
        .ok_or(Reason::FrameBroken)
}

/// Statements and bytes that may be under way on one stream.
struct Window {
    statements: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
}

/// Room taken in the window; given back when dropped.
struct Room {
    _statements: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
}

impl Window {
    fn new(statements: usize, bytes: usize) -> Self {
        Self {
            statements: Arc::new(Semaphore::new(statements)),
            bytes: Arc::new(Semaphore::new(bytes)),
        }
    }

    async fn take(&self, size: convert::FrameSize) -> Result<Room, Reason> {
        Ok(Room {
            _statements: permits(&self.statements, size.statements).await?,
            _bytes: permits(&self.bytes, size.bytes).await?,
        })
    }
}

async fn permits(semaphore: &Arc<Semaphore>, count: usize) -> Result<OwnedSemaphorePermit, Reason> {
    let count = u32::try_from(count).map_err(|_| Reason::FrameBroken)?;
    Arc::clone(semaphore)
        .acquire_many_owned(count)
        .await
        .map_err(|_| Reason::Stopping)
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
