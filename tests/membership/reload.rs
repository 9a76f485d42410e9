//! What a running node takes from its files, and what it refuses: the old stays, and the refusal names file and fix.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use allpoints::{
    cli::verify::{self, report::Verdict},
    domain::time::Clock as _,
    proto::{desk::v1 as pb, evidence::v1::Export},
    trust::{
        keys::{KeyUse, SigningKey},
        note::Checkpoint,
        pki::{self, NodeProfile, Replace},
        tls::Role,
    },
};
use prost::Message as _;

use crate::{
    KEEPER, VICTIM,
    intruder::{self, Badge, Intruder, handshake},
    part,
    process::Served,
    realm::{self, Design, Realm},
    within_a_minute,
};

const ONE_NODE: Design = Design {
    nodes: &[VICTIM],
    partners: &["XC-L01"],
    suspended: &[],
    tailor: |_, _, _| {},
};

/// A file that is broken while the node runs.
struct Broken {
    part: &'static str,
    file: &'static str,
    breaks: fn(&Path),
    says: &'static [&'static str],
}

const BROKEN: &[Broken] = &[
    Broken {
        part: "node certificate",
        file: "node/exchange.pem",
        breaks: |file| fs::write(file, "no certificate").expect("written"),
        says: &["node/exchange.pem", "holds no certificate"],
    },
    Broken {
        part: "node certificate",
        file: "node/exchange.key",
        breaks: |file| mode(file, 0o644),
        says: &["node/exchange.key", "chmod 600"],
    },
    Broken {
        part: "desk certificate",
        file: "node/desk.pem",
        breaks: |file| fs::remove_file(file).expect("removed"),
        says: &["node/desk.pem", "put the file there"],
    },
    Broken {
        part: "desk trust",
        file: "desk.crl",
        breaks: |file| fs::write(file, "no list").expect("written"),
        says: &["desk.crl", "pki crl"],
    },
    Broken {
        part: "statement key",
        file: "keys/statement.key",
        breaks: |file| {
            fs::remove_file(file).expect("removed");
            SigningKey::generate(KeyUse::Statement)
                .save(file)
                .expect("saved");
        },
        says: &["keys/statement.key", "does not name", "pki rotate"],
    },
    Broken {
        part: "log key",
        file: "keys/log.key",
        breaks: |file| {
            fs::remove_file(file).expect("removed");
            SigningKey::generate(KeyUse::Log).save(file).expect("saved");
        },
        says: &["keys/log.key", "does not name", "pki rotate"],
    },
    Broken {
        part: "receipt key",
        file: "keys/receipt.key",
        breaks: |file| fs::write(file, "no key").expect("written"),
        says: &["keys/receipt.key"],
    },
    Broken {
        part: "directory",
        file: "directory/00000001.bundle",
        breaks: |file| {
            let broken = file.with_file_name("00000009.bundle");
            fs::write(broken, [0xff; 64]).expect("written");
        },
        says: &["00000009.bundle", "directory.folder"],
    },
    Broken {
        part: "configuration",
        file: "node.toml",
        breaks: |file| fs::write(file, "authority = 7").expect("written"),
        says: &["node.toml", "config reference"],
    },
    Broken {
        part: "configuration",
        file: "node.toml",
        breaks: |file| {
            let text = fs::read_to_string(file).expect("read");
            let moved = text.replace("folder = \"data\"", "folder = \"elsewhere\"");
            fs::write(file, moved).expect("written");
        },
        says: &["node.toml", "`store` has changed", "restart"],
    },
];

fn mode(file: &Path, mode: u32) {
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).expect("changed");
}

async fn refusal(realm: &Realm, what: &str) -> String {
    refusal_at(realm, VICTIM, what).await
}

async fn refusal_at(realm: &Realm, id: &str, what: &str) -> String {
    part(&realm.status(id).await, what).refused
}

/// Verifies for each part that a broken file takes nothing down: partners and desk are served as before, the refusal
/// is said with file and fix, alarms, and is gone when the file is mended.
#[test]
fn t66_a_broken_file_takes_no_running_node_down() {
    realm::alone(&ONE_NODE, async |realm| {
        let mut partner = Intruder::as_member(&realm, "XC-L01", VICTIM).await;
        for broken in BROKEN {
            let before = part(&realm.status(VICTIM).await, broken.part);
            assert_eq!(before.refused, "", "{}", broken.part);
            let file = realm.folder_of(VICTIM).join(broken.file);
            let kept = fs::read(&file).expect("read");
            (broken.breaks)(&file);
            let told = within_a_minute(broken.part, || async {
                let told = refusal(&realm, broken.part).await;
                (!told.is_empty()).then_some(told)
            })
            .await;
            for words in broken.says {
                assert!(told.contains(words), "{words} in {told}");
            }
            let status = realm.status(VICTIM).await;
            let now = part(&status, broken.part);
            assert_eq!((&now.version, now.at_us), (&before.version, before.at_us));
            let alarm = format!("{}: refused since", broken.part);
            assert!(status.alarms.iter().any(|it| it.starts_with(&alarm)));
            partner.is_still_heard().await;
            let badge = Badge::of_member(&realm, "XC-L01");
            assert_eq!(handshake(realm.exchange_of(VICTIM), badge).await, Ok(()));

            // Mended: what was there before, in the mode that it had.
            fs::remove_file(&file).ok();
            fs::remove_file(file.with_file_name("00000009.bundle")).ok();
            fs::write(&file, &kept).expect("written");
            mode(&file, 0o600);
            within_a_minute("mended", || async {
                refusal(&realm, broken.part).await.is_empty().then_some(())
            })
            .await;
        }
    });
}

/// Verifies that new certificates, a new list and new limits are in force without a restart, each since its own moment.
#[test]
fn what_is_new_is_in_force_without_a_restart() {
    realm::alone(&ONE_NODE, async |realm| {
        // A node serves before it has looked at each of its files once.
        let before = within_a_minute("all parts are told", || async {
            let told = realm.status(VICTIM).await;
            let known = |what: &str| told.loaded.iter().any(|it| it.what == what);
            known("statement key").then_some(told)
        })
        .await;
        let home = realm.folder_of(VICTIM);
        let profile = NodeProfile {
            authority: VICTIM.parse().expect("legal id"),
            number: 1,
            desk_hosts: vec![],
        };
        pki::issue_node(&home, &profile, Replace::SameKey, realm.clock()).expect("renewed");
        let text = fs::read_to_string(home.join("node.toml")).expect("read");
        let limited = text.replace("exchange_connections = 4096", "exchange_connections = 1");
        fs::write(home.join("node.toml"), limited).expect("written");
        for what in ["node certificate", "desk certificate", "configuration"] {
            within_a_minute(what, || async {
                let now = part(&realm.status(VICTIM).await, what);
                (now.version != part(&before, what).version).then_some(())
            })
            .await;
        }
        let after = realm.status(VICTIM).await;
        assert_eq!(
            part(&after, "statement key"),
            part(&before, "statement key")
        );
        // One connection is the most that are let in now.
        let mut first = Intruder::as_member(&realm, "XC-L01", VICTIM).await;
        let badge = Badge::of_member(&realm, "XC-L01");
        let second = intruder::knock(&realm, VICTIM, badge).await;
        intruder::refused_without_a_word(second);
        first.is_still_heard().await;
    });
}

/// Verifies that a signing key is taken as soon as the directory names it and not before, without a restart, and that
/// what was queued under the old one is delivered (row 13).
#[test]
fn t13_a_new_signing_key_is_taken_once_it_is_published() {
    let design = Design {
        nodes: &[KEEPER, VICTIM],
        partners: &[],
        suspended: &[],
        tailor: |_, _, _| {},
    };
    realm::alone(&design, async |realm| {
        realm.stop(VICTIM).await;
        let queued = realm.sends(KEEPER, VICTIM, 3).await;
        let home = realm.folder_of(KEEPER);
        let (file, next) = (
            home.join("keys/statement.key"),
            home.join("keys/statement-next.key"),
        );
        let key = SigningKey::generate(KeyUse::Statement);
        key.save(&next).expect("saved");
        // Published beside the old one, and put in its place too early: the old one goes on.
        pki::application(&home, realm.clock()).expect("written");
        fs::rename(&next, &file).expect("renamed");
        within_a_minute("refused", || async {
            let told = part(&realm.status(KEEPER).await, "statement key");
            told.refused.contains("does not name").then_some(())
        })
        .await;
        realm.publish(&[realm.admission(KEEPER)]);
        realm.install(KEEPER);
        within_a_minute("taken", || async {
            let told = part(&realm.status(KEEPER).await, "statement key");
            (told.version == key.id().to_string() && told.refused.is_empty()).then_some(())
        })
        .await;
        realm.install(VICTIM);
        realm.start(VICTIM).await.expect("it starts");
        let delivered = (pb::DeliveryState::Delivered, "");
        for statement in &queued {
            realm
                .until_delivery(KEEPER, VICTIM, statement, delivered)
                .await;
        }
        let received = realm.journal(VICTIM, KEEPER).await;
        assert_eq!(
            received, ["received"; 3],
            "none was refused under the old key"
        );
    });
}

/// An auditor of the keeper exports a thread.
async fn exported(realm: &Realm, id: &[u8]) -> Vec<u8> {
    let id = uuid::Uuid::from_slice(id).expect("an id").to_string();
    let mut auditor = realm.desk(KEEPER, Role::Auditor).await;
    let chunks = auditor
        .audit_export(pb::AuditExportRequest {
            id,
            reason: "a test".to_owned(),
        })
        .await;
    let (mut chunks, mut bytes) = (chunks.expect("exported").into_inner(), Vec::new());
    while let Some(part) = chunks.message().await.expect("a chunk") {
        bytes.extend_from_slice(&part.chunk);
    }
    bytes
}

/// Verifies that a new log key signs exports once the directory names it and not before, without a restart, and that
/// what was exported under the old one is proved as well as what comes after.
#[test]
fn row_67_a_new_log_key_is_taken_once_it_is_published_and_old_exports_stay_proved() {
    let design = Design {
        nodes: &[KEEPER, VICTIM],
        partners: &[],
        suspended: &[],
        tailor: |_, _, _| {},
    };
    realm::alone(&design, async |realm| {
        let alert = realm.sends(KEEPER, VICTIM, 1).await.remove(0);
        let delivered = (pb::DeliveryState::Delivered, "");
        realm
            .until_delivery(KEEPER, VICTIM, &alert, delivered)
            .await;
        let signed_by = |export: &[u8], key: &SigningKey| {
            let export = Export::decode(export).expect("evidence");
            Checkpoint::verify(&export.checkpoint, &key.public()).is_ok()
        };
        let old = realm.key_of(KEEPER, KeyUse::Log, "log");
        let first = exported(&realm, &alert.id).await;
        assert!(signed_by(&first, &old));

        let home = realm.folder_of(KEEPER);
        let (file, next) = (home.join("keys/log.key"), home.join("keys/log-next.key"));
        let new = SigningKey::generate(KeyUse::Log);
        new.save(&next).expect("saved");
        pki::application(&home, realm.clock()).expect("written");
        fs::rename(&next, &file).expect("renamed");
        within_a_minute("refused", || async {
            let told = refusal_at(&realm, KEEPER, "log key").await;
            told.contains("does not name").then_some(())
        })
        .await;
        let second = exported(&realm, &alert.id).await;
        assert!(signed_by(&second, &old), "the old one goes on");

        realm.publish(&[realm.admission(KEEPER)]);
        realm.install(KEEPER);
        within_a_minute("taken", || async {
            let told = part(&realm.status(KEEPER).await, "log key");
            (told.version == new.id().to_string() && told.refused.is_empty()).then_some(())
        })
        .await;
        let third = exported(&realm, &alert.id).await;
        assert!(signed_by(&third, &new) && !signed_by(&third, &old));
        for export in [first, second, third] {
            let report = verify::check(&export, Some(realm.anchor()), realm.clock().now());
            assert_eq!(report.verdict, Verdict::Proved, "{}", report.render());
        }
    });
}

/// Verifies with the real program that SIGHUP has it look at once, however long its interval is, and does not end it.
#[test]
fn a_hang_up_has_the_program_look_at_its_files_at_once() {
    let design = Design {
        nodes: &[],
        partners: &["XC-L02"],
        suspended: &[],
        tailor: |_, _, _| {},
    };
    realm::alone(&design, async |realm| {
        let home = realm.folder_of("XC-L02");
        realm.configured("XC-L02");
        let config = home.join("node.toml");
        let text = fs::read_to_string(&config).expect("read");
        let slow = text.replace("interval_ms = 200", "interval_ms = 30000");
        fs::write(&config, slow).expect("written");
        let node = Served::start(&config, &home.join("serve.log")).expect("it serves");
        let saw = |words: &'static str| {
            let node = &node;
            within_a_minute(words, move || async move {
                node.logged().contains(words).then_some(())
            })
        };
        // The first look is over before the file is broken.
        saw("what=\"receipt key\"").await;
        let began = realm.clock().monotonic();
        fs::write(home.join("desk.crl"), "no list").expect("written");
        node.hang_up();
        saw("refused; the old stays in force").await;
        pki::publish_crl(&home, 3, realm.clock()).expect("published");
        node.hang_up();
        within_a_minute("taken", || async {
            let log = node.logged();
            (log.matches("what=\"desk trust\" version").count() > 1).then_some(())
        })
        .await;
        let waited = realm.clock().monotonic() - began;
        assert!(waited < std::time::Duration::from_secs(20), "{waited:?}");
        assert!(node.terminate().success());
    });
}
