//! The broker: accept, queue, send, receive, acknowledge, retry, expire.

use std::sync::Arc;

use crate::{
    domain::{
        id::{AuthorityId, StatementRef},
        reason::Reason,
        receipt::LeafHash,
        routing::{Effect, Handling, Kind, Lane, Priority, Recipient, Status, TransferGround},
        time::{Clock, Timestamp},
    },
    store::{Store, entry::Actor},
    trust::{
        batch::{BatchSigner, Unverified, Verifier},
        directory::DirectoryHandle,
    },
};

/// What a node's broker is made of.
pub struct BrokerParts {
    pub authority: AuthorityId,
    pub store: Store,
    pub directory: DirectoryHandle,
    pub statement_signer: BatchSigner,
    pub receipt_signer: BatchSigner,
    pub verifier: Verifier,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub links: Arc<dyn Connector>,
    pub workers: usize,
}
/// Randomness from outside.
pub trait Random: Send + Sync {
    fn fill(&self, bytes: &mut [u8]);
}

/// The broker. Cheap to clone.
#[derive(Clone)]
pub struct Broker {
    _inner: Arc<()>,
}

/// A draft whose content is legal (wire has parsed it), to be addressed, signed and kept.
#[derive(Debug, Clone)]
pub struct Submission {
    pub id: Option<crate::domain::id::MessageId>,
    pub to: Vec<String>,
    pub kind: Kind,
    pub effect: Effect,
    pub status: Status,
    pub priority: Priority,
    pub handling: crate::domain::routing::HandlingSet,
    pub handling_text: String,
    pub ground: TransferGround,
    pub ground_reason: String,
    pub in_reply_to: Option<StatementRef>,
    pub carried_hours: Option<u32>,
    pub payload: bytes::Bytes,
}
/// What became of it.
#[derive(Debug, Clone)]
pub struct Accepted {
    pub statement: StatementRef,
    pub recipients: Vec<Recipient>,
    pub accepted_at: Timestamp,
    pub repeated: bool,
}

impl Broker {
    #[must_use]
    pub fn start(_parts: BrokerParts) -> Self {
        todo!()
    }
    /// Accepts all or none, in one commit. Answers when durable.
    pub async fn submit(
        &self,
        _actor: Actor,
        _submissions: Vec<Submission>,
    ) -> Result<Vec<Accepted>, SubmitError> {
        todo!()
    }
    /// Checks and expands only.
    pub async fn dry_run(
        &self,
        _actor: Actor,
        _submissions: &[Submission],
    ) -> Result<Vec<Accepted>, SubmitError> {
        todo!()
    }
    /// Each on its own; coalesced with what else waits; results in order.
    pub async fn submit_many(
        &self,
        _actor: Actor,
        _submissions: Vec<Submission>,
    ) -> Vec<Result<Accepted, SubmitError>> {
        todo!()
    }
    /// A frame from a peer: verifies, decides, keeps, and answers with results and receipts when durable.
    pub async fn receive(
        &self,
        _peer: AuthorityId,
        _batches: Vec<Unverified>,
    ) -> Result<FrameOutcome, Reason> {
        todo!()
    }
    /// An officer's full view: journals it, and the first time answers `opened` to the origin.
    pub async fn consult(
        &self,
        _actor: Actor,
        _thread: StatementRef,
        _peek: crate::store::event::Peek,
    ) -> Result<(), SubmitError> {
        todo!()
    }
    /// State of each partner link.
    #[must_use]
    pub fn links(&self) -> Vec<LinkState> {
        todo!()
    }
    /// Sends a heartbeat on every lane and waits for it.
    pub async fn check_links(&self) {
        todo!()
    }
    /// Takes a newer directory.
    pub async fn adopt_directory(&self) -> Result<(), crate::store::StoreFailed> {
        todo!()
    }
    /// Stops accepting, drains for a bounded time, ends the dispatchers.
    pub async fn stop(&self) {
        todo!()
    }
}
/// Why a submission is refused; nothing was kept.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SubmitError {
    #[error("{reason}: {detail}")]
    Refused { reason: Reason, detail: String },
    #[error(transparent)]
    Store(#[from] crate::store::StoreFailed),
}
/// Per statement of a frame, in order, and the signed receipts.
#[derive(Debug, Clone)]
pub struct FrameOutcome {
    pub results: Vec<StatementOutcome>,
    pub receipts: Vec<Unverified>,
}
#[derive(Debug, Clone)]
pub struct StatementOutcome {
    pub leaf: LeafHash,
    pub refused: Option<Reason>,
}

/// Opens streams to partners: the real one is in `exchange`, tests have their own.
#[tonic::async_trait]
pub trait Connector: Send + Sync + 'static {
    /// Dials, greets, and gives the stream of this lane.
    async fn connect(
        &self,
        peer: AuthorityId,
        lane: Lane,
        greeting: Greeting,
    ) -> Result<Box<dyn Link>, LinkError>;
}
/// One lane's stream after its greeting.
#[tonic::async_trait]
pub trait Link: Send {
    /// What the partner said of itself.
    fn greeting(&self) -> &Greeting;
    fn peer_uri(&self) -> &str;
    fn key_exchange(&self) -> &str;
    /// Hands over a frame; answers when the transport took it.
    async fn send(&mut self, outgoing: Outgoing) -> Result<(), LinkError>;
    /// The next message from the partner. Cancel-safe.
    async fn receive(&mut self) -> Result<Incoming, LinkError>;
}
#[derive(Debug, Clone)]
pub enum Outgoing {
    Frame {
        number: u64,
        batches: Vec<Unverified>,
    },
    Heartbeat(u64),
}
#[derive(Debug, Clone)]
pub enum Incoming {
    Result {
        number: u64,
        results: Vec<StatementOutcome>,
        receipts: Vec<Unverified>,
    },
    Heartbeat(u64),
}
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct LinkError {
    pub reason: Reason,
    /** For our own log: never personal. */
    pub detail: String,
}
/// First word on a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    pub versions: Vec<u32>,
    pub federation: String,
    pub directory_version: u64,
    pub directory_hash: [u8; 32],
    pub clock: Timestamp,
    pub lane: Lane,
    pub limits: LinkLimits,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkLimits {
    pub statements_per_frame: u32,
    pub bytes_per_frame: u32,
    pub bytes_per_statement: u32,
    pub window_statements: u32,
    pub window_bytes: u32,
}

/// What ops sees of one partner.
#[derive(Debug, Clone)]
pub struct LinkState {
    pub authority: AuthorityId,
    pub lanes: Vec<LaneState>,
    pub queued: u64,
    pub oldest_queued: Option<Timestamp>,
    pub healthy: bool,
    pub reason: Option<Reason>,
    pub last_receipt: Option<Timestamp>,
    pub clock_offset_ms: i64,
}
#[derive(Debug, Clone)]
pub struct LaneState {
    pub lane: Lane,
    pub up: bool,
    pub reason: Option<Reason>,
    pub since: Timestamp,
    pub failures: u32,
    pub next_try: Option<Timestamp>,
    pub peer_uri: String,
    pub key_exchange: String,
}

#[allow(unused_imports, reason = "skeleton")]
use Handling as _;
