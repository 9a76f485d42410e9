//! What roots read before they put their hand to another CA or another directory key of a member.

use super::*;
use crate::trust::{directory::fingerprint, keys::KeyId};

/// What XA-POL hands in while `second` stands beside its own CA.
fn with_second(member: &TestMember, second: &TestMember, number: u64) -> pb::Application {
    let mut application = member.application("liaison-test", number);
    if let Some(listed) = &mut application.member {
        listed.other_exchange_cas = vec![second.ca_der.clone()];
    }
    application.other_crls = vec![second.crl(number)];
    application
}

#[test]
fn a_second_ca_comes_and_the_first_one_goes_by_the_hand_of_the_roots_alone() {
    let office = office();
    let (member, second) = (TestMember::new("XA-POL"), TestMember::new("XA-POL"));
    office.agree(&[admit(&member, 1)]);
    let both = with_second(&member, &second, 2);
    let proposed = office.propose(&[Change::Admit(Box::new(both.clone()))]);
    let proposed = proposed.unwrap();
    assert!(proposed.to_sign.is_some());
    assert_eq!(
        proposed.changes,
        [
            "change XA-POL (\"Police of XA\")".to_owned(),
            format!(
                "exchange CA {} of XA-POL comes",
                fingerprint(&second.ca_der)
            ),
            "entry 2 of XA-POL: 1 endpoints, 2 keys".to_owned(),
            "revocation list 2 of XA-POL".to_owned(),
            "revocation list 2 of XA-POL".to_owned(),
        ]
    );
    let unsigned = office.publish().unwrap_err();
    assert!(matches!(unsigned, FederationError::TooFewSignatures { .. }));
    office.agree(&[Change::Admit(Box::new(both))]);
    let cas = |directory: &Directory| {
        let cas = &directory.member(&member.id).unwrap().exchange_cas;
        let with_list = cas.iter().filter(|ca| ca.crl.is_some());
        with_list.map(|ca| ca.der.clone()).collect::<Vec<_>>()
    };
    let directory = office.install().unwrap();
    assert_eq!(
        cas(&directory),
        [member.ca_der.clone(), second.ca_der.clone()]
    );

    // Newer lists of both need no root, as they never did.
    let newer = with_second(&member, &second, 3);
    let proposed = office.propose(&[Change::Admit(Box::new(newer))]).unwrap();
    assert_eq!(proposed.to_sign, None);
    office.publish().unwrap();
    assert_eq!(cas(&office.install().unwrap()).len(), 2);

    let mut alone = member.application("liaison-test", 4);
    alone.crl = second.crl(4);
    alone
        .member
        .as_mut()
        .unwrap()
        .exchange_ca
        .clone_from(&second.ca_der);
    let change = [Change::Admit(Box::new(alone))];
    let proposed = office.propose(&change).unwrap();
    let goes = format!("exchange CA {} of XA-POL goes", fingerprint(&member.ca_der));
    assert!(proposed.changes.contains(&goes), "{:?}", proposed.changes);
    office.agree(&change);
    assert_eq!(cas(&office.install().unwrap()), [second.ca_der]);
}

#[test]
fn a_list_of_a_ca_that_the_application_does_not_name_is_refused() {
    let office = office();
    let (member, second) = (TestMember::new("XA-POL"), TestMember::new("XA-POL"));
    let mut application = member.application("liaison-test", 1);
    application.other_crls = vec![second.crl(1)];
    let refused = office.propose(&[Change::Admit(Box::new(application))]);
    assert!(matches!(
        refused,
        Err(FederationError::Application { why, .. }) if why.contains("its revocation list")
    ));
}

#[test]
fn another_directory_key_is_named_to_the_roots() {
    let office = office();
    let (mut member, other) = (TestMember::new("XA-POL"), TestMember::new("XA-POL"));
    office.agree(&[admit(&member, 1)]);
    let old = member.directory.id();
    member.directory = other.directory;
    let proposed = office.propose(&[admit(&member, 2)]).unwrap();
    let new = KeyId::of(&member.directory.public());
    let named = format!("directory key {old} of XA-POL becomes {new}");
    assert!(proposed.changes.contains(&named), "{:?}", proposed.changes);
    assert!(proposed.to_sign.is_some());
}
