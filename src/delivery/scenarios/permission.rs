//! A holder asks the originator for what handling codes forbid, and the originator says.
//!
//! ```text
//!   XA-POL === alert, H1 H2 =========================> XB-POL, XC-POL
//!          <-- asks: pass on to XD-POL? ------------- XB-POL             a reply is owed
//!          --- grants: to XD-POL, until a day ------> XB-POL alone
//!          --- recalls that ------------------------> XB-POL
//! ```

use super::net::{Net, id, recall, until};
use crate::{
    delivery::{Submission, SubmitError, clocks},
    domain::{
        alert::value::Day,
        id::StatementRef,
        lives::AlertLife,
        reason::Reason,
        routing::{Handling, HandlingSet, Priority},
    },
    proto::alert::v1 as pb,
    store::ledger::AskedPermission,
    trust::testing::NOW,
};

fn words(text: &str) -> Option<pb::Text> {
    Some(pb::Text {
        text: text.to_owned(),
        language: "en".to_owned(),
    })
}

/// A request for permission to pass on to these; to nobody: to disclose it.
pub(super) fn asking(net: &Net, alert: StatementRef, to: &[&str]) -> Submission {
    let act = match to.is_empty() {
        true => pb::PermissionAct::Disclose,
        false => pb::PermissionAct::PassOn,
    };
    let request = pb::InformationRequest {
        purpose: pb::RequestPurpose::Investigation.into(),
        questions: words("May it be passed on?").into_iter().collect(),
        legal_basis: "treaty of XB and XD, art. 4".to_owned(),
        permission: Some(pb::PermissionRequest {
            act: act.into(),
            to: to.iter().map(|name| id(name).to_string()).collect(),
        }),
        ..<_>::default()
    };
    net.about(alert, pb::payload::Kind::InformationRequest(request))
}

/// The reply that grants it, to the end of a day so many days from now.
pub(super) fn granting(net: &Net, request: StatementRef, to: &[&str], days: u16) -> Submission {
    let today = Day::of(NOW).unwrap();
    let act = match to.is_empty() {
        true => pb::PermissionAct::Disclose,
        false => pb::PermissionAct::PassOn,
    };
    let reply = pb::InformationReply {
        result: pb::ReplyResult::Answered.into(),
        text: words("Permission is granted."),
        valid_as_of: today.to_string(),
        grant: Some(pb::Grant {
            act: act.into(),
            to: to.iter().map(|name| id(name).to_string()).collect(),
            until: today.plus_days(days).to_string(),
            conditions: words("For the police alone."),
        }),
        ..<_>::default()
    };
    net.about(request, pb::payload::Kind::InformationReply(reply))
}

fn refusing(net: &Net, request: StatementRef) -> Submission {
    let reply = pb::InformationReply {
        result: pb::ReplyResult::Refused.into(),
        reason: words("There is no adequacy decision."),
        ..<_>::default()
    };
    net.about(request, pb::payload::Kind::InformationReply(reply))
}

/// An alert of XA to XB and XC that nobody passes on without permission.
pub(super) async fn restricted(net: &Net) -> StatementRef {
    let draft = net.draft(Priority::Routine, &["XB", "XC"]);
    let draft = Submission {
        handling: HandlingSet::new([Handling::H1, Handling::H2]).unwrap(),
        handling_text: String::new(),
        ..draft
    };
    let alert = net.submit("XA", draft).await.unwrap().statement;
    for to in ["XB", "XC"] {
        net.until_delivered("XA", alert, to).await;
    }
    alert
}

/// Asked by XB, and granted by XA for so many days: the grant, when XB holds it.
pub(super) async fn permitted(
    net: &Net,
    alert: StatementRef,
    to: &[&str],
    days: u16,
) -> StatementRef {
    let request = net.submit("XB", asking(net, alert, to)).await.unwrap();
    net.until_delivered("XB", request.statement, "XA").await;
    let grant = net
        .submit("XA", granting(net, request.statement, to, days))
        .await
        .unwrap();
    net.until_delivered("XA", grant.statement, "XB").await;
    grant.statement
}

pub(super) fn reason(refused: SubmitError) -> Reason {
    match refused {
        SubmitError::Refused { reason, .. } => reason,
        SubmitError::Store(error) => panic!("{error}"),
    }
}

async fn permissions(net: &Net, at: &str, alert: StatementRef) -> Vec<AskedPermission> {
    let store = &net.node(at).store;
    store
        .read(|ledger| ledger.permissions(&alert))
        .await
        .unwrap()
}

/// Verifies that a request for permission is an owed reply with a clock; that the grant stands as a fact at whoever asked and
/// at the originator, after a restart too; that a second request may be refused; and that the originator takes a grant back.
#[tokio::test(flavor = "multi_thread")]
async fn permission_is_asked_owed_granted_refused_and_taken_back() {
    let mut net = Net::of_four();
    net.well().await;
    let alert = restricted(&net).await;
    let asked = net
        .submit("XB", asking(&net, alert, &["XD"]))
        .await
        .unwrap();
    let request = asked.statement;
    net.until_delivered("XB", request, "XA").await;
    let record = net.record("XA", request).await.unwrap();
    let owed = clocks::running(id("XA"), &record, std::slice::from_ref(&record), NOW);
    assert!(owed.iter().any(|due| due.owed_by == id("XA")), "{owed:?}");
    assert!(permissions(&net, "XA", alert).await[0].reply.is_none());

    let grant = net
        .submit("XA", granting(&net, request, &["XD"], 30))
        .await
        .unwrap();
    let to: Vec<_> = grant.recipients.iter().map(|it| it.authority).collect();
    assert_eq!(to, [id("XB")]);
    net.until_delivered("XA", grant.statement, "XB").await;
    let disclosing = net.submit("XB", asking(&net, alert, &[])).await.unwrap();
    net.until_delivered("XB", disclosing.statement, "XA").await;
    let refused = net
        .submit("XA", refusing(&net, disclosing.statement))
        .await
        .unwrap();
    net.until_delivered("XA", refused.statement, "XB").await;
    for at in ["XA", "XB"] {
        let before = permissions(&net, at, alert).await;
        let [granted, refused] = before.as_slice() else {
            panic!("{before:?}");
        };
        let reply = granted.reply.as_ref().unwrap();
        assert_eq!(reply.standing().unwrap().to, [id("XD")]);
        assert_eq!(refused.reply.as_ref().unwrap().grant, None);
        net.restart(at).await;
        assert_eq!(permissions(&net, at, alert).await, before, "{at}");
    }
    assert!(permissions(&net, "XC", alert).await.is_empty());

    let taken_back = net.about(grant.statement, recall());
    net.submit("XA", taken_back).await.unwrap();
    until("taken back", async || {
        let asked = permissions(&net, "XB", alert).await;
        asked[0].reply.as_ref().unwrap().standing().is_none()
    })
    .await;
    assert_eq!(net.record("XB", alert).await.unwrap().life, AlertLife::Live);
}

/// Verifies that permission is asked of the originator alone, in the thread; and granted by it alone, for what was asked and
/// not more.
#[tokio::test(flavor = "multi_thread")]
async fn permission_is_the_originators_and_for_what_was_asked() {
    let net = Net::of_four();
    net.well().await;
    let alert = restricted(&net).await;
    let refused =
        async |at: &str, draft: Submission| reason(net.submit(at, draft).await.unwrap_err());
    let astray = Submission {
        to: ["XA", "XC"].map(|name| id(name).to_string()).into(),
        ..asking(&net, alert, &["XD"])
    };
    assert_eq!(refused("XB", astray).await, Reason::AskOriginator);
    let of_other = Submission {
        to: vec![id("XC").to_string()],
        ..asking(&net, alert, &["XD"])
    };
    assert_eq!(refused("XB", of_other).await, Reason::AskOriginator);

    let asked = net
        .submit("XB", asking(&net, alert, &["XD"]))
        .await
        .unwrap();
    net.until_delivered("XB", asked.statement, "XA").await;
    let more = granting(&net, asked.statement, &["XC", "XD"], 30);
    assert_eq!(refused("XA", more).await, Reason::NothingAsked);
    let other = granting(&net, asked.statement, &[], 30);
    assert_eq!(refused("XA", other).await, Reason::NothingAsked);
}
