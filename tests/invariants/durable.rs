//! I1, durable before said, and I2, the view is made from the journal: the whole store on a simulated disk.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use allpoints::{
    domain::{
        id::{AuthorityId, MessageId, StatementRef},
        receipt::LeafHash,
        routing::{
            Effect, Handling, HandlingSet, Kind, Lane, Priority, Queue, Recipient, Routing, Status,
            TransferGround,
        },
        time::{Clock, Timestamp},
    },
    proto::alert::v1 as pb,
    store::{
        Recovery, Signed, Store, StoreConfig,
        disk::simulated::{Fault, SimulatedDisk},
        entry::Actor,
        event::Event,
        keyring::KeyEncryptionKey,
        ledger::{ListBox, ListFilter},
        view::{View, ViewError, memory::MemoryView},
    },
    trust::{
        batch::{BatchSigner, Purpose},
        keys::{KeyUse, SigningKey},
        pae::{self, DocumentType},
    },
    wire::encode_statement,
};
use prost::Message as _;

const SEGMENT_BYTES: u64 = 64 * 1024;
const SEEDS: u64 = 200;
/// After this the seal follows, and nothing more is written.
const QUIET: Duration = Duration::from_millis(150);

#[derive(Debug)]
struct StillClock;
impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_795_500_000_000_000)
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// A view that outlives its store.
#[derive(Clone, Default)]
struct Kept(Arc<MemoryView>);
impl View for Kept {
    fn read(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ViewError> {
        self.0.read(key)
    }
    fn scan(
        &self,
        prefix: &[u8],
    ) -> Box<dyn Iterator<Item = Result<(Vec<u8>, Vec<u8>), ViewError>> + Send + '_> {
        self.0.scan(prefix)
    }
    fn apply(&self, rows: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), ViewError> {
        self.0.apply(rows)
    }
    fn clear(&self) -> Result<(), ViewError> {
        self.0.clear()
    }
}

struct Bench {
    keys: tempfile::TempDir,
    signer: BatchSigner,
    count: AtomicU64,
}

impl Bench {
    fn new() -> Self {
        let keys = tempfile::tempdir().unwrap();
        KeyEncryptionKey::generate(&keys.path().join("kek")).unwrap();
        let key = SigningKey::generate(KeyUse::Statement);
        Self {
            keys,
            signer: BatchSigner::new("test", own(), Purpose::Statement, key),
            count: AtomicU64::new(0),
        }
    }

    fn open(&self, disk: &SimulatedDisk, view: &Kept) -> (Store, Recovery) {
        let config = StoreConfig {
            folder: "/store".into(),
            key_file: self.keys.path().join("kek"),
            authority: own(),
        };
        let (disk, view) = (Arc::new(disk.clone()), Box::new(view.clone()));
        let clock = Arc::new(StillClock);
        Store::open_in_segments_of(SEGMENT_BYTES, config, disk, view, clock).unwrap()
    }

    /// Accepts some alerts of our own in one decision; answers when the commit resolved.
    async fn accept(&self, store: &Store, alerts: u64) -> Result<(), String> {
        let made: Vec<_> = (0..alerts)
            .map(|_| alert(self.count.fetch_add(1, Ordering::Relaxed)))
            .collect();
        let leaves: Vec<LeafHash> = made.iter().map(|(_, leaf)| *leaf).collect();
        let links: Vec<(usize, u32)> = (0..leaves.len()).zip(0..).collect();
        let batch = self.signer.sign(leaves);
        let mut plan = store.decide(|ledger| {
            for (event, _) in made {
                ledger.record(StillClock.now(), event);
            }
        });
        plan.attach_signature(Signed::Whole(batch), &links);
        let done = plan.commit().await;
        done.map(drop).map_err(|failed| failed.to_string())
    }
}

fn own() -> AuthorityId {
    "XA-POL".parse().unwrap()
}

fn partner() -> AuthorityId {
    "XB-POL".parse().unwrap()
}

fn named(number: u64) -> StatementRef {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    StatementRef {
        origin: own(),
        id: MessageId::from_parts(1_795_500_000_000 + number, random),
    }
}

fn alert(number: u64) -> (Event, LeafHash) {
    let now = StillClock.now();
    let routing = Routing {
        statement: named(number),
        thread: named(number),
        recipients: vec![Recipient {
            authority: partner(),
            thread_seq: 0,
            ground: TransferGround::Adequacy,
            ground_reason: String::new(),
        }],
        kind: Kind::MissingOffender,
        status: Status::Actual,
        priority: Priority::Urgent,
        handling: HandlingSet::new([Handling::H1]).unwrap(),
        handling_text: String::new(),
        issued_at: now,
        carried_until: now.plus(Duration::from_secs(3600)),
        in_reply_to: None,
        supersedes: None,
        release: None,
        effect: Effect::Starts,
        terms: <_>::default(),
    };
    let payload = pb::Payload {
        kind: Some(pb::payload::Kind::MissingOffender(<_>::default())),
        ..<_>::default()
    };
    let document = encode_statement(&routing, [1; 16], &payload.encode_to_vec());
    let leaf = pae::leaf_hash(DocumentType::Statement, &document);
    let event = Event::Accepted {
        actor: Actor::new("officer-3fa9c1d2").unwrap(),
        routing: Arc::new(routing),
        leaf,
        document,
    };
    (event, leaf)
}

/// How many of the first so many alerts are here.
async fn here(store: &Store, of: u64) -> u64 {
    let known = |number: &u64| named(*number);
    let read = store.read(|ledger| {
        let held = (0..of).filter(|number| ledger.known(&known(number)).is_some());
        held.count() as u64
    });
    read.await.unwrap()
}

/// Everything that a desk or a lane could ask.
async fn told(store: &Store) -> String {
    let read = store.read(|ledger| {
        let list = |which| ledger.list(which, &ListFilter::default(), None, 10_000);
        let queue = ledger.queued(&partner(), Lane::Fast, Queue::Live, None, 10_000);
        let (own, foreign) = (list(ListBox::Out), list(ListBox::In));
        format!("{own:?} {foreign:?} {queue:?} {}", ledger.next_index())
    });
    read.await.unwrap()
}

/// Verifies that whatever write the power fails at, nothing is missing whose commit resolved or that was read.
#[tokio::test(flavor = "multi_thread")]
async fn i01_nothing_said_is_missing_after_a_power_cut_at_any_write() {
    let mut cuts = 0;
    for seed in 0..SEEDS {
        let (bench, disk) = (Bench::new(), SimulatedDisk::new());
        let (store, _) = bench.open(&disk, &Kept::default());
        disk.keep_moments();
        // Writes done by the time when so many alerts were said to be here.
        let mut said = vec![(disk.counts().0, 0)];
        let mut all = 0;
        for group in 0..2 + seed % 3 {
            let alerts = 1 + (seed * 7 + group) % 5;
            let committing = bench.accept(&store, alerts);
            // Read while it is on its way: what is told must be durable too.
            let (accepted, read) = tokio::join!(committing, here(&store, all + alerts));
            accepted.unwrap();
            all += alerts;
            let writes = disk.counts().0;
            assert!(read <= all);
            said.push((writes, all.max(read)));
        }
        for (write, moment) in disk.moments() {
            let before = said.iter().rev().find(|(writes, _)| *writes <= write);
            let said = before.map_or(0, |(_, alerts)| *alerts);
            let (after, _) = bench.open(&moment.cut(seed * 1000 + write), &Kept::default());
            let found = here(&after, said).await;
            assert_eq!(found, said, "seed {seed}, power cut at write {write}");
            cuts += 1;
        }
    }
    assert!(cuts > SEEDS, "{cuts} cuts");
}

/// Verifies that a failed sync is told, never tried again, and that nothing is accepted after it.
#[tokio::test(flavor = "multi_thread")]
async fn i01_a_failed_sync_is_never_said_and_never_tried_again() {
    let (bench, disk) = (Bench::new(), SimulatedDisk::new());
    let (store, _) = bench.open(&disk, &Kept::default());
    bench.accept(&store, 3).await.unwrap();
    tokio::time::sleep(QUIET).await;
    let (_, syncs) = disk.counts();
    disk.inject(Fault::Sync(syncs));
    bench.accept(&store, 2).await.unwrap_err();
    let failed = tokio::time::timeout(Duration::from_secs(5), store.failed());
    let failed = failed.await.expect("it tells that it failed").to_string();
    assert!(failed.contains("os error 5"), "{failed}");
    let after = disk.counts();
    assert_eq!(after.1, syncs + 1, "one sync, which failed");
    bench.accept(&store, 1).await.unwrap_err();
    tokio::time::sleep(QUIET).await;
    assert_eq!(
        disk.counts(),
        after,
        "nothing is written or synced any more"
    );
    assert!(store.close().await.is_err());
}

/// Verifies that live state, a kept view, a lost view and an old view with the rest replayed are one state.
#[tokio::test(flavor = "multi_thread")]
async fn i02_a_view_that_is_lost_comes_back_the_same() {
    let (bench, disk, view) = (Bench::new(), SimulatedDisk::new(), Kept::default());
    let (store, _) = bench.open(&disk, &view);
    bench.accept(&store, 40).await.unwrap();
    store.close().await.unwrap();
    let old = Kept::default();
    old.0
        .apply(view.0.scan(b"").map(Result::unwrap).collect())
        .unwrap();
    let (store, _) = bench.open(&disk, &view);
    bench.accept(&store, 30).await.unwrap();
    let live = told(&store).await;
    store.close().await.unwrap();
    for (which, view, replayed) in [
        ("kept", view, 0),
        ("lost", Kept::default(), 70),
        ("old", old, 30),
    ] {
        let (store, recovery) = bench.open(&disk, &view);
        assert_eq!(recovery.view_rebuilt, None, "{which}");
        assert_eq!(recovery.replayed, replayed, "{which}");
        assert_eq!(told(&store).await, live, "{which}");
        store.close().await.unwrap();
    }
}

/// Verifies that a view that is not of this journal, or is damaged, is not believed.
#[tokio::test(flavor = "multi_thread")]
async fn i02_a_view_of_another_journal_is_not_believed() {
    let (bench, disk) = (Bench::new(), SimulatedDisk::new());
    let (store, _) = bench.open(&disk, &Kept::default());
    bench.accept(&store, 5).await.unwrap();
    let live = told(&store).await;
    store.close().await.unwrap();
    let (other, other_disk, foreign) = (Bench::new(), SimulatedDisk::new(), Kept::default());
    other.count.store(1000, Ordering::Relaxed);
    let (store, _) = other.open(&other_disk, &foreign);
    other.accept(&store, 5).await.unwrap();
    store.close().await.unwrap();
    let (store, recovery) = bench.open(&disk, &foreign);
    assert!(recovery.view_rebuilt.is_some());
    assert_eq!(told(&store).await, live);
    store.close().await.unwrap();
}
