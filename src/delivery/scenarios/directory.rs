//! Greetings, members that come and go, keys that retire.

use std::time::Duration;

use super::{
    net::{Net, id, officer, until},
    roads::Fate,
};
use crate::{
    delivery::{Greeting, SubmitError},
    domain::{
        lives::{DeliveryLife, Hand},
        reason::Reason,
        routing::Priority,
    },
    proto::directory::v1::{self as pb, Key, KeyUse, MemberStatus},
    store::entry::Act,
    trust::testing::{DAY, Draft, HOUR, NOW},
};

/// A reason, and what in a greeting gives it.
type Case = (Reason, fn(&mut Greeting));

fn refused(error: &SubmitError) -> Reason {
    match error {
        SubmitError::Refused { reason, .. } => *reason,
        SubmitError::Store(error) => panic!("{error}"),
    }
}

fn with_status(name: &'static str, status: MemberStatus) -> impl FnOnce(&mut Draft) {
    move |draft| {
        let mut members = draft.membership.members.iter_mut();
        let member = members.find(|member| member.id == id(name).as_str());
        member.unwrap().status = status.into();
    }
}

/// The old key beside the new one, out of use since `until`.
fn with_retired(name: &'static str, old: [u8; 32], until: Duration) -> impl FnOnce(&mut Draft) {
    move |draft| {
        let mut entries = draft.entries.iter_mut();
        let entry = entries.find(|entry| entry.authority == id(name).as_str());
        entry.unwrap().keys.push(Key {
            r#use: KeyUse::Statement.into(),
            public_key: old.to_vec(),
            valid_from_us: NOW.minus(DAY * 30).as_micros(),
            valid_until_us: NOW.minus(until).as_micros(),
            revoked_at_us: 0,
        });
    }
}

/// Verifies that a partner of another federation or version gets nothing, and that ops sees why.
#[tokio::test(flavor = "multi_thread")]
async fn a_greeting_that_does_not_fit_is_no_link() {
    let cases: [Case; 2] = [
        (Reason::WrongFederation, |greeting| {
            greeting.federation = "another".into();
        }),
        (Reason::UnsupportedVersion, |greeting| {
            greeting.versions = vec![9];
        }),
    ];
    for (reason, change) in cases {
        let net = Net::new();
        net.roads.regreet(change);
        net.roads.end_streams(id("XB"));
        until(reason.name(), async || {
            net.fault("XA", "XB") == Some(reason)
        })
        .await;
        let sent = net.send("XA", &["XB"]).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(net.life("XA", sent, "XB").await, DeliveryLife::Queued);
        assert!(net.roads.seen().is_empty());
        net.roads.calm();
        net.until_delivered("XA", sent, "XB").await;
    }
}

/// Verifies that a fork and clocks that differ are told once, and stop nothing (threats 25, 45).
#[tokio::test(flavor = "multi_thread")]
async fn a_fork_and_differing_clocks_alarm_and_change_nothing() {
    let cases: [Case; 2] = [
        (Reason::DirectoryFork, |greeting| {
            greeting.directory_hash = [9; 32];
        }),
        (Reason::ClockSkew, |greeting| {
            greeting.clock = greeting.clock.plus(Duration::from_secs(300));
        }),
    ];
    for (reason, change) in cases {
        let net = Net::new();
        net.well().await;
        assert_eq!(net.entries("XA", Act::Incident, Some(reason)), 0);
        net.roads.regreet(change);
        net.roads.end_streams(id("XB"));
        until("an incident", async || {
            net.entries("XA", Act::Incident, Some(reason)) > 0
        })
        .await;
        let sent = net.send("XA", &["XB"]).await;
        net.until_delivered("XA", sent, "XB").await;
        assert_eq!(net.entries("XA", Act::Incident, Some(reason)), 1);
        if reason == Reason::DirectoryFork {
            until("shown", async || net.fault("XA", "XB") == Some(reason)).await;
        }
    }
}

/// Verifies that a refused sender's delivery is held, goes on when a person says so, and only then.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_goes_on_when_a_person_says_so() {
    let net = Net::new();
    let suspending = net.directory(2, with_status("XA", MemberStatus::Suspended));
    net.adopt("XB", &suspending).await;
    let sent = net.send("XA", &["XB"]).await;
    let held = DeliveryLife::Held(Reason::PeerSuspended);
    net.until_life("XA", sent, "XB", held).await;
    assert!(net.entries("XB", Act::RefusedInput, Some(Reason::PeerSuspended)) > 0);

    let lifted = net.directory(3, |_| ());
    net.adopt("XB", &lifted).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(net.life("XA", sent, "XB").await, held);
    let broker = &net.node("XA").broker;
    broker.resume(officer(), sent, id("XB")).await.unwrap();
    net.until_delivered("XA", sent, "XB").await;
    for (statement, recipient) in [(sent, "XB"), (sent, "XC")] {
        let again = broker.resume(officer(), statement, id(recipient)).await;
        assert_eq!(refused(&again.unwrap_err()), Reason::NotFound);
    }
    assert_eq!(net.entries("XA", Act::DeliveryResumed, None), 1);
}

/// Verifies that lanes to a suspended member end, that what was queued stays, and goes out when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn members_come_and_go_while_the_broker_runs() {
    let net = Net::new();
    let is_linked = || {
        let links = net.node("XA").broker.links();
        links.iter().any(|link| link.authority == id("XC"))
    };
    net.roads.cut(id("XC"));
    let sent = net.send("XA", &["XB", "XC"]).await;
    assert!(is_linked());
    let without = net.directory(2, with_status("XC", MemberStatus::Suspended));
    net.adopt("XA", &without).await;
    net.roads.mend(id("XC"));
    assert!(!is_linked());
    assert_eq!(net.entries("XA", Act::DirectoryAdopted, None), 1);
    let draft = net.draft(Priority::Routine, &["XC"]);
    let error = net.submit("XA", draft).await.unwrap_err();
    assert_eq!(refused(&error), Reason::PeerUnknown);
    net.until_delivered("XA", sent, "XB").await;
    assert_eq!(net.life("XA", sent, "XC").await, DeliveryLife::Queued);

    net.adopt("XA", &net.directory(3, |_| ())).await;
    assert!(is_linked());
    net.until_delivered("XA", sent, "XC").await;
    net.adopt("XA", &net.directory(3, |_| ())).await;
    assert_eq!(net.entries("XA", Act::DirectoryAdopted, None), 2);
}

/// Verifies that a key that retired in the queue is replaced: same leaf, new batch, accepted (threat 13).
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_whose_key_retired_in_the_queue_is_signed_again() {
    let mut net = Net::new();
    net.roads.cut(id("XB"));
    let sent = net.send("XA", &["XB"]).await;
    let leaf = net.record("XA", sent).await.unwrap().leaf;
    let old = net.rotate("XA");
    let newer = net.directory(2, with_retired("XA", old, DAY * 2));
    net.adopt("XA", &newer).await;
    net.adopt("XB", &newer).await;
    net.restart("XA").await;
    net.roads.mend(id("XB"));
    net.until_delivered("XA", sent, "XB").await;
    assert_eq!(net.record("XB", sent).await.unwrap().leaf, leaf);
    assert_eq!(
        net.entries("XB", Act::RefusedInput, Some(Reason::KeyRetired)),
        0
    );
}

/// Verifies that a node that goes on running signs anew what waits, as soon as it has the next key (threat 13).
#[tokio::test(flavor = "multi_thread")]
async fn row_13_what_waits_is_signed_anew_without_a_restart() {
    let mut net = Net::new();
    net.roads.cut(id("XB"));
    let sent = net.send("XA", &["XB"]).await;
    let leaf = net.record("XA", sent).await.unwrap().leaf;
    let (old, key) = net.rotate_running("XA");
    let newer = net.directory(2, with_retired("XA", old, DAY * 2));
    net.adopt("XA", &newer).await;
    net.adopt("XB", &newer).await;
    let broker = &net.node("XA").broker;
    let before = broker.signing_keys();
    broker.use_statement_key(key);
    assert_ne!(broker.signing_keys()[0], before[0]);
    net.roads.mend(id("XB"));
    net.until_delivered("XA", sent, "XB").await;
    assert_eq!(net.record("XB", sent).await.unwrap().leaf, leaf);
    let refused = net.entries("XB", Act::RefusedInput, Some(Reason::KeyRetired));
    assert_eq!(refused, 0);
}

/// Verifies that the old key passes for 24 hours, and that after it the statement waits and is not lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_retired_key_passes_for_a_day_and_then_waits() {
    for (since, expected) in [
        (HOUR * 23, DeliveryLife::Delivered),
        (HOUR * 25, DeliveryLife::Queued),
    ] {
        let mut net = Net::new();
        let old = net.rotate("XA");
        let newer = net.directory(2, with_retired("XA", old, since));
        net.adopt("XB", &newer).await;
        // XA still signs with its old key.
        let sent = net.send("XA", &["XB"]).await;
        if expected == DeliveryLife::Delivered {
            net.until_delivered("XA", sent, "XB").await;
            continue;
        }
        until("refused", async || {
            net.entries("XB", Act::RefusedInput, Some(Reason::KeyRetired)) > 0
        })
        .await;
        assert_eq!(net.life("XA", sent, "XB").await, DeliveryLife::Queued);
    }
}

/// Verifies that a greeting of the partner's ends the wait for it, and begins the counting anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_partner_that_greets_is_dialled_at_once() {
    let net = Net::new();
    net.roads.cut(id("XB"));
    let failures = || -> Vec<u32> {
        let links = net.node("XA").broker.links();
        let link = links
            .iter()
            .find(|link| link.authority == id("XB"))
            .unwrap();
        link.lanes.iter().map(|lane| lane.failures).collect()
    };
    until("failures", async || {
        failures().iter().all(|count| *count >= 4)
    })
    .await;
    net.hears("XA", id("XB"));
    until("a new count", async || failures() == [1, 1]).await;
    net.hears("XA", "XZ-POL".parse().unwrap());
}

/// Verifies that a node whose partners are down stops in order, and does not wait for them.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_partners_that_are_down() {
    let net = Net::new();
    net.roads.fate(|_| Fate::Lost);
    net.roads.cut(id("XB"));
    net.roads.cut(id("XC"));
    net.send("XA", &["XB"]).await;
    let dials = net.roads.dials();
    until("dials", async || net.roads.dials() > dials + 8).await;
    let began = tokio::time::Instant::now();
    net.node("XA").broker.stop().await;
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(net.entries("XA", Act::Stopped, None), 1);
    let draft = net.draft(Priority::Routine, &["XB"]);
    let late = net.submit("XA", draft).await.unwrap_err();
    assert_eq!(refused(&late), Reason::Stopping);
}

/// Verifies that what waits for a partner goes by hand once that partner runs no node any more, that a delivery to a node
/// never does, and that what was carried is never sent.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_partner_that_left_the_network_goes_by_hand() {
    let net = Net::new();
    net.roads.cut(id("XC"));
    let sent = net.send("XA", &["XB", "XC"]).await;
    net.until_delivered("XA", sent, "XB").await;
    let broker = &net.node("XA").broker;
    for recipient in ["XB", "XC"] {
        let refusal = broker.bundle(officer(), &[sent], id(recipient)).await;
        assert_eq!(refused(&refusal.unwrap_err()), Reason::NotByHand);
    }

    let left = net.directory(2, |draft| {
        let member = &mut draft.membership.members[2];
        (member.exchange_ca, member.directory_key) = (Vec::new(), Vec::new());
        member.off_network = Some(pb::OffNetwork {
            channel: pb::Channel::SealedMail.into(),
            contact: "Registry".to_owned(),
        });
        draft.entries.retain(|entry| entry.authority != "XC-POL");
        draft.crls.remove(2);
    });
    net.adopt("XA", &left).await;
    broker.bundle(officer(), &[sent], id("XC")).await.unwrap();
    let bundled = DeliveryLife::ByHand(Hand::Bundled);
    assert_eq!(net.life("XA", sent, "XC").await, bundled);
    let again = net.send("XA", &["XB", "XC"]).await;
    assert_eq!(
        net.life("XA", again, "XC").await,
        DeliveryLife::ByHand(Hand::Waiting)
    );
    assert_eq!(net.entries("XA", Act::GoesByHand, None), 2);

    // It has a node again: what goes by hand stays so.
    net.roads.calm();
    net.roads.mend(id("XC"));
    let back = net.directory(3, |_| ());
    net.adopt("XA", &back).await;
    let next = net.send("XA", &["XC"]).await;
    net.until_delivered("XA", next, "XC").await;
    assert_eq!(net.life("XA", sent, "XC").await, bundled);
}
