//! What happened, in domain terms: what decisions record, what the ledger applies, what replay reads back.
//!
//! The way in is [`Event`]; `event/codec.rs` turns it into an entry and back. Never put a person into
//! anything but a document or a sealed body.

mod codec;

use std::sync::Arc;

use bytes::Bytes;

pub use self::codec::{EventError, Reader};
use super::entry::Actor;
use crate::domain::{
    id::{AuthorityId, StatementRef},
    reason::Reason,
    receipt::{LeafHash, Receipt},
    routing::Routing,
};

/// One act. Live work and replay make the same value, and apply it by the same code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A statement of our own is accepted for sending, one delivery per recipient.
    Accepted {
        actor: Actor,
        routing: Arc<Routing>,
        leaf: LeafHash,
        document: Bytes,
    },
    /// A foreign statement is held; its receipt is issued in the same block.
    Received {
        routing: Arc<Routing>,
        leaf: LeafHash,
        document: Bytes,
    },
    /// A verified foreign statement is refused for good; its receipt is issued in the same block.
    RefusedStatement {
        statement: StatementRef,
        peer: AuthorityId,
        leaf: LeafHash,
        reason: Reason,
    },
    /// A receipt for one of our own is kept. Settles or refuses that delivery.
    ReceiptStored {
        receipt: Box<Receipt>,
        document: Bytes,
        leaf: LeafHash,
    },
    /// Refused after TLS, before or without a signature that holds.
    RefusedInput {
        peer: AuthorityId,
        reason: Reason,
        leaf: Option<LeafHash>,
    },
    /// More of the same within the minute.
    RefusalsCounted {
        peer: AuthorityId,
        reason: Reason,
        count: u32,
    },
    /// A delivery of ours ended without receipt: `CARRIAGE_ENDED` or `RECALLED_UNSENT`.
    DeliveryEnded {
        statement: StatementRef,
        recipient: AuthorityId,
        reason: Reason,
    },
    /// A delivery waits for a person.
    DeliveryHeld {
        statement: StatementRef,
        recipient: AuthorityId,
        reason: Reason,
    },
    /// A person let it go on.
    DeliveryResumed {
        actor: Actor,
        statement: StatementRef,
        recipient: AuthorityId,
    },
    /// Somebody saw a thread in full; a peek leaves it unopened.
    Consulted {
        actor: Actor,
        thread: StatementRef,
        peek: Peek,
    },
    /// Evidence left the node.
    Exported { actor: Actor, thread: StatementRef },
    /// The journal was listed.
    AuditRead { actor: Actor },
    /// Something that a person must look at: `ID_CONFLICT`, `FORGED_RECEIPT`, `DIRECTORY_FORK`, ...
    Incident {
        peer: Option<AuthorityId>,
        statement: Option<StatementRef>,
        reason: Reason,
        leaf: Option<LeafHash>,
    },
    /// From here on this directory is in force; `bundle` are its exact bytes.
    DirectoryAdopted { version: u64, bundle: Bytes },
    /// The node serves.
    Started,
    /// The node stopped in order.
    Stopped,
    /// A torn tail was cut at start.
    TailCut { bytes: u32 },
    /// Which certificate a pseudonym stands for (sealed).
    ActorNamed { actor: Actor, uri: Arc<str> },
}

/// Whether a consultation marks the thread opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peek {
    /// An officer's full view.
    Opens,
    /// By ops, auditor, or on purpose.
    LeavesUnopened,
}
