//! A member replaces its exchange CA while it exchanges alerts: nothing is lost, and nobody else is let in.
//!
//! ```text
//!              1 next CA            2 next CA issues          3 first CA leaves
//!  XA-POL  ==exchange==> XB-POL  ==exchange==> XB-POL  ==exchange==> XB-POL, which judges by its own directory
//!  a stranger with a CA of his own, a partner with its own CA, a thief of the old certificate --> XB-POL
//! ```

use std::{fs, path::Path, time::Duration};

use allpoints::{
    domain::time::{Clock, Timestamp},
    node::system::SystemClock,
    proto::{desk::v1 as pb, envelope::v1::StatementRef},
    trust::{
        federation::{self, Terms},
        keys::{KeyUse, SigningKey},
        pki::{self, DeskProfile, Installed, PkiError, Replace, Rotating},
        tls::Role,
    },
};

use crate::{
    KEEPER, VICTIM, holds,
    intruder::{Badge, Intruder, handshake},
    part,
    realm::{self, Design, Realm},
    within_a_minute,
};

const DESIGN: Design = Design {
    nodes: &[KEEPER, VICTIM],
    partners: &["XC-S01"],
    suspended: &[],
    tailor: |_, _, _| {},
};

const KEEPERS_NODE: &str = "allpoints://XA-POL/node/1";

/// The nodes' clock, so much earlier or later.
#[derive(Debug)]
struct Shifted<'a> {
    clock: &'a SystemClock,
    seconds: i64,
}

impl Clock for Shifted<'_> {
    fn now(&self) -> Timestamp {
        let now = self.clock.now().as_micros();
        Timestamp::from_micros(now + self.seconds * 1_000_000)
    }
    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }
}

/// The keeper's operator takes the next step of the exchange CA, so many seconds from now.
fn steps(realm: &Realm, seconds: i64) -> Result<pki::Step, PkiError> {
    step_of(Rotating::ExchangeCa, realm, seconds)
}

fn step_of(what: Rotating, realm: &Realm, seconds: i64) -> Result<pki::Step, PkiError> {
    let home = realm.folder_of(KEEPER);
    let directory = home.join("directory");
    let installed = Installed {
        authority: KEEPER.parse().expect("legal id"),
        folder: &directory,
        anchor: realm.anchor(),
    };
    let clock = Shifted {
        clock: realm.clock(),
        seconds,
    };
    pki::rotate(&home, what, installed, &clock)
}

/// What the keeper hands in is published as if it had been a day ago, and installed at the keeper.
fn published_a_day_ago(realm: &Realm) {
    let folder = realm.federation();
    let clock = Shifted {
        clock: realm.clock(),
        seconds: -25 * 3600,
    };
    let changes = [realm.admission(KEEPER)];
    let proposed = federation::propose(&folder, &changes, Terms::default(), &clock);
    let to_sign = proposed
        .expect("proposed")
        .to_sign
        .expect("roots must sign");
    let root = SigningKey::load(&folder.join("root-1.key"), KeyUse::Root).expect("a root");
    federation::sign(&to_sign, &root).expect("signed");
    federation::publish(&folder, &clock).expect("published");
    realm.install(KEEPER);
}

/// Both nodes have what is published now.
async fn everywhere(realm: &Realm) {
    for id in [KEEPER, VICTIM] {
        realm.install(id);
        let version = realm.directory_of(id).version();
        holds(realm, id, version).await;
    }
}

/// What came and went in both directions while the CA was replaced.
#[derive(Default)]
struct Traffic(Vec<(&'static str, &'static str, StatementRef)>);

impl Traffic {
    async fn goes_on(&mut self, realm: &Realm) {
        for (from, to) in [(KEEPER, VICTIM), (VICTIM, KEEPER)] {
            let sent = realm.sends(from, to, 3).await;
            self.0.extend(sent.into_iter().map(|it| (from, to, it)));
        }
    }

    async fn is_all_delivered(&self, realm: &Realm) {
        for (from, to, statement) in &self.0 {
            let delivered = (pb::DeliveryState::Delivered, "");
            realm.until_delivery(from, to, statement, delivered).await;
        }
        for (from, to) in [(KEEPER, VICTIM), (VICTIM, KEEPER)] {
            let sent = self.0.iter().filter(|it| it.0 == from).count();
            let heard = realm.journal(to, from).await;
            let received: Vec<_> = heard.iter().filter(|it| *it == "received").collect();
            assert_eq!(received.len(), sent, "each once: {heard:?}");
            assert!(
                heard
                    .iter()
                    .all(|it| !it.contains("refused") && !it.contains("incident")),
                "{heard:?}"
            );
        }
    }
}

async fn is_let_in(realm: &Realm, badge: Badge) {
    let told = handshake(realm.exchange_of(VICTIM), badge).await;
    assert_eq!(told, Ok(()));
}

async fn is_refused(realm: &Realm, badge: Badge) {
    let told = handshake(realm.exchange_of(VICTIM), badge).await;
    assert_eq!(told.expect_err("refused").name(), "TLS_REFUSED");
}

/// Nobody but the keeper is taken for the keeper, and the keeper for nobody else, by whichever CA.
async fn strangers_are_refused(realm: &Realm, cas: &[&Path]) {
    is_refused(realm, Badge::of_foreign_ca(&[KEEPERS_NODE])).await;
    is_refused(
        realm,
        Badge::issued_by(realm, "XC-S01", &[KEEPERS_NODE], |_| {}),
    )
    .await;
    for ca in cas {
        let foreign = Badge::by_ca(ca, &["allpoints://XC-S01/node/1"]);
        is_refused(realm, foreign).await;
    }
    is_let_in(realm, Badge::of_member(realm, "XC-S01")).await;
}

/// Verifies that a CA is replaced while alerts go both ways: certificates of both are let in meanwhile, of nobody else;
/// each alert arrives once; and at the end, what the old CA issued is refused and its connections are cut.
#[test]
fn t09_a_ca_is_replaced_while_running_with_nothing_lost_and_nobody_else_let_in() {
    realm::alone(&DESIGN, async |realm| {
        let mut traffic = Traffic::default();
        let mut partner = Intruder::as_member(&realm, "XC-S01", VICTIM).await;
        let home = realm.folder_of(KEEPER);
        let file = |name: &str| home.join(name);
        traffic.goes_on(&realm).await;

        steps(&realm, 0).expect("prepared");
        let told = steps(&realm, 0).expect_err("nobody knows it yet");
        assert!(matches!(told, PkiError::NotPublished { .. }), "{told}");
        is_refused(
            &realm,
            Badge::by_ca(&file("ca/exchange-ca-next"), &[KEEPERS_NODE]),
        )
        .await;
        published_a_day_ago(&realm);
        realm.publish(&[]);
        everywhere(&realm).await;
        traffic.goes_on(&realm).await;
        is_let_in(
            &realm,
            Badge::by_ca(&file("ca/exchange-ca-next"), &[KEEPERS_NODE]),
        )
        .await;
        is_let_in(&realm, Badge::of_member(&realm, KEEPER)).await;
        let cas = [file("ca/exchange-ca"), file("ca/exchange-ca-next")];
        strangers_are_refused(&realm, &[&cas[0], &cas[1]]).await;

        // A thief keeps what the old CA issued.
        for end in ["pem", "key"] {
            let (from, to) = (format!("node/exchange.{end}"), format!("stolen.{end}"));
            fs::copy(file(&from), file(&to)).expect("copied");
        }
        let stolen = || Badge::from_files(&file("stolen.pem"), &file("stolen.key"));
        let before = part(&realm.status(KEEPER).await, "node certificate");
        steps(&realm, 0).expect("activated");
        takes(&realm, "node certificate", &before).await;
        traffic.goes_on(&realm).await;
        is_let_in(&realm, stolen()).await;
        is_let_in(&realm, Badge::of_member(&realm, KEEPER)).await;
        let thief = crate::intruder::knock(&realm, VICTIM, stolen()).await;
        let thief = thief.expect("the old CA is named still");
        let told = steps(&realm, 0).expect_err("it may still be shown");
        assert!(matches!(told, PkiError::TooEarly { .. }), "{told}");

        steps(&realm, 61).expect("retired");
        realm.publish(&[realm.admission(KEEPER)]);
        everywhere(&realm).await;
        thief.end().await;
        is_refused(&realm, stolen()).await;
        is_let_in(&realm, Badge::of_member(&realm, KEEPER)).await;
        strangers_are_refused(&realm, &[&file("ca/exchange-ca")]).await;
        traffic.goes_on(&realm).await;
        traffic.is_all_delivered(&realm).await;
        partner.is_still_heard().await;
    });
}

/// The keeper's node has taken what the operator did to a part: it is another version than before, and none is refused.
async fn takes(realm: &Realm, what: &'static str, before: &pb::Loaded) {
    within_a_minute(what, || async {
        let now = part(&realm.status(KEEPER).await, what);
        (now.version != before.version && now.refused.is_empty()).then_some(())
    })
    .await;
}

/// Verifies that a desk CA is replaced while officers are connected: no one is shut out before the old CA goes, those who
/// were renewed stay, and who was not is refused and cut when it has gone.
#[test]
fn a_desk_ca_is_replaced_while_officers_are_connected() {
    realm::alone(&DESIGN, async |realm| {
        let home = realm.folder_of(KEEPER);
        let mut officer = realm.desk(KEEPER, Role::Officer).await;
        let mut ops = realm.desk(KEEPER, Role::Ops).await;
        let list = pb::ListRequest {
            r#box: pb::Box::In.into(),
            limit: 1,
            ..<_>::default()
        };
        let profile = |role| DeskProfile {
            authority: KEEPER.parse().expect("legal id"),
            role,
            name: "duty-7".parse().expect("legal name"),
            unit: None,
        };
        let before = realm.status(KEEPER).await;
        let [trust, certificate] = ["desk trust", "desk certificate"].map(|it| part(&before, it));
        step_of(Rotating::DeskCa, &realm, -25 * 3600).expect("prepared");
        takes(&realm, "desk trust", &trust).await;
        officer.list(list.clone()).await.expect("still served");
        step_of(Rotating::DeskCa, &realm, 0).expect("activated");
        takes(&realm, "desk certificate", &certificate).await;
        officer.list(list.clone()).await.expect("still served");
        drop(realm.desk(KEEPER, Role::Officer).await);

        // A copy of what the old CA issued, as a machine has it that nobody renewed.
        for end in ["pem", "key"] {
            let (from, to) = (format!("desk/ops-duty-7.{end}"), format!("late.{end}"));
            fs::copy(home.join(from), home.join(to)).expect("copied");
        }
        let late = || Badge::from_files(&home.join("late.pem"), &home.join("late.key"));
        let at = realm.addresses(KEEPER).await.desk;
        assert_eq!(handshake(at, late()).await, Ok(()));
        let told = step_of(Rotating::DeskCa, &realm, 61).expect_err("in force");
        assert!(told.to_string().contains("-duty-7.pem"), "{told}");
        for role in [Role::Officer, Role::Ops] {
            let clock = realm.clock();
            pki::issue_desk(&home, &profile(role), Replace::SameKey, clock).expect("renewed");
        }
        let mut renewed = realm.desk(KEEPER, Role::Officer).await;
        let trust = part(&realm.status(KEEPER).await, "desk trust");
        step_of(Rotating::DeskCa, &realm, 61).expect("retired");
        takes(&realm, "desk trust", &trust).await;
        within_a_minute("the old one is cut", || async {
            let told = ops.clone().status(pb::StatusRequest {}).await;
            told.is_err().then_some(())
        })
        .await;
        ops.status(pb::StatusRequest {})
            .await
            .expect_err("for good");
        let refused = handshake(at, late()).await.expect_err("refused");
        assert_eq!(refused.name(), "TLS_REFUSED");
        renewed.list(list).await.expect("still served");
    });
}
