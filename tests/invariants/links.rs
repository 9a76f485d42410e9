//! I7: a link is healthy by what came through it within the last minute, and by nothing else. The clock and the
//! partner are the test's own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use allpoints::{
    delivery::{
        Broker, BrokerParts, Connector, Greeting, Incoming, Link, LinkError, LinkState, Outgoing,
        Random,
    },
    domain::{
        id::AuthorityId,
        reason::Reason,
        routing::Lane,
        time::{Clock, Timestamp},
    },
    store::{
        Store, StoreConfig, disk::simulated::SimulatedDisk, keyring::KeyEncryptionKey,
        view::memory::MemoryView,
    },
    trust::{
        batch::{BatchSigner, Purpose, Verifier},
        keys::{KeyUse, SigningKey},
    },
};
use tokio::sync::mpsc;

use super::{fleet::Fleet, peer::Peer};

/// Goes on when it is told to.
#[derive(Debug)]
struct HandClock {
    began: Timestamp,
    seconds: AtomicU64,
}
impl HandClock {
    fn advance(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }
}
impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        self.began.plus(self.monotonic())
    }
    fn monotonic(&self) -> Duration {
        Duration::from_secs(1000 + self.seconds.load(Ordering::SeqCst))
    }
}

struct NoRandom;
impl Random for NoRandom {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

/// A partner that greets as we do and gives every heartbeat back.
struct Echo;
struct EchoLink {
    greeting: Greeting,
    say: mpsc::UnboundedSender<u64>,
    said: mpsc::UnboundedReceiver<u64>,
}
#[tonic::async_trait]
impl Connector for Echo {
    async fn connect(
        &self,
        _: AuthorityId,
        _: Lane,
        greeting: Greeting,
    ) -> Result<Box<dyn Link>, LinkError> {
        let (say, said) = mpsc::unbounded_channel();
        Ok(Box::new(EchoLink {
            greeting,
            say,
            said,
        }))
    }
}
#[tonic::async_trait]
impl Link for EchoLink {
    fn greeting(&self) -> &Greeting {
        &self.greeting
    }
    fn peer_uri(&self) -> &str {
        "allpoints://XB-POL/node/1"
    }
    fn key_exchange(&self) -> &str {
        "X25519MLKEM768"
    }
    async fn send(&mut self, outgoing: Outgoing) -> Result<(), LinkError> {
        if let Outgoing::Heartbeat(number) = outgoing {
            let _ = self.say.send(number);
        }
        Ok(())
    }
    async fn receive(&mut self) -> Result<Incoming, LinkError> {
        match self.said.recv().await {
            Some(number) => Ok(Incoming::Heartbeat(number)),
            None => std::future::pending().await,
        }
    }
}

struct Scene {
    clock: Arc<HandClock>,
    broker: Broker,
    _keys: tempfile::TempDir,
    _fleet: Fleet,
}

impl Scene {
    fn set() -> Self {
        let program = env!("CARGO_BIN_EXE_allpoints");
        let fleet = Fleet::found(program.as_ref(), &["XA-POL", "XB-POL"]).unwrap();
        let member = &fleet.members()[0];
        let clock = Arc::new(HandClock {
            began: fleet.clock().now(),
            seconds: AtomicU64::new(0),
        });
        let dynamic = || Arc::clone(&clock) as Arc<dyn Clock>;
        let directory = Peer::of(member, dynamic()).unwrap().directory;
        let keys = tempfile::tempdir().unwrap();
        KeyEncryptionKey::generate(&keys.path().join("kek")).unwrap();
        let config = StoreConfig {
            folder: "/store".into(),
            key_file: keys.path().join("kek"),
            authority: member.id,
        };
        let disk = Arc::new(SimulatedDisk::new());
        let view = Box::new(MemoryView::default());
        let opened = Store::open_in_segments_of(64 * 1024, config, disk, view, dynamic());
        let signer = |purpose, file: &std::path::Path, key_use: KeyUse| {
            let key = SigningKey::load(file, key_use).unwrap();
            BatchSigner::new(directory.load().federation(), member.id, purpose, key)
        };
        let paths = &member.config.keys;
        let broker = Broker::start(BrokerParts {
            authority: member.id,
            store: opened.unwrap().0,
            statement_signer: signer(Purpose::Statement, &paths.statement, KeyUse::Statement),
            receipt_signer: signer(Purpose::Receipt, &paths.receipt, KeyUse::Receipt),
            verifier: Verifier::new(directory.load_full()),
            directory,
            clock: dynamic(),
            random: Arc::new(NoRandom),
            links: Arc::new(Echo),
            workers: 1,
        });
        Self {
            clock,
            broker,
            _keys: keys,
            _fleet: fleet,
        }
    }

    fn link(&self) -> LinkState {
        self.broker.links().remove(0)
    }

    async fn prove(&self) {
        for _ in 0..200 {
            self.broker.check_links().await;
            if self.link().healthy {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("never healthy: {:?}", self.link());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i07_a_link_is_healthy_for_a_minute_after_a_heartbeat() {
    let scene = Scene::set();
    scene.prove().await;
    scene.clock.advance(60);
    let link = scene.link();
    assert!(link.healthy, "{link:?}");
    assert_eq!(link.reason, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn i07_a_link_that_is_quiet_for_longer_is_not_healthy_and_says_so() {
    let scene = Scene::set();
    scene.prove().await;
    scene.clock.advance(61);
    let link = scene.link();
    assert!(!link.healthy, "{link:?}");
    assert_eq!(link.reason, Some(Reason::Quiet));
    scene.prove().await;
}
