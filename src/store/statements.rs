//! Own statements of late, with their batches, so that dispatchers need not read the journal. Bounded by bytes.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;

use super::{Signed, entry::EntryIndex, journal::StoredEntry};
use crate::{domain::limits::STATEMENT_CACHED_OVERHEAD_BYTES, trust::batch::ProofSource};

/// A held statement as it travels.
#[derive(Debug, Clone)]
pub struct KeptStatement {
    /// The exact signed bytes.
    pub document: Bytes,
    /// What proves their signature: the whole batch when it is known.
    pub proof: ProofSource,
}

impl KeptStatement {
    fn cost_bytes(&self) -> usize {
        self.document.len() + STATEMENT_CACHED_OVERHEAD_BYTES
    }

    pub(super) fn from_entry(entry: StoredEntry) -> Option<Self> {
        Some(Self {
            document: entry.body,
            proof: ProofSource::Path(entry.proof?),
        })
    }
}

pub(super) struct Statements {
    max_bytes: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    bytes: usize,
    by_index: HashMap<EntryIndex, KeptStatement>,
    oldest: VecDeque<EntryIndex>,
}

impl Statements {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            kept: Mutex::default(),
        }
    }

    pub(super) fn keep(&self, index: EntryIndex, document: &Bytes, signed: &Signed, leaf: u32) {
        let proof = match signed {
            Signed::Whole(batch) => ProofSource::Whole(batch.clone(), leaf),
            Signed::Parts(proofs) => match proofs.iter().find(|proof| proof.index == leaf) {
                Some(proof) => ProofSource::Path(proof.clone()),
                None => return,
            },
        };
        let statement = KeptStatement {
            document: document.clone(),
            proof,
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bytes += statement.cost_bytes();
        match kept.by_index.insert(index, statement) {
            None => kept.oldest.push_back(index),
            Some(gone) => kept.bytes -= gone.cost_bytes(),
        }
        while kept.bytes > self.max_bytes
            && let Some(oldest) = kept.oldest.pop_front()
        {
            if let Some(gone) = kept.by_index.remove(&oldest) {
                kept.bytes -= gone.cost_bytes();
            }
        }
    }

    pub(super) fn kept(&self, index: EntryIndex) -> Option<KeptStatement> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.by_index.get(&index).cloned()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        domain::receipt::LeafHash,
        trust::batch::{Batch, SignedHeader},
    };

    #[test]
    fn the_oldest_leave_when_there_are_too_many_bytes() {
        let statements = Statements::new(2 * (100 + STATEMENT_CACHED_OVERHEAD_BYTES) + 50);
        let signed = Signed::Whole(Batch {
            signed: Arc::new(SignedHeader {
                header: Bytes::new(),
                signature: Bytes::new(),
            }),
            leaves: [LeafHash([0; 32])].into(),
        });
        let document = Bytes::from(vec![0; 100]);
        for index in 0..3 {
            statements.keep(index, &document, &signed, 0);
        }
        assert!(statements.kept(0).is_none());
        assert!(statements.kept(1).is_some());
        assert!(statements.kept(2).is_some());
    }
}
