//! Making receipts, and arranging signatures for the journal.
//!
//! The way in is [`issue`]. Must never sign a receipt whose statement's entry is not in the same plan.

use std::{collections::HashMap, sync::Arc};

use super::core::Core;
use crate::{
    domain::{
        id::{AuthorityId, StatementRef},
        receipt::{LeafHash, Receipt, Verdict},
        time::Timestamp,
    },
    store::{Plan, Signed},
    trust::{
        batch::{Batch, Proof, ProofSource, SignedHeader, Unverified, UnverifiedItem},
        pae::{self, DocumentType},
    },
    wire,
};

/// A verdict to be put under signature.
pub(super) struct ToReceipt {
    pub(super) statement: StatementRef,
    pub(super) leaf: LeafHash,
    pub(super) verdict: Verdict,
    /// Place of the statement's event in the plan.
    pub(super) event: usize,
}

/// Signs the receipts of one frame as one batch and adds them to its plan.
pub(super) fn issue<T>(
    core: &Core,
    peer: AuthorityId,
    now: Timestamp,
    plan: &mut Plan<T>,
    verdicts: &[ToReceipt],
) -> Option<Unverified> {
    let directory = core.verifier.directory();
    let mut links = Vec::with_capacity(verdicts.len());
    let mut documents = Vec::with_capacity(verdicts.len());
    for verdict in verdicts {
        let Some(journal_index) = plan.indexes().get(verdict.event).copied() else {
            continue;
        };
        links.push(verdict.event);
        documents.push(wire::encode_receipt(&Receipt {
            federation: directory.federation().to_owned(),
            recipient: core.authority,
            sender: peer,
            message: verdict.statement.id,
            leaf: verdict.leaf,
            verdict: verdict.verdict,
            time: now,
            directory_version: directory.version(),
            journal_index,
        }));
    }
    if documents.is_empty() {
        return None;
    }
    let leaves = documents
        .iter()
        .map(|document| pae::leaf_hash(DocumentType::Receipt, document))
        .collect();
    let batch = core.receipt_signer.sign(leaves);
    let outgoing = Unverified {
        signed: batch.signed.as_ref().clone(),
        items: documents
            .iter()
            .zip(0..)
            .map(|(document, index)| UnverifiedItem {
                document: document.clone(),
                index,
                path: Vec::new(),
            })
            .collect(),
    };
    plan.attach_receipts(batch, documents, &links);
    Some(outgoing)
}

/// Signatures of one kind under one header, with (place of the event, leaf index) of each document.
type Joined<T> = HashMap<Arc<SignedHeader>, (T, Vec<(usize, u32)>)>;

/// Joins documents that stand under the same header: what the journal keeps once.
pub(super) fn by_signature(proofs: Vec<(usize, ProofSource)>) -> Vec<(Signed, Vec<(usize, u32)>)> {
    let mut whole: Joined<Batch> = HashMap::new();
    let mut parts: Joined<Vec<Proof>> = HashMap::new();
    for (event, proof) in proofs {
        match proof {
            ProofSource::Whole(batch, index) => whole
                .entry(Arc::clone(&batch.signed))
                .or_insert_with(|| (batch, Vec::new()))
                .1
                .push((event, index)),
            ProofSource::Path(proof) => {
                let (proofs, links) = parts.entry(Arc::clone(&proof.signed)).or_default();
                links.push((event, proof.index));
                proofs.push(proof);
            }
        }
    }
    let whole = whole
        .into_values()
        .map(|(batch, links)| (Signed::Whole(batch), links));
    let parts = parts
        .into_values()
        .map(|(proofs, links)| (Signed::Parts(proofs), links));
    whole.chain(parts).collect()
}
