//! An authority that walks through each replacement, and is held back at each step until its time.

use std::fs;

use super::*;
use crate::{
    proto::directory::v1 as pb,
    trust::{
        directory::author::sign_message,
        pae::DocumentType,
        pki::office::{HOUR, Office, SECOND},
        testing::FixedClock,
    },
};

#[test]
fn row_67_a_signing_key_is_replaced_step_by_step_and_no_step_comes_too_early() {
    for (what, name, key_use, on_its_way) in [
        (
            Rotating::Statement,
            "statement",
            KeyUse::Statement,
            HOUR * 24,
        ),
        (
            Rotating::Receipt,
            "receipt",
            KeyUse::Receipt,
            HOUR * 24 * 30,
        ),
        (Rotating::Log, "log", KeyUse::Log, HOUR * 24),
    ] {
        let mut office = Office::founded();
        let present = format!("keys/{name}.key");
        let old = office.key(&present, key_use);
        let home = office.home();
        assert_eq!(stage(&home, what).unwrap(), Stage::Settled);

        office.later(HOUR);
        office.rotate(what).unwrap();
        let new = office.key(&format!("keys/{name}-next.key"), key_use);
        let published = office.entry().keys;
        assert!(
            [old, new]
                .iter()
                .all(|key| published.iter().any(|it| it.public_key == key))
        );
        let told = office.rotate(what).unwrap_err();
        assert!(matches!(told, PkiError::NotPublished { .. }), "{told}");

        office.later(HOUR);
        office.publish();
        let everywhere = office.now.plus(HOUR * 24);
        for wait in [Duration::ZERO, HOUR * 23, HOUR - SECOND] {
            office.later(wait);
            // Newer versions that name it, too, put nothing off.
            office.publish();
            assert_eq!(office.too_early(what), everywhere);
        }
        assert_eq!(office.key(&present, key_use), old, "nothing was touched");
        office.later(SECOND);
        let step = office.rotate(what).unwrap();
        assert_eq!(office.key(&present, key_use), new);
        assert_eq!(stage(&home, what).unwrap(), Stage::Activated(office.now));

        let gone = office.now.plus(on_its_way);
        assert_eq!(step.earliest, Some(gone));
        assert_eq!(office.too_early(what), gone);
        office.now = gone.minus(SECOND);
        assert_eq!(office.too_early(what), gone);
        office.now = gone;
        office.rotate(what).unwrap();
        let keys = office.entry().keys;
        let ends = |key: [u8; 32]| {
            keys.iter()
                .find(|it| it.public_key == key)
                .map(|it| it.valid_until_us)
        };
        assert_eq!(ends(old), Some(office.now.as_micros()));
        assert!(ends(new) > ends(old));
        assert!(!office.file(&format!("keys/{name}-old.key")).exists());
        assert_eq!(stage(&home, what).unwrap(), Stage::Settled);
        office.publish();
    }
}

#[test]
fn row_67_a_key_whose_directory_was_replaced_by_one_without_it_waits_anew() {
    let mut office = Office::founded();
    office.rotate(Rotating::Statement).unwrap();
    office.later(HOUR);
    office.publish();
    office.later(HOUR * 30);
    // A directory that no longer names it: the key is not known everywhere, however long ago it was.
    let next = office.file("keys/statement-next.key");
    let aside = office.file("aside.key");
    fs::rename(&next, &aside).unwrap();
    renew(&office.home(), &FixedClock(office.now), |entry| {
        entry.keys.pop();
    })
    .unwrap();
    office.publish();
    fs::rename(&aside, &next).unwrap();
    let told = office.rotate(Rotating::Statement).unwrap_err();
    assert!(matches!(told, PkiError::NotPublished { .. }), "{told}");
    application::application(&office.home(), &FixedClock(office.now)).unwrap();
    office.later(HOUR);
    office.publish();
    assert_eq!(
        office.too_early(Rotating::Statement),
        office.now.plus(HOUR * 24)
    );
}

#[test]
fn an_activation_that_was_interrupted_is_taken_up_again() {
    let mut office = Office::founded();
    let what = Rotating::Statement;
    office.rotate(what).unwrap();
    office.publish();
    office.later(HOUR * 24);
    let (old, new) = (
        office.key("keys/statement.key", KeyUse::Statement),
        office.key("keys/statement-next.key", KeyUse::Statement),
    );
    // The note and the copy of the old key are there; the swap is not.
    let places = Places::of(&office.home(), what);
    folder::keep_private(&places.present, &places.old).unwrap();
    fs::write(&places.note, "activated_at_us = 7\n").unwrap();
    office.rotate(what).unwrap();
    assert_eq!(office.key("keys/statement.key", KeyUse::Statement), new);
    assert_eq!(office.key("keys/statement-old.key", KeyUse::Statement), old);
    assert_eq!(
        stage(&office.home(), what).unwrap(),
        Stage::Activated(office.now)
    );
}

#[test]
fn row_67_a_node_certificate_is_replaced_and_the_old_one_revoked_a_minute_later() {
    let mut office = Office::founded();
    let old = fs::read(office.file("node/exchange.pem")).unwrap();
    let step = office.rotate(Rotating::Node).unwrap();
    assert_ne!(fs::read(office.file("node/exchange.pem")).unwrap(), old);
    let at = office.now.plus(Duration::from_secs(60));
    assert_eq!(step.earliest, Some(at));
    assert_eq!(office.too_early(Rotating::Node), at);
    let lists = fs::read(office.file("exchange.crl")).unwrap();
    office.now = at;
    office.rotate(Rotating::Node).unwrap();
    let revoked = fs::read_to_string(office.file("ca/exchange-crl.toml")).unwrap();
    assert_eq!(revoked.matches("serial").count(), 1, "{revoked}");
    assert_ne!(fs::read(office.file("exchange.crl")).unwrap(), lists);
    for gone in [
        "node/exchange-old.key",
        "node/exchange-old.pem",
        "node/exchange-next.key",
    ] {
        assert!(!office.file(gone).exists(), "{gone}");
    }
    office.publish();
    // What is in use now is a pair.
    let clock = FixedClock(office.now);
    let pair = ["node/exchange.pem", "node/exchange.key"].map(|name| office.file(name));
    crate::trust::tls::TlsIdentity::load(&pair[0], &pair[1], &clock).unwrap();
}

#[test]
fn row_67_a_pinned_certificate_is_published_before_it_is_shown() {
    let mut office = Office::founded();
    let first = pin_of(&office.file("node/exchange.pem")).unwrap();
    let clock = FixedClock(office.now);
    renew(&office.home(), &clock, |entry| {
        entry.spki_pins.push(first.to_vec());
    })
    .unwrap();
    office.publish();
    office.later(HOUR);
    office.rotate(Rotating::Node).unwrap();
    assert_eq!(pin_of(&office.file("node/exchange.pem")).unwrap(), first);
    let next = pin_of(&office.file("node/exchange-next.pem")).unwrap();
    assert_eq!(office.entry().spki_pins, [first.to_vec(), next.to_vec()]);
    office.publish();
    let everywhere = office.now.plus(HOUR * 24);
    assert_eq!(office.too_early(Rotating::Node), everywhere);
    office.now = everywhere;
    office.rotate(Rotating::Node).unwrap();
    assert_eq!(pin_of(&office.file("node/exchange.pem")).unwrap(), next);
    office.later(HOUR);
    office.rotate(Rotating::Node).unwrap();
    assert_eq!(office.entry().spki_pins, [next.to_vec()]);
}

#[test]
fn row_67_a_directory_key_takes_over_with_the_directory_that_names_it_and_not_before() {
    let mut office = Office::founded();
    let what = Rotating::Directory;
    let (old, first) = (
        office.key("keys/directory.key", KeyUse::Directory),
        office.directory(),
    );
    office.steps(what);
    let new = office.key("keys/directory-next.key", KeyUse::Directory);
    assert_eq!(stage(&office.home(), what).unwrap(), Stage::Prepared);
    let told = office.rotate(what).unwrap_err();
    assert!(matches!(told, PkiError::NotPublished { .. }), "{told}");
    assert_eq!(office.key("keys/directory.key", KeyUse::Directory), old);
    office.later(HOUR);
    office.publish();
    let named = |directory: &Directory| {
        let member = directory.member(&"XA-POL".parse().unwrap());
        member.unwrap().directory_key
    };
    assert_eq!(named(&office.directory()), Some(new));
    office.steps(what);
    assert_eq!(office.key("keys/directory.key", KeyUse::Directory), new);
    assert!(!office.file("keys/directory-next.key").exists());
    assert_eq!(stage(&office.home(), what).unwrap(), Stage::Settled);
    // What comes next is the new one's, and what was signed before verifies under its own version.
    office.rotate(Rotating::Statement).unwrap();
    office.later(HOUR);
    office.publish();
    let kept = Directory::load_version(&office.file("directory"), first.anchor(), first.version());
    assert_eq!(named(&kept.unwrap()), Some(old));
}

#[test]
fn an_entry_of_a_former_directory_key_is_refused() {
    let mut office = Office::founded();
    let before = office.entry();
    let old = SigningKey::load(&office.file("keys/directory.key"), KeyUse::Directory).unwrap();
    office.steps(Rotating::Directory);
    office.publish();
    office.steps(Rotating::Directory);
    office.later(HOUR);
    let mut stolen = office.directory().bundle().clone();
    let entry = pb::Entry {
        number: before.number + 9,
        ..before
    };
    stolen.entries = vec![sign_message(DocumentType::Entry, &entry, &[&old])];
    let anchor = office.directory().anchor();
    let told = Directory::verify(&stolen, anchor, office.now).unwrap_err();
    assert!(
        matches!(told, DirectoryError::TooFewSignatures { found: 0, .. }),
        "{told}"
    );
}

#[test]
fn names_are_read_as_they_are_shown() {
    for what in Rotating::ALL {
        assert_eq!(what.to_string().parse(), Ok(what));
    }
    assert!("witness".parse::<Rotating>().is_err());
}
