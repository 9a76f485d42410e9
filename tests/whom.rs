//! Whom a statement reaches, on what ground, and what its destinations ask: shown before anything leaves.
//!
//! ```text
//!                          [[destination]] XB: adequacy        +--> XB-POL
//!  officer --dry run--> XA-POL             XC: second person --+--> XC-POL
//!          --send-----> XA-POL             XD: a reason        +--> XD-POL
//! ```
#![allow(missing_docs, reason = "a test has no reader but its names")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

mod common;

use allpoints::{
    domain::{reason::Reason, release::KindSet, routing::Kind},
    node::system::SystemClock,
    proto::{
        alert::v1 as alert,
        desk::v1 as pb,
        desk::v1::GroundSource::{Destination, Draft},
        envelope::v1::TransferGround,
    },
    trust::{pki, tls::Role},
    wire::status::reason_of,
};
use common::{Desk, Net, newest, until};
use tonic::Status;

const RULES: &str = "
[[destination]]
to = [\"XB\"]
ground = \"adequacy\"

[[destination]]
to = [\"XC-POL\"]
ground = \"safeguards\"
ask = \"second person\"

[[destination]]
to = [\"XD\"]
ask = \"reason\"
";

/// The same federation in which XB-PROB receives travel notices, and nobody else of Bensalem.
fn with_kinds(net: &Net) {
    for (id, kinds) in [
        ("XB-PROB", vec![Kind::TravelNotice]),
        ("XC-POL", vec![Kind::Sighting]),
    ] {
        pki::receive_only(&net.home(id), KindSet::new(kinds), &SystemClock::new())
            .expect("published");
    }
    net.publish_applications();
}

async fn ask(
    desk: &mut Desk,
    draft: alert::Draft,
    dry_run: bool,
) -> Result<Vec<pb::Submitted>, Status> {
    let request = pb::SubmitRequest {
        drafts: vec![draft],
        dry_run,
        ..<_>::default()
    };
    Ok(desk.submit(request).await?.into_inner().submitted)
}

/// Authority, ground, who named it.
fn shown(one: &pb::Submitted) -> Vec<(&str, TransferGround, pb::GroundSource, u32)> {
    let to = one.addressees.iter();
    to.map(|it| {
        (
            it.authority.as_str(),
            it.ground(),
            it.ground_source(),
            it.rule,
        )
    })
    .collect()
}

/// Verifies that a draft which names no ground goes on that of each destination's rule, says so before it leaves, waits
/// for a second person where a rule asks for one, and that whoever asks a reason is named, with what would be right.
#[tokio::test(flavor = "multi_thread")]
async fn each_destination_has_its_ground_and_what_it_asks_is_asked_before_anything_leaves() {
    let ids = ["XA-POL", "XB-POL", "XC-POL", "XD-POL"];
    let net = Net::configured(&ids, RULES).await;
    let mut officer = net.desk("XA-POL", Role::Officer).await;
    let draft = |to: &[&str]| alert::Draft {
        ground: 0,
        ground_reason: String::new(),
        ..net.draft(to)
    };

    let rehearsed = ask(&mut officer, draft(&["XB-POL", "XC-POL"]), true)
        .await
        .expect("legal")
        .remove(0);
    let by_rules = [
        ("XB-POL", TransferGround::Adequacy, Destination, 1),
        ("XC-POL", TransferGround::Safeguards, Destination, 2),
    ];
    assert_eq!(shown(&rehearsed), by_rules);
    assert_eq!(rehearsed.release_rule, "rule 2 of [[destination]]");
    let names = rehearsed.addressees.iter().map(|it| it.name.as_str());
    assert_eq!(names.collect::<Vec<_>>(), ["Police of XB", "Police of XC"]);
    assert!(newest(&mut officer, pb::Box::Out).await.is_none());

    let refused = ask(&mut officer, draft(&["all"]), true).await;
    let refused = refused.expect_err("no reason is given for XD-POL");
    let words = refused.message();
    assert!(
        words.contains("rule 3 of [[destination]] asks a reason for XD-POL")
            && !words.contains("XB-POL"),
        "{words}"
    );
    let reasoned = alert::Draft {
        ground: TransferGround::Derogation.into(),
        ground_reason: "a life is at stake".to_owned(),
        ..draft(&["XB-POL", "XD-POL"])
    };
    let sent = ask(&mut officer, reasoned.clone(), false).await;
    let sent = sent.expect("legal").remove(0);
    let derogation = TransferGround::Derogation;
    let by_draft = [
        ("XB-POL", derogation, Draft, 0),
        ("XD-POL", derogation, Draft, 0),
    ];
    assert_eq!(shown(&sent), by_draft);
    assert_eq!(sent.addressees[1].ground_reason, "a life is at stake");
    assert_eq!(sent.release_rule, "");

    let kept = ask(&mut officer, draft(&["XB-POL", "XC-POL"]), false).await;
    let kept = kept.expect("kept").remove(0);
    assert_eq!(kept.life(), pb::AlertLife::AwaitingRelease);
    assert_eq!(shown(&kept), by_rules);
    let mut second = net.desk_of("XA-POL", Role::Supervisor, "arc-3").await;
    let request = pb::ReleaseDraftRequest { id: kept.reference };
    let released = second.release_draft(request).await.expect("released");
    let released = released.into_inner().submitted.expect("what became of it");
    assert_eq!(shown(&released), by_rules);
}

/// Verifies that a country is whoever receives the kind there, that `all` leaves out who does not and says so, and that a
/// wrong addressee is refused with who would be right.
#[tokio::test(flavor = "multi_thread")]
async fn a_country_is_whoever_receives_the_kind_there() {
    let ids = ["XA-POL", "XB-POL", "XB-PROB", "XC-POL"];
    let mut net = Net::founded(&ids);
    with_kinds(&net);
    net.start("XA-POL").await;
    let mut officer = net.desk("XA-POL", Role::Officer).await;

    let to_country = ask(&mut officer, net.draft(&["XB"]), true).await;
    let reached = to_country.expect("legal").remove(0);
    assert_eq!(
        shown(&reached),
        [("XB-POL", TransferGround::Adequacy, Draft, 0)]
    );
    let to_all = ask(&mut officer, net.draft(&["all"]), true).await;
    let reached = to_all.expect("legal").remove(0);
    assert_eq!(reached.addressees.len(), 1, "{reached:?}");
    let left_out = [
        "XB-PROB is in `all` and gets nothing: it receives no missing_offender",
        "XC-POL is in `all` and gets nothing: it receives no missing_offender",
    ];
    assert!(
        left_out
            .iter()
            .all(|it| reached.warnings.iter().any(|told| told == it)),
        "{reached:?}"
    );

    for (to, reason, words) in [
        ("XB-PROB", Reason::KindNotReceived, "send it to XB-POL"),
        ("XC", Reason::KindNotReceived, "nobody of its country does"),
        ("XD", Reason::PeerUnknown, "no member is of country `XD`"),
    ] {
        let refused = ask(&mut officer, net.draft(&[to]), true)
            .await
            .expect_err(to);
        assert_eq!(reason_of(&refused), Some(reason));
        assert!(refused.message().contains(words), "{}", refused.message());
    }
}

/// Verifies that what is sent apart is one statement to each, that none names another, that repeating it gives the first
/// answers, and that a draft for nobody is refused.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_apart_names_nobody_else_and_is_safe_to_repeat() {
    let net = Net::of(&["XA-POL", "XB-POL", "XC-POL"]).await;
    let mut officer = net.desk("XA-POL", Role::Officer).await;
    let draft = net.draft(&["all"]);
    let apart = |draft: &alert::Draft| pb::SubmitRequest {
        drafts: vec![draft.clone()],
        separation: pb::Separation::Apart.into(),
        ..<_>::default()
    };
    let sent = officer.submit(apart(&draft)).await.expect("taken");
    let sent = sent.into_inner().submitted;
    let to: Vec<_> = sent.iter().map(shown).collect();
    let ground = TransferGround::Adequacy;
    assert_eq!(
        to,
        [
            [("XB-POL", ground, Draft, 0)],
            [("XC-POL", ground, Draft, 0)]
        ]
    );
    assert_ne!(sent[0].statement, sent[1].statement);
    for (id, one) in ["XB-POL", "XC-POL"].into_iter().zip(&sent) {
        let mut receiver = net.desk(id, Role::Officer).await;
        let held = until("it is delivered", || async {
            newest(&mut receiver.clone(), pb::Box::In).await
        });
        let held = held.await;
        assert_eq!(held.statement, one.statement);
        let show = pb::ShowRequest {
            id: one.reference.clone(),
            peek: true,
            ..<_>::default()
        };
        let shown = receiver.show(show).await.expect("shown").into_inner();
        let recipients = shown.statements[0].recipients.iter();
        assert_eq!(
            recipients
                .map(|it| it.authority.as_str())
                .collect::<Vec<_>>(),
            [id]
        );
    }

    let again = officer.submit(apart(&draft)).await.expect("taken");
    let again = again.into_inner().submitted;
    let ids = |all: &[pb::Submitted]| {
        all.iter()
            .map(|it| it.statement.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&again), ids(&sent));
    assert!(again.iter().all(|one| one.repeated_submission));

    let statement = sent[0].statement.clone().expect("named");
    let reply = alert::Draft {
        id: String::new(),
        to: Vec::new(),
        in_reply_to: sent[0].reference.clone(),
        payload: Some(alert::Payload {
            kind: Some(alert::payload::Kind::Recall(alert::Recall {
                target: Some(statement),
                reason: alert::RecallReason::WrongPerson.into(),
                ..<_>::default()
            })),
            ..<_>::default()
        }),
        ..draft
    };
    let refused = officer.submit(apart(&reply)).await.expect_err("for nobody");
    assert!(
        refused.message().contains("`to` is empty"),
        "{}",
        refused.message()
    );
}
