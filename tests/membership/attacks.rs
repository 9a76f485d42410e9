//! Every attack that TUF's specification lists (1.5.2), and rows 45 to 48 of the matrix, by a partner that passes on
//! what it likes, with or without a stolen key: the exact error, the exact journal entry, and nothing else changed.
//!
//! Each attack has a partner of its own, so that the victim's journal can be read by peer.

use std::{
    collections::BTreeSet,
    sync::{Arc, Weak},
};

use allpoints::{
    domain::time::Clock as _,
    proto::directory::v1::{self as listing, Bundle},
    trust::{
        directory::{Directory, DirectoryError, Document, author},
        federation::{self, NextRoots, TimestampKey},
        keys::{KeyUse, SigningKey},
        pae::DocumentType,
    },
};
use prost::Message as _;
use tokio::sync::Mutex;

use crate::{
    KEEPER, VICTIM,
    mirror::{Gives, Mirror},
    offer::Offer,
    realm::{self, Design, Realm},
    within_a_minute,
};

static REALM: Mutex<Weak<Realm>> = Mutex::const_new(Weak::new());

const DESIGN: Design = Design {
    nodes: &[KEEPER, VICTIM],
    partners: &[
        "XC-M1", "XC-M2", "XC-M2E", "XC-M3", "XC-M47", "XC-M4", "XC-M5", "XC-M6", "XC-M6C",
        "XC-M7", "XC-M7T", "XC-M8", "XC-M8F", "XC-M10", "XC-MFORK", "XC-MJUNK",
    ],
    suspended: &[],
    tailor: |_, _, _| {},
};

fn root_key(realm: &Realm) -> SigningKey {
    SigningKey::load(&realm.federation().join("root-1.key"), KeyUse::Root).expect("a key")
}

fn in_realm(story: impl AsyncFnOnce(Arc<Realm>)) {
    realm::shared(&REALM, &DESIGN, story);
}

/// A partner names a newer directory and gives this. The victim journals it once, with this reason, keeps what it has
/// and raises an alarm.
async fn is_refused(realm: &Realm, partner: &str, gives: Gives, reason: &str) {
    let before = realm.directory_of(VICTIM);
    let kept = kept_versions(realm);
    let mirror = Mirror::at(realm, partner, (before.version() + 1, [7; 32]), gives).await;
    realm.dials_now(VICTIM).await;
    let entry = format!("incident {reason}");
    within_a_minute(&format!("{entry} by {partner}"), || async {
        (!realm.journal(VICTIM, partner).await.is_empty()).then_some(())
    })
    .await;
    // It is asked again, and journaled only once.
    within_a_minute("asked again", || async {
        (mirror.asked() > 1).then_some(())
    })
    .await;
    assert_eq!(realm.journal(VICTIM, partner).await, [entry]);
    let status = realm.status(VICTIM).await;
    assert_eq!(status.directory_version, before.version());
    assert_eq!(realm.directory_of(VICTIM).hash(), before.hash());
    assert_eq!(kept_versions(realm), kept, "nothing of it was kept");
    realm
        .alarms(VICTIM, &format!("{reason} by {partner}"))
        .await;
}

fn kept_versions(realm: &Realm) -> BTreeSet<String> {
    let folder = realm.folder_of(VICTIM).join("directory");
    let files = std::fs::read_dir(folder).expect("a folder");
    let name = |file: std::io::Result<std::fs::DirEntry>| file.expect("a file").file_name();
    files
        .map(|file| name(file).to_string_lossy().into_owned())
        .filter(|name| !name.starts_with("fork-"))
        .collect()
}

/// Whether the other side of a fork was kept, to be shown to the federation.
fn is_kept_as_evidence(realm: &Realm, offered: &Bundle) -> bool {
    let folder = realm.folder_of(VICTIM).join("directory");
    let files = std::fs::read_dir(folder).expect("a folder");
    let mut kept = files
        .map(|file| file.expect("a file").path())
        .filter(|path| {
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            name.is_some_and(|name| name.starts_with("fork-"))
        });
    kept.any(|path| std::fs::read(path).expect("read") == offered.encode_to_vec())
}

/// What exactly is wrong with a bundle, as the victim finds it.
fn error_of(realm: &Realm, bundle: &Bundle) -> DirectoryError {
    let held = realm.directory_of(VICTIM);
    let now = realm.clock().now();
    Directory::verify_successor(bundle, realm.anchor(), &held, now).expect_err("refused")
}

/// The error is of this kind, and so is what the victim journals.
macro_rules! refused {
    ($realm:expr, $partner:literal, $bundle:expr, $error:pat, $reason:literal) => {
        let bundle = $bundle;
        let error = error_of(&$realm, &bundle);
        assert!(matches!(error, $error), "{error}");
        is_refused(&$realm, $partner, Gives::Bundle(Box::new(bundle)), $reason).await;
    };
}

/// 1: everything signed by keys of the attacker's own, under a root of the attacker's own.
#[test]
fn t45_arbitrary_installation_does_not_verify() {
    in_realm(async |realm| {
        let mut offer = Offer::of(&realm);
        let (root, stamp) = (
            SigningKey::generate(KeyUse::Root),
            SigningKey::generate(KeyUse::Timestamp),
        );
        let list = listing::Root {
            federation: realm::FEDERATION.to_owned(),
            version: 2,
            root_keys: vec![root.public().to_vec()],
            threshold: 1,
            timestamp_keys: vec![stamp.public().to_vec()],
            issued_at_us: offer.now.as_micros(),
        };
        let list = author::sign_message(DocumentType::Root, &list, &[&root]);
        offer.bundle.roots.push(list);
        offer.membership(|_| {}, &[&root]);
        offer.timestamp_key = stamp;
        offer.stamped(|_| {});
        refused!(
            realm,
            "XC-M1",
            offer.bundle,
            DirectoryError::TooFewSignatures {
                document: Document::Root(2),
                found: 0,
                needed: 1,
                ..
            },
            "DIRECTORY_FORGED"
        );
    });
}

/// 2: an older entry under heads that are new and truly signed: whoever stole the timestamp key.
#[test]
fn t45_rollback_of_a_part_is_refused() {
    in_realm(async |realm| {
        let mut offer = Offer::of(&realm);
        let key = realm.key_of(KEEPER, KeyUse::Directory, "directory");
        offer.entry(KEEPER, &key, |entry| entry.number = 0);
        offer.stamped(|_| {});
        refused!(
            realm,
            "XC-M2E",
            offer.bundle,
            DirectoryError::RolledBack {
                document: Document::Entry(_),
                held: 1,
                offered: 0
            },
            "DIRECTORY_ROLLBACK"
        );
    });
}

/// 2: the whole of an older version.
#[test]
fn t45_rollback_of_the_whole_is_refused() {
    in_realm(async |realm| {
        let mut offer = Offer::of(&realm);
        offer.version = 0;
        offer.stamped(|_| {});
        refused!(
            realm,
            "XC-M2",
            offer.bundle,
            DirectoryError::RolledBack {
                document: Document::Timestamp,
                held: 1,
                offered: 0
            },
            "DIRECTORY_ROLLBACK"
        );
    });
}

/// 3: a version that leaves none for those to come.
#[test]
fn t47_fast_forward_is_refused() {
    in_realm(async |realm| {
        let mut offer = Offer::of(&realm);
        offer.version = (1 << 63) - 1;
        offer.stamped(|_| {});
        refused!(
            realm,
            "XC-M3",
            offer.bundle,
            DirectoryError::TooFarAhead { held: 1, .. },
            "DIRECTORY_AHEAD"
        );
    });
}

/// The same with the chain of roots, signed by the true root: it must step by one.
#[test]
fn t47_a_root_of_a_far_version_is_refused() {
    in_realm(async |realm| {
        let mut offer = Offer::of(&realm);
        let root = root_key(&realm);
        let first = listing::Root::decode(offer.bundle.roots[0].document.as_slice());
        let far = listing::Root {
            version: (1 << 63) - 1,
            ..first.expect("decodes")
        };
        let far = author::sign_message(DocumentType::Root, &far, &[&root]);
        offer.bundle.roots.push(far);
        offer.stamped(|timestamp| timestamp.root_version = (1 << 63) - 1);
        refused!(
            realm,
            "XC-M47",
            offer.bundle,
            DirectoryError::RootStep { expected: 2, .. },
            "DIRECTORY_FORGED"
        );
    });
}

/// 4: it names a newer one and never gives it.
#[test]
fn t46_who_holds_a_newer_one_back_is_named() {
    in_realm(async |realm| {
        is_refused(&realm, "XC-M4", Gives::Nothing, "DIRECTORY_FROZEN").await;
    });
}

/// 5: bytes without end.
#[test]
fn t45_endless_data_is_cut_off() {
    in_realm(async |realm| {
        is_refused(&realm, "XC-M5", Gives::NoEnd, "DIRECTORY_ENDLESS").await;
    });
}

/// 6: one more entry than there are members, and a list that no member's CA signed.
#[test]
fn t45_what_does_not_belong_to_it_is_refused() {
    in_realm(async |realm| {
        let mut offer = Offer::of(&realm);
        let stranger = SigningKey::generate(KeyUse::Directory);
        let entry = listing::Entry {
            federation: realm::FEDERATION.to_owned(),
            authority: "XZ-POL".to_owned(),
            number: 1,
            ..<_>::default()
        };
        let entry = author::sign_message(DocumentType::Entry, &entry, &[&stranger]);
        offer.bundle.entries.push(entry);
        offer.stamped(|_| {});
        refused!(
            realm,
            "XC-M6",
            offer.bundle,
            DirectoryError::Unpaired(_),
            "DIRECTORY_FORGED"
        );
        let mut offer = Offer::of(&realm);
        offer.bundle.crls.push(vec![0x30, 0x03, 0x01, 0x01, 0x01]);
        offer.stamped(|_| {});
        refused!(
            realm,
            "XC-M6C",
            offer.bundle,
            DirectoryError::Crl { .. },
            "DIRECTORY_FORGED"
        );
    });
}

/// 7: parts that were never in force together; without the timestamp key, and with the heads of another bundle.
#[test]
fn t45_mix_and_match_is_refused() {
    in_realm(async |realm| {
        let key = realm.key_of(KEEPER, KeyUse::Directory, "directory");
        let mut offer = Offer::of(&realm);
        offer.stamped(|_| {});
        offer.entry(KEEPER, &key, |entry| entry.number += 1);
        refused!(
            realm,
            "XC-M7",
            offer.bundle,
            DirectoryError::HeadMismatch {
                document: Document::Entry(_),
                ..
            },
            "DIRECTORY_FORGED"
        );
        let mut offer = Offer::of(&realm);
        offer.timestamp_key = SigningKey::generate(KeyUse::Timestamp);
        offer.stamped(|_| {});
        refused!(
            realm,
            "XC-M7T",
            offer.bundle,
            DirectoryError::TooFewSignatures {
                document: Document::Timestamp,
                found: 0,
                ..
            },
            "DIRECTORY_FORGED"
        );
    });
}

/// 8: a true document in the place of another, and one of another federation under the same keys.
#[test]
fn t45_a_true_document_in_the_wrong_place_is_refused() {
    in_realm(async |realm| {
        let mut offer = Offer::of(&realm);
        offer.stamped(|_| {});
        offer.bundle.membership = offer.bundle.entries.first().cloned();
        refused!(
            realm,
            "XC-M8",
            offer.bundle,
            DirectoryError::Type {
                document: Document::Membership,
                ..
            },
            "DIRECTORY_FORGED"
        );
        let mut offer = Offer::of(&realm);
        let root = root_key(&realm);
        offer.membership(|it| it.federation = "another".to_owned(), &[&root]);
        offer.stamped(|_| {});
        refused!(
            realm,
            "XC-M8F",
            offer.bundle,
            DirectoryError::OtherFederation {
                document: Document::Membership,
                ..
            },
            "DIRECTORY_FORGED"
        );
    });
}

/// 10, the online key: it signs heads, and nobody becomes a member by that.
#[test]
fn t48_a_stolen_timestamp_key_makes_no_member() {
    in_realm(async |realm| {
        let mut offer = Offer::of(&realm);
        let stolen = SigningKey::generate(KeyUse::Root);
        offer.membership(|it| it.grace_days = 3650, &[&stolen]);
        offer.stamped(|_| {});
        refused!(
            realm,
            "XC-M10",
            offer.bundle,
            DirectoryError::TooFewSignatures {
                document: Document::Membership,
                found: 0,
                needed: 1,
                ..
            },
            "DIRECTORY_FORGED"
        );
    });
}

/// The same membership version with other content: a root that signs two truths.
#[test]
fn t45_a_fork_is_refused_and_named() {
    in_realm(async |realm| {
        let mut offer = Offer::of(&realm);
        let root = root_key(&realm);
        offer.membership(
            |it| {
                it.version -= 1;
                it.grace_days += 1;
            },
            &[&root],
        );
        offer.stamped(|_| {});
        let offered = offer.bundle.clone();
        refused!(
            realm,
            "XC-MFORK",
            offer.bundle,
            DirectoryError::Forked {
                document: Document::Membership,
                version: 1
            },
            "DIRECTORY_FORK"
        );
        assert!(is_kept_as_evidence(&realm, &offered));
    });
}

/// A partner that names our version with another content: it is asked for that, which is refused and kept.
#[test]
fn t45_another_truth_of_our_version_is_asked_for_and_kept_as_evidence() {
    let design = Design {
        nodes: &[VICTIM],
        partners: &["XC-MTWO"],
        suspended: &[],
        tailor: |_, _, _| {},
    };
    realm::alone(&design, async |realm| {
        let mut offer = Offer::of(&realm);
        offer.version = 1;
        offer.stamped(|timestamp| timestamp.issued_at_us += 1);
        let error = error_of(&realm, &offer.bundle);
        let is_fork = matches!(
            error,
            DirectoryError::Forked {
                document: Document::Timestamp,
                version: 1
            }
        );
        assert!(is_fork, "{error}");
        let ours = realm.directory_of(VICTIM).hash();
        let gives = Gives::Bundle(Box::new(offer.bundle.clone()));
        let _mirror = Mirror::at(&realm, "XC-MTWO", (1, [7; 32]), gives).await;
        realm.dials_now(VICTIM).await;
        within_a_minute("kept", || async {
            is_kept_as_evidence(&realm, &offer.bundle).then_some(())
        })
        .await;
        let entries = realm.journal(VICTIM, "XC-MTWO").await;
        assert_eq!(entries, ["incident DIRECTORY_FORK"]);
        realm.alarms(VICTIM, "DIRECTORY_FORK by XC-MTWO").await;
        assert_eq!(realm.directory_of(VICTIM).hash(), ours);
    });
}

/// Bytes that are nothing at all.
#[test]
fn t45_bytes_that_are_no_directory_are_refused() {
    in_realm(async |realm| {
        let junk = Gives::Bytes(vec![0xff; 4096]);
        is_refused(&realm, "XC-MJUNK", junk, "DIRECTORY_FORGED").await;
    });
}

/// 9: one partner holds back, and the newer directory comes from another all the same.
#[test]
fn t46_a_partner_that_prevents_updates_stops_nobody() {
    let design = Design {
        nodes: &[KEEPER, VICTIM],
        partners: &["XC-M9"],
        suspended: &[],
        tailor: |_, _, _| {},
    };
    realm::alone(&design, async |realm| {
        let mirror = Mirror::at(&realm, "XC-M9", (99, [9; 32]), Gives::NoEnd).await;
        realm.dials_now(VICTIM).await;
        within_a_minute("asked", || async { (mirror.asked() > 0).then_some(()) }).await;
        realm.publish(&[]);
        realm.install(KEEPER);
        crate::holds(&realm, VICTIM, 2).await;
    });
}

/// 10, below the threshold: one root of two that must sign, with the timestamp key, makes neither a membership nor a
/// root list.
#[test]
fn t48_one_root_key_of_two_makes_nothing() {
    let design = Design {
        nodes: &[VICTIM],
        partners: &["XC-M10A", "XC-M10B"],
        suspended: &[],
        tailor: |_, _, _| {},
    };
    realm::alone(&design, async |realm| {
        let folder = realm.federation();
        let next = NextRoots {
            add: 2,
            remove: vec![],
            threshold: Some(2),
            timestamp: TimestampKey::Keep,
        };
        let proposed = federation::rotate(&folder, &next, realm.clock()).expect("proposed");
        for file in &proposed.to_sign {
            for key in ["root-1.key", "root-2.key"] {
                let key = SigningKey::load(&folder.join(key), KeyUse::Root).expect("a key");
                federation::sign(file, &key).expect("signed");
            }
        }
        federation::publish(&folder, realm.clock()).expect("published");
        realm.install(VICTIM);
        crate::holds(&realm, VICTIM, 2).await;

        let stolen = root_key(&realm);
        let mut offer = Offer::of(&realm);
        offer.membership(|it| it.grace_days = 3650, &[&stolen, &stolen]);
        offer.stamped(|_| {});
        refused!(
            realm,
            "XC-M10A",
            offer.bundle,
            DirectoryError::TooFewSignatures {
                document: Document::Membership,
                found: 1,
                needed: 2,
                ..
            },
            "DIRECTORY_FORGED"
        );
        let mut offer = Offer::of(&realm);
        let newest = listing::Root::decode(offer.bundle.roots[1].document.as_slice());
        let alone = listing::Root {
            version: 3,
            root_keys: vec![stolen.public().to_vec()],
            threshold: 1,
            ..newest.expect("decodes")
        };
        let list = author::sign_message(DocumentType::Root, &alone, &[&stolen]);
        offer.bundle.roots.push(list);
        offer.stamped(|_| {});
        refused!(
            realm,
            "XC-M10B",
            offer.bundle,
            DirectoryError::TooFewSignatures {
                document: Document::Root(3),
                found: 1,
                needed: 2,
                ..
            },
            "DIRECTORY_FORGED"
        );
    });
}
