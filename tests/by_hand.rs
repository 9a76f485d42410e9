//! An authority without a node: what is for it is carried there as a signed file, and the board says how far it has come.
//!
//! ```text
//!  officer --send--> XA-POL ==alert, update, recall==> XB-POL
//!          --carry-> XA-POL --bundle--> embassy's bag --> XE-POL, who runs no node: --verify--> claims
//!          <-acknowledged by telephone-------------------'
//! ```
#![allow(missing_docs, reason = "a test has no reader but its names")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

mod common;

use allpoints::{
    cli::verify::{check, report::Verdict},
    domain::{reason::Reason, transfer::Channel},
    proto::{
        alert::v1::{self as alert, payload::Kind},
        desk::v1 as pb,
        evidence::v1::Export,
    },
    trust::{
        federation::{Change, OffNetwork},
        tls::Role,
    },
    wire::status::reason_of,
};
use common::{Desk, Net, until};
use prost::Message as _;
use tonic::Status;

/// XA-POL and XB-POL run nodes; XE-POL is reached through an embassy.
async fn with_an_embassy() -> Net {
    let mut net = Net::founded(&["XA-POL", "XB-POL"]);
    net.publish(&[Change::AdmitOffNetwork(Box::new(OffNetwork {
        id: "XE-POL".parse().expect("legal id"),
        name: "Police of Erewhon".to_owned(),
        groups: vec!["far".to_owned()],
        channel: Channel::Embassy,
        contact: "Consular section, embassy in Arcadia".to_owned(),
    }))]);
    net.start("XA-POL").await;
    net.start("XB-POL").await;
    net
}

async fn send(desk: &mut Desk, draft: alert::Draft) -> pb::Submitted {
    let request = pb::SubmitRequest {
        drafts: vec![draft],
        ..<_>::default()
    };
    let answer = desk.submit(request).await.expect("accepted").into_inner();
    answer.submitted.into_iter().next().expect("one")
}

/// What follows in the thread of an alert, to whomever its kind says.
fn follow_up(net: &Net, target: &pb::Submitted, to: &[&str], kind: Kind) -> alert::Draft {
    alert::Draft {
        id: String::new(),
        to: to.iter().map(ToString::to_string).collect(),
        in_reply_to: target.reference.clone(),
        payload: Some(alert::Payload {
            kind: Some(kind),
            ..<_>::default()
        }),
        ..net.draft(&[])
    }
}

async fn carry(
    desk: &mut Desk,
    id: &str,
    to: &str,
) -> Result<(Vec<u8>, pb::CarryResponse), Status> {
    let request = pb::CarryRequest {
        id: id.to_owned(),
        to: to.to_owned(),
    };
    let mut chunks = desk.carry(request).await?.into_inner();
    let mut first = chunks.message().await?.expect("a bundle");
    let mut bytes = std::mem::take(&mut first.chunk).to_vec();
    while let Some(more) = chunks.message().await? {
        bytes.extend_from_slice(&more.chunk);
    }
    Ok((bytes, first))
}

async fn carried(
    desk: &mut Desk,
    id: &str,
    acknowledged_by: &str,
) -> Result<pb::ReportCarriedResponse, Status> {
    let request = pb::ReportCarriedRequest {
        id: id.to_owned(),
        to: "XE-POL".to_owned(),
        report: Some(pb::HandReport {
            carried_by: "courier of the foreign office".to_owned(),
            carried_at_us: 0,
            acknowledged_by: acknowledged_by.to_owned(),
        }),
    };
    Ok(desk.report_carried(request).await?.into_inner())
}

async fn line(desk: &mut Desk, id: &str, recipient: &str) -> pb::Delivery {
    let request = pb::TrackRequest { id: id.to_owned() };
    let track = desk.track(request).await.expect("tracked").into_inner();
    let mut lines = track.deliveries.into_iter();
    lines.find(|it| it.recipient == recipient).expect("a line")
}

async fn delivered(desk: &mut Desk, id: &str) {
    until("XB-POL has it", || async {
        let line = line(&mut desk.clone(), id, "XB-POL").await;
        (line.state() == pb::DeliveryState::Delivered).then_some(())
    })
    .await;
}

fn refused<T>(answer: Result<T, Status>) -> Option<Reason> {
    reason_of(&answer.err().expect("refused"))
}

/// Verifies the whole way of an alert that one recipient gets over the network and another by hand: shown before it is
/// sent, never delivered nor late as a delivery, bundled, proved offline, carried, acknowledged; that a recall goes the
/// same way; that all of it survives a restart; and that ops are told how far it has come and nobody's name.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_an_authority_without_a_node_is_carried_and_its_way_is_reported() {
    let mut net = with_an_embassy().await;
    let mut officer = net.desk("XA-POL", Role::Officer).await;

    let alert = send(&mut officer, net.draft(&["all"])).await;
    let channels = alert.addressees.iter();
    let channels: Vec<_> = channels
        .map(|it| (it.authority.as_str(), it.channel.as_str()))
        .collect();
    assert_eq!(channels, [("XB-POL", ""), ("XE-POL", "embassy")]);
    let id = alert.reference.clone();
    delivered(&mut officer, &id).await;
    let waits = line(&mut officer, &id, "XE-POL").await;
    assert_eq!(
        (waits.state(), waits.hand(), waits.channel.as_str()),
        (pb::DeliveryState::ByHand, pb::HandStage::Waiting, "embassy")
    );
    let links = officer.links(pb::LinksRequest::default()).await;
    let links = links.expect("listed").into_inner().links;
    let partners: Vec<_> = links.iter().map(|it| it.authority.as_str()).collect();
    assert_eq!(partners, ["XB-POL"]);

    // Nothing was written yet; and what goes to a node goes there by itself.
    assert_eq!(
        refused(carried(&mut officer, &id, "").await),
        Some(Reason::NothingCarried)
    );
    assert_eq!(
        refused(carry(&mut officer, &id, "XB-POL").await),
        Some(Reason::NotByHand)
    );
    assert_eq!(
        refused(carry(&mut officer, &id, "XD-POL").await),
        Some(Reason::NotFound)
    );

    // What goes to the others is not in the bundle, and is not missed in it.
    let words = Kind::Instruction(alert::Instruction {
        code: alert::InstructionCode::Contact.into(),
        ..<_>::default()
    });
    let to_one = send(&mut officer, follow_up(&net, &alert, &["XB-POL"], words)).await;
    let recall = Kind::Recall(alert::Recall {
        target: alert.statement.clone(),
        reason: alert::RecallReason::WrongPerson.into(),
        ..<_>::default()
    });
    let recall = send(&mut officer, follow_up(&net, &alert, &[], recall)).await;
    delivered(&mut officer, &recall.reference).await;

    let (bundle, told) = carry(&mut officer, &id, "XE-POL").await.expect("a bundle");
    assert_eq!(told.contact, "Consular section, embassy in Arcadia");
    let both = [alert.statement.clone(), recall.statement.clone()].map(|it| it.expect("named"));
    assert_eq!(told.statements, both);
    let report = check(&bundle, Some(net.anchor()), net.now());
    assert_eq!(report.verdict, Verdict::Proved, "{}", report.render());
    let shown = report.render();
    assert!(shown.contains("is a bundle for XE-POL"), "{shown}");
    let not_said: Vec<&String> = report.not_said.iter().collect();
    assert_eq!(not_said, ["not receipted by XE-POL"], "{shown}");
    let to_one = to_one.statement.expect("named").id;
    let holds = bundle.windows(to_one.len()).any(|part| part == to_one);
    assert!(
        !holds,
        "an instruction to XB-POL is none of XE-POL's business"
    );
    forgeries_are_named(&net, &bundle);

    for (statement, stage) in [
        (&id, pb::HandStage::Bundled),
        (&recall.reference, pb::HandStage::Bundled),
    ] {
        assert_eq!(line(&mut officer, statement, "XE-POL").await.hand(), stage);
    }
    let last = recall.reference.clone();
    let reported = carried(&mut officer, &last, "").await.expect("reported");
    assert_eq!(reported.statements, both);
    let reported = carried(&mut officer, &last, "duty officer of XE-POL").await;
    assert_eq!(
        reported.expect("reported").hand(),
        pb::HandStage::Acknowledged
    );
    assert_eq!(
        refused(carried(&mut officer, &last, "").await),
        Some(Reason::NothingCarried)
    );
    as_reported(&net, &id).await;

    net.stop("XA-POL").await;
    net.start("XA-POL").await;
    as_reported(&net, &id).await;
    net.stop("XA-POL").await;
    std::fs::remove_dir_all(net.files("XA-POL").1.join("view")).expect("a view");
    net.start("XA-POL").await;
    as_reported(&net, &id).await;
}

/// Acknowledged, by whom; never delivered; and no name for ops.
async fn as_reported(net: &Net, id: &str) {
    let mut officer = net.desk("XA-POL", Role::Officer).await;
    let seen = line(&mut officer, id, "XE-POL").await;
    assert_eq!(
        (seen.state(), seen.hand()),
        (pb::DeliveryState::ByHand, pb::HandStage::Acknowledged)
    );
    assert!(seen.overdue.is_empty() && seen.handling() == pb::HandlingLife::Unopened);
    let report = seen.report.expect("a report");
    assert_eq!(report.carried_by, "courier of the foreign office");
    assert_eq!(report.acknowledged_by, "duty officer of XE-POL");
    assert!(report.carried_at_us > 0);
    let mut ops = net.desk("XA-POL", Role::Ops).await;
    let seen = line(&mut ops, id, "XE-POL").await;
    assert_eq!(seen.hand(), pb::HandStage::Acknowledged);
    assert_eq!(seen.report, None);
}

/// Verifies that a bundle is nobody else's, and whole: each change is refused by name.
fn forgeries_are_named(net: &Net, bundle: &[u8]) {
    let export = Export::decode(bundle).expect("evidence");
    type Change = fn(&mut Export);
    let changes: [(&str, Change); 4] = [
        ("was not sent there", |it| {
            it.carried_to = "XC-POL".to_owned();
        }),
        ("no entry of its log is an export", |it| {
            it.carried_to = String::new();
        }),
        ("names whom it was carried to", |it| {
            it.carried_to = "everybody".to_owned();
        }),
        ("it is not there", |it| drop(it.statements.remove(0))),
    ];
    for (words, change) in changes {
        let mut forged = export.clone();
        change(&mut forged);
        let report = check(&forged.encode_to_vec(), Some(net.anchor()), net.now());
        assert_eq!(report.verdict, Verdict::Failed, "{words}");
        assert!(report.render().contains(words), "{}", report.render());
    }
}
