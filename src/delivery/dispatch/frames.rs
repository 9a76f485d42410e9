//! Packing statements into frames, and frames into batches.
//!
//! The way in is [`next_frame`] and [`batches`]. A batch that is whole and in order travels without paths. Must
//! never change the order of the queue, and never re-encode a statement.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use prost::Message as _;

use super::window::{FrameCaps, Sent};
use crate::{
    proto::envelope::v1::BatchHeader,
    trust::{
        batch::{ProofSource, SignedHeader, Unverified, UnverifiedItem},
        merkle::Hash,
    },
};

/// A statement that is ready to leave.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) sent: Sent,
    pub(super) document: Bytes,
    pub(super) proof: ProofSource,
}

impl Item {
    /// The header that it stands under.
    pub(super) fn signed(&self) -> &Arc<SignedHeader> {
        match &self.proof {
            ProofSource::Whole(batch, _) => &batch.signed,
            ProofSource::Path(proof) => &proof.signed,
        }
    }

    fn index(&self) -> u32 {
        match &self.proof {
            ProofSource::Whole(_, index) => *index,
            ProofSource::Path(proof) => proof.index,
        }
    }

    /// Made only when it must travel: it costs a hash for every leaf of the batch.
    fn path(&self) -> Vec<Hash> {
        match &self.proof {
            ProofSource::Whole(batch, index) => batch
                .proof(*index)
                .map_or_else(Vec::new, |proof| proof.path),
            ProofSource::Path(proof) => proof.path.clone(),
        }
    }
}

/// Takes the next frame from the front. A run under one signature that fits into a frame of its own is not cut by
/// the end of this one, so that it travels whole.
pub(super) fn next_frame(queue: &mut VecDeque<Item>, caps: FrameCaps) -> Vec<Item> {
    let mut frame = Vec::new();
    let mut bytes = 0;
    while let Some((count, size)) = front_run(queue) {
        let fits = |statements, more| {
            frame.len() + statements <= caps.statements && bytes + more <= caps.bytes
        };
        let fits_alone = count <= caps.statements && size <= caps.bytes;
        if fits(count, size) {
            bytes += size;
            frame.extend(queue.drain(..count));
            continue;
        }
        if !fits_alone || frame.is_empty() {
            fill(&mut frame, queue, bytes, caps);
        }
        break;
    }
    frame
}

/// Length and bytes of the items at the front that stand under one header.
fn front_run(queue: &VecDeque<Item>) -> Option<(usize, usize)> {
    let header = queue.front()?.signed();
    let run = queue
        .iter()
        .take_while(|item| same_header(item.signed(), header));
    Some(run.fold((0, 0), |(count, bytes), item| {
        (count + 1, bytes + item.document.len())
    }))
}

/// One by one up to the caps; the first of an empty frame always.
fn fill(frame: &mut Vec<Item>, queue: &mut VecDeque<Item>, mut bytes: usize, caps: FrameCaps) {
    while let Some(next) = queue.front() {
        let size = next.document.len();
        let fits = frame.len() < caps.statements && bytes + size <= caps.bytes;
        if !fits && !frame.is_empty() {
            return;
        }
        bytes += size;
        frame.extend(queue.pop_front());
    }
}

/// Consecutive items under one header, as they travel.
pub(super) fn batches(items: &[Item]) -> Vec<Unverified> {
    items
        .chunk_by(|a, b| same_header(a.signed(), b.signed()))
        .filter_map(|run| {
            let signed = run.first()?.signed().as_ref().clone();
            let whole = is_whole(&signed, run);
            let items = run
                .iter()
                .map(|item| UnverifiedItem {
                    document: item.document.clone(),
                    index: item.index(),
                    path: if whole { Vec::new() } else { item.path() },
                })
                .collect();
            Some(Unverified { signed, items })
        })
        .collect()
}

fn same_header(a: &Arc<SignedHeader>, b: &Arc<SignedHeader>) -> bool {
    Arc::ptr_eq(a, b) || a == b
}

/// Every leaf of the batch, in order.
fn is_whole(signed: &SignedHeader, run: &[Item]) -> bool {
    let size = BatchHeader::decode(signed.header.as_ref()).map(|header| header.size);
    size.is_ok_and(|size| usize::try_from(size).is_ok_and(|size| size == run.len()))
        && run
            .iter()
            .zip(0..)
            .all(|(item, index)| item.index() == index)
}

#[cfg(test)]
#[path = "frames_tests.rs"]
mod tests;
