//! Authorities that run no node: the roots alone speak for them.

use super::*;
use crate::domain::transfer::Channel;

/// XE-POL, reached through an embassy; `change` spoils it.
fn with(change: impl FnOnce(&mut pb::Member)) -> impl FnOnce(&mut Draft) {
    |draft| {
        let mut member = pb::Member {
            id: "XE-POL".to_owned(),
            country: "XE".to_owned(),
            name: "Police of Erewhon".to_owned(),
            status: pb::MemberStatus::Active.into(),
            off_network: Some(pb::OffNetwork {
                channel: pb::Channel::Embassy.into(),
                contact: "Consular section".to_owned(),
            }),
            ..pb::Member::default()
        };
        change(&mut member);
        draft.membership.members.push(member);
    }
}

#[test]
fn an_authority_without_a_node_needs_no_entry_and_is_no_partner_of_any_node() {
    let federation = TestFederation::new();
    let directory = federation.directory_with(1, with(|_| ()));
    let member = directory.member(&id("XE-POL")).unwrap();
    assert_eq!(member.off_network, Some(Channel::Embassy));
    assert_eq!(member.contact, "Consular section");
    assert_eq!(member.directory_key, None);
    assert_eq!(directory.channel(&id("XE-POL")), Some(Channel::Embassy));
    assert_eq!(directory.channel(&id("XB-POL")), None);
    assert!(directory.active().all(|member| member.id != id("XE-POL")));
    let all = directory.expand("all", Beginning::InThread, &id("XA-POL"));
    assert!(all.unwrap().contains(&id("XE-POL")));
    // It may come, get a node, and go again.
    let before = federation.directory_with(1, |_| ());
    for change in [
        federation.bundle_with(2, with(|_| ())),
        federation.bundle(2),
    ] {
        let next = Directory::verify_successor(&change, federation.anchor(), &before, NOW);
        assert!(next.is_ok(), "{next:?}");
    }
}

#[test]
fn whoever_runs_no_node_has_nothing_of_one_and_a_channel_with_a_contact() {
    let federation = TestFederation::new();
    type Change = fn(&mut pb::Member);
    let changes: [(&str, Change); 5] = [
        ("a CA or a directory key all the same", |it| {
            it.directory_key = vec![1; 32];
        }),
        ("a CA or a directory key all the same", |it| {
            it.exchange_ca = vec![1];
        }),
        ("its channel is unknown", |it| {
            it.off_network.as_mut().unwrap().channel = 99;
        }),
        ("its contact is empty", |it| {
            it.off_network.as_mut().unwrap().contact = String::new();
        }),
        ("its contact is empty", |it| {
            it.off_network.as_mut().unwrap().contact = "hidden \u{202e}".to_owned();
        }),
    ];
    for (words, change) in changes {
        let refused = refused(&federation, with(change)).to_string();
        assert!(refused.contains(words), "{refused}");
    }
    // With a node it needs all that a node needs.
    let refused = refused(&federation, with(|it| it.off_network = None));
    assert!(!matches!(refused, DirectoryError::Unpaired(_)), "{refused}");
}
