//! Who comes in at the desk, and which desk a command believes.

use super::*;

fn client(own: &Country, files: &CertificateFiles) -> Result<Arc<ClientConfig>, TlsError> {
    let identity = TlsIdentity::load(&files.certificate, &files.key, &TODAY)?;
    let ca = std::fs::read(own.file("ca/desk-ca.pem")).unwrap();
    desk_client(&identity, &ca, own.id)
}

#[tokio::test]
async fn each_role_is_let_in_as_itself() {
    let xa = Country::founded("XA-POL");
    let door = Door::desk(&xa).await;
    for role in Role::ALL {
        let caller = client(&xa, &xa.desk_person(role)).unwrap();
        let (said, _) = door.enter(caller).await.unwrap();
        assert_eq!(
            said,
            format!("allpoints://XA-POL/desk/{role}/duty-7 {role}")
        );
    }
}

#[tokio::test]
async fn t08_neither_nodes_nor_foreigners_nor_servers_are_let_in_at_the_desk() {
    let (xa, xb) = (Country::founded("XA-POL"), Country::founded("XB-POL"));
    let door = Door::desk(&xa).await;
    door.refuses(xa.node_leaf().caller(), "UnknownIssuer").await;
    door.refuses(xb.node_leaf().caller(), "UnknownIssuer").await;
    let foreign = Leaf::read(&xb.desk_person(Role::Officer));
    door.refuses(foreign.caller(), "UnknownIssuer").await;
    for name in [
        "allpoints://XA-POL/node/1",
        "allpoints://XA-POL/desk/server/1",
        "allpoints://XB-POL/desk/officer/duty-7",
    ] {
        let odd = xa.odd(Ca::Desk, &[name], |_| {});
        door.refuses(odd.caller(), "expected a desk certificate")
            .await;
    }
    door.refuses(nobody(), "peer sent no certificates").await;
    let own = Leaf::read(&xa.desk_person(Role::Officer));
    door.accepts(own.caller(), "allpoints://XA-POL/desk/officer/duty-7")
        .await;
}

#[tokio::test]
async fn t03_a_revoked_person_is_refused_after_the_list_is_loaded() {
    let xa = Country::founded("XA-POL");
    let (lost, kept) = (
        Leaf::read(&xa.desk_person(Role::Officer)),
        Leaf::read(&xa.desk_person(Role::Auditor)),
    );
    xa.revoke(&lost.chain[0]);
    let door = Door::desk(&xa).await;
    door.refuses(lost.caller(), "Revoked").await;
    door.accepts(kept.caller(), "allpoints://XA-POL/desk/auditor/duty-7")
        .await;
}

#[tokio::test]
async fn t05_an_expired_list_refuses_everybody_at_the_desk() {
    let xa = Country::founded("XA-POL");
    let person = Leaf::read(&xa.desk_person(Role::Officer));
    pki::publish_crl(xa.path(), 7, &DaysOff(-8)).unwrap();
    let door = Door::desk(&xa).await;
    door.refuses(person.caller(), "revocation list").await;
}

#[tokio::test]
async fn a_command_believes_only_its_own_desk() {
    let (xa, xb, listed) = two_countries();
    let officer = client(&xa, &xa.desk_person(Role::Officer)).unwrap();
    let desk = Door::desk(&xa).await;
    dial_desk(&desk.address.to_string(), officer.clone())
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let foreign = Door::desk(&xb).await;
    let error = dial_desk(&foreign.address.to_string(), officer.clone())
        .await
        .unwrap_err();
    assert_eq!(error.reason, Reason::TlsRefused, "{error}");
    let exchange = Door::exchange(&xa, &listed).await;
    let error = dial_desk(&exchange.address.to_string(), officer)
        .await
        .unwrap_err();
    assert_eq!(error.reason, Reason::TlsRefused, "{error}");
}

#[test]
fn a_desk_configuration_is_refused_for_another_place() {
    let xa = Country::founded("XA-POL");
    let ca = std::fs::read(xa.file("ca/desk-ca.pem")).unwrap();
    let crl = std::fs::read(xa.file("desk.crl")).unwrap();
    let (node, desk) = (xa.node(), xa.identity("node/desk"));
    assert!(desk_server(xa.id, &desk, &ca, &crl).is_ok());
    let person = xa.desk_person(Role::Officer);
    let person = TlsIdentity::load(&person.certificate, &person.key, &TODAY).unwrap();
    assert!(desk_client(&person, &ca, xa.id).is_ok());
    let other: AuthorityId = "XB-POL".parse().unwrap();
    for error in [
        desk_server(other, &desk, &ca, &crl).unwrap_err(),
        desk_client(&person, &ca, other).unwrap_err(),
        desk_server(xa.id, &node, &ca, &crl).unwrap_err(),
        desk_client(&node, &ca, xa.id).unwrap_err(),
        desk_client(&desk, &ca, xa.id).unwrap_err(),
    ] {
        assert!(matches!(error, TlsError::WrongUse { .. }), "{error}");
    }
    let error = desk_server(xa.id, &desk, &ca, b"no list").unwrap_err();
    assert!(matches!(error, TlsError::DeskCrl(_)), "{error}");
    let error = desk_server(xa.id, &desk, b"no CA", &crl).unwrap_err();
    assert!(matches!(error, TlsError::DeskCa(_)), "{error}");
}
