//! An authority that replaces its CAs: too early is refused, nobody is shut out, and the old one goes at the end.

use std::time::Duration;

use super::*;
use crate::{
    domain::id::AuthorityId,
    trust::{
        pki::{
            DeskProfile, Replace, Revoked, Rotating, issue_desk,
            office::{HOUR, Office, SECOND},
            revoke, rotate, stage,
        },
        testing::FixedClock,
        tls::{DeskTrust, Role, TlsIdentity},
    },
};

const EXCHANGE: Rotating = Rotating::ExchangeCa;
const DESK: Rotating = Rotating::DeskCa;

fn xa() -> AuthorityId {
    "XA-POL".parse().unwrap()
}

/// Which CA of the folder issued a certificate.
fn issuer_in(office: &Office, certificate: &str) -> Option<(Ca, Generation)> {
    let der = read_certificate(&office.file(certificate)).unwrap();
    let (_, parsed) = X509Certificate::from_der(&der).unwrap();
    issuer_of(&office.home(), &parsed).unwrap()
}

fn certificate(office: &Office, name: &str) -> Vec<u8> {
    read_certificate(&office.file(name)).unwrap().to_vec()
}

/// The CAs that the directory in force names, with whether each has a list.
fn named(office: &Office) -> Vec<(Vec<u8>, bool)> {
    let directory = office.directory();
    let cas = &directory.member(&xa()).unwrap().exchange_cas;
    cas.iter()
        .map(|ca| (ca.der.clone(), ca.crl.is_some()))
        .collect()
}

/// What the node's own certificate is issued by, as its files have it, loads.
fn require_pair(office: &Office, stem: &str) {
    let [certificate, key] = ["pem", "key"].map(|end| office.file(&format!("node/{stem}.{end}")));
    TlsIdentity::load(&certificate, &key, &FixedClock(office.now)).unwrap();
}

#[test]
fn row_67_an_exchange_ca_is_replaced_step_by_step_and_no_step_comes_too_early() {
    let mut office = Office::founded();
    let home = office.home();
    let old = certificate(&office, "ca/exchange-ca.pem");
    assert_eq!(stage(&home, EXCHANGE).unwrap(), Stage::Settled);

    let step = office.steps(EXCHANGE);
    assert!(step.next.contains("application.json"), "{}", step.next);
    let new = certificate(&office, "ca/exchange-ca-next.pem");
    assert_eq!(stage(&home, EXCHANGE).unwrap(), Stage::Prepared);
    assert_eq!(
        named(&office),
        [(old.clone(), true)],
        "nothing is in force yet"
    );
    let told = office.rotate(EXCHANGE).unwrap_err();
    assert!(matches!(told, PkiError::NotPublished { .. }), "{told}");

    office.later(HOUR);
    office.publish();
    assert_eq!(named(&office), [(old.clone(), true), (new.clone(), true)]);
    let everywhere = office.now.plus(HOUR * 24);
    for wait in [Duration::ZERO, HOUR * 23, HOUR - SECOND] {
        office.later(wait);
        // Newer versions that name it, too, put nothing off.
        office.publish();
        assert_eq!(office.too_early(EXCHANGE), everywhere);
    }
    assert_eq!(certificate(&office, "ca/exchange-ca.pem"), old);
    let by = (Ca::Exchange, Generation::Present);
    assert_eq!(issuer_in(&office, "node/exchange.pem"), Some(by));

    office.later(SECOND);
    let key = fs::read(office.file("node/exchange.key")).unwrap();
    let step = office.steps(EXCHANGE);
    assert_eq!(
        stage(&home, EXCHANGE).unwrap(),
        Stage::Activated(office.now)
    );
    assert_eq!(certificate(&office, "ca/exchange-ca.pem"), new);
    assert_eq!(certificate(&office, "ca/exchange-ca-old.pem"), old);
    assert_eq!(
        issuer_in(&office, "node/exchange.pem"),
        Some(by),
        "by the new one"
    );
    assert_eq!(fs::read(office.file("node/exchange.key")).unwrap(), key);
    require_pair(&office, "exchange");
    // Nothing that roots must sign has changed, and both lists go on.
    let before = named(&office);
    office.publish();
    assert_eq!(named(&office), before);

    let shown = office.now.plus(CERTIFICATE_SPREAD_MAX);
    assert_eq!(step.earliest, Some(shown));
    assert_eq!(office.too_early(EXCHANGE), shown);
    office.now = shown;
    office.steps(EXCHANGE);
    assert_eq!(stage(&home, EXCHANGE).unwrap(), Stage::Settled);
    office.publish();
    assert_eq!(named(&office), [(new, true)]);
    for gone in [
        "ca/exchange-ca-old.pem",
        "ca/exchange-ca-old.key",
        "ca/exchange-ca-next.pem",
        "ca/exchange-ca-next.key",
        "ca/exchange-old-crl.toml",
        "ca/exchange-next-crl.toml",
        "ca/exchange-ca-rotation.toml",
        "exchange-old.crl",
        "exchange-next.crl",
    ] {
        assert!(!office.file(gone).exists(), "{gone}");
    }
    // And another time.
    office.steps(EXCHANGE);
    assert_eq!(stage(&home, EXCHANGE).unwrap(), Stage::Prepared);
}

#[test]
fn what_a_ca_has_revoked_stays_revoked_through_its_replacement() {
    let mut office = Office::founded();
    let home = office.home();
    let lost = office.file("lost.pem");
    fs::copy(office.file("node/exchange.pem"), &lost).unwrap();
    office.steps(Rotating::Node);
    office.later(HOUR);
    office.steps(Rotating::Node);
    let serials = |office: &Office, file: &str| {
        let text = fs::read_to_string(office.file(file)).unwrap();
        text.matches("serial").count()
    };
    assert_eq!(serials(&office, "ca/exchange-crl.toml"), 1);
    office.steps(EXCHANGE);
    office.publish();
    office.later(HOUR * 24);
    office.steps(EXCHANGE);
    assert_eq!(serials(&office, "ca/exchange-old-crl.toml"), 1);
    assert_eq!(serials(&office, "ca/exchange-crl.toml"), 0);
    // The old one still revokes what it issued; the new one does not know it.
    let again = revoke(&home, &lost, &FixedClock(office.now)).unwrap();
    assert_eq!(again, Revoked::Before(Ca::Exchange));
    let directory = office.directory();
    let cas = &directory.member(&xa()).unwrap().exchange_cas;
    let lists = cas.iter().map(|ca| {
        let list = ca.crl.as_deref().unwrap();
        let (_, list) =
            x509_parser::revocation_list::CertificateRevocationList::from_der(list).unwrap();
        list.iter_revoked_certificates().count()
    });
    assert!(lists.eq([1, 0]));
}

#[test]
fn row_67_the_old_exchange_ca_stays_while_a_certificate_of_it_is_in_force() {
    let mut office = Office::founded();
    // A node certificate of the old CA that somebody put aside for another machine.
    let other = office.file("node/exchange-machine-2.pem");
    fs::copy(office.file("node/exchange.pem"), &other).unwrap();
    let ends = office.now.plus(HOUR * 24 * 90);
    office.steps(EXCHANGE);
    office.publish();
    office.later(HOUR * 24);
    office.steps(EXCHANGE);
    office.later(HOUR);
    let told = office.rotate(EXCHANGE).unwrap_err();
    assert!(
        told.to_string().contains("exchange-machine-2.pem"),
        "{told}"
    );
    assert_eq!(office.too_early(EXCHANGE), ends);
    assert!(office.file("ca/exchange-ca-old.key").exists());
    revoke(&office.home(), &other, &FixedClock(office.now)).unwrap();
    office.steps(EXCHANGE);
    assert_eq!(stage(&office.home(), EXCHANGE).unwrap(), Stage::Settled);
}

#[test]
fn a_ca_whose_directory_was_replaced_by_one_without_it_waits_anew() {
    let mut office = Office::founded();
    office.steps(EXCHANGE);
    office.publish();
    office.later(HOUR * 30);
    // Published without it: however long ago it was named, partners refuse it now.
    let next = ["pem", "key"].map(|end| office.file(&format!("ca/exchange-ca-next.{end}")));
    let aside = ["pem", "key"].map(|end| office.file(&format!("aside.{end}")));
    for (file, aside) in next.iter().zip(&aside) {
        fs::rename(file, aside).unwrap();
    }
    application(&office.home(), &FixedClock(office.now)).unwrap();
    office.publish();
    for (file, aside) in next.iter().zip(&aside) {
        fs::rename(aside, file).unwrap();
    }
    let told = office.rotate(EXCHANGE).unwrap_err();
    assert!(matches!(told, PkiError::NotPublished { .. }), "{told}");
    application(&office.home(), &FixedClock(office.now)).unwrap();
    office.later(HOUR);
    office.publish();
    assert_eq!(office.too_early(EXCHANGE), office.now.plus(HOUR * 24));
}

#[test]
fn an_activation_that_was_interrupted_anywhere_is_taken_up_again() {
    for interrupted in 0..5 {
        let mut office = Office::founded();
        office.steps(EXCHANGE);
        office.publish();
        office.later(HOUR * 24);
        let (old, new) = (
            certificate(&office, "ca/exchange-ca.pem"),
            certificate(&office, "ca/exchange-ca-next.pem"),
        );
        let home = office.home();
        let ca = Succession {
            folder: &home,
            ca: Ca::Exchange,
        };
        let [was, present, next] =
            [Generation::Old, Generation::Present, Generation::Next].map(|it| ca.paths(it));
        // The first so many of the steps that `activate` takes.
        let steps: [&dyn Fn(); 5] = [
            &|| folder::replace(&was.0, first_certificate(&present.0).unwrap().as_bytes()).unwrap(),
            &|| folder::keep_private(&present.1, &was.1).unwrap(),
            &|| crl::succeed(&home, Ca::Exchange).unwrap(),
            &|| folder::replace(&present.0, &fs::read(&next.0).unwrap()).unwrap(),
            &|| folder::put_in_place(&next.1, &present.1).unwrap(),
        ];
        for step in &steps[..=interrupted] {
            step();
        }
        assert_eq!(ca.stage().unwrap(), Stage::Prepared);
        office.steps(EXCHANGE);
        assert_eq!(
            ca.stage().unwrap(),
            Stage::Activated(office.now),
            "{interrupted}"
        );
        assert_eq!(certificate(&office, "ca/exchange-ca.pem"), new);
        assert_eq!(certificate(&office, "ca/exchange-ca-old.pem"), old);
        require_pair(&office, "exchange");
        office.publish();
        assert_eq!(named(&office), [(old, true), (new.clone(), true)]);
        office.later(HOUR);
        office.steps(EXCHANGE);
        office.publish();
        assert_eq!(named(&office), [(new, true)]);
    }
}

#[test]
fn a_preparation_that_was_interrupted_is_taken_up_again() {
    let office = Office::founded();
    let key = office.file("ca/exchange-ca-next.key");
    fs::write(&key, "half a key").unwrap();
    office.steps(EXCHANGE);
    assert!(fs::read_to_string(&key).unwrap().contains("PRIVATE KEY"));
    assert_eq!(stage(&office.home(), EXCHANGE).unwrap(), Stage::Prepared);
}

#[test]
fn row_67_a_desk_ca_is_replaced_step_by_step_and_both_are_trusted_meanwhile() {
    let mut office = Office::founded();
    let home = office.home();
    let profile = DeskProfile {
        authority: xa(),
        role: Role::Officer,
        name: "duty-7".parse().unwrap(),
        unit: None,
    };
    let issue = |office: &Office, replace| {
        issue_desk(&home, &profile, replace, &FixedClock(office.now)).unwrap();
    };
    issue(&office, Replace::Never);
    let ends = office.now.plus(HOUR * 24 * 365);
    // The desk trusts this many CAs, and all that it is given fits together.
    let trusted = |office: &Office| {
        let read = |name: &str| fs::read(office.file(name)).unwrap();
        let (ca, lists) = (read("ca/desk-ca.pem"), read("desk.crl"));
        DeskTrust::new(xa(), &ca, &lists).unwrap_or_else(|error| panic!("{error}"));
        let text = String::from_utf8(ca).unwrap();
        text.matches("BEGIN CERTIFICATE").count()
    };
    assert_eq!(trusted(&office), 1);

    let step = office.steps(DESK);
    let everywhere = office.now.plus(HOUR * 24);
    assert_eq!(step.earliest, Some(everywhere));
    assert_eq!(trusted(&office), 2);
    assert_eq!(office.too_early(DESK), everywhere);
    let present = Some((Ca::Desk, Generation::Present));
    assert_eq!(issuer_in(&office, "node/desk.pem"), present);
    office.now = everywhere.minus(SECOND);
    assert_eq!(office.too_early(DESK), everywhere);
    office.now = everywhere;
    let before = certificate(&office, "node/desk.pem");
    office.steps(DESK);
    assert_eq!(trusted(&office), 2);
    assert_ne!(certificate(&office, "node/desk.pem"), before);
    assert_eq!(
        issuer_in(&office, "node/desk.pem"),
        present,
        "by the new one"
    );
    require_pair(&office, "desk");
    let hosts = |name: &str| {
        let der = certificate(&office, name);
        let (_, parsed) = X509Certificate::from_der(&der).unwrap();
        let names = parsed.subject_alternative_name().unwrap().unwrap();
        names.value.general_names.len()
    };
    assert_eq!(hosts("node/desk.pem"), 5, "the same hosts");
    let of_old = Some((Ca::Desk, Generation::Old));
    assert_eq!(issuer_in(&office, "desk/officer-duty-7.pem"), of_old);

    office.later(HOUR);
    let told = office.rotate(DESK).unwrap_err();
    assert!(told.to_string().contains("officer-duty-7.pem"), "{told}");
    assert_eq!(office.too_early(DESK), ends);
    issue(&office, Replace::SameKey);
    assert_eq!(issuer_in(&office, "desk/officer-duty-7.pem"), present);
    office.steps(DESK);
    assert_eq!(trusted(&office), 1);
    assert_eq!(stage(&home, DESK).unwrap(), Stage::Settled);
    for gone in ["ca/desk-ca-old.pem", "ca/desk-ca-old.key", "desk-old.crl"] {
        assert!(!office.file(gone).exists(), "{gone}");
    }
    // Partners were never concerned.
    office.publish();
    assert_eq!(named(&office).len(), 1);
}

#[test]
fn a_ca_that_is_named_without_a_list_is_not_known() {
    let mut office = Office::founded();
    office.steps(EXCHANGE);
    let file = office.file("application.json");
    let whole = fs::read(&file).unwrap();
    let mut without: crate::proto::directory::v1::Application =
        serde_json::from_slice(&whole).unwrap();
    without.other_crls.clear();
    fs::write(&file, serde_json::to_vec(&without).unwrap()).unwrap();
    office.publish();
    let lists = named(&office).into_iter().map(|(_, has_list)| has_list);
    assert!(lists.eq([true, false]));
    office.later(HOUR * 30);
    let told = office.rotate(EXCHANGE).unwrap_err();
    assert!(matches!(told, PkiError::NotPublished { .. }), "{told}");
    fs::write(&file, whole).unwrap();
    office.publish();
    assert_eq!(office.too_early(EXCHANGE), office.now.plus(HOUR * 24));
}

/// As `certs/README.md` says.
#[test]
fn a_replacement_that_is_given_up_leaves_the_present_ca_alone() {
    let mut office = Office::founded();
    let present = certificate(&office, "ca/exchange-ca.pem");
    office.steps(EXCHANGE);
    office.publish();
    assert_eq!(named(&office).len(), 2);
    for file in [
        "ca/exchange-ca-next.pem",
        "ca/exchange-ca-next.key",
        "ca/exchange-next-crl.toml",
        "ca/exchange-ca-rotation.toml",
        "exchange-next.crl",
    ] {
        fs::remove_file(office.file(file)).unwrap();
    }
    office.later(HOUR);
    let (home, clock) = (office.home(), FixedClock(office.now));
    publish_crl(&home, CRL_DAYS, &clock).unwrap();
    application(&home, &clock).unwrap();
    office.publish();
    assert_eq!(named(&office), [(present, true)]);
    assert_eq!(stage(&home, EXCHANGE).unwrap(), Stage::Settled);
    office.steps(EXCHANGE);
    office.publish();
    assert_eq!(named(&office).len(), 2);
}

#[test]
fn both_cas_can_be_under_way_at_once() {
    let mut office = Office::founded();
    office.steps(EXCHANGE);
    office.steps(DESK);
    office.publish();
    office.later(HOUR * 24);
    for what in [DESK, EXCHANGE] {
        let directory = office.file("directory");
        let installed = Installed {
            authority: xa(),
            folder: &directory,
            anchor: office.directory().anchor(),
        };
        rotate(&office.home(), what, installed, &FixedClock(office.now)).unwrap();
    }
    office.later(HOUR);
    for what in [EXCHANGE, DESK] {
        office.steps(what);
        assert_eq!(stage(&office.home(), what).unwrap(), Stage::Settled);
    }
    office.publish();
}
