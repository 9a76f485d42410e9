//! Who comes in on the exchange, and whom a dialler believes.

use rcgen::CrlDistributionPoint;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::*;
use crate::domain::limits::SUSPENDED_LINGER;

#[tokio::test]
async fn t01_a_member_is_let_in_and_its_key_exchange_is_post_quantum() {
    let (xa, xb, listed) = two_countries();
    let door = Door::exchange(&xa, &listed).await;
    door.accepts(
        xb.node_leaf().caller(),
        "allpoints://XB-POL/node/1 X25519MLKEM768",
    )
    .await;
}

#[tokio::test]
async fn a_caller_without_post_quantum_falls_back_to_x25519() {
    let (xa, xb, listed) = two_countries();
    let door = Door::exchange(&xa, &listed).await;
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = vec![aws_lc_rs::kx_group::X25519];
    let leaf = xb.node_leaf();
    let caller = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous))
        .with_client_auth_cert(leaf.chain, leaf.key)
        .map(speaking_h2)
        .unwrap();
    door.accepts(caller, "allpoints://XB-POL/node/1 X25519")
        .await;
}

#[tokio::test]
async fn t01_no_certificate_is_refused() {
    let (xa, _, listed) = two_countries();
    let door = Door::exchange(&xa, &listed).await;
    door.refuses(nobody(), "peer sent no certificates").await;
}

#[tokio::test]
async fn t01_a_member_that_is_not_listed_is_refused() {
    let (xa, xb) = (Country::founded("XA-POL"), Country::founded("XB-POL"));
    let listed = Listed::of(&[&xa]);
    let door = Door::exchange(&xa, &listed).await;
    door.refuses(xb.node_leaf().caller(), "XB-POL is not in the directory")
        .await;
    // Listed in the meantime: no restart is needed.
    listed.list(&xb);
    door.accepts(xb.node_leaf().caller(), XB_NODE).await;
}

#[tokio::test]
async fn t02_out_of_date_is_refused() {
    let (xa, xb, listed) = two_countries();
    let door = Door::exchange(&xa, &listed).await;
    let dated = |from: i64, until: i64| {
        xb.odd(Ca::Exchange, &[XB_NODE], |params| {
            let now =
                time::OffsetDateTime::from_unix_timestamp(TODAY.now().as_micros() / 1_000_000)
                    .unwrap();
            params.not_before = now + time::Duration::days(from);
            params.not_after = now + time::Duration::days(until);
        })
        .caller()
    };
    door.accepts(dated(-1, 1), XB_NODE).await;
    door.refuses(dated(-2, -1), "expired").await;
    door.refuses(dated(1, 2), "not valid yet").await;
}

#[tokio::test]
async fn t03_a_revoked_certificate_is_refused_as_soon_as_the_list_is_known() {
    let (xa, xb, listed) = two_countries();
    let door = Door::exchange(&xa, &listed).await;
    let (good, lost) = (
        xb.node_leaf(),
        xb.odd(Ca::Exchange, &["allpoints://XB-POL/node/2"], |_| {}),
    );
    door.accepts(lost.caller(), "allpoints://XB-POL/node/2")
        .await;
    xb.revoke(&lost.chain[0]);
    listed.list(&xb);
    door.refuses(lost.caller(), "Revoked").await;
    door.accepts(good.caller(), XB_NODE).await;
}

#[tokio::test]
async fn t04_an_open_connection_ends_when_its_certificate_is_revoked() {
    let (xa, xb, listed) = two_countries();
    let xc = Country::founded("XC-POL");
    listed.list(&xc);
    let door = Door::exchange(&xa, &listed).await;
    let (_, mut lost) = door.enter(Arc::new(xb.node_leaf().caller())).await.unwrap();
    let (_, mut good) = door.enter(Arc::new(xc.node_leaf().caller())).await.unwrap();
    assert_eq!(
        door.connections
            .close_unwelcome(listed.clone(), TODAY.now()),
        0
    );
    xb.revoke(&xb.node_leaf().chain[0]);
    listed.list(&xb);
    assert_eq!(
        door.connections
            .close_unwelcome(listed.clone(), TODAY.now()),
        1
    );
    assert!(ends(&mut lost).await);
    assert!(!ends(&mut good).await);
    assert_eq!(door.connections.count(), 1);
}

#[tokio::test]
async fn t07_a_suspended_member_passes_tls_and_its_open_connections_end() {
    let (xa, xb, listed) = two_countries();
    let door = Door::exchange(&xa, &listed).await;
    let (_, mut open) = door.enter(Arc::new(xb.node_leaf().caller())).await.unwrap();
    listed.change(&xb, |member| member.suspended = true);
    let close = || {
        door.connections
            .close_unwelcome(listed.clone(), TODAY.now())
    };
    assert_eq!(close(), 1);
    // It has its time to hear why, and gets no more of it at the next look.
    assert!(!ends(&mut open).await);
    assert_eq!(close(), 0);
    tokio::time::sleep(SUSPENDED_LINGER).await;
    assert!(ends(&mut open).await);
    door.accepts(xb.node_leaf().caller(), XB_NODE).await;
    // Revoked as well, it is cut at once.
    let (_, mut open) = door.enter(Arc::new(xb.node_leaf().caller())).await.unwrap();
    close();
    xb.revoke(&xb.node_leaf().chain[0]);
    listed.list(&xb);
    listed.change(&xb, |member| member.suspended = true);
    close();
    assert!(ends(&mut open).await);
}

#[tokio::test]
async fn connections_of_one_authority_can_be_closed_alone() {
    let (xa, xb, listed) = two_countries();
    let door = Door::exchange(&xa, &listed).await;
    let (_, mut open) = door.enter(Arc::new(xb.node_leaf().caller())).await.unwrap();
    assert_eq!(door.connections.close_authority(&xa.id), 0);
    assert!(!ends(&mut open).await);
    assert_eq!(door.connections.close_authority(&xb.id), 1);
    assert!(ends(&mut open).await);
}

async fn ends(tls: &mut TlsStream<TcpStream>) -> bool {
    let mut buffer = [0; 16];
    let read = tokio::time::timeout(Duration::from_millis(300), tls.read(&mut buffer)).await;
    matches!(read, Ok(Ok(0) | Err(_)))
}

#[tokio::test]
async fn t04_no_session_is_ever_resumed() {
    let (xa, xb, listed) = two_countries();
    let door = Door::exchange(&xa, &listed).await;
    let mut caller = xb.node_leaf().caller();
    caller.resumption = rustls::client::Resumption::in_memory_sessions(8);
    let caller = Arc::new(caller);
    for _ in 0..3 {
        let (_, tls) = door.enter(caller.clone()).await.unwrap();
        let kind = tls.get_ref().1.handshake_kind().unwrap();
        assert_eq!(kind, rustls::HandshakeKind::Full);
        assert_eq!(tls.get_ref().1.tls13_tickets_received(), 0);
    }
}

#[tokio::test]
async fn t05_without_a_valid_list_nobody_is_let_in() {
    let (xa, xb, listed) = two_countries();
    let door = Door::exchange(&xa, &listed).await;
    door.accepts(xb.node_leaf().caller(), XB_NODE).await;
    listed.change(&xb, |member| member.exchange_cas[0].crl = None);
    door.refuses(xb.node_leaf().caller(), "no revocation list of XB-POL")
        .await;
    pki::publish_crl(xb.path(), 7, &DaysOff(-8)).unwrap();
    listed.list(&xb);
    door.refuses(xb.node_leaf().caller(), "revocation list")
        .await;
    pki::publish_crl(xb.path(), 7, &TODAY).unwrap();
    listed.list(&xb);
    door.accepts(xb.node_leaf().caller(), XB_NODE).await;
}

#[tokio::test]
async fn t06_two_distribution_points_hide_no_revocation() {
    let (xa, xb, listed) = two_countries();
    let door = Door::exchange(&xa, &listed).await;
    let leaf = xb.odd(Ca::Exchange, &[XB_NODE], |params| {
        params.crl_distribution_points = ["http://a.invalid/1.crl", "http://b.invalid/2.crl"]
            .map(|uri| CrlDistributionPoint {
                uris: vec![uri.into()],
            })
            .into();
    });
    door.accepts(leaf.caller(), XB_NODE).await;
    xb.revoke(&leaf.chain[0]);
    listed.list(&xb);
    door.refuses(leaf.caller(), "Revoked").await;
}

#[tokio::test]
async fn t06_a_malformed_list_or_another_cas_list_refuses() {
    let (xa, xb, listed) = two_countries();
    let door = Door::exchange(&xa, &listed).await;
    let whole = xb.member().exchange_cas[0].crl.clone().unwrap();
    for bad in [
        vec![],
        vec![0x30],
        b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n".to_vec(),
        whole[..whole.len() / 2].to_vec(),
    ] {
        listed.change(&xb, |member| member.exchange_cas[0].crl = Some(bad));
        door.refuses(xb.node_leaf().caller(), "XB-POL cannot be used")
            .await;
    }
    listed.change(&xb, |member| {
        member.exchange_cas[0].crl = xa.member().exchange_cas[0].crl.clone();
    });
    door.refuses(xb.node_leaf().caller(), "RevocationStatus")
        .await;
    listed.list(&xb);
    door.accepts(xb.node_leaf().caller(), XB_NODE).await;
}

#[tokio::test]
async fn t08_only_a_pinned_key_is_let_in_when_pins_are_set() {
    let (xa, xb, listed) = two_countries();
    let door = Door::exchange(&xa, &listed).await;
    listed.change(&xb, |member| member.spki_pins = vec![[9; 32]]);
    door.refuses(xb.node_leaf().caller(), "pinned").await;
    let pin = spki_hash(&xb.node_leaf().chain[0]).unwrap();
    listed.change(&xb, |member| member.spki_pins = vec![[9; 32], pin]);
    door.accepts(xb.node_leaf().caller(), XB_NODE).await;
}

#[tokio::test]
async fn t08_a_desk_certificate_is_refused_on_the_exchange() {
    let (xa, xb, listed) = two_countries();
    let door = Door::exchange(&xa, &listed).await;
    let person = Leaf::read(&xb.desk_person(Role::Officer));
    door.refuses(person.caller(), "expected a node certificate")
        .await;
    // Nor does the right CA help a desk name, or the desk CA a node name.
    let name = "allpoints://XB-POL/desk/officer/duty-7";
    let odd = xb.odd(Ca::Exchange, &[name], |_| {});
    door.refuses(odd.caller(), "expected a node certificate")
        .await;
    let odd = xb.odd(Ca::Desk, &[XB_NODE], |_| {});
    door.refuses(odd.caller(), "UnknownIssuer").await;
}

#[tokio::test]
async fn t09_a_name_issued_by_another_ca_is_refused() {
    let (xa, xb, listed) = two_countries();
    let door = Door::exchange(&xa, &listed).await;
    let forged = xa.odd(Ca::Exchange, &[XB_NODE], |_| {});
    door.refuses(forged.caller(), "UnknownIssuer").await;
    let own = xb.odd(Ca::Exchange, &[XB_NODE], |_| {});
    door.accepts(own.caller(), XB_NODE).await;
}

#[tokio::test]
async fn t11_only_the_exact_name_is_let_in() {
    let (xa, xb, listed) = two_countries();
    let door = Door::exchange(&xa, &listed).await;
    for uris in [
        &["allpoints://xb-pol/node/1"] as &[&str],
        &["allpoints://XB-POL./node/1"],
        &["allpoints://XB-POL//node/1"],
        &["allpoints://XB-POL/node/1/"],
        &["allpoints://XB-POL/NODE/1"],
        &["allpoints://XB-P0L-/node/1"],
        &["allpoints://XB-POL%00/node/1"],
        &["spiffe://XB-POL/node/1"],
        &[XB_NODE, "allpoints://XA-POL/node/1"],
        &[XB_NODE, XB_NODE],
        &[],
    ] {
        let odd = xb.odd(Ca::Exchange, uris, |_| {});
        door.refuses(odd.caller(), "").await;
    }
    // A letter that only looks like one of ours is another authority, and nobody knows it.
    let odd = xb.odd(Ca::Exchange, &["allpoints://XB-P0L/node/1"], |_| {});
    door.refuses(odd.caller(), "not in the directory").await;
    let good = xb.odd(Ca::Exchange, &[XB_NODE], |_| {});
    door.accepts(good.caller(), XB_NODE).await;
}

#[tokio::test]
async fn t14_keys_off_the_list_are_refused() {
    let (xa, xb, listed) = two_countries();
    let door = Door::exchange(&xa, &listed).await;
    for (algorithm, name) in [
        (&rcgen::PKCS_ECDSA_P256_SHA256, "P-256"),
        (&rcgen::PKCS_ECDSA_P384_SHA384, "P-384"),
        (&rcgen::PKCS_ED25519, "Ed25519"),
    ] {
        let leaf = xb.odd_with_key(Ca::Exchange, &[XB_NODE], algorithm, |_| {});
        let said = door.knock(leaf.caller()).await;
        assert!(said.is_ok_and(|said| said.starts_with(XB_NODE)), "{name}");
    }
    for (algorithm, name) in [
        (&rcgen::PKCS_ECDSA_P521_SHA512, "P-521"),
        (&rcgen::PKCS_RSA_SHA256, "RSA"),
    ] {
        let leaf = xb.odd_with_key(Ca::Exchange, &[XB_NODE], algorithm, |_| {});
        let said = door.knock(leaf.caller()).await;
        assert!(said.is_err(), "{name} was let in as {said:?}");
    }
    // SHA-1 and RSA of any size are in no list that certificates or CRLs are verified with.
    let schemes = ALGORITHMS.supported_schemes();
    assert_eq!(schemes.len(), SCHEMES.len());
    assert!(SCHEMES.iter().all(|scheme| schemes.contains(scheme)));
    assert_eq!(ALGORITHMS.all.len(), 5);
    for algorithm in ALGORITHMS.all {
        assert!(
            KEYS.contains(&algorithm.public_key_alg_id()),
            "{algorithm:?}"
        );
    }
}

#[tokio::test]
async fn dialling_tells_who_answered_and_only_the_one_dialled_is_believed() {
    let (xa, xb, listed) = two_countries();
    let door = serve_health(&xa, &listed).await;
    let dial_as = |peer: AuthorityId| {
        let config = exchange_client_from(xb.id, peer, &xb.node(), listed.clone()).unwrap();
        async move { dial(&door.to_string(), config).await }
    };
    let (channel, peer) = dial_as(xa.id).await.unwrap();
    assert_eq!(peer.authority(), xa.id);
    assert_eq!(peer.uri(), "allpoints://XA-POL/node/1");
    assert_eq!(peer.key_exchange(), "X25519MLKEM768");
    assert_eq!(peer.fingerprint(), &sha256(&xa.node_leaf().chain[0]));
    check(channel).await.unwrap();

    let wrong = dial_as(xb.id).await.unwrap_err();
    assert_eq!(wrong.reason, Reason::WrongPeer, "{wrong}");
    listed.change(&xa, |member| member.exchange_cas[0].crl = None);
    assert_eq!(dial_as(xa.id).await.unwrap_err().reason, Reason::CrlExpired);
    pki::publish_crl(xa.path(), 7, &DaysOff(-8)).unwrap();
    listed.list(&xa);
    assert_eq!(dial_as(xa.id).await.unwrap_err().reason, Reason::CrlExpired);
    xa.revoke(&xa.node_leaf().chain[0]);
    listed.list(&xa);
    let revoked = dial_as(xa.id).await.unwrap_err();
    assert_eq!(revoked.reason, Reason::CertificateRevoked, "{revoked}");
}

#[tokio::test]
async fn t08_a_dialler_believes_only_a_pinned_key_when_pins_are_set() {
    let (xa, xb, listed) = two_countries();
    let door = serve_health(&xa, &listed).await;
    let config = exchange_client_from(xb.id, xa.id, &xb.node(), listed.clone()).unwrap();
    listed.change(&xa, |member| member.spki_pins = vec![[9; 32]]);
    let error = dial(&door.to_string(), config.clone()).await.unwrap_err();
    assert_eq!(error.reason, Reason::TlsRefused);
    assert!(error.detail.contains("pinned"), "{error}");
    let pin = spki_hash(&xa.node_leaf().chain[0]).unwrap();
    listed.change(&xa, |member| member.spki_pins = vec![pin]);
    dial(&door.to_string(), config).await.unwrap();
}

#[tokio::test]
async fn a_refused_dialler_learns_the_reason_at_its_first_call() {
    let (xa, xb, listed) = two_countries();
    let door = serve_health(&xa, &listed).await;
    let config = exchange_client_from(xb.id, xa.id, &xb.node(), listed.clone()).unwrap();
    let (channel, _) = dial(&door.to_string(), config.clone()).await.unwrap();
    check(channel).await.unwrap();
    xb.revoke(&xb.node_leaf().chain[0]);
    listed.list(&xb);
    // The alert may come before the call or during it.
    for wait_ms in [0, 50] {
        let reason = match dial(&door.to_string(), config.clone()).await {
            Err(error) => error.reason,
            Ok((channel, _)) => {
                tokio::time::sleep(Duration::from_millis(wait_ms)).await;
                reason_of(&check(channel).await.unwrap_err())
            }
        };
        assert_eq!(reason, Reason::CertificateRevoked, "after {wait_ms} ms");
    }
}

#[tokio::test]
async fn a_channel_never_connects_a_second_time() {
    let (xa, xb, listed) = two_countries();
    let config = exchange_server_from(xa.id, &xa.node(), listed.clone()).unwrap();
    let connections = Connections::default();
    let door = serve_health_with(config, connections.clone()).await;
    let config = exchange_client_from(xb.id, xa.id, &xb.node(), listed.clone()).unwrap();
    let (channel, _) = dial(&door.to_string(), config.clone()).await.unwrap();
    check(channel.clone()).await.unwrap();
    assert_eq!(connections.close_authority(&xb.id), 1);
    for _ in 0..3 {
        assert!(check(channel.clone()).await.is_err());
    }
    assert_eq!(connections.count(), 0);
    let (anew, _) = dial(&door.to_string(), config).await.unwrap();
    check(anew).await.unwrap();
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let (xa, xb, listed) = two_countries();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let config = exchange_client_from(xb.id, xa.id, &xb.node(), listed).unwrap();
    let error = dial(&address.to_string(), config).await.unwrap_err();
    assert_eq!(error.reason, Reason::Unreachable);
}

#[test]
fn a_configuration_is_refused_for_another_place() {
    let (xa, xb, listed) = two_countries();
    assert!(exchange_server_from(xa.id, &xa.node(), listed.clone()).is_ok());
    for identity in [xb.node(), xa.identity("node/desk")] {
        let error = exchange_server_from(xa.id, &identity, listed.clone()).unwrap_err();
        assert!(matches!(error, TlsError::WrongUse { .. }), "{error}");
        let error = exchange_client_from(xa.id, xb.id, &identity, listed.clone()).unwrap_err();
        assert!(matches!(error, TlsError::WrongUse { .. }), "{error}");
    }
}

pub(super) async fn serve_health(own: &Country, listed: &Arc<Listed>) -> SocketAddr {
    let config = exchange_server_from(own.id, &own.node(), listed.clone()).unwrap();
    serve_health_with(config, Connections::default()).await
}

async fn serve_health_with(config: Arc<ServerConfig>, connections: Connections) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = accept_into::<PeerIdentity>(
        listener,
        Arc::new(ArcSwap::from(config)),
        Arc::new(Refused::default()),
        connections,
    );
    let (_, health) = tonic_health::server::health_reporter();
    tokio::spawn(
        tonic::transport::Server::builder()
            .add_service(health)
            .serve_with_incoming(incoming),
    );
    address
}

pub(super) async fn check(channel: tonic::transport::Channel) -> Result<(), tonic::Status> {
    HealthClient::new(channel)
        .check(HealthCheckRequest::default())
        .await
        .map(drop)
}
