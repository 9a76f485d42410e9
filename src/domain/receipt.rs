//! A node's signed word that it holds, or refuses, a statement.

use super::{
    id::{AuthorityId, MessageId},
    reason::Reason,
    time::Timestamp,
};

/// SHA-256 leaf hash of signed bytes (RFC 6962, 2.1, over their pre-authentication encoding).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LeafHash(pub [u8; 32]);

impl std::fmt::Display for LeafHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for LeafHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// What a receipt says of its statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The recipient's node holds it durably. Not that anybody has read it.
    Held,
    /// The recipient's node refuses it.
    Refused(Reason),
}

/// A receipt, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// For which federation it was signed.
    pub federation: String,
    /// Who gives it.
    pub recipient: AuthorityId,
    /// To whom: the statement's origin.
    pub sender: AuthorityId,
    /// Which statement.
    pub message: MessageId,
    /// Over which bytes.
    pub leaf: LeafHash,
    /// What it says.
    pub verdict: Verdict,
    /// The recipient's clock.
    pub time: Timestamp,
    /// Directory under which the statement was verified.
    pub directory_version: u64,
    /// Entry in the recipient's journal.
    pub journal_index: u64,
}
