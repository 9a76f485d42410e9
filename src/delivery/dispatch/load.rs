//! Reading queued statements back from the journal, ready to leave.
//!
//! The way in is [`load`], on a worker. Must never send what is not durable: it reads only what is.

use std::{collections::VecDeque, sync::Arc};

use prost::Message as _;

use super::{frames::Item, window::Sent};
use crate::{
    delivery::core::Core,
    domain::limits::BATCH_MAX_LEAVES,
    proto::envelope::v1::BatchHeader,
    store::{KeptStatement, record::MessageRecord},
    trust::batch::{ProofSource, SignedHeader},
};

/// What could be read, and which statements are damaged.
pub(super) struct Loaded {
    pub(super) items: VecDeque<Item>,
    pub(super) damaged: Vec<MessageRecord>,
}

/// The same when all of it is in memory and nothing is to be signed again: cheap enough for the lane itself.
pub(super) fn from_memory(core: &Core, records: &[MessageRecord]) -> Option<Loaded> {
    let present = core.statement_signer.key_id().0;
    let mut items: VecDeque<Item> = VecDeque::with_capacity(records.len());
    for record in records {
        let item = item(record, core.store.statement_in_memory(record.index)?);
        let same_header = items
            .back()
            .is_some_and(|last| Arc::ptr_eq(last.signed(), item.signed()));
        if !same_header && !is_under(item.signed(), &present) {
            return None;
        }
        items.push_back(item);
    }
    Some(Loaded {
        items,
        damaged: Vec::new(),
    })
}

fn item(record: &MessageRecord, kept: KeptStatement) -> Item {
    Item {
        sent: Sent {
            ordinal: record.ordinal,
            statement: record.statement,
            leaf: record.leaf,
        },
        document: kept.document,
        proof: kept.proof,
    }
}

/// Reads bodies and proofs; what stands under a key that is no longer ours is signed again, same leaf.
pub(super) fn load(core: &Arc<Core>, records: Vec<MessageRecord>) -> Loaded {
    let mut loaded = Loaded {
        items: VecDeque::with_capacity(records.len()),
        damaged: Vec::new(),
    };
    for record in records {
        match core.store.statement(record.ordinal) {
            Ok(kept) => loaded.items.push_back(item(&record, kept)),
            Err(error) => {
                tracing::error!(%error, "a queued statement cannot be read");
                loaded.damaged.push(record);
            }
        }
    }
    sign_again(core, &mut loaded.items);
    loaded
}

/// One new batch over all items whose key has changed since they were accepted.
fn sign_again(core: &Core, items: &mut VecDeque<Item>) {
    let present = core.statement_signer.key_id().0;
    let mut outdated: Vec<&mut Item> = items
        .iter_mut()
        .filter(|item| !is_under(item.signed(), &present))
        .collect();
    for part in outdated.chunks_mut(BATCH_MAX_LEAVES) {
        let batch = core
            .statement_signer
            .sign(part.iter().map(|item| item.sent.leaf).collect());
        for (item, index) in part.iter_mut().zip(0..) {
            item.proof = ProofSource::Whole(batch.clone(), index);
        }
    }
}

/// True when the header names this key.
fn is_under(signed: &SignedHeader, key: &[u8]) -> bool {
    BatchHeader::decode(signed.header.as_ref()).is_ok_and(|header| header.key_id == key)
}
