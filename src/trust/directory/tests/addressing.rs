//! Addressees: members, groups, all; never ourselves, never suspended.

use super::*;

#[test]
fn addressees_expand_to_others_who_are_not_suspended() {
    let federation = TestFederation::new();
    let directory = federation.directory_with(1, |draft| {
        draft.membership.members[2].set_status(pb::MemberStatus::Suspended);
        draft.membership.members[1].groups = vec!["south".to_owned(), "nordic".to_owned()];
        draft.membership.members[0].groups = vec!["lonely".to_owned(), "nordic".to_owned()];
    });
    let expand = |to: &str| directory.expand(to, Beginning::InThread, &id("XA-POL"));
    for to in ["XB-POL", "@south", "@nordic", "all"] {
        assert_eq!(expand(to).unwrap(), [id("XB-POL")], "{to}");
    }
    type Says = fn(&DirectoryError) -> bool;
    let table: [(&str, Says); 8] = [
        (
            "XD-POL",
            |e| matches!(e, DirectoryError::UnknownAddressee(who) if who == "XD-POL"),
        ),
        ("xb-pol", |e| {
            matches!(e, DirectoryError::UnknownAddressee(_))
        }),
        ("", |e| matches!(e, DirectoryError::UnknownAddressee(_))),
        (
            "@none",
            |e| matches!(e, DirectoryError::UnknownGroup(group) if group == "none"),
        ),
        ("@", |e| matches!(e, DirectoryError::UnknownGroup(_))),
        ("@lonely", |e| matches!(e, DirectoryError::Nobody(_))),
        ("XC-POL", |e| matches!(e, DirectoryError::Suspended(_))),
        ("XA-POL", |e| matches!(e, DirectoryError::Ourselves(_))),
    ];
    for (to, says) in table {
        let refused = expand(to).unwrap_err();
        assert!(says(&refused), "{to}: {refused}");
    }
}

/// XB has two authorities, one for travel notices and one that takes any kind; XC one for sightings alone.
fn with_kinds() -> Arc<Directory> {
    let mut federation = TestFederation::new();
    federation.members.push(TestMember::new("XB-PROB"));
    federation.directory_with(1, |draft| {
        for entry in &mut draft.entries {
            entry.receives = match entry.authority.as_str() {
                "XB-PROB" => vec![Kind::TravelNotice as u32, 63],
                "XC-POL" => vec![Kind::Sighting as u32],
                _ => Vec::new(),
            };
        }
    })
}

#[test]
fn a_country_is_whoever_receives_the_kind_there_and_who_names_it_goes_first() {
    let directory = with_kinds();
    let (travel, sighting, missing) = (
        Beginning::With(Kind::TravelNotice),
        Beginning::With(Kind::Sighting),
        Beginning::With(Kind::MissingOffender),
    );
    let expand = |to: &str, beginning| directory.expand(to, beginning, &id("XA-POL"));
    let reached = |to: &str, beginning| {
        let reached = expand(to, beginning).unwrap();
        let names = reached.iter().map(AuthorityId::as_str);
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(reached("XB", travel), "XB-PROB");
    assert_eq!(reached("XB", sighting), "XB-POL");
    assert_eq!(reached("XC", sighting), "XC-POL");
    assert_eq!(reached("all", travel), "XB-POL XB-PROB");
    assert_eq!(reached("all", Beginning::InThread), "XB-POL XB-PROB XC-POL");
    assert_eq!(reached("XC-POL", Beginning::InThread), "XC-POL");
    let ourselves = id("XA-POL");
    assert_eq!(
        directory.left_out("all", travel, &ourselves),
        [id("XC-POL")]
    );
    assert_eq!(
        directory.left_out("all", Beginning::InThread, &ourselves),
        []
    );

    for (to, beginning, words) in [
        (
            "XC",
            missing,
            "XC receives no missing_offender: nobody of its country",
        ),
        (
            "XC-POL",
            travel,
            "XC-POL receives no travel_notice: nobody of its country",
        ),
        (
            "XB-PROB",
            missing,
            "XB-PROB receives no missing_offender: send it to XB-POL",
        ),
        (
            "XB",
            Beginning::InThread,
            "XB-POL, XB-PROB of country `XB` receive it: name the one",
        ),
        ("XA", missing, "`XA` names nobody but ourselves"),
        ("XD", missing, "no member is of country `XD`"),
        ("xb", missing, "`xb` is no member, and no country"),
    ] {
        let refused = expand(to, beginning).unwrap_err().to_string();
        assert!(refused.starts_with(words), "{to}: {refused}");
    }
}
