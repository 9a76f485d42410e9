//! Queue, schedule and giving up, over real webhooks on this machine.

use std::{
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    sync::atomic::{AtomicU64, Ordering},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;
use crate::{
    calling::{
        call::tests::flash,
        duty::testing::NOW,
        webhook::{Webhook, WebhookSettings},
    },
    domain::call::CallKind,
};

/// A clock that tests put forward.
#[derive(Debug, Default)]
struct Turned(AtomicU64);

impl Turned {
    fn pass(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap();
        self.0.fetch_add(micros, Ordering::Relaxed);
    }
}

impl Clock for Turned {
    fn now(&self) -> Timestamp {
        NOW.plus(self.monotonic())
    }
    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
}

struct Nothing;

impl Random for Nothing {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

/// Answers one request after the other with these heads, and gives what it heard.
async fn receiver(answers: Vec<&'static str>) -> (String, tokio::task::JoinHandle<Vec<String>>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/calls", socket.local_addr().unwrap());
    let heard = tokio::spawn(async move {
        let mut heard = Vec::new();
        for answer in answers {
            let (mut stream, _) = socket.accept().await.unwrap();
            let mut request = Vec::new();
            let mut part = [0; 4096];
            // A call is one JSON object: it ends with two braces.
            while !request.ends_with(b"}}") {
                let bytes = stream.read(&mut part).await.unwrap();
                assert!(bytes > 0, "the request was cut short");
                request.extend_from_slice(&part[..bytes]);
            }
            heard.push(String::from_utf8(request).unwrap());
            let answer = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        heard
    });
    (url, heard)
}

fn hook(folder: &tempfile::TempDir, url: String) -> Way {
    Way::new(Messenger::Webhook(webhook(folder, url)))
}

fn webhook(folder: &tempfile::TempDir, url: String) -> Webhook {
    named("duty", folder, url)
}

/// A webhook of this name; its secret stands in the folder.
pub(in crate::calling) fn named(name: &str, folder: &tempfile::TempDir, url: String) -> Webhook {
    let secret = folder.path().join("secret");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&secret)
        .unwrap();
    writeln!(file, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let settings = WebhookSettings {
        name: name.to_owned(),
        url,
        secret,
        ca: None,
    };
    Webhook::open(&settings).unwrap()
}

fn call(kind: CallKind) -> Arc<Call> {
    Arc::new(Call { kind, ..flash() })
}

#[test]
fn the_schedule_is_that_of_the_specification() {
    let minutes: Vec<_> = (1..=10).map(|tries| wait_after(tries, 0)).collect();
    let secs = |secs| Some(Duration::from_secs(secs));
    assert_eq!(
        minutes,
        [
            secs(5),
            secs(300),
            secs(1_800),
            secs(7_200),
            secs(18_000),
            secs(36_000),
            secs(50_400),
            secs(72_000),
            secs(86_400),
            None,
        ]
    );
    assert_eq!(wait_after(0, 0), None);
    assert_eq!(wait_after(2, u8::MAX), secs(330), "a tenth at most");
}

#[tokio::test]
async fn what_is_refused_is_tried_again_in_its_time_and_arrives_signed() {
    let folder = tempfile::tempdir().unwrap();
    let redirect = "302 Found\r\nlocation: http://127.0.0.1:1/";
    let (url, heard) = receiver(vec!["500 Oh", redirect, "204 Done"]).await;
    let way = hook(&folder, url);
    let clock = Turned::default();
    assert_eq!(way.push(call(CallKind::HitWaiting), Duration::ZERO), None);
    for wait in [5, 300] {
        assert_eq!(way.step(&clock, &Nothing).await, Step::Waited);
        let state = way.state();
        assert_eq!((state.waiting, state.sent), (1, 0));
        let (at, reason, detail) = state.fault.unwrap();
        assert_eq!((at, reason), (clock.now(), Reason::CallRefused));
        assert!(detail.starts_with("it answered"), "{detail}");
        clock.pass(Duration::from_secs(wait));
    }
    let arrived = Step::Arrived(call(CallKind::HitWaiting), 3);
    assert_eq!(way.step(&clock, &Nothing).await, arrived);
    let state = way.state();
    assert_eq!((state.waiting, state.sent, state.failed), (0, 1, 0));
    assert_eq!(state.fault, None);
    let heard = heard.await.unwrap();
    let header = |request: &str, name: &str| {
        let line = request.lines().find(|line| line.starts_with(name));
        line.unwrap()[name.len() + 2..].to_owned()
    };
    for (request, timestamp) in heard.iter().zip([0, 5, 305]) {
        assert!(request.starts_with("POST /calls HTTP/1.1\r\n"), "{request}");
        assert_eq!(
            header(request, "webhook-id"),
            header(&heard[0], "webhook-id")
        );
        let at = NOW.as_micros() / 1_000_000 + timestamp;
        assert_eq!(header(request, "webhook-timestamp"), at.to_string());
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("content-type: application/json"));
        let key = base64::Engine::decode(
            &base64::engine::general_purpose::STANDARD,
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        );
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &key.unwrap());
        let signed = format!("{}.{at}.{body}", header(request, "webhook-id"));
        let signature = header(request, "webhook-signature");
        let tag = base64::Engine::decode(
            &base64::engine::general_purpose::STANDARD,
            signature.strip_prefix("v1,").unwrap(),
        );
        aws_lc_rs::hmac::verify(&key, signed.as_bytes(), &tag.unwrap()).unwrap();
    }
}

#[tokio::test]
async fn a_receiver_that_never_answers_well_is_given_up_after_the_schedule() {
    let folder = tempfile::tempdir().unwrap();
    // Nobody listens there: bound, and closed again.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", free.local_addr().unwrap());
    drop(free);
    let way = hook(&folder, url);
    let clock = Turned::default();
    let lost = call(CallKind::HitWaiting);
    way.push(Arc::clone(&lost), Duration::ZERO);
    for wait in RETRIES {
        assert_eq!(way.step(&clock, &Nothing).await, Step::Waited);
        clock.pass(wait);
    }
    let given_up = way.step(&clock, &Nothing).await;
    assert_eq!(given_up, Step::GivenUp(lost, 10, Reason::CallUnreachable));
    let state = way.state();
    assert_eq!((state.waiting, state.sent, state.failed), (0, 0, 1));
}

#[tokio::test]
async fn a_receiver_that_is_gone_gets_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let (url, heard) = receiver(vec!["410 Gone"]).await;
    let way = hook(&folder, url);
    let clock = Turned::default();
    let (first, second) = (call(CallKind::HitWaiting), call(CallKind::LinkDown));
    way.push(Arc::clone(&first), Duration::ZERO);
    let gone = way.step(&clock, &Nothing).await;
    assert_eq!(gone, Step::GivenUp(first, 1, Reason::CallGone));
    way.push(Arc::clone(&second), Duration::ZERO);
    let gone = way.step(&clock, &Nothing).await;
    assert_eq!(gone, Step::GivenUp(second, 0, Reason::CallGone));
    assert_eq!(heard.await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_receiver_that_asks_for_patience_gets_it() {
    let folder = tempfile::tempdir().unwrap();
    let (url, _heard) = receiver(vec!["503 Busy\r\nretry-after: 90"]).await;
    let way = hook(&folder, url);
    let clock = Turned::default();
    way.push(call(CallKind::HitWaiting), Duration::ZERO);
    assert_eq!(way.step(&clock, &Nothing).await, Step::Waited);
    clock.pass(Duration::from_secs(89));
    assert_eq!(
        way.take(clock.monotonic()).err(),
        Some(Duration::from_secs(1))
    );
}

#[test]
fn a_newer_call_about_the_same_takes_the_place_and_beyond_the_cap_the_oldest_goes() {
    let folder = tempfile::tempdir().unwrap();
    let way = hook(&folder, "http://127.0.0.1:1/".to_owned());
    let again = Arc::new(Call {
        count: 2,
        ..flash()
    });
    assert_eq!(
        way.push(call(CallKind::FlashUnopened), Duration::ZERO),
        None
    );
    assert_eq!(way.push(Arc::clone(&again), Duration::ZERO), None);
    assert_eq!(way.state().waiting, 1);
    for number in 1..CALLS_WAITING_MAX {
        let peer = format!("XB-A{number}").parse().ok();
        let other = Arc::new(Call { peer, ..flash() });
        assert_eq!(way.push(other, Duration::ZERO), None);
    }
    let over = way.push(call(CallKind::Test), Duration::ZERO);
    assert_eq!(over, Some(again));
    let state = way.state();
    assert_eq!((state.waiting, state.failed), (CALLS_WAITING_MAX as u64, 1));
}

#[tokio::test]
async fn after_a_restart_a_call_is_tried_at_once_and_goes_on_where_it_was_in_its_schedule() {
    let hour = Duration::from_secs(3600);
    for (age, tries) in [
        (Duration::ZERO, 0),
        (Duration::from_secs(4), 0),
        (Duration::from_secs(5), 1),
        (Duration::from_secs(304), 1),
        (Duration::from_secs(305), 2),
        (75 * hour, 8),
        (76 * hour, 9),
        (1000 * hour, 9),
    ] {
        assert_eq!(tries_within(age), tries, "{age:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let (url, _heard) = receiver(vec!["500 Oh", "500 Oh"]).await;
    let (way, clock) = (hook(&folder, url), Turned::default());
    let (old, young) = (call(CallKind::LinkDown), call(CallKind::HitWaiting));
    way.restore(Arc::clone(&old), 76 * hour, Duration::ZERO);
    let given_up = Step::GivenUp(old, 10, Reason::CallRefused);
    assert_eq!(
        way.step(&clock, &Nothing).await,
        given_up,
        "once more, and no more"
    );
    way.restore(young, Duration::from_secs(6), Duration::ZERO);
    assert_eq!(way.step(&clock, &Nothing).await, Step::Waited);
    let wait = way.take(clock.monotonic()).err();
    assert_eq!(wait, Some(Duration::from_secs(300)));
}

#[tokio::test]
async fn another_address_is_tried_at_once_and_a_way_that_ends_gives_back_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    let (gone, _heard) = receiver(vec!["410 Gone"]).await;
    let (there, heard) = receiver(vec!["204 Done"]).await;
    let (way, clock) = (hook(&folder, gone), Turned::default());
    way.push(call(CallKind::LinkDown), Duration::ZERO);
    assert!(matches!(
        way.step(&clock, &Nothing).await,
        Step::GivenUp(..)
    ));
    way.push(call(CallKind::HitWaiting), Duration::ZERO);
    way.goes_by(Messenger::Webhook(webhook(&folder, there)));
    assert!(matches!(
        way.step(&clock, &Nothing).await,
        Step::Arrived(_, 1)
    ));
    assert_eq!(heard.await.unwrap().len(), 1);
    let waits = call(CallKind::HitWaiting);
    way.push(Arc::clone(&waits), Duration::ZERO);
    way.end();
    assert_eq!(way.step(&clock, &Nothing).await, Step::Ended(vec![waits]));
}
