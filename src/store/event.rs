//! What happened, in domain terms: what decisions record, what the ledger applies, what replay reads back.
//!
//! The way in is [`Event`]; `event/codec.rs` turns it into an entry, `event/reader.rs` back. Never put a person into
//! anything but a document or a sealed body.

mod codec;
mod reader;

use std::sync::Arc;

use bytes::Bytes;

pub use self::reader::{EventError, Reader};
use super::{
    entry::{Actor, EntryIndex},
    record::CallRecord,
};
use crate::domain::{
    call::CallKind,
    id::{AuthorityId, StatementRef},
    lives::{DraftStep, Hand},
    reason::Reason,
    receipt::{LeafHash, Receipt},
    release::Outline,
    routing::Routing,
};

/// One act. Live work and replay make the same value, and apply it by the same code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A statement of our own is accepted for sending, one delivery per recipient.
    Accepted {
        /// Who did it.
        actor: Actor,
        /// Its routing header.
        routing: Arc<Routing>,
        /// Leaf hash of the signed bytes.
        leaf: LeafHash,
        /// The exact signed bytes.
        document: Bytes,
    },
    /// A foreign statement is held; its receipt is issued in the same block.
    Received {
        /// Its routing header.
        routing: Arc<Routing>,
        /// Leaf hash of the signed bytes.
        leaf: LeafHash,
        /// The exact signed bytes.
        document: Bytes,
    },
    /// A statement is held that came inside a foreign one, which is held in the same block and is receipted alone.
    Carried {
        /// Whose statement carried it.
        peer: AuthorityId,
        /// Its own routing header, which does not name us.
        routing: Arc<Routing>,
        /// Leaf hash of the signed bytes.
        leaf: LeafHash,
        /// The exact signed bytes.
        document: Bytes,
    },
    /// A verified foreign statement is refused for good; its receipt is issued in the same block.
    RefusedStatement {
        /// Which statement.
        statement: StatementRef,
        /// Whose it was.
        peer: AuthorityId,
        /// Leaf hash of the signed bytes.
        leaf: LeafHash,
        /// Why.
        reason: Reason,
    },
    /// A receipt for one of our own is kept. Settles or refuses that delivery.
    ReceiptStored {
        /// What it says.
        receipt: Box<Receipt>,
        /// The exact signed bytes.
        document: Bytes,
        /// Leaf hash of the signed bytes.
        leaf: LeafHash,
    },
    /// Refused after TLS, before or without a signature that holds.
    RefusedInput {
        /// Whose it was.
        peer: AuthorityId,
        /// Why.
        reason: Reason,
        /// Leaf hash of the signed bytes.
        leaf: Option<LeafHash>,
    },
    /// More of the same within the minute.
    RefusalsCounted {
        /// Whose it was.
        peer: AuthorityId,
        /// Why.
        reason: Reason,
        /// How many.
        count: u32,
    },
    /// A delivery of ours ended without receipt: `CARRIAGE_ENDED`.
    DeliveryEnded {
        /// Which statement.
        statement: StatementRef,
        /// Whose delivery.
        recipient: AuthorityId,
        /// Why.
        reason: Reason,
    },
    /// A delivery waits for a person.
    DeliveryHeld {
        /// Which statement.
        statement: StatementRef,
        /// Whose delivery.
        recipient: AuthorityId,
        /// Why.
        reason: Reason,
    },
    /// A person let it go on.
    DeliveryResumed {
        /// Who did it.
        actor: Actor,
        /// Which statement.
        statement: StatementRef,
        /// Whose delivery.
        recipient: AuthorityId,
    },
    /// Somebody saw a thread in full; a peek leaves it unopened.
    Consulted {
        /// Who did it.
        actor: Actor,
        /// The first statement of the thread.
        thread: StatementRef,
        /// Whether it is opened by that.
        peek: Peek,
        /// Why, in words (sealed): an auditor says it.
        why: Option<Arc<str>>,
    },
    /// Evidence left the node.
    Exported {
        /// Who did it.
        actor: Actor,
        /// The first statement of the thread.
        thread: StatementRef,
        /// Why, in words (sealed): an auditor says it.
        why: Option<Arc<str>>,
    },
    /// The journal was listed.
    AuditRead {
        /// Who did it.
        actor: Actor,
    },
    /// Something that a person must look at: `ID_CONFLICT`, `FORGED_RECEIPT`, `DIRECTORY_FORK`, ...
    Incident {
        /// Whose it was.
        peer: Option<AuthorityId>,
        /// Which statement.
        statement: Option<StatementRef>,
        /// Why.
        reason: Reason,
        /// Leaf hash of the signed bytes.
        leaf: Option<LeafHash>,
    },
    /// From here on this directory is in force; `bundle` are its exact bytes.
    DirectoryAdopted {
        /// Its number.
        version: u64,
        /// Its exact bytes.
        bundle: Bytes,
    },
    /// The node serves.
    Started,
    /// The node stopped in order.
    Stopped,
    /// A torn tail was cut at start.
    TailCut {
        /// How many were cut.
        bytes: u32,
    },
    /// Stands for an entry that was damaged beyond reading.
    Missing,
    /// A partner gave back what was lost here; the act that it was stands beside this one.
    Reclaimed {
        /// Which statement.
        statement: StatementRef,
        /// Who gave it.
        peer: AuthorityId,
        /// Leaf hash of what was given: of the statement, or of its receipt.
        leaf: LeafHash,
        /// The entry that was lost, when that is known.
        lost: Option<EntryIndex>,
    },
    /// We gave a partner back what it had lost.
    GivenBack {
        /// Which statement.
        statement: StatementRef,
        /// To whom.
        peer: AuthorityId,
        /// Leaf hash of the signed bytes.
        leaf: LeafHash,
    },
    /// All partners were asked for what was lost before this entry.
    ReclaimEnded {
        /// Entries that nobody gave back.
        missing: u32,
    },
    /// The log begins a new epoch: headers before this entry were lost, and later roots are of what is left.
    EpochBegun {
        /// Its number.
        epoch: u32,
        /// Entries of the log that the last good head is of.
        size: u64,
        /// Root of that head.
        root: [u8; 32],
    },
    /// A statement of our own was for groups, or for all, whoever these are one day.
    Addressed {
        /// Who did it.
        actor: Actor,
        /// The first statement of the thread.
        statement: StatementRef,
        /// `all`, or groups with their `@`, commas between (sealed).
        names: Arc<str>,
    },
    /// The last day of an alert has passed, and it was not extended.
    AlertExpired {
        /// The alert.
        statement: StatementRef,
    },
    /// The own duty desk was called; again and again for one matter is one act, with how often.
    Called {
        /// About which statement.
        statement: Option<StatementRef>,
        /// Who owes what is due, or the partner that it is about.
        peer: Option<AuthorityId>,
        /// Why.
        kind: CallKind,
        /// How often.
        count: u32,
        /// The ways that it was handed to, by their names in the configuration, commas between.
        ways: Arc<str>,
    },
    /// A call waits on its ways: whatever happens, it is tried there until it arrives or is given up.
    CallWaits {
        /// The call.
        call: Arc<CallRecord>,
    },
    /// A call arrived on one of its ways.
    CallArrived {
        /// About which statement.
        statement: Option<StatementRef>,
        /// Who owes what is due, or the partner that it is about.
        peer: Option<AuthorityId>,
        /// Why it was called.
        kind: CallKind,
        /// How often it was tried.
        count: u32,
        /// The way, by its name in the configuration.
        way: Arc<str>,
    },
    /// A call was given up on one of its ways.
    CallFailed {
        /// About which statement.
        statement: Option<StatementRef>,
        /// Who owes what is due, or the partner that it is about.
        peer: Option<AuthorityId>,
        /// Why it was called.
        kind: CallKind,
        /// How often it was tried.
        count: u32,
        /// The way, by its name in the configuration.
        way: Arc<str>,
        /// What stopped it.
        reason: Reason,
    },
    /// Which certificate a pseudonym stands for (sealed).
    ActorNamed {
        /// Who did it.
        actor: Actor,
        /// The name in the certificate.
        uri: Arc<str>,
    },
    /// A draft is kept for a second person (sealed); nothing of it leaves.
    DraftKept {
        /// Who wrote it.
        actor: Actor,
        /// The statement that it would be.
        statement: StatementRef,
        /// What may be known of it.
        outline: Arc<Outline>,
        /// A `desk.v1.KeptDraft`, outline included.
        body: Bytes,
    },
    /// It went back to its creator (the text is sealed).
    DraftReturned {
        /// Who gave it back.
        actor: Actor,
        /// Which draft.
        statement: StatementRef,
        /// Why.
        text: Arc<str>,
    },
    /// It was released (then the statement was accepted in the same block), or ended unsent.
    DraftEnded {
        /// Who did it.
        actor: Actor,
        /// Which draft.
        statement: StatementRef,
        /// How.
        end: DraftEnd,
    },
    /// A thread is kept to units of the own authority; to none: it is open to all of them again.
    Restricted {
        /// Who decided.
        actor: Actor,
        /// The first statement of the thread.
        thread: StatementRef,
        /// Desk names, joined by commas (sealed).
        units: Arc<str>,
    },
    /// A shift's open work is given over, or taken over: two entries, each by the person whose act it is (sealed).
    HandedOver {
        /// Who gives, or takes.
        actor: Actor,
        /// Which of the two.
        step: HandoverStep,
        /// What is given over: a `desk.v1.OpenWork` and the giver's words.
        body: Bytes,
    },
    /// An own alert that is for a group or for all is not given to who has joined since (the text is sealed).
    OfferDeclined {
        /// Who decided.
        actor: Actor,
        /// The alert.
        statement: StatementRef,
        /// To whom not.
        recipient: AuthorityId,
        /// Why.
        text: Arc<str>,
    },
    /// A person was refused to take over what was given over.
    TakeRefused {
        /// Who tried.
        actor: Actor,
        /// The entry in which it was given.
        given: EntryIndex,
        /// Why not.
        reason: Reason,
    },
    /// A delivery goes by hand: its recipient runs no node.
    GoesByHand {
        /// Who handed the statement in, or has a bundle written.
        actor: Actor,
        /// Which statement.
        statement: StatementRef,
        /// Whose delivery.
        recipient: AuthorityId,
    },
    /// A bundle with it was written, to be carried.
    Bundled {
        /// Who had it written.
        actor: Actor,
        /// Which statement.
        statement: StatementRef,
        /// To whom.
        recipient: AuthorityId,
    },
    /// Somebody reports that it was carried.
    HandReported {
        /// Who reports it.
        actor: Actor,
        /// Which statement.
        statement: StatementRef,
        /// To whom.
        recipient: AuthorityId,
        /// Whether the recipient has said that it has it.
        word: Word,
        /// A `desk.v1.HandReport`: who carried it, when, and who acknowledged it (sealed).
        report: Bytes,
    },
    /// A person of the own desk was refused an act that must not go unseen.
    ActRefused {
        /// Who tried.
        actor: Actor,
        /// Upon what.
        statement: StatementRef,
        /// Why not.
        reason: Reason,
    },
}

/// Whether what was carried is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// Not yet.
    None,
    /// By somebody of the recipient.
    Acknowledged,
}

impl Word {
    /// The step that it is in the delivery's life.
    #[must_use]
    pub const fn step(self) -> Hand {
        match self {
            Self::None => Hand::Carried,
            Self::Acknowledged => Hand::Acknowledged,
        }
    }
}

/// How a draft ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DraftEnd {
    /// Unsent.
    Discarded,
    /// As a statement.
    Released,
}

impl DraftEnd {
    /// The step that it is in the draft's life.
    #[must_use]
    pub const fn step(self) -> DraftStep {
        match self {
            Self::Discarded => DraftStep::Discarded,
            Self::Released => DraftStep::Released,
        }
    }
}

/// The two halves of a handover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandoverStep {
    /// By the shift that ends.
    Given,
    /// By the shift that begins.
    Taken {
        /// The entry in which it was given.
        given: EntryIndex,
        /// Leaf hash of what was given, as the taker has read it.
        leaf: LeafHash,
    },
}

/// Whether a consultation marks the thread opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peek {
    /// An officer's full view.
    Opens,
    /// By ops, auditor, or on purpose.
    LeavesUnopened,
}
