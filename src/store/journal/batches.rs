//! Signed batches as a block keeps them: the header and all leaves once, or the paths of what came in part.
//!
//! Stands unsealed, and must never hold anything but hashes, signatures and receipts.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::{BatchRecord, fields::Fields};
use crate::{
    domain::receipt::LeafHash,
    store::Signed,
    trust::{
        batch::{Batch, Proof, SignedHeader},
        merkle::{self, Hash},
    },
};

const WHOLE: u8 = 0;
const PARTS: u8 = 1;

/// A batch, read back.
#[derive(Debug)]
pub(super) struct KeptBatch {
    signed: Kept,
    documents: Vec<Bytes>,
}
#[derive(Debug)]
enum Kept {
    Whole(Batch, Levels),
    Parts(Vec<Proof>),
}

/// All nodes of a batch's tree, made when the first proof is asked for: reading a block of n entries then costs n
/// hashes, not n times n. Level by level, an odd last node goes up as it is (the shape of RFC 6962, 2.1).
#[derive(Debug, Default)]
struct Levels(OnceLock<Vec<Vec<Hash>>>);
impl Levels {
    fn path(&self, batch: &Batch, leaf: u32) -> Option<Vec<Hash>> {
        let mut at = usize::try_from(leaf).ok()?;
        batch.leaves.get(at)?;
        let mut path = Vec::new();
        for level in self.0.get_or_init(|| levels(batch)) {
            path.extend(level.get(at ^ 1));
            at /= 2;
        }
        Some(path)
    }
}
fn levels(batch: &Batch) -> Vec<Vec<Hash>> {
    let mut levels = Vec::new();
    let mut level: Vec<Hash> = batch.leaves.iter().map(|leaf| leaf.0).collect();
    while level.len() > 1 {
        let above = level.chunks(2).map(|pair| match pair {
            [left, right] => merkle::node(left, right),
            odd => odd.first().copied().unwrap_or_default(),
        });
        let above = above.collect();
        levels.push(std::mem::replace(&mut level, above));
    }
    levels
}

impl KeptBatch {
    /// The proof of one leaf.
    pub(super) fn proof(&self, leaf: u32) -> Option<Proof> {
        match &self.signed {
            Kept::Whole(batch, levels) => Some(Proof {
                signed: batch.signed.clone(),
                index: leaf,
                path: levels.path(batch, leaf)?,
            }),
            Kept::Parts(proofs) => proofs.iter().find(|proof| proof.index == leaf).cloned(),
        }
    }
    /// The receipt of one leaf.
    pub(super) fn document(&self, leaf: u32) -> Option<Bytes> {
        let place = match &self.signed {
            Kept::Whole(..) => usize::try_from(leaf).ok()?,
            Kept::Parts(proofs) => proofs.iter().position(|proof| proof.index == leaf)?,
        };
        self.documents.get(place).cloned()
    }
}

/// Appends a record.
pub(super) fn encode(bytes: &mut Vec<u8>, record: &BatchRecord) {
    match &record.signed {
        Signed::Whole(batch) => {
            bytes.push(WHOLE);
            put_signed(bytes, &batch.signed);
            put_size(bytes, batch.leaves.len());
            for leaf in &*batch.leaves {
                bytes.extend_from_slice(&leaf.0);
            }
        }
        Signed::Parts(proofs) => {
            bytes.push(PARTS);
            put_size(bytes, proofs.len());
            let mut last: Option<&Arc<SignedHeader>> = None;
            for proof in proofs {
                // Most parts are of one batch: its header stands once.
                let same = last.is_some_and(|last| *last == proof.signed);
                bytes.push(u8::from(same));
                if !same {
                    put_signed(bytes, &proof.signed);
                }
                last = Some(&proof.signed);
                bytes.extend_from_slice(&proof.index.to_le_bytes());
                put_size(bytes, proof.path.len());
                for hash in &proof.path {
                    bytes.extend_from_slice(hash);
                }
            }
        }
    }
    put_size(bytes, record.documents.len());
    for document in &record.documents {
        put_size(bytes, document.len());
        bytes.extend_from_slice(document);
    }
}

/// Reads a record off the front; documents share the memory of `all`.
pub(super) fn decode(fields: &mut Fields<'_>, all: &Bytes) -> Option<KeptBatch> {
    let signed = match fields.u8()? {
        WHOLE => {
            let signed = signed(fields)?;
            let count = fields.size()?;
            let leaves = fields.bytes(count.checked_mul(32)?)?;
            let leaves = leaves.as_chunks::<32>().0.iter().copied().map(LeafHash);
            let leaves = leaves.collect();
            Kept::Whole(Batch { signed, leaves }, Levels::default())
        }
        PARTS => Kept::Parts(parts(fields)?),
        _ => return None,
    };
    let count = fields.size()?;
    let documents: Option<Vec<_>> = (0..count)
        .map(|_| {
            let length = fields.size()?;
            fields.bytes(length).map(|bytes| all.slice_ref(bytes))
        })
        .collect();
    Some(KeptBatch {
        signed,
        documents: documents?,
    })
}

fn parts(fields: &mut Fields<'_>) -> Option<Vec<Proof>> {
    let count = fields.size()?;
    let mut proofs: Vec<Proof> = Vec::new();
    for _ in 0..count {
        let signed = match fields.u8()? {
            0 => signed(fields)?,
            1 => proofs.last()?.signed.clone(),
            _ => return None,
        };
        let index = fields.u32()?;
        let length = fields.size()?;
        let path = fields.bytes(length.checked_mul(32)?)?;
        let path = path.as_chunks::<32>().0.to_vec();
        proofs.push(Proof {
            signed,
            index,
            path,
        });
    }
    Some(proofs)
}
fn signed(fields: &mut Fields<'_>) -> Option<Arc<SignedHeader>> {
    let mut part = || {
        let length = fields.size()?;
        fields.bytes(length).map(Bytes::copy_from_slice)
    };
    let header = part()?;
    let signature = part()?;
    Some(Arc::new(SignedHeader { header, signature }))
}
fn put_signed(bytes: &mut Vec<u8>, signed: &SignedHeader) {
    for part in [&signed.header, &signed.signature] {
        put_size(bytes, part.len());
        bytes.extend_from_slice(part);
    }
}
/// Lengths come from memory and are far below 4 GiB: a block has its own cap.
fn put_size(bytes: &mut Vec<u8>, size: usize) {
    let size = u32::try_from(size).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&size.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(count: u8) -> Batch {
        let signed = SignedHeader {
            header: Bytes::from_static(b"header"),
            signature: Bytes::from_static(&[7; 64]),
        };
        Batch {
            signed: Arc::new(signed),
            leaves: (0..count).map(|at| LeafHash([at; 32])).collect(),
        }
    }
    fn kept(signed: Signed) -> KeptBatch {
        let documents = vec![Bytes::from_static(b"a receipt")];
        let mut bytes = Vec::new();
        encode(&mut bytes, &BatchRecord { signed, documents });
        let all = Bytes::from(bytes);
        let mut fields = Fields(&all);
        let kept = decode(&mut fields, &all).unwrap();
        assert!(fields.0.is_empty());
        for short in 0..all.len() {
            let part = all.slice(..short);
            assert!(decode(&mut Fields(&part), &part).is_none(), "{short} bytes");
        }
        kept
    }

    #[test]
    fn proofs_of_whole_batches_are_those_of_the_batch() {
        for count in 1..40 {
            let (batch, kept) = (batch(count), kept(Signed::Whole(batch(count))));
            for leaf in 0..=u32::from(count) {
                assert_eq!(kept.proof(leaf), batch.proof(leaf), "{leaf} of {count}");
            }
        }
    }
    #[test]
    fn parts_keep_their_paths_and_documents() {
        let proofs: Vec<_> = [1, 4, 6].map(|at| batch(9).proof(at).unwrap()).into();
        let kept = kept(Signed::Parts(proofs));
        assert_eq!(kept.proof(4), batch(9).proof(4));
        assert_eq!(kept.proof(5), None);
        assert_eq!(kept.document(1), Some(Bytes::from_static(b"a receipt")));
        assert_eq!(kept.document(0), None);
    }
}
