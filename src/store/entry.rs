//! One act in the journal: a fixed-size header, which is a leaf of the log, and a sealed body.
//!
//! Headers hold no body, person or free text (invariant I8). The way in is [`EntryHeader::encode`] and
//! [`EntryHeader::decode`]; decoding must never accept bytes that encoding would not make.
//!
//! | offset | bytes | field |
//! | --- | --- | --- |
//! | 0 | 2 | version: 1 |
//! | 2 | 2 | act |
//! | 4 | 2 | reason, 0 for none |
//! | 6 | 2 | flags: 1 subject, 2 peer, 4 leaf |
//! | 8 | 8 | index |
//! | 16 | 8 | time, microseconds since 1970 |
//! | 24 | 24 | actor, ASCII, zeros behind |
//! | 48 | 16 | subject's origin, ASCII, zeros behind |
//! | 64 | 16 | subject's id |
//! | 80 | 16 | peer, ASCII, zeros behind |
//! | 96 | 32 | leaf hash of the body |
//! | 128 | 4 | bytes of the plain body |
//! | 132 | 4 | count |
//! | 136 | 8 | zeros |
//!
//! Numbers are little-endian. What a flag says is absent is zeros.

use std::{fmt, str::FromStr};

use crate::domain::{
    id::{AUTHORITY_ID_MAX_BYTES, AuthorityId, MessageId, StatementRef},
    reason::Reason,
    receipt::LeafHash,
    time::Timestamp,
};

/// Place of an entry in the journal, from 0 without gaps.
pub type EntryIndex = u64;
/// Bytes of an encoded header.
pub const HEADER_BYTES: usize = 144;
/// Bytes of the longest actor.
pub const ACTOR_MAX_BYTES: usize = 24;

const VERSION: u16 = 1;
const HAS_SUBJECT: u16 = 1;
const HAS_PEER: u16 = 2;
const HAS_LEAF: u16 = 4;

macro_rules! acts {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// What happened. Numbers are stored: never reused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Act {
            $($(#[$doc])* $name = $number,)*
        }
        impl Act {
            /// Every act, in the order of its number.
            pub const ALL: &[Self] = &[$(Self::$name),*];
            /// The stored number.
            #[must_use]
            pub const fn number(self) -> u16 {
                self as u16
            }
            /// The act of a stored number.
            #[must_use]
            pub const fn from_number(number: u16) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }
        }
    };
}
acts! {
    /// A statement of our own was accepted for sending.
    Accepted = 1,
    /// A foreign statement is held.
    Received = 2,
    /// A verified foreign statement was refused for good.
    RefusedStatement = 3,
    /// A receipt for one of our own is kept.
    ReceiptStored = 4,
    /// Something was refused before or without a signature that holds.
    RefusedInput = 5,
    /// More of the same within the minute.
    RefusalsCounted = 6,
    /// A delivery ended without receipt.
    DeliveryEnded = 7,
    /// A delivery waits for a person.
    DeliveryHeld = 8,
    /// A person let it go on.
    DeliveryResumed = 9,
    /// Somebody saw a thread in full.
    Consulted = 10,
    /// Evidence left the node.
    Exported = 11,
    /// Something that a person must look at.
    Incident = 12,
    /// From here on another directory is in force.
    DirectoryAdopted = 13,
    /// The node serves.
    Started = 14,
    /// The node stopped in order.
    Stopped = 15,
    /// A torn tail was cut at start.
    TailCut = 16,
    /// Which certificate a pseudonym stands for.
    ActorNamed = 17,
    /// The journal was listed.
    AuditRead = 18,
    /// A draft is kept for a second person.
    DraftKept = 19,
    /// It went back to its creator.
    DraftReturned = 20,
    /// It was released, or ended unsent.
    DraftEnded = 21,
    /// A person of the own desk was refused an act that must not go unseen.
    ActRefused = 22,
    /// A shift's open work was given over, or taken over.
    HandedOver = 23,
    /// A thread is kept to units of the own authority, or open to all again.
    Restricted = 24,
    /// The last day of an alert passed, and it was not extended.
    AlertExpired = 25,
    /// The own duty desk was called.
    Called = 26,
    /// A call reached nobody on one of its ways, and is given up there.
    CallFailed = 27,
    /// A foreign statement is held that came inside another one.
    Carried = 30,
    /// A statement of our own was for a group, or for all: whoever joins is offered to us for it.
    Addressed = 31,
    /// A call waits on its ways until it arrives there.
    CallWaits = 32,
    /// A call arrived on one of its ways.
    CallArrived = 33,
    /// A delivery goes by hand: its recipient runs no node.
    GoesByHand = 34,
    /// A bundle was written, to be carried to a recipient.
    Bundled = 35,
    /// A bundle was carried, by whom and when; perhaps acknowledged, by whom.
    HandReported = 36,
    /// Whoever gave a shift's open work over tried to take it.
    TakeRefused = 45,
    /// An own alert that is offered for an authority is not given to it.
    OfferDeclined = 46,
    /// Stands for an entry that was damaged beyond reading.
    Missing = 40,
    /// A partner gave back what was lost here.
    Reclaimed = 41,
    /// We gave a partner back what it had lost.
    GivenBack = 42,
    /// All partners were asked for what was lost before this entry.
    ReclaimEnded = 43,
    /// The log begins a new epoch: headers before this entry were lost.
    EpochBegun = 44,
}

/// Who did it: `node`, an authority id, or a desk pseudonym such as `officer-3fa9c1d2`. Printable ASCII without
/// spaces, 1 to 24 bytes, zeros behind. Made by [`Actor::new`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor([u8; ACTOR_MAX_BYTES]);

/// Why a text is no actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an actor: expected 1 to 24 bytes of printable ASCII without spaces, found {bytes} bytes"
)]
pub struct ActorError {
    /// Bytes of the text; the text itself may name a person.
    pub bytes: usize,
}
impl Actor {
    /// The node itself.
    pub const NODE: Self = {
        let mut bytes = [0; ACTOR_MAX_BYTES];
        bytes[0] = b'n';
        bytes[1] = b'o';
        bytes[2] = b'd';
        bytes[3] = b'e';
        Self(bytes)
    };
    /// Checks a text.
    ///
    /// # Errors
    /// When it is empty, longer than 24 bytes, or not printable ASCII.
    pub fn new(text: &str) -> Result<Self, ActorError> {
        let fault = ActorError { bytes: text.len() };
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(fault);
        }
        padded(text).map(Self).ok_or(fault)
    }
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        unpadded(&self.0).unwrap_or_default()
    }
}
impl FromStr for Actor {
    type Err = ActorError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}
impl From<AuthorityId> for Actor {
    fn from(authority: AuthorityId) -> Self {
        // An authority id is at most 16 bytes of ASCII.
        Self(padded(authority.as_str()).unwrap_or_default())
    }
}
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A header, decoded. Encodes to exactly [`HEADER_BYTES`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryHeader {
    /// Its place in the journal.
    pub index: EntryIndex,
    /// The node's clock when it was decided.
    pub time: Timestamp,
    /// What happened.
    pub act: Act,
    /// Why, for refusals, waits and ends.
    pub reason: Option<Reason>,
    /// Who did it.
    pub actor: Actor,
    /// The statement that it is about.
    pub subject: Option<StatementRef>,
    /// The other authority.
    pub peer: Option<AuthorityId>,
    /// Of the body's plain bytes; statements and receipts: their own signed leaf.
    pub leaf: Option<LeafHash>,
    /// Bytes of the plain body.
    pub body_bytes: u32,
    /// Of counted acts: how many.
    pub count: u32,
}

/// Why bytes are no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Another version.
    #[error(
        "entry header of version {0}, this program reads {VERSION}: it was written by another release"
    )]
    Version(u16),
    /// An act that this version does not know.
    #[error("entry header with unknown act {0}: it was written by another release, or is damaged")]
    Act(u16),
    /// A reason that this version does not know.
    #[error(
        "entry header with unknown reason {0}: it was written by another release, or is damaged"
    )]
    Reason(u16),
    /// A field that encoding would not have made.
    #[error("entry header is damaged: its {0} is not legal")]
    Field(&'static str),
}

impl EntryHeader {
    /// The stored bytes: a leaf of the log.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let flags = self.subject.map_or(0, |_| HAS_SUBJECT)
            | self.peer.map_or(0, |_| HAS_PEER)
            | self.leaf.map_or(0, |_| HAS_LEAF);
        let authority = |id: &AuthorityId| padded::<AUTHORITY_ID_MAX_BYTES>(id.as_str());
        let origin = self.subject.and_then(|s| authority(&s.origin));
        let mut rest = bytes.as_mut_slice();
        write(&mut rest, &VERSION.to_le_bytes());
        write(&mut rest, &self.act.number().to_le_bytes());
        write(
            &mut rest,
            &self.reason.map_or(0, Reason::number).to_le_bytes(),
        );
        write(&mut rest, &flags.to_le_bytes());
        write(&mut rest, &self.index.to_le_bytes());
        write(&mut rest, &self.time.as_micros().to_le_bytes());
        write(&mut rest, &self.actor.0);
        write(&mut rest, &origin.unwrap_or_default());
        write(
            &mut rest,
            &self.subject.map_or([0; 16], |s| *s.id.as_bytes()),
        );
        write(
            &mut rest,
            &self.peer.as_ref().and_then(authority).unwrap_or_default(),
        );
        write(&mut rest, &self.leaf.map_or([0; 32], |leaf| leaf.0));
        write(&mut rest, &self.body_bytes.to_le_bytes());
        write(&mut rest, &self.count.to_le_bytes());
        bytes
    }

    /// Reads stored bytes.
    ///
    /// # Errors
    /// When they are of another version or nothing that [`Self::encode`] makes.
    pub fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Self, HeaderError> {
        let mut rest = bytes.as_slice();
        let version = u16::from_le_bytes(take(&mut rest));
        if version != VERSION {
            return Err(HeaderError::Version(version));
        }
        let act = u16::from_le_bytes(take(&mut rest));
        let act = Act::from_number(act).ok_or(HeaderError::Act(act))?;
        let reason = match u16::from_le_bytes(take(&mut rest)) {
            0 => None,
            number => Some(Reason::from_number(number).ok_or(HeaderError::Reason(number))?),
        };
        let flags = u16::from_le_bytes(take(&mut rest));
        if flags & !(HAS_SUBJECT | HAS_PEER | HAS_LEAF) != 0 {
            return Err(HeaderError::Field("flags"));
        }
        let index = u64::from_le_bytes(take(&mut rest));
        let time = Timestamp::from_micros(i64::from_le_bytes(take(&mut rest)));
        let actor = unpadded(&take::<ACTOR_MAX_BYTES>(&mut rest))
            .and_then(|text| Actor::new(text).ok())
            .ok_or(HeaderError::Field("actor"))?;
        let origin = authority(take(&mut rest), flags & HAS_SUBJECT, "subject's origin")?;
        let id = take::<16>(&mut rest);
        let subject = match origin {
            Some(origin) => {
                let id =
                    MessageId::from_bytes(&id).map_err(|_| HeaderError::Field("subject's id"))?;
                Some(StatementRef { origin, id })
            }
            None if id == [0; 16] => None,
            None => return Err(HeaderError::Field("subject's id")),
        };
        let peer = authority(take(&mut rest), flags & HAS_PEER, "peer")?;
        let leaf = take::<32>(&mut rest);
        if flags & HAS_LEAF == 0 && leaf != [0; 32] {
            return Err(HeaderError::Field("leaf"));
        }
        let leaf = (flags & HAS_LEAF != 0).then_some(LeafHash(leaf));
        let body_bytes = u32::from_le_bytes(take(&mut rest));
        let count = u32::from_le_bytes(take(&mut rest));
        if take::<8>(&mut rest) != [0; 8] {
            return Err(HeaderError::Field("padding"));
        }
        Ok(Self {
            index,
            time,
            act,
            reason,
            actor,
            subject,
            peer,
            leaf,
            body_bytes,
            count,
        })
    }
}

fn authority(
    bytes: [u8; AUTHORITY_ID_MAX_BYTES],
    flag: u16,
    field: &'static str,
) -> Result<Option<AuthorityId>, HeaderError> {
    let text = unpadded(&bytes).ok_or(HeaderError::Field(field))?;
    match (flag, text) {
        (0, "") => Ok(None),
        (0, _) => Err(HeaderError::Field(field)),
        _ => text
            .parse()
            .map(Some)
            .map_err(|_| HeaderError::Field(field)),
    }
}
fn padded<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    bytes
        .get_mut(..text.len())?
        .copy_from_slice(text.as_bytes());
    Some(bytes)
}
/// The text before the zeros; `None` when something stands behind them.
fn unpadded(bytes: &[u8]) -> Option<&str> {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    let (text, behind) = bytes.split_at(end);
    let clean = behind.iter().all(|b| *b == 0);
    clean.then(|| str::from_utf8(text).ok()).flatten()
}
/// Fills the front of what is left; the sizes of the fields add up to the header's.
fn write(rest: &mut &mut [u8], field: &[u8]) {
    if let Some(place) = rest.split_off_mut(..field.len()) {
        place.copy_from_slice(field);
    }
}
fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let field = rest.split_off(..N);
    field.and_then(|f| f.try_into().ok()).unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use proptest::{option, prelude::*, sample};

    use super::*;

    prop_compose! {
        fn authority_id()(text in "[A-Z]{2}-[A-Z0-9]{1,13}") -> AuthorityId {
            text.parse().unwrap()
        }
    }
    prop_compose! {
        fn statement()(origin in authority_id(), ms in 0..(1u64 << 48), random: [u8; 10]) -> StatementRef {
            StatementRef { origin, id: MessageId::from_parts(ms, random) }
        }
    }
    prop_compose! {
        fn header()(
            index: u64, time: i64, act in sample::select(Act::ALL),
            reason in option::of(sample::select(Reason::ALL)), actor in "[!-~]{1,24}",
            subject in option::of(statement()), peer in option::of(authority_id()),
            leaf in option::of(any::<[u8; 32]>()), body_bytes: u32, count: u32,
        ) -> EntryHeader {
            EntryHeader {
                index, time: Timestamp::from_micros(time), act, reason, actor: Actor::new(&actor).unwrap(),
                subject, peer, leaf: leaf.map(LeafHash), body_bytes, count,
            }
        }
    }
    proptest! {
        #[test]
        fn a_header_comes_back_as_it_was(header in header()) {
            prop_assert_eq!(EntryHeader::decode(&header.encode()), Ok(header));
        }
        #[test]
        fn what_decodes_encodes_to_the_same_bytes(header in header(), at in 0..HEADER_BYTES, bit in 0..8) {
            let mut bytes = header.encode();
            bytes[at] ^= 1u8 << bit;
            if let Ok(other) = EntryHeader::decode(&bytes) {
                prop_assert_eq!(other.encode(), bytes);
            }
        }
    }

    fn plain() -> [u8; HEADER_BYTES] {
        let header = EntryHeader {
            index: 1,
            time: Timestamp::from_micros(2),
            act: Act::Started,
            reason: None,
            actor: Actor::NODE,
            subject: None,
            peer: None,
            leaf: None,
            body_bytes: 0,
            count: 0,
        };
        header.encode()
    }

    #[test]
    fn what_is_not_legal_is_refused() {
        let faults: &[(usize, u8, HeaderError)] = &[
            (0, 2, HeaderError::Version(2)),
            (2, 99, HeaderError::Act(99)),
            (4, 99, HeaderError::Reason(99)),
            (6, 8, HeaderError::Field("flags")),
            (6, 1, HeaderError::Field("subject's origin")),
            (6, 2, HeaderError::Field("peer")),
            (24, 0, HeaderError::Field("actor")),
            (24, 0x80, HeaderError::Field("actor")),
            (24, b' ', HeaderError::Field("actor")),
            (48, b'X', HeaderError::Field("subject's origin")),
            (64, 1, HeaderError::Field("subject's id")),
            (80, b'X', HeaderError::Field("peer")),
            (96, 1, HeaderError::Field("leaf")),
            (143, 1, HeaderError::Field("padding")),
        ];
        assert!(EntryHeader::decode(&plain()).is_ok());
        for (at, byte, expected) in faults {
            let mut bytes = plain();
            bytes[*at] = *byte;
            assert_eq!(EntryHeader::decode(&bytes), Err(*expected), "byte {at}");
        }
    }
    #[test]
    fn actors_are_short_ascii() {
        for good in [
            "node",
            "officer-3fa9c1d2",
            "XA-POL",
            "abcdefghijklmnopqrstuvwx",
        ] {
            assert_eq!(Actor::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "Zoë", "a b", "abcdefghijklmnopqrstuvwxy", "a\0"] {
            assert_eq!(Actor::new(bad), Err(ActorError { bytes: bad.len() }));
        }
        assert_eq!(Actor::NODE.as_str(), "node");
    }
}
