//! One act in the journal: a fixed-size header, which is a leaf of the log, and a sealed body.
//!
//! Headers hold no body, person or free text (invariant I8).

use crate::domain::{
    id::{AuthorityId, StatementRef},
    reason::Reason,
    receipt::LeafHash,
    time::Timestamp,
};

/// Place of an entry in the journal, from 0 without gaps.
pub type EntryIndex = u64;
/// Bytes of an encoded header.
pub const HEADER_BYTES: usize = 144;

/// What happened. Numbers are stored: never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Act {
    Accepted = 1,
    Received = 2,
    RefusedStatement = 3,
    ReceiptStored = 4,
    RefusedInput = 5,
    RefusalsCounted = 6,
    DeliveryEnded = 7,
    DeliveryHeld = 8,
    DeliveryResumed = 9,
    Consulted = 10,
    Exported = 11,
    Incident = 12,
    DirectoryAdopted = 13,
    Started = 14,
    Stopped = 15,
    TailCut = 16,
    ActorNamed = 17,
    AuditRead = 18,
}

/// Who did it: `node`, an authority id, or a desk pseudonym such as `officer-3fa9c1d2`. ASCII, at most 24 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Actor(pub [u8; 24]);

/// A header, decoded. Encodes to exactly [`HEADER_BYTES`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryHeader {
    pub index: EntryIndex,
    pub time: Timestamp,
    pub act: Act,
    pub reason: Option<Reason>,
    pub actor: Actor,
    pub subject: Option<StatementRef>,
    pub peer: Option<AuthorityId>,
    /// Of the body's plain bytes; statements and receipts: their own signed leaf.
    pub leaf: Option<LeafHash>,
    pub body_bytes: u32,
    /** Of counted acts. */
    pub count: u32,
}
