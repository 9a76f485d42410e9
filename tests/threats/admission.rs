//! Rows 1 to 3, 7 to 9, 14: who gets past the handshake at all.

use std::{path::Path, time::Duration};

use allpoints::{
    domain::{limits::SUSPENDED_LINGER, reason::Reason, time::Clock as _},
    trust::tls::Role,
    wire::status::reason_of,
};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use tonic::Code;

use crate::{
    SENDER, VICTIM, in_realm,
    intruder::{
        self, Badge, Intruder, handshake, knock, refused_by_service, refused_without_a_word,
    },
    realm::{self, Design, Realm, line_of},
};

/// SHA-256 over a certificate's public key, as the directory pins it.
pub(crate) fn spki_pin(certificate: &Path) -> Vec<u8> {
    use x509_parser::prelude::FromDer as _;
    let der = CertificateDer::from_pem_file(certificate).expect("a certificate");
    let (_, parsed) = x509_parser::prelude::X509Certificate::from_der(&der).expect("X.509");
    let key = parsed.tbs_certificate.subject_pki.raw;
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key);
    hash.as_ref().to_vec()
}

fn node_uri(id: &str) -> String {
    format!("allpoints://{id}/node/1")
}

/// A badge of this partner that TLS refuses, counted at the victim, nothing journaled or kept.
async fn is_refused(realm: &Realm, partner: &str, badge: Badge) {
    let before = realm.handshakes_refused(VICTIM).await;
    let at = realm.exchange_of(VICTIM);
    assert_eq!(handshake(at, badge.clone()).await, Err(Reason::TlsRefused));
    refused_without_a_word(knock(realm, VICTIM, badge).await);
    assert!(realm.handshakes_refused(VICTIM).await > before, "counted");
    assert!(realm.journal(VICTIM, partner).await.is_empty());
    assert!(realm.inbox(VICTIM, partner).await.is_empty());
}

async fn is_let_in(realm: &Realm, badge: Badge) {
    let mut intruder = knock(realm, VICTIM, badge).await.expect("let in");
    intruder.is_still_heard().await;
}

#[test]
fn t01_a_foreign_ca_or_no_certificate_gets_nothing() {
    in_realm(async |realm| {
        let uri = node_uri("XC-T01");
        is_refused(&realm, "XC-T01", Badge::of_foreign_ca(&[&uri])).await;
        is_refused(&realm, "XC-T01", Badge::Nothing).await;
        is_let_in(&realm, Badge::of_member(&realm, "XC-T01")).await;
        is_let_in(&realm, Badge::issued_by(&realm, "XC-T01", &[&uri], |_| {})).await;
    });
}

#[test]
fn t02_out_of_date_is_refused() {
    in_realm(async |realm| {
        let now = time::OffsetDateTime::now_utc();
        let (day, uri) = (time::Duration::DAY, node_uri("XC-T02"));
        for (from, until, let_in) in [
            (now - day, now + day, true),
            (now - day * 2, now - day, false),
            (now + day, now + day * 2, false),
        ] {
            let badge = Badge::issued_by(&realm, "XC-T02", &[&uri], |leaf| {
                leaf.not_before = from;
                leaf.not_after = until;
            });
            if let_in {
                is_let_in(&realm, badge).await;
            } else {
                is_refused(&realm, "XC-T02", badge).await;
            }
        }
    });
}

/// Within a minute of the list's arrival for the running node, at once for one that starts; row 4 rides along:
/// the connection that is open when the list comes is closed.
#[test]
fn t03_a_revoked_certificate_is_refused_by_reload_and_after_a_restart() {
    let design = Design {
        nodes: &[VICTIM],
        partners: &["XC-T03", "XC-T03LATER", "XC-T03GOOD"],
        suspended: &[],
        tailor: |_, _, _| {},
    };
    realm::alone(&design, async |realm| {
        let mut bystander = Intruder::as_member(&realm, "XC-T03GOOD", VICTIM).await;
        let open = Intruder::as_member(&realm, "XC-T03", VICTIM).await;
        realm.revoke_certificate_of("XC-T03");
        realm.install(VICTIM);
        let asked = realm.clock().monotonic();
        let at = realm.exchange_of(VICTIM);
        let revoked = Badge::of_member(&realm, "XC-T03");
        // One that was let in a moment before is cut, and not told why.
        while handshake(at, revoked.clone()).await != Err(Reason::CertificateRevoked) {
            tokio::time::sleep(Duration::from_millis(200)).await;
            assert!(
                realm.clock().monotonic() - asked < Duration::from_secs(60),
                "still let in"
            );
        }
        refused_without_a_word(knock(&realm, VICTIM, revoked).await);
        // Whoever is revoked gets no last word, on a connection that stands and on a new one.
        assert_eq!(reason_of(&open.end().await), None);
        bystander.is_still_heard().await;
        assert!(realm.journal(VICTIM, "XC-T03").await.is_empty());
        assert!(realm.inbox(VICTIM, "XC-T03").await.is_empty());

        let other = || Badge::of_member(&realm, "XC-T03LATER");
        is_let_in(&realm, other()).await;
        realm.stop(VICTIM).await;
        realm.revoke_certificate_of("XC-T03LATER");
        realm.install(VICTIM);
        realm.start(VICTIM).await.expect("it starts");
        assert_eq!(
            handshake(at, other()).await,
            Err(Reason::CertificateRevoked)
        );
        is_let_in(&realm, Badge::of_member(&realm, "XC-T03GOOD")).await;
    });
}

#[test]
fn t07_a_suspended_member_passes_tls_and_is_told_so() {
    in_realm(async |realm| {
        let badge = Badge::of_member(&realm, "XC-T07");
        let at = realm.exchange_of(VICTIM);
        assert_eq!(handshake(at, badge.clone()).await, Ok(()));
        let (code, reason) = (Code::PermissionDenied, Reason::PeerSuspended);
        refused_by_service(knock(&realm, VICTIM, badge.clone()).await, code, reason);
        let written = realm.entries(VICTIM, "XC-T07").await;
        let lines: Vec<_> = written.iter().map(line_of).collect();
        assert_eq!(lines, ["refused-input PEER_SUSPENDED"]);
        realm::counts_refusals(&realm, VICTIM, "XC-T07", &written).await;
        assert!(realm.inbox(VICTIM, "XC-T07").await.is_empty());
        // One more call, one more entry; and no connection stands for long.
        let stood = intruder::stands_for(at, badge.clone()).await;
        assert!(stood < SUSPENDED_LINGER * 3 / 2, "{stood:?}");
        refused_by_service(knock(&realm, VICTIM, badge).await, code, reason);
        let entries = realm.journal(VICTIM, "XC-T07").await;
        assert_eq!(entries, ["refused-input PEER_SUSPENDED"; 2]);
        is_let_in(&realm, Badge::of_member(&realm, SENDER)).await;
    });
}

#[test]
fn t08_a_key_that_is_not_pinned_is_refused() {
    in_realm(async |realm| {
        is_refused(&realm, "XC-T08", Badge::of_member(&realm, "XC-T08")).await;
        is_let_in(&realm, Badge::of_member(&realm, "XC-T08PIN")).await;
    });
}

#[test]
fn t08_desk_and_node_certificates_keep_to_their_ports() {
    in_realm(async |realm| {
        let issued = realm.issue_desk("XC-T08PIN", Role::Officer);
        let desk_badge = || Badge::from_files(&issued.certificate, &issued.key);
        is_refused(&realm, "XC-T08PIN", desk_badge()).await;

        // At the desk neither a foreign node nor the victim's own gets in; its own officer does.
        let desk = realm.addresses(VICTIM).await.desk;
        for member in ["XC-T08PIN", SENDER, VICTIM] {
            let badge = Badge::of_member(&realm, member);
            assert_eq!(handshake(desk, badge).await, Err(Reason::TlsRefused));
        }
        assert!(realm.inbox(VICTIM, "XC-T08PIN").await.is_empty());
    });
}

#[test]
fn t09_a_name_under_another_authoritys_ca_is_refused() {
    in_realm(async |realm| {
        let victims_friend = node_uri(SENDER);
        is_refused(
            &realm,
            "XC-T09",
            Badge::issued_by(&realm, "XC-T09", &[&victims_friend], |_| {}),
        )
        .await;
        let two = [&*node_uri("XC-T09"), &*victims_friend];
        is_refused(
            &realm,
            "XC-T09",
            Badge::issued_by(&realm, "XC-T09", &two, |_| {}),
        )
        .await;
        let own = Badge::issued_by(&realm, "XC-T09", &[&node_uri("XC-T09")], |_| {});
        is_let_in(&realm, own).await;
    });
}

#[test]
fn t14_certificates_over_keys_off_the_list_are_refused() {
    in_realm(async |realm| {
        let uri = node_uri("XC-T14TLS");
        let over = |algorithm| Badge::with_key(&realm, "XC-T14TLS", &[&uri], algorithm, |_| {});
        is_refused(&realm, "XC-T14TLS", over(&rcgen::PKCS_ECDSA_P521_SHA512)).await;
        is_refused(&realm, "XC-T14TLS", over(&rcgen::PKCS_RSA_SHA256)).await;
        is_let_in(&realm, over(&rcgen::PKCS_ECDSA_P256_SHA256)).await;
        is_let_in(&realm, over(&rcgen::PKCS_ED25519)).await;
    });
}
