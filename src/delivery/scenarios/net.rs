//! Three authorities, their brokers and clocks, and what tests ask of them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;

use super::roads::Roads;
use crate::{
    delivery::{Accepted, Broker, BrokerParts, Ground, Random, Submission, SubmitError},
    domain::{
        alert::value::Day,
        id::{AuthorityId, StatementRef},
        lives::DeliveryLife,
        reason::Reason,
        routing::{Priority, Status, TransferGround},
        time::{Clock, Timestamp},
        transfer::Policy,
    },
    proto::alert::v1 as pb,
    store::{
        Store,
        entry::{Act, Actor, EntryHeader},
        record::MessageRecord,
        testing::TestDisk,
    },
    trust::{
        batch::{BatchSigner, Purpose, Verifier},
        directory::{Directory, DirectoryHandle},
        keys::{KeyUse, SigningKey},
        testing::{Draft, NOW, TestFederation},
    },
    wire::{
        alert::{ParsedDraft, parse_draft},
        generate::{Recipe, drafts},
    },
};

pub(crate) fn id(name: &str) -> AuthorityId {
    format!("{name}-POL").parse().unwrap()
}

pub(crate) fn officer() -> Actor {
    Actor::new("officer-3fa9c1d2").unwrap()
}

/// A clock that runs, and may be put forward.
#[derive(Debug)]
pub(crate) struct TestClock {
    began: tokio::time::Instant,
    ahead: Mutex<Duration>,
    /// The wall clock alone, in seconds: it was set wrong.
    wrong_by: Mutex<i64>,
}

impl TestClock {
    /// The wall clock is set so many seconds forward, or back, and time does not pass.
    pub(super) fn jump(&self, seconds: i64) {
        *self.wrong_by.lock().unwrap() = seconds;
    }

    pub(crate) fn pass(&self, time: Duration) {
        *self.ahead.lock().unwrap() += time;
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let wrong_by = *self.wrong_by.lock().unwrap_or_else(PoisonError::into_inner);
        let wrong = Duration::from_secs(wrong_by.unsigned_abs());
        let right = NOW.plus(self.monotonic());
        if wrong_by < 0 {
            right.minus(wrong)
        } else {
            right.plus(wrong)
        }
    }
    fn monotonic(&self) -> Duration {
        let ahead = *self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        self.began.elapsed() + ahead
    }
}

/// Different bytes each time, from a seed.
struct Counting(AtomicU64);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(8) {
            let count = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
            let mixed = (count ^ (count >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let mixed = (mixed ^ (mixed >> 27)).to_le_bytes();
            part.copy_from_slice(&mixed[..part.len()]);
        }
    }
}

pub(crate) struct Node {
    pub(crate) broker: Broker,
    pub(crate) store: Store,
    pub(super) directory: DirectoryHandle,
    pub(crate) clock: Arc<TestClock>,
    disk: TestDisk,
}

/// A federation of `XA`, `XB` and `XC`.
pub(crate) struct Net {
    pub(super) federation: TestFederation,
    pub(super) roads: Roads,
    nodes: BTreeMap<AuthorityId, Node>,
    drafted: AtomicU64,
    workers: usize,
}

impl Net {
    pub(crate) fn new() -> Self {
        Self::with_workers(2)
    }

    pub(super) fn with_workers(workers: usize) -> Self {
        Self::of(&["XA", "XB", "XC"], workers)
    }

    /// With `XD` beside them.
    pub(super) fn of_four() -> Self {
        Self::of(&["XA", "XB", "XC", "XD"], 2)
    }

    fn of(names: &[&str], workers: usize) -> Self {
        let members: Vec<String> = names.iter().map(|name| id(name).to_string()).collect();
        let members: Vec<&str> = members.iter().map(String::as_str).collect();
        let mut net = Self {
            federation: TestFederation::of(&members),
            roads: Roads::default(),
            nodes: BTreeMap::new(),
            drafted: AtomicU64::new(1),
            workers,
        };
        let directory = net.federation.directory();
        for name in names {
            let clock = Arc::new(TestClock {
                began: tokio::time::Instant::now(),
                ahead: Mutex::default(),
                wrong_by: Mutex::default(),
            });
            net.start(name, TestDisk::new(), clock, Arc::clone(&directory));
        }
        net
    }

    fn start(
        &mut self,
        name: &str,
        disk: TestDisk,
        clock: Arc<TestClock>,
        directory: Arc<Directory>,
    ) {
        let own = id(name);
        let store = disk.open(own, Arc::clone(&clock) as _);
        let member = self.federation.member(own.as_str());
        let signer =
            |purpose, key| BatchSigner::new(&self.federation.name, own, purpose, copy(key));
        let handle: DirectoryHandle = Arc::new(ArcSwap::from(Arc::clone(&directory)));
        let seed = self.drafted.fetch_add(1, Ordering::Relaxed) << 32;
        let broker = Broker::start(BrokerParts {
            authority: own,
            store: store.clone(),
            directory: Arc::clone(&handle),
            statement_signer: signer(Purpose::Statement, &member.statement),
            receipt_signer: signer(Purpose::Receipt, &member.receipt),
            verifier: Verifier::new(directory),
            clock: Arc::clone(&clock) as _,
            random: Arc::new(Counting(AtomicU64::new(seed))),
            links: self.roads.of(own),
            workers: self.workers,
        });
        self.roads.serve(own, broker.clone());
        let node = Node {
            broker,
            store,
            directory: handle,
            clock,
            disk,
        };
        self.nodes.insert(own, node);
    }

    /// Stops a node in order and starts it on the same disk.
    pub(super) async fn restart(&mut self, name: &str) {
        self.restart_after(name, |_| ()).await;
    }

    /// The same; meanwhile its files are in other hands.
    pub(super) async fn restart_after(&mut self, name: &str, meanwhile: impl FnOnce(&TestDisk)) {
        let mut node = self.nodes.remove(&id(name)).unwrap();
        node.broker.stop().await;
        node.store.close().await.unwrap();
        node.disk.kill();
        meanwhile(&node.disk);
        let directory = node.directory.load_full();
        self.start(name, node.disk, node.clock, directory);
        // Streams to the process that is gone end; whoever was cut off stays so.
        self.roads.end_streams(id(name));
    }

    /// A bit of a body rots while the node runs.
    pub(super) fn rot(&self, name: &str, act: Act, statement: StatementRef) {
        let node = self.node(name);
        node.disk.rot(act, statement, Arc::clone(&node.clock) as _);
    }

    pub(crate) fn node(&self, name: &str) -> &Node {
        &self.nodes[&id(name)]
    }

    /// Version `version` of the directory, changed before it is signed.
    pub(super) fn directory(
        &self,
        version: u64,
        change: impl FnOnce(&mut Draft),
    ) -> Arc<Directory> {
        self.federation.directory_with(version, change)
    }

    pub(super) async fn adopt(&self, name: &str, directory: &Arc<Directory>) {
        let node = self.node(name);
        node.directory.store(Arc::clone(directory));
        node.broker.adopt_directory().await.unwrap();
    }

    /// A draft of an alert of this priority, another each time.
    pub(crate) fn draft(&self, priority: Priority, to: &[&str]) -> Submission {
        let draft = drafts(Recipe {
            seed: self.drafted.fetch_add(1, Ordering::Relaxed),
            to: to.iter().map(|name| id(name).to_string()).collect(),
            status: Status::Actual,
            priority: Some(priority),
            now: NOW,
            payload_bytes: None,
        });
        let draft = { draft }.next().unwrap();
        submission(parse_draft(&draft, NOW).unwrap(), None)
    }

    /// A draft of a travel notice, valid until a day.
    pub(super) fn draft_until(&self, until: Day, to: &[&str]) -> Submission {
        let draft = drafts(Recipe {
            seed: self.drafted.fetch_add(1, Ordering::Relaxed),
            to: to.iter().map(|name| id(name).to_string()).collect(),
            status: Status::Actual,
            priority: Some(Priority::Urgent),
            now: NOW,
            payload_bytes: None,
        });
        // The second of each four is one.
        let mut draft = { draft }.nth(1).unwrap();
        let payload = draft.payload.as_mut().unwrap();
        let basis = payload.basis.as_mut().unwrap();
        basis.valid_until = until.to_string();
        basis.review_on.clear();
        submission(parse_draft(&draft, NOW).unwrap(), None)
    }

    /// A draft about `target`, to all who hold it or as its kind demands.
    pub(crate) fn about(&self, target: StatementRef, kind: pb::payload::Kind) -> Submission {
        self.saying(
            target,
            pb::Payload {
                kind: Some(kind),
                ..<_>::default()
            },
        )
    }

    /// The same with shared content.
    pub(super) fn saying(&self, target: StatementRef, payload: pb::Payload) -> Submission {
        let draft = drafts(Recipe {
            seed: self.drafted.fetch_add(1, Ordering::Relaxed),
            to: Vec::new(),
            status: Status::Actual,
            priority: Some(Priority::Routine),
            now: NOW,
            payload_bytes: None,
        });
        let draft = pb::Draft {
            payload: Some(payload),
            in_reply_to: target.to_string(),
            ..{ draft }.next().unwrap()
        };
        let mut parsed = parse_draft(&draft, NOW).unwrap();
        parsed.aim_at(target).unwrap();
        submission(parsed, Some(target))
    }

    pub(crate) async fn submit(
        &self,
        at: &str,
        draft: Submission,
    ) -> Result<Accepted, SubmitError> {
        let mut accepted = self.node(at).broker.submit(officer(), vec![draft]).await?;
        Ok(accepted.pop().unwrap())
    }

    /// The same, of a draft that gives its thread to newcomers.
    pub(super) async fn extend(
        &self,
        at: &str,
        thread: StatementRef,
        to: &[&str],
    ) -> Result<Accepted, SubmitError> {
        let draft = self.extension(thread, to);
        self.submit(at, draft).await
    }

    /// A draft that gives a thread to newcomers.
    pub(super) fn extension(&self, thread: StatementRef, to: &[&str]) -> Submission {
        let extend = pb::payload::Kind::Extend(pb::Extend::default());
        let mut draft = self.about(thread, extend);
        draft.to = to.iter().map(|name| id(name).to_string()).collect();
        draft
    }

    /// A draft by which a holder passes a thread on to newcomers.
    pub(super) fn passing(&self, thread: StatementRef, to: &[&str]) -> Submission {
        let extend = pb::payload::Kind::Extend(pb::Extend {
            passing_on: Some(pb::PassingOn::default()),
            ..<_>::default()
        });
        let mut draft = self.about(thread, extend);
        draft.to = to.iter().map(|name| id(name).to_string()).collect();
        draft
    }

    /// A routine alert.
    pub(super) async fn send(&self, from: &str, to: &[&str]) -> StatementRef {
        let draft = self.draft(Priority::Routine, to);
        self.submit(from, draft).await.unwrap().statement
    }

    /// A greeting arrives, with the time that it is here.
    pub(super) fn hears(&self, at: &str, peer: AuthorityId) {
        let node = self.node(at);
        node.broker.heard_from(peer, node.clock.now());
    }

    pub(crate) async fn record(&self, at: &str, statement: StatementRef) -> Option<MessageRecord> {
        let read = self
            .node(at)
            .store
            .read(|ledger| ledger.message(&statement));
        read.await.unwrap()
    }

    pub(super) async fn life(&self, at: &str, statement: StatementRef, to: &str) -> DeliveryLife {
        let record = self.record(at, statement).await.unwrap();
        record.delivery(&id(to)).unwrap().life
    }

    /// Waits until the delivery's life is as wanted.
    pub(super) async fn until_life(
        &self,
        at: &str,
        statement: StatementRef,
        to: &str,
        wanted: DeliveryLife,
    ) {
        until(&format!("{wanted:?}"), async || {
            self.life(at, statement, to).await == wanted
        })
        .await;
    }

    pub(crate) async fn until_delivered(&self, at: &str, statement: StatementRef, to: &str) {
        self.until_life(at, statement, to, DeliveryLife::Delivered)
            .await;
    }

    /// Time passes everywhere.
    pub(crate) fn pass(&self, time: Duration) {
        self.nodes.values().for_each(|node| node.clock.pass(time));
    }

    /// A new statement key, in force from this node's next start; gives the old one's public half.
    pub(super) fn rotate(&mut self, name: &str) -> [u8; 32] {
        let own = id(name);
        let mut members = self.federation.members.iter_mut();
        let member = members.find(|member| member.id == own).unwrap();
        let new = SigningKey::generate(KeyUse::Statement);
        std::mem::replace(&mut member.statement, new).public()
    }

    /// The same; gives the new key as well, for a broker that goes on running.
    pub(super) fn rotate_running(&mut self, name: &str) -> ([u8; 32], SigningKey) {
        let old = self.rotate(name);
        let own = id(name);
        let mut members = self.federation.members.iter_mut();
        let member = members.find(|member| member.id == own).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("statement.key");
        member.statement.save(&file).unwrap();
        let key = SigningKey::load(&file, KeyUse::Statement).unwrap();
        (old, key)
    }

    /// Every durable entry so far.
    pub(super) fn journal(&self, at: &str) -> Vec<EntryHeader> {
        let headers = self.node(at).store.headers(0);
        headers
            .map(|header| EntryHeader::decode(&header.unwrap().1).unwrap())
            .collect()
    }

    /// How many entries are of this act and reason.
    pub(super) fn entries(&self, at: &str, act: Act, reason: Option<Reason>) -> usize {
        let journal = self.journal(at);
        let fits = |entry: &&EntryHeader| entry.act == act && entry.reason == reason;
        journal.iter().filter(fits).count()
    }

    /// Waits until every link is.
    pub(crate) async fn well(&self) {
        until("all well", async || {
            let mut links = self.nodes.values().flat_map(|node| node.broker.links());
            links.all(|link| link.healthy)
        })
        .await;
    }

    /// Why a link of `at` is not well, if it is not.
    pub(super) fn fault(&self, at: &str, peer: &str) -> Option<Reason> {
        let links = self.node(at).broker.links();
        links
            .iter()
            .find(|link| link.authority == id(peer))
            .unwrap()
            .reason
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        // Workers are threads: they end with their queue.
        let nodes = self.nodes.values();
        nodes.for_each(|node| node.broker.core.queue.close());
    }
}

fn submission(draft: ParsedDraft, in_reply_to: Option<StatementRef>) -> Submission {
    let named = draft.ground.map(|it| (it, draft.ground_reason.clone()));
    let policy = Policy {
        default_ground: Some(TransferGround::Safeguards),
        destinations: Vec::new(),
    };
    let ground = Ground {
        named,
        policy: policy.into(),
        ..Ground::default()
    };
    Submission::of(draft, in_reply_to, ground)
}

pub(super) fn recall() -> pb::payload::Kind {
    pb::payload::Kind::Recall(pb::Recall {
        reason: pb::RecallReason::WrongPerson.into(),
        ..<_>::default()
    })
}

pub(super) fn update(words: &str) -> pb::payload::Kind {
    pb::payload::Kind::Update(pb::Update {
        text: Some(pb::Text {
            text: words.to_owned(),
            language: "en".to_owned(),
        }),
        ..<_>::default()
    })
}

/// A key in other hands: keys are not cloned, so by way of a file.
pub(super) fn copy(key: &SigningKey) -> SigningKey {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    key.save(&file).unwrap();
    SigningKey::load(&file, key.key_use()).unwrap()
}

/// Asks until it is so, for at most 30 seconds.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..6000 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("waited in vain: {what}");
}
