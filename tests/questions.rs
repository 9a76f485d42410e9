//! A question within the thread of an alert, and what is marked on it, over real nodes.
//!
//! ```text
//!   XA-POL --- alert, discreet check ---> XB-POL, XC-POL
//!   XA-POL <------ question ------------- XB-POL
//!   XA-POL ------- reply ---------------> XB-POL alone
//!   XA-POL <---x-- reply to the alert --- XC-POL          NOT_A_REQUEST
//! ```
#![allow(missing_docs, reason = "a test has no reader but its names")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

mod common;

use alert::payload::Kind;
use allpoints::{
    domain::reason::Reason,
    proto::{alert::v1 as alert, desk::v1 as pb, envelope::v1 as envelope},
    trust::tls::Role,
    wire::status::reason_of,
};
use common::{Desk, Net, newest, until};
use tonic::Status;

async fn submit(desk: &mut Desk, draft: alert::Draft) -> Result<pb::Submitted, Status> {
    let request = pb::SubmitRequest {
        drafts: vec![draft],
        dry_run: false,
        ..<_>::default()
    };
    let response = desk.submit(request).await?.into_inner();
    Ok(response
        .submitted
        .into_iter()
        .next()
        .expect("one draft, one line"))
}

/// A draft of this kind that refers to a statement, to whom the rules say.
fn follow_up(refers_to: &str, kind: Kind) -> alert::Draft {
    alert::Draft {
        priority: envelope::Priority::Urgent.into(),
        status: envelope::Status::Exercise.into(),
        handling: vec![envelope::Handling::H1.into()],
        in_reply_to: refers_to.to_owned(),
        payload: Some(alert::Payload {
            kind: Some(kind),
            ..alert::Payload::default()
        }),
        ..alert::Draft::default()
    }
}

fn words(text: &str) -> alert::Text {
    alert::Text {
        text: text.to_owned(),
        language: "en".to_owned(),
    }
}

fn reply() -> Kind {
    Kind::InformationReply(alert::InformationReply {
        result: alert::ReplyResult::Answered.into(),
        text: Some(words("Since 2019.")),
        valid_as_of: "2026-11-24".to_owned(),
        ..alert::InformationReply::default()
    })
}

fn to(sent: &pb::Submitted) -> Vec<&str> {
    sent.recipients
        .iter()
        .map(|it| it.authority.as_str())
        .collect()
}

/// The reference of the newest statement of this kind that came in.
async fn came(desk: &Desk, kind: envelope::Kind) -> String {
    until("it comes", || async {
        let newest = newest(&mut desk.clone(), pb::Box::In).await?;
        (newest.kind() == kind).then_some(newest.reference)
    })
    .await
}

/// Verifies that a question reaches who is asked, that its reply goes to who asked alone, and that nothing else is a
/// reply; and that a discreet check is told with the thread.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_in_a_thread_is_replied_to_who_asked_and_to_nobody_else() {
    let net = Net::of(&["XA-POL", "XB-POL", "XC-POL"]).await;
    let mut xa = net.desk("XA-POL", Role::Officer).await;
    let mut xb = net.desk("XB-POL", Role::Officer).await;
    let mut xc = net.desk("XC-POL", Role::Officer).await;
    let mut first = net.draft(&["XB-POL", "XC-POL"]);
    first.payload.as_mut().expect("a payload").asked = vec![alert::Asked {
        action: alert::AskedAction::DiscreetCheck.into(),
        ..alert::Asked::default()
    }];
    submit(&mut xa, first).await.expect("accepted");
    let at_xb = came(&xb, envelope::Kind::MissingOffender).await;
    let at_xc = came(&xc, envelope::Kind::MissingOffender).await;
    for (desk, id) in [(&mut xb, &at_xb), (&mut xc, &at_xc)] {
        let request = pb::ShowRequest {
            id: id.clone(),
            peek: true,
            reason: String::new(),
        };
        let shown = desk.show(request).await.expect("shown").into_inner();
        assert!(shown.do_not_alert, "a discreet check is asked");
    }

    let question = Kind::InformationRequest(alert::InformationRequest {
        purpose: alert::RequestPurpose::Tracing.into(),
        questions: vec![words("Since when is the register's entry without address?")],
        legal_basis: "Specimen Police Act s. 3".to_owned(),
        ..alert::InformationRequest::default()
    });
    let asked = submit(&mut xb, follow_up(&at_xb, question)).await;
    let asked = asked.expect("accepted");
    assert_eq!(to(&asked), ["XA-POL"]);
    let at_xa = came(&xa, envelope::Kind::InformationRequest).await;
    assert_eq!(at_xa, asked.reference);

    let replied = submit(&mut xa, follow_up(&at_xa, reply())).await;
    let replied = replied.expect("accepted");
    assert_eq!(to(&replied), ["XB-POL"]);
    let back = came(&xb, envelope::Kind::InformationReply).await;
    assert_eq!(back, replied.reference);

    let refused = submit(&mut xc, follow_up(&at_xc, reply())).await;
    let refused = refused.expect_err("an alert asks no question");
    assert_eq!(reason_of(&refused), Some(Reason::NotARequest));
    let wide = alert::Draft {
        to: vec!["XB-POL".to_owned(), "XC-POL".to_owned()],
        ..follow_up(&at_xa, reply())
    };
    let refused = submit(&mut xa, wide).await.expect_err("XC did not ask");
    assert_eq!(reason_of(&refused), Some(Reason::NotAsked));
}

/// Verifies that a marking which the federation does not use is refused at the desk, by its field.
#[tokio::test(flavor = "multi_thread")]
async fn a_marking_that_is_off_is_refused_by_its_field() {
    use tonic_types::StatusExt as _;
    let net = Net::of(&["XA-POL", "XB-POL"]).await;
    let mut xa = net.desk("XA-POL", Role::Officer).await;
    let mut draft = net.draft(&["XB-POL"]);
    draft.payload.as_mut().expect("a payload").tlp = alert::Tlp::Red.into();
    let refused = submit(&mut xa, draft).await.expect_err("TLP is off here");
    assert_eq!(reason_of(&refused), Some(Reason::FaultyDraft));
    let faults = refused.get_details_bad_request().expect("the fields");
    let fields: Vec<&str> = faults
        .field_violations
        .iter()
        .map(|it| it.field.as_str())
        .collect();
    assert_eq!(fields, ["tlp"]);
}
