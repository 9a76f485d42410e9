//! A whole folder, as `init` makes it, and a directory that believes its application.

use std::{fs, os::unix::fs::PermissionsExt as _, sync::Arc, time::Duration};

use prost::Message as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::*;
use crate::{
    domain::{
        id::AuthorityId,
        time::{Clock, Timestamp},
    },
    proto::directory::v1 as pb,
    trust::{
        directory::{
            Directory,
            author::{anchor_of, sign_message},
        },
        keys::{KeyUse, SigningKey},
        pae::DocumentType,
        tls::{MemberSource as _, Role},
    },
};

#[derive(Debug)]
struct At(i64);
impl Clock for At {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0 * 1_000_000)
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}
const NOW: At = At(1_800_000_000);

fn xa() -> AuthorityId {
    "XA-POL".parse().unwrap()
}

fn plan() -> AuthorityPlan {
    AuthorityPlan {
        id: xa(),
        name: "Arcadia Police".into(),
        country: "XA".into(),
        endpoints: vec!["127.0.0.1:7101".into()],
        contact: Contact {
            function: "Duty officer".into(),
            ..Contact::default()
        },
        groups: vec!["north".into()],
        federation: "demo".into(),
        desk_hosts: vec![],
    }
}

fn founded() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path(), &plan(), &NOW).unwrap();
    folder
}

fn read_application(folder: &Path) -> (pb::Application, pb::Entry) {
    let text = fs::read_to_string(folder.join("application.json")).unwrap();
    let application: pb::Application = serde_json::from_str(&text).unwrap();
    let document = &application.entry.as_ref().unwrap().document;
    let entry = pb::Entry::decode(document.as_slice()).unwrap();
    (application, entry)
}

#[test]
fn every_private_file_is_readable_by_its_owner_alone() {
    let folder = founded();
    for private in [
        "ca/exchange-ca.key",
        "ca/desk-ca.key",
        "node/exchange.key",
        "node/desk.key",
        "keys/directory.key",
        "keys/statement.key",
        "keys/receipt.key",
        "keys/log.key",
        "store.key",
    ] {
        let mode = fs::metadata(folder.path().join(private)).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600, "{private}");
    }
}

#[test]
fn init_refuses_a_folder_in_use_and_names_what_is_there() {
    let folder = founded();
    for part in ["ca", "keys", "node", "store.key", "application.json"] {
        let other = tempfile::tempdir().unwrap();
        fs::rename(folder.path().join(part), other.path().join(part)).unwrap();
        let error = init(other.path(), &plan(), &NOW).unwrap_err();
        assert!(matches!(&error, PkiError::Exists(path) if path.ends_with(part)));
        assert_eq!(fs::read_dir(other.path()).unwrap().count(), 1, "{part}");
        fs::rename(other.path().join(part), folder.path().join(part)).unwrap();
    }
}

#[test]
fn the_application_goes_on_by_one_and_keeps_what_was_said() {
    let folder = founded();
    let (_, first) = read_application(folder.path());
    publish_crl(folder.path(), 7, &NOW).unwrap();
    application(folder.path(), &At(1_800_000_100)).unwrap();
    let (_, second) = read_application(folder.path());
    assert_eq!((first.number, second.number), (1, 2));
    assert_eq!((first.min_crl_number, second.min_crl_number), (1, 2));
    assert_eq!(first.endpoints, plan().endpoints);
    assert_eq!(first.endpoints, second.endpoints);
    let contact = first.contact.clone().unwrap_or_default();
    assert_eq!(contact.function, plan().contact.function);
    assert_eq!(first.contact, second.contact);
    assert_eq!(first.keys, second.keys);
    assert_eq!(second.keys.len(), 3);
    let missing = tempfile::tempdir().unwrap();
    let error = application(missing.path(), &NOW).unwrap_err();
    assert!(matches!(error, PkiError::Missing(_)));
}

#[test]
fn a_directory_believes_the_application_and_gives_tls_its_ca_and_list() {
    let folder = founded();
    let (application, _) = read_application(folder.path());
    let (bundle, anchor) = bundle_of(application.clone());
    let directory = Directory::verify(&bundle, anchor, NOW.now()).unwrap();
    let handle = Arc::new(arc_swap::ArcSwap::from_pointee(directory));
    let member = handle.member(&xa()).unwrap();
    let [ca] = member.exchange_cas.as_slice() else {
        panic!("one CA");
    };
    assert_eq!(ca.der, application.member.unwrap().exchange_ca);
    assert_eq!(ca.crl, Some(application.crl));
    assert!(!member.suspended);
    assert!(handle.member(&"XB-POL".parse().unwrap()).is_none());
}

#[test]
fn a_directory_refuses_an_entry_that_was_changed() {
    let folder = founded();
    let (mut application, mut entry) = read_application(folder.path());
    entry.endpoints = vec!["192.0.2.1:7101".into()];
    application.entry.as_mut().unwrap().document = entry.encode_to_vec();
    let (bundle, anchor) = bundle_of(application);
    assert!(Directory::verify(&bundle, anchor, NOW.now()).is_err());
}

/// A federation of this one authority, with one root.
fn bundle_of(application: pb::Application) -> (pb::Bundle, crate::trust::directory::Anchor) {
    let (root_key, timestamp_key) = (
        SigningKey::generate(KeyUse::Root),
        SigningKey::generate(KeyUse::Timestamp),
    );
    let now = NOW.now();
    let in_a_day = now.plus(Duration::from_secs(24 * 3600)).as_micros();
    let root = pb::Root {
        federation: "demo".into(),
        version: 1,
        root_keys: vec![root_key.public().to_vec()],
        threshold: 1,
        timestamp_keys: vec![timestamp_key.public().to_vec()],
        issued_at_us: now.as_micros(),
    };
    let root = sign_message(DocumentType::Root, &root, &[&root_key]);
    let membership = pb::Membership {
        federation: "demo".into(),
        version: 1,
        issued_at_us: now.as_micros(),
        expires_at_us: in_a_day,
        grace_days: 14,
        members: application.member.into_iter().collect(),
    };
    let membership = sign_message(DocumentType::Membership, &membership, &[&root_key]);
    let entry = application.entry.unwrap();
    let timestamp = pb::Timestamp {
        federation: "demo".into(),
        version: 1,
        root_version: 1,
        root_hash: anchor_of(&root).0.to_vec(),
        membership_version: 1,
        membership_hash: anchor_of(&membership).0.to_vec(),
        entries: vec![pb::EntryHead {
            authority: xa().to_string(),
            number: 1,
            hash: anchor_of(&entry).0.to_vec(),
        }],
        issued_at_us: now.as_micros(),
        expires_at_us: in_a_day,
    };
    let timestamp = sign_message(DocumentType::Timestamp, &timestamp, &[&timestamp_key]);
    let anchor = anchor_of(&root);
    let bundle = pb::Bundle {
        roots: vec![root],
        membership: Some(membership),
        entries: vec![entry],
        timestamp: Some(timestamp),
        crls: vec![application.crl],
    };
    (bundle, anchor)
}

#[test]
fn certificates_have_the_profiles_that_are_documented() {
    let folder = founded();
    let person = DeskProfile {
        authority: xa(),
        role: Role::Auditor,
        name: "court-1".parse().unwrap(),
        unit: None,
    };
    issue_desk(folder.path(), &person, Replace::Never, &NOW).unwrap();
    for (file, uri, names, days) in [
        ("ca/exchange-ca.pem", None, 0, 3652),
        ("ca/desk-ca.pem", None, 0, 3652),
        (
            "node/exchange.pem",
            Some("allpoints://XA-POL/node/1"),
            2,
            90,
        ),
        (
            "node/desk.pem",
            Some("allpoints://XA-POL/desk/server/1"),
            5,
            90,
        ),
        (
            "desk/auditor-court-1.pem",
            Some("allpoints://XA-POL/desk/auditor/court-1"),
            1,
            365,
        ),
    ] {
        let file = folder.path().join(file);
        let der = crl::read_certificate(&file).unwrap();
        let (_, parsed) = X509Certificate::from_der(&der).unwrap();
        assert_eq!(
            name_in(&file).ok().map(|name| name.to_string()).as_deref(),
            uri
        );
        let san = parsed.subject_alternative_name().unwrap();
        assert_eq!(san.map_or(0, |san| san.value.general_names.len()), names);
        assert_eq!(parsed.is_ca(), uri.is_none(), "{}", file.display());
        let end = parsed.validity().not_after.timestamp();
        assert_eq!(end, 1_800_000_000 + days * 24 * 3600);
        assert_eq!(parsed.raw_serial().len(), 16);
        assert_eq!(parsed.raw_serial()[0] & 0x80, 0);
    }
}

#[test]
fn desk_hosts_stand_in_the_certificate_once_each() {
    let folder = tempfile::tempdir().unwrap();
    let mut plan = plan();
    plan.desk_hosts = ["desk.example", "localhost", "desk.example"]
        .map(String::from)
        .into();
    init(folder.path(), &plan, &NOW).unwrap();
    let der = crl::read_certificate(&folder.path().join("node/desk.pem")).unwrap();
    let (_, parsed) = X509Certificate::from_der(&der).unwrap();
    let san = parsed.subject_alternative_name().unwrap().unwrap();
    let names = san.value.general_names.iter().map(ToString::to_string);
    let names: Vec<_> = names.collect();
    for expected in ["desk.example", "xa-pol.desk.allpoints.invalid"] {
        let given = names.iter().filter(|name| name.contains(expected));
        assert_eq!(given.count(), 1, "{expected} in {names:?}");
    }
    assert_eq!(names.len(), 6);
}

#[test]
fn hosts_that_cannot_stand_in_a_certificate_are_refused() {
    for host in ["", "a b", "http://x", "a..b", "1.2.3.4:5"] {
        let folder = tempfile::tempdir().unwrap();
        let mut plan = plan();
        plan.desk_hosts = vec![host.into()];
        let error = init(folder.path(), &plan, &NOW).unwrap_err();
        assert!(matches!(error, PkiError::Host(_)), "{host}: {error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
