//! Two countries look for one person, and ask differently.
//!
//! ```text
//!   XA-POL --A: missing, "locate and report"--> XB-POL
//!   XA-POL <--B: "arrest for extradition"------ XB-POL
//!   XA-POL <--update of B: same person as A---- XB-POL     both desks are told, with the proposed order
//!   XA-POL <--closure of B--------------------- XB-POL     A lives on: neither owns the other
//! ```
#![allow(missing_docs, reason = "a test has no reader but its names")]
#![allow(clippy::expect_used, reason = "a test that cannot be set up fails")]

mod common;

use allpoints::{
    domain::reason::Reason,
    proto::{
        alert::v1::{self as alert, AskedAction, payload::Kind},
        desk::v1 as pb,
        envelope::v1 as envelope,
    },
    trust::tls::Role,
    wire::status::reason_of,
};
use common::{Desk, Net, until};
use tonic::{Status, Streaming};

async fn submit(desk: &mut Desk, draft: alert::Draft) -> Result<envelope::StatementRef, Status> {
    let request = pb::SubmitRequest {
        drafts: vec![draft],
        ..<_>::default()
    };
    let mut submitted = desk.submit(request).await?.into_inner().submitted;
    Ok(submitted.remove(0).statement.expect("named"))
}

/// An alert that asks one thing.
fn asking(net: &Net, to: &str, action: AskedAction) -> alert::Draft {
    let mut draft = alert::Draft {
        id: String::new(),
        ..net.draft(&[to])
    };
    let payload = draft.payload.as_mut().expect("a payload");
    payload.pap = 0;
    payload.asked = vec![alert::Asked {
        action: action.into(),
        warrant_reference: match action {
            AskedAction::ArrestForExtradition => "XB-W-17".to_owned(),
            _ => String::new(),
        },
        ..alert::Asked::default()
    }];
    draft
}

fn name(of: &envelope::StatementRef) -> String {
    let id = uuid::Uuid::from_slice(&of.id).expect("an id");
    format!("{}/{id}", of.origin)
}

fn follow_up(
    net: &Net,
    of: &envelope::StatementRef,
    to: &str,
    payload: alert::Payload,
) -> alert::Draft {
    alert::Draft {
        id: String::new(),
        to: vec![to.to_owned()],
        in_reply_to: name(of),
        payload: Some(payload),
        ..net.draft(&[to])
    }
}

async fn same_person(desk: &mut Desk, of: &envelope::StatementRef) -> Option<pb::SamePerson> {
    let request = pb::TrackRequest { id: name(of) };
    let tracked = desk.track(request).await.ok()?;
    tracked.into_inner().same_person
}

/// Waits for the call, and gives the alert that it is about.
async fn called(events: &mut Streaming<pb::WatchResponse>) -> pb::Summary {
    loop {
        let event = events.message().await.expect("goes on").expect("an event");
        if event.call == "asks_differ" {
            return event.summary.expect("an alert");
        }
    }
}

async fn watch(net: &Net, id: &str) -> Streaming<pb::WatchResponse> {
    let mut desk = net.desk(id, Role::Duty).await;
    let events = desk.watch(pb::WatchRequest::default()).await;
    events.expect("watched").into_inner()
}

/// Verifies that a link is said by the owner of one alert and shown at both desks, that both are called when the alerts ask
/// differently, with arrest before anything else, and that neither alert owns the other.
#[tokio::test(flavor = "multi_thread")]
async fn two_countries_that_ask_differently_of_one_person_are_both_told() {
    let net = Net::of(&["XA-POL", "XB-POL"]).await;
    let mut xa = net.desk("XA-POL", Role::Officer).await;
    let mut xb = net.desk("XB-POL", Role::Officer).await;
    let a = submit(
        &mut xa,
        asking(&net, "XB-POL", AskedAction::LocateAndReport),
    );
    let a = a.await.expect("accepted");
    let arrest = asking(&net, "XA-POL", AskedAction::ArrestForExtradition);
    let b = submit(&mut xb, arrest).await.expect("accepted");
    until("XB holds A", async || {
        let request = pb::TrackRequest { id: name(&a) };
        net.desk("XB-POL", Role::Officer)
            .await
            .track(request)
            .await
            .ok()
    })
    .await;
    assert!(same_person(&mut xb, &b).await.is_none(), "nobody said so");

    let (mut at_xa, mut at_xb) = (watch(&net, "XA-POL").await, watch(&net, "XB-POL").await);
    let linking = || alert::Payload {
        same_person: Some(a.clone()),
        kind: Some(Kind::Update(alert::Update::default())),
        ..alert::Payload::default()
    };
    let link = follow_up(&net, &b, "XA-POL", linking());
    submit(&mut xb, link).await.expect("its owner says so");
    for events in [&mut at_xa, &mut at_xb] {
        assert_eq!(called(events).await.statement.as_ref(), Some(&b));
    }
    for (desk, of, other) in [(&mut xa, &a, &b), (&mut xb, &b, &a)] {
        let same = same_person(desk, of).await.expect("known");
        assert_eq!(same.alerts[0].statement.as_ref(), Some(other));
        assert_eq!(same.alerts[0].said_by, ["XB-POL"]);
        let order: Vec<AskedAction> = same.order.iter().map(pb::ProposedAction::action).collect();
        assert_eq!(
            order,
            [
                AskedAction::ArrestForExtradition,
                AskedAction::LocateAndReport
            ]
        );
    }

    // Neither owns the other: not by a word in its thread, nor by its own end.
    let refused = submit(&mut xb, follow_up(&net, &a, "XA-POL", linking())).await;
    let refused = refused.expect_err("A is XA's");
    assert_eq!(reason_of(&refused), Some(Reason::NotOwner));
    let closure = alert::Payload {
        kind: Some(Kind::Closure(alert::Closure {
            reason: alert::ClosureReason::Arrested.into(),
            ..alert::Closure::default()
        })),
        ..alert::Payload::default()
    };
    let close = follow_up(&net, &b, "XA-POL", closure);
    submit(&mut xb, close).await.expect("B is XB's");
    let same = until("B is closed at XA", async || {
        let mut desk = net.desk("XA-POL", Role::Officer).await;
        let same = same_person(&mut desk, &a).await?;
        (same.alerts[0].life() == pb::AlertLife::Closed).then_some(same)
    })
    .await;
    assert!(same.order.is_empty(), "what is closed asks nothing");
    let tracked = xa.track(pb::TrackRequest { id: name(&a) }).await;
    let life = tracked
        .expect("known")
        .into_inner()
        .summary
        .expect("a line")
        .life();
    assert_eq!(life, pb::AlertLife::Live);
}
