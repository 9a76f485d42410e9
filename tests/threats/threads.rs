//! Rows 22, 70, 71: who may write in which thread, and what comes before its alert.

use allpoints::{domain::reason::Reason, proto::desk::v1::AlertLife};
use tonic::Code;

use crate::{
    SENDER, Scene, VICTIM,
    forge::{FollowUp, name_of},
    in_realm,
};

#[test]
fn t22_a_newer_update_by_another_than_the_owner_is_refused() {
    in_realm(async |realm| {
        let mut scene = Scene::of(&realm, "XC-T22").await;
        let of_sender = realm.sends(SENDER, VICTIM, 1).await.remove(0);
        let done = (allpoints::proto::desk::v1::DeliveryState::Delivered, "");
        realm.until_delivery(SENDER, VICTIM, &of_sender, done).await;
        let update = scene
            .partner
            .follow_up(&of_sender, &[VICTIM], FollowUp::Update);
        let said = scene.sign_and_send(&update).await;
        said.refused_with(Code::PermissionDenied, Reason::NotOwner);
        scene.victim_wrote(&["refused NOT_OWNER"], 0).await;

        let own = scene.alert();
        scene.sign_and_send(&own).await.is_held();
        let mut update = scene
            .partner
            .follow_up(&name_of(&own), &[VICTIM], FollowUp::Update);
        seq(&mut update, 1);
        scene.sign_and_send(&update).await.is_held();
        let entries = ["refused NOT_OWNER", "received", "received"];
        scene.victim_wrote(&entries, 2).await;
        // Nothing of it stands in the owner's thread.
        let thread = realm.inbox(VICTIM, SENDER).await;
        let of_sender = thread
            .iter()
            .find(|item| item.statement.as_ref() == Some(&of_sender));
        assert_eq!(of_sender.expect("still there").life(), AlertLife::Live);
    });
}

#[test]
fn t70_a_recall_before_its_alert_is_kept_and_applied_when_it_comes() {
    in_realm(async |realm| {
        let mut scene = Scene::of(&realm, "XC-T70").await;
        let (recalled, untouched) = (scene.alert(), scene.alert());
        let mut recall = scene
            .partner
            .follow_up(&name_of(&recalled), &[VICTIM], FollowUp::Recall);
        seq(&mut recall, 1);
        scene.sign_and_send(&recall).await.is_held();
        scene.sign_and_send(&recalled).await.is_held();
        scene.sign_and_send(&untouched).await.is_held();
        let items = realm.inbox(VICTIM, "XC-T70").await;
        let life = |statement| {
            let name = Some(name_of(statement));
            let item = items.iter().find(|item| item.statement == name);
            item.expect("in the inbox").life()
        };
        assert_eq!(life(&recalled), AlertLife::Recalled);
        assert_eq!(life(&untouched), AlertLife::Live);
        scene.victim_wrote(&["received"; 3], 3).await;
    });
}

#[test]
fn t71_only_owners_change_and_only_participants_write() {
    in_realm(async |realm| {
        let mut owner = Scene::of(&realm, "XC-T71").await;
        let mut outsider = Scene::of(&realm, "XC-T71OUT").await;
        let alert = owner.alert();
        owner.sign_and_send(&alert).await.is_held();
        let target = name_of(&alert);
        for (what, reason) in [
            (FollowUp::Correction, Reason::NotOwner),
            (FollowUp::Recall, Reason::NotOwner),
            (FollowUp::Update, Reason::NotOwner),
            (FollowUp::Sighting, Reason::NotInThread),
        ] {
            let meddling = outsider.partner.follow_up(&target, &[VICTIM], what);
            let said = outsider.sign_and_send(&meddling).await;
            said.refused_with(Code::PermissionDenied, reason);
        }
        let not_owner = "refused NOT_OWNER";
        let entries = [not_owner, not_owner, not_owner, "refused NOT_IN_THREAD"];
        outsider.victim_wrote(&entries, 0).await;
        for (what, place) in [(FollowUp::Sighting, 1), (FollowUp::Correction, 2)] {
            let mut own = owner.partner.follow_up(&target, &[VICTIM], what);
            seq(&mut own, place);
            owner.sign_and_send(&own).await.is_held();
        }
        owner.victim_wrote(&["received"; 3], 3).await;

        // An addressed recipient writes too: the outsider is one in a thread of the victim's own.
        let to_outsider = realm.sends(VICTIM, "XC-T71OUT", 1).await.remove(0);
        let sighting = outsider
            .partner
            .follow_up(&to_outsider, &[VICTIM], FollowUp::Sighting);
        outsider.sign_and_send(&sighting).await.is_held();
    });
}

/// Sets the place in what this origin sent in the thread.
fn seq(statement: &mut allpoints::proto::envelope::v1::Statement, place: u32) {
    for recipient in &mut statement.recipients {
        recipient.thread_seq = place;
    }
}
