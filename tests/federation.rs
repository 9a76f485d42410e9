//! Whole nodes talk over real TLS on loopback.
//!
//! ```text
//!  officer --desk--> XA-POL ==exchange==> XB-POL <--desk-- officer
//!                           <==answer====
//! ```

mod common;

use allpoints::{
    proto::{
        alert::v1::{self as alert, payload::Kind},
        desk::v1 as pb,
    },
    trust::tls::Role,
};
use common::{Net, newest, until};

fn submit(drafts: Vec<alert::Draft>) -> pb::SubmitRequest {
    pb::SubmitRequest {
        drafts,
        dry_run: false,
        ..<_>::default()
    }
}

/// Verifies that an alert is delivered, shown in full, marked opened, answered, and that the sender sees it all.
#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_delivered_shown_and_answered() {
    let net = Net::of(&["XA-POL", "XB-POL"]).await;
    let mut sender = net.desk("XA-POL", Role::Officer).await;
    let mut receiver = net.desk("XB-POL", Role::Officer).await;

    let sent = sender.submit(submit(vec![net.draft(&["XB-POL"])])).await;
    let sent = sent.expect("accepted").into_inner().submitted.remove(0);
    assert_eq!(sent.recipients.len(), 1);

    let track = |mut desk: common::Desk, id: String| async move {
        let tracked = desk.track(pb::TrackRequest { id }).await;
        tracked.expect("tracked").into_inner().deliveries.remove(0)
    };
    let (desk, id) = (&sender, &sent.reference);
    until("delivered", || async {
        let delivery = track(desk.clone(), id.clone()).await;
        (delivery.state() == pb::DeliveryState::Delivered).then_some(())
    })
    .await;

    let received = newest(&mut receiver, pb::Box::In)
        .await
        .expect("in the inbox");
    assert_eq!(received.statement, sent.statement);
    assert_eq!(received.handling_life(), pb::HandlingLife::Unopened);
    let show = pb::ShowRequest {
        id: received.reference.clone(),
        peek: false,
        ..<_>::default()
    };
    let shown = receiver.show(show).await.expect("shown").into_inner();
    let payload = shown.statements[0].payload.as_ref().expect("a payload");
    assert_eq!(Some(payload), net.draft(&["XB-POL"]).payload.as_ref());
    until("opened", || async {
        let delivery = track(desk.clone(), id.clone()).await;
        (delivery.handling() == pb::HandlingLife::Opened).then_some(())
    })
    .await;

    let answer = alert::Draft {
        in_reply_to: received.reference.clone(),
        to: vec!["XA-POL".to_owned()],
        payload: Some(alert::Payload {
            kind: Some(Kind::Answer(alert::Answer {
                code: alert::AnswerCode::Assigned.into(),
                unit: "Unit 4".to_owned(),
                ..<_>::default()
            })),
            ..<_>::default()
        }),
        id: String::new(),
        ..net.draft(&["XA-POL"])
    };
    receiver
        .submit(submit(vec![answer]))
        .await
        .expect("accepted");
    until("assigned", || async {
        let delivery = track(desk.clone(), id.clone()).await;
        (delivery.latest_answer == "assigned").then_some(())
    })
    .await;
}

/// Verifies that what was accepted while a partner is down is delivered when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_partner_is_delivered_when_it_is_back() {
    let mut net = Net::of(&["XA-POL", "XB-POL"]).await;
    net.stop("XB-POL").await;
    let mut sender = net.desk("XA-POL", Role::Officer).await;
    sender
        .submit(submit(vec![net.draft(&["XB-POL"])]))
        .await
        .expect("accepted");
    let desk = &sender;
    until("shown as not reached, and why", || async {
        let delivery = newest(&mut desk.clone(), pb::Box::Out)
            .await?
            .deliveries
            .remove(0);
        assert_ne!(delivery.state(), pb::DeliveryState::Delivered);
        (delivery.reason == "UNREACHABLE" && delivery.attempts > 0).then_some(())
    })
    .await;
    net.start("XB-POL").await;
    until("delivered", || async {
        let item = newest(&mut desk.clone(), pb::Box::Out).await?;
        (item.deliveries[0].state() == pb::DeliveryState::Delivered).then_some(())
    })
    .await;
}

/// Verifies that ops sees routing and never a person, and that an auditor gets evidence and sends nothing.
#[tokio::test(flavor = "multi_thread")]
async fn each_role_gets_its_calls_and_no_others() {
    let net = Net::of(&["XA-POL", "XB-POL"]).await;
    let mut officer = net.desk("XA-POL", Role::Officer).await;
    let sent = officer.submit(submit(vec![net.draft(&["XB-POL"])])).await;
    let id = sent.expect("accepted").into_inner().submitted[0]
        .reference
        .clone();

    let mut ops = net.desk("XA-POL", Role::Ops).await;
    assert!(newest(&mut ops, pb::Box::Out).await.is_some());
    let peek = pb::ShowRequest {
        id: id.clone(),
        peek: true,
        reason: "a test".to_owned(),
    };
    let refused = ops.show(peek.clone()).await.expect_err("refused");
    assert_eq!(
        allpoints::wire::status::reason_of(&refused).map(|r| r.name()),
        Some("NOT_YOURS")
    );

    let mut auditor = net.desk("XA-POL", Role::Auditor).await;
    auditor.show(peek).await.expect("a peek is the auditor's");
    let entries = auditor.audit_list(pb::AuditListRequest::default()).await;
    let acts = entries.expect("listed").into_inner().entries;
    assert!(
        acts.iter()
            .any(|entry| entry.act == "accepted" && entry.actor.starts_with("officer-"))
    );
    let mut export = auditor
        .audit_export(pb::AuditExportRequest {
            id,
            reason: "a test".to_owned(),
        })
        .await
        .expect("exported")
        .into_inner();
    assert!(
        export
            .message()
            .await
            .expect("a chunk")
            .is_some_and(|chunk| !chunk.chunk.is_empty())
    );
    auditor
        .submit(submit(vec![net.draft(&["XB-POL"])]))
        .await
        .expect_err("not the auditor's");
}

/// Verifies that every wrong field of a draft is named, and that nothing is accepted.
#[tokio::test(flavor = "multi_thread")]
async fn a_faulty_draft_is_refused_field_by_field() {
    use tonic_types::StatusExt as _;
    let net = Net::of(&["XA-POL", "XB-POL"]).await;
    let mut officer = net.desk("XA-POL", Role::Officer).await;
    let faulty = alert::Draft {
        priority: 0,
        carried_hours: 9999,
        ..net.draft(&["XB-POL"])
    };
    let refused = officer
        .submit(submit(vec![faulty]))
        .await
        .expect_err("refused");
    let fields = refused
        .get_details_bad_request()
        .expect("violations")
        .field_violations;
    assert!(
        fields
            .iter()
            .any(|fault| fault.field.contains("carriedHours")),
        "{fields:?}"
    );
    assert!(newest(&mut officer, pb::Box::Out).await.is_none());
}
