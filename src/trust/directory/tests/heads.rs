//! What the timestamp names is exactly what the bundle holds, it is not from the future, and lists have their caps.

use super::*;

#[test]
fn heads_must_be_exactly_those_of_the_timestamp() {
    let federation = TestFederation::new();
    let (old, new) = (federation.bundle(1), federation.bundle(2));
    // Parts of two versions spliced together.
    let mut spliced = new.clone();
    spliced.membership = old.membership.clone();
    assert!(matches!(
        Directory::verify(&spliced, federation.anchor(), NOW),
        Err(DirectoryError::HeadMismatch {
            document: Document::Membership,
            found: 1
        })
    ));
    let mut spliced = new.clone();
    spliced.entries[0] = old.entries[0].clone();
    assert!(matches!(
        Directory::verify(&spliced, federation.anchor(), NOW),
        Err(DirectoryError::HeadMismatch {
            document: Document::Entry(_),
            ..
        })
    ));
    // The same version in other words: only the hash tells.
    let reworded = federation.bundle_with(2, |d| {
        d.membership.grace_days += 1;
        d.entries[0].spki_pins = vec![vec![1; 32]];
    });
    let mut spliced = new.clone();
    spliced.membership = reworded.membership;
    assert!(matches!(
        Directory::verify(&spliced, federation.anchor(), NOW),
        Err(DirectoryError::HeadMismatch {
            document: Document::Membership,
            found: 2
        })
    ));
    let mut spliced = new.clone();
    spliced.entries[0] = reworded.entries[0].clone();
    assert!(matches!(
        Directory::verify(&spliced, federation.anchor(), NOW),
        Err(DirectoryError::HeadMismatch {
            document: Document::Entry(_),
            ..
        })
    ));
    let mut short = new.clone();
    short.entries.pop();
    assert!(matches!(
        Directory::verify(&short, federation.anchor(), NOW),
        Err(DirectoryError::Unpaired(_))
    ));
    let mut twice = new;
    twice.entries.push(twice.entries[0].clone());
    assert!(matches!(
        Directory::verify(&twice, federation.anchor(), NOW),
        Err(DirectoryError::Twice(_, Document::Entry(_)))
    ));
}

#[test]
fn a_timestamp_may_be_ahead_by_the_tolerance_and_no_more() {
    let federation = TestFederation::new();
    let issued = |ahead_us: i64| {
        federation.bundle_with(1, |d| {
            let at = NOW.plus(limits::CLOCK_TOLERANCE).as_micros() + ahead_us;
            d.timestamp.issued_at_us = at;
        })
    };
    Directory::verify(&issued(0), federation.anchor(), NOW).unwrap();
    assert!(matches!(
        Directory::verify(&issued(1), federation.anchor(), NOW),
        Err(DirectoryError::FromTheFuture { .. })
    ));
}

#[test]
fn lists_over_their_caps_are_refused() {
    let federation = TestFederation::new();
    let over = limits::DIRECTORY_LIST_MAX + 1;
    type Spoil = fn(&mut Draft, usize);
    let table: [(&str, Spoil); 4] = [
        ("groups", |d, n| {
            d.membership.members[0].groups = (0..n).map(|at| format!("g{at}")).collect();
        }),
        ("endpoints", |d, n| {
            d.entries[0].endpoints = vec!["127.0.0.1:7101".to_owned(); n];
        }),
        ("pins", |d, n| d.entries[0].spki_pins = vec![vec![1; 32]; n]),
        ("revocation lists", |d, _| {
            d.crls = vec![d.crls[0].clone(); limits::MEMBERS_MAX * limits::CAS_MAX + 1];
        }),
    ];
    for (expected, spoil) in table {
        let refused = refused(&federation, |d| spoil(d, over));
        assert!(
            matches!(refused, DirectoryError::TooMany { what, .. } if what == expected),
            "{expected}: {refused}"
        );
    }
    let full = federation.bundle_with(1, |d| table[2].1(d, over - 1));
    Directory::verify(&full, federation.anchor(), NOW).unwrap();
}
