//! What the listeners do end to end: streams of drafts, events as they happen, figures over HTTP, and what is not
//! there to be called.
#![allow(missing_docs, reason = "a test has no reader but its names")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

mod common;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use allpoints::{
    domain::{id::AuthorityId, time::Clock as _},
    node::{config, system::SystemClock},
    proto::desk::v1 as pb,
    trust::{
        directory::Directory,
        federation::{self, Change, Terms},
        keys::{KeyUse, SigningKey},
        tls::{self, Role, TlsIdentity},
    },
};
use arc_swap::ArcSwap;
use common::{Net, http, newest, until};
use tonic::{Code, Request, Status, client::Grpc, codegen::http::uri::PathAndQuery};

/// Verifies that each draft of a stream is answered on its own, and that `settled` comes when receipts are here.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_drafts_is_accepted_refused_and_settled_each_on_its_own() {
    let net = Net::of(&["XA-POL", "XB-POL"]).await;
    let mut officer = net.desk("XA-POL", Role::Officer).await;
    let mut drafts = net.drafts(&["XB-POL"], 5);
    drafts[2].carried_hours = 9999;
    let request = pb::SubmitStreamRequest {
        drafts,
        report_settled: true,
    };
    let responses = officer.submit_stream(tokio_stream::iter([request])).await;
    let mut responses = responses.expect("a stream").into_inner();
    let (mut accepted, mut settled) = (BTreeSet::new(), BTreeSet::new());
    let mut refused = Vec::new();
    // The stream ends by itself when all of it is settled.
    while let Some(response) = responses.message().await.expect("goes on") {
        accepted.extend(response.accepted.chunks(16).map(<[u8]>::to_vec));
        settled.extend(response.settled.chunks(16).map(<[u8]>::to_vec));
        assert!(settled.is_subset(&accepted), "accepted is said first");
        refused.extend(response.refused);
    }
    assert_eq!((accepted.len(), refused.len()), (4, 1));
    assert_eq!(settled, accepted);
    assert_eq!(refused[0].position, 2);
    assert_eq!(refused[0].faults[0].path, "carriedHours");
    let item = newest(&mut officer, pb::Box::Out)
        .await
        .expect("in the outbox");
    assert_eq!(item.deliveries[0].state(), pb::DeliveryState::Delivered);
}

/// Verifies that both sides hear of a statement's course as it happens, and only of the kinds asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_watch_tells_the_course_of_a_statement_and_no_other_kinds() {
    let net = Net::of(&["XA-POL", "XB-POL"]).await;
    let mut sender = net.desk("XA-POL", Role::Officer).await;
    let mut receiver = net.desk("XB-POL", Role::Officer).await;
    let watch = |kinds: &[i32]| pb::WatchRequest {
        kinds: kinds.to_vec(),
    };
    let there = receiver.watch(watch(&[1])).await.expect("a watch");
    let here = sender.watch(watch(&[])).await.expect("a watch");
    let other = sender
        .watch(watch(&[15]))
        .await
        .expect("a watch of recalls");
    let (mut there, mut here) = (there.into_inner(), here.into_inner());

    let request = pb::SubmitRequest {
        drafts: vec![net.draft(&["XB-POL"])],
        dry_run: false,
        ..<_>::default()
    };
    let sent = sender.submit(request).await.expect("accepted").into_inner();
    let id = sent.submitted[0].statement.clone();

    let received = told(&mut there, "received").await;
    assert_eq!(received.peer, "XA-POL");
    assert_eq!(received.summary.expect("a line").statement, id);
    let delivered = told(&mut here, "delivered").await;
    assert_eq!(delivered.peer, "XB-POL");
    assert_eq!(delivered.summary.expect("a line").statement, id);

    let show = pb::ShowRequest {
        id: sent.submitted[0].reference.clone(),
        peek: false,
        ..<_>::default()
    };
    receiver.show(show).await.expect("shown");
    told(&mut there, "opened").await;
    let opened = told(&mut here, "answer").await;
    assert_eq!(opened.peer, "XB-POL");

    let mut other = other.into_inner();
    let silent = tokio::time::timeout(Duration::from_millis(300), other.message()).await;
    silent.expect_err("nobody recalled anything");
    receiver
        .watch(watch(&[99]))
        .await
        .expect_err("no such kind");
}

async fn told(events: &mut tonic::Streaming<pb::WatchResponse>, word: &str) -> pb::WatchResponse {
    let waiting = async {
        loop {
            let event = events.message().await.expect("goes on").expect("an event");
            if event.event == word {
                return event;
            }
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    waited.unwrap_or_else(|_| panic!("`{word}` was never told"))
}

/// Verifies health, readiness and figures over HTTP, by name, and that what is not there is not found.
#[tokio::test(flavor = "multi_thread")]
async fn figures_and_health_are_there_over_http() {
    let mut net = Net::of(&["XA-POL", "XB-POL"]).await;
    let ops = net.addresses("XA-POL").ops;
    assert!(http(ops, "/healthz").await.starts_with("HTTP/1.1 200"));
    assert!(http(ops, "/readyz").await.starts_with("HTTP/1.1 200"));
    assert!(http(ops, "/other").await.starts_with("HTTP/1.1 404"));
    net.stop("XB-POL").await;
    let mut officer = net.desk("XA-POL", Role::Officer).await;
    let request = pb::SubmitRequest {
        drafts: net.drafts(&["XB-POL"], 3),
        dry_run: false,
        ..<_>::default()
    };
    officer.submit(request).await.expect("accepted");
    // A stranger at the door.
    drop(tokio::net::TcpStream::connect(net.addresses("XA-POL").exchange).await);

    let metrics = until(
        "the refused handshake and the lost partner show",
        || async {
            let text = http(ops, "/metrics").await;
            let counted = "allpoints_handshakes_refused_total{listener=\"exchange\"}";
            let lost = "allpoints_link_healthy{partner=\"XB-POL\"} 0";
            (text.contains(counted) && text.contains(lost)).then_some(text)
        },
    )
    .await;
    let (head, body) = metrics.split_once("\r\n\r\n").expect("a body");
    assert!(head.contains("application/openmetrics-text"));
    for name in [
        "allpoints_journal_group_entries_bucket{le=\"1.0\"}",
        "allpoints_journal_group_entries_bucket{le=\"+Inf\"}",
        "allpoints_batch_documents_count",
        "allpoints_expiry_timestamp_seconds{what=\"node certificate\"}",
        "allpoints_expiry_timestamp_seconds{what=\"desk CRL\"}",
        "allpoints_expiry_timestamp_seconds{what=\"exchange CRL\"}",
        "allpoints_expiry_timestamp_seconds{what=\"XB-POL exchange CRL\"}",
        "allpoints_expiry_timestamp_seconds{what=\"membership\"}",
    ] {
        assert!(body.contains(name), "{name} in {body}");
    }
    let waiting: f64 = figures(body)
        .filter(|(name, _)| name.starts_with("allpoints_queued{partner=\"XB-POL\""))
        .map(|(_, value)| value)
        .sum();
    assert_eq!(waiting.to_bits(), 3f64.to_bits(), "{body}");
    assert!(body.ends_with("# EOF\n"));
}

/// Every sample of a text in the OpenMetrics format; panics on a line that is none.
fn figures(body: &str) -> impl Iterator<Item = (&str, f64)> {
    body.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("name and value");
            assert!(name.starts_with("allpoints_"), "{line}");
            (name, value.parse().expect("a number"))
        })
}

/// Verifies what ops is told of a node in good order: every end with its time, no alarm.
#[tokio::test(flavor = "multi_thread")]
async fn a_status_names_every_end_and_a_fresh_node_has_no_alarm() {
    let net = Net::of(&["XA-POL"]).await;
    let mut ops = net.desk("XA-POL", Role::Ops).await;
    let status = ops.status(pb::StatusRequest::default()).await;
    let status = status.expect("told").into_inner();
    let ends: Vec<&str> = status.expiries.iter().map(|it| it.what.as_str()).collect();
    let expected = [
        "node certificate",
        "desk certificate",
        "desk CA",
        "desk CRL",
        "statement key",
        "receipt key",
        "exchange CA",
        "exchange CRL",
        "membership",
        "directory timestamp",
    ];
    assert_eq!(ends, expected);
    let now = SystemClock::new().now().as_micros();
    assert!(status.expiries.iter().all(|expiry| expiry.at_us > now));
    assert_eq!(status.alarms, Vec::<String>::new());
    assert_eq!(status.directory_standing, "fresh");
}

/// Verifies that a node's own certificate opens the exchange and nothing else there (row 60).
#[tokio::test(flavor = "multi_thread")]
async fn t60_unknown_and_desk_methods_are_not_there_on_the_exchange_port() {
    let net = Net::of(&["XA-POL", "XB-POL"]).await;
    let home = net.home("XB-POL");
    let config = config::check(&home.join("node.toml")).expect("legal");
    let clock = SystemClock::new();
    let identity = TlsIdentity::load(&config.exchange.certificate, &config.exchange.key, &clock);
    let directory = Directory::load(
        &config.directory.folder,
        config.directory.anchor,
        clock.now(),
    );
    let peer: AuthorityId = "XA-POL".parse().expect("legal id");
    let client = tls::exchange_client(
        config.authority,
        peer,
        &identity.expect("loaded"),
        Arc::new(ArcSwap::from_pointee(directory.expect("loaded"))),
    );
    let at = net.addresses("XA-POL").exchange.to_string();
    let (channel, _) = tls::dial(&at, client.expect("a configuration"))
        .await
        .expect("a member's node is let in");
    let call = |path: &'static str| {
        let mut grpc = Grpc::new(channel.clone());
        async move {
            grpc.ready().await.expect("ready");
            let codec = tonic_prost::ProstCodec::<pb::StatusRequest, pb::StatusResponse>::default();
            let path = PathAndQuery::from_static(path);
            let called = grpc.unary(Request::new(pb::StatusRequest {}), path, codec);
            let status: Status = called.await.expect_err("not there");
            status.code()
        }
    };
    for path in [
        "/allpoints.exchange.v1.Exchange/NoSuchMethod",
        "/allpoints.desk.v1.Desk/Status",
        "/allpoints.desk.v1.Desk/AuditExport",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "/grpc.health.v1.Health/Check",
    ] {
        assert_eq!(call(path).await, Code::Unimplemented, "{path}");
    }
    // What is there answers: no greeting, so it ends by a rule and not as unknown.
    let there = call("/allpoints.exchange.v1.Exchange/Deliver").await;
    assert_ne!(there, Code::Unimplemented);
}

/// Verifies that a newer directory is taken while the node runs: who is suspended gets nothing more, and why is said.
#[tokio::test(flavor = "multi_thread")]
async fn a_newer_directory_is_taken_while_the_node_runs() {
    let net = Net::of(&["XA-POL", "XB-POL"]).await;
    let mut officer = net.desk("XA-POL", Role::Officer).await;
    let clock = SystemClock::new();
    let config = config::check(&net.home("XA-POL").join("node.toml")).expect("legal");
    let home = net.home("federation");
    let change = Change::Suspend("XB-POL".parse().expect("legal id"));
    let proposed = federation::propose(&home, &[change], Terms::default(), &clock);
    let to_sign = proposed.expect("proposed").to_sign.expect("a membership");
    let root = SigningKey::load(&home.join("root-1.key"), KeyUse::Root).expect("a root");
    federation::sign(&to_sign, &root).expect("signed");
    let published = federation::publish(&home, &clock).expect("published");
    let folder = &config.directory.folder;
    federation::install(&published.file, folder, config.directory.anchor, &clock)
        .expect("installed");

    let desk = &officer;
    until("the newer directory is in force", || async {
        let status = desk.clone().status(pb::StatusRequest::default()).await;
        let version = status.expect("told").into_inner().directory_version;
        (version == published.version).then_some(())
    })
    .await;
    let links = officer.links(pb::LinksRequest { check: false }).await;
    assert_eq!(links.expect("told").into_inner().links, []);
    let request = pb::SubmitRequest {
        drafts: vec![net.draft(&["XB-POL"])],
        dry_run: false,
        ..<_>::default()
    };
    officer
        .submit(request)
        .await
        .expect_err("not to who is suspended");
}
