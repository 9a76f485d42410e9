//! An authority's office for tests: its folder, its federation, and a clock that is moved by hand.
//!
//! The way in: [`Office::founded`].

use std::{path::PathBuf, time::Duration};

use super::{
    AuthorityPlan, Contact, Installed, PkiError, Rotating, Step, application, init, rotate,
};
use crate::{
    domain::time::Timestamp,
    proto::directory::v1 as pb,
    trust::{
        directory::{Anchor, Directory},
        federation::{self, Change, Setup, Terms},
        keys::{KeyUse, SigningKey},
        testing::FixedClock,
    },
};

pub(super) const HOUR: Duration = Duration::from_secs(3600);
pub(super) const SECOND: Duration = Duration::from_secs(1);

/// An authority's folder, its federation, and a clock that is moved by hand.
pub(super) struct Office {
    folder: tempfile::TempDir,
    anchor: Anchor,
    pub(super) now: Timestamp,
}

impl Office {
    pub(super) fn founded() -> Self {
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

    pub(super) fn home(&self) -> PathBuf {
        self.folder.path().join("xa")
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.home().join(name)
    }

    pub(super) fn later(&mut self, by: Duration) {
        self.now = self.now.plus(by);
    }

    /// The federation takes the application in, and the node installs what it publishes.
    pub(super) fn publish(&self) {
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

    pub(super) fn rotate(&self, what: Rotating) -> Result<Step, PkiError> {
        let directory = self.file("directory");
        let installed = Installed {
            authority: "XA-POL".parse().unwrap(),
            folder: &directory,
            anchor: self.anchor,
        };
        rotate(&self.home(), what, installed, &FixedClock(self.now))
    }

    /// The directory that the node has.
    pub(super) fn directory(&self) -> Directory {
        Directory::load(&self.file("directory"), self.anchor, self.now).unwrap()
    }

    /// Takes a step that is safe now.
    pub(super) fn steps(&self, what: Rotating) -> Step {
        self.rotate(what).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Refused as too early; gives the earliest safe time.
    pub(super) fn too_early(&self, what: Rotating) -> Timestamp {
        match self.rotate(what).unwrap_err() {
            PkiError::TooEarly { earliest, .. } => earliest,
            error => panic!("{error}"),
        }
    }

    pub(super) fn entry(&self) -> pb::Entry {
        application::entry(&self.home()).unwrap()
    }

    pub(super) fn key(&self, name: &str, key_use: KeyUse) -> [u8; 32] {
        SigningKey::load(&self.file(name), key_use)
            .unwrap()
            .public()
    }
}
