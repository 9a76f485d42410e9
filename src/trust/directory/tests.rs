//! Directories: what verifies and what must not; in `keeping`, what may follow what and how it is kept.

use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::trust::{
    keys::SigningKey,
    pae::DocumentType,
    testing::{DAY, Draft, HOUR, NOW, TestFederation, TestMember},
};

mod addressing;
mod cas;
mod heads;
mod keeping;
mod off_network;

fn id(text: &str) -> AuthorityId {
    text.parse().unwrap()
}

fn refused(federation: &TestFederation, change: impl FnOnce(&mut Draft)) -> DirectoryError {
    let bundle = federation.bundle_with(1, change);
    Directory::verify(&bundle, federation.anchor(), NOW).unwrap_err()
}

#[test]
fn a_sound_bundle_verifies_and_says_who_is_who() {
    let federation = TestFederation::new();
    let bundle = federation.bundle(1);
    let directory = Directory::verify(&bundle, federation.anchor(), NOW).unwrap();
    assert_eq!(directory.federation(), "liaison-test");
    assert_eq!(directory.version(), 1);
    assert_eq!(directory.anchor(), federation.anchor());
    assert!(*directory.bundle() == bundle);
    let ids: Vec<_> = directory.members().map(|member| member.id).collect();
    assert_eq!(ids, [id("XA-POL"), id("XB-POL"), id("XC-POL")]);
    let member = directory.member(&id("XB-POL")).unwrap();
    let fixture = federation.member("XB-POL");
    let [ca] = member.exchange_cas.as_slice() else {
        panic!("one CA");
    };
    assert_eq!(ca.der, fixture.ca_der);
    assert!(ca.crl.as_ref() == bundle.crls.get(1));
    assert_eq!(member.contact, "Duty officer, +00 1");
    let key = fixture.statement.id();
    assert!(member.key(KeyUse::Statement, &key).is_some());
    assert!(member.key(KeyUse::Receipt, &key).is_none());
    assert!(directory.member(&id("XD-POL")).is_none());
}

#[test]
fn an_anchor_is_read_as_it_is_shown() {
    let anchor = TestFederation::new().anchor();
    assert_eq!(anchor.to_string().parse::<Anchor>().unwrap(), anchor);
    let digits = "ab".repeat(32);
    for text in [
        "",
        "sha256:",
        &digits,
        &format!("sha256:{}", &digits[1..]),
        &format!("sha256:{digits}0"),
        &format!("sha256:+{}", &digits[1..]),
        &format!("sha512:{digits}"),
    ] {
        assert!(text.parse::<Anchor>().is_err(), "{text}");
    }
}

#[test]
fn another_first_root_is_refused() {
    let (ours, other) = (TestFederation::new(), TestFederation::new());
    let refused = Directory::verify(&other.bundle(1), ours.anchor(), NOW).unwrap_err();
    assert!(matches!(refused, DirectoryError::WrongAnchor { .. }));
    let empty = Directory::verify(&pb::Bundle::default(), ours.anchor(), NOW).unwrap_err();
    assert!(matches!(empty, DirectoryError::Missing(Document::Root(1))));
}

#[test]
fn row_47_roots_step_by_one() {
    let federation = TestFederation::new();
    let chain = |versions: &'static [u64]| {
        let roots: Vec<_> = versions
            .iter()
            .map(|version| (federation.root(*version), vec![0, 1]))
            .collect();
        federation.bundle_with(1, |draft| draft.roots = roots)
    };
    for good in [&[1][..], &[1, 2], &[1, 2, 3]] {
        Directory::verify(&chain(good), federation.anchor(), NOW).unwrap();
    }
    for bad in [
        &[1, 3][..],
        &[1, 1],
        &[1, 2, 4],
        &[1, 2, 1],
        &[1, i64::MAX as u64],
    ] {
        let refused = Directory::verify(&chain(bad), federation.anchor(), NOW).unwrap_err();
        assert!(
            matches!(refused, DirectoryError::RootStep { .. }),
            "{bad:?}: {refused}"
        );
    }
}

#[test]
fn row_48_thresholds_count_distinct_keys_of_old_and_new_roots() {
    let federation = TestFederation::new();
    // One key is not two, however often it signs.
    for signers in [vec![], vec![0], vec![0, 0], vec![1, 1, 1]] {
        let refused = refused(&federation, |draft| {
            draft.membership_signers = signers.clone();
        });
        assert!(
            matches!(
                refused,
                DirectoryError::TooFewSignatures { document: Document::Membership, needed: 2, found, .. }
                    if found == usize::from(!signers.is_empty())
            ),
            "{signers:?}: {refused}"
        );
    }
    // Root 2 has other keys: the fixture's own sign for the old, the new ones must sign too.
    let newcomer = TestFederation::new();
    let mut second = newcomer.root(2);
    second.federation.clone_from(&federation.name);
    let by_old_alone = federation.bundle_with(1, |draft| {
        draft.roots.push((second.clone(), vec![0, 1]));
    });
    let refused = Directory::verify(&by_old_alone, federation.anchor(), NOW).unwrap_err();
    assert!(matches!(
        refused,
        DirectoryError::TooFewSignatures {
            document: Document::Root(2),
            found: 0,
            ..
        }
    ));
    let mut by_both = by_old_alone;
    let by_new = author::sign_message(
        DocumentType::Root,
        &second,
        &newcomer.roots.iter().collect::<Vec<_>>(),
    );
    let mut by_new_alone = by_both.clone();
    by_both.roots[1]
        .signatures
        .extend(by_new.signatures.clone());
    by_new_alone.roots[1] = by_new;
    let refused = Directory::verify(&by_new_alone, federation.anchor(), NOW).unwrap_err();
    assert!(matches!(
        refused,
        DirectoryError::TooFewSignatures {
            document: Document::Root(2),
            ..
        }
    ));
    // The chain holds now, and with it the old roots may sign no membership any more.
    let refused = Directory::verify(&by_both, federation.anchor(), NOW).unwrap_err();
    assert!(matches!(
        refused,
        DirectoryError::TooFewSignatures {
            document: Document::Membership,
            found: 0,
            ..
        }
    ));
    let membership = by_both.membership.as_mut().unwrap();
    for key in &newcomer.roots[..2] {
        author::add_signature(membership, DocumentType::Membership, key);
    }
    let timestamp = by_both.timestamp.as_mut().unwrap();
    author::add_signature(timestamp, DocumentType::Timestamp, &newcomer.timestamp);
    Directory::verify(&by_both, federation.anchor(), NOW).unwrap();
}

#[test]
fn signatures_repeated_in_the_document_count_once() {
    let federation = TestFederation::new();
    let mut bundle = federation.bundle_with(1, |draft| draft.membership_signers = vec![0]);
    let membership = bundle.membership.as_mut().unwrap();
    membership.signatures.push(membership.signatures[0].clone());
    let refused = Directory::verify(&bundle, federation.anchor(), NOW).unwrap_err();
    assert!(matches!(
        refused,
        DirectoryError::TooFewSignatures { found: 1, .. }
    ));
}

#[test]
fn every_signature_and_document_is_needed_as_it_is() {
    let federation = TestFederation::new();
    let sound = federation.bundle(1);
    type Part = fn(&mut pb::Bundle) -> &mut pb::SignedDocument;
    let parts: [(&str, Part); 3] = [
        ("membership", |bundle| bundle.membership.as_mut().unwrap()),
        ("entry", |bundle| &mut bundle.entries[1]),
        ("timestamp", |bundle| bundle.timestamp.as_mut().unwrap()),
    ];
    for (name, part) in parts {
        let length = part(&mut sound.clone()).document.len();
        for at in (0..length).step_by(7) {
            let mut bundle = sound.clone();
            part(&mut bundle).document[at] ^= 1;
            assert!(
                Directory::verify(&bundle, federation.anchor(), NOW).is_err(),
                "{name} byte {at}"
            );
        }
        let mut unsigned = sound.clone();
        part(&mut unsigned).signatures.clear();
        assert!(
            Directory::verify(&unsigned, federation.anchor(), NOW).is_err(),
            "{name}"
        );
        let mut retyped = sound.clone();
        part(&mut retyped).r#type = DocumentType::Note.media_type().to_owned();
        let refused = Directory::verify(&retyped, federation.anchor(), NOW).unwrap_err();
        assert!(matches!(refused, DirectoryError::Type { .. }), "{name}");
    }
    let mut without = sound.clone();
    without.membership = None;
    assert!(matches!(
        Directory::verify(&without, federation.anchor(), NOW),
        Err(DirectoryError::Missing(Document::Membership))
    ));
    let mut without = sound;
    without.timestamp = None;
    assert!(matches!(
        Directory::verify(&without, federation.anchor(), NOW),
        Err(DirectoryError::Missing(Document::Timestamp))
    ));
}

#[test]
fn nobody_signs_anothers_entry() {
    let federation = TestFederation::new();
    let mut bundle = federation.bundle(1);
    let entry = federation.member("XB-POL").entry(&federation.name, 1);
    bundle.entries[1] = author::sign_message(
        DocumentType::Entry,
        &entry,
        &[&federation.member("XC-POL").directory],
    );
    let refused = Directory::verify(&bundle, federation.anchor(), NOW).unwrap_err();
    assert!(matches!(
        refused,
        DirectoryError::TooFewSignatures {
            document: Document::Entry(_),
            ..
        }
    ));
}

#[test]
fn keys_and_cas_belong_to_one_authority_and_one_use() {
    let federation = TestFederation::new();
    let statement_of_a = federation.member("XA-POL").statement.public().to_vec();
    type Spoil<'a> = Box<dyn Fn(&mut Draft) + 'a>;
    let table: [(&str, Spoil<'_>); 6] = [
        (
            "another's statement key",
            Box::new(|draft| {
                draft.entries[1].keys[0].public_key = statement_of_a.clone();
            }),
        ),
        (
            "one key, two uses",
            Box::new(|draft| {
                draft.entries[0].keys[1].public_key = statement_of_a.clone();
            }),
        ),
        (
            "a key twice",
            Box::new(|draft| {
                let key = draft.entries[0].keys[0].clone();
                draft.entries[0].keys.push(key);
            }),
        ),
        (
            "the own directory key",
            Box::new(|draft| {
                draft.entries[0].keys[0].public_key =
                    draft.membership.members[0].directory_key.clone();
            }),
        ),
        (
            "a root key",
            Box::new(|draft| {
                draft.entries[0].keys[0].public_key = federation.roots[2].public().to_vec();
            }),
        ),
        (
            "a timestamp key",
            Box::new(|draft| {
                draft.entries[0].keys[0].public_key = federation.timestamp.public().to_vec();
            }),
        ),
    ];
    for (what, spoil) in table {
        let refused = refused(&federation, |draft| spoil(draft));
        assert!(
            matches!(refused, DirectoryError::SharedKey { .. }),
            "{what}: {refused}"
        );
    }
    let shared = refused(&federation, |draft| {
        draft.membership.members[1].exchange_ca = draft.membership.members[0].exchange_ca.clone();
    });
    assert!(matches!(shared, DirectoryError::SharedCa { .. }));
}

#[test]
fn members_entries_and_times_that_make_no_sense_are_refused() {
    let federation = TestFederation::new();
    type Spoil = fn(&mut Draft);
    type Says = fn(&DirectoryError) -> bool;
    let table: [(&str, Spoil, Says); 20] = [
        (
            "id in small letters",
            |d| d.membership.members[0].id = "xa-pol".into(),
            |e| matches!(e, DirectoryError::Id { .. }),
        ),
        (
            "country of another",
            |d| d.membership.members[0].country = "XB".into(),
            |e| matches!(e, DirectoryError::Field { .. }),
        ),
        (
            "no status",
            |d| d.membership.members[0].status = 0,
            |e| matches!(e, DirectoryError::Field { .. }),
        ),
        (
            "unknown status",
            |d| d.membership.members[0].status = 77,
            |e| matches!(e, DirectoryError::Field { .. }),
        ),
        (
            "a name that hides",
            |d| d.membership.members[0].name = "Police\u{202e}".into(),
            |e| matches!(e, DirectoryError::Field { .. }),
        ),
        (
            "a group with @",
            |d| d.membership.members[0].groups = vec!["@nordic".into()],
            |e| matches!(e, DirectoryError::Field { .. }),
        ),
        (
            "a member twice",
            |d| {
                let mut twin = TestMember::new("XA-POL").listed();
                twin.id = "XA-POL".into();
                d.membership.members.push(twin);
            },
            |e| matches!(e, DirectoryError::Twice(..)),
        ),
        (
            "no CA",
            |d| d.membership.members[0].exchange_ca.clear(),
            |e| matches!(e, DirectoryError::Ca { .. }),
        ),
        (
            "bytes after the CA",
            |d| d.membership.members[0].exchange_ca.push(0),
            |e| matches!(e, DirectoryError::Ca { .. }),
        ),
        (
            "an endpoint without port",
            |d| d.entries[0].endpoints = vec!["node.example".into()],
            |e| matches!(e, DirectoryError::Field { .. }),
        ),
        (
            "an endpoint with a path",
            |d| d.entries[0].endpoints = vec!["node/x:1".into()],
            |e| matches!(e, DirectoryError::Field { .. }),
        ),
        (
            "row 14: an RSA key",
            |d| d.entries[0].keys[0].public_key = vec![1; 128],
            |e| matches!(e, DirectoryError::UnsoundKey { .. }),
        ),
        (
            "a key under which anything verifies",
            |d| d.entries[0].keys[0].public_key = vec![0; 32],
            |e| matches!(e, DirectoryError::UnsoundKey { .. }),
        ),
        (
            "a key without use",
            |d| d.entries[0].keys[0].r#use = 0,
            |e| matches!(e, DirectoryError::KeyTerms { .. }),
        ),
        (
            "a key that ends before it begins",
            |d| d.entries[0].keys[0].valid_until_us = 0,
            |e| matches!(e, DirectoryError::KeyTerms { .. }),
        ),
        (
            "a pin of other length",
            |d| d.entries[0].spki_pins = vec![vec![1; 20]],
            |e| matches!(e, DirectoryError::Field { .. }),
        ),
        (
            "a timestamp over a day",
            |d| d.timestamp.expires_at_us = NOW.plus(DAY).as_micros() + 1,
            |e| {
                matches!(
                    e,
                    DirectoryError::Life {
                        document: Document::Timestamp,
                        ..
                    }
                )
            },
        ),
        (
            "a membership without end",
            |d| d.membership.expires_at_us = NOW.as_micros(),
            |e| {
                matches!(
                    e,
                    DirectoryError::Life {
                        document: Document::Membership,
                        ..
                    }
                )
            },
        ),
        (
            "an entry of another federation",
            |d| d.entries[0].federation = "other".into(),
            |e| matches!(e, DirectoryError::OtherFederation { .. }),
        ),
        (
            "a timestamp from the future",
            |d| {
                d.timestamp.issued_at_us = NOW.plus(HOUR).as_micros();
                d.timestamp.expires_at_us = NOW.plus(HOUR * 2).as_micros();
            },
            |e| matches!(e, DirectoryError::FromTheFuture { .. }),
        ),
    ];
    for (what, spoil, says) in table {
        let refused = refused(&federation, spoil);
        assert!(says(&refused), "{what}: {refused}");
    }
}

#[test]
fn thresholds_that_cannot_work_are_refused() {
    for threshold in [0, 4, u32::MAX] {
        let federation = TestFederation::new();
        let mut root = federation.root(1);
        root.threshold = threshold;
        let anchor = Anchor(crate::trust::merkle::sha256(&root.encode_to_vec()));
        let bundle = federation.bundle_with(1, |draft| draft.roots = vec![(root, vec![0, 1, 2])]);
        let refused = Directory::verify(&bundle, anchor, NOW).unwrap_err();
        assert!(
            matches!(refused, DirectoryError::Threshold { .. }),
            "{threshold}"
        );
    }
}

#[test]
fn revocation_lists_are_their_cas_and_not_older_than_asked() {
    let federation = TestFederation::new();
    let number_of = |crls: Vec<Vec<u8>>| {
        let bundle = federation.bundle_with(1, |draft| draft.crls = crls);
        Directory::verify(&bundle, federation.anchor(), NOW).map(|directory| {
            directory.member(&id("XA-POL")).unwrap().exchange_cas[0]
                .crl
                .clone()
        })
    };
    let a = federation.member("XA-POL");
    assert_eq!(number_of(Vec::new()).unwrap(), None);
    let newest = a.crl(9);
    assert_eq!(
        number_of(vec![a.crl(2), newest.clone(), a.crl(3)]).unwrap(),
        Some(newest.clone())
    );
    assert!(matches!(
        number_of(vec![a.crl(0)]),
        Err(DirectoryError::CrlTooOld {
            found: 0,
            minimum: 1,
            ..
        })
    ));
    let stranger = TestMember::new("XA-POL");
    let mut flipped = newest.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let mut longer = newest;
    longer.push(0);
    for bad in [stranger.crl(5), flipped, longer, vec![1, 2, 3]] {
        assert!(matches!(
            number_of(vec![bad]),
            Err(DirectoryError::Crl { .. })
        ));
    }
}

#[test]
fn signing_again_replaces_ones_own_signature() {
    let key = SigningKey::generate(KeyUse::Root);
    let mut document = author::sign_document(DocumentType::Root, b"root", &[&key]);
    author::add_signature(&mut document, DocumentType::Root, &key);
    assert_eq!(document.signatures.len(), 1);
    let other = SigningKey::generate(KeyUse::Root);
    author::add_signature(&mut document, DocumentType::Root, &other);
    assert_eq!(document.signatures.len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn anchors_round_trip(bytes: [u8; 32]) {
        prop_assert_eq!(Anchor(bytes).to_string().parse::<Anchor>().unwrap(), Anchor(bytes));
    }

    #[test]
    fn row_6_no_bytes_of_a_revocation_list_end_the_program(
        place: prop::sample::Index,
        change in 1..=u8::MAX,
        length: prop::sample::Index,
        noise in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let member = TestMember::new("XA-POL");
        let sound = member.crl(1);
        let mut flipped = sound.clone();
        flipped[place.index(sound.len())] ^= change;
        let cut = sound[..length.index(sound.len())].to_vec();
        prop_assert!(crl_number(&sound, &member.ca_der).is_ok());
        for bad in [flipped, cut, noise] {
            prop_assert!(crl_number(&bad, &member.ca_der).is_err());
        }
    }

    #[test]
    fn row_15_no_changed_byte_makes_another_directory(places: [prop::sample::Index; 8], change in 1..=u8::MAX) {
        let federation = TestFederation::new();
        let sound = federation.bundle(1).encode_to_vec();
        for place in places {
            let mut bytes = sound.clone();
            bytes[place.index(sound.len())] ^= change;
            let Ok(bundle) = pb::Bundle::decode(bytes.as_slice()) else {
                continue;
            };
            // Revocation lists may get lost on the way (nobody connects then); nothing may differ.
            if let Ok(directory) = Directory::verify(&bundle, federation.anchor(), NOW) {
                let sound = federation.bundle(1);
                let documents = |bundle: &pb::Bundle| {
                    let parts = bundle.roots.iter().chain(&bundle.membership).chain(&bundle.entries).chain(&bundle.timestamp);
                    parts.map(|part| part.document.clone()).collect::<Vec<_>>()
                };
                prop_assert!(documents(directory.bundle()) == documents(&sound));
            }
        }
    }
}
