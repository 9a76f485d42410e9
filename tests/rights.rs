//! Every call of the desk in every role, through the real service: who gets it, who is refused by name, and what the
//! answers that go to those without a right to content must not hold.
#![allow(missing_docs, reason = "a test has no reader but its names")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

mod common;

use allpoints::{
    desk::rights::{Call, may},
    domain::reason::Reason,
    proto::{alert::v1 as alert, desk::v1 as pb},
    trust::tls::Role,
    wire::status::reason_of,
};
use common::{Desk, Net};
use prost::Message as _;
use tonic::Status;

/// A name that no answer without content may hold.
const PLANTED: &str = "QUILLFEATHERSTONE";

/// What one call gave: the bytes of its answer, or the refusal.
type Answer = Result<Vec<u8>, Status>;

fn bytes<T: prost::Message>(answer: Result<tonic::Response<T>, Status>) -> Answer {
    answer.map(|answer| answer.into_inner().encode_to_vec())
}

/// Of a stream the first message is enough; one that says nothing yet was opened.
fn opened<T>(answer: Result<tonic::Response<tonic::Streaming<T>>, Status>) -> Answer {
    answer.map(|_| Vec::new())
}

fn planted(net: &Net) -> alert::Draft {
    let mut draft = alert::Draft {
        id: String::new(),
        ..net.draft(&["XB-POL"])
    };
    let payload = draft.payload.as_mut().expect("a payload");
    let subject = payload.subject.as_mut().expect("a subject");
    PLANTED.clone_into(&mut subject.names[0].surname);
    // The zone names the holder as well, and would not agree.
    subject.documents.clear();
    draft
}

/// Everything of a year.
fn year() -> pb::Question {
    pb::Question {
        from: "2025-01-01".to_owned(),
        to: "2025-12-31".to_owned(),
        ..<_>::default()
    }
}

/// One call, on an alert and on a draft that are there.
async fn ask(net: &Net, desk: &mut Desk, call: Call, alert: &str, draft: &str) -> Answer {
    let why = || "a test of rights".to_owned();
    let (id, kept) = (alert.to_owned(), draft.to_owned());
    let show = |peek| pb::ShowRequest {
        id: alert.to_owned(),
        peek,
        reason: why(),
    };
    match call {
        Call::Submit => bytes(
            desk.submit(pb::SubmitRequest {
                drafts: vec![planted(net)],
                dry_run: true,
                ..<_>::default()
            })
            .await,
        ),
        Call::List => bytes(
            desk.list(pb::ListRequest {
                r#box: pb::Box::Out.into(),
                ..<_>::default()
            })
            .await,
        ),
        Call::Show => bytes(desk.show(show(false)).await),
        Call::Peek => bytes(desk.show(show(true)).await),
        Call::Track => bytes(desk.track(pb::TrackRequest { id }).await),
        Call::Resume => bytes(desk.resume(pb::ResumeRequest { id, to: vec![] }).await),
        Call::Watch => opened(desk.watch(pb::WatchRequest::default()).await),
        Call::Links => bytes(desk.links(pb::LinksRequest::default()).await),
        Call::Status => bytes(desk.status(pb::StatusRequest::default()).await),
        Call::AuditList => bytes(desk.audit_list(pb::AuditListRequest::default()).await),
        Call::AuditExport => opened(
            desk.audit_export(pb::AuditExportRequest { id, reason: why() })
                .await,
        ),
        Call::KeepDrafts => bytes(desk.keep_drafts(pb::KeepDraftsRequest::default()).await),
        Call::ListDrafts => bytes(desk.list_drafts(pb::ListDraftsRequest::default()).await),
        Call::ShowDraft => bytes(desk.show_draft(pb::ShowDraftRequest { id: kept }).await),
        Call::ReleaseDraft => bytes(
            desk.release_draft(pb::ReleaseDraftRequest {
                id: "01950000-0000-7000-8000-000000000000".to_owned(),
            })
            .await,
        ),
        Call::ReturnDraft => bytes(
            desk.return_draft(pb::ReturnDraftRequest {
                id: kept,
                reason: String::new(),
            })
            .await,
        ),
        Call::OpenWork => bytes(desk.open_work(pb::OpenWorkRequest {}).await),
        Call::HandOver => bytes(desk.hand_over(pb::HandOverRequest::default()).await),
        Call::ShowHandover => bytes(desk.show_handover(pb::ShowHandoverRequest::default()).await),
        Call::TakeOver => bytes(
            desk.take_over(pb::TakeOverRequest {
                name: "H-999999".to_owned(),
                leaf: vec![0; 32],
            })
            .await,
        ),
        Call::ExerciseReport => bytes(
            desk.exercise_report(pb::ExerciseReportRequest::default())
                .await,
        ),
        Call::Carry => opened(
            desk.carry(pb::CarryRequest {
                id,
                to: "XB-POL".to_owned(),
            })
            .await,
        ),
        Call::ReportCarried => bytes(
            desk.report_carried(pb::ReportCarriedRequest {
                id,
                to: "XB-POL".to_owned(),
                report: None,
            })
            .await,
        ),
        Call::Statistics => bytes(
            desk.statistics(pb::StatisticsRequest {
                question: Some(year()),
            })
            .await,
        ),
        Call::CountAtHome => bytes(
            desk.count_at_home(pb::CountAtHomeRequest {
                question: Some(year()),
                cases: true,
                reason: why(),
            })
            .await,
        ),
        Call::PrepareReturn => bytes(
            desk.prepare_return(pb::PrepareReturnRequest {
                from: year().from,
                to: year().to,
                recipients: vec![],
            })
            .await,
        ),
        Call::DeclineOffer => bytes(desk.decline_offer(pb::DeclineOfferRequest::default()).await),
        Call::Offers => bytes(desk.offers(pb::OffersRequest::default()).await),
        Call::CallTest => bytes(desk.call_test(pb::CallTestRequest {}).await),
        Call::Restrict => bytes(
            desk.restrict(pb::RestrictRequest { id, units: vec![] })
                .await,
        ),
        Call::DiscardDraft => bytes(
            desk.discard_draft(pb::DiscardDraftRequest {
                id: "01950000-0000-7000-8000-000000000000".to_owned(),
            })
            .await,
        ),
    }
}

/// An alert that has left and a draft that waits, both with the planted name.
async fn material(net: &Net) -> (String, String) {
    let mut officer = net.desk_of("XA-POL", Role::Officer, "arc-1").await;
    let request = pb::SubmitRequest {
        drafts: vec![planted(net)],
        dry_run: false,
        ..<_>::default()
    };
    let sent = officer.submit(request).await.expect("accepted");
    let request = pb::KeepDraftsRequest {
        drafts: vec![planted(net)],
        ..<_>::default()
    };
    let kept = officer.keep_drafts(request).await.expect("kept");
    let reference = |mut submitted: Vec<pb::Submitted>| submitted.remove(0).reference;
    (
        reference(sent.into_inner().submitted),
        reference(kept.into_inner().submitted),
    )
}

/// Verifies each cell of the table: a call that is not the role's is refused as NOT_YOURS, and one that is the role's is
/// not, whatever else it is told; and that no answer to a role without content holds a person.
#[tokio::test(flavor = "multi_thread")]
async fn every_call_in_every_role_is_as_the_table_says() {
    let net = Net::of(&["XA-POL", "XB-POL"]).await;
    let (alert, draft) = material(&net).await;
    let mut content = 0;
    for role in Role::ALL {
        let mut desk = net.desk_of("XA-POL", role, "arc-2").await;
        for call in Call::ALL {
            let answer = ask(&net, &mut desk, *call, &alert, &draft).await;
            let refused = answer.as_ref().err().and_then(reason_of);
            assert_eq!(
                refused != Some(Reason::NotYours),
                may(role, *call),
                "{role} {call:?}: {answer:?}"
            );
            let holds = answer.is_ok_and(|bytes| contains(&bytes, PLANTED.as_bytes()));
            let shows = matches!(call, Call::Show | Call::Peek | Call::ShowDraft);
            assert_eq!(holds, shows && may(role, *call), "{role} {call:?}");
            content += usize::from(holds);
        }
    }
    assert!(content > 0, "whoever may see the name sees it");
}

/// Verifies that an auditor gives a reason for each look at content, that it is kept sealed in the entry, and that nobody
/// else needs one.
#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_says_why_it_looks_and_the_words_are_sealed() {
    let net = Net::of(&["XA-POL", "XB-POL"]).await;
    let (alert, _) = material(&net).await;
    let mut auditor = net.desk("XA-POL", Role::Auditor).await;
    let peek = |reason: &str| pb::ShowRequest {
        id: alert.clone(),
        peek: true,
        reason: reason.to_owned(),
    };
    let export = |reason: &str| pb::AuditExportRequest {
        id: alert.clone(),
        reason: reason.to_owned(),
    };
    for none in ["", "  "] {
        let refused = auditor.show(peek(none)).await.expect_err("no reason");
        assert_eq!(reason_of(&refused), Some(Reason::Malformed));
        let refused = auditor.audit_export(export(none)).await;
        let refused = refused.expect_err("no reason");
        assert_eq!(reason_of(&refused), Some(Reason::Malformed));
    }
    auditor.show(peek(PLANTED)).await.expect("with a reason");
    auditor
        .audit_export(export(PLANTED))
        .await
        .expect("with a reason");
    let mut officer = net.desk("XA-POL", Role::Officer).await;
    officer
        .show(peek(""))
        .await
        .expect("an officer's work is reason enough");

    let request = pb::AuditListRequest {
        id: alert.clone(),
        ..<_>::default()
    };
    let entries = auditor
        .audit_list(request)
        .await
        .expect("listed")
        .into_inner();
    let of = |act: &str, role: &str| {
        let fits = |entry: &&pb::AuditEntry| entry.act == act && entry.actor.starts_with(role);
        entries.entries.iter().filter(fits).collect::<Vec<_>>()
    };
    let (looks, exports) = (of("consulted", "auditor-"), of("exported", "auditor-"));
    assert_eq!((looks.len(), exports.len()), (1, 1), "refusals leave none");
    // The entry stands for its words, which are sealed: their hash is in it, and they are not.
    assert!(looks[0].leaf.len() == 32 && exports[0].leaf.len() == 32);
    assert_eq!(of("consulted", "officer-")[0].leaf, Vec::<u8>::new());
    assert!(!contains(&entries.encode_to_vec(), PLANTED.as_bytes()));
}

/// Verifies that an alert that is kept to a unit shows nothing of its content to another, that it is still seen to be there,
/// that those of no unit see it, and that the decision can be taken back.
#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_is_kept_to_a_unit_is_not_shown_to_another() {
    let net = Net::of(&["XA-POL", "XB-POL"]).await;
    let (alert, _) = material(&net).await;
    let mut harbour = net
        .desk_in("XA-POL", Role::Officer, "arc-3", "harbour")
        .await;
    let mut airport = net
        .desk_in("XA-POL", Role::Officer, "arc-4", "airport")
        .await;
    let mut whole = net.desk_of("XA-POL", Role::Supervisor, "arc-5").await;
    let restrict = |units: &[&str]| pb::RestrictRequest {
        id: alert.clone(),
        units: units.iter().map(ToString::to_string).collect(),
    };
    let kept = whole.restrict(restrict(&["harbour"])).await.expect("kept");
    assert_eq!(kept.into_inner().units, ["harbour"]);

    for call in [Call::Show, Call::Peek, Call::AuditExport] {
        let refused = ask(&net, &mut airport, call, &alert, "").await;
        let refused = refused.expect_err("of another unit");
        assert_eq!(reason_of(&refused), Some(Reason::OtherUnit), "{call:?}");
        ask(&net, &mut harbour, call, &alert, "")
            .await
            .expect("its own unit");
        ask(&net, &mut whole, call, &alert, "")
            .await
            .expect("the whole authority");
    }
    for call in [Call::List, Call::Track] {
        let seen = ask(&net, &mut airport, call, &alert, "")
            .await
            .expect("it is there");
        assert!(contains(&seen, alert.as_bytes()), "{call:?} names it");
        assert!(contains(&seen, b"harbour"), "{call:?} says whose it is");
        assert!(!contains(&seen, PLANTED.as_bytes()));
    }
    follow_ups_stay_with_the_unit(&net, &alert, &mut harbour, &mut airport).await;
    whole.restrict(restrict(&[])).await.expect("open again");
    ask(&net, &mut airport, Call::Peek, &alert, "")
        .await
        .expect("open to all");
    let refused = whole.restrict(restrict(&["Not a unit"])).await;
    assert_eq!(
        reason_of(&refused.expect_err("no name")),
        Some(Reason::Malformed)
    );
}

/// Nobody follows up what they may not see, by whatever call, nor reads a draft that does.
async fn follow_ups_stay_with_the_unit(
    net: &Net,
    alert: &str,
    harbour: &mut Desk,
    airport: &mut Desk,
) {
    let recall = alert::Recall {
        reason: alert::RecallReason::WrongPerson.into(),
        ..alert::Recall::default()
    };
    let draft = alert::Draft {
        id: String::new(),
        to: Vec::new(),
        in_reply_to: alert.to_owned(),
        payload: Some(alert::Payload {
            kind: Some(alert::payload::Kind::Recall(recall)),
            ..alert::Payload::default()
        }),
        ..net.draft(&["XB-POL"])
    };
    let drafts = vec![draft];
    let other_unit = |refused: Status| assert_eq!(reason_of(&refused), Some(Reason::OtherUnit));
    let request = pb::SubmitRequest {
        drafts: drafts.clone(),
        dry_run: true,
        ..<_>::default()
    };
    other_unit(airport.submit(request.clone()).await.expect_err("unseen"));
    harbour.submit(request).await.expect("it would be accepted");
    let request = pb::KeepDraftsRequest {
        drafts,
        ..<_>::default()
    };
    let refused = airport.keep_drafts(request.clone()).await;
    other_unit(refused.expect_err("unseen"));
    let kept = harbour.keep_drafts(request).await.expect("kept");
    let id = kept.into_inner().submitted.remove(0).reference;
    for (name, unit, may) in [("arc-6", "airport", false), ("arc-7", "harbour", true)] {
        let mut desk = net.desk_in("XA-POL", Role::Supervisor, name, unit).await;
        let shown = desk
            .show_draft(pb::ShowDraftRequest { id: id.clone() })
            .await;
        let request = pb::ReturnDraftRequest {
            id: id.clone(),
            reason: "name the court".to_owned(),
        };
        let released = match may {
            true => desk.return_draft(request).await.map(|_| ()),
            false => {
                other_unit(desk.return_draft(request).await.expect_err("unseen"));
                let request = pb::ReleaseDraftRequest { id: id.clone() };
                desk.release_draft(request).await.map(|_| ())
            }
        };
        match may {
            true => assert!(shown.is_ok() && released.is_ok()),
            false => {
                other_unit(shown.expect_err("unseen"));
                other_unit(released.expect_err("unseen"));
            }
        }
    }
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}
