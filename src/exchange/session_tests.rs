//! A peer talks to a session; the node behind it is scripted.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use bytes::Bytes;
use tokio_stream::wrappers::ReceiverStream;

use super::*;
use crate::{
    domain::{limits::FRAME_MAX_STATEMENTS, receipt::LeafHash, time::Timestamp},
    proto::envelope::v1 as envelope,
};

/// A node that holds everything, after `delay`, and counts what it works on at once.
#[derive(Default)]
struct Scripted {
    suspended: std::sync::atomic::AtomicBool,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
    worked_on: AtomicUsize,
    delay: Duration,
    refuses: Option<Reason>,
    told: std::sync::Mutex<Vec<Reason>>,
}

#[tonic::async_trait]
impl Host for Scripted {
    fn admit(&self, _peer: &AuthorityId) -> Result<(), Reason> {
        if self.suspended.load(Ordering::SeqCst) {
            Err(Reason::PeerSuspended)
        } else {
            Ok(())
        }
    }
    fn greeting(&self, lane: Lane) -> Greeting {
        greeting("one", 1, lane)
    }
    fn greeted(&self, _peer: &AuthorityId, _theirs: &Greeting) {}
    fn heartbeat(&self, _peer: &AuthorityId, theirs: &pb::Heartbeat) -> pb::Heartbeat {
        pb::Heartbeat {
            number: theirs.number,
            directory_version: 1,
            directory_hash: vec![0; 32],
        }
    }
    async fn refused(&self, _peer: AuthorityId, reason: Reason) {
        self.told.lock().expect("whole").push(reason);
    }
    async fn receive(
        &self,
        _peer: AuthorityId,
        _lane: Lane,
        batches: Vec<Unverified>,
    ) -> Result<FrameOutcome, Reason> {
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        self.worked_on.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(self.delay).await;
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        if let Some(reason) = self.refuses {
            return Err(reason);
        }
        let held = |_: &_| StatementOutcome {
            leaf: LeafHash([1; 32]),
            refused: None,
        };
        Ok(FrameOutcome {
            results: batches.iter().flat_map(|b| &b.items).map(held).collect(),
            receipts: vec![],
        })
    }
}

fn greeting(federation: &str, version: u32, lane: Lane) -> Greeting {
    Greeting {
        versions: vec![version],
        federation: federation.to_owned(),
        directory_version: 1,
        directory_hash: [0; 32],
        clock: Timestamp::default(),
        lane,
        limits: convert::own_limits(),
    }
}

fn heartbeat(number: u64) -> Request {
    Request::Heartbeat(pb::Heartbeat {
        number,
        ..<_>::default()
    })
}

/// The peer's end of a stream.
struct Peer {
    requests: mpsc::Sender<Result<DeliverRequest, Status>>,
    responses: mpsc::Receiver<Result<DeliverResponse, Status>>,
}

impl Peer {
    fn of(host: Arc<Scripted>) -> Self {
        let (requests, incoming) = mpsc::channel(64);
        let (outgoing, responses) = mpsc::channel(64);
        let deadlines = Deadlines {
            greeting: Duration::from_millis(300),
            admission: Duration::from_millis(50),
        };
        let peer = "XB-POL".parse().expect("legal id");
        tokio::spawn(
            Session::new(peer, host, outgoing, deadlines).run(ReceiverStream::new(incoming)),
        );
        Self {
            requests,
            responses,
        }
    }

    async fn greeted(host: Arc<Scripted>) -> Self {
        let mut peer = Self::of(host);
        peer.says_greeting("one", 1).await;
        assert!(matches!(peer.hears().await, Ok(Response::Greeting(_))));
        peer
    }

    async fn says(&self, message: Request) {
        let request = DeliverRequest {
            message: Some(message),
        };
        self.requests
            .send(Ok(request))
            .await
            .expect("session listens");
    }

    async fn says_greeting(&self, federation: &str, version: u32) {
        let greeting = greeting(federation, version, Lane::Bulk);
        self.says(Request::Greeting(convert::greeting_into(&greeting)))
            .await;
    }

    async fn says_frame(&self, number: u64, statements: usize) {
        let item = envelope::SignedItem {
            document: Bytes::from_static(b"s"),
            index: 0,
            path: vec![],
        };
        let batch = envelope::SignedBatch {
            header: Bytes::new(),
            signature: Bytes::new(),
            items: vec![item; statements],
        };
        self.says(Request::Frame(pb::Frame {
            number,
            batches: vec![batch],
        }))
        .await;
    }

    async fn hears(&mut self) -> Result<Response, Reason> {
        let response = self.responses.recv().await.expect("an answer");
        response
            .map(|response| response.message.expect("a message"))
            .map_err(|status| crate::wire::status::reason_of(&status).expect("a reason"))
    }
}

#[tokio::test]
async fn frames_are_worked_on_side_by_side_and_each_gets_its_result() {
    let host = Arc::new(Scripted {
        delay: Duration::from_millis(100),
        ..Scripted::default()
    });
    let mut peer = Peer::greeted(Arc::clone(&host)).await;
    for number in 1..=10 {
        peer.says_frame(number, 3).await;
    }
    let mut numbers = Vec::new();
    for _ in 0..10 {
        let Ok(Response::Result(result)) = peer.hears().await else {
            panic!("expected a result")
        };
        assert_eq!(result.results.len(), 3);
        numbers.push(result.number);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=10).collect::<Vec<_>>());
    assert_eq!(host.most_at_once.load(Ordering::SeqCst), 10);
}

/// Verifies that a peer whose results nobody takes is not worked for beyond its window: what waits for it is bounded.
#[tokio::test]
async fn row_41_and_59_a_peer_that_does_not_read_its_results_is_not_read_from() {
    let host = Arc::<Scripted>::default();
    let mut peer = Peer::greeted(Arc::clone(&host)).await;
    let window = WINDOW_MAX_STATEMENTS / FRAME_MAX_STATEMENTS;
    let queue = peer.responses.max_capacity();
    let flood = async {
        for number in 1.. {
            peer.says_frame(number, FRAME_MAX_STATEMENTS).await;
        }
    };
    timeout(Duration::from_millis(500), flood)
        .await
        .expect_err("it is held up");
    let worked_on = || host.worked_on.load(Ordering::SeqCst);
    let most = worked_on();
    assert!((window..=window + queue).contains(&most), "{most} frames");
    // As soon as it reads, it goes on.
    for _ in 0..10 {
        assert!(peer.hears().await.is_ok());
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(worked_on() > most);
}

#[tokio::test]
async fn heartbeats_come_back_while_frames_are_under_way() {
    let host = Arc::new(Scripted {
        delay: Duration::from_secs(3600),
        ..Scripted::default()
    });
    let mut peer = Peer::greeted(host).await;
    peer.says_frame(1, 1).await;
    peer.says(heartbeat(7)).await;
    assert!(matches!(
        peer.hears().await,
        Ok(Response::Heartbeat(pb::Heartbeat {
            number: 7,
            directory_version: 1,
            ..
        }))
    ));
}

#[tokio::test]
async fn a_peer_that_does_not_greet_as_agreed_is_refused_by_name() {
    for (federation, version, reason) in [
        ("two", 1, Reason::WrongFederation),
        ("one", 2, Reason::UnsupportedVersion),
    ] {
        let host = Arc::<Scripted>::default();
        let mut peer = Peer::of(Arc::clone(&host));
        peer.says_greeting(federation, version).await;
        assert_eq!(peer.hears().await.expect_err("refused"), reason);
        assert_eq!(*host.told.lock().expect("whole"), [reason]);
    }
    let mut hasty = Peer::of(Arc::default());
    hasty.says_frame(1, 1).await;
    assert_eq!(
        hasty.hears().await.expect_err("refused"),
        Reason::FrameBroken
    );

    let mut silent = Peer::of(Arc::default());
    assert_eq!(
        silent.hears().await.expect_err("refused"),
        Reason::GreetingTimeout
    );
}

#[tokio::test]
async fn a_connection_that_breaks_off_is_not_held_against_the_peer() {
    let host = Arc::<Scripted>::default();
    let mut peer = Peer::greeted(Arc::clone(&host)).await;
    let broken_off = Err(Status::unknown("connection reset"));
    peer.requests
        .send(broken_off)
        .await
        .expect("session listens");
    assert_eq!(peer.hears().await.expect_err("ended"), Reason::StreamEnded);
    assert!(host.told.lock().expect("whole").is_empty());
}

#[tokio::test]
async fn a_broken_message_ends_the_stream() {
    for (case, number, statements) in [("too many", 1, 257), ("none", 1, 0), ("number 0", 0, 1)] {
        let mut peer = Peer::greeted(Arc::default()).await;
        peer.says_frame(number, statements).await;
        assert_eq!(
            peer.hears().await.expect_err(case),
            Reason::FrameBroken,
            "{case}"
        );
    }
    let mut peer = Peer::greeted(Arc::default()).await;
    peer.requests
        .send(Err(Status::out_of_range("too large")))
        .await
        .expect("session listens");
    assert_eq!(
        peer.hears().await.expect_err("refused"),
        Reason::FrameBroken
    );
}

#[tokio::test]
async fn a_refused_stream_is_told_to_the_node_and_a_lost_one_is_not() {
    let lost = Status::from_error(Box::new(std::io::Error::other("reset")));
    let broken = Status::internal("failed to decode");
    for (error, reason, told) in [
        (broken, Reason::FrameBroken, vec![Reason::FrameBroken]),
        (lost, Reason::StreamEnded, vec![]),
    ] {
        let host = Arc::new(Scripted::default());
        let mut peer = Peer::greeted(Arc::clone(&host)).await;
        peer.requests.send(Err(error)).await.expect("it listens");
        assert_eq!(peer.hears().await.expect_err("ended"), reason);
        assert_eq!(*host.told.lock().expect("no panic before"), told);
    }
}

#[tokio::test]
async fn a_refused_frame_is_told_statement_by_statement_and_the_stream_goes_on() {
    let host = Arc::new(Scripted {
        refuses: Some(Reason::Overloaded),
        ..Scripted::default()
    });
    let mut peer = Peer::greeted(host).await;
    peer.says_frame(1, 2).await;
    let Ok(Response::Result(result)) = peer.hears().await else {
        panic!("expected a result")
    };
    let reasons = result
        .results
        .iter()
        .map(|r| r.reason.as_str())
        .collect::<Vec<_>>();
    assert_eq!(reasons, ["OVERLOADED", "OVERLOADED"]);
    peer.says(heartbeat(1)).await;
    assert!(peer.hears().await.is_ok());
}

#[tokio::test]
async fn an_open_stream_ends_when_its_peer_is_suspended() {
    let host = Arc::new(Scripted::default());
    let mut peer = Peer::greeted(Arc::clone(&host)).await;
    host.suspended.store(true, Ordering::SeqCst);
    assert_eq!(
        peer.hears().await.expect_err("refused"),
        Reason::PeerSuspended
    );
}
