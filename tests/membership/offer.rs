//! A directory that a partner offers, made from the true one.

use std::time::Duration;

use allpoints::{
    domain::time::{Clock as _, Timestamp},
    proto::directory::v1::{self as listing, Bundle, EntryHead, SignedDocument},
    trust::{
        directory::author,
        keys::{KeyUse, SigningKey},
        pae::DocumentType,
    },
};
use prost::Message as _;

use crate::{
    VICTIM,
    realm::{self, Realm},
};

/// A directory that a partner offers, made from the true one.
pub(crate) struct Offer {
    pub(crate) bundle: Bundle,
    pub(crate) timestamp_key: SigningKey,
    pub(crate) now: Timestamp,
    pub(crate) version: u64,
}

impl Offer {
    pub(crate) fn of(realm: &Realm) -> Self {
        let held = realm.directory_of(VICTIM);
        let key = realm.federation().join("timestamp.key");
        Self {
            bundle: held.bundle().clone(),
            timestamp_key: SigningKey::load(&key, KeyUse::Timestamp).expect("a key"),
            now: realm.clock().now(),
            version: held.version() + 1,
        }
    }

    /// Signs heads over what the bundle now holds, as who has the timestamp key can.
    pub(crate) fn stamped(&mut self, change: impl FnOnce(&mut listing::Timestamp)) {
        let hash = |document: &SignedDocument| sha256(&document.document);
        let membership = self.bundle.membership.as_ref().expect("a membership");
        let listed = listing::Membership::decode(membership.document.as_slice());
        let entries = self.bundle.entries.iter().map(|document| {
            let entry = listing::Entry::decode(document.document.as_slice()).expect("an entry");
            EntryHead {
                authority: entry.authority,
                number: entry.number,
                hash: hash(document),
            }
        });
        let root = self.bundle.roots.last().expect("a root");
        let mut timestamp = listing::Timestamp {
            federation: realm::FEDERATION.to_owned(),
            version: self.version,
            root_version: self.bundle.roots.len() as u64,
            root_hash: hash(root),
            membership_version: listed.expect("decodes").version,
            membership_hash: hash(membership),
            entries: entries.collect(),
            issued_at_us: self.now.as_micros(),
            expires_at_us: self.now.plus(Duration::from_secs(24 * 3600)).as_micros(),
        };
        change(&mut timestamp);
        let signed =
            author::sign_message(DocumentType::Timestamp, &timestamp, &[&self.timestamp_key]);
        self.bundle.timestamp = Some(signed);
    }

    /// The membership with a change, signed by these keys.
    pub(crate) fn membership(
        &mut self,
        change: impl FnOnce(&mut listing::Membership),
        keys: &[&SigningKey],
    ) {
        let document = self.bundle.membership.as_ref().expect("a membership");
        let mut membership =
            listing::Membership::decode(document.document.as_slice()).expect("decodes");
        membership.version += 1;
        change(&mut membership);
        let signed = author::sign_message(DocumentType::Membership, &membership, keys);
        self.bundle.membership = Some(signed);
    }

    /// One authority's entry with a change, signed by this key.
    pub(crate) fn entry(
        &mut self,
        of: &str,
        key: &SigningKey,
        change: impl FnOnce(&mut listing::Entry),
    ) {
        for document in &mut self.bundle.entries {
            let mut entry = listing::Entry::decode(document.document.as_slice()).expect("decodes");
            if entry.authority == of {
                change(&mut entry);
                *document = author::sign_message(DocumentType::Entry, &entry, &[key]);
                return;
            }
        }
        panic!("no entry of {of}");
    }
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes)
        .as_ref()
        .to_vec()
}
