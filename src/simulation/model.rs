//! What was said during a run, and must stay true: acknowledgements, receipts, log heads.
//!
//! The way in: everything that a node says is told here, and compared at once with what was said before. What can be
//! compared only with what is on disk is left to `audit`. The first violation stands.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;

use crate::{
    delivery::{Accepted, StatementOutcome},
    domain::{
        id::{AuthorityId, MessageId, StatementRef},
        reason::{Class, Reason},
        receipt::{LeafHash, Verdict},
        time::Timestamp,
    },
    trust::{batch::Unverified, merkle::Hash},
    wire,
};

/// A statement that its officer was told is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Acknowledged {
    pub(super) recipients: Vec<AuthorityId>,
    pub(super) accepted_at: Timestamp,
}

/// A receipt by giver, sender, message and leaf.
pub(super) type ReceiptKey = (AuthorityId, AuthorityId, MessageId, LeafHash);

/// All that was said.
#[derive(Default)]
pub(super) struct Model {
    state: Mutex<Said>,
}

#[derive(Default)]
pub(super) struct Said {
    pub(super) violation: Option<String>,
    pub(super) acknowledged: BTreeMap<StatementRef, Acknowledged>,
    /// Ids that officers handed in, whatever became of them.
    attempted: BTreeSet<StatementRef>,
    /// Ids of which officers were told that they are refused, for good.
    refused: BTreeMap<StatementRef, Reason>,
    /// Exact bytes of each receipt, as it was given first.
    pub(super) receipts: BTreeMap<ReceiptKey, Bytes>,
    /// Log heads that a node showed as durable, by size.
    pub(super) heads: BTreeMap<AuthorityId, BTreeMap<u64, Hash>>,
    pub(super) repeats: u64,
    /// The statement of which one node's copy rotted: it may take effect there a second time, and later.
    pub(super) rotten: Option<(AuthorityId, StatementRef)>,
}

impl Model {
    /// An officer hands this in.
    pub(super) fn attempted(&self, statement: StatementRef) {
        self.said().attempted.insert(statement);
    }

    /// An officer was told that it is refused.
    pub(super) fn refused(&self, statement: StatementRef, reason: Reason) {
        self.said().refused.insert(statement, reason);
    }

    /// An officer was told that it is accepted.
    pub(super) fn acknowledged(&self, accepted: &Accepted) {
        let told = Acknowledged {
            recipients: accepted.recipients.iter().map(|to| to.authority).collect(),
            accepted_at: accepted.accepted_at,
        };
        let mut said = self.said();
        let statement = accepted.statement;
        match said.acknowledged.get(&statement) {
            None => {
                said.acknowledged.insert(statement, told);
            }
            Some(first) if *first == told && accepted.repeated => said.repeats += 1,
            // It was accepted anew when it came back.
            Some(first)
                if first.recipients == told.recipients
                    && said.has_rotted(statement.origin, statement) => {}
            Some(first) => {
                let what = format!("{statement} was told as {first:?} and again as {told:?}");
                said.violate(what);
            }
        }
    }

    /// A node answered a frame.
    pub(super) fn answered(
        &self,
        recipient: AuthorityId,
        sender: AuthorityId,
        results: &[StatementOutcome],
        receipts: &[Unverified],
    ) {
        let mut said = self.said();
        let mut receipted = BTreeSet::new();
        let documents = receipts.iter().flat_map(|batch| &batch.items);
        for document in documents.map(|item| &item.document) {
            let Ok(receipt) = wire::decode_receipt(document) else {
                said.violate(format!("{recipient} gave a receipt that cannot be read"));
                continue;
            };
            receipted.insert(receipt.leaf);
            if let Verdict::Refused(reason) = receipt.verdict
                && reason.class() == Class::Hold
            {
                continue;
            }
            let key = (recipient, sender, receipt.message, receipt.leaf);
            let first = said.receipts.entry(key).or_insert_with(|| document.clone());
            if first != document {
                said.violate(format!(
                    "{recipient} gave two receipts for {sender}/{}",
                    receipt.message
                ));
            }
        }
        for result in results.iter().filter(|result| result.refused.is_none()) {
            if !receipted.contains(&result.leaf) {
                said.violate(format!(
                    "{recipient} says that it holds a statement of {sender} and gives no receipt"
                ));
            }
        }
    }

    /// A node shows this log head, over what is durable.
    pub(super) fn head(&self, node: AuthorityId, (size, root): (u64, Hash)) {
        let mut said = self.said();
        let heads = said.heads.entry(node).or_default();
        let first = *heads.entry(size).or_insert(root);
        if first != root {
            said.violate(format!("{node} shows two logs of {size} entries"));
        }
    }

    /// Something that must not be.
    pub(super) fn violate(&self, what: String) {
        self.said().violate(what);
    }

    /// The first thing that must not be, if there is one.
    pub(super) fn violation(&self) -> Option<String> {
        self.said().violation.clone()
    }

    pub(super) fn said(&self) -> MutexGuard<'_, Said> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Said {
    /// Why no node may have sent this for an officer.
    pub(super) fn disowned(&self, statement: &StatementRef) -> Option<String> {
        match self.refused.get(statement) {
            Some(reason) => Some(format!("which was refused as {reason}")),
            None if !self.attempted.contains(statement) => Some("which nobody handed in".into()),
            None => None,
        }
    }

    /// True when something rotted at this node.
    pub(super) fn is_rotten(&self, node: AuthorityId) -> bool {
        self.rotten.is_some_and(|(at, _)| at == node)
    }

    /// True when this node's copy of the statement rotted.
    pub(super) fn has_rotted(&self, node: AuthorityId, statement: StatementRef) -> bool {
        self.rotten == Some((node, statement))
    }

    fn violate(&mut self, what: String) {
        self.violation.get_or_insert(what);
    }
}
