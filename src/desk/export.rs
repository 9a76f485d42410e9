//! `AuditExport`: one thread as evidence that can be checked with no access to this node.
//!
//! Holds whole signed documents, never excerpts: statements with their proofs, receipts issued and kept, every
//! directory version that a receipt names, and the thread's entry headers with proofs to a signed checkpoint.
//! That it left the node is itself an entry, made durable before the first byte goes out.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use prost::Message as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{
    service::{DeskService, Permit, store_failed},
    thread::{blocking, located, reason_for_content, records_of},
    units,
};
use crate::{
    domain::{
        id::{AuthorityId, StatementRef},
        limits::{EXPORT_CHUNK_BYTES, RESPONSE_QUEUE_MESSAGES},
        reason::Reason,
        time::Timestamp,
    },
    proto::{
        desk::v1 as pb, directory::v1::Bundle, envelope::v1 as envelope, evidence::v1 as evidence,
    },
    store::{
        ReadError, Store,
        entry::{Act, EntryHeader, EntryIndex, HEADER_BYTES, HeaderError},
        event::Event,
        journal::StoredEntry,
        record::MessageRecord,
    },
    trust::{
        batch::Proof,
        directory::Directory,
        keys::SigningKey,
        merkle::{self, Hash},
        note::{Checkpoint, log_origin},
    },
    wire::{decode_receipt, status::refusal},
};

/// Version of the file format.
const FORMAT_VERSION: u32 = 1;
/// Bytes of the version number that stands before a kept directory bundle.
const VERSION_BYTES: usize = 8;

/// Why no export can be made of what is kept.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// An entry cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A header cannot be decoded.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// A kept receipt or bundle cannot be decoded.
    #[error("entry {index} holds no legal {what}: run `allpoints store check`")]
    Body {
        /// Which entry.
        index: EntryIndex,
        /// What it should hold.
        what: &'static str,
    },
    /// A statement is kept without its signature.
    #[error("entry {0} keeps no signature: run `allpoints store check`")]
    NoSignature(EntryIndex),
    /// The tree made from the headers is not the tree of the journal.
    #[error(
        "the log of {size} entries has another root than the journal says: run `allpoints store check`"
    )]
    Root {
        /// Entries.
        size: u64,
    },
}

/// Journals the export, makes it, and sends it in chunks.
pub(super) async fn start(
    desk: &DeskService,
    permit: &Permit,
    request: &pb::AuditExportRequest,
) -> Result<ReceiverStream<Result<pb::AuditExportResponse, Status>>, Status> {
    let why = reason_for_content(permit, &request.reason)?;
    let (_, thread) = located(desk, &request.id).await?;
    units::check(desk, permit, &thread).await?;
    let records = records_of(desk, thread).await?;
    let parts = desk.parts();
    let (now, actor) = (parts.clock.now(), permit.actor);
    let plan = parts.store.decide(|ledger| {
        ledger.record(now, Event::Exported { actor, thread, why });
    });
    plan.commit().await.map_err(|error| store_failed(&error))?;

    let desk = desk.clone();
    let bytes = blocking(move || {
        let exported = build(&desk, thread, &records, now, Reader::Court);
        exported
            .map(|export| Bytes::from(export.encode_to_vec()))
            .map_err(|error| {
                tracing::error!(%error, "an export cannot be made");
                refusal(Reason::DamagedBody, error.to_string())
            })
    })
    .await?;
    let (responses, stream) = tokio::sync::mpsc::channel(RESPONSE_QUEUE_MESSAGES);
    tokio::spawn(async move {
        for chunk in chunks(bytes) {
            if responses
                .send(Ok(pb::AuditExportResponse { chunk }))
                .await
                .is_err()
            {
                return;
            }
        }
    });
    Ok(ReceiverStream::new(stream))
}

/// For whom an export is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// Whoever judges the whole thread: all that is kept of it.
    Court,
    /// A recipient that runs no node: nothing that others said or receipted, nor what the own staff did.
    Recipient(AuthorityId),
}

impl Reader {
    fn may_have(self, header: &EntryHeader) -> bool {
        match self {
            Self::Court => true,
            Self::Recipient(recipient) => {
                header.act == Act::Accepted
                    || matches!(header.act, Act::GoesByHand | Act::Bundled)
                        && header.peer == Some(recipient)
            }
        }
    }
}

/// A thread, or these records of it, as evidence.
pub(super) fn build(
    desk: &DeskService,
    thread: StatementRef,
    records: &[MessageRecord],
    exported_at: Timestamp,
    reader: Reader,
) -> Result<evidence::Export, ExportError> {
    let parts = desk.parts();
    let directory = parts.directory.load_full();
    let log = Log::read(&parts.store, |header| match header.subject {
        Some(subject) => {
            let belongs = match reader {
                Reader::Court => subject == thread,
                Reader::Recipient(_) => false,
            };
            reader.may_have(header)
                && (belongs || records.iter().any(|record| record.statement == subject))
        }
        None => header.act == Act::DirectoryAdopted,
    })?;
    let mut collected = Collected::default();
    for record in records {
        collected.statement(&parts.store, record, &log)?;
    }
    let directories = directories(&parts.store, &directory, &mut collected)?;
    let (entries, root) = log.prove(|entry| {
        entry.header.act != Act::DirectoryAdopted || collected.adopted.contains(&entry.header.index)
    });
    if root != log.root {
        return Err(ExportError::Root { size: log.size });
    }
    Ok(evidence::Export {
        version: FORMAT_VERSION,
        federation: directory.federation().to_owned(),
        exporter: parts.authority.to_string(),
        exported_at_us: exported_at.as_micros(),
        thread: Some(super::summary::reference_of(&thread)),
        statements: collected.statements,
        directories,
        checkpoint: log.checkpoint(
            log_origin(&parts.authority, parts.log_epoch),
            &parts.log_key.load(),
        ),
        entries,
        carried_to: match reader {
            Reader::Court => String::new(),
            Reader::Recipient(to) => to.to_string(),
        },
    })
}

/// What a thread's own entries hold.
#[derive(Default)]
struct Collected {
    statements: Vec<evidence::Statement>,
    /// Directory versions that receipts name.
    versions: BTreeSet<u64>,
    /// Entries that adopted them.
    adopted: BTreeSet<EntryIndex>,
}

impl Collected {
    /// One statement with the receipt issued for it, or all receipts ever kept for it.
    fn statement(
        &mut self,
        store: &Store,
        record: &MessageRecord,
        log: &Log,
    ) -> Result<(), ExportError> {
        let entry = store.entry(record.index)?;
        let mut receipts = Vec::new();
        if let Some((document, proof)) = &entry.receipt {
            receipts.push(self.receipt(record.index, document, proof)?);
        }
        for index in log.receipts_for(&record.statement) {
            let kept = store.entry(index)?;
            let proof = signature(&kept, index)?;
            receipts.push(self.receipt(index, &kept.body, proof)?);
        }
        self.statements.push(evidence::Statement {
            batch: Some(signed(&entry.body, signature(&entry, record.index)?)),
            receipts,
        });
        Ok(())
    }

    fn receipt(
        &mut self,
        index: EntryIndex,
        document: &Bytes,
        proof: &Proof,
    ) -> Result<envelope::SignedBatch, ExportError> {
        let receipt = decode_receipt(document).map_err(|_| ExportError::Body {
            index,
            what: "receipt",
        })?;
        self.versions.insert(receipt.directory_version);
        Ok(signed(document, proof))
    }
}

fn signature(entry: &StoredEntry, index: EntryIndex) -> Result<&Proof, ExportError> {
    entry.proof.as_ref().ok_or(ExportError::NoSignature(index))
}

/// One document with its own path: it proves itself alone.
fn signed(document: &Bytes, proof: &Proof) -> envelope::SignedBatch {
    envelope::SignedBatch {
        header: proof.signed.header.clone(),
        signature: proof.signed.signature.clone(),
        items: vec![envelope::SignedItem {
            document: document.clone(),
            index: proof.index,
            path: proof
                .path
                .iter()
                .map(|hash| Bytes::copy_from_slice(hash))
                .collect(),
        }],
    }
}

/// Every version that a receipt names and this node adopted, and the present one, ascending.
fn directories(
    store: &Store,
    present: &Directory,
    collected: &mut Collected,
) -> Result<Vec<evidence::DirectoryVersion>, ExportError> {
    let mut bundles = BTreeMap::from([(present.version(), present.bundle().clone())]);
    collected.versions.insert(present.version());
    for version in &collected.versions {
        if let Some(index) = adopted_in(store, *version) {
            let entry = store.entry(index)?;
            collected.adopted.insert(index);
            bundles.insert(*version, bundle(index, &entry.body)?);
        }
    }
    Ok(bundles
        .into_iter()
        .map(|(version, bundle)| evidence::DirectoryVersion {
            version,
            bundle: Some(bundle),
        })
        .collect())
}

/// Asked from a thread that may wait: the entry is durable, or it is not told.
fn adopted_in(store: &Store, version: u64) -> Option<EntryIndex> {
    let reading = store.read(|ledger| ledger.directory_entry(version));
    tokio::runtime::Handle::current()
        .block_on(reading)
        .ok()
        .flatten()
}

/// The bundle of a `DirectoryAdopted` entry: its version, then the exact bytes.
fn bundle(index: EntryIndex, body: &Bytes) -> Result<Bundle, ExportError> {
    let unreadable = || ExportError::Body {
        index,
        what: "directory bundle",
    };
    let bytes = body.get(VERSION_BYTES..).ok_or_else(unreadable)?;
    Bundle::decode(bytes).map_err(|_| unreadable())
}

/// The whole log as a tree, and the entries that may go into the export.
struct Log {
    size: u64,
    root: Hash,
    leaves: Vec<Hash>,
    entries: Vec<Kept>,
}

/// One of them.
struct Kept {
    place: usize,
    header: EntryHeader,
    bytes: [u8; HEADER_BYTES],
}

impl Log {
    /// Reads every header up to the present end; takes those that `belongs` names.
    fn read(store: &Store, belongs: impl Fn(&EntryHeader) -> bool) -> Result<Self, ExportError> {
        let (size, root) = store.log_head();
        let mut log = Self {
            size,
            root,
            leaves: Vec::new(),
            entries: Vec::new(),
        };
        for header in store.headers(0) {
            let (index, bytes) = header?;
            if index >= size {
                break;
            }
            let header = EntryHeader::decode(&bytes)?;
            if belongs(&header) {
                log.entries.push(Kept {
                    place: log.leaves.len(),
                    header,
                    bytes,
                });
            }
            log.leaves.push(merkle::leaf(&bytes));
        }
        Ok(log)
    }

    /// Entries that keep a receipt for a statement, a refusal that was lifted later too.
    fn receipts_for(&self, statement: &StatementRef) -> impl Iterator<Item = EntryIndex> {
        let headers = self.entries.iter().map(|entry| &entry.header);
        headers
            .filter(|it| it.act == Act::ReceiptStored && it.subject.as_ref() == Some(statement))
            .map(|header| header.index)
    }

    /// The entries that are wanted, with their paths, and the root that they lead to.
    fn prove(&self, wanted: impl Fn(&Kept) -> bool) -> (Vec<evidence::LogEntry>, Hash) {
        let wanted: Vec<&Kept> = self.entries.iter().filter(|it| wanted(it)).collect();
        let places: Vec<usize> = wanted.iter().map(|entry| entry.place).collect();
        let mut paths = vec![Vec::new(); places.len()];
        let root = prove(&self.leaves, 0, &places, &mut paths);
        let entries = wanted
            .into_iter()
            .zip(paths)
            .map(|(entry, path)| evidence::LogEntry {
                index: entry.header.index,
                header: entry.bytes.to_vec(),
                path: path.iter().map(|hash| hash.to_vec()).collect(),
            })
            .collect();
        (entries, root)
    }

    fn checkpoint(&self, origin: String, key: &SigningKey) -> String {
        let checkpoint = Checkpoint {
            origin,
            size: self.size,
            root: self.root,
        };
        checkpoint.sign(key)
    }
}

/// Root over the leaves (RFC 6962, 2.1), adding to each wanted leaf's path what stands beside it on the way up.
/// All paths in one pass; `wanted` is ascending and counts from `offset`.
fn prove(leaves: &[Hash], offset: usize, wanted: &[usize], paths: &mut [Vec<Hash>]) -> Hash {
    if wanted.is_empty() || leaves.len() <= 1 {
        return merkle::root(leaves);
    }
    let split = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(split);
    let divide = wanted.partition_point(|place| *place < offset + split);
    let (left_wanted, right_wanted) = wanted.split_at(divide);
    let (left_paths, right_paths) = paths.split_at_mut(divide);
    let left_root = prove(left, offset, left_wanted, left_paths);
    let right_root = prove(right, offset + split, right_wanted, right_paths);
    for path in left_paths {
        path.push(right_root);
    }
    for path in right_paths {
        path.push(left_root);
    }
    merkle::node(&left_root, &right_root)
}

pub(super) fn chunks(mut bytes: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        (!bytes.is_empty()).then(|| bytes.split_to(bytes.len().min(EXPORT_CHUNK_BYTES)))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_path_of_one_pass_is_the_path_of_the_tree(
            size in 1usize..70,
            wanted in proptest::collection::btree_set(0usize..70, 0..20),
        ) {
            let leaves = (0..size).map(|n| merkle::leaf(&n.to_be_bytes())).collect::<Vec<_>>();
            let wanted = wanted.into_iter().filter(|place| *place < size).collect::<Vec<_>>();
            let mut paths = vec![Vec::new(); wanted.len()];
            let root = prove(&leaves, 0, &wanted, &mut paths);
            prop_assert_eq!(root, merkle::root(&leaves));
            for (place, path) in wanted.into_iter().zip(paths) {
                prop_assert_eq!(Some(path), merkle::path(&leaves, place));
            }
        }

        #[test]
        fn chunks_join_to_what_was_cut(size in 0..3 * EXPORT_CHUNK_BYTES) {
            let whole = Bytes::from(vec![3; size]);
            let parts = chunks(whole.clone()).collect::<Vec<_>>();
            prop_assert!(parts.iter().all(|part| !part.is_empty() && part.len() <= EXPORT_CHUNK_BYTES));
            prop_assert_eq!(parts.concat(), whole);
        }
    }
}
