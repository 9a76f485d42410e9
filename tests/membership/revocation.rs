//! Rows 3, 4 and 7 in both directions, and at the desk: who is revoked or suspended is refused, and what stands is closed.

use allpoints::{
    domain::{reason::Reason, time::Clock as _},
    proto::desk::v1 as pb,
    trust::{federation::Change, pki, tls::Role},
};

use tonic::Code;

use crate::{
    VICTIM,
    intruder::{Badge, Intruder, handshake, refused_by_service},
    mirror::{Gives, Mirror},
    realm::{self, Design, Realm},
    within_a_minute,
};

const ONE_NODE: Design = Design {
    nodes: &[VICTIM],
    partners: &["XC-R04", "XC-R04GOOD"],
    suspended: &[],
    tailor: |_, _, _| {},
};

async fn link(realm: &Realm, partner: &str) -> Option<pb::Link> {
    let mut desk = realm.desk(VICTIM, Role::Ops).await;
    let links = desk.links(pb::LinksRequest { check: false }).await;
    let links = links.expect("told").into_inner().links;
    links.into_iter().find(|link| link.authority == partner)
}

/// A partner's node that the victim has dialled, both lanes standing.
async fn dialled(realm: &Realm, partner: &str) -> Mirror {
    let held = realm.directory_of(VICTIM);
    let names = (held.version(), held.hash());
    let mirror = Mirror::at(realm, partner, names, Gives::Nothing).await;
    realm.dials_now(VICTIM).await;
    within_a_minute("both lanes stand", || async {
        (mirror.streams() == 2).then_some(())
    })
    .await;
    mirror
}

/// Verifies that the connections that we opened to a node end when its certificate is revoked, that the link says why,
/// and that another partner's stand.
#[test]
fn t04_connections_that_we_opened_end_when_the_partner_is_revoked() {
    realm::alone(&ONE_NODE, async |realm| {
        let lost = dialled(&realm, "XC-R04").await;
        let good = dialled(&realm, "XC-R04GOOD").await;
        let mut inbound = Intruder::as_member(&realm, "XC-R04GOOD", VICTIM).await;
        realm.revoke_certificate_of("XC-R04");
        realm.install(VICTIM);
        within_a_minute("closed", || async { (lost.streams() == 0).then_some(()) }).await;
        within_a_minute("said why", || async {
            let reason = link(&realm, "XC-R04").await?.reason;
            (reason == "CERTIFICATE_REVOKED").then_some(())
        })
        .await;
        assert_eq!(good.streams(), 2, "the others stand");
        inbound.is_still_heard().await;
    });
}

/// Verifies that a member that is suspended while it is connected is told so on its open call, with one entry in the
/// journal, and is cut off in both directions.
#[test]
fn t07_open_connections_in_both_directions_end_when_a_member_is_suspended() {
    realm::alone(&ONE_NODE, async |realm| {
        let outbound = dialled(&realm, "XC-R04").await;
        let inbound = Intruder::as_member(&realm, "XC-R04", VICTIM).await;
        let good = dialled(&realm, "XC-R04GOOD").await;
        let id = "XC-R04".parse().expect("legal id");
        realm.publish(&[Change::Suspend(id)]);
        realm.install(VICTIM);
        within_a_minute("closed", || async {
            (outbound.streams() == 0).then_some(())
        })
        .await;
        let told = Err::<(), _>(inbound.end().await);
        refused_by_service(told, Code::PermissionDenied, Reason::PeerSuspended);
        let entries = realm.journal(VICTIM, "XC-R04").await;
        assert_eq!(entries, ["refused-input PEER_SUSPENDED"]);
        assert!(link(&realm, "XC-R04").await.is_none(), "no lane is kept");
        assert_eq!(good.streams(), 2);
    });
}

/// Verifies that a person whose certificate is revoked loses an open desk connection, and that a colleague keeps his.
#[test]
fn t04_an_open_desk_connection_ends_when_its_certificate_is_revoked() {
    realm::alone(&ONE_NODE, async |realm| {
        let mut officer = realm.desk(VICTIM, Role::Officer).await;
        let mut auditor = realm.desk(VICTIM, Role::Auditor).await;
        officer.status(pb::StatusRequest {}).await.expect("served");
        let home = realm.folder_of(VICTIM);
        let lost = home.join("desk/officer-duty-7.pem");
        pki::revoke(&home, &lost, realm.clock()).expect("revoked");
        pki::publish_crl(&home, 7, realm.clock()).expect("published");
        let began = realm.clock().monotonic();
        let refused = loop {
            match officer.status(pb::StatusRequest {}).await {
                Err(status) => break status,
                Ok(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
            }
            let waited = realm.clock().monotonic() - began;
            assert!(waited < std::time::Duration::from_secs(60), "still served");
        };
        assert_eq!(
            allpoints::wire::status::reason_of(&refused),
            None,
            "cut, not answered"
        );
        let badge = Badge::from_files(&lost, &lost.with_extension("key"));
        let desk = realm.addresses(VICTIM).await.desk;
        let again = handshake(desk, badge).await.expect_err("refused");
        assert_eq!(again.name(), "CERTIFICATE_REVOKED");
        let list = pb::AuditListRequest::default();
        auditor.audit_list(list).await.expect("still served");
    });
}

/// Verifies that one partner whose certificate has run out is that partner's affair, and that many are our clock's.
#[test]
fn t02_many_partners_that_look_out_of_date_alarm_for_our_own_clock() {
    let design = Design {
        nodes: &[VICTIM],
        partners: &["XC-K01", "XC-K02", "XC-K03"],
        suspended: &[],
        tailor: |_, _, _| {},
    };
    realm::alone(&design, async |realm| {
        let at = realm.exchange_of(VICTIM);
        let expired = async |partner: &str| {
            let uri = format!("allpoints://{partner}/node/1");
            let ended = time::OffsetDateTime::now_utc() - time::Duration::DAY;
            let badge = Badge::issued_by(&realm, partner, &[&uri], |leaf| {
                leaf.not_before = ended - time::Duration::DAY;
                leaf.not_after = ended;
            });
            let refused = handshake(at, badge).await.expect_err("refused");
            assert_eq!(refused.name(), "TLS_REFUSED");
        };
        let alarms = async || {
            let alarms = realm.status(VICTIM).await.alarms;
            let of_clock = alarms
                .iter()
                .filter(|it| it.starts_with("CHECK_OWN_CLOCK at "));
            of_clock.count()
        };
        expired("XC-K01").await;
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        assert_eq!(alarms().await, 0, "one alone");
        assert_eq!(realm.handshakes_refused(VICTIM).await, 1, "counted");
        expired("XC-K02").await;
        within_a_minute("alarms", || async { (alarms().await == 1).then_some(()) }).await;
        assert_eq!(realm.handshakes_refused(VICTIM).await, 2, "counted");
        let entries = realm.journal(VICTIM, "").await;
        let of_clock = entries.iter().filter(|it| it.starts_with("incident "));
        let of_clock: Vec<_> = of_clock.collect();
        assert_eq!(of_clock, ["incident CHECK_OWN_CLOCK"]);
    });
}
