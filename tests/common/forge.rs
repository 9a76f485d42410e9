//! What a turned partner can write: any statement, any header, signed with its real keys or with none.
//!
//! The way in is [`Partner`]. Nothing here checks anything: that is for the victim to do.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

use std::{sync::Arc, time::Duration};

use allpoints::{
    domain::{
        id::{AuthorityId, MessageId},
        receipt::{LeafHash, Receipt, Verdict},
        routing::{Priority, Status},
        time::{Clock as _, Timestamp},
    },
    proto::{
        alert::v1::{self as alert, payload::Kind as Content},
        envelope::v1::{
            BatchHeader, Handling, Kind, Purpose, Recipient, SignedBatch, SignedItem, Statement,
            StatementRef, TransferGround,
        },
    },
    trust::{
        keys::{KeyUse, SigningKey},
        merkle,
        pae::{self, DocumentType},
    },
    wire::{
        self,
        generate::{Recipe, drafts},
    },
};
use bytes::Bytes;
use prost::Message as _;

use super::realm::{FEDERATION, Realm};

/// A member whose keys the intruder holds.
#[derive(Clone)]
pub(crate) struct Partner {
    pub(crate) id: String,
    realm: Arc<Realm>,
}

impl Partner {
    pub(crate) fn of(realm: &Arc<Realm>, id: &str) -> Self {
        Self {
            id: id.to_owned(),
            realm: Arc::clone(realm),
        }
    }

    /// A legal alert of this partner.
    pub(crate) fn alert(&self, to: &[&str]) -> Statement {
        let recipe = Recipe {
            seed: 7,
            to: vec![],
            status: Status::Exercise,
            priority: Some(Priority::Urgent),
            now: self.realm.clock().now(),
            payload_bytes: None,
        };
        let draft = drafts(recipe).next().expect("an endless supply");
        let payload = draft.payload.expect("a payload");
        Statement {
            kind: Kind::MissingOffender.into(),
            payload: payload.encode_to_vec().into(),
            ..self.bare(to)
        }
    }

    /// A legal statement in a thread, that changes or answers `target`.
    pub(crate) fn follow_up(
        &self,
        target: &StatementRef,
        to: &[&str],
        what: FollowUp,
    ) -> Statement {
        let (kind, content) = what.content(target);
        let payload = alert::Payload {
            kind: Some(content),
            ..<_>::default()
        };
        Statement {
            kind: kind.into(),
            thread: Some(target.clone()),
            in_reply_to: Some(target.clone()),
            payload: payload.encode_to_vec().into(),
            ..self.bare(to)
        }
    }

    fn bare(&self, to: &[&str]) -> Statement {
        let now = self.realm.clock().now();
        let recipient = |authority: &&str| Recipient {
            authority: (*authority).to_owned(),
            thread_seq: 0,
            ground: TransferGround::Safeguards.into(),
            ground_reason: String::new(),
        };
        Statement {
            salt: vec![7; 16],
            id: fresh_id(now),
            origin: self.id.clone(),
            recipients: to.iter().map(recipient).collect(),
            status: Status::Exercise as i32,
            priority: Priority::Urgent as i32,
            handling: vec![Handling::H1.into()],
            issued_at_us: now.as_micros(),
            carried_until_us: now.plus(Duration::from_secs(3600)).as_micros(),
            ..<_>::default()
        }
    }

    /// One document alone under this partner's statement key.
    pub(crate) fn signs(&self, statement: &Statement) -> Envelope {
        self.signs_bytes(statement.encode_to_vec())
    }

    /// Whatever the bytes are.
    pub(crate) fn signs_bytes(&self, document: Vec<u8>) -> Envelope {
        self.signs_all(vec![document])
    }

    /// Several documents under one signature, as a whole batch.
    pub(crate) fn signs_all(&self, documents: Vec<Vec<u8>>) -> Envelope {
        let header = self.header(DocumentType::Statement, &documents);
        self.seal(&header, &self.statement_key(), documents)
    }

    /// The header that covers these documents, as this partner's node would write it.
    pub(crate) fn header(&self, kind: DocumentType, documents: &[Vec<u8>]) -> BatchHeader {
        let (purpose, key) = match kind {
            DocumentType::Receipt => (Purpose::Receipt, self.receipt_key()),
            _ => (Purpose::Statement, self.statement_key()),
        };
        let leaves: Vec<_> = documents
            .iter()
            .map(|document| pae::leaf_hash(kind, document).0)
            .collect();
        BatchHeader {
            federation: FEDERATION.to_owned(),
            authority: self.id.clone(),
            purpose: purpose.into(),
            key_id: key.id().0.to_vec(),
            size: u32::try_from(documents.len()).expect("few"),
            root: merkle::root(&leaves).to_vec(),
        }
    }

    /// Any header over any documents, signed with any key.
    pub(crate) fn seal(
        &self,
        header: &BatchHeader,
        key: &SigningKey,
        documents: Vec<Vec<u8>>,
    ) -> Envelope {
        let header = header.encode_to_vec();
        let signature = key.sign(&pae::encode(DocumentType::Batch, &header));
        let items = documents.into_iter().zip(0..);
        Envelope(SignedBatch {
            header: header.into(),
            signature: Bytes::copy_from_slice(&signature),
            items: items
                .map(|(document, index)| SignedItem {
                    document: document.into(),
                    index,
                    path: vec![],
                })
                .collect(),
        })
    }

    /// A receipt for a statement that another node sent us, true in every field.
    pub(crate) fn receipt_for(&self, document: &[u8], verdict: Verdict) -> Receipt {
        let statement = Statement::decode(document).expect("our own node's bytes");
        Receipt {
            federation: FEDERATION.to_owned(),
            recipient: self.authority(),
            sender: statement.origin.parse().expect("legal id"),
            message: MessageId::from_bytes(&statement.id).expect("an id"),
            leaf: pae::leaf_hash(DocumentType::Statement, document),
            verdict,
            time: self.realm.clock().now(),
            directory_version: self.realm.directory_of(&self.id).version(),
            journal_index: 1,
        }
    }

    /// A receipt under this partner's receipt key.
    pub(crate) fn signs_receipt(&self, receipt: &Receipt) -> SignedBatch {
        let documents = vec![wire::encode_receipt(receipt).to_vec()];
        let header = self.header(DocumentType::Receipt, &documents);
        self.seal(&header, &self.receipt_key(), documents).0
    }

    pub(crate) fn authority(&self) -> AuthorityId {
        self.id.parse().expect("legal id")
    }

    pub(crate) fn statement_key(&self) -> SigningKey {
        self.realm.key_of(&self.id, KeyUse::Statement, "statement")
    }

    pub(crate) fn receipt_key(&self) -> SigningKey {
        self.realm.key_of(&self.id, KeyUse::Receipt, "receipt")
    }
}

/// What a statement in a thread does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FollowUp {
    Recall,
    Correction,
    Update,
    Sighting,
}

impl FollowUp {
    fn content(self, target: &StatementRef) -> (Kind, Content) {
        let target = Some(target.clone());
        let text = || {
            Some(alert::Text {
                text: "synthetic".to_owned(),
                language: "en".to_owned(),
            })
        };
        match self {
            Self::Recall => (
                Kind::Recall,
                Content::Recall(alert::Recall {
                    target,
                    reason: alert::RecallReason::WrongPerson.into(),
                    text: text(),
                }),
            ),
            Self::Correction => (
                Kind::Correction,
                Content::Correction(alert::Correction {
                    target,
                    changes: vec![alert::Change {
                        path: "subject.birthDate".to_owned(),
                        was: "1974".to_owned(),
                        is: "1975".to_owned(),
                    }],
                    reason: text(),
                }),
            ),
            Self::Update => (
                Kind::Update,
                Content::Update(alert::Update {
                    target,
                    text: text(),
                    ..<_>::default()
                }),
            ),
            Self::Sighting => (
                Kind::Sighting,
                Content::Sighting(alert::Sighting {
                    place: "Harbour".to_owned(),
                    country: "XC".to_owned(),
                    seen_at: "2026-11-20T08:15:00Z".to_owned(),
                    circumstances: text(),
                    awareness: alert::Awareness::Unaware.into(),
                    presence: alert::Presence::Left.into(),
                    ..<_>::default()
                }),
            ),
        }
    }
}

/// An id that nobody used.
pub(crate) fn fresh_id(now: Timestamp) -> Vec<u8> {
    let mut random = [0; 10];
    aws_lc_rs::rand::fill(&mut random).expect("randomness");
    let unix_ms = u64::try_from(now.as_micros() / 1000).expect("after 1970");
    MessageId::from_parts(unix_ms, random).as_bytes().to_vec()
}

/// A statement's own name.
pub(crate) fn name_of(statement: &Statement) -> StatementRef {
    StatementRef {
        origin: statement.origin.clone(),
        id: statement.id.clone(),
    }
}

/// Which part of an envelope is touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Header,
    Signature,
    Statement,
}

/// A signed batch on its way, to be spoilt.
#[derive(Debug, Clone)]
pub(crate) struct Envelope(pub(crate) SignedBatch);

impl Envelope {
    /// Anything at all.
    #[must_use]
    pub(crate) fn with(mut self, change: impl FnOnce(&mut SignedBatch)) -> Self {
        change(&mut self.0);
        self
    }

    /// The first statement's bytes.
    pub(crate) fn document(&self) -> &Bytes {
        &self.0.items.first().expect("one").document
    }

    /// Its leaf hash.
    pub(crate) fn leaf(&self) -> LeafHash {
        pae::leaf_hash(DocumentType::Statement, self.document())
    }

    /// Other bytes in place of the first statement's, under the old signature.
    #[must_use]
    pub(crate) fn with_document(self, document: Vec<u8>) -> Self {
        self.with(|batch| batch.items.first_mut().expect("one").document = document.into())
    }

    /// How many bytes a part has.
    pub(crate) fn length_of(&self, part: Part) -> usize {
        match part {
            Part::Header => self.0.header.len(),
            Part::Signature => self.0.signature.len(),
            Part::Statement => self.document().len(),
        }
    }

    /// One byte of a part changed.
    #[must_use]
    pub(crate) fn with_flipped_byte(self, part: Part, at: usize) -> Self {
        self.with(|batch| {
            let bytes = match part {
                Part::Header => &mut batch.header,
                Part::Signature => &mut batch.signature,
                Part::Statement => &mut batch.items.first_mut().expect("one").document,
            };
            let mut changed = bytes.to_vec();
            *changed.get_mut(at).expect("within") ^= 1 << (at % 8);
            *bytes = changed.into();
        })
    }
}
