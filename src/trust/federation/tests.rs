//! A federation from its founding to its renewal, on files.

use std::fs;

use super::*;
use crate::trust::keys::KeyId;
use crate::trust::{
    directory::Standing,
    testing::{DAY, FixedClock, NOW, TestMember},
};

mod cas;

struct Office {
    _root: tempfile::TempDir,
    folder: PathBuf,
    node: PathBuf,
    anchor: Anchor,
    clock: FixedClock,
}

fn office() -> Office {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("federation");
    let clock = FixedClock(NOW);
    let anchor = init(&folder, &setup(3, 2), &clock).unwrap();
    Office {
        node: root.path().join("node"),
        _root: root,
        folder,
        anchor,
        clock,
    }
}

fn setup(roots: u32, threshold: u32) -> Setup {
    Setup {
        name: "liaison-test".to_owned(),
        roots,
        threshold,
    }
}

fn admit(member: &TestMember, number: u64) -> Change {
    Change::Admit(Box::new(member.application("liaison-test", number)))
}

impl Office {
    fn propose(&self, changes: &[Change]) -> Result<Proposed, FederationError> {
        propose(&self.folder, changes, Terms::default(), &self.clock)
    }

    fn sign(&self, root: u32) -> Result<Signatures, FederationError> {
        let key = SigningKey::load(&self.folder.join(format!("root-{root}.key")), KeyUse::Root)?;
        sign(&files::membership_path(&self.folder), &key)
    }

    fn publish(&self) -> Result<Published, FederationError> {
        publish(&self.folder, &self.clock)
    }

    fn install(&self) -> Result<Directory, FederationError> {
        install(
            &self.folder.join("directory.bundle"),
            &self.node,
            self.anchor,
            &self.clock,
        )
    }

    fn agree(&self, changes: &[Change]) -> Published {
        if self.propose(changes).unwrap().to_sign.is_some() {
            self.sign(1).unwrap();
            self.sign(3).unwrap();
        }
        self.publish().unwrap()
    }
}

#[test]
fn members_join_once_enough_roots_have_signed() {
    let office = office();
    let (a, b) = (TestMember::new("XA-POL"), TestMember::new("XB-POL"));
    let proposed = office.propose(&[admit(&a, 1), admit(&b, 1)]).unwrap();
    assert_eq!(
        proposed.changes,
        [
            "add XA-POL (\"Police of XA\")",
            "entry 1 of XA-POL: 1 endpoints, 2 keys",
            "revocation list 1 of XA-POL",
            "add XB-POL (\"Police of XB\")",
            "entry 1 of XB-POL: 1 endpoints, 2 keys",
            "revocation list 1 of XB-POL",
        ]
    );
    for (root, have) in [(1, 1), (1, 1), (2, 2)] {
        assert!(matches!(
            office.publish(),
            Err(FederationError::TooFewSignatures { need: 2, .. })
        ));
        assert_eq!(office.sign(root).unwrap(), Signatures { have, need: 2 });
    }
    let published = office.publish().unwrap();
    assert_eq!((published.version, published.members), (1, 2));
    assert_eq!(published.anchor, office.anchor);
    assert!(!files::proposal_path(&office.folder).exists());
    let directory = office.install().unwrap();
    assert_eq!(directory.standing(NOW), Standing::Fresh);
    assert!(
        directory.member(&a.id).unwrap().exchange_cas[0]
            .crl
            .is_some()
    );
}

#[test]
fn a_timestamp_is_renewed_without_the_roots() {
    let mut office = office();
    office.agree(&[admit(&TestMember::new("XA-POL"), 1)]);
    office.install().unwrap();
    office.clock = FixedClock(NOW.plus(DAY * 2));
    assert_eq!(office.publish().unwrap().version, 2);
    let directory = office.install().unwrap();
    assert_eq!(directory.version(), 2);
    assert_eq!(directory.standing(office.clock.0), Standing::Fresh);
}

#[test]
fn new_entries_and_revocation_lists_need_no_root() {
    let office = office();
    let member = TestMember::new("XA-POL");
    office.agree(&[admit(&member, 1)]);
    let newer = member.application("liaison-test", 2);
    let change = [Change::Admit(Box::new(newer.clone()))];
    let proposed = office.propose(&change).unwrap();
    assert_eq!(proposed.to_sign, None);
    assert_eq!(proposed.changes.len(), 2);
    office.publish().unwrap();
    let directory = office.install().unwrap();
    assert!(directory.member(&member.id).unwrap().exchange_cas[0].crl == Some(newer.crl));
    assert!(matches!(
        office.propose(&change),
        Err(FederationError::NothingNew)
    ));
}

#[test]
fn an_entry_never_goes_back() {
    let office = office();
    let member = TestMember::new("XA-POL");
    office.agree(&[admit(&member, 5)]);
    // The older one is refused when it is proposed: whoever hands it in must learn of it.
    let older = member.application("liaison-test", 4);
    let refused = office.propose(&[Change::Admit(Box::new(older))]);
    let why = refused.unwrap_err().to_string();
    assert!(
        why.contains("number 4") && why.contains("holds number 5"),
        "{why}"
    );
    let directory = office.install().unwrap();
    let entry = &directory.bundle().entries[0];
    assert_eq!(
        proposal::entry_of(entry, &member.directory.public())
            .unwrap()
            .number,
        5
    );
    // Another entry of the same number is a fork, and is told.
    let mut fork = member.entry("liaison-test", 5);
    fork.endpoints.clear();
    let mut application = member.application("liaison-test", 5);
    application.entry = Some(author::sign_message(
        DocumentType::Entry,
        &fork,
        &[&member.directory],
    ));
    office
        .propose(&[Change::Admit(Box::new(application))])
        .unwrap();
    assert!(matches!(
        office.publish(),
        Err(FederationError::Directory(DirectoryError::Forked { .. }))
    ));
}

#[test]
fn members_are_suspended_restored_removed_and_renewed() {
    let mut office = office();
    let (a, b) = (TestMember::new("XA-POL"), TestMember::new("XB-POL"));
    office.agree(&[admit(&a, 1), admit(&b, 1)]);
    office.agree(&[Change::Suspend(b.id)]);
    assert!(office.install().unwrap().member(&b.id).unwrap().suspended);
    // A new application does not lift it.
    office.agree(&[admit(&b, 2)]);
    assert!(office.install().unwrap().member(&b.id).unwrap().suspended);
    office.agree(&[Change::Restore(b.id)]);
    assert!(!office.install().unwrap().member(&b.id).unwrap().suspended);
    office.agree(&[Change::Remove(b.id)]);
    assert!(office.install().unwrap().member(&b.id).is_none());
    assert!(matches!(
        office.propose(&[Change::Suspend(b.id)]),
        Err(FederationError::NotAMember(_))
    ));
    // What an application changes is taken: a new name.
    let mut renamed = a.application("liaison-test", 2);
    renamed.member.as_mut().unwrap().name = "Arcadia Guard".to_owned();
    office.agree(&[Change::Admit(Box::new(renamed))]);
    let named = office
        .install()
        .unwrap()
        .member(&a.id)
        .unwrap()
        .name
        .clone();
    assert_eq!(named, "Arcadia Guard");
    office.clock = FixedClock(NOW.plus(DAY * 300));
    office.agree(&[]);
    let renewed = office.install().unwrap();
    assert_eq!(renewed.membership_expires_at(), NOW.plus(DAY * 665));
}

#[test]
fn applications_that_do_not_hold_are_refused() {
    let office = office();
    let (a, b) = (TestMember::new("XA-POL"), TestMember::new("XB-POL"));
    let sound = a.application("liaison-test", 1);
    type Spoil<'a> = Box<dyn Fn(&mut pb::Application) + 'a>;
    let table: [(&str, Spoil<'_>); 5] = [
        ("no entry", Box::new(|it| it.entry = None)),
        (
            "signed by another",
            Box::new(|it| it.entry = b.application("liaison-test", 1).entry),
        ),
        (
            "another federation",
            Box::new(|it| it.entry = a.application("other", 1).entry),
        ),
        (
            "another's revocation list",
            Box::new(|it| it.crl = b.crl(1)),
        ),
        (
            "entry of another authority",
            Box::new(|it| {
                let entry = b.entry("liaison-test", 1);
                it.entry = Some(author::sign_message(
                    DocumentType::Entry,
                    &entry,
                    &[&a.directory],
                ));
            }),
        ),
    ];
    for (what, spoil) in table {
        let mut application = sound.clone();
        spoil(&mut application);
        let refused = office
            .propose(&[Change::Admit(Box::new(application))])
            .unwrap_err();
        assert!(
            matches!(refused, FederationError::Application { .. }),
            "{what}: {refused}"
        );
    }
    office.propose(&[Change::Admit(Box::new(sound))]).unwrap();
}

#[test]
fn only_roots_sign_and_only_memberships() {
    let office = office();
    office
        .propose(&[admit(&TestMember::new("XA-POL"), 1)])
        .unwrap();
    let stranger = SigningKey::generate(KeyUse::Root);
    assert!(matches!(
        sign(&files::membership_path(&office.folder), &stranger),
        Err(FederationError::NotARoot(_))
    ));
    let root = SigningKey::load(&office.folder.join("root-1.key"), KeyUse::Root).unwrap();
    let elsewhere = files::proposal_path(&office.folder).join("other.json");
    fs::copy(office.folder.join("root.json"), &elsewhere).unwrap();
    assert!(matches!(
        sign(&elsewhere, &root),
        Err(FederationError::NotProposed(_))
    ));
}

#[test]
fn a_keeper_far_away_signs_with_the_root_list_alone() {
    let office = office();
    office
        .propose(&[admit(&TestMember::new("XA-POL"), 1)])
        .unwrap();
    let far = tempfile::tempdir().unwrap();
    let file = far.path().join("membership.json");
    fs::copy(files::membership_path(&office.folder), &file).unwrap();
    let root = SigningKey::load(&office.folder.join("root-2.key"), KeyUse::Root).unwrap();
    assert!(sign(&file, &root).is_err(), "no root list here");
    fs::copy(
        office.folder.join("root.json"),
        far.path().join("root.json"),
    )
    .unwrap();
    assert_eq!(sign(&file, &root).unwrap(), Signatures { have: 1, need: 2 });
}

#[test]
fn founding_twice_or_with_impossible_numbers_is_refused() {
    let office = office();
    assert!(matches!(
        init(&office.folder, &setup(3, 2), &office.clock),
        Err(FederationError::Exists(_))
    ));
    for (roots, threshold) in [(0, 0), (3, 0), (3, 4), (65, 2)] {
        let folder = office.node.join(format!("{roots}-{threshold}"));
        assert!(matches!(
            init(&folder, &setup(roots, threshold), &office.clock),
            Err(FederationError::Threshold { .. })
        ));
        assert!(!folder.exists(), "nothing was made");
    }
    let most = office.folder.with_file_name("most");
    init(&most, &setup(64, 64), &office.clock).unwrap();
    let mut bad = setup(1, 1);
    bad.name = "no spaces".to_owned();
    assert!(matches!(
        init(&office.node, &bad, &office.clock),
        Err(FederationError::Name)
    ));
    assert!(matches!(
        office.publish(),
        Err(FederationError::NothingToPublish(_))
    ));
}

#[test]
fn the_extracted_root_is_the_anchors() {
    let office = office();
    let published = office.agree(&[admit(&TestMember::new("XA-POL"), 1)]);
    let out = office.folder.join("extracted.json");
    assert_eq!(
        extract_root(&published.file, &out, &office.clock).unwrap(),
        office.anchor
    );
    let root: pb::SignedDocument = files::read_json(&out).unwrap();
    assert_eq!(author::anchor_of(&root), office.anchor);
    assert!(matches!(
        extract_root(&published.file, &out, &office.clock),
        Err(FederationError::Exists(_))
    ));
    let other = Some(Anchor([1; 32]));
    assert!(open(&published.file, other, &office.clock).is_err());
    assert!(open(&published.file, None, &office.clock).is_ok());
}

fn next(add: u32, remove: &[KeyId], threshold: Option<u32>) -> NextRoots {
    NextRoots {
        add,
        remove: remove.to_vec(),
        threshold,
        timestamp: TimestampKey::Keep,
    }
}

impl Office {
    fn rotate(&self, next: &NextRoots) -> Result<RotationProposed, FederationError> {
        rotate(&self.folder, next, &self.clock)
    }

    fn root(&self, number: u32) -> SigningKey {
        SigningKey::load(
            &self.folder.join(format!("root-{number}.key")),
            KeyUse::Root,
        )
        .unwrap()
    }

    fn sign_all(&self, proposed: &RotationProposed, roots: &[u32]) {
        for file in &proposed.to_sign {
            for root in roots {
                sign(file, &self.root(*root)).unwrap();
            }
        }
    }
}

/// Verifies that two of three roots go, that k of the old and k of the new must sign, that the membership is vouched for
/// by the new ones, and that a node that holds the first list takes the second.
#[test]
fn roots_are_replaced_by_the_word_of_the_old_and_of_the_new() {
    let office = office();
    office.agree(&[admit(&TestMember::new("XA-POL"), 1)]);
    office.install().unwrap();
    let leaving = [office.root(1).id(), office.root(2).id()];
    let proposed = office.rotate(&next(2, &leaving, None)).unwrap();
    assert_eq!(proposed.version, 2);
    assert_eq!(proposed.changes.len(), 4);
    assert_eq!(proposed.to_sign.len(), 2, "list and membership");
    assert_eq!(proposed.made.len(), 2);
    let unsigned = office.publish().unwrap_err().to_string();
    assert_eq!(
        unsigned,
        "root list 2 has 0 of 2 signatures by the roots before it and 0 of 2 signatures by its own"
    );
    let list = &proposed.to_sign[0];
    for (root, have) in [(1, 1), (2, 2), (4, 3), (4, 3), (5, 4)] {
        assert!(office.publish().is_err());
        let signed = sign(list, &office.root(root)).unwrap();
        assert_eq!(signed, Signatures { have, need: 4 });
    }
    // Of the new roots only the third has vouched for the members so far.
    assert!(matches!(
        office.publish(),
        Err(FederationError::TooFewSignatures { have: 1, need: 2 })
    ));
    let stranger = SigningKey::generate(KeyUse::Root);
    assert!(matches!(
        sign(list, &stranger),
        Err(FederationError::NotARoot(_))
    ));
    for root in [4, 5] {
        sign(&proposed.to_sign[1], &office.root(root)).unwrap();
    }
    office.publish().unwrap();
    let directory = office.install().unwrap();
    assert_eq!(directory.roots(), 2);
    let (threshold, roots) = directory.root_keys();
    assert_eq!((threshold, roots.len()), (2, 3));
    assert!(leaving.iter().all(|id| !roots.contains(id)));

    // The old ones have nothing to say any more; the new ones go on.
    office
        .propose(&[Change::Suspend("XA-POL".parse().unwrap())])
        .unwrap();
    assert!(matches!(office.sign(1), Err(FederationError::NotARoot(_))));
    office.sign(4).unwrap();
    office.sign(3).unwrap();
    office.publish().unwrap();
    office.install().unwrap();
}

/// Verifies that a root list needs both words, whichever of them is missing.
#[test]
fn neither_the_old_roots_nor_the_new_ones_alone_replace_the_list() {
    for signing in [[1, 2], [4, 5]] {
        let office = office();
        office.agree(&[admit(&TestMember::new("XA-POL"), 1)]);
        let leaving = [office.root(1).id(), office.root(2).id()];
        let proposed = office.rotate(&next(2, &leaving, None)).unwrap();
        for root in signing {
            sign(&proposed.to_sign[0], &office.root(root)).unwrap();
        }
        for root in [4, 5] {
            sign(&proposed.to_sign[1], &office.root(root)).unwrap();
        }
        let refused = office.publish();
        assert!(
            matches!(refused, Err(FederationError::RootList { version: 2, .. })),
            "signed by {signing:?}"
        );
    }
}

#[test]
fn terms_are_bounded() {
    let office = office();
    office.agree(&[admit(&TestMember::new("XA-POL"), 1)]);
    let renew = |days, grace_days| {
        let terms = Terms { days, grace_days };
        propose(&office.folder, &[], terms, &office.clock)
    };
    for (days, grace) in [(0, 14), (3651, 14), (365, 366)] {
        assert!(
            matches!(renew(days, grace), Err(FederationError::Terms { .. })),
            "{days} days and {grace} of grace"
        );
    }
    for (days, grace) in [(1, 0), (3650, 365)] {
        renew(days, grace).unwrap();
    }
}

#[test]
fn a_list_that_changes_no_quorum_needs_no_new_word_on_the_members() {
    let office = office();
    office.agree(&[admit(&TestMember::new("XA-POL"), 1)]);
    let proposed = office.rotate(&next(1, &[], None)).unwrap();
    assert_eq!(proposed.to_sign.len(), 1);
    office.sign_all(&proposed, &[1, 3]);
    office.publish().unwrap();
    assert_eq!(office.install().unwrap().roots(), 2);
}

#[test]
fn one_thing_is_proposed_at_a_time_and_what_cannot_work_is_refused() {
    let office = office();
    let member = TestMember::new("XA-POL");
    office.agree(&[admit(&member, 1)]);
    let nobody = SigningKey::generate(KeyUse::Root).id();
    assert!(matches!(
        office.rotate(&next(1, &[nobody], None)),
        Err(FederationError::UnknownRoot(_))
    ));
    let most = [office.root(1).id(), office.root(2).id()];
    assert!(matches!(
        office.rotate(&next(0, &most, None)),
        Err(FederationError::Threshold {
            roots: 1,
            threshold: 2,
            ..
        })
    ));
    assert!(matches!(
        office.rotate(&next(0, &[], None)),
        Err(FederationError::NothingNew)
    ));
    assert!(matches!(
        office.rotate(&next(62, &[], None)),
        Err(FederationError::Threshold { roots: 65, .. })
    ));
    office.rotate(&next(1, &[], Some(3))).unwrap();
    assert!(matches!(
        office.propose(&[admit(&member, 2)]),
        Err(FederationError::Pending(_))
    ));
    assert!(matches!(
        office.rotate(&next(1, &[], None)),
        Err(FederationError::Pending(_))
    ));
}

/// Verifies that a stolen timestamp key is worth nothing after its replacement, and that a publishing that was
/// interrupted after the keys were moved is repeated and comes to its end.
#[test]
fn the_timestamp_key_is_replaced_even_when_publishing_was_interrupted() {
    let office = office();
    office.agree(&[admit(&TestMember::new("XA-POL"), 1)]);
    office.install().unwrap();
    let stolen = fs::read(files::timestamp_key_path(&office.folder)).unwrap();
    let replacing = NextRoots {
        timestamp: TimestampKey::Replace,
        ..next(0, &[], None)
    };
    let proposed = office.rotate(&replacing).unwrap();
    office.sign_all(&proposed, &[1, 2]);
    // Interrupted: list and key are in their places, the bundle is not written.
    let newest = files::newest_root(&office.folder).unwrap();
    let ready = rotation::ready(&office.folder, &newest).unwrap().unwrap();
    ready.put_in_place(&office.folder).unwrap();
    office.publish().unwrap();
    assert_eq!(office.install().unwrap().roots(), 2);

    assert_ne!(
        fs::read(files::timestamp_key_path(&office.folder)).unwrap(),
        stolen
    );
    fs::write(files::timestamp_key_path(&office.folder), stolen).unwrap();
    assert!(matches!(
        office.publish(),
        Err(FederationError::Directory(
            DirectoryError::TooFewSignatures { found: 0, .. }
        ))
    ));
}
