//! Rows 17, 18, 35, 72: the same again, the same name for something else, and a lost acknowledgement.

use allpoints::{
    domain::{reason::Reason, receipt::Verdict},
    proto::envelope::v1::Statement,
};
use tonic::Code;

use crate::{Scene, VICTIM, forge::name_of, in_realm, intruder::Intruder, rules::verdict_of};

#[test]
fn t17_an_exact_replay_gets_the_same_receipt_and_no_second_effect() {
    in_realm(async |realm| {
        let mut scene = Scene::of(&realm, "XC-T17").await;
        let envelope = scene.partner.signs(&scene.alert());
        let first = scene.send(envelope.clone()).await;
        first.is_held();
        for _ in 0..3 {
            let again = scene.send(envelope.clone()).await;
            again.is_held();
            assert_eq!(again.receipts, first.receipts, "the very same bytes");
        }
        // On another connection, and twice within one frame.
        let mut later = Intruder::as_member(&realm, "XC-T17", VICTIM).await;
        assert_eq!(later.send(envelope.clone()).await.receipts, first.receipts);
        let twice = vec![envelope.0.clone(), envelope.0];
        let twice = later.send_frame(twice).await.expect("the stream goes on");
        assert!(twice.results.iter().all(|result| result.code == 0));
        scene.victim_wrote(&["received"], 1).await;

        let other = scene.alert();
        let other = scene.sign_and_send(&other).await;
        other.is_held();
        assert_ne!(other.receipts, first.receipts);
        scene.victim_wrote(&["received", "received"], 2).await;
    });
}

#[test]
fn t18_other_content_under_a_known_id_is_refused_and_alarms() {
    in_realm(async |realm| {
        let mut scene = Scene::of(&realm, "XC-T18").await;
        let first = scene.alert();
        scene.sign_and_send(&first).await.is_held();
        let conflicting = Statement {
            id: first.id.clone(),
            salt: vec![8; 16],
            ..scene.alert()
        };
        let said = scene.sign_and_send(&conflicting).await;
        said.refused_with(Code::AlreadyExists, Reason::IdConflict);
        let refused = Verdict::Refused(Reason::IdConflict);
        assert_eq!(verdict_of(&said.receipts), refused);
        let all = ["received", "incident ID_CONFLICT", "refused ID_CONFLICT"];
        scene.victim_wrote(&all, 1).await;
        // Both hashes: the incident has the first one's, the refusal the other's; both name the statement.
        let entries = realm.entries(VICTIM, "XC-T18").await;
        let [_, incident, refusal] = entries.as_slice() else {
            panic!("{entries:?}")
        };
        let leaf = |statement| scene.partner.signs(statement).leaf().0.to_vec();
        assert_eq!(incident.leaf, leaf(&first));
        assert_eq!(refusal.leaf, leaf(&conflicting));
        for entry in [incident, refusal] {
            assert_eq!(entry.statement, Some(name_of(&first)));
        }
        realm.alarms(VICTIM, "ID_CONFLICT by XC-T18").await;
        // The first one stands, and is still receipted as held.
        scene.sign_and_send(&first).await.is_held();
        assert_eq!(realm.inbox(VICTIM, "XC-T18").await.len(), 1);
    });
}

#[test]
fn t35_after_a_lost_acknowledgement_the_repeat_is_acknowledged() {
    in_realm(async |realm| {
        let scene = Scene::of(&realm, "XC-T35").await;
        let envelope = scene.partner.signs(&scene.alert());
        let hasty = Intruder::as_member(&realm, "XC-T35", VICTIM).await;
        hasty.send_and_hang_up(envelope.clone()).await;
        scene.has_sent(envelope.leaf(), "");
        let mut again = Intruder::as_member(&realm, "XC-T35", VICTIM).await;
        again.send(envelope).await.is_held();
        scene.victim_wrote(&["received"], 1).await;
    });
}

#[test]
fn t72_a_squatted_id_takes_nothing_from_its_true_origin() {
    in_realm(async |realm| {
        let mut squatter = Scene::of(&realm, "XC-T72").await;
        let mut owner = Scene::of(&realm, "XC-T72B").await;
        let genuine = owner.alert();
        let squatted = Statement {
            id: genuine.id.clone(),
            ..squatter.alert()
        };
        let posing = Statement {
            origin: owner.partner.id.clone(),
            ..squatted.clone()
        };
        let said = squatter.sign_and_send(&posing).await;
        said.refused_with(Code::PermissionDenied, Reason::OriginMismatch);
        squatter.sign_and_send(&squatted).await.is_held();
        owner.sign_and_send(&genuine).await.is_held();
        owner.victim_wrote(&["received"], 1).await;
        squatter
            .victim_wrote(&["refused-input ORIGIN_MISMATCH", "received"], 1)
            .await;
    });
}
