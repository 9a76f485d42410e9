//! An authority that walks through each replacement, and is held back at each step until its time.

use std::fs;

use super::*;
use crate::{
    proto::directory::v1 as pb,
    trust::{
        federation::{self, Change, Setup, Terms},
        pki::{AuthorityPlan, Contact, init},
        testing::FixedClock,
    },
};

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

/// An authority's folder, its federation, and a clock that is moved by hand.
struct Office {
    folder: tempfile::TempDir,
    anchor: Anchor,
    now: Timestamp,
}

impl Office {
    fn founded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let setup = Setup {
            name: "demo".to_owned(),
            roots: 1,
            threshold: 1,
        };
        let clock = FixedClock(now);
        let anchor = federation::init(&folder.path().join("federation"), &setup, &clock).unwrap();
        let plan = AuthorityPlan {
            id: "XA-POL".parse().unwrap(),
            name: "Arcadia Police".to_owned(),
            country: "XA".to_owned(),
            endpoints: vec!["127.0.0.1:7101".to_owned()],
            contact: Contact::default(),
            groups: vec![],
            federation: "demo".to_owned(),
            desk_hosts: vec![],
        };
        init(&folder.path().join("xa"), &plan, &clock).unwrap();
        let office = Self {
            folder,
            anchor,
            now,
        };
        office.publish();
        office
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("xa")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home().join(name)
    }

    fn later(&mut self, by: Duration) {
        self.now = self.now.plus(by);
    }

    /// The federation takes the application in, and the node installs what it publishes.
    fn publish(&self) {
        let (folder, clock) = (self.folder.path().join("federation"), FixedClock(self.now));
        let application = federation::read_application(&self.file("application.json")).unwrap();
        let change = Change::Admit(Box::new(application));
        if let Ok(proposed) = federation::propose(&folder, &[change], Terms::default(), &clock)
            && let Some(file) = proposed.to_sign
        {
            let root = SigningKey::load(&folder.join("root-1.key"), KeyUse::Root).unwrap();
            federation::sign(&file, &root).unwrap();
        }
        let published = federation::publish(&folder, &clock).unwrap();
        let directory = self.file("directory");
        federation::install(&published.file, &directory, self.anchor, &clock).unwrap();
    }

    fn rotate(&self, what: Rotating) -> Result<Step, PkiError> {
        let directory = self.file("directory");
        let installed = Installed {
            authority: "XA-POL".parse().unwrap(),
            folder: &directory,
            anchor: self.anchor,
        };
        rotate(&self.home(), what, installed, &FixedClock(self.now))
    }

    /// Refused as too early; gives the earliest safe time.
    fn too_early(&self, what: Rotating) -> Timestamp {
        match self.rotate(what).unwrap_err() {
            PkiError::TooEarly { earliest, .. } => earliest,
            error => panic!("{error}"),
        }
    }

    fn entry(&self) -> pb::Entry {
        application::entry(&self.home()).unwrap()
    }

    fn key(&self, name: &str, key_use: KeyUse) -> [u8; 32] {
        SigningKey::load(&self.file(name), key_use)
            .unwrap()
            .public()
    }
}

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
    let places = Places::of(&office.home(), what).unwrap();
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
fn what_cannot_overlap_is_refused_and_nothing_is_changed() {
    let office = Office::founded();
    let before = fs::read(office.file("application.json")).unwrap();
    for what in [Rotating::ExchangeCa, Rotating::DeskCa] {
        let told = office.rotate(what).unwrap_err();
        assert!(matches!(told, PkiError::NoOverlap(_)), "{told}");
    }
    assert_eq!(fs::read(office.file("application.json")).unwrap(), before);
}

#[test]
fn names_are_read_as_they_are_shown() {
    for what in Rotating::ALL {
        assert_eq!(what.to_string().parse(), Ok(what));
    }
    assert!("log".parse::<Rotating>().is_err());
}
