//! A member that replaces its exchange CA: certificates of both are its own, and nobody else's are.
//!
//! ```text
//!  XB-POL, by its first CA  ──┐
//!  XB-POL, by its second CA ──┼──TLS 1.3──> XA-POL, whose directory names both CAs of XB-POL, each with its list
//!  somebody else's CAs      ──┘
//! ```

use super::*;

/// XB-POL as it is listed while both of its CAs stand: `second` is a folder of the same authority with CAs of its own.
fn both(first: &Country, second: &Country) -> MemberTls {
    let mut member = first.member();
    member.exchange_cas.extend(second.member().exchange_cas);
    member
}

/// XA-POL, XB-POL, the second CA of XB-POL, and a directory that names all three.
fn replacing() -> (Country, Country, Country, Arc<Listed>) {
    let (xa, xb, listed) = two_countries();
    let second = Country::founded_anew("XB-POL");
    listed.change(&xb, |member| *member = both(&xb, &second));
    (xa, xb, second, listed)
}

#[tokio::test]
async fn t09_certificates_of_both_cas_are_let_in_and_nobody_elses() {
    let (xa, xb, second, listed) = replacing();
    let door = Door::exchange(&xa, &listed).await;
    door.accepts(xb.node_leaf().caller(), XB_NODE).await;
    door.accepts(second.node_leaf().caller(), XB_NODE).await;
    // A third CA of the same authority, and the second CA under another's name.
    let third = Country::founded_anew("XB-POL");
    door.refuses(third.node_leaf().caller(), "UnknownIssuer")
        .await;
    let foreign = second.odd(Ca::Exchange, &["allpoints://XA-POL/node/1"], |_| {});
    door.refuses(foreign.caller(), "UnknownIssuer").await;
    let by_xa = xa.odd(Ca::Exchange, &[XB_NODE], |_| {});
    door.refuses(by_xa.caller(), "UnknownIssuer").await;
    // What takes the second CA's name and was not signed by it.
    let forged = third.odd_as(&second, &[XB_NODE]);
    door.refuses(forged.caller(), "BadSignature").await;
    // The second alone, once the first has left.
    listed.change(&xb, |member| {
        member.exchange_cas.remove(0);
    });
    door.accepts(second.node_leaf().caller(), XB_NODE).await;
    door.refuses(xb.node_leaf().caller(), "UnknownIssuer").await;
}

#[tokio::test]
async fn t03_each_ca_revokes_its_own_and_only_its_own() {
    let (xa, xb, second, listed) = replacing();
    let door = Door::exchange(&xa, &listed).await;
    let lost = second.odd(Ca::Exchange, &["allpoints://XB-POL/node/2"], |_| {});
    door.accepts(lost.caller(), "allpoints://XB-POL/node/2")
        .await;
    second.revoke(&lost.chain[0]);
    listed.change(&xb, |member| *member = both(&xb, &second));
    door.refuses(lost.caller(), "Revoked").await;
    door.accepts(second.node_leaf().caller(), XB_NODE).await;
    door.accepts(xb.node_leaf().caller(), XB_NODE).await;
    xb.revoke(&xb.node_leaf().chain[0]);
    listed.change(&xb, |member| *member = both(&xb, &second));
    door.refuses(xb.node_leaf().caller(), "Revoked").await;
    door.accepts(second.node_leaf().caller(), XB_NODE).await;
}

#[tokio::test]
async fn t05_a_ca_without_a_valid_list_of_its_own_lets_nobody_in() {
    let (xa, xb, second, listed) = replacing();
    let door = Door::exchange(&xa, &listed).await;
    let lists = |first: Option<Vec<u8>>, other: Option<Vec<u8>>| {
        listed.change(&xb, |member| {
            member.exchange_cas[0].crl = first;
            member.exchange_cas[1].crl = other;
        });
    };
    let own = |country: &Country| country.member().exchange_cas[0].crl.clone();
    lists(own(&xb), None);
    door.refuses(second.node_leaf().caller(), "no revocation list of XB-POL")
        .await;
    door.accepts(xb.node_leaf().caller(), XB_NODE).await;
    // The other's list is no list.
    lists(own(&second), own(&xb));
    door.refuses(second.node_leaf().caller(), "RevocationStatus")
        .await;
    door.refuses(xb.node_leaf().caller(), "RevocationStatus")
        .await;
    pki::publish_crl(second.path(), 7, &DaysOff(-8)).unwrap();
    lists(own(&xb), own(&second));
    door.refuses(second.node_leaf().caller(), "revocation list")
        .await;
    door.accepts(xb.node_leaf().caller(), XB_NODE).await;
    pki::publish_crl(second.path(), 7, &TODAY).unwrap();
    lists(own(&xb), own(&second));
    door.accepts(second.node_leaf().caller(), XB_NODE).await;
}

#[tokio::test]
async fn t04_a_connection_ends_when_its_ca_leaves_and_the_other_stands() {
    let (xa, xb, second, listed) = replacing();
    let door = Door::exchange(&xa, &listed).await;
    let (_, mut old) = door.enter(Arc::new(xb.node_leaf().caller())).await.unwrap();
    let new = second.node_leaf().caller();
    let (_, mut new) = door.enter(Arc::new(new)).await.unwrap();
    let judged = || {
        let connections = &door.connections;
        connections.close_unwelcome(listed.clone(), TODAY.now())
    };
    assert_eq!(judged(), 0);
    // The order in which they are named says nothing.
    listed.change(&xb, |member| member.exchange_cas.reverse());
    assert_eq!(judged(), 0);
    listed.change(&xb, |member| {
        member.exchange_cas.pop();
    });
    assert_eq!(judged(), 1);
    let mut buffer = [0; 16];
    assert!(matches!(old.read(&mut buffer).await, Ok(0) | Err(_)));
    assert_eq!(door.connections.count(), 1);
    new.write_all(b"still here").await.unwrap();
}

#[tokio::test]
async fn a_dialler_believes_either_ca_of_its_partner_and_drops_what_has_left() {
    let (xa, xb, second, listed) = replacing();
    let dialled = Dialled::default();
    let members: Arc<dyn MemberSource> = listed.clone();
    let config = exchange_client_from(xa.id, xb.id, &xa.node(), listed.clone()).unwrap();
    let dial_at = |door: SocketAddr| {
        let (config, dialled) = (config.clone(), &dialled);
        async move { dial_into(&door.to_string(), config, dialled).await }
    };
    let old = exchange::serve_health(&xb, &listed).await;
    let new = exchange::serve_health(&second, &listed).await;
    let old = dial_at(old).await.unwrap();
    let (channel, peer) = dial_at(new).await.unwrap();
    assert_eq!(peer.authority(), xb.id);
    exchange::check(channel.clone()).await.unwrap();
    // A third CA that nobody named, under the same authority.
    let third = Country::founded_anew("XB-POL");
    let stranger = Listed::of(&[&xa, &third]);
    let door = exchange::serve_health(&third, &stranger).await;
    let refused = dial_at(door).await.unwrap_err();
    assert_eq!(refused.reason, Reason::TlsRefused, "{refused}");
    // Revoked by the second CA.
    assert_eq!(dialled.close_unwelcome(&members, TODAY.now()), 0);
    second.revoke(&second.node_leaf().chain[0]);
    listed.change(&xb, |member| *member = both(&xb, &second));
    assert_eq!(dialled.close_unwelcome(&members, TODAY.now()), 1);
    exchange::check(old.0.clone()).await.unwrap();
    assert!(exchange::check(channel).await.is_err());
    // The first CA leaves.
    listed.change(&xb, |member| {
        member.exchange_cas.remove(0);
    });
    assert_eq!(dialled.close_unwelcome(&members, TODAY.now()), 1);
    assert!(exchange::check(old.0).await.is_err());
}

/// Files as the desk reads them while one CA replaces the other.
fn desk_files(countries: &[&Country]) -> (Vec<u8>, Vec<u8>) {
    use base64::Engine as _;
    let (mut cas, mut lists) = (Vec::new(), String::new());
    for country in countries {
        cas.extend(std::fs::read(country.file("ca/desk-ca.pem")).unwrap());
        let list = std::fs::read(country.file("desk.crl")).unwrap();
        let list = base64::engine::general_purpose::STANDARD.encode(list);
        lists.push_str(&format!(
            "-----BEGIN X509 CRL-----\n{list}\n-----END X509 CRL-----\n"
        ));
    }
    (cas, lists.into_bytes())
}

async fn desk_door(own: &Country, trusted: &[&Country]) -> Door {
    let (cas, lists) = desk_files(trusted);
    let config = desk_server(own.id, &own.identity("node/desk"), &cas, &lists).unwrap();
    Door::open::<DeskIdentity>(config, |person| person.uri().to_owned()).await
}

#[tokio::test]
async fn a_desk_lets_in_people_of_both_its_cas_each_under_its_own_list() {
    let (xa, next) = (Country::founded("XA-POL"), Country::founded_anew("XA-POL"));
    let stranger = Country::founded_anew("XA-POL");
    let [of_old, of_next, of_none] =
        [&xa, &next, &stranger].map(|by| Leaf::read(&by.desk_person(Role::Officer)));
    let officer = "allpoints://XA-POL/desk/officer/duty-7";
    let door = desk_door(&xa, &[&xa, &next]).await;
    door.accepts(of_old.caller(), officer).await;
    door.accepts(of_next.caller(), officer).await;
    door.refuses(of_none.caller(), "UnknownIssuer").await;
    // A node's certificate is of neither.
    door.refuses(next.node_leaf().caller(), "UnknownIssuer")
        .await;
    next.revoke(&of_next.chain[0]);
    let door = desk_door(&xa, &[&next, &xa]).await;
    door.refuses(of_next.caller(), "Revoked").await;
    door.accepts(of_old.caller(), officer).await;
    pki::publish_crl(xa.path(), 7, &DaysOff(-8)).unwrap();
    let door = desk_door(&xa, &[&xa, &next]).await;
    door.refuses(of_old.caller(), "revocation list").await;
    let door = desk_door(&xa, &[&next]).await;
    door.refuses(of_old.caller(), "UnknownIssuer").await;
}

#[tokio::test]
async fn t04_an_open_desk_connection_ends_when_its_ca_is_trusted_no_more() {
    let (xa, next) = (Country::founded("XA-POL"), Country::founded_anew("XA-POL"));
    let door = desk_door(&xa, &[&xa, &next]).await;
    for by in [&xa, &next] {
        let caller = Leaf::read(&by.desk_person(Role::Officer)).caller();
        // The stream's other half is kept by the door.
        std::mem::forget(door.enter(Arc::new(caller)).await.unwrap());
    }
    let judged = |trusted: &[&Country]| {
        let (cas, lists) = desk_files(trusted);
        let trust = DeskTrust::new(xa.id, &cas, &lists).unwrap();
        door.connections
            .close_unwelcome_at_desk(&trust, TODAY.now())
    };
    assert_eq!(judged(&[&next, &xa]), 0);
    assert_eq!(judged(&[&next]), 1);
}

#[tokio::test]
async fn a_command_believes_a_desk_of_either_ca_and_of_no_other() {
    let (xa, next) = (Country::founded("XA-POL"), Country::founded_anew("XA-POL"));
    let stranger = Country::founded_anew("XA-POL");
    let files = xa.desk_person(Role::Officer);
    let identity = TlsIdentity::load(&files.certificate, &files.key, &TODAY).unwrap();
    let (cas, _) = desk_files(&[&xa, &next]);
    let officer = desk_client(&identity, &cas, xa.id).unwrap();
    let dialled = async |desk: &Country| {
        let door = desk_door(desk, &[desk, &xa]).await;
        dial_desk(&door.address.to_string(), officer.clone()).await
    };
    let door = desk_door(&xa, &[&xa]).await;
    let first = dial_desk(&door.address.to_string(), officer.clone()).await;
    assert!(first.is_ok());
    assert!(dialled(&next).await.is_ok());
    let refused = dialled(&stranger).await.unwrap_err();
    assert_eq!(refused.reason, Reason::TlsRefused, "{refused}");
}

#[test]
fn a_desk_that_trusts_too_much_or_has_a_list_too_few_is_refused() {
    let (xa, next) = (Country::founded("XA-POL"), Country::founded_anew("XA-POL"));
    let third = Country::founded_anew("XA-POL");
    let trust = |cas: &[&Country], lists: &[&Country]| {
        let ((cas, _), (_, lists)) = (desk_files(cas), desk_files(lists));
        DeskTrust::new(xa.id, &cas, &lists).map(drop)
    };
    trust(&[&xa, &next], &[&xa, &next]).unwrap();
    trust(&[&next, &xa], &[&xa, &next]).unwrap();
    // A list of a CA that is not trusted counts for nothing: it is there for a moment at each step.
    trust(&[&xa], &[&next, &xa]).unwrap();
    let all = [&xa, &next, &third];
    let error = trust(&all, &all).unwrap_err();
    assert!(error.to_string().contains("3 certificates"), "{error}");
    let error = trust(&[&xa, &Country::founded("XA-POL")], &[&xa]).unwrap_err();
    assert!(error.to_string().contains("one name"), "{error}");
    for lists in [&[&xa][..], &[&next], &[&xa, &third]] {
        let error = trust(&[&xa, &next], lists).unwrap_err();
        assert!(matches!(error, TlsError::DeskCrl(_)), "{error}");
    }
}
