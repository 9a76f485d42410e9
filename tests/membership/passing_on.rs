//! Newer directories go from node to node by themselves: roots, members, entries and lists.

use allpoints::{
    domain::time::{Clock, Timestamp},
    node::system::SystemClock,
    proto::desk::v1::DeliveryState,
    trust::{
        federation::{self, NextRoots, Terms, TimestampKey},
        keys::{KeyUse, SigningKey},
    },
};

use crate::{
    KEEPER, VICTIM, holds,
    intruder::{Badge, handshake},
    realm::{self, Design, Realm},
    within_a_minute,
};

const TWO_NODES: Design = Design {
    nodes: &[KEEPER, VICTIM],
    partners: &["XC-P01"],
    suspended: &[],
    tailor: |_, _, _| {},
};

/// Verifies that what one node installs is in force at its partner as well, a revocation included, with no hand laid on
/// the partner, within a minute (row 3).
#[test]
fn t03_a_revocation_reaches_a_node_through_its_partner() {
    realm::alone(&TWO_NODES, async |realm| {
        let lost = Badge::of_member(&realm, "XC-P01");
        let at = realm.exchange_of(VICTIM);
        assert_eq!(handshake(at, lost.clone()).await, Ok(()));
        realm.revoke_certificate_of("XC-P01");
        realm.install(KEEPER);
        let refusal = within_a_minute("refused", || async {
            handshake(at, lost.clone()).await.err()
        })
        .await;
        assert_eq!(refusal.name(), "CERTIFICATE_REVOKED");
        holds(&realm, VICTIM, 2).await;
        // It is kept in the folder: the next start begins with it.
        assert_eq!(realm.directory_of(VICTIM).version(), 2);
        let entries = realm.journal(VICTIM, KEEPER).await;
        assert!(entries.is_empty(), "no incident: {entries:?}");
    });
}

/// Verifies that a node that was away for three versions, two of them with new roots, catches up from a partner: the
/// chain of roots is walked, from where the node stands.
#[test]
fn t45_a_node_that_was_away_for_three_versions_catches_up_from_a_partner() {
    realm::alone(&TWO_NODES, async |realm| {
        realm.stop(VICTIM).await;
        rotate(&realm, TimestampKey::Replace);
        rotate(&realm, TimestampKey::Keep);
        realm.revoke_certificate_of("XC-P01");
        realm.install(KEEPER);
        holds(&realm, KEEPER, 4).await;
        assert_eq!(realm.directory_of(VICTIM).version(), 1);

        realm.start(VICTIM).await.expect("it starts");
        holds(&realm, VICTIM, 4).await;
        let held = realm.directory_of(VICTIM);
        assert_eq!(held.hash(), realm.directory_of(KEEPER).hash());
        assert_eq!(held.roots(), 3);
    });
}

/// Another root beside those that are there; root 1 stays, so that the realm can go on publishing.
fn rotate(realm: &Realm, timestamp: TimestampKey) {
    let folder = realm.federation();
    let next = NextRoots {
        add: 1,
        remove: vec![],
        threshold: None,
        timestamp,
    };
    let proposed = federation::rotate(&folder, &next, realm.clock()).expect("proposed");
    let key = SigningKey::load(&folder.join("root-1.key"), KeyUse::Root).expect("a key");
    for file in &proposed.to_sign {
        federation::sign(file, &key).expect("signed");
    }
    federation::publish(&folder, realm.clock()).expect("published");
}

/// A clock so many hours behind.
#[derive(Debug)]
struct Behind {
    hours: i64,
    clock: SystemClock,
}

impl Behind {
    fn hours(hours: i64) -> Self {
        let clock = SystemClock::new();
        Self { hours, clock }
    }
}

impl Clock for Behind {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.clock.now().as_micros() - self.hours * 3_600_000_000)
    }
    fn monotonic(&self) -> std::time::Duration {
        self.clock.monotonic()
    }
}

/// Verifies that a node that was closed, its membership over beyond any grace, is opened again by a partner: nothing is
/// exchanged with it until then but the directory.
#[test]
fn t46_a_closed_node_is_opened_again_by_a_partner() {
    realm::alone(&TWO_NODES, async |realm| {
        realm.stop(VICTIM).await;
        realm.stop(KEEPER).await;
        let (folder, yesterday) = (realm.federation(), Behind::hours(30));
        let terms = Terms {
            days: 1,
            grace_days: 0,
        };
        let proposed = federation::propose(&folder, &[], terms, &yesterday).expect("proposed");
        let root = SigningKey::load(&folder.join("root-1.key"), KeyUse::Root).expect("a key");
        federation::sign(&proposed.to_sign.expect("a membership"), &root).expect("signed");
        federation::publish(&folder, &yesterday).expect("published");
        realm.install(VICTIM);
        realm.start(VICTIM).await.expect("it starts");
        assert_eq!(realm.status(VICTIM).await.directory_standing, "closed");

        realm.publish(&[]);
        realm.install(KEEPER);
        realm.start(KEEPER).await.expect("it starts");
        holds(&realm, VICTIM, 3).await;
        assert_eq!(realm.status(VICTIM).await.directory_standing, "fresh");
        let sent = realm.sends(VICTIM, KEEPER, 1).await;
        let delivered = (DeliveryState::Delivered, "");
        realm
            .until_delivery(VICTIM, KEEPER, &sent[0], delivered)
            .await;
    });
}

/// Verifies that a node whose directory has run out says so, once in its journal and in its alarms, and that a newer one
/// is asked for although nobody named one.
#[test]
fn t46_a_directory_that_has_run_out_alarms_and_is_asked_for() {
    realm::alone(&TWO_NODES, async |realm| {
        realm.stop(VICTIM).await;
        realm.stop(KEEPER).await;
        let yesterday = Behind::hours(30);
        federation::publish(&realm.federation(), &yesterday).expect("published");
        realm.install(VICTIM);
        realm.start(VICTIM).await.expect("it starts");
        let status = within_a_minute("alarms", || async {
            let status = realm.status(VICTIM).await;
            let frozen = |it: &&String| it.starts_with("DIRECTORY_FROZEN at ");
            (status.alarms.iter().filter(frozen).count() > 0).then_some(status)
        })
        .await;
        assert_eq!(status.directory_standing, "stale");
        assert!(status.alarms.contains(&"the directory is stale".to_owned()));
        assert_eq!(
            realm
                .journal(VICTIM, "")
                .await
                .iter()
                .filter(|it| **it == "incident DIRECTORY_FROZEN")
                .count(),
            1
        );

        federation::publish(&realm.federation(), realm.clock()).expect("published");
        realm.install(KEEPER);
        realm.start(KEEPER).await.expect("it starts");
        holds(&realm, VICTIM, 3).await;
        assert_eq!(realm.status(VICTIM).await.directory_standing, "fresh");
    });
}
