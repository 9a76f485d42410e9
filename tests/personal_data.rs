//! Row 65 and invariant I8: names planted in alerts, answers and mistakes are found nowhere but at the desk that
//! asks to see them: not in the data folders, not in logs of either format, not in metrics, not in refusals.
#![allow(missing_docs, reason = "a test has no reader but its names")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
};

use allpoints::{
    proto::{
        alert::v1::{self as alert, payload::Kind},
        desk::v1 as pb,
    },
    trust::tls::Role,
};
use common::{Desk, Net, http, newest, process::Served, until};

/// A name that nothing else in the program or its tests can produce.
const PLANTED: &str = "QUILLFEATHERSTONE";

fn submit(drafts: Vec<alert::Draft>) -> pb::SubmitRequest {
    pb::SubmitRequest {
        drafts,
        dry_run: false,
        ..<_>::default()
    }
}

/// An alert with the name wherever an officer may write.
fn planted(net: &Net) -> alert::Draft {
    let mut draft = net.draft(&["XB-POL"]);
    let payload = draft.payload.as_mut().expect("a payload");
    let subject = payload.subject.as_mut().expect("a subject");
    subject.names.push(alert::Name {
        kind: alert::NameKind::Alias.into(),
        surname: PLANTED.to_owned(),
        forenames: PLANTED.to_owned(),
        quality: alert::NameQuality::Low.into(),
        ..<_>::default()
    });
    subject.marks.push(format!("tattoo: {PLANTED}"));
    payload.warnings[0].detail = format!("asks for {PLANTED}");
    draft
}

async fn refused(desk: &mut Desk, draft: alert::Draft) -> String {
    let status = desk.submit(submit(vec![draft])).await.expect_err("refused");
    // The message and its details, as bytes that may hold text.
    let details = String::from_utf8_lossy(status.details()).into_owned();
    format!("{} {details} {:?}", status.message(), status.metadata())
}

/// Everything that an alert goes through, and some mistakes; gives every refusal's text.
async fn driven(net: &Net, a: &Served, b: &Served) -> Vec<String> {
    let mut sender = net.desk_at("XA-POL", Role::Officer, a.at("desk")).await;
    let mut receiver = net.desk_at("XB-POL", Role::Officer, b.at("desk")).await;
    let sent = sender.submit(submit(vec![planted(net)])).await;
    let sent = sent.expect("accepted").into_inner().submitted.remove(0);
    let desk = &receiver;
    let received = until("received", || async {
        newest(&mut desk.clone(), pb::Box::In).await
    })
    .await;
    let show = pb::ShowRequest {
        id: received.reference.clone(),
        peek: false,
        ..<_>::default()
    };
    let shown = receiver.show(show.clone()).await.expect("shown");
    assert!(
        format!("{:?}", shown.into_inner()).contains(PLANTED),
        "the desk that may see it sees it"
    );
    let answer = alert::Draft {
        id: String::new(),
        in_reply_to: received.reference.clone(),
        to: vec!["XA-POL".to_owned()],
        payload: Some(alert::Payload {
            kind: Some(Kind::Answer(alert::Answer {
                code: alert::AnswerCode::Assigned.into(),
                unit: format!("Unit {PLANTED}"),
                ..<_>::default()
            })),
            ..<_>::default()
        }),
        ..net.draft(&["XA-POL"])
    };
    let answered = receiver.submit(submit(vec![answer.clone()])).await;
    answered.expect("accepted");
    let desk = &sender;
    until("answered", || async {
        let mut desk = desk.clone();
        let tracked = desk.track(pb::TrackRequest {
            id: sent.reference.clone(),
        });
        let deliveries = tracked.await.expect("tracked").into_inner().deliveries;
        (deliveries[0].latest_answer == "assigned").then_some(())
    })
    .await;
    kept_and_returned(&mut sender, net, a).await;
    let unknown_recipient = alert::Draft {
        to: vec!["XZ-POL".to_owned()],
        ..planted(net)
    };
    let other_field = alert::Draft {
        priority: 0,
        carried_hours: 9999,
        ..planted(net)
    };
    // An answer to one's own alert is nobody's to give.
    let out_of_turn = alert::Draft {
        in_reply_to: sent.reference.clone(),
        to: vec!["XB-POL".to_owned()],
        ..answer
    };
    let mut ops = net.desk_at("XA-POL", Role::Ops, a.at("desk")).await;
    let not_theirs = ops.show(show).await.expect_err("not for ops");
    vec![
        refused(&mut sender, unknown_recipient).await,
        refused(&mut sender, other_field).await,
        refused(&mut sender, out_of_turn).await,
        format!("{not_theirs:?}"),
    ]
}

/// A draft that waits for a second person and goes back: both texts are sealed.
async fn kept_and_returned(officer: &mut Desk, net: &Net, a: &Served) {
    let draft = alert::Draft {
        id: String::new(),
        ..planted(net)
    };
    let request = pb::KeepDraftsRequest {
        drafts: vec![draft],
        ..<_>::default()
    };
    let kept = officer.keep_drafts(request).await.expect("kept");
    let id = kept.into_inner().submitted.remove(0).reference;
    let mut second = net.desk_at("XA-POL", Role::Duty, a.at("desk")).await;
    let request = pb::ReturnDraftRequest {
        id,
        reason: format!("say who {PLANTED} is"),
    };
    let returned = second.return_draft(request).await.expect("returned");
    assert_eq!(
        hits(format!("{returned:?}").as_bytes()),
        0,
        "a line of a list"
    );
    let listed = second.list_drafts(pb::ListDraftsRequest::default()).await;
    let listed = listed.expect("listed").into_inner();
    assert_eq!(listed.items.len(), 1);
    assert_eq!(hits(format!("{listed:?}").as_bytes()), 0, "lines of a list");
}

/// Verifies that nothing of a planted name is anywhere on disk, in logs, in metrics or in refusals.
#[tokio::test(flavor = "multi_thread")]
async fn t65_planted_names_are_nowhere_but_with_those_who_may_see_them() {
    let net = Net::founded(&["XA-POL", "XB-POL"]);
    let (home_a, home_b) = (net.home("XA-POL"), net.home("XB-POL"));
    log_everything(&home_a, "text");
    log_everything(&home_b, "json");
    let start = |home: &Path| Served::start(&home.join("node.toml"), &home.join("serve.log"));
    let a = start(&home_a).expect("ready");
    let b = start(&home_b).expect("ready");

    let said = driven(&net, &a, &b).await;
    for text in said {
        assert_eq!(hits(text.as_bytes()), 0, "a refusal: {text}");
    }
    for node in [&a, &b] {
        let metrics = http(node.at("ops"), "/metrics").await;
        assert!(metrics.contains("allpoints_delivered_total") && metrics.contains("# EOF"));
        assert_eq!(hits(metrics.as_bytes()), 0, "metrics: {metrics}");
    }
    for node in [a, b] {
        assert!(node.logged().contains("the directory holds"), "it logs");
        assert_eq!(node.terminate().code(), Some(0));
    }
    for home in [&home_a, &home_b] {
        assert!(home.join("data/journal").exists());
        assert_eq!(found(home), Vec::<PathBuf>::new());
    }
    // The scan itself finds what is there.
    let control = home_a.join("data/control");
    fs::write(
        &control,
        [&[0; 5000], PLANTED.to_lowercase().as_bytes()].concat(),
    )
    .expect("written");
    assert_eq!(found(&home_a), [control]);
}

/// Everything that the program says of itself, with what its libraries say at their default.
fn log_everything(home: &Path, format: &str) {
    let file = home.join("node.toml");
    let text = fs::read_to_string(&file).expect("read");
    let text = text
        .replace("format = \"text\"", &format!("format = \"{format}\""))
        .replace("filter = \"info\"", "filter = \"info,allpoints=trace\"");
    fs::write(file, text).expect("written");
}

/// Files below a folder that hold the name, in any case.
fn found(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for file in fs::read_dir(folder).expect("listed") {
        let path = file.expect("an entry").path();
        assert_eq!(hits(path.display().to_string().as_bytes()), 0);
        if path.is_dir() {
            all.extend(found(&path));
        } else if hits(&fs::read(&path).expect("read")) > 0 {
            all.push(path);
        }
    }
    all
}

/// How often the name stands in these bytes, in any case. Long runs of zeros are passed over.
fn hits(bytes: &[u8]) -> usize {
    const PIECE: usize = 4096;
    let name = PLANTED.as_bytes();
    let mut count = 0;
    for start in (0..bytes.len()).step_by(PIECE) {
        let piece = &bytes[start..bytes.len().min(start + PIECE)];
        if piece == &[0; PIECE][..piece.len()] {
            continue;
        }
        // With what stands on both sides of its ends.
        let end = bytes.len().min(start + PIECE + name.len() - 1);
        let overlapping = &bytes[start.saturating_sub(name.len() - 1)..end];
        count += overlapping
            .windows(name.len())
            .filter(|window| window.eq_ignore_ascii_case(name))
            .count();
    }
    count
}
