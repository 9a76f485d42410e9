//! Directories over time: standing, succession, and the folder that keeps every version.

use std::fs;

use super::*;

#[test]
fn row_46_standing_follows_the_clock() {
    let directory = TestFederation::new().directory();
    let table = [
        (NOW, Standing::Fresh),
        (NOW.minus(HOUR), Standing::Stale),
        (NOW.minus(Duration::from_secs(60)), Standing::Fresh),
        (NOW.plus(DAY).minus(Duration::from_secs(1)), Standing::Fresh),
        (NOW.plus(DAY), Standing::Stale),
        (NOW.plus(DAY * 30), Standing::Grace),
        (NOW.plus(DAY * 44).minus(HOUR), Standing::Grace),
        (NOW.plus(DAY * 44), Standing::Closed),
    ];
    for (now, expected) in table {
        assert_eq!(directory.standing(now), expected, "at {now}");
    }
    assert_eq!(directory.timestamp_expires_at(), NOW.plus(DAY));
    assert_eq!(directory.membership_expires_at(), NOW.plus(DAY * 30));
}

#[test]
fn row_45_nothing_goes_back_and_nothing_forks() {
    let federation = TestFederation::new();
    let held = federation.directory_with(5, |draft| {
        draft.roots.push((federation.root(2), vec![0, 1]));
    });
    let with_root_2 = |version: u64, change: &dyn Fn(&mut Draft)| {
        federation.bundle_with(version, |draft| {
            draft.roots.push((federation.root(2), vec![0, 1]));
            change(draft);
        })
    };
    let after =
        |bundle: &pb::Bundle| Directory::verify_successor(bundle, federation.anchor(), &held, NOW);
    after(&with_root_2(6, &|_| ())).unwrap();
    after(held.bundle()).unwrap();
    type Spoil = fn(&mut Draft);
    let back: [(&str, Spoil, Document); 5] = [
        ("roots", |d| d.roots.truncate(1), Document::Root(2)),
        (
            "membership",
            |d| d.membership.version = 4,
            Document::Membership,
        ),
        (
            "entry",
            |d| d.entries[2].number = 4,
            Document::Entry(id("XC-POL")),
        ),
        (
            "revocation list",
            |d| d.crls.clear(),
            Document::Crl(id("XA-POL")),
        ),
        (
            "timestamp",
            |d| d.timestamp.version = 4,
            Document::Timestamp,
        ),
    ];
    for (what, spoil, document) in back {
        let refused = after(&with_root_2(6, &spoil)).unwrap_err();
        assert!(
            matches!(refused, DirectoryError::RolledBack { document: found, .. } if found == document),
            "{what}: {refused}"
        );
    }
    let forks: [(&str, Spoil, Document); 4] = [
        (
            "roots",
            |d| d.roots[1].0.issued_at_us += 1,
            Document::Root(2),
        ),
        (
            "membership",
            |d| {
                d.membership.version = 5;
                d.membership.grace_days = 15;
            },
            Document::Membership,
        ),
        (
            "entry",
            |d| {
                d.entries[2].number = 5;
                d.entries[2].endpoints.clear();
            },
            Document::Entry(id("XC-POL")),
        ),
        (
            "timestamp",
            |d| {
                d.timestamp.version = 5;
                d.timestamp.issued_at_us += 1;
            },
            Document::Timestamp,
        ),
    ];
    for (what, spoil, document) in forks {
        let refused = after(&with_root_2(6, &spoil)).unwrap_err();
        assert!(
            matches!(refused, DirectoryError::Forked { document: found, .. } if found == document),
            "{what}: {refused}"
        );
    }
}

#[test]
fn row_47_a_stolen_timestamp_key_cannot_use_up_the_versions() {
    let federation = TestFederation::new();
    let held = federation.directory();
    let leap = |version: u64| {
        let bundle = federation.bundle_with(2, |draft| draft.timestamp.version = version);
        Directory::verify_successor(&bundle, federation.anchor(), &held, NOW)
    };
    assert_eq!(
        leap(1 + limits::DIRECTORY_STEP_MAX).unwrap().version(),
        100_001
    );
    for version in [2 + limits::DIRECTORY_STEP_MAX, i64::MAX as u64, u64::MAX] {
        assert!(matches!(
            leap(version),
            Err(DirectoryError::TooFarAhead { held: 1, .. })
        ));
    }
}

#[test]
fn members_may_leave_but_nobody_joins_in_an_expired_membership() {
    let mut federation = TestFederation::new();
    let held = federation.directory();
    federation.members.push(TestMember::new("XD-POL"));
    let after = |bundle: &pb::Bundle, now| {
        Directory::verify_successor(bundle, federation.anchor(), &held, now)
    };
    let with_newcomer = federation.bundle(2);
    after(&with_newcomer, NOW).unwrap();
    assert!(matches!(
        after(&with_newcomer, NOW.plus(DAY * 31)),
        Err(DirectoryError::AddedInGrace(added)) if added == id("XD-POL")
    ));
    let without_a = federation.bundle_with(2, |draft| {
        draft.membership.members.remove(0);
        draft.entries.remove(0);
        draft.crls.remove(0);
    });
    after(&without_a, NOW).unwrap();
}

#[test]
fn installed_versions_are_all_kept_and_the_newest_is_loaded() {
    let federation = TestFederation::new();
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("directory");
    let anchor = federation.anchor();
    let load = || Directory::load(&folder, anchor, NOW);
    assert!(matches!(load(), Err(DirectoryError::Empty(_))));
    let install = |bundle: &pb::Bundle| Directory::install(&folder, bundle, anchor, NOW);
    for version in [1, 2, 12] {
        install(&federation.bundle(version)).unwrap();
        assert_eq!(load().unwrap().version(), version);
    }
    let mut names: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["00000001.bundle", "00000002.bundle", "00000012.bundle"]
    );
    let old = Directory::load_version(&folder, anchor, 2).unwrap();
    assert_eq!(old.version(), 2);

    let held = load().unwrap();
    assert_eq!(install(held.bundle()).unwrap().hash(), held.hash());
    let mut stripped = held.bundle().clone();
    stripped.roots[0].signatures.push(pb::Signature::default());
    assert!(matches!(
        install(&stripped),
        Err(DirectoryError::SameVersion(12))
    ));
    assert!(matches!(
        install(&federation.bundle(3)),
        Err(DirectoryError::RolledBack { .. })
    ));
    assert_eq!(load().unwrap().hash(), held.hash());
    // It loads however late it is: its standing tells.
    let late = NOW.plus(DAY * 400);
    let expired = Directory::load(&folder, anchor, late).unwrap();
    assert_eq!(expired.standing(late), Standing::Closed);
}

#[test]
fn a_version_that_somebody_else_brought_meanwhile_is_kept_once_and_another_truth_is_refused() {
    let federation = TestFederation::new();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let anchor = federation.anchor();
    let held = Directory::install(folder, &federation.bundle(1), anchor, NOW).unwrap();
    let second = federation.bundle(2);
    Directory::install(folder, &second, anchor, NOW).unwrap();

    // A node that still holds the first is passed what its operator has just installed.
    let passed_on = |mut bundle: pb::Bundle| {
        bundle.roots.clear();
        Directory::install_after(folder, bundle, &held, NOW)
    };
    let taken = passed_on(second.clone()).unwrap();
    assert_eq!(taken.unwrap().bundle(), &second);
    let other = federation.bundle_with(2, |draft| draft.timestamp.issued_at_us += 1);
    assert!(matches!(
        passed_on(other),
        Err(DirectoryError::SameVersion(2))
    ));
    let kept = Directory::load(folder, anchor, NOW).unwrap();
    assert_eq!(kept.bundle(), &second);
    assert_eq!(
        fs::read_dir(folder).unwrap().count(),
        3,
        "and the other side of the fork"
    );
}

#[test]
fn a_damaged_or_renamed_newest_version_is_named_not_passed_over() {
    let federation = TestFederation::new();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let anchor = federation.anchor();
    Directory::install(folder, &federation.bundle(1), anchor, NOW).unwrap();
    fs::write(folder.join("notes.txt"), "not ours").unwrap();
    Directory::load(folder, anchor, NOW).unwrap();
    fs::copy(
        folder.join("00000001.bundle"),
        folder.join("00000009.bundle"),
    )
    .unwrap();
    assert!(matches!(
        Directory::load(folder, anchor, NOW),
        Err(DirectoryError::Misnamed {
            found: 1,
            expected: 9,
            ..
        })
    ));
    fs::write(folder.join("00000009.bundle"), [0xff; 10]).unwrap();
    let refused = Directory::load(folder, anchor, NOW).unwrap_err();
    assert!(refused.to_string().contains("00000009.bundle"), "{refused}");
}

#[test]
fn a_folder_that_cannot_be_listed_is_no_empty_one() {
    let anchor = TestFederation::new().anchor();
    let place = tempfile::tempdir().unwrap();
    let absent = place.path().join("absent");
    let refused = Directory::load(&absent, anchor, NOW).unwrap_err();
    assert!(matches!(refused, DirectoryError::Empty(_)), "{refused}");
    let unlistable = place.path().join("unlistable");
    fs::write(&unlistable, "a file in its place").unwrap();
    let refused = Directory::load(&unlistable, anchor, NOW).unwrap_err();
    assert!(!matches!(refused, DirectoryError::Empty(_)), "{refused}");
    assert!(refused.to_string().contains("unlistable"), "{refused}");
}

#[test]
fn what_a_partner_passes_on_is_added_and_what_lies_in_the_folder_is_taken() {
    let federation = TestFederation::new();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let held = Directory::install(folder, &federation.bundle(5), federation.anchor(), NOW).unwrap();
    let passed_on = |version: u64, change: &dyn Fn(&mut Draft)| {
        let mut bundle = federation.bundle_with(version, change);
        bundle.roots.clear();
        bundle
    };
    let after =
        |held: &Directory, bundle: pb::Bundle| Directory::install_after(folder, bundle, held, NOW);
    let load = |held: &Directory| Directory::load_after(folder, held, NOW);
    assert!(load(&held).unwrap().is_none());
    assert!(after(&held, passed_on(5, &|_| ())).unwrap().is_none());
    let newer = after(&held, passed_on(6, &|_| ())).unwrap().unwrap();
    assert_eq!(newer.version(), 6);
    assert!(folder.join("00000006.bundle").exists());
    assert_eq!(load(&held).unwrap().unwrap().hash(), newer.hash());
    // Back it does not go, neither by a partner nor by a folder that was put back.
    assert!(matches!(
        after(&newer, passed_on(5, &|_| ())),
        Err(DirectoryError::RolledBack { .. })
    ));
    fs::remove_file(folder.join("00000006.bundle")).unwrap();
    assert!(matches!(
        load(&newer),
        Err(DirectoryError::RolledBack { .. })
    ));
    let ahead = NOW.plus(HOUR);
    Directory::install(
        folder,
        &federation.bundle_with(7, |d| {
            d.timestamp.issued_at_us = ahead.as_micros();
            d.timestamp.expires_at_us = ahead.plus(HOUR).as_micros();
        }),
        federation.anchor(),
        ahead,
    )
    .unwrap();
    assert!(matches!(
        load(&newer),
        Err(DirectoryError::FromTheFuture { .. })
    ));
}

#[test]
fn forks_are_kept_beside_once_each_and_not_without_end() {
    let federation = TestFederation::new();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let held = Directory::install(folder, &federation.bundle(5), federation.anchor(), NOW).unwrap();
    let forked = |n: i64| {
        let mut bundle = federation.bundle_with(5, |d| d.timestamp.issued_at_us += n);
        bundle.roots.clear();
        let refused = Directory::install_after(folder, bundle, &held, NOW);
        assert!(
            matches!(refused, Err(DirectoryError::Forked { .. })),
            "{refused:?}"
        );
        fs::read_dir(folder)
            .unwrap()
            .filter(|file| {
                let name = file.as_ref().unwrap().file_name();
                name.to_str().unwrap().starts_with("fork-00000005-")
            })
            .count()
    };
    assert_eq!((forked(1), forked(1), forked(2)), (1, 1, 2));
    let most = limits::DIRECTORY_FORKS_MAX;
    let kept = (3..).take(most).map(forked).last();
    assert_eq!(kept, Some(most));
    let loaded = Directory::load(folder, federation.anchor(), NOW).unwrap();
    assert_eq!(loaded.hash(), held.hash());
}
