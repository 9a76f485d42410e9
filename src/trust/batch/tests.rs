//! Batches: what verifies, and the rows of the threat matrix that must not.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{
    domain::{reason::Reason, time::Timestamp},
    trust::{
        directory::Directory,
        testing::{DAY, Draft, HOUR, NOW, TestFederation, TestMember},
    },
};

mod caps;

/// XA-POL signs; whoever asks verifies under the directory of all three.
struct Net {
    federation: TestFederation,
    signer: BatchSigner,
    verifier: Verifier,
}

fn net() -> Net {
    net_with(|_| ())
}

fn net_with(change: impl FnOnce(&mut Draft)) -> Net {
    let mut federation = TestFederation::new();
    let directory = federation.directory_with(1, change);
    let key = std::mem::replace(
        &mut federation.members[0].statement,
        SigningKey::generate(KeyUse::Statement),
    );
    Net {
        signer: BatchSigner::new(&federation.name, id("XA-POL"), Purpose::Statement, key),
        verifier: Verifier::new(directory),
        federation,
    }
}

fn id(text: &str) -> AuthorityId {
    text.parse().unwrap()
}

fn documents(count: usize) -> Vec<Bytes> {
    (0..count)
        .map(|n| Bytes::from(format!("statement {n}")))
        .collect()
}

fn leaves(documents: &[Bytes]) -> Vec<LeafHash> {
    documents
        .iter()
        .map(|document| pae::leaf_hash(DocumentType::Statement, document))
        .collect()
}

impl Net {
    fn whole(&self, count: usize) -> Unverified {
        let documents = documents(count);
        let batch = self.signer.sign(leaves(&documents));
        Unverified {
            signed: (*batch.signed).clone(),
            items: documents
                .into_iter()
                .zip(0..)
                .map(|(document, index)| UnverifiedItem {
                    document,
                    index,
                    path: Vec::new(),
                })
                .collect(),
        }
    }

    fn with_paths(&self, count: usize, which: &[u32]) -> Unverified {
        let documents = documents(count);
        let batch = self.signer.sign(leaves(&documents));
        let items = which.iter().map(|index| UnverifiedItem {
            document: documents[*index as usize].clone(),
            index: *index,
            path: batch.proof(*index).unwrap().path,
        });
        Unverified {
            signed: (*batch.signed).clone(),
            items: items.collect(),
        }
    }

    fn verify_as(
        &self,
        signer: &str,
        batch: &Unverified,
        now: Timestamp,
    ) -> Vec<Result<Verified, Reason>> {
        self.verifier
            .verify(Purpose::Statement, &id(signer), batch, now)
    }

    fn reasons(&self, batch: &Unverified) -> Vec<Option<Reason>> {
        self.verify_as("XA-POL", batch, NOW)
            .into_iter()
            .map(Result::err)
            .collect()
    }

    /// The header in other words, signed by the same key.
    fn resigned(
        &self,
        batch: &Unverified,
        change: impl FnOnce(&mut pb::BatchHeader),
    ) -> Unverified {
        let mut header = pb::BatchHeader::decode(batch.signed.header.as_ref()).unwrap();
        change(&mut header);
        let header = header.encode_to_vec();
        let signature = self
            .signer
            .key
            .load()
            .sign(&pae::encode(DocumentType::Batch, &header));
        Unverified {
            signed: SignedHeader {
                header: header.into(),
                signature: Bytes::copy_from_slice(&signature),
            },
            items: batch.items.clone(),
        }
    }
}

#[test]
fn whole_batches_and_parts_of_them_verify() {
    let net = net();
    for count in [1, 2, 3, 7, 8, 100, 1024] {
        let batch = net.whole(count);
        for (verified, item) in net
            .verify_as("XA-POL", &batch, NOW)
            .iter()
            .zip(&batch.items)
        {
            let verified = verified.as_ref().unwrap();
            assert_eq!(verified.document(), &item.document);
            assert_eq!(
                verified.leaf(),
                leaves(std::slice::from_ref(&item.document))[0]
            );
            assert_eq!(verified.signer(), id("XA-POL"));
            assert_eq!(verified.key(), net.signer.key_id());
            assert!(
                matches!(verified.proof(), ProofSource::Whole(_, index) if *index == item.index)
            );
        }
    }
    let part = net.with_paths(100, &[99, 3, 64]);
    assert_eq!(net.reasons(&part), [None; 3]);
    assert!(matches!(
        net.verify_as("XA-POL", &part, NOW)[1].as_ref().unwrap().proof(),
        ProofSource::Path(proof) if proof.index == 3
    ));
    let nothing = Unverified {
        items: Vec::new(),
        ..part
    };
    assert!(net.reasons(&nothing).is_empty());
}

#[test]
fn a_proof_made_from_a_batch_that_arrived_whole_verifies_alone() {
    let net = net();
    let batch = net.whole(5);
    let verified = net.verify_as("XA-POL", &batch, NOW).remove(4).unwrap();
    let ProofSource::Whole(whole, index) = verified.proof() else {
        panic!("expected a whole batch");
    };
    let proof = whole.proof(*index).unwrap();
    assert_eq!(whole.proof(5), None);
    let alone = Unverified {
        signed: (*proof.signed).clone(),
        items: vec![UnverifiedItem {
            document: verified.document().clone(),
            index: proof.index,
            path: proof.path,
        }],
    };
    assert_eq!(net.reasons(&alone), [None]);
}

#[test]
fn row_12_the_right_authority_with_a_wrong_key_is_refused() {
    let net = net();
    let stranger = BatchSigner::new(
        &net.federation.name,
        id("XA-POL"),
        Purpose::Statement,
        SigningKey::generate(KeyUse::Statement),
    );
    let unknown = Unverified {
        signed: (*stranger.sign(leaves(&documents(1))).signed).clone(),
        items: net.whole(1).items,
    };
    assert_eq!(net.reasons(&unknown), [Some(Reason::KeyUnknown)]);
    // The stranger claims the id of the true key.
    let mut claimed = net.whole(1);
    let message = pae::encode(DocumentType::Batch, &claimed.signed.header);
    claimed.signed.signature = Bytes::copy_from_slice(&stranger.key.load().sign(&message));
    assert_eq!(net.reasons(&claimed), [Some(Reason::BadSignature)]);
}

#[test]
fn row_13_keys_pass_until_a_day_after_they_retire_and_never_when_revoked() {
    let until = NOW.plus(DAY * 90);
    let net = net();
    let batch = net.whole(1);
    let reason_at =
        |net: &Net, batch: &Unverified, at| net.verify_as("XA-POL", batch, at).remove(0).err();
    let table = [
        (NOW.minus(DAY), None),
        (NOW.minus(DAY).minus(HOUR), Some(Reason::KeyRetired)),
    ];
    for (at, expected) in table {
        assert_eq!(reason_at(&net, &batch, at), expected, "at {at}");
    }
    // The membership outlives the key here.
    let retired = net_with(|draft| {
        draft.membership.expires_at_us = until.plus(DAY * 90).as_micros();
    });
    let batch = retired.whole(1);
    let table = [
        (until.minus(HOUR), None),
        (until.plus(HOUR * 23), None),
        (until.plus(DAY), Some(Reason::KeyRetired)),
        // Remembered headers are judged by the time again.
        (until.minus(HOUR), None),
    ];
    for (at, expected) in table {
        assert_eq!(reason_at(&retired, &batch, at), expected, "at {at}");
    }
    let revoked = net_with(|draft| {
        draft.entries[0].keys[0].revoked_at_us = NOW.plus(HOUR).as_micros();
    });
    let batch = revoked.whole(1);
    for at in [NOW, NOW.plus(HOUR * 2)] {
        assert_eq!(reason_at(&revoked, &batch, at), Some(Reason::KeyRevoked));
    }
}

#[test]
fn row_13_evidence_asks_how_it_was_then() {
    let evidence_at = |net: &Net, batch: &Unverified, at| {
        net.verifier
            .verify_at(Purpose::Statement, &id("XA-POL"), batch, at)
            .remove(0)
            .err()
    };
    let revoked_at = NOW.plus(DAY * 100);
    let revoked = net_with(|draft| draft.entries[0].keys[0].revoked_at_us = revoked_at.as_micros());
    let batch = revoked.whole(1);
    let until = NOW.plus(DAY * 90);
    let table = [
        (NOW, None),
        (until.minus(HOUR), None),
        // No grace for a key that was revoked later.
        (until.plus(HOUR), Some(Reason::KeyRetired)),
        (revoked_at, Some(Reason::KeyRevoked)),
    ];
    for (at, expected) in table {
        assert_eq!(evidence_at(&revoked, &batch, at), expected, "at {at}");
    }
    let sound = net();
    let batch = sound.whole(1);
    assert_eq!(evidence_at(&sound, &batch, until.plus(HOUR)), None);
    assert_eq!(
        evidence_at(&sound, &batch, until.plus(DAY)),
        Some(Reason::KeyRetired)
    );
}

#[test]
fn row_14_only_ed25519_signatures_are_looked_at() {
    let net = net();
    for length in [0, 63, 65, 128, 256] {
        let mut batch = net.whole(1);
        batch.signed.signature = vec![0; length].into();
        assert_eq!(net.reasons(&batch), [Some(Reason::Algorithm)], "{length}");
    }
}

#[test]
fn row_15_any_flipped_byte_is_refused() {
    let net = net();
    let sound = net.with_paths(6, &[2, 5]);
    assert_eq!(net.reasons(&sound), [None, None]);
    let header = [
        Reason::BadBatch,
        Reason::BadSignature,
        Reason::KeyUnknown,
        Reason::NoRelay,
        Reason::WrongFederation,
    ];
    for at in 0..sound.signed.header.len() {
        let mut batch = sound.clone();
        batch.signed.header = flipped(&batch.signed.header, at);
        for reason in net.reasons(&batch) {
            assert!(header.contains(&reason.unwrap()), "header byte {at}");
        }
    }
    for at in 0..64 {
        let mut batch = sound.clone();
        batch.signed.signature = flipped(&batch.signed.signature, at);
        assert_eq!(net.reasons(&batch), [Some(Reason::BadSignature); 2], "{at}");
    }
    for at in 0..sound.items[0].document.len() {
        let mut batch = sound.clone();
        batch.items[0].document = flipped(&batch.items[0].document, at);
        assert_eq!(net.reasons(&batch), [Some(Reason::BadBatch), None], "{at}");
    }
    for at in 0..sound.items[0].path.len() * 32 {
        let mut batch = sound.clone();
        batch.items[0].path[at / 32][at % 32] ^= 1;
        assert_eq!(net.reasons(&batch), [Some(Reason::BadBatch), None], "{at}");
    }
}

#[test]
fn row_15_in_a_whole_batch_a_flipped_document_refuses_all() {
    let net = net();
    let mut batch = net.whole(4);
    batch.items[1].document = flipped(&batch.items[1].document, 0);
    assert_eq!(net.reasons(&batch), [Some(Reason::BadBatch); 4]);
}

#[test]
fn row_16_and_20_other_bytes_or_recipients_of_a_statement_are_refused() {
    let net = net();
    let recipient = |authority: &str| pb::Recipient {
        authority: authority.to_owned(),
        ..pb::Recipient::default()
    };
    let statement = pb::Statement {
        origin: "XA-POL".to_owned(),
        recipients: vec![recipient("XB-POL")],
        ..pb::Statement::default()
    };
    let encoded = Bytes::from(statement.encode_to_vec());
    let signed = net.signer.sign(leaves(std::slice::from_ref(&encoded)));
    let arrives = |document: Bytes| Unverified {
        signed: (*signed.signed).clone(),
        items: vec![UnverifiedItem {
            document,
            index: 0,
            path: Vec::new(),
        }],
    };
    assert_eq!(net.reasons(&arrives(encoded.clone())), [None]);
    // The origin once more at the end: the same message to protobuf, other bytes to us.
    let again = pb::Statement {
        origin: "XA-POL".to_owned(),
        ..pb::Statement::default()
    };
    let duplicated = [encoded.as_ref(), &again.encode_to_vec()].concat();
    assert_eq!(
        pb::Statement::decode(duplicated.as_slice()).unwrap(),
        statement
    );
    assert_eq!(
        net.reasons(&arrives(duplicated.into())),
        [Some(Reason::BadBatch)]
    );
    let mut readdressed = statement;
    readdressed.recipients.push(recipient("XC-POL"));
    assert_eq!(
        net.reasons(&arrives(readdressed.encode_to_vec().into())),
        [Some(Reason::BadBatch)]
    );
}

#[test]
fn row_21_another_authoritys_envelope_is_not_relayed() {
    let net = net();
    let batch = net.whole(2);
    let on_connection_of_c = net.verify_as("XC-POL", &batch, NOW);
    assert!(
        on_connection_of_c
            .iter()
            .all(|result| matches!(result, Err(Reason::NoRelay)))
    );
    // Nor once its header is remembered.
    assert_eq!(net.reasons(&batch), [None, None]);
    assert!(net.verify_as("XC-POL", &batch, NOW)[0].is_err());
}

#[test]
fn row_69_size_index_path_and_purpose_belong_to_the_signature() {
    let net = net();
    let sound = net.with_paths(6, &[2]);
    type Spoil = fn(&mut UnverifiedItem);
    let items: [(&str, Spoil); 6] = [
        ("another index", |item| item.index = 3),
        ("an index beyond the batch", |item| item.index = 6),
        ("an index far beyond", |item| item.index = u32::MAX),
        ("a longer path", |item| item.path.push([0; 32])),
        ("a shorter path", |item| {
            item.path.pop();
        }),
        ("no path", |item| item.path.clear()),
    ];
    for (what, spoil) in items {
        let mut batch = sound.clone();
        spoil(&mut batch.items[0]);
        assert_eq!(net.reasons(&batch), [Some(Reason::BadBatch)], "{what}");
    }
    for size in [0, 1, 3, 64, 1025, u32::MAX] {
        let batch = net.resigned(&sound, |header| header.size = size);
        assert_eq!(net.reasons(&batch), [Some(Reason::BadBatch)], "size {size}");
    }
    for purpose in [pb::Purpose::Receipt, pb::Purpose::Unspecified] {
        let batch = net.resigned(&sound, |header| header.set_purpose(purpose));
        assert_eq!(net.reasons(&batch), [Some(Reason::BadBatch)], "{purpose:?}");
    }
    let as_receipts = net
        .verifier
        .verify(Purpose::Receipt, &id("XA-POL"), &sound, NOW);
    assert!(matches!(as_receipts[0], Err(Reason::BadBatch)));
}

#[test]
fn a_whole_batch_is_whole_and_in_order() {
    let net = net();
    let mut swapped = net.whole(3);
    swapped.items.swap(0, 1);
    assert_eq!(net.reasons(&swapped), [Some(Reason::BadBatch); 3]);
    let mut renumbered = swapped;
    renumbered.items[0].index = 0;
    renumbered.items[1].index = 1;
    assert_eq!(net.reasons(&renumbered), [Some(Reason::BadBatch); 3]);
    let mut short = net.whole(3);
    short.items.pop();
    assert_eq!(net.reasons(&short), [Some(Reason::BadBatch); 2]);
    let mut long = net.whole(3);
    long.items.extend(long.items.clone());
    assert_eq!(net.reasons(&long), [Some(Reason::BadBatch); 6]);
}

#[test]
fn another_federations_signature_is_refused() {
    let net = net();
    let batch = net.resigned(&net.whole(1), |header| {
        header.federation = "other".to_owned();
    });
    assert_eq!(net.reasons(&batch), [Some(Reason::WrongFederation)]);
}

#[test]
fn headers_over_the_cap_are_not_read() {
    let net = net();
    let mut batch = net.whole(1);
    let mut header = batch.signed.header.to_vec();
    header.resize(limits::BATCH_HEADER_MAX_BYTES + 1, 0);
    batch.signed.header = header.into();
    assert_eq!(net.reasons(&batch), [Some(Reason::BadBatch)]);
}

#[test]
fn a_directory_that_changes_is_asked_anew() {
    let net = net();
    let batch = net.whole(1);
    assert_eq!(net.reasons(&batch), [None]);
    // XA-POL has another key by now: the fixture's, as its first one was taken out.
    net.verifier
        .replace_directory(net.federation.directory_with(2, |_| ()));
    assert_eq!(net.verifier.directory().version(), 2);
    assert_eq!(net.reasons(&batch), [Some(Reason::KeyUnknown)]);
}

#[test]
fn row_7_and_46_suspended_signers_and_closed_directories_verify_nothing_new() {
    let suspended = net_with(|draft| draft.membership.members[0].status = 2);
    let batch = suspended.whole(1);
    assert_eq!(suspended.reasons(&batch), [Some(Reason::PeerSuspended)]);
    let was = suspended
        .verifier
        .verify_at(Purpose::Statement, &id("XA-POL"), &batch, NOW);
    assert!(was[0].is_ok(), "what it had signed stays evidence");

    let net = net();
    let batch = net.whole(1);
    let closed = NOW.plus(DAY * 44);
    assert!(net.verify_as("XA-POL", &batch, closed.minus(HOUR))[0].is_ok());
    assert!(matches!(
        net.verify_as("XA-POL", &batch, closed)[0],
        Err(Reason::DirectoryClosed)
    ));
}

#[test]
fn memory_of_headers_is_bounded_and_holds_no_frames() {
    let net = net();
    for n in 0..limits::VERIFIED_HEADERS_MAX + 10 {
        let document = Bytes::from(n.to_string());
        let signed = net.signer.sign(leaves(std::slice::from_ref(&document)));
        let batch = Unverified {
            signed: (*signed.signed).clone(),
            items: vec![UnverifiedItem {
                document,
                index: 0,
                path: Vec::new(),
            }],
        };
        assert_eq!(net.reasons(&batch), [None]);
    }
    assert_eq!(net.verifier.remembered(), limits::VERIFIED_HEADERS_MAX);
}

#[test]
#[should_panic(expected = "a key signs for its one use")]
fn a_receipt_key_never_signs_statements() {
    let member = TestMember::new("XA-POL");
    let _ = BatchSigner::new("test", member.id, Purpose::Statement, member.receipt);
}

#[test]
fn receipts_verify_under_receipt_keys() {
    let mut federation = TestFederation::new();
    let directory: Arc<Directory> = federation.directory();
    let member = federation.members.remove(1);
    let signer = BatchSigner::new(
        &federation.name,
        member.id,
        Purpose::Receipt,
        member.receipt,
    );
    let document = Bytes::from_static(b"receipt");
    let leaf = pae::leaf_hash(DocumentType::Receipt, &document);
    let batch = Unverified {
        signed: (*signer.sign(vec![leaf]).signed).clone(),
        items: vec![UnverifiedItem {
            document,
            index: 0,
            path: Vec::new(),
        }],
    };
    let verifier = Verifier::new(directory);
    assert!(verifier.verify(Purpose::Receipt, &member.id, &batch, NOW)[0].is_ok());
    assert!(verifier.verify(Purpose::Statement, &member.id, &batch, NOW)[0].is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn every_leaf_of_every_batch_proves_itself_alone(count in 1..200_usize, pick: prop::sample::Index) {
        let net = net();
        let index = u32::try_from(pick.index(count)).unwrap();
        prop_assert_eq!(net.reasons(&net.with_paths(count, &[index])), [None]);
    }
}

fn flipped(bytes: &Bytes, at: usize) -> Bytes {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    bytes.into()
}
