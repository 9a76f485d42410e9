//! One signed document out of the file: its claimed signer, and its verification.

use crate::{
    domain::{id::AuthorityId, time::Timestamp},
    proto::envelope::v1::{BatchHeader, SignedBatch},
    trust::{
        batch::{Purpose, SignedHeader, Unverified, UnverifiedItem, Verified, Verifier},
        merkle::Hash,
    },
};
use prost::Message as _;

/// A document that the file brings, alone under its signed header.
pub(super) struct Document {
    /// Whom the header names; believed only after verifying.
    pub(super) claimed_signer: AuthorityId,
    unverified: Unverified,
}

impl Document {
    /// Takes it out of the file. Exports hold one document a batch, so that each proves itself alone.
    pub(super) fn read(batch: &SignedBatch) -> Result<Self, String> {
        let [item] = batch.items.as_slice() else {
            return Err(format!(
                "{} documents in one batch, expected 1",
                batch.items.len()
            ));
        };
        let header = BatchHeader::decode(batch.header.as_ref())
            .map_err(|error| format!("its batch header: {error}"))?;
        let path = item
            .path
            .iter()
            .map(|hash| Hash::try_from(hash.as_ref()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| "a hash of its path is not 32 bytes")?;
        Ok(Self {
            claimed_signer: header
                .authority
                .parse()
                .map_err(|error| format!("its signer: {error}"))?,
            unverified: Unverified {
                signed: SignedHeader {
                    header: batch.header.clone(),
                    signature: batch.signature.clone(),
                },
                items: vec![UnverifiedItem {
                    document: item.document.clone(),
                    index: item.index,
                    path,
                }],
            },
        })
    }

    /// The exact bytes, not yet verified.
    pub(super) fn bytes(&self) -> &bytes::Bytes {
        // `read` made exactly one item.
        static NOTHING: bytes::Bytes = bytes::Bytes::new();
        self.unverified
            .items
            .first()
            .map_or(&NOTHING, |item| &item.document)
    }

    /// Verifies it under a directory, as of a time.
    pub(super) fn verify(
        &self,
        purpose: Purpose,
        verifier: &Verifier,
        at: Timestamp,
    ) -> Result<Verified, String> {
        verifier
            .verify_at(purpose, &self.claimed_signer, &self.unverified, at)
            .into_iter()
            .next()
            .ok_or("nothing was verified")?
            .map_err(|reason| format!("{reason}: {}", reason.meaning()))
    }
}
