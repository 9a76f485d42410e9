//! Four-eyes over whole nodes: what a rule demands a second person for is kept, and leaves by another person's hand alone.
//!
//! ```text
//!  officer    --send-----> XA-POL [[release]]                        XB-POL <--show-- officer
//!  supervisor --release--> XA-POL ====statement, with its release===> XB-POL
//! ```
#![allow(missing_docs, reason = "a test has no reader but its names")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

mod common;

use std::fs;

use allpoints::{
    domain::reason::Reason,
    proto::{alert::v1 as alert, desk::v1 as pb, envelope::v1 as envelope},
    trust::tls::Role,
    wire::status::reason_of,
};
use common::{Desk, Net, newest, until};
use tonic::Status;

/// Alerts about missing offenders of high risk to Bensalem need a second person.
const RULES: &str = "
[[release]]
kinds = [\"travel_notice\"]
four_eyes = true

[[release]]
kinds = [\"missing_offender\"]
risk = \"high\"
to = [\"XB\"]
four_eyes = true
";

fn submit(draft: alert::Draft) -> pb::SubmitRequest {
    pb::SubmitRequest {
        drafts: vec![draft],
        dry_run: false,
        ..<_>::default()
    }
}

fn reason<T: std::fmt::Debug>(answer: Result<T, Status>) -> Option<Reason> {
    reason_of(&answer.expect_err("refused"))
}

async fn send(desk: &mut Desk, draft: alert::Draft) -> pb::Submitted {
    let answer = desk.submit(submit(draft)).await.expect("taken");
    answer.into_inner().submitted.remove(0)
}

async fn drafts(desk: &mut Desk) -> Vec<pb::DraftSummary> {
    let page = desk.list_drafts(pb::ListDraftsRequest::default()).await;
    page.expect("listed").into_inner().items
}

async fn release(desk: &mut Desk, id: &str) -> Result<pb::Submitted, Status> {
    let request = pb::ReleaseDraftRequest { id: id.to_owned() };
    let released = desk.release_draft(request).await?.into_inner();
    Ok(released.submitted.expect("what became of it"))
}

async fn acts(net: &Net, id: &str) -> Vec<String> {
    let mut auditor = net.desk("XA-POL", Role::Auditor).await;
    let request = pb::AuditListRequest {
        id: id.to_owned(),
        ..<_>::default()
    };
    let entries = auditor.audit_list(request).await.expect("listed");
    let entries = entries.into_inner().entries.into_iter().rev();
    entries
        .map(|entry| {
            let role = entry.actor.split('-').next().unwrap_or_default();
            format!("{role} {} {}", entry.act, entry.reason)
                .trim_end()
                .to_owned()
        })
        .filter(|line| !line.starts_with("XB"))
        .collect()
}

/// Verifies the whole way: kept by a rule, shown in a dry run, refused to its creator under either certificate and to another
/// officer, released by another person, repeated without a second effect, delivered with both named as functions; and that
/// what no rule means leaves at once.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_rule_means_leaves_by_another_persons_hand_alone() {
    let net = Net::configured(&["XA-POL", "XB-POL", "XC-POL"], RULES).await;
    let mut officer = net.desk_of("XA-POL", Role::Officer, "arc-1").await;
    let mut receiver = net.desk("XB-POL", Role::Officer).await;
    let draft = net.draft(&["XB-POL"]);

    let rehearsal = pb::SubmitRequest {
        dry_run: true,
        ..submit(draft.clone())
    };
    let rehearsed = officer.submit(rehearsal).await.expect("legal").into_inner();
    assert_eq!(rehearsed.submitted[0].release_rule, "rule 2 of [[release]]");
    assert_eq!(drafts(&mut officer).await, []);

    let kept = send(&mut officer, draft.clone()).await;
    assert_eq!(kept.life(), pb::AlertLife::AwaitingRelease);
    assert_eq!(kept.release_rule, "rule 2 of [[release]]");
    assert_eq!(kept.recipients[0].authority, "XB-POL");
    assert!(
        newest(&mut officer, pb::Box::Out).await.is_none(),
        "nothing left"
    );
    let id = kept.reference.clone();
    let again = send(&mut officer, draft.clone()).await;
    assert!(again.repeated_submission);
    let line = drafts(&mut officer).await.remove(0);
    assert!(line.own && line.created_by.starts_with("XA-POL/officer-"));
    assert_eq!(
        (drafts(&mut officer).await.len(), line.life()),
        (1, pb::DraftLife::AwaitingRelease)
    );

    // Nobody of one name is two people; another officer has no such right.
    let mut same = net.desk_of("XA-POL", Role::Supervisor, "arc-1").await;
    assert_eq!(
        reason(release(&mut same, &id).await),
        Some(Reason::SamePerson)
    );
    let mut other = net.desk_of("XA-POL", Role::Officer, "arc-2").await;
    assert_eq!(
        reason(release(&mut other, &id).await),
        Some(Reason::NotYours)
    );
    let discard = pb::DiscardDraftRequest { id: id.clone() };
    assert_eq!(
        reason(other.discard_draft(discard).await),
        Some(Reason::NotYours)
    );

    let mut second = net.desk_of("XA-POL", Role::Supervisor, "arc-3").await;
    let show = pb::ShowDraftRequest { id: id.clone() };
    let shown = second.show_draft(show).await.expect("shown").into_inner();
    assert_eq!(shown.draft.expect("whole"), draft);
    let released = release(&mut second, &id).await.expect("released");
    assert_eq!(
        (released.life(), released.repeated_submission),
        (pb::AlertLife::Unspecified, false)
    );
    let twice = release(&mut second, &id).await.expect("the first answer");
    assert!(twice.repeated_submission);
    assert_eq!(twice.accepted_at_us, released.accepted_at_us);
    assert_eq!(drafts(&mut second).await, []);

    let desk = &receiver;
    until("it is there", || async {
        newest(&mut desk.clone(), pb::Box::In).await
    })
    .await;
    let show = pb::ShowRequest {
        id: id.clone(),
        peek: true,
        ..<_>::default()
    };
    let there = receiver.show(show).await.expect("shown").into_inner();
    let attested = there.statements[0].release.clone().expect("attested");
    assert_eq!(attested.created_by, line.created_by);
    assert!(attested.released_by.starts_with("XA-POL/supervisor-"));
    assert!(attested.created_at_us <= attested.released_at_us);

    assert_eq!(
        acts(&net, &id).await,
        [
            "officer draft-kept",
            "supervisor act-refused SAME_PERSON",
            "officer act-refused NOT_YOURS",
            "supervisor consulted",
            "supervisor accepted",
            "supervisor draft-released",
        ]
    );

    // To others, or of less risk, it leaves at once.
    let elsewhere = send(
        &mut officer,
        alert::Draft {
            id: String::new(),
            ..net.draft(&["XC-POL"])
        },
    );
    assert_eq!(elsewhere.await.release_rule, "");
    let mut low = alert::Draft {
        id: String::new(),
        ..draft
    };
    low.payload.as_mut().expect("a payload").risk = None;
    assert_eq!(send(&mut officer, low).await.release_rule, "");
}

/// Verifies that a stream is no way around: what a rule means is refused there by name, and the rest goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_drafts_is_no_way_around_the_rules() {
    let net = Net::configured(&["XA-POL", "XB-POL"], RULES).await;
    let mut officer = net.desk("XA-POL", Role::Officer).await;
    let drafts = net.drafts(&["XB-POL"], 4);
    let request = pb::SubmitStreamRequest {
        drafts,
        report_settled: false,
    };
    let stream = officer.submit_stream(tokio_stream::iter([request])).await;
    let mut responses = stream.expect("a stream").into_inner();
    let (mut accepted, mut refused) = (0, Vec::new());
    while let Some(response) = responses.message().await.expect("goes on") {
        accepted += response.accepted.len() / 16;
        refused.extend(response.refused);
    }
    // Two alerts about missing offenders and a travel notice; the order stands under no rule.
    assert_eq!(accepted, 1);
    let reasons: Vec<_> = refused.iter().map(|it| it.reason.as_str()).collect();
    assert_eq!(reasons, ["RELEASE_NEEDED"; 3]);
}

/// Verifies that of several drafts each is judged for itself, all in one commit, and that one faulty keeps none.
#[tokio::test(flavor = "multi_thread")]
async fn drafts_together_are_sent_and_kept_together_or_not_at_all() {
    let net = Net::configured(&["XA-POL", "XB-POL"], RULES).await;
    let mut officer = net.desk("XA-POL", Role::Officer).await;
    let all = net.drafts(&["XB-POL"], 4);
    let mut faulty = all.clone();
    faulty[3].to = vec!["XZ-POL".to_owned()];
    let together = |drafts| pb::SubmitRequest {
        drafts,
        dry_run: false,
        ..<_>::default()
    };
    officer.submit(together(faulty)).await.expect_err("refused");
    assert_eq!(drafts(&mut officer).await, []);
    let taken = officer
        .submit(together(all))
        .await
        .expect("taken")
        .into_inner();
    let waits: Vec<_> = taken
        .submitted
        .iter()
        .map(|it| it.life() == pb::AlertLife::AwaitingRelease)
        .collect();
    assert_eq!(waits.iter().filter(|waits| **waits).count(), 3, "{waits:?}");
    assert_eq!(drafts(&mut officer).await.len(), 3);
}

/// Verifies a draft that is kept on purpose, goes back with a reason, and is handed in again by its creator; and that a
/// release judges it anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_draft_goes_back_to_its_creator_and_comes_again() {
    let net = Net::of(&["XA-POL", "XB-POL"]).await;
    let mut officer = net.desk_of("XA-POL", Role::Officer, "arc-1").await;
    let mut duty = net.desk_of("XA-POL", Role::Duty, "arc-2").await;
    let draft = net.draft(&["XB-POL"]);
    let keep = |draft: &alert::Draft| pb::KeepDraftsRequest {
        drafts: vec![draft.clone()],
        ..<_>::default()
    };
    let kept = officer.keep_drafts(keep(&draft)).await.expect("kept");
    let kept = kept.into_inner().submitted.remove(0);
    assert_eq!(kept.release_rule, "its creator asked for it");
    let id = kept.reference;

    let back = |reason: &str| pb::ReturnDraftRequest {
        id: id.clone(),
        reason: reason.to_owned(),
    };
    assert_eq!(
        reason(duty.return_draft(back(" ")).await),
        Some(Reason::Malformed)
    );
    duty.return_draft(back("name the court"))
        .await
        .expect("returned");
    assert_eq!(
        reason(release(&mut duty, &id).await),
        Some(Reason::NotAwaiting)
    );
    let show = pb::ShowDraftRequest { id: id.clone() };
    let shown = officer.show_draft(show).await.expect("shown").into_inner();
    assert_eq!(shown.returned_reason, "name the court");

    let mut mended = draft.clone();
    mended.priority = envelope::Priority::Flash.into();
    // No rule asks for a second person; somebody once did.
    let again = send(&mut officer, mended).await;
    assert_eq!(again.life(), pb::AlertLife::AwaitingRelease);
    let released = release(&mut duty, &id).await.expect("released");
    assert_eq!(released.recipients[0].authority, "XB-POL");
    let sent = newest(&mut officer, pb::Box::Out).await.expect("sent");
    assert_eq!(sent.priority(), envelope::Priority::Flash);

    let mut ended = alert::Draft {
        id: String::new(),
        ..draft
    };
    ended
        .payload
        .as_mut()
        .expect("a payload")
        .basis
        .as_mut()
        .expect("a basis")
        .reason = "other".to_owned();
    let kept = officer.keep_drafts(keep(&ended)).await.expect("kept");
    let id = kept.into_inner().submitted.remove(0).reference;
    let discard = pb::DiscardDraftRequest { id: id.clone() };
    officer
        .discard_draft(discard)
        .await
        .expect("its creator ends it");
    assert_eq!(
        reason(release(&mut duty, &id).await),
        Some(Reason::NotFound)
    );
}

/// Verifies that rules are taken while the node runs.
#[tokio::test(flavor = "multi_thread")]
async fn rules_are_taken_while_the_node_runs() {
    let net = Net::of(&["XA-POL", "XB-POL"]).await;
    let mut officer = net.desk("XA-POL", Role::Officer).await;
    let file = net.home("XA-POL").join("node.toml");
    let text = fs::read_to_string(&file).expect("read");
    fs::write(&file, format!("{text}\n{RULES}")).expect("written");
    let desk = &officer;
    let draft = || alert::Draft {
        id: String::new(),
        ..net.draft(&["XB-POL"])
    };
    until("the rules hold", || async {
        let rehearsal = pb::SubmitRequest {
            dry_run: true,
            ..submit(draft())
        };
        let rehearsed = desk.clone().submit(rehearsal).await.expect("legal");
        let rule = rehearsed.into_inner().submitted.remove(0).release_rule;
        (rule == "rule 2 of [[release]]").then_some(())
    })
    .await;
    let kept = send(&mut officer, draft()).await;
    assert_eq!(kept.life(), pb::AlertLife::AwaitingRelease);
}

/// Verifies item 4 of the design: nobody's certificate name crosses the border, in any statement of a whole exchange.
#[tokio::test(flavor = "multi_thread")]
async fn people_appear_abroad_as_function_and_number() {
    const NAME: &str = "quillfeather-7";
    let net = Net::configured(&["XA-POL", "XB-POL"], RULES).await;
    let mut officer = net.desk_of("XA-POL", Role::Officer, NAME).await;
    let mut second = net
        .desk_of("XA-POL", Role::Supervisor, "stonebridge-3")
        .await;
    let mut receiver = net.desk_of("XB-POL", Role::Officer, "quillfeather-9").await;
    let id = send(&mut officer, net.draft(&["XB-POL"])).await.reference;
    release(&mut second, &id).await.expect("released");
    let desk = &receiver;
    until("it is there", || async {
        newest(&mut desk.clone(), pb::Box::In).await
    })
    .await;
    let show = pb::ShowRequest {
        id: id.clone(),
        ..<_>::default()
    };
    receiver.show(show).await.expect("opened");
    let desk = &officer;
    until("opened", || async {
        let tracked = desk
            .clone()
            .track(pb::TrackRequest { id: id.clone() })
            .await;
        let deliveries = tracked.expect("tracked").into_inner().deliveries;
        (deliveries[0].handling() == pb::HandlingLife::Opened).then_some(())
    })
    .await;
    // All that crossed the border, both ways: the exact signed bytes, and every receipt.
    for (at, names) in [
        ("XA-POL", ["stonebridge", "quillfeather"]),
        ("XB-POL", ["stonebridge", "quillfeather"]),
    ] {
        let mut auditor = net.desk(at, Role::Auditor).await;
        let request = pb::AuditExportRequest {
            id: id.clone(),
            reason: "a test".to_owned(),
        };
        let mut chunks = auditor
            .audit_export(request)
            .await
            .expect("exported")
            .into_inner();
        let mut bytes = Vec::new();
        while let Some(chunk) = chunks.message().await.expect("goes on") {
            bytes.extend_from_slice(&chunk.chunk);
        }
        assert!(contains(&bytes, b"XA-POL/officer-") && contains(&bytes, b"XA-POL/supervisor-"));
        for name in names {
            assert!(
                !contains(&bytes, name.as_bytes()),
                "{name} is in {at}'s export"
            );
        }
    }
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}
