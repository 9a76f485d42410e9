//! A decision on its way to the disk.

use std::{future::Future, sync::Arc};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{
    StoreFailed,
    entry::EntryIndex,
    event::Event,
    journal::{BatchRecord, Block, NewEntry},
    shared::Shared,
};
use crate::{
    domain::time::Timestamp,
    trust::batch::{Batch, Proof},
};

/// What was true when it was decided and is now on disk. Only this module makes it.
#[derive(Debug)]
pub struct Durable<T>(T);
impl<T> Durable<T> {
    /// The value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// A whole batch, or single proofs (leaf index, path) of one that came in part.
pub enum Signed {
    /// All leaves: paths are made when they are wanted.
    Whole(Batch),
    /// Single proofs, each with its leaf index.
    Parts(Vec<Proof>),
}
impl Signed {
    /// Documents that are kept under it.
    pub(super) fn documents(&self) -> u64 {
        match self {
            Self::Whole(batch) => batch.leaves.len() as u64,
            Self::Parts(proofs) => proofs.len() as u64,
        }
    }
}

/// A decision that is applied but not yet durable. Dropping it uncommitted stops the store: a hole in the
/// journal must never be passed over. A plan without events may be dropped.
#[must_use = "a plan that is dropped uncommitted stops the store"]
pub struct Plan<T> {
    /// What the decision answered; not to be told before it is durable.
    pub value: T,
    work: Work,
}

/// What one decision recorded.
pub(super) struct Decided {
    pub(super) events: Vec<(EntryIndex, Timestamp, Arc<Event>)>,
    /// None when it has no events.
    pub(super) ticket: Option<u64>,
    /// Tickets given until then, its own included: all must be durable before its value is told.
    pub(super) tickets: u64,
}

struct Work {
    shared: Arc<Shared>,
    decided: Decided,
    indexes: Vec<EntryIndex>,
    batches: Vec<BatchRecord>,
    signatures: Vec<Option<(u16, u32)>>,
    receipts: Vec<Option<(u16, u32)>>,
}

impl<T> Plan<T> {
    pub(super) fn new(value: T, decided: Decided, shared: Arc<Shared>) -> Self {
        let count = decided.events.len();
        let work = Work {
            shared,
            indexes: decided.events.iter().map(|(index, ..)| *index).collect(),
            decided,
            batches: Vec::new(),
            signatures: vec![None; count],
            receipts: vec![None; count],
        };
        Self { value, work }
    }

    /// Entry indexes that the decision's events were given, in order.
    #[must_use]
    pub fn indexes(&self) -> &[EntryIndex] {
        &self.work.indexes
    }

    /// Adds the signature under which statements (or stored receipts) of this plan stand:
    /// `(position of the event in this plan, leaf index in the batch)`. Other positions are passed over.
    pub fn attach_signature(&mut self, batch: Signed, links: &[(usize, u32)]) {
        let number = self.work.add_batch(batch, Vec::new());
        for (position, leaf) in links {
            if let Some(signature) = self.work.signatures.get_mut(*position) {
                *signature = Some((number, *leaf));
            }
        }
    }

    /// Adds the receipts that this plan issues, as one signed batch: link i is the event that receipt i is for.
    pub fn attach_receipts(&mut self, batch: Batch, documents: Vec<Bytes>, links: &[usize]) {
        let number = self.work.add_batch(Signed::Whole(batch), documents);
        for (leaf, position) in (0..).zip(links) {
            if let Some(receipt) = self.work.receipts.get_mut(*position) {
                *receipt = Some((number, leaf));
            }
        }
    }

    /// Adds a receipt that was issued before, with its own path, as that of the event at this position.
    pub fn attach_receipt_again(&mut self, proof: Proof, document: Bytes, position: usize) {
        let leaf = proof.index;
        let number = self
            .work
            .add_batch(Signed::Parts(vec![proof]), vec![document]);
        if let Some(receipt) = self.work.receipts.get_mut(position) {
            *receipt = Some((number, leaf));
        }
    }

    /// Encodes and hands the block to the journal at once, here; the future answers when it is durable, and
    /// may be dropped without harm.
    ///
    /// # Errors
    /// [`StoreFailed`] when the disk failed: nothing of it may be acknowledged, the node stops.
    pub fn commit(self) -> impl Future<Output = Result<Durable<T>, StoreFailed>> + Send
    where
        T: Send,
    {
        let Self { value, mut work } = self;
        let written = work.hand_over();
        let (shared, tickets) = (Arc::clone(&work.shared), work.decided.tickets);
        async move {
            match written? {
                Some(done) => tokio::select! {
                    biased;
                    done = done => done.map_err(|_| StoreFailed("the journal dropped a block".into()))?,
                    failed = shared.failure() => return Err(failed),
                },
                None => shared.durable(tickets).await?,
            }
            Ok(Durable(value))
        }
    }
}

impl Work {
    fn add_batch(&mut self, signed: Signed, documents: Vec<Bytes>) -> u16 {
        self.batches.push(BatchRecord { signed, documents });
        // A plan is one worker's turn: at most 256 statements.
        u16::try_from(self.batches.len() - 1).unwrap_or(u16::MAX)
    }

    /// `None` when there is nothing to write.
    fn hand_over(&mut self) -> Result<Option<oneshot::Receiver<()>>, StoreFailed> {
        let Some(ticket) = self.decided.ticket.take() else {
            return Ok(None);
        };
        let decided = std::mem::take(&mut self.decided.events);
        let places = self.signatures.iter().zip(&self.receipts);
        let entries: Vec<NewEntry> = decided
            .iter()
            .zip(places)
            .map(|((index, time, event), (signature, receipt))| {
                let (header, body) = event.to_entry(*index, *time);
                NewEntry {
                    header,
                    body,
                    signature: *signature,
                    receipt: *receipt,
                }
            })
            .collect();
        self.keep_statements(&decided);
        let (sender, receiver) = oneshot::channel();
        let announcer = Arc::clone(&self.shared.announcer);
        let next = decided.last().map_or(0, |(index, ..)| index + 1);
        let events = decided.into_iter().map(|(_, _, event)| event).collect();
        let block = Block {
            ticket,
            entries,
            batches: std::mem::take(&mut self.batches),
            done: Box::new(move || {
                announcer.announce(ticket, next, events);
                // Whoever decided may have gone.
                let _ = sender.send(());
            }),
        };
        self.shared.append(block)?;
        Ok(Some(receiver))
    }

    /// Own statements go out next: their bytes and batch stay in memory for that.
    fn keep_statements(&self, decided: &[(EntryIndex, Timestamp, Arc<Event>)]) {
        for ((index, _, event), signature) in decided.iter().zip(&self.signatures) {
            if let (Event::Accepted { document, .. }, Some((batch, leaf))) = (&**event, signature)
                && let Some(record) = self.batches.get(usize::from(*batch))
            {
                let statements = &self.shared.statements;
                statements.keep(*index, document, &record.signed, *leaf);
            }
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if self.decided.ticket.is_some() {
            self.shared
                .fail("a decision was dropped before it was written".into());
        }
    }
}
