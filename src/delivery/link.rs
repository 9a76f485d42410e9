//! How the broker sees a partner's stream: greeting, frames, results, heartbeats.
//!
//! The way in is [`Connector::connect`]. The real one is in `exchange`, tests have their own. Nothing here
//! knows of gRPC or TLS, and nothing here may decide what becomes of a statement.

use super::reclaim::{ReclaimAsk, ReclaimPage};
use crate::{
    domain::{id::AuthorityId, reason::Reason, receipt::LeafHash, routing::Lane, time::Timestamp},
    trust::batch::Unverified,
};

/// Opens streams to partners.
#[tonic::async_trait]
pub trait Connector: Send + Sync + 'static {
    /// Dials, greets, and gives the stream of this lane.
    ///
    /// # Errors
    /// The named reason for which there is no stream now.
    async fn connect(
        &self,
        peer: AuthorityId,
        lane: Lane,
        greeting: Greeting,
    ) -> Result<Box<dyn Link>, LinkError>;

    /// Asks for what we lost; answers one page.
    ///
    /// # Errors
    /// The named reason for which there is no answer now. Where nobody can be asked, `NO_ENDPOINT`.
    async fn reclaim(
        &self,
        _peer: AuthorityId,
        _ask: ReclaimAsk,
    ) -> Result<ReclaimPage, LinkError> {
        Err(LinkError {
            reason: Reason::NoEndpoint,
            detail: "nobody can be asked here".to_owned(),
        })
    }
}

/// One lane's stream after its greeting.
#[tonic::async_trait]
pub trait Link: Send {
    /// What the partner said of itself.
    fn greeting(&self) -> &Greeting;
    /// SAN URI seen in the handshake.
    fn peer_uri(&self) -> &str;
    /// Key exchange of the handshake.
    fn key_exchange(&self) -> &str;
    /// Hands over a frame; answers when the transport took it.
    ///
    /// # Errors
    /// When the stream broke: it is dialled anew.
    async fn send(&mut self, outgoing: Outgoing) -> Result<(), LinkError>;
    /// The next message from the partner. Cancel-safe.
    ///
    /// # Errors
    /// When the stream broke: it is dialled anew.
    async fn receive(&mut self) -> Result<Incoming, LinkError>;
}

/// What we say on a stream.
#[derive(Debug, Clone)]
pub enum Outgoing {
    /// Statements.
    Frame {
        /// Counts up on this stream from 1.
        number: u64,
        /// The statements with their signatures.
        batches: Vec<Unverified>,
    },
    /// Asks for the same number back at once.
    Heartbeat(u64),
}

/// What the partner says on a stream.
#[derive(Debug, Clone)]
pub enum Incoming {
    /// What became of a frame.
    Result {
        /// The frame's number.
        number: u64,
        /// Per statement, in order.
        results: Vec<StatementOutcome>,
        /// Signed receipts, not verified yet.
        receipts: Vec<Unverified>,
    },
    /// A heartbeat of ours came back.
    Heartbeat(u64),
}

/// Why there is no stream, or no more.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct LinkError {
    /// The named reason.
    pub reason: Reason,
    /// For our own log: never personal.
    pub detail: String,
}

/// First word on a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// Protocol versions spoken, ascending.
    pub versions: Vec<u32>,
    /// For which federation.
    pub federation: String,
    /// Directory in force.
    pub directory_version: u64,
    /// SHA-256 of that directory.
    pub directory_hash: [u8; 32],
    /// The greeter's wall clock.
    pub clock: Timestamp,
    /// Which of the two connections this is.
    pub lane: Lane,
    /// What the greeter accepts.
    pub limits: LinkLimits,
}

/// What one side of a stream accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkLimits {
    /// Statements in one frame.
    pub statements_per_frame: u32,
    /// Bytes of the statements in one frame.
    pub bytes_per_frame: u32,
    /// Bytes of one statement.
    pub bytes_per_statement: u32,
    /// Statements under way without a result.
    pub window_statements: u32,
    /// Bytes under way without a result.
    pub window_bytes: u32,
}

/// In-band result of one statement.
#[derive(Debug, Clone)]
pub struct StatementOutcome {
    /// Leaf hash of the bytes received.
    pub leaf: LeafHash,
    /// Why it is not held; `None`: held.
    pub refused: Option<Reason>,
}
