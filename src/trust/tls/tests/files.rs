//! Certificates and keys as an operator may get them wrong (threats, row 66).

use std::{fs, os::unix::fs::PermissionsExt as _};

use super::*;

fn load(xa: &Country, certificate: &str, key: &str, clock: &dyn Clock) -> Result<(), TlsError> {
    TlsIdentity::load(&xa.file(certificate), &xa.file(key), clock).map(drop)
}

#[test]
fn t66_what_was_made_together_is_loaded() {
    let xa = Country::founded("XA-POL");
    load(&xa, "node/exchange.pem", "node/exchange.key", &TODAY).unwrap();
    assert_eq!(xa.node().name().to_string(), "allpoints://XA-POL/node/1");
    assert!(xa.node().expires_at() > DaysOff(89).now());
}

#[test]
fn how_long_certificates_and_lists_hold_is_read_from_them() {
    let xa = Country::founded("XA-POL");
    let now = TODAY.now();
    let read = |name: &str| fs::read(xa.file(name)).unwrap();
    let node = certificate_validity(&read("node/exchange.pem")).unwrap();
    assert!(node.from <= now, "{node:?}");
    assert!(node.until > DaysOff(89).now() && node.until < DaysOff(91).now());
    let list = crl_validity(&read("exchange.crl")).unwrap();
    assert!(list.from <= now && list.until > now, "{list:?}");
}

#[test]
fn what_a_certificate_calls_itself_is_not_repeated() {
    let written = "https://\u{1b}[31mnot-ours.example";
    let name = written.parse::<Name>().unwrap_err();
    let told = Refusal::from(CertificateNameError::Name(name)).to_string();
    assert_eq!(told, "the certificate's URI is no name of ours");
    let counted = Refusal::from(CertificateNameError::Count(2)).to_string();
    assert_eq!(counted, CertificateNameError::Count(2).to_string());
}

#[test]
fn t66_each_mistake_names_its_file_and_its_fix() {
    let xa = Country::founded("XA-POL");
    fs::write(xa.file("empty"), "").unwrap();
    fs::set_permissions(xa.file("empty"), fs::Permissions::from_mode(0o600)).unwrap();
    let (cert, key) = ("node/exchange.pem", "node/exchange.key");
    for (certificate, key, clock, says) in [
        (cert, "node/desk.key", DaysOff(0), "is not for the key in"),
        (
            cert,
            key,
            DaysOff(91),
            "run `allpoints pki node DIR --renew`",
        ),
        (cert, key, DaysOff(-1), "check this machine's clock"),
        ("empty", key, DaysOff(0), "holds no certificate"),
        (cert, "empty", DaysOff(0), "holds no private key"),
        ("missing", key, DaysOff(0), "cannot read"),
        (cert, "missing", DaysOff(0), "cannot read"),
        (
            "ca/exchange-ca.pem",
            "ca/exchange-ca.key",
            DaysOff(0),
            "0 URI names",
        ),
    ] {
        let error = load(&xa, certificate, key, &clock).unwrap_err().to_string();
        assert!(error.contains(says), "expected `{says}`, found `{error}`");
        let folder = xa.path().display().to_string();
        assert!(error.contains(&folder), "no file named in `{error}`");
    }
}

#[test]
fn t66_a_key_that_others_read_is_refused_with_its_fix() {
    let xa = Country::founded("XA-POL");
    let key = xa.file("node/exchange.key");
    for mode in [0o640, 0o604, 0o644, 0o660] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let error = load(&xa, "node/exchange.pem", "node/exchange.key", &TODAY)
            .unwrap_err()
            .to_string();
        let fix = format!("chmod 600 {}", key.display());
        assert!(error.contains(&fix), "{error}");
    }
    for mode in [0o600, 0o400] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        load(&xa, "node/exchange.pem", "node/exchange.key", &TODAY).unwrap();
    }
}

#[test]
fn renewing_keeps_the_key_and_issuing_again_is_refused() {
    let xa = Country::founded("XA-POL");
    let node = NodeProfile {
        authority: xa.id,
        number: 1,
        desk_hosts: vec!["desk.example".into(), "10.1.2.3".into()],
    };
    let before = xa.node_leaf();
    let again = pki::issue_node(xa.path(), &node, Replace::Never, &TODAY);
    assert!(matches!(again, Err(pki::PkiError::Issued(_))));
    pki::issue_node(xa.path(), &node, Replace::SameKey, &DaysOff(1)).unwrap();
    let after = xa.node_leaf();
    assert_eq!(before.key, after.key);
    assert_ne!(before.chain, after.chain);
    assert_eq!(spki_hash(&before.chain[0]), spki_hash(&after.chain[0]));
}

#[test]
fn only_what_this_folder_issued_is_revoked_and_once() {
    let (xa, xb) = (Country::founded("XA-POL"), Country::founded("XB-POL"));
    let foreign = pki::revoke(xa.path(), &xb.file("node/exchange.pem"), &TODAY);
    assert!(matches!(foreign, Err(pki::PkiError::NotOurs(_))));
    let revoke = |file: &str| pki::revoke(xa.path(), &xa.file(file), &TODAY).unwrap();
    assert_eq!(revoke("node/exchange.pem"), pki::Revoked::Now(Ca::Exchange));
    assert_eq!(
        revoke("node/exchange.pem"),
        pki::Revoked::Before(Ca::Exchange)
    );
    assert_eq!(revoke("node/desk.pem"), pki::Revoked::Now(Ca::Desk));
}
