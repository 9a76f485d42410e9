//! Verifying batches under a directory.
//!
//! The way in: [`Verifier`]. The signature of a header is checked once and remembered; whose it must
//! be, what for, and whether its key is good *now* are checked every time. Never lets one document's
//! fault decide about another that stands on a path of its own.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use prost::Message as _;

use super::{Batch, Proof, ProofSource, Purpose, SignedHeader, Unverified, Verified, root_of};
#[cfg(any(test, feature = "faults"))]
use crate::planted::{self, Bug};
use crate::{
    domain::{
        id::AuthorityId,
        limits::{
            BATCH_HEADER_MAX_BYTES, BATCH_MAX_LEAVES, KEY_RETIREMENT_GRACE, VERIFIED_HEADERS_MAX,
        },
        reason::Reason,
        receipt::LeafHash,
        time::Timestamp,
    },
    proto::envelope::v1 as pb,
    trust::{
        directory::{Directory, MemberKey, Standing},
        keys::{self, KeyId},
        merkle::{self, Hash},
        pae::{self, DocumentType},
    },
};

/// Verifies batches under a directory; remembers verified headers, bounded, emptied when the directory changes.
#[derive(Debug)]
pub struct Verifier {
    // Directory and memory are swapped as one: a check that is under way ends with those it began with.
    state: ArcSwap<State>,
}

impl Verifier {
    /// A verifier that remembers nothing yet.
    #[must_use]
    pub fn new(directory: Arc<Directory>) -> Self {
        Self {
            state: ArcSwap::from_pointee(State::new(directory)),
        }
    }

    /// The directory in force.
    #[must_use]
    pub fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.state.load().directory)
    }

    /// Takes another directory and forgets all headers.
    pub fn replace_directory(&self, directory: Arc<Directory>) {
        self.state.store(Arc::new(State::new(directory)));
    }

    /// Verifies every item for itself: one result per item, in order.
    ///
    /// `now` decides on key validity: active, or retired less than 24 h ago; revoked never.
    /// `signer` is whom the documents must be from (the TLS peer, or the receipt's giver).
    /// Under a directory that is closed, or for a suspended signer, nothing verifies.
    pub fn verify(
        &self,
        purpose: Purpose,
        signer: &AuthorityId,
        batch: &Unverified,
        now: Timestamp,
    ) -> Vec<Result<Verified, Reason>> {
        self.judge(purpose, signer, batch, Moment::Arrival(now))
    }

    /// For evidence: was it valid at `at` under this directory (no grace for what is revoked later).
    ///
    /// A key that was revoked after `at` counts only for its own validity, without the 24 h after it.
    pub fn verify_at(
        &self,
        purpose: Purpose,
        signer: &AuthorityId,
        batch: &Unverified,
        at: Timestamp,
    ) -> Vec<Result<Verified, Reason>> {
        self.judge(purpose, signer, batch, Moment::Evidence(at))
    }

    /// How many headers are remembered.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        let state = self.state.load();
        let remembered = state
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        assert_eq!(remembered.headers.len(), remembered.order.len());
        remembered.headers.len()
    }

    fn judge(
        &self,
        purpose: Purpose,
        signer: &AuthorityId,
        batch: &Unverified,
        moment: Moment,
    ) -> Vec<Result<Verified, Reason>> {
        if batch.items.is_empty() {
            return Vec::new();
        }
        #[cfg(any(test, feature = "faults"))]
        if purpose == Purpose::Receipt && planted::is(Bug::BelieveReceipt) {
            return believe(signer, batch);
        }
        let state = self.state.load();
        let header = match state.header(purpose, signer, &batch.signed, moment) {
            Ok(header) if batch.items.len() <= BATCH_MAX_LEAVES => header,
            Ok(_) => return refuse_all(batch, Reason::BadBatch),
            Err(reason) => return refuse_all(batch, reason),
        };
        if is_whole(batch, header.size) {
            verify_whole(purpose, &header, batch)
        } else {
            verify_paths(purpose, &header, batch)
        }
    }
}

/// What a verifier with a planted bug gives: everything, as if it had been verified.
#[cfg(any(test, feature = "faults"))]
fn believe(signer: &AuthorityId, batch: &Unverified) -> Vec<Result<Verified, Reason>> {
    let signed = Arc::new(batch.signed.clone());
    let verified = batch.items.iter().map(|item| {
        Ok(Verified {
            document: item.document.clone(),
            leaf: pae::leaf_hash(DocumentType::Receipt, &item.document),
            signer: *signer,
            key: KeyId([0; 8]),
            proof: ProofSource::Path(Proof {
                signed: Arc::clone(&signed),
                index: item.index,
                path: item.path.clone(),
            }),
        })
    });
    verified.collect()
}

/// When, and with which rules for keys.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// It arrives now.
    Arrival(Timestamp),
    /// It was verified then.
    Evidence(Timestamp),
}

#[derive(Debug)]
struct State {
    directory: Arc<Directory>,
    remembered: Mutex<Remembered>,
}

/// Headers whose signature was verified under one directory; the oldest go first.
#[derive(Debug, Default)]
struct Remembered {
    headers: HashMap<Arc<SignedHeader>, Arc<Header>>,
    order: VecDeque<Arc<SignedHeader>>,
}

/// A header whose federation, form and signature were checked.
#[derive(Debug)]
struct Header {
    signed: Arc<SignedHeader>,
    authority: AuthorityId,
    purpose: Purpose,
    key: KeyId,
    size: u32,
    root: Hash,
}

impl State {
    fn new(directory: Arc<Directory>) -> Self {
        Self {
            directory,
            remembered: Mutex::default(),
        }
    }

    /// The header, fit for this purpose, signer and moment.
    fn header(
        &self,
        purpose: Purpose,
        signer: &AuthorityId,
        signed: &SignedHeader,
        moment: Moment,
    ) -> Result<Arc<Header>, Reason> {
        if let Moment::Arrival(now) = moment
            && self.directory.standing(now) == Standing::Closed
        {
            return Err(Reason::DirectoryClosed);
        }
        let remembered = self.recall(signed);
        let (header, is_new) = match remembered {
            Some(header) => (header, false),
            None => (Arc::new(self.parse(signed)?), true),
        };
        if header.authority != *signer {
            return Err(Reason::NoRelay);
        }
        if header.purpose != purpose {
            return Err(Reason::BadBatch);
        }
        let key = self.key(&header, moment)?;
        if is_new {
            let message = pae::encode(DocumentType::Batch, &signed.header);
            if !keys::verify(&key.public, &message, &signed.signature) {
                return Err(Reason::BadSignature);
            }
            self.remember(&header);
        }
        check_time(key, moment)?;
        Ok(header)
    }

    /// Reads a header: nothing of it is believed before its signature is checked.
    fn parse(&self, signed: &SignedHeader) -> Result<Header, Reason> {
        if signed.header.len() > BATCH_HEADER_MAX_BYTES {
            return Err(Reason::BadBatch);
        }
        if signed.signature.len() != ED25519_SIGNATURE_BYTES {
            return Err(Reason::Algorithm);
        }
        let header =
            pb::BatchHeader::decode(signed.header.as_ref()).map_err(|_| Reason::BadBatch)?;
        if header.federation != self.directory.federation() {
            return Err(Reason::WrongFederation);
        }
        let purpose = match header.purpose() {
            pb::Purpose::Statement => Purpose::Statement,
            pb::Purpose::Receipt => Purpose::Receipt,
            pb::Purpose::Unspecified => return Err(Reason::BadBatch),
        };
        let size_ok = (1..=BATCH_MAX_LEAVES).contains(&(header.size as usize));
        Ok(Header {
            // A copy of its own: what is remembered must not keep a whole frame in memory.
            signed: Arc::new(SignedHeader {
                header: Bytes::copy_from_slice(&signed.header),
                signature: Bytes::copy_from_slice(&signed.signature),
            }),
            authority: header.authority.parse().map_err(|_| Reason::BadBatch)?,
            purpose,
            key: KeyId(header.key_id.try_into().map_err(|_| Reason::BadBatch)?),
            size: size_ok.then_some(header.size).ok_or(Reason::BadBatch)?,
            root: header.root.try_into().map_err(|_| Reason::BadBatch)?,
        })
    }

    fn key(&self, header: &Header, moment: Moment) -> Result<&MemberKey, Reason> {
        let member = self
            .directory
            .member(&header.authority)
            .ok_or(Reason::KeyUnknown)?;
        if member.suspended && matches!(moment, Moment::Arrival(_)) {
            return Err(Reason::PeerSuspended);
        }
        member
            .key(header.purpose.key_use(), &header.key)
            .ok_or(Reason::KeyUnknown)
    }

    fn recall(&self, signed: &SignedHeader) -> Option<Arc<Header>> {
        let remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        remembered.headers.get(signed).cloned()
    }

    fn remember(&self, header: &Arc<Header>) {
        let mut remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let key = Arc::clone(&header.signed);
        if remembered
            .headers
            .insert(Arc::clone(&key), Arc::clone(header))
            .is_some()
        {
            return;
        }
        remembered.order.push_back(key);
        if remembered.order.len() > VERIFIED_HEADERS_MAX
            && let Some(oldest) = remembered.order.pop_front()
        {
            remembered.headers.remove(&oldest);
        }
    }
}

const ED25519_SIGNATURE_BYTES: usize = 64;

/// Whether the key is good at that moment.
fn check_time(key: &MemberKey, moment: Moment) -> Result<(), Reason> {
    let (at, grace) = match (moment, key.revoked_at) {
        (Moment::Arrival(_), Some(_)) => return Err(Reason::KeyRevoked),
        (Moment::Evidence(at), Some(revoked_at)) if revoked_at <= at => {
            return Err(Reason::KeyRevoked);
        }
        (Moment::Evidence(at), Some(_)) => (at, std::time::Duration::ZERO),
        (Moment::Arrival(at) | Moment::Evidence(at), None) => (at, KEY_RETIREMENT_GRACE),
    };
    if at < key.valid_from || at >= key.valid_until.plus(grace) {
        return Err(Reason::KeyRetired);
    }
    Ok(())
}

/// All of a batch, in order, without paths.
fn is_whole(batch: &Unverified, size: u32) -> bool {
    batch.items.len() == size as usize
        && batch
            .items
            .iter()
            .zip(0..size)
            .all(|(item, index)| item.path.is_empty() && item.index == index)
}

/// Together or not at all: which of them does not belong cannot be told.
fn verify_whole(
    purpose: Purpose,
    header: &Header,
    batch: &Unverified,
) -> Vec<Result<Verified, Reason>> {
    let leaves: Arc<[LeafHash]> = batch
        .items
        .iter()
        .map(|item| pae::leaf_hash(purpose.document_type(), &item.document))
        .collect();
    if root_of(&leaves) != header.root {
        return refuse_all(batch, Reason::BadBatch);
    }
    let whole = Batch {
        signed: Arc::clone(&header.signed),
        leaves: Arc::clone(&leaves),
    };
    batch
        .items
        .iter()
        .zip(leaves.iter())
        .map(|(item, leaf)| {
            Ok(Verified {
                document: item.document.clone(),
                leaf: *leaf,
                signer: header.authority,
                key: header.key,
                proof: ProofSource::Whole(whole.clone(), item.index),
            })
        })
        .collect()
}

/// Each on its own path.
fn verify_paths(
    purpose: Purpose,
    header: &Header,
    batch: &Unverified,
) -> Vec<Result<Verified, Reason>> {
    batch
        .items
        .iter()
        .map(|item| {
            let leaf = pae::leaf_hash(purpose.document_type(), &item.document);
            let (index, size) = (u64::from(item.index), u64::from(header.size));
            let root = merkle::root_from_path(&leaf.0, index, size, &item.path);
            if root != Some(header.root) {
                return Err(Reason::BadBatch);
            }
            Ok(Verified {
                document: item.document.clone(),
                leaf,
                signer: header.authority,
                key: header.key,
                proof: ProofSource::Path(Proof {
                    signed: Arc::clone(&header.signed),
                    index: item.index,
                    path: item.path.clone(),
                }),
            })
        })
        .collect()
}

fn refuse_all(batch: &Unverified, reason: Reason) -> Vec<Result<Verified, Reason>> {
    batch.items.iter().map(|_| Err(reason)).collect()
}
