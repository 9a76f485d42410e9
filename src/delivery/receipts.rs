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
    planted::{self, Bug},
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
    if !planted::is(Bug::UnkeptReceipt) {
        plan.attach_receipts(batch, documents, &links);
    }
    Some(outgoing)
}

/// Another receipt in the place of one that was given, as a planted bug has it.
#[cfg(any(test, feature = "faults"))]
pub(super) fn another(
    core: &Core,
    given: Option<(bytes::Bytes, Proof)>,
) -> Option<(bytes::Bytes, Proof)> {
    let (document, _) = given?;
    let receipt = Receipt {
        time: core.now(),
        ..wire::decode_receipt(&document).ok()?
    };
    let document = wire::encode_receipt(&receipt);
    let leaf = pae::leaf_hash(DocumentType::Receipt, &document);
    let proof = core.receipt_signer.sign(vec![leaf]).proof(0)?;
    Some((document, proof))
}

/// What stands under one header, with (place of the event, leaf index) of each document.
type Joined<T> = (T, Vec<(usize, u32)>);

/// Values by the header that they stand under, in the order in which the headers were first met: what is written
/// follows from what came, and not from a hash.
pub(super) struct ByHeader<T> {
    places: HashMap<Arc<SignedHeader>, usize>,
    pub(super) values: Vec<T>,
}

impl<T> Default for ByHeader<T> {
    fn default() -> Self {
        Self {
            places: HashMap::new(),
            values: Vec::new(),
        }
    }
}

impl<T> ByHeader<T> {
    /// The value of a header, made when it is met first.
    pub(super) fn of(&mut self, header: &Arc<SignedHeader>, new: impl FnOnce() -> T) -> &mut T {
        let values = &mut self.values;
        let place = *self.places.entry(Arc::clone(header)).or_insert_with(|| {
            values.push(new());
            values.len() - 1
        });
        &mut values[place]
    }
}

/// Joins documents that stand under the same header: what the journal keeps once.
pub(super) fn by_signature(proofs: Vec<(usize, ProofSource)>) -> Vec<(Signed, Vec<(usize, u32)>)> {
    let mut whole: ByHeader<Joined<Batch>> = ByHeader::default();
    let mut parts: ByHeader<Joined<Vec<Proof>>> = ByHeader::default();
    for (event, proof) in proofs {
        match proof {
            ProofSource::Whole(batch, index) => whole
                .of(&Arc::clone(&batch.signed), || (batch, Vec::new()))
                .1
                .push((event, index)),
            ProofSource::Path(proof) => {
                let (proofs, links) = parts.of(&proof.signed, <_>::default);
                links.push((event, proof.index));
                proofs.push(proof);
            }
        }
    }
    let whole = whole
        .values
        .into_iter()
        .map(|(batch, links)| (Signed::Whole(batch), links));
    let parts = parts
        .values
        .into_iter()
        .map(|(proofs, links)| (Signed::Parts(proofs), links));
    whole.chain(parts).collect()
}
