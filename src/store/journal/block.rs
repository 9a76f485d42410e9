//! One decision's entries as bytes: made on the thread that appends, read back in parts.
//!
//! | bytes | field |
//! | --- | --- |
//! | 4 | bytes of the block |
//! | 4 | bytes of the front: everything before the bodies |
//! | 4 | entries |
//! | 4 | CRC32C of the front without this field |
//! | 144 each | entry headers |
//! | 12 each | signature (batch, leaf index) and receipt (batch, leaf index); batch 0xffff for none |
//! | .. | batches |
//! | 32 + body each | bodies: key number, nonce, sealed body, tag; nothing where the body is empty |
//!
//! A body is sealed with AES-256-GCM under the key of the segment that is current *while it is encoded*; the group
//! may land in the next one, so each body names its key. The additional data is the entry's header, so a body
//! never opens at another index. Nonces are 96 random bits: a segment holds fewer than 2^20 bodies, and unlike a
//! counter they stay unique when a store is copied or set back. A body must never be served that does not open,
//! or does not have the leaf hash in its header. A body that `store repair` found beyond help is zeros under the key
//! number 0xffffffff: its entry reads as one without a body.

use std::{ops::Range, sync::Arc};

use aws_lc_rs::aead::{Aad, Nonce};
use bytes::Bytes;

use super::{
    BatchRecord, Block, NewEntry, StoredEntry,
    batches::{self, KeptBatch},
    fault::{BlockError, EncodeError},
    fields::Fields,
};
use crate::{
    domain::receipt::LeafHash,
    store::{
        entry::{Act, EntryHeader, EntryIndex, HEADER_BYTES},
        keyring::{KeyNumber, SegmentKey},
    },
    trust::{
        batch::Proof,
        merkle::{self, Hash},
        pae::{self, DocumentType},
    },
};

/// Bytes before the headers.
pub(super) const PREFIX_BYTES: usize = 16;
const LINK_BYTES: usize = 12;
const NO_BATCH: u16 = u16::MAX;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const SEAL_BYTES: usize = 4 + NONCE_BYTES + TAG_BYTES;

/// Under which a body that is lost stands.
const LOST_KEY: KeyNumber = KeyNumber::MAX;

type Link = Option<(u16, u32)>;

/// A block, ready to be written.
pub(super) struct EncodedBlock {
    pub(super) ticket: u64,
    pub(super) first_index: EntryIndex,
    pub(super) bytes: Vec<u8>,
    /// Over all bytes, made here so that the commit thread only joins.
    pub(super) crc: u32,
    /// Leaves of the log, one per entry.
    pub(super) leaves: Vec<Hash>,
    pub(super) done: Box<dyn FnOnce() + Send>,
}

/// Encodes and seals.
pub(super) fn encode(block: Block, key: &SegmentKey) -> Result<EncodedBlock, EncodeError> {
    let Block {
        ticket,
        entries,
        batches,
        done,
    } = block;
    let first_index = entries
        .first()
        .map(|entry| entry.header.index)
        .ok_or(EncodeError::Empty(ticket))?;
    let bodies: usize = entries.iter().map(|e| e.body.len() + SEAL_BYTES).sum();
    let mut bytes =
        Vec::with_capacity(entries.len() * (HEADER_BYTES + LINK_BYTES + 40) + bodies + 512);
    bytes.extend_from_slice(&[0; PREFIX_BYTES]);
    let leaves = put_headers(&mut bytes, &entries, ticket)?;
    for entry in &entries {
        put_link(&mut bytes, entry.signature);
        put_link(&mut bytes, entry.receipt);
    }
    put_batches(&mut bytes, &batches);
    let front = bytes.len();
    let mut nonces = vec![0; entries.len() * NONCE_BYTES];
    aws_lc_rs::rand::fill(&mut nonces).map_err(|_| EncodeError::Sealing)?;
    let mut nonces = nonces.as_chunks::<NONCE_BYTES>().0.iter();
    for (at, entry) in entries.iter().enumerate() {
        let nonce = nonces.next().ok_or(EncodeError::Sealing)?;
        seal(&mut bytes, at, &entry.body, nonce, key)?;
    }
    let too_large = |_| EncodeError::TooLarge(ticket);
    let length = u32::try_from(bytes.len()).map_err(too_large)?;
    let front_length = u32::try_from(front).map_err(too_large)?;
    let count = u32::try_from(entries.len()).map_err(too_large)?;
    set(&mut bytes, 0, length);
    set(&mut bytes, 4, front_length);
    set(&mut bytes, 8, count);
    let crc = front_crc(bytes.get(..front).unwrap_or_default());
    set(&mut bytes, 12, crc);
    Ok(EncodedBlock {
        ticket,
        first_index,
        crc: crc32c::crc32c(&bytes),
        bytes,
        leaves,
        done,
    })
}

fn put_headers(
    bytes: &mut Vec<u8>,
    entries: &[NewEntry],
    ticket: u64,
) -> Result<Vec<Hash>, EncodeError> {
    let first = entries.first().map_or(0, |entry| entry.header.index);
    let mut leaves = Vec::with_capacity(entries.len());
    for (due, NewEntry { header, body, .. }) in (first..).zip(entries) {
        if header.index != due {
            return Err(EncodeError::Index {
                ticket,
                expected: due,
                found: header.index,
            });
        }
        if u32::try_from(body.len()) != Ok(header.body_bytes) {
            return Err(EncodeError::BodyBytes(due, header.body_bytes, body.len()));
        }
        let header = header.encode();
        leaves.push(merkle::leaf(&header));
        bytes.extend_from_slice(&header);
    }
    Ok(leaves)
}
fn put_link(bytes: &mut Vec<u8>, link: Link) {
    let (batch, leaf) = link.unwrap_or((NO_BATCH, 0));
    bytes.extend_from_slice(&batch.to_le_bytes());
    bytes.extend_from_slice(&leaf.to_le_bytes());
}
fn put_batches(bytes: &mut Vec<u8>, records: &[BatchRecord]) {
    let count = u16::try_from(records.len()).unwrap_or(NO_BATCH);
    bytes.extend_from_slice(&count.to_le_bytes());
    for record in records {
        batches::encode(bytes, record);
    }
}
fn seal(
    bytes: &mut Vec<u8>,
    at: usize,
    body: &[u8],
    nonce: &[u8; NONCE_BYTES],
    key: &SegmentKey,
) -> Result<(), EncodeError> {
    if body.is_empty() {
        return Ok(());
    }
    bytes.extend_from_slice(&key.number.to_le_bytes());
    bytes.extend_from_slice(nonce);
    let from = bytes.len();
    bytes.extend_from_slice(body);
    let (before, plain) = bytes.split_at_mut(from);
    let header = before.get(header_range(at)).ok_or(EncodeError::Sealing)?;
    let tag = key
        .cipher
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(header),
            plain,
        )
        .map_err(|_| EncodeError::Sealing)?;
    bytes.extend_from_slice(tag.as_ref());
    Ok(())
}
fn set(bytes: &mut [u8], at: usize, value: u32) {
    if let Some(place) = bytes.get_mut(at..at + 4) {
        place.copy_from_slice(&value.to_le_bytes());
    }
}
fn header_range(at: usize) -> Range<usize> {
    let from = PREFIX_BYTES + at * HEADER_BYTES;
    from..from + HEADER_BYTES
}
fn front_crc(front: &[u8]) -> u32 {
    let (prefix, rest) = front.split_at_checked(PREFIX_BYTES).unwrap_or_default();
    let crc = crc32c::crc32c(prefix.get(..12).unwrap_or_default());
    crc32c::crc32c_append(crc, rest)
}

/// The first bytes of a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prefix {
    pub(super) length: usize,
    pub(super) front: usize,
    pub(super) entries: usize,
    crc: u32,
}
impl Prefix {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, BlockError> {
        let mut fields = Fields(bytes);
        let mut read = || {
            Some(Self {
                length: fields.size()?,
                front: fields.size()?,
                entries: fields.size()?,
                crc: fields.u32()?,
            })
        };
        let prefix = read().ok_or(BlockError::Shape("prefix"))?;
        let least = prefix.entries.checked_mul(HEADER_BYTES + LINK_BYTES);
        let least = least.and_then(|bytes| bytes.checked_add(PREFIX_BYTES + 2));
        let fits = least.is_some_and(|least| least <= prefix.front);
        if prefix.entries == 0 || !fits || prefix.front > prefix.length {
            return Err(BlockError::Shape("length"));
        }
        Ok(prefix)
    }
}

/// Everything of a block but its bodies, checked.
#[derive(Debug)]
pub(super) struct Front {
    bytes: Bytes,
    pub(super) headers: Vec<EntryHeader>,
    links: Vec<(Link, Link)>,
    batches: Vec<KeptBatch>,
    bodies: Vec<Range<usize>>,
}
impl Front {
    /// Reads and checks a front: exactly the bytes before the bodies.
    pub(super) fn decode(bytes: &Bytes) -> Result<Self, BlockError> {
        let prefix = Prefix::decode(bytes)?;
        if bytes.len() != prefix.front {
            return Err(BlockError::Shape("length"));
        }
        if front_crc(bytes) != prefix.crc {
            return Err(BlockError::Shape("checksum"));
        }
        let mut headers: Vec<EntryHeader> = Vec::with_capacity(prefix.entries);
        let mut bodies = Vec::with_capacity(prefix.entries);
        let mut end = prefix.front;
        let mut fields = Fields(bytes);
        fields.bytes(PREFIX_BYTES);
        for _ in 0..prefix.entries {
            let header = fields.array().ok_or(BlockError::Shape("length"))?;
            let header = EntryHeader::decode(&header)?;
            let due = headers.last().map(|last| last.index.wrapping_add(1));
            if due.is_some_and(|due| due != header.index) {
                return Err(BlockError::Shape("numbering"));
            }
            let from = end;
            if header.body_bytes > 0 {
                end += SEAL_BYTES + header.body_bytes as usize;
            }
            bodies.push(from..end);
            headers.push(header);
        }
        if end != prefix.length {
            return Err(BlockError::Shape("length"));
        }
        let shape = || BlockError::Shape("list of signatures");
        let mut links = Vec::with_capacity(prefix.entries);
        for _ in 0..prefix.entries {
            let mut link = || Some((fields.u16()?, fields.u32()?));
            let (signature, receipt) = link().zip(link()).ok_or_else(shape)?;
            let present = |link: (u16, u32)| (link.0 != NO_BATCH).then_some(link);
            links.push((present(signature), present(receipt)));
        }
        let count = fields.u16().ok_or_else(shape)?;
        let batches: Option<Vec<_>> = (0..count)
            .map(|_| batches::decode(&mut fields, bytes))
            .collect();
        if !fields.0.is_empty() {
            return Err(shape());
        }
        Ok(Self {
            bytes: bytes.clone(),
            headers,
            links,
            batches: batches.ok_or_else(shape)?,
            bodies,
        })
    }
    /// Where in the block the sealed body of entry `at` stands.
    pub(super) fn body(&self, at: usize) -> Range<usize> {
        self.bodies.get(at).cloned().unwrap_or_default()
    }
    /// The header bytes of entry `at`.
    pub(super) fn header_bytes(&self, at: usize) -> Option<[u8; HEADER_BYTES]> {
        self.bytes.get(header_range(at))?.try_into().ok()
    }
    /// Opens the body of entry `at`, checks it, and puts proof and receipt to it.
    pub(super) fn stored(
        &self,
        at: usize,
        sealed: &[u8],
        key: impl FnOnce(KeyNumber) -> Option<SegmentKey>,
    ) -> Result<StoredEntry, BlockError> {
        let gone = || BlockError::Shape("length");
        let header = self.headers.get(at).ok_or_else(gone)?.clone();
        let header_bytes = self.header_bytes(at).ok_or_else(gone)?;
        let opened = open(sealed, &header_bytes, header.body_bytes, key)?;
        let is_lost = opened.is_none();
        let body = opened.unwrap_or_default();
        let leaf = header.leaf.filter(|_| !body.is_empty());
        if leaf.is_some_and(|leaf| leaf != body_leaf(header.act, &body)) {
            return Err(BlockError::Leaf);
        }
        let (signature, _) = self.links.get(at).copied().ok_or_else(gone)?;
        let proof = signature.map(|link| self.proof(link)).transpose()?;
        Ok(StoredEntry {
            header,
            header_bytes,
            body,
            proof,
            receipt: self.receipt(at)?,
            is_lost,
        })
    }
    /// The receipt that stands beside entry `at`, whatever became of its body.
    pub(super) fn receipt(&self, at: usize) -> Result<Option<(Bytes, Proof)>, BlockError> {
        let links = self.links.get(at).copied();
        let (_, receipt) = links.ok_or(BlockError::Shape("length"))?;
        receipt
            .map(|link| {
                let batch = self.batches.get(usize::from(link.0));
                let document = batch.and_then(|batch| batch.document(link.1));
                let document = document.ok_or(BlockError::Signature)?;
                self.proof(link).map(|proof| (document, proof))
            })
            .transpose()
    }
    fn proof(&self, (batch, leaf): (u16, u32)) -> Result<Proof, BlockError> {
        self.batches
            .get(usize::from(batch))
            .and_then(|batch| batch.proof(leaf))
            .ok_or(BlockError::Signature)
    }
}

/// Leaf hash of a body, by what its entry is about.
pub(super) fn body_leaf(act: Act, body: &[u8]) -> LeafHash {
    let document = match act {
        Act::Accepted | Act::Received | Act::Carried | Act::RefusedStatement => {
            DocumentType::Statement
        }
        Act::ReceiptStored => DocumentType::Receipt,
        _ => DocumentType::Note,
    };
    pae::leaf_hash(document, body)
}

/// `None` when the body is marked as lost.
fn open(
    sealed: &[u8],
    header: &[u8; HEADER_BYTES],
    body_bytes: u32,
    key: impl FnOnce(KeyNumber) -> Option<SegmentKey>,
) -> Result<Option<Bytes>, BlockError> {
    if body_bytes == 0 {
        return Ok(Some(Bytes::new()));
    }
    let mut fields = Fields(sealed);
    let mut front = || Some((fields.u32()?, fields.array()?));
    let (number, nonce) = front().ok_or(BlockError::Sealed)?;
    if number == LOST_KEY {
        return Ok(None);
    }
    let key = key(number).ok_or(BlockError::KeyGone(number))?;
    let mut bytes = fields.0.to_vec();
    let nonce = Nonce::assume_unique_for_key(nonce);
    let plain = key
        .cipher
        .open_in_place(nonce, Aad::from(header), &mut bytes)
        .map_err(|_| BlockError::Sealed)?
        .len();
    bytes.truncate(plain);
    if u32::try_from(plain) != Ok(body_bytes) {
        return Err(BlockError::Sealed);
    }
    Ok(Some(Bytes::from(bytes)))
}

/// Whether a sealed body is marked so.
pub(super) fn is_lost(sealed: &[u8]) -> bool {
    sealed.starts_with(&LOST_KEY.to_le_bytes())
}

/// Marks a sealed body as lost: nothing of what stood there is left.
pub(super) fn lose(sealed: &mut [u8]) {
    sealed.fill(0);
    set(sealed, 0, LOST_KEY);
}

/// Splits the blocks of a group; each with its place in the group's bytes.
pub(super) fn split(blocks: &Bytes) -> Result<Vec<(usize, Prefix, Arc<Front>)>, BlockError> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < blocks.len() {
        let rest = blocks.get(at..).unwrap_or_default();
        let prefix = Prefix::decode(rest)?;
        if prefix.length > rest.len() {
            return Err(BlockError::Shape("length"));
        }
        let front = Front::decode(&blocks.slice(at..at + prefix.front))?;
        found.push((at, prefix, Arc::new(front)));
        at += prefix.length;
    }
    Ok(found)
}
