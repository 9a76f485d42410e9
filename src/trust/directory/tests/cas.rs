//! Two exchange CAs of one member, while one replaces the other.
//!
//! ```text
//! membership: XA-POL {first, second}, XB-POL {its own}, XC-POL {its own}     lists: one for each CA
//! ```

use super::*;

/// XA-POL has `second` beside its own.
fn with_second<'a>(second: &'a TestMember, version: u64) -> impl Fn(&mut Draft) + 'a {
    move |draft| {
        let cas = &mut draft.membership.members[0].other_exchange_cas;
        cas.push(second.ca_der.clone());
        draft.crls.push(second.crl(version));
    }
}

fn cas_of(directory: &Directory, authority: &str) -> Vec<ExchangeCa> {
    directory
        .member(&id(authority))
        .unwrap()
        .exchange_cas
        .clone()
}

#[test]
fn a_member_may_name_two_cas_each_with_its_own_list() {
    let (federation, second) = (TestFederation::new(), TestMember::new("XA-POL"));
    let directory = federation.directory_with(1, with_second(&second, 1));
    let first = federation.member("XA-POL");
    let expected =
        [(&first.ca_der, first), (&second.ca_der, &second)].map(|(der, by)| (der.clone(), by));
    let found = cas_of(&directory, "XA-POL");
    assert_eq!(found.len(), 2);
    for (ca, (der, by)) in found.iter().zip(expected) {
        assert_eq!(ca.der, der);
        let crl = ca.crl.as_ref().unwrap();
        assert_eq!(crl_number(crl, &by.ca_der), Ok(1));
    }
    assert_eq!(cas_of(&directory, "XB-POL").len(), 1);
    // A list of one never stands for the other.
    let only_first = federation.directory_with(1, |draft| {
        with_second(&second, 1)(draft);
        draft.crls.pop();
    });
    let lists = cas_of(&only_first, "XA-POL")
        .into_iter()
        .map(|ca| ca.crl.is_some());
    assert!(lists.eq([true, false]));
}

#[test]
fn row_9_three_cas_one_twice_and_one_of_somebody_else_are_refused() {
    let federation = TestFederation::new();
    let (second, third) = (TestMember::new("XA-POL"), TestMember::new("XA-POL"));
    let with = |cas: &[(usize, &[u8])]| {
        refused(&federation, |draft| {
            for (member, ca) in cas {
                let member = &mut draft.membership.members[*member];
                member.other_exchange_cas.push(ca.to_vec());
            }
        })
    };
    let three = with(&[(0, &second.ca_der), (0, &third.ca_der)]);
    assert!(
        matches!(
            three,
            DirectoryError::TooMany {
                found: 3,
                max: 2,
                ..
            }
        ),
        "{three}"
    );
    let own = &federation.member("XA-POL").ca_der;
    let twice = with(&[(0, own)]);
    assert!(matches!(twice, DirectoryError::Ca { .. }), "{twice}");
    // The first of another, a second that two share, and a second that is the first of another.
    for shared in [
        with(&[(1, own)]),
        with(&[(0, &second.ca_der), (1, &second.ca_der)]),
        with(&[(0, &federation.member("XC-POL").ca_der)]),
    ] {
        assert!(
            matches!(shared, DirectoryError::SharedCa { .. }),
            "{shared}"
        );
    }
    for no_ca in [&[][..], &own[..own.len() - 1], b"no certificate"] {
        let told = with(&[(0, no_ca)]);
        assert!(matches!(told, DirectoryError::Ca { .. }), "{told}");
    }
}

#[test]
fn two_cas_of_one_name_are_refused() {
    let federation = TestFederation::new();
    let name = |member: &TestMember| {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(
            rcgen::DnType::CommonName,
            format!("{} exchange CA", member.id),
        );
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.self_signed(&key).unwrap().der().to_vec()
    };
    let member = federation.member("XA-POL");
    let (one, other) = (name(member), name(member));
    let told = refused(&federation, |draft| {
        let listed = &mut draft.membership.members[0];
        listed.exchange_ca.clone_from(&one);
        listed.other_exchange_cas.push(other);
    });
    assert!(
        matches!(&told, DirectoryError::Ca { why, .. } if why.contains("name of the other")),
        "{told}"
    );
}

#[test]
fn a_list_of_a_ca_that_is_named_no_more_is_nobodys() {
    let (federation, second) = (TestFederation::new(), TestMember::new("XA-POL"));
    let told = refused(&federation, |draft| draft.crls.push(second.crl(1)));
    assert!(matches!(told, DirectoryError::Crl { .. }), "{told}");
}

#[test]
fn no_list_of_either_ca_may_be_older_than_the_entry_asks() {
    let (federation, second) = (TestFederation::new(), TestMember::new("XA-POL"));
    for (own, other) in [(3, 4), (4, 3)] {
        let told = refused(&federation, |draft| {
            with_second(&second, other)(draft);
            draft.crls[0] = federation.member("XA-POL").crl(own);
            draft.entries[0].min_crl_number = 4;
        });
        assert!(
            matches!(
                told,
                DirectoryError::CrlTooOld {
                    found: 3,
                    minimum: 4,
                    ..
                }
            ),
            "{told}"
        );
    }
}

#[test]
fn row_45_a_list_never_goes_back_while_its_ca_is_named_and_goes_with_it() {
    let (federation, second) = (TestFederation::new(), TestMember::new("XA-POL"));
    let held = federation.directory_with(5, with_second(&second, 5));
    let after = |change: &dyn Fn(&mut Draft)| {
        let bundle = federation.bundle_with(6, |draft| change(draft));
        Directory::verify_successor(&bundle, federation.anchor(), &held, NOW)
    };
    after(&with_second(&second, 6)).unwrap();
    let forked = after(&with_second(&second, 5)).unwrap_err();
    assert!(
        matches!(
            forked,
            DirectoryError::Forked {
                document: Document::Crl(_),
                version: 5
            }
        ),
        "another list of that number: {forked}"
    );
    // Either CA may leave, and takes its list along.
    let left = after(&|_| ()).unwrap();
    assert_eq!(cas_of(&left, "XA-POL").len(), 1);
    let replaced = after(&|draft| {
        let member = &mut draft.membership.members[0];
        member.exchange_ca.clone_from(&second.ca_der);
        draft.crls[0] = second.crl(6);
    });
    assert_eq!(cas_of(&replaced.unwrap(), "XA-POL")[0].der, second.ca_der);
    for back in [4, 1] {
        let told = after(&|draft| {
            with_second(&second, back)(draft);
            draft.entries[0].min_crl_number = 1;
        });
        let told = told.unwrap_err();
        assert!(
            matches!(
                told,
                DirectoryError::RolledBack {
                    document: Document::Crl(_),
                    held: 5,
                    ..
                }
            ),
            "{told}"
        );
    }
    let lost = after(&|draft| {
        with_second(&second, 6)(draft);
        draft.crls.pop();
    });
    let lost = lost.unwrap_err();
    assert!(
        matches!(lost, DirectoryError::RolledBack { offered: 0, .. }),
        "{lost}"
    );
}

/// The signature covers neither the outer tag nor the outer name of the algorithm: whoever passes a directory on could
/// change them, and with them cut a member off.
#[test]
fn row_6_no_changed_byte_of_a_list_is_sound_be_it_signed_or_not() {
    let federation = TestFederation::new();
    let member = federation.member("XA-POL");
    let sound = member.crl(1);
    for at in 0..sound.len() {
        for change in [0x01, 0x02, 0x20, 0x40, 0x80, 0xff] {
            let mut changed = sound.clone();
            changed[at] ^= change;
            let told = crl_number(&changed, &member.ca_der);
            assert!(told.is_err(), "byte {at} of {}, {change:#x}", sound.len());
        }
    }
    let mut changed = sound;
    changed[0] ^= 0x20;
    let told = refused(&federation, |draft| draft.crls[0] = changed);
    assert!(matches!(told, DirectoryError::Crl { .. }), "{told}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_member_comes_back_as_it_was_encoded(others in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..4)) {
        let mut listed = TestMember::new("XA-POL").listed();
        listed.other_exchange_cas = others;
        let decoded = pb::Member::decode(listed.encode_to_vec().as_slice()).unwrap();
        prop_assert_eq!(&decoded, &listed);
        let text = serde_json::to_string(&listed).unwrap();
        prop_assert_eq!(serde_json::from_str::<pb::Member>(&text).unwrap(), listed);
    }
}
