//! A thread is given to an authority that is new to it, over real nodes: on a ground of its own, shown, tracked, proved.
//!
//! ```text
//!   XA-POL --- alert, correction --------------------------> XB-POL
//!   XA-POL --- extend: alert and correction inside --------> XD-POL   inbox, show, evidence
//!
//!   XA-POL --- three alerts to all ------------------------> XB-POL
//!          XD-POL joins: XA-POL is offered three alerts; `allpoints offers --extend` gives them
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
    cli::verify::{
        check,
        report::{Report, Verdict},
    },
    domain::reason::Reason,
    proto::{
        alert::v1 as alert,
        desk::v1 as pb,
        envelope::v1::{Recipient, TransferGround},
        evidence::v1::Export,
    },
    trust::tls::Role,
    wire::status::reason_of,
};
use common::{Desk, Net, newest, until};
use prost::Message as _;
use tonic::Status;

const REASON: &str = "the person boards today, and no adequacy decision is there yet";

async fn submit(desk: &mut Desk, draft: alert::Draft) -> Result<pb::Submitted, Status> {
    let request = pb::SubmitRequest {
        drafts: vec![alert::Draft {
            id: String::new(),
            ..draft
        }],
        ..<_>::default()
    };
    let submitted = desk.submit(request).await?.into_inner().submitted;
    Ok(submitted.into_iter().next().expect("one draft, one line"))
}

fn follow_up(net: &Net, target: &str, to: &[&str], kind: Kind) -> alert::Draft {
    alert::Draft {
        in_reply_to: target.to_owned(),
        ground: 0,
        payload: Some(alert::Payload {
            kind: Some(kind),
            ..<_>::default()
        }),
        ..net.draft(to)
    }
}

fn extension(net: &Net, target: &str, to: &[&str]) -> alert::Draft {
    let why = alert::Extend {
        text: Some(alert::Text {
            text: "The person has family there.".to_owned(),
            language: "en".to_owned(),
        }),
        ..<_>::default()
    };
    alert::Draft {
        ground: TransferGround::Derogation.into(),
        ground_reason: REASON.to_owned(),
        ..follow_up(net, target, to, Kind::Extend(why))
    }
}

async fn track(desk: &Desk, id: &str) -> pb::TrackResponse {
    let request = pb::TrackRequest { id: id.to_owned() };
    let track = desk.clone().track(request).await;
    track.expect("tracked").into_inner()
}

async fn delivered(desk: &Desk, id: &str, to: &str) -> pb::Delivery {
    until("delivered", || async {
        let deliveries = track(desk, id).await.deliveries;
        let one = deliveries.into_iter().find(|it| it.recipient == to)?;
        (one.state() == pb::DeliveryState::Delivered).then_some(one)
    })
    .await
}

async fn judged(net: &Net, authority: &str, id: &str) -> (Vec<u8>, Report) {
    let mut auditor = net.desk(authority, Role::Auditor).await;
    let request = pb::AuditExportRequest {
        id: id.to_owned(),
        reason: "a test".to_owned(),
    };
    let exported = auditor.audit_export(request).await.expect("exported");
    let mut chunks = exported.into_inner();
    let mut bytes = Vec::new();
    while let Some(part) = chunks.message().await.expect("a chunk") {
        bytes.extend_from_slice(&part.chunk);
    }
    let report = check(&bytes, Some(net.anchor()), net.now());
    (bytes, report)
}

/// Verifies that a newcomer gets a thread on the ground that is named for it, and the others on theirs; that it sees
/// alert and correction once, and not the bytes that brought them; that the originator sees who gave it to whom; and that
/// both can prove the thread offline, and no byte inside a carrier can be another.
#[tokio::test(flavor = "multi_thread")]
async fn a_thread_is_extended_on_its_own_ground_shown_and_proved() {
    let net = Net::of(&["XA-POL", "XB-POL", "XD-POL"]).await;
    let mut xa = net.desk("XA-POL", Role::Officer).await;
    let mut xd = net.desk("XD-POL", Role::Officer).await;
    let sent = submit(&mut xa, net.draft(&["XB-POL"])).await;
    let sent = sent.expect("accepted").reference;
    let correction = alert::Correction {
        changes: vec![alert::Change {
            path: "subject.birthDate".to_owned(),
            was: "1974-08-12".to_owned(),
            is: "1974-12-08".to_owned(),
        }],
        ..<_>::default()
    };
    let correction = follow_up(&net, &sent, &["XB-POL"], Kind::Correction(correction));
    let correction = submit(&mut xa, correction).await.expect("accepted");
    delivered(&xa, &correction.reference, "XB-POL").await;

    let with_inside = {
        let mut draft = extension(&net, &sent, &["XD-POL"]);
        let payload = draft.payload.as_mut().expect("a payload");
        let Some(Kind::Extend(extend)) = &mut payload.kind else {
            panic!("an extension");
        };
        extend.carried = Some(<_>::default());
        draft
    };
    let refused = submit(&mut xa, with_inside).await.expect_err("the node's");
    assert_eq!(reason_of(&refused), Some(Reason::FaultyDraft));
    assert!(
        format!("{refused:?}").contains("extend.carried"),
        "{refused:?}"
    );

    let extended = submit(&mut xa, extension(&net, &sent, &["XD-POL"])).await;
    let extended = extended.expect("accepted");
    let grounds = |it: &Recipient| (it.authority.clone(), it.ground(), it.ground_reason.clone());
    assert_eq!(
        extended.recipients.iter().map(grounds).collect::<Vec<_>>(),
        [
            ("XB-POL".to_owned(), TransferGround::Adequacy, String::new()),
            (
                "XD-POL".to_owned(),
                TransferGround::Derogation,
                REASON.to_owned()
            ),
        ]
    );
    let to_xd = delivered(&xa, &sent, "XD-POL").await;
    assert_eq!(to_xd.extended_by.expect("told").origin, "XA-POL");
    assert_ne!(to_xd.extended_at_us, 0);
    let to_xb = delivered(&xa, &sent, "XB-POL").await;
    assert_eq!(to_xb.extended_by, None);
    delivered(&xa, &correction.reference, "XD-POL").await;
    delivered(&xa, &extended.reference, "XD-POL").await;

    let unopened = pb::ListRequest {
        r#box: pb::Box::In.into(),
        unopened_only: true,
        ..<_>::default()
    };
    let unopened = xd.list(unopened).await.expect("listed").into_inner().items;
    let unopened: Vec<_> = unopened.iter().map(|it| it.reference.as_str()).collect();
    assert_eq!(unopened, [sent.as_str()], "one alert, as any other");
    let shown = xd.show(pb::ShowRequest {
        id: sent.clone(),
        ..<_>::default()
    });
    let shown = shown.await.expect("shown").into_inner().statements;
    let bytes_shown: usize = shown.iter().map(prost::Message::encoded_len).sum();
    let payloads = || {
        shown
            .iter()
            .filter_map(|it| it.payload.as_ref()?.kind.as_ref())
    };
    assert_eq!(
        payloads()
            .filter(|it| matches!(it, Kind::Correction(_)))
            .count(),
        1
    );
    assert_eq!(
        payloads()
            .filter(|it| matches!(it, Kind::Extend(_)))
            .count(),
        3
    );
    assert!(payloads().all(|it| !matches!(it, Kind::Extend(extend) if extend.carried.is_some())));
    let opened = until("opened", || async {
        let to_xd = delivered(&xa, &sent, "XD-POL").await;
        (to_xd.opened_at_us != 0).then_some(to_xd)
    });
    assert_eq!(opened.await.latest_answer, "opened");

    for authority in ["XA-POL", "XB-POL", "XD-POL"] {
        let (bytes, report) = judged(&net, authority, &sent).await;
        assert_eq!(
            report.verdict,
            Verdict::Proved,
            "{authority}: {}",
            report.render()
        );
        if authority == "XB-POL" {
            continue;
        }
        assert!(report.render().contains("gave "), "{}", report.render());
        assert!(bytes.len() > bytes_shown);
        without_the_alert_nothing_is_proved(&net, &bytes, authority);
    }
    let newest = newest(&mut xd, pb::Box::In).await.expect("something");
    assert_eq!(newest.kind(), allpoints::proto::envelope::v1::Kind::Extend);
}

/// What a carrier holds inside does not stand in for the statement itself.
fn without_the_alert_nothing_is_proved(net: &Net, bytes: &[u8], authority: &str) {
    let mut export = Export::decode(bytes).expect("evidence");
    let is_alert = |it: &allpoints::proto::evidence::v1::Statement| {
        let item = &it.batch.as_ref().expect("signed").items[0];
        let statement = allpoints::proto::envelope::v1::Statement::decode(item.document.clone());
        statement.expect("a statement").thread.is_none()
    };
    export.statements.retain(|it| !is_alert(it));
    let report = check(&export.encode_to_vec(), Some(net.anchor()), net.now());
    assert_eq!(
        report.verdict,
        Verdict::Failed,
        "{authority}: {}",
        report.render()
    );
}

/// `allpoints offers` of the officer of XA, on a node of this process.
async fn offers(net: &Net, arguments: &'static [&'static str]) -> String {
    let home = net.home("XA-POL");
    let desk = net.addresses("XA-POL").desk;
    let ran = tokio::task::spawn_blocking(move || {
        let profile = home.join("officer.toml");
        let text = format!(
            "endpoint = \"{desk}\"\nauthority = \"XA-POL\"\ncertificate = \"desk/officer-duty-7.pem\"\n\
             key = \"desk/officer-duty-7.key\"\nca = \"ca/desk-ca.pem\"\n"
        );
        std::fs::write(&profile, text).expect("written");
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_allpoints"));
        command.arg("offers").args(arguments);
        command.arg("--profile-file").arg(profile);
        let ended = command.assert().success();
        String::from_utf8_lossy(&ended.get_output().stdout).into_owned()
    });
    ran.await.expect("it ran")
}

/// Verifies that an authority that joins after three alerts to all, one of them corrected, is offered to their originator
/// and given nothing by itself; that one command then gives it all three with their corrections; and that an alert that
/// named its recipients, one that was closed, and those that are extended are not offered.
#[tokio::test(flavor = "multi_thread")]
async fn who_joins_is_offered_and_one_command_extends_all_that_was_to_all() {
    let mut net = Net::before_joining(&["XA-POL", "XB-POL"], "XD-POL").await;
    let mut xa = net.desk("XA-POL", Role::Officer).await;
    let mut sent = Vec::new();
    for _ in 0..3 {
        let alert = submit(&mut xa, net.draft(&["all"]))
            .await
            .expect("accepted");
        delivered(&xa, &alert.reference, "XB-POL").await;
        sent.push(alert.reference);
    }
    let correction = Kind::Correction(alert::Correction {
        changes: vec![alert::Change {
            path: "subject.birthDate".to_owned(),
            was: "1974-08-12".to_owned(),
            is: "1974-12-08".to_owned(),
        }],
        ..<_>::default()
    });
    let correction = follow_up(&net, &sent[1], &["XB-POL"], correction);
    submit(&mut xa, correction).await.expect("accepted");
    let named = submit(&mut xa, net.draft(&["XB-POL"]))
        .await
        .expect("accepted");
    let closed = submit(&mut xa, net.draft(&["all"]))
        .await
        .expect("accepted");
    let closure = Kind::Closure(alert::Closure {
        reason: alert::ClosureReason::Found.into(),
        ..<_>::default()
    });
    let closure = follow_up(&net, &closed.reference, &["XB-POL"], closure);
    submit(&mut xa, closure).await.expect("accepted");
    let none = xa.offers(pb::OffersRequest::default()).await;
    assert!(none.expect("asked").into_inner().items.is_empty());

    let watch = xa.watch(pb::WatchRequest::default()).await;
    let mut watch = watch.expect("watched").into_inner();
    net.join("XD-POL").await;
    loop {
        let event = watch.message().await.expect("goes on").expect("an event");
        if event.call == "offers_wait" {
            assert_eq!(event.peer, "XD-POL");
            break;
        }
    }
    let offered = until("offered", || async {
        let offers = xa.clone().offers(pb::OffersRequest::default()).await;
        let items = offers.expect("asked").into_inner().items;
        (!items.is_empty()).then_some(items)
    })
    .await;
    let of = |offer: &pb::Offer| offer.summary.clone().expect("a line").reference;
    let mut references: Vec<_> = offered.iter().map(of).collect();
    references.reverse();
    assert_eq!(references, sent);
    assert!(!references.contains(&named.reference));
    for offer in &offered {
        assert_eq!(
            (&offer.addressed[..], &offer.newcomers[..]),
            (&["all".to_owned()][..], &["XD-POL".to_owned()][..])
        );
    }
    let status = xa.status(pb::StatusRequest {}).await.expect("told");
    assert_eq!(status.into_inner().offers, 3);
    let mut xd = net.desk("XD-POL", Role::Officer).await;
    assert!(newest(&mut xd, pb::Box::In).await.is_none(), "never forced");

    let listed = offers(&net, &[]).await;
    assert_eq!(listed.matches("XD-POL").count(), 3, "{listed}");
    let why = "They joined, and the person may be there.";
    let given = offers(
        &net,
        &[
            "--extend",
            "--yes",
            "--ground",
            "safeguards",
            "--why",
            "They joined, and the person may be there.",
        ],
    )
    .await;
    assert!(given.contains("accepted"), "{given}");
    for alert in &sent {
        delivered(&xa, alert, "XD-POL").await;
    }
    let shown = xd.show(pb::ShowRequest {
        id: sent[1].clone(),
        peek: true,
        ..<_>::default()
    });
    let shown = shown.await.expect("shown").into_inner().statements;
    let kinds = shown
        .iter()
        .filter_map(|it| it.payload.as_ref()?.kind.as_ref());
    let (mut corrections, mut reasons) = (0, 0);
    for kind in kinds {
        match kind {
            Kind::Correction(_) => corrections += 1,
            Kind::Extend(extend) => {
                let text = extend.text.as_ref().expect("why");
                assert_eq!(text.text, why);
                reasons += 1;
            }
            _ => {}
        }
    }
    assert_eq!((corrections, reasons), (1, 3));
    let held = xd.list(pb::ListRequest {
        r#box: pb::Box::In.into(),
        unopened_only: true,
        ..<_>::default()
    });
    assert_eq!(held.await.expect("listed").into_inner().items.len(), 3);
    let none = xa.offers(pb::OffersRequest::default()).await;
    assert!(none.expect("asked").into_inner().items.is_empty());
}

/// Verifies that an alert which an officer declines to give to a newcomer is offered for it no more, also after a restart;
/// that why is journaled; that what is not offered cannot be declined; and that it can be extended all the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_declined_is_offered_no_more_and_may_be_given_all_the_same() {
    let mut net = Net::before_joining(&["XA-POL", "XB-POL"], "XD-POL").await;
    let mut xa = net.desk("XA-POL", Role::Officer).await;
    let mut sent = Vec::new();
    for _ in 0..2 {
        let alert = submit(&mut xa, net.draft(&["all"]))
            .await
            .expect("accepted");
        delivered(&xa, &alert.reference, "XB-POL").await;
        sent.push(alert.reference);
    }
    net.join("XD-POL").await;
    let offered = async |desk: &Desk| {
        let offers = desk.clone().offers(pb::OffersRequest::default()).await;
        let items = offers.expect("asked").into_inner().items;
        let references = items.into_iter().map(|offer| {
            let line = offer.summary.expect("a line");
            (line.reference, offer.newcomers, offer.addressed)
        });
        references.collect::<Vec<_>>()
    };
    let desk = &xa;
    until("both are offered", || async {
        (offered(desk).await.len() == 2).then_some(())
    })
    .await;

    let decline = |id: &str, to: &[&str], reason: &str| pb::DeclineOfferRequest {
        id: id.to_owned(),
        to: to.iter().map(ToString::to_string).collect(),
        reason: reason.to_owned(),
    };
    let why = "No tie to that country.";
    for (request, reason) in [
        (decline(&sent[0], &[], ""), Reason::Malformed),
        (decline(&sent[0], &["XB-POL"], why), Reason::NotFound),
        (decline(&sent[0], &["nobody"], why), Reason::Malformed),
    ] {
        let refused = xa.decline_offer(request).await.expect_err("refused");
        assert_eq!(reason_of(&refused), Some(reason));
    }
    let declined = xa.decline_offer(decline(&sent[0], &["XD-POL"], why)).await;
    assert_eq!(
        declined.expect("declined").into_inner().declined,
        ["XD-POL"]
    );
    let again = xa.decline_offer(decline(&sent[0], &[], why)).await;
    let again = again.expect_err("it is offered for nobody");
    assert_eq!(reason_of(&again), Some(Reason::NotFound));

    net.stop("XA-POL").await;
    net.start("XA-POL").await;
    let mut xa = net.desk("XA-POL", Role::Officer).await;
    let left = vec![(
        sent[1].clone(),
        vec!["XD-POL".to_owned()],
        vec!["all".to_owned()],
    )];
    assert_eq!(offered(&xa).await, left);
    let mut auditor = net.desk("XA-POL", Role::Auditor).await;
    let listed = auditor.audit_list(pb::AuditListRequest::default()).await;
    let entries = listed.expect("listed").into_inner().entries;
    let declined = entries.iter().find(|entry| entry.act == "offer-declined");
    assert_eq!(declined.expect("journaled").peer, "XD-POL");

    let extend = extension(&net, &sent[0], &["XD-POL"]);
    submit(&mut xa, extend).await.expect("an officer's act");
    delivered(&xa, &sent[0], "XD-POL").await;
}
