//! Rows 10 to 16, 20, 21, 69: whose word it is, over which bytes.

use allpoints::{
    domain::reason::Reason,
    proto::envelope::v1::{Purpose, Recipient, SignedBatch, Statement, TransferGround},
    trust::{
        keys::{KeyUse, SigningKey},
        merkle,
        pae::{self, DocumentType},
    },
};
use bytes::Bytes;
use prost::Message as _;
use tonic::Code;

use crate::{
    SENDER, Scene, VICTIM,
    forge::{Envelope, Part, Partner},
    in_realm,
};

#[test]
fn t10_an_origin_that_is_not_the_peer_is_refused() {
    in_realm(async |realm| {
        let mut scene = Scene::of(&realm, "XC-T10").await;
        let honest = scene.alert();
        let posing = Statement {
            origin: SENDER.to_owned(),
            ..honest.clone()
        };
        let said = scene.sign_and_send(&posing).await;
        said.refused_with(Code::PermissionDenied, Reason::OriginMismatch);
        assert!(said.receipts.is_empty(), "no receipt in another's name");
        scene.sign_and_send(&honest).await.is_held();
        scene
            .victim_wrote(&["refused-input ORIGIN_MISMATCH", "received"], 1)
            .await;
    });
}

#[test]
fn t11_origins_are_compared_byte_by_byte() {
    in_realm(async |realm| {
        let mut scene = Scene::of(&realm, "XC-T11").await;
        let honest = scene.alert();
        let look_alikes = [
            "XC-T11/",
            "XC-T11.",
            "xc-t11",
            "XC-t11",
            " XC-T11",
            "XC-T11\0",
            "XC-T\u{661}1",
            "\u{ff38}C-T11",
            "X\u{421}-T11",
            "",
        ];
        for origin in look_alikes {
            let posing = Statement {
                origin: origin.to_owned(),
                ..honest.clone()
            };
            let said = scene.sign_and_send(&posing).await;
            said.refused_with(Code::InvalidArgument, Reason::Malformed);
        }
        scene.sign_and_send(&honest).await.is_held();
        let mut entries = vec!["refused-input MALFORMED"; look_alikes.len()];
        entries.push("received");
        scene.victim_wrote(&entries, 1).await;
    });
}

#[test]
fn t12_the_right_authority_with_a_wrong_key_is_refused() {
    in_realm(async |realm| {
        let mut scene = Scene::of(&realm, "XC-T12").await;
        let me = scene.partner.clone();
        let document = vec![scene.alert().encode_to_vec()];
        let header = me.header(DocumentType::Statement, &document);
        let stranger = SigningKey::generate(KeyUse::Statement);
        // Its own key's id over another key's signature: forged. The other key's own id: not known.
        let forged = me.seal(&header, &stranger, document.clone());
        let said = scene.send(forged).await;
        said.refused_with(Code::Unauthenticated, Reason::BadSignature);
        for (key, use_of) in [
            (stranger, "of nobody"),
            (me.receipt_key(), "for receipts"),
            (Partner::of(&realm, SENDER).statement_key(), "of another"),
        ] {
            let mut header = header.clone();
            header.key_id = key.id().0.to_vec();
            let said = scene.send(me.seal(&header, &key, document.clone())).await;
            assert_eq!(said.reason, "KEY_UNKNOWN", "a key {use_of}");
            assert_eq!(said.code, Code::Unauthenticated);
        }
        let genuine = me.seal(&header, &me.statement_key(), document);
        scene.send(genuine).await.is_held();
        let unknown = "refused-input KEY_UNKNOWN";
        let first = "refused-input BAD_SIGNATURE";
        scene
            .victim_wrote(&[first, unknown, unknown, unknown, "received"], 1)
            .await;
    });
}

#[test]
fn t13_keys_pass_until_a_day_after_they_retire_and_never_when_revoked() {
    in_realm(async |realm| {
        for accepted in ["XC-T13", "XC-T13LATE"] {
            let mut scene = Scene::of(&realm, accepted).await;
            let alert = scene.alert();
            scene.sign_and_send(&alert).await.is_held();
            scene.victim_wrote(&["received"], 1).await;
        }
        for (refused, reason) in [
            ("XC-T13OLD", Reason::KeyRetired),
            ("XC-T13GONE", Reason::KeyRevoked),
        ] {
            let mut scene = Scene::of(&realm, refused).await;
            let alert = scene.alert();
            let said = scene.sign_and_send(&alert).await;
            said.refused_with(Code::Unauthenticated, reason);
            let entry = format!("refused-input {reason}");
            scene.victim_wrote(&[&entry], 0).await;
        }
    });
}

#[test]
fn t14_signatures_that_are_not_ed25519_are_refused() {
    in_realm(async |realm| {
        let mut scene = Scene::of(&realm, "XC-T14").await;
        let genuine = scene.partner.signs(&scene.alert());
        // As long as ECDSA over P-256 in DER, RSA-1024, RSA-2048; and nothing at all.
        for length in [0, 71, 128, 256] {
            let odd = genuine
                .clone()
                .with(|batch| batch.signature = Bytes::from(vec![0x30; length]));
            let said = scene.send(odd).await;
            said.refused_with(Code::Unauthenticated, Reason::Algorithm);
        }
        scene.send(genuine).await.is_held();
        let odd = "refused-input ALG";
        scene
            .victim_wrote(&[odd, odd, odd, odd, "received"], 1)
            .await;
    });
}

/// A thousand frames of one bit each: none is held, and the untouched one is.
#[test]
fn t15_no_flipped_byte_of_header_signature_or_statement_is_accepted() {
    in_realm(async |realm| {
        let mut scene = Scene::of(&realm, "XC-T15").await;
        let genuine = scene.partner.signs(&scene.alert());
        let mut flipped = 0;
        let mut told = Vec::new();
        for part in [Part::Header, Part::Signature, Part::Statement] {
            let spoilt: Vec<SignedBatch> = (0..genuine.length_of(part))
                .map(|at| genuine.clone().with_flipped_byte(part, at).0)
                .collect();
            flipped += spoilt.len();
            let leaf = |batch: &SignedBatch| Envelope(batch.clone()).leaf().0.to_vec();
            for frame in spoilt.chunks(256) {
                let result = scene.intruder.send_frame(frame.to_vec()).await;
                let result = result.expect("the stream goes on");
                assert!(result.receipts.is_empty(), "nothing is receipted");
                for said in &result.results {
                    // A header that names another federation or authority is refused as such.
                    let named = ["WRONG_FEDERATION", "NO_RELAY"].contains(&said.reason.as_str());
                    let code = Code::from(said.code);
                    let expected = match part {
                        Part::Header if named => Code::PermissionDenied,
                        _ => Code::Unauthenticated,
                    };
                    assert_eq!(code, expected, "{part:?}: {}", said.reason);
                }
                assert_eq!(result.results.len(), frame.len());
                let reasons = result.results.iter().map(|said| said.reason.clone());
                told.extend(reasons.zip(frame.iter().map(leaf)));
            }
        }
        assert!(flipped > 500, "a real frame: {flipped} bytes");
        scene.send(genuine).await.is_held();
        let entries = realm.entries(VICTIM, "XC-T15").await;
        let of_act = |act: &'static str| entries.iter().filter(move |entry| entry.act == act);
        assert_eq!(of_act("received").count(), 1);
        assert_eq!(realm.inbox(VICTIM, "XC-T15").await.len(), 1);
        // One by one up to a hundred a minute, each with its reason and the hash of what came; then counted.
        let singles: Vec<_> = of_act("refused-input")
            .map(|entry| (entry.reason.clone(), entry.leaf.clone()))
            .collect();
        assert!((100..=200).contains(&singles.len()), "{}", singles.len());
        assert_eq!(singles[..100], told[..100]);
        let counted = of_act("refusals-counted").count();
        assert_eq!(entries.len(), 1 + singles.len() + counted);
    });
}

#[test]
fn t16_the_same_fields_in_other_bytes_are_not_signed() {
    in_realm(async |realm| {
        let mut scene = Scene::of(&realm, "XC-T16").await;
        let statement = scene.alert();
        let document = statement.encode_to_vec();
        let payload_first = {
            let payload = Statement {
                payload: statement.payload.clone(),
                ..Statement::default()
            };
            let rest = Statement {
                payload: Bytes::new(),
                ..statement.clone()
            };
            [payload.encode_to_vec(), rest.encode_to_vec()].concat()
        };
        let origin_twice = {
            let origin = Statement {
                origin: statement.origin.clone(),
                ..Statement::default()
            };
            [document.clone(), origin.encode_to_vec()].concat()
        };
        for other in [&payload_first, &origin_twice] {
            let same = Statement::decode(other.as_slice()).expect("the same fields");
            assert!(same == statement && *other != document);
            let genuine = scene.partner.signs(&statement);
            let said = scene.send(genuine.with_document(other.clone())).await;
            said.refused_with(Code::Unauthenticated, Reason::BadBatch);
        }
        // Signed as they are, the same bytes are as good as any.
        let signed_so = scene.partner.signs_bytes(payload_first);
        scene.send(signed_so).await.is_held();
        let bad = "refused-input BAD_BATCH";
        scene.victim_wrote(&[bad, bad, "received"], 1).await;
    });
}

#[test]
fn t20_changed_recipients_are_refused() {
    in_realm(async |realm| {
        let mut scene = Scene::of(&realm, "XC-T20").await;
        let to_another = scene.partner.alert(&[SENDER]);
        let mut redirected = to_another.clone();
        redirected.recipients = vec![Recipient {
            authority: VICTIM.to_owned(),
            thread_seq: 0,
            ground: TransferGround::Safeguards.into(),
            ground_reason: String::new(),
        }];
        let signed = scene.partner.signs(&to_another);
        let document = redirected.encode_to_vec();
        let said = scene.send(signed.with_document(document)).await;
        said.refused_with(Code::Unauthenticated, Reason::BadBatch);
        scene.sign_and_send(&redirected).await.is_held();
        scene
            .victim_wrote(&["refused-input BAD_BATCH", "received"], 1)
            .await;
    });
}

#[test]
fn t21_anothers_envelope_is_not_relayed() {
    in_realm(async |realm| {
        let mut scene = Scene::of(&realm, "XC-T21").await;
        let other = Partner::of(&realm, SENDER);
        let foreign = other.signs(&other.alert(&[VICTIM]));
        let said = scene.send(foreign).await;
        said.refused_with(Code::PermissionDenied, Reason::NoRelay);
        let own = scene.alert();
        scene.sign_and_send(&own).await.is_held();
        scene
            .victim_wrote(&["refused-input NO_RELAY", "received"], 1)
            .await;
    });
}

#[test]
fn t69_index_path_size_and_purpose_belong_to_the_signature() {
    in_realm(async |realm| {
        let mut scene = Scene::of(&realm, "XC-T69").await;
        let me = scene.partner.clone();
        let documents: Vec<Vec<u8>> = (0..4).map(|_| scene.alert().encode_to_vec()).collect();
        let sound = with_path(me.signs_all(documents.clone()), 2);
        let mut spoilt = vec![
            sound.clone().with(|batch| item(batch).index = 3),
            sound.clone().with(|batch| item(batch).index = u32::MAX),
            sound.clone().with(|batch| drop(item(batch).path.pop())),
            sound.clone().with(|batch| item(batch).path.clear()),
            sound.clone().with(|batch| item(batch).path.swap(0, 1)),
        ];
        // Signed by the partner itself, over a size or for a purpose that is not the batch's.
        let header = me.header(DocumentType::Statement, &documents);
        for size in [0, 1, 3, 1025, u32::MAX] {
            let mut header = header.clone();
            header.size = size;
            spoilt.push(with_path(
                me.seal(&header, &me.statement_key(), documents.clone()),
                2,
            ));
        }
        for (purpose, key) in [
            (Purpose::Receipt, me.statement_key()),
            (Purpose::Receipt, me.receipt_key()),
            (Purpose::Unspecified, me.statement_key()),
        ] {
            let mut header = header.clone();
            header.set_purpose(purpose);
            header.key_id = key.id().0.to_vec();
            spoilt.push(with_path(me.seal(&header, &key, documents.clone()), 2));
        }
        let mut entries = vec!["refused-input BAD_BATCH"; spoilt.len()];
        for envelope in spoilt {
            let said = scene.send(envelope).await;
            said.refused_with(Code::Unauthenticated, Reason::BadBatch);
        }
        scene.send(sound).await.is_held();
        entries.push("received");
        scene.victim_wrote(&entries, 1).await;
    });
}

fn item(batch: &mut SignedBatch) -> &mut allpoints::proto::envelope::v1::SignedItem {
    batch.items.first_mut().expect("one")
}

/// One document of a whole batch, alone on its path.
fn with_path(whole: Envelope, index: usize) -> Envelope {
    whole.with(|batch| {
        let leaves: Vec<_> = batch
            .items
            .iter()
            .map(|item| pae::leaf_hash(DocumentType::Statement, &item.document).0)
            .collect();
        let path = merkle::path(&leaves, index).expect("a leaf");
        let mut alone = batch.items.swap_remove(index);
        alone.path = path
            .iter()
            .map(|hash| Bytes::copy_from_slice(hash))
            .collect();
        batch.items = vec![alone];
    })
}
