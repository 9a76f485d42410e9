//! The store over the real journal: signatures kept, and all that was acknowledged there after a power cut.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::{statements::*, store::StillClock};
use crate::{
    domain::receipt::LeafHash,
    store::{
        ReadError, Recovery, Signed, Store,
        disk::simulated::SimulatedDisk,
        event::Event,
        journal::{Journal, JournalConfig},
        keyring::KeyEncryptionKey,
        opening::Opening,
        view::{View, memory::MemoryView},
    },
    trust::{
        batch::{BatchSigner, ProofSource, Purpose},
        keys::{KeyUse, SigningKey},
        merkle,
        pae::{self, DocumentType},
    },
};

struct Node {
    keys: tempfile::TempDir,
    signer: BatchSigner,
}

impl Node {
    fn new() -> Self {
        let keys = tempfile::tempdir().unwrap();
        KeyEncryptionKey::generate(&keys.path().join("kek")).unwrap();
        let key = SigningKey::generate(KeyUse::Statement);
        Self {
            keys,
            signer: BatchSigner::new("test", authority(OWN), Purpose::Statement, key),
        }
    }

    fn open(&self, disk: &SimulatedDisk, view: Arc<dyn View>) -> (Store, Recovery) {
        let config = JournalConfig {
            folder: "/store".into(),
            key_file: self.keys.path().join("kek"),
            segment_bytes: 1 << 20,
            clock: Arc::new(StillClock),
        };
        let (journal, found) = Journal::open(config, Arc::new(disk.clone())).unwrap();
        let opening = Opening {
            authority: authority(OWN),
            torn_bytes: found.torn_bytes,
            loss: found.loss,
            view,
            clock: Arc::new(StillClock),
            reader: READER,
            runs: crate::store::Runs::OnThreads,
        };
        opening.store(Box::new(journal)).unwrap()
    }

    /// Submits alerts under one signature, as the broker does.
    async fn submit(&self, store: &Store, numbers: std::ops::Range<u64>) {
        let alerts = numbers.map(|number| alert(OWN, number, &["XB-POL"]));
        let events: Vec<(Event, LeafHash)> = alerts.map(|alert| signed(&alert)).collect();
        let leaves: Vec<LeafHash> = events.iter().map(|(_, leaf)| *leaf).collect();
        let batch = self.signer.sign(leaves.clone());
        let links: Vec<(usize, u32)> = (0..leaves.len()).zip(0..).collect();
        let mut plan = store.decide(|ledger| {
            for (event, _) in events {
                ledger.record(at(1), event);
            }
        });
        plan.attach_signature(Signed::Whole(batch), &links);
        plan.commit().await.unwrap();
    }
}

fn signed(routing: &crate::domain::routing::Routing) -> (Event, LeafHash) {
    let document: Bytes = document(routing);
    let leaf = pae::leaf_hash(DocumentType::Statement, &document);
    let event = Event::Accepted {
        actor: officer(),
        routing: Arc::new(routing.clone()),
        leaf,
        document,
    };
    (event, leaf)
}

fn memory() -> Arc<dyn View> {
    Arc::new(MemoryView::default())
}

#[tokio::test]
async fn a_statement_is_given_with_its_batch_and_later_with_its_path() {
    let (node, disk, view) = (Node::new(), SimulatedDisk::new(), memory());
    let (store, _) = node.open(&disk, Arc::clone(&view));
    node.submit(&store, 0..7).await;
    let recent = store.statement(5).unwrap();
    let ProofSource::Whole(batch, 5) = &recent.proof else {
        panic!("expected the whole batch: {:?}", recent.proof);
    };
    let leaves: Vec<merkle::Hash> = batch.leaves.iter().map(|leaf| leaf.0).collect();
    store.close().await.unwrap();

    let (store, recovery) = node.open(&disk, view);
    assert_eq!((recovery.entries, recovery.replayed), (7, 0));
    let old = store.statement(5).unwrap();
    assert_eq!(old.document, recent.document);
    let ProofSource::Path(proof) = &old.proof else {
        panic!("expected a path: {:?}", old.proof);
    };
    let leaf = leaves[5];
    let root = merkle::root_from_path(&leaf, 5, 7, &proof.path);
    assert_eq!(root, Some(merkle::root(&leaves)));
    let absent = store.statement(7).unwrap_err();
    assert!(matches!(absent, ReadError::NoStatement(7)), "{absent}");
    store.close().await.unwrap();
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_power_cut() {
    for seed in 0..8 {
        let (node, disk, view) = (Node::new(), SimulatedDisk::new(), memory());
        let (store, _) = node.open(&disk, Arc::clone(&view));
        node.submit(&store, 0..3).await;
        node.submit(&store, 3..5).await;
        tokio::time::sleep(Duration::from_millis(30 * seed)).await;
        let after = disk.cut(seed);
        let (store, recovery) = node.open(&after, view);
        assert_eq!(recovery.view_rebuilt, None);
        let known = store.read(|ledger| {
            let known = |number| ledger.known(&name(OWN, number)).is_some();
            (0..5).filter(|number| known(*number)).count()
        });
        assert_eq!(known.await.unwrap(), 5);
        node.submit(&store, 5..6).await;
        assert_eq!(store.entry(5).unwrap().header.index, 5);
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn every_kind_of_body_passes_the_journals_own_check() {
    let (node, disk) = (Node::new(), SimulatedDisk::new());
    let (store, _) = node.open(&disk, memory());
    let events = [
        Event::Started,
        Event::DirectoryAdopted {
            version: 3,
            bundle: Bytes::from_static(b"bundle"),
        },
        Event::ActorNamed {
            actor: officer(),
            uri: "allpoints://XA-POL/desk/officer/7".into(),
        },
    ];
    let plan = store.decide(|ledger| {
        for event in events.clone() {
            ledger.record(at(2), event);
        }
    });
    plan.commit().await.unwrap();
    for (index, event) in (0..).zip(events) {
        let entry = store.entry(index).unwrap();
        assert_eq!(READER.event(&entry.header, &entry.body).unwrap(), event);
    }
    store.close().await.unwrap();
}
