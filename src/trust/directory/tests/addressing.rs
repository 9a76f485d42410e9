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
    let expand = |to: &str| directory.expand(to, &id("XA-POL"));
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
