//! Rows 19, 23, 25, 26, 31: well signed, and still not to be held. The receiver's side.

use std::time::Duration;

use allpoints::{
    domain::{
        reason::Reason,
        receipt::Verdict,
        time::{Clock as _, Timestamp},
    },
    proto::{
        envelope::v1::{Kind, SignedBatch, Statement},
        exchange::v1::{Greeting, deliver_request},
    },
    wire,
};
use tonic::Code;

use crate::{
    SENDER, Scene, VICTIM,
    forge::{FollowUp, fresh_id, name_of},
    in_realm,
    intruder::{self, Badge, Intruder, refused_by_service},
};

#[test]
fn t31_a_greeting_in_another_version_or_federation_is_refused() {
    in_realm(async |realm| {
        let usual = || intruder::greeting(&realm, VICTIM);
        let newer = Greeting {
            versions: vec![2, 3],
            ..usual()
        };
        let elsewhere = Greeting {
            federation: "elsewhere".to_owned(),
            ..usual()
        };
        let both = Greeting {
            versions: vec![1, 2],
            ..usual()
        };
        let greet = |greeting| {
            let badge = Badge::of_member(&realm, "XC-T31V");
            let first = deliver_request::Message::Greeting(greeting);
            intruder::knock_saying(realm.exchange_of(VICTIM), badge, first)
        };
        let (code, reason) = (Code::FailedPrecondition, Reason::UnsupportedVersion);
        refused_by_service(greet(newer).await, code, reason);
        let (code, reason) = (Code::PermissionDenied, Reason::WrongFederation);
        refused_by_service(greet(elsewhere).await, code, reason);
        greet(both).await.expect("a version in common");
        let entries = realm.journal(VICTIM, "XC-T31V").await;
        let wrong = "refused-input WRONG_FEDERATION";
        assert_eq!(entries, ["refused-input UNSUPPORTED_VERSION", wrong]);
    });
}

/// What a receipt says; its signature is for the receipt tests.
pub(crate) fn verdict_of(receipts: &[SignedBatch]) -> Verdict {
    let item = receipts.first().and_then(|batch| batch.items.first());
    let receipt = wire::decode_receipt(&item.expect("a receipt").document);
    receipt.expect("legal").verdict
}

#[test]
fn t19_what_is_addressed_to_another_is_refused() {
    in_realm(async |realm| {
        let mut scene = Scene::of(&realm, "XC-T19").await;
        let envelope = scene.partner.signs(&scene.partner.alert(&[SENDER]));
        let said = scene.send(envelope.clone()).await;
        said.refused_with(Code::PermissionDenied, Reason::NotAddressed);
        let refused = Verdict::Refused(Reason::NotAddressed);
        assert_eq!(verdict_of(&said.receipts), refused);
        scene.victim_wrote(&["refused NOT_ADDRESSED"], 0).await;

        let mut addressee = Intruder::as_member(&realm, "XC-T19", SENDER).await;
        addressee.send(envelope).await.is_held();
        assert_eq!(realm.inbox(SENDER, "XC-T19").await.len(), 1);
    });
}

#[test]
fn t23_a_header_that_names_x_and_a_body_that_changes_y_are_refused() {
    in_realm(async |realm| {
        let mut scene = Scene::of(&realm, "XC-T23").await;
        let (named, changed) = (scene.alert(), scene.alert());
        scene.sign_and_send(&named).await.is_held();
        scene.sign_and_send(&changed).await.is_held();
        for what in [FollowUp::Recall, FollowUp::Correction, FollowUp::Update] {
            let for_one = |target| scene.partner.follow_up(target, &[VICTIM], what);
            let mixed = Statement {
                payload: for_one(&name_of(&changed)).payload,
                ..for_one(&name_of(&named))
            };
            let said = scene.sign_and_send(&mixed).await;
            said.refused_with(Code::InvalidArgument, Reason::TargetMismatch);
        }
        let lives = || async { lives_of(&scene).await };
        assert_eq!(lives().await, ["live", "live"]);
        let recall = scene
            .partner
            .follow_up(&name_of(&named), &[VICTIM], FollowUp::Recall);
        scene.sign_and_send(&recall).await.is_held();
        let refused = "refused TARGET_MISMATCH";
        let all = [
            "received", "received", refused, refused, refused, "received",
        ];
        scene.victim_wrote(&all, 3).await;
        assert_eq!(lives_of(&scene).await, ["live", "recalled"]);
    });
}

async fn lives_of(scene: &Scene) -> Vec<String> {
    let items = scene.realm.inbox(VICTIM, &scene.partner.id).await;
    let alerts = items
        .iter()
        .filter(|item| item.kind() == Kind::MissingOffender);
    let name = |life: &str| life.trim_start_matches("ALERT_LIFE_").to_lowercase();
    alerts.map(|item| name(item.life().as_str_name())).collect()
}

/// The same alert under another id, issued then and carried so long.
fn moved(statement: &Statement, issued: Timestamp, hours: u64) -> Statement {
    Statement {
        id: fresh_id(issued),
        issued_at_us: issued.as_micros(),
        carried_until_us: issued.plus(Duration::from_secs(hours * 3600)).as_micros(),
        ..statement.clone()
    }
}

#[test]
fn t25_the_future_is_put_off_and_alarms() {
    in_realm(async |realm| {
        let mut scene = Scene::of(&realm, "XC-T25").await;
        let now = realm.clock().now();
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let ahead = moved(&scene.alert(), now.plus(minutes(5)), 1);
        for _ in 0..3 {
            let said = scene.sign_and_send(&ahead).await;
            said.refused_with(Code::FailedPrecondition, Reason::ClockSkew);
            assert!(
                said.receipts.is_empty(),
                "what is tried again is not receipted"
            );
        }
        // The alarm is told once; the statement may still come.
        scene.victim_wrote(&["incident CLOCK_SKEW"], 0).await;
        realm.alarms(VICTIM, "CLOCK_SKEW by XC-T25").await;
        let hardly = moved(&scene.alert(), now.plus(minutes(1)), 1);
        scene.sign_and_send(&hardly).await.is_held();
        scene
            .victim_wrote(&["incident CLOCK_SKEW", "received"], 1)
            .await;
    });
}

#[test]
fn t26_past_its_carriage_is_refused_for_good() {
    in_realm(async |realm| {
        let mut scene = Scene::of(&realm, "XC-T26").await;
        let now = realm.clock().now();
        let two_hours_ago = now.minus(Duration::from_secs(7200));
        let late = moved(&scene.alert(), two_hours_ago, 1);
        let said = scene.sign_and_send(&late).await;
        said.refused_with(Code::FailedPrecondition, Reason::Expired);
        let refused = Verdict::Refused(Reason::Expired);
        assert_eq!(verdict_of(&said.receipts), refused);
        let in_time = moved(&scene.alert(), two_hours_ago, 3);
        scene.sign_and_send(&in_time).await.is_held();
        scene
            .victim_wrote(&["refused EXPIRED", "received"], 1)
            .await;
    });
}

#[test]
fn t31_unknown_versions_kinds_and_critical_features_are_refused_until_known() {
    in_realm(async |realm| {
        let mut scene = Scene::of(&realm, "XC-T31").await;
        let known = scene.alert();
        let mut critical = known.clone();
        critical.critical = vec!["sealed-to-person".to_owned()];
        let mut kind = scene.alert();
        kind.kind = 99;
        for newer in [critical, kind] {
            let said = scene.sign_and_send(&newer).await;
            said.refused_with(Code::FailedPrecondition, Reason::UnsupportedVersion);
        }
        // Other bytes under the first one's id would be a conflict: the plain alert has its own.
        let plain = scene.alert();
        scene.sign_and_send(&plain).await.is_held();
        let newer = "refused UNSUPPORTED_VERSION";
        scene.victim_wrote(&[newer, newer, "received"], 1).await;
    });
}
