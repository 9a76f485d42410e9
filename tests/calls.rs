//! Whom a node calls when something waits, by ways that a receiver and a mail server of a few lines stand for.
//!
//! ```text
//!   XA-POL --- flash ---> XB-POL ---> webhook, signed, tried again ---> receiver on this machine
//!     ^                     | '-----> mail ---------------------------> mail server on this machine
//!     '--- hit, sighting ---'
//! ```
#![allow(missing_docs, reason = "a test has no reader but its names")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

mod common;

use std::{fs, os::unix::fs::PermissionsExt as _, time::Duration};

use allpoints::{
    proto::{
        alert::v1::{self as alert, payload::Kind},
        desk::v1 as pb,
        envelope::v1::Priority,
    },
    trust::tls::Role,
};
use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use common::{Desk, Net, http, newest, process::Served, until};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
    sync::mpsc,
};

const SECRET: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// A name that nothing else in the program or its tests can produce.
const PLANTED: &str = "QUILLFEATHERSTONE";

/// Takes calls: the first one is refused, so that it is tried again. Gives each request as it came.
async fn receiver() -> (String, mpsc::UnboundedReceiver<String>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/calls", socket.local_addr().expect("bound"));
    let (say, heard) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut answer = "503 Not yet";
        loop {
            let (mut stream, _) = socket.accept().await.expect("a caller");
            let (mut request, mut part) = (Vec::new(), [0; 4096]);
            while !request.ends_with(b"}}") {
                let bytes = stream.read(&mut part).await.expect("read");
                assert!(bytes > 0, "the request was cut short");
                request.extend_from_slice(&part[..bytes]);
            }
            let text = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(text.as_bytes()).await.expect("answered");
            answer = "204 Heard";
            if say.send(String::from_utf8(request).expect("text")).is_err() {
                return;
            }
        }
    });
    (url, heard)
}

/// Takes mail; gives each session as it was said.
async fn mail_server() -> (u16, mpsc::UnboundedReceiver<String>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = socket.local_addr().expect("bound").port();
    let (say, heard) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (stream, _) = socket.accept().await.expect("a caller");
            let mut stream = BufReader::new(stream);
            stream.write_all(b"220 here\r\n").await.expect("greeted");
            let (mut session, mut in_mail, mut line) = (String::new(), false, String::new());
            while stream
                .read_line(&mut line)
                .await
                .is_ok_and(|bytes| bytes > 0)
            {
                session.push_str(&line);
                let word = std::mem::take(&mut line);
                let answer = match word.trim_end() {
                    "." if in_mail => {
                        in_mail = false;
                        "250 taken\r\n"
                    }
                    _ if in_mail => continue,
                    "DATA" => {
                        in_mail = true;
                        "354 go on\r\n"
                    }
                    "QUIT" => break,
                    _ => "250 well\r\n",
                };
                stream.write_all(answer.as_bytes()).await.expect("said");
            }
            if say.send(session).is_err() {
                return;
            }
        }
    });
    (port, heard)
}

fn secret(net: &Net, id: &str) {
    let file = net.home(id).join("duty.secret");
    fs::write(&file, format!("whsec_{SECRET}\n")).expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("changed");
}

fn webhook(url: &str) -> String {
    format!("\n[[webhook]]\nname = \"duty\"\nurl = \"{url}\"\nsecret = \"duty.secret\"\n")
}

fn mail(port: u16) -> String {
    format!(
        "\n[mail]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\nfrom = \"node@xb.example\"\nto = [\"duty@xb.example\"]\n"
    )
}

async fn next(heard: &mut mpsc::UnboundedReceiver<String>, words: &str) -> String {
    let waiting = async {
        loop {
            let text = heard.recv().await.expect("goes on");
            if text.contains(words) {
                return text;
            }
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), waiting).await;
    waited.unwrap_or_else(|_| panic!("nobody called with `{words}`"))
}

/// The webhook's body, after its signature was verified as Standard Webhooks says.
fn verified(request: &str) -> String {
    let (head, body) = request.split_once("\r\n\r\n").expect("head and body");
    let header = |name: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name} in {head}")).trim()
    };
    let key = STANDARD.decode(SECRET).expect("base64");
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let signed = format!(
        "{}.{}.{body}",
        header("webhook-id:"),
        header("webhook-timestamp:")
    );
    let tag = header("webhook-signature:").strip_prefix("v1,");
    let tag = STANDARD.decode(tag.expect("of version 1")).expect("base64");
    hmac::verify(&key, signed.as_bytes(), &tag).expect("the signature holds");
    body.to_owned()
}

/// A flash about somebody who must not notice, with the name wherever an officer may write.
fn flash(net: &Net) -> alert::Draft {
    let mut draft = net.draft(&["XB-POL"]);
    draft.priority = Priority::Flash.into();
    let payload = draft.payload.as_mut().expect("a payload");
    let subject = payload.subject.as_mut().expect("a subject");
    for name in &mut subject.names {
        name.surname = PLANTED.to_owned();
    }
    subject.documents.clear();
    payload.offences.push(alert::Offence {
        description: PLANTED.to_owned(),
        ..payload.offences.first().cloned().unwrap_or_default()
    });
    payload
        .offences
        .retain(|offence| offence.standing.is_some());
    payload.asked = vec![alert::Asked {
        action: alert::AskedAction::DiscreetCheck.into(),
        detail: PLANTED.to_owned(),
        ..<_>::default()
    }];
    draft
}

fn submit(drafts: Vec<alert::Draft>) -> pb::SubmitRequest {
    pb::SubmitRequest {
        drafts,
        dry_run: false,
        ..<_>::default()
    }
}

async fn told(
    events: &mut tonic::Streaming<pb::WatchResponse>,
    is_it: impl Fn(&pb::WatchResponse) -> bool,
) -> pb::WatchResponse {
    let waiting = async {
        loop {
            let event = events.message().await.expect("goes on").expect("an event");
            if is_it(&event) {
                return event;
            }
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), waiting).await;
    waited.unwrap_or_else(|_| panic!("it was never told"))
}

async fn audited(net: &Net, id: &str) -> Vec<String> {
    let mut auditor = net.desk(id, Role::Auditor).await;
    let listed = auditor.audit_list(pb::AuditListRequest::default()).await;
    let entries = listed.expect("listed").into_inner().entries;
    entries.into_iter().map(|entry| entry.act).collect()
}

/// Verifies that a flash wakes the receiver's desk by every way, signed, tried again, again after a restart, told to
/// watchers and journaled; and that no byte of it names the person.
#[tokio::test(flavor = "multi_thread")]
async fn a_flash_wakes_the_duty_desk_and_no_call_names_a_person() {
    let mut net = Net::founded(&["XA-POL", "XB-POL"]);
    let (url, mut hooks) = receiver().await;
    let (port, mut mails) = mail_server().await;
    secret(&net, "XB-POL");
    net.reconfigure("XB-POL", |text| {
        let link = "link = \"https://desk.example/{reference}\"";
        text.replace("link = \"\"", link) + &webhook(&url) + &mail(port)
    });
    for id in ["XA-POL", "XB-POL"] {
        net.start(id).await;
    }
    let mut officer = net.desk("XB-POL", Role::Officer).await;
    let watch = officer.watch(pb::WatchRequest::default()).await;
    let mut watch = watch.expect("a watch").into_inner();

    let mut sender = net.desk("XA-POL", Role::Officer).await;
    let sent = sender.submit(submit(vec![flash(&net)])).await;
    let sent = sent.expect("accepted").into_inner().submitted.remove(0);

    let call = told(&mut watch, |event| event.call == "flash_unopened").await;
    assert_eq!((call.event.as_str(), call.count), ("call", 1));
    let line = call.summary.expect("a line");
    assert_eq!(line.reference, sent.reference);
    assert!(line.do_not_alert);

    let first = next(&mut hooks, "flash_unopened").await;
    let again = next(&mut hooks, "flash_unopened").await;
    let (first, again) = (verified(&first), verified(&again));
    assert_eq!(first, again, "the same call, tried again");
    let said: serde_json::Value = serde_json::from_str(&first).expect("JSON");
    assert_eq!(said["type"], "allpoints.call.flash_unopened");
    assert_eq!(said["data"]["reference"], sent.reference.as_str());
    assert_eq!(said["data"]["priority"], "flash");
    assert_eq!(said["data"]["status"], "exercise");
    assert_eq!(said["data"]["do_not_alert"], true);
    let link = format!("https://desk.example/{}", sent.reference);
    assert_eq!(said["data"]["link"], link.as_str());
    let mailed = next(&mut mails, &sent.reference).await;
    assert!(mailed.contains("[EXERCISE] FLASH"), "{mailed}");
    assert!(mailed.contains("DO NOT ALERT THE PERSON"), "{mailed}");
    for said in [&first, &mailed] {
        assert!(!said.contains(PLANTED), "{said}");
    }

    let tested = officer.call_test(pb::CallTestRequest {}).await;
    let tested = tested.expect("tested").into_inner().tried;
    let ways: Vec<_> = tested
        .iter()
        .map(|it| (it.way.as_str(), it.arrived))
        .collect();
    assert_eq!(ways, [("duty", true), ("mail", true)]);
    verified(&next(&mut hooks, "allpoints.call.test").await);
    let status = officer.status(pb::StatusRequest {}).await;
    let status = status.expect("told").into_inner();
    let well = |way: &pb::CallWay| (way.sent >= 1, way.failed, way.fault_us);
    assert!(
        status.calls.iter().all(|way| well(way) == (true, 0, 0)),
        "{status:?}"
    );
    let acts = audited(&net, "XB-POL").await;
    let called = acts.iter().filter(|act| *act == "called").count();
    assert_eq!(called, 2, "the flash, and the test: {acts:?}");
    let metrics = http(net.addresses("XB-POL").ops, "/metrics").await;
    assert!(
        metrics.contains("allpoints_called_total{call=\"flash_unopened\"} 1"),
        "{metrics}"
    );

    net.stop("XB-POL").await;
    net.start("XB-POL").await;
    verified(&next(&mut hooks, "flash_unopened").await);
}

/// XB's word on XA's alert: a hit, and where the person was met.
fn hit(net: &Net, alert: &str, place: &str) -> Vec<alert::Draft> {
    let kinds = [
        Kind::Answer(alert::Answer {
            code: alert::AnswerCode::Hit.into(),
            ..<_>::default()
        }),
        Kind::Sighting(alert::Sighting {
            place: place.to_owned(),
            country: "XB".to_owned(),
            seen_at: "2026-11-20T08:15:00Z".to_owned(),
            awareness: alert::Awareness::Unaware.into(),
            presence: alert::Presence::Present.into(),
            ..<_>::default()
        }),
    ];
    kinds
        .map(|kind| alert::Draft {
            id: String::new(),
            in_reply_to: alert.to_owned(),
            to: vec!["XA-POL".to_owned()],
            payload: Some(alert::Payload {
                kind: Some(kind),
                ..<_>::default()
            }),
            ..net.draft(&["XA-POL"])
        })
        .into()
}

async fn answers(desk: &mut Desk, alert: &str) -> Vec<String> {
    let tracked = desk.track(pb::TrackRequest {
        id: alert.to_owned(),
    });
    let events = tracked.await.expect("tracked").into_inner().events;
    events.into_iter().map(|event| event.what).collect()
}

/// Verifies that a hit and its sighting are written together or not at all, and that the originator's desk is called
/// with half an hour for its instruction, as the person is there, whatever the priority.
#[tokio::test(flavor = "multi_thread")]
async fn a_hit_and_its_sighting_are_one_and_call_the_originator() {
    let net = Net::of(&["XA-POL", "XB-POL"]).await;
    let mut sender = net.desk("XA-POL", Role::Officer).await;
    let mut receiver = net.desk("XB-POL", Role::Officer).await;
    let mut draft = net.draft(&["XB-POL"]);
    draft.priority = Priority::Routine.into();
    let sent = sender.submit(submit(vec![draft])).await;
    let alert = sent
        .expect("accepted")
        .into_inner()
        .submitted
        .remove(0)
        .reference;
    let desk = &receiver;
    until("received", || async {
        newest(&mut desk.clone(), pb::Box::In).await
    })
    .await;

    let faulty = receiver.submit(submit(hit(&net, &alert, ""))).await;
    let faulty = faulty.expect_err("a sighting without a place");
    assert_eq!(faulty.code(), tonic::Code::InvalidArgument);
    assert_eq!(answers(&mut receiver, &alert).await, ["missing_offender"]);

    let watch = sender.watch(pb::WatchRequest::default()).await;
    let mut watch = watch.expect("a watch").into_inner();
    let written = receiver.submit(submit(hit(&net, &alert, "Harbour"))).await;
    let written = written.expect("accepted").into_inner().submitted;
    assert_eq!(written[0].accepted_at_us, written[1].accepted_at_us);
    let said = answers(&mut receiver, &alert).await;
    assert!(said.contains(&"answer: hit".to_owned()), "{said:?}");
    assert!(said.contains(&"sighting".to_owned()), "{said:?}");

    let minute_us = 60_000_000;
    let call = told(&mut watch, |event| {
        event.call == "hit_waiting" && event.due_us < event.at_us + 31 * minute_us
    })
    .await;
    assert_eq!(call.peer, "XB-POL");
    assert!(call.due_us > call.at_us + 28 * minute_us, "half an hour");
    assert_eq!(call.summary.expect("a line").reference, alert);
}

/// Verifies that a node whose ways of calling are wrong does not start, and says what would be right.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_could_call_nobody_it_should_does_not_start() {
    let mut net = Net::founded(&["XA-POL"]);
    let mut refused = async |more: String| {
        let home = net.home("XA-POL").join("node.toml");
        let plain = fs::read_to_string(&home).expect("read");
        net.reconfigure("XA-POL", |text| text + &more);
        let fault = net.try_start("XA-POL").await.expect_err("refused");
        fs::write(&home, plain).expect("written");
        fault
    };
    let fault = refused(webhook("http://127.0.0.1:9/")).await;
    assert!(
        fault.contains("webhook `duty`") && fault.contains("duty.secret"),
        "{fault}"
    );
    let fault = refused(webhook("http://desk.example/")).await;
    assert!(fault.contains("use https"), "{fault}");
    let fault = refused(mail(25).replace("127.0.0.1", "mail.example")).await;
    assert!(fault.contains("expected `starttls` or `tls`"), "{fault}");
    net.reconfigure("XA-POL", |text| text);
    net.start("XA-POL").await;
}

/// A header of a webhook's request.
fn header<'a>(request: &'a str, name: &str) -> &'a str {
    let line = request.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("{name} in {request}")).trim()
}

/// A travel notice of somebody who should have been back for long: called for as soon as it is looked at.
fn unreturned(net: &Net) -> alert::Draft {
    let mut drafts = net.drafts(&["XB-POL"], 99).into_iter();
    let is_travel = |draft: &alert::Draft| {
        let kind = draft.payload.as_ref().and_then(|it| it.kind.as_ref());
        matches!(kind, Some(Kind::TravelNotice(_)))
    };
    let mut draft = drafts.find(is_travel).expect("among so many");
    draft.id.clear();
    if let Some(Kind::TravelNotice(travel)) = draft.payload.as_mut().and_then(|it| it.kind.as_mut())
    {
        travel.expected_return_on = "2026-01-02".to_owned();
        travel.report_by.clear();
    }
    draft
}

/// Verifies that a call which was refused, and whose node is killed before it tries again, is tried by the next process
/// under the same id and in the same words, and that what has arrived is called for no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_waits_for_its_retry_survives_a_kill_and_one_that_arrived_is_over() {
    let mut net = Net::founded(&["XA-POL", "XB-POL"]);
    let (url, mut hooks) = receiver().await;
    secret(&net, "XA-POL");
    net.reconfigure("XA-POL", |text| text + &webhook(&url));
    let (config, log) = (
        net.home("XA-POL").join("node.toml"),
        net.home("XA-POL").join("log"),
    );
    let node = Served::start(&config, &log).expect("it serves");
    let mut desk = net.desk_at("XA-POL", Role::Officer, node.at("desk")).await;
    let sent = desk.submit(submit(vec![unreturned(&net)])).await;
    sent.expect("accepted");
    let first = next(&mut hooks, "return_not_confirmed").await;
    // Refused: the next try is five seconds away. It does not live so long.
    drop(node);

    let node = Served::start(&config, &log).expect("it serves again");
    let again = next(&mut hooks, "return_not_confirmed").await;
    assert_eq!(verified(&first), verified(&again));
    assert_eq!(header(&first, "webhook-id:"), header(&again, "webhook-id:"));
    let journaled = async |node: &Served| {
        let at = node.at("desk");
        let mut auditor = net.desk_at("XA-POL", Role::Auditor, at).await;
        let listed = auditor.audit_list(pb::AuditListRequest::default()).await;
        let entries = listed.expect("listed").into_inner().entries;
        let of = |act: &str| entries.iter().filter(|entry| entry.act == act).count();
        (of("called"), of("call-waits"), of("call-arrived"))
    };
    until("that it arrived is journaled", async || {
        (journaled(&node).await == (1, 1, 1)).then_some(())
    })
    .await;
    drop(node);

    let node = Served::start(&config, &log).expect("it serves once more");
    let mut desk = net.desk_at("XA-POL", Role::Officer, node.at("desk")).await;
    desk.call_test(pb::CallTestRequest {})
        .await
        .expect("tested");
    let next = hooks.recv().await.expect("goes on");
    assert!(next.contains("allpoints.call.test"), "nothing else: {next}");
    assert_eq!(journaled(&node).await, (2, 1, 1), "the test beside it");
}

/// Verifies that ways of calling are taken over while the node runs, that what waits goes by the new address under its
/// id, and that a configuration whose ways do not open is refused and the old one kept.
#[tokio::test(flavor = "multi_thread")]
async fn ways_of_calling_follow_the_configuration_and_wrong_ones_are_refused() {
    let mut net = Net::founded(&["XA-POL", "XB-POL"]);
    secret(&net, "XA-POL");
    // Nobody listens there.
    let dead = webhook("http://127.0.0.1:9/calls");
    net.reconfigure("XA-POL", |text| text + &dead);
    let (config, log) = (
        net.home("XA-POL").join("node.toml"),
        net.home("XA-POL").join("log"),
    );
    let node = Served::start(&config, &log).expect("it serves");
    let mut desk = net.desk_at("XA-POL", Role::Officer, node.at("desk")).await;
    let sent = desk.submit(submit(vec![unreturned(&net)])).await;
    sent.expect("accepted");
    let status = async |desk: &Desk| {
        let status = desk.clone().status(pb::StatusRequest {}).await;
        status.expect("told").into_inner()
    };
    until("the call is refused", async || {
        let way = status(&desk).await.calls.into_iter().next()?;
        (way.waiting == 1 && way.reason == "CALL_UNREACHABLE").then_some(())
    })
    .await;

    let text = fs::read_to_string(&config).expect("read");
    fs::write(&config, text.replace("duty.secret", "absent.secret")).expect("written");
    node.hang_up();
    until("it is refused", async || {
        let alarms = status(&desk).await.alarms;
        alarms
            .iter()
            .any(|it| it.contains("absent.secret"))
            .then_some(())
    })
    .await;
    assert_eq!(
        status(&desk).await.calls[0].waiting,
        1,
        "the old one is kept"
    );

    let (url, mut hooks) = receiver().await;
    let (port, mut mails) = mail_server().await;
    let moved = text.replace(&dead, &(webhook(&url) + &mail(port)));
    fs::write(&config, moved).expect("written");
    node.hang_up();
    let first = next(&mut hooks, "return_not_confirmed").await;
    let again = next(&mut hooks, "return_not_confirmed").await;
    assert_eq!(verified(&first), verified(&again));
    desk.call_test(pb::CallTestRequest {})
        .await
        .expect("tested");
    next(&mut mails, "a test call").await;

    fs::write(&config, text.replace(&dead, "")).expect("written");
    node.hang_up();
    until("no way is left", async || {
        status(&desk).await.calls.is_empty().then_some(())
    })
    .await;
}
