//! Somebody who travelled does not come back, and a draft stands ready.
//!
//! ```text
//!   XA-POL --travel notice: back two days ago---> XB-POL
//!   XA-POL's node keeps one filled draft and calls its desk          nothing leaves
//!        (it is restarted)                                           still one draft
//!   a supervisor releases it --missing offender-> XB-POL
//! ```
#![allow(missing_docs, reason = "a test has no reader but its names")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

mod common;

use allpoints::{
    domain::{alert::value::Day, reason::Reason},
    proto::{
        alert::v1::{self as alert, payload::Kind},
        desk::v1 as pb,
        envelope::v1 as envelope,
    },
    trust::tls::Role,
    wire::status::reason_of,
};
use common::{Desk, Net, until};

/// A travel notice of somebody who is expected back so many days from today; less than none: ago.
fn travel(net: &Net, days: i32) -> alert::Draft {
    let is_travel = |draft: &alert::Draft| {
        let kind = draft.payload.as_ref().and_then(|it| it.kind.as_ref());
        matches!(kind, Some(Kind::TravelNotice(_)))
    };
    let mut drafts = net.drafts(&["XB-POL"], 99).into_iter();
    let mut draft = drafts.find(is_travel).expect("among so many");
    draft.id.clear();
    let today = Day::of(net.now()).expect("a day");
    let back = Day::from_number(today.number() + days).expect("a day");
    if let Some(Kind::TravelNotice(travel)) = draft.payload.as_mut().and_then(|it| it.kind.as_mut())
    {
        travel.expected_return_on = back.to_string();
        travel.report_by.clear();
    }
    draft
}

async fn sends(desk: &mut Desk, draft: alert::Draft) -> String {
    let request = pb::SubmitRequest {
        drafts: vec![draft],
        ..<_>::default()
    };
    let sent = desk.submit(request).await.expect("accepted").into_inner();
    sent.submitted[0].reference.clone()
}

async fn drafts(desk: &mut Desk) -> Vec<pb::DraftSummary> {
    let listed = desk.list_drafts(pb::ListDraftsRequest::default()).await;
    listed.expect("listed").into_inner().items
}

async fn outbox(desk: &mut Desk) -> Vec<i32> {
    let request = pb::ListRequest {
        r#box: pb::Box::Out.into(),
        ..<_>::default()
    };
    let listed = desk.list(request).await.expect("listed").into_inner();
    listed.items.into_iter().map(|item| item.kind).collect()
}

/// Verifies that one draft stands among the drafts once its day has passed, filled from the travel notice and written by
/// nobody; that a restart makes no second one; that it leaves only when a person releases it; and that who may still come
/// has none.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_back_has_one_draft_that_a_person_releases() {
    let mut net = Net::of(&["XA-POL", "XB-POL"]).await;
    let mut officer = net.desk("XA-POL", Role::Officer).await;
    sends(&mut officer, travel(&net, 2)).await;
    let notice = sends(&mut officer, travel(&net, -2)).await;
    let desk = &officer;
    let draft = until("a draft", async || {
        let mut waiting = drafts(&mut desk.clone()).await;
        (!waiting.is_empty()).then(|| waiting.remove(0))
    })
    .await;
    assert_eq!(draft.kind(), envelope::Kind::MissingOffender);
    assert_eq!(draft.status(), envelope::Status::Exercise);
    assert_eq!(
        (draft.created_by.as_str(), draft.own),
        ("XA-POL/node", false)
    );
    assert_eq!(draft.recipients, ["XB-POL"]);
    let two = vec![i32::from(envelope::Kind::TravelNotice); 2];
    assert_eq!(outbox(&mut officer).await, two, "nothing leaves by itself");

    net.stop("XA-POL").await;
    net.start("XA-POL").await;
    let mut supervisor = net.desk("XA-POL", Role::Supervisor).await;
    let again = sends(
        &mut net.desk("XA-POL", Role::Officer).await,
        travel(&net, -3),
    )
    .await;
    let desk = &supervisor;
    let waiting = until("the draft of another return", async || {
        let waiting = drafts(&mut desk.clone()).await;
        (waiting.len() > 1).then_some(waiting)
    })
    .await;
    assert_eq!(waiting.len(), 2, "one for each return");

    let shown = pb::ShowDraftRequest {
        id: draft.reference.clone(),
    };
    let shown = supervisor
        .show_draft(shown)
        .await
        .expect("shown")
        .into_inner();
    let payload = shown.draft.and_then(|draft| draft.payload);
    let Some(Kind::MissingOffender(missing)) = payload.and_then(|it| it.kind) else {
        panic!("a missing offender");
    };
    let why = missing.circumstances.expect("said").text;
    assert!(why.contains(&notice) && !why.contains(&again), "{why}");
    let release = pb::ReleaseDraftRequest {
        id: draft.reference.clone(),
    };
    let released = supervisor.release_draft(release).await.expect("released");
    let released = released.into_inner().submitted.expect("a statement");
    let mut at_xb = net.desk("XB-POL", Role::Officer).await;
    until("XB holds it", async || {
        let id = released.reference.clone();
        at_xb.clone().track(pb::TrackRequest { id }).await.ok()
    })
    .await;
    let id = released.reference.clone();
    let shown = at_xb
        .show(pb::ShowRequest {
            id,
            ..<_>::default()
        })
        .await;
    let release = shown
        .expect("shown")
        .into_inner()
        .statements
        .remove(0)
        .release;
    assert_eq!(release.expect("attested").created_by, "XA-POL/node");
}

/// Verifies that a draft of the node goes back to nobody, that who discards it has it gone for good, and that an officer,
/// who may release nothing, releases it neither.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_node_filled_in_is_discarded_once_and_returned_to_nobody() {
    let mut net = Net::of(&["XA-POL", "XB-POL"]).await;
    let mut officer = net.desk("XA-POL", Role::Officer).await;
    sends(&mut officer, travel(&net, -2)).await;
    let desk = &officer;
    let draft = until("a draft", async || {
        let mut waiting = drafts(&mut desk.clone()).await;
        (!waiting.is_empty()).then(|| waiting.remove(0))
    })
    .await;
    let id = draft.reference.clone();
    let release = pb::ReleaseDraftRequest { id: id.clone() };
    let refused = officer
        .release_draft(release)
        .await
        .expect_err("an officer");
    assert_eq!(reason_of(&refused), Some(Reason::NotYours));
    let mut supervisor = net.desk("XA-POL", Role::Supervisor).await;
    let back = pb::ReturnDraftRequest {
        id: id.clone(),
        reason: "name the court".to_owned(),
    };
    let refused = supervisor.return_draft(back).await.expect_err("to nobody");
    assert_eq!(reason_of(&refused), Some(Reason::NotYours));
    let discard = pb::DiscardDraftRequest { id };
    supervisor.discard_draft(discard).await.expect("discarded");

    net.stop("XA-POL").await;
    net.start("XA-POL").await;
    let mut officer = net.desk("XA-POL", Role::Officer).await;
    sends(&mut officer, travel(&net, -3)).await;
    let desk = &officer;
    let waiting = until("the draft of another return", async || {
        let waiting = drafts(&mut desk.clone()).await;
        (!waiting.is_empty()).then_some(waiting)
    })
    .await;
    assert_eq!(waiting.len(), 1);
    assert_ne!(waiting[0].reference, draft.reference);
}
