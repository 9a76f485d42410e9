//! What must hold of the journal: here in plain weather, in `faults` by the names of invariants and fault rows.

mod cuts;
mod faults;
mod mending;
mod restarts;

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::*;
use crate::{
    domain::{
        receipt::LeafHash,
        time::{Clock, Timestamp},
    },
    store::{
        Signed,
        disk::{
            RealDisk,
            simulated::{Fault, SimulatedDisk},
        },
        entry::{Act, Actor},
        keyring::{KeyEncryptionKey, Keyring},
    },
    trust::{
        batch::{Batch, SignedHeader},
        merkle::{self, Frontier},
    },
};

const FOLDER: &str = "/store";

#[derive(Debug)]
struct Still;
impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000)
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// A key file and the settings of a store on a simulated disk.
struct Bench {
    keys: tempfile::TempDir,
    segment_bytes: u64,
}
impl Bench {
    fn new(segment_bytes: u64) -> Self {
        let keys = tempfile::tempdir().unwrap();
        KeyEncryptionKey::generate(&keys.path().join("kek")).unwrap();
        Self {
            keys,
            segment_bytes,
        }
    }
    fn config(&self) -> JournalConfig {
        JournalConfig {
            folder: FOLDER.into(),
            key_file: self.keys.path().join("kek"),
            segment_bytes: self.segment_bytes,
            clock: Arc::new(Still),
        }
    }
    fn open(&self, disk: &SimulatedDisk) -> Result<(Journal, JournalRecovery), OpenError> {
        Journal::open(self.config(), Arc::new(disk.clone()))
    }
    fn opened(&self, disk: &SimulatedDisk) -> Writer {
        Writer::of(self.open(disk).unwrap().0)
    }
    fn check(&self, disk: &SimulatedDisk) -> CheckReport {
        check(&self.config(), disk, &mut |_| {}).unwrap()
    }
}

/// A journal, with what was said to be durable.
struct Writer {
    journal: Journal,
    ticket: u64,
    index: u64,
    said: Arc<AtomicU64>,
}
impl Writer {
    fn of(journal: Journal) -> Self {
        let index = journal.head().0;
        Self {
            journal,
            ticket: 0,
            index,
            said: Arc::new(AtomicU64::new(index)),
        }
    }
    /// Hands over a block of `count` entries, and does not wait.
    fn hand(&mut self, count: u64) {
        let said = self.said.clone();
        let end = self.index + count;
        let done = Box::new(move || said.store(end, Ordering::SeqCst));
        self.journal
            .append(block(self.ticket, self.index, count, done));
        self.ticket += 1;
        self.index = end;
    }
    /// Waits until all that was handed over is durable.
    fn wait(&self) {
        for _ in 0..5000 {
            if self.said.load(Ordering::SeqCst) == self.index {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("not durable: {:?}", *self.journal.failure().borrow());
    }
    fn write(&mut self, count: u64) {
        self.hand(count);
        self.wait();
    }
    fn wait_for_failure(&self) -> String {
        for _ in 0..5000 {
            if let Some(reason) = self.journal.failure().borrow().clone() {
                return reason;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("no failure was told");
    }
}

fn body(index: u64) -> Bytes {
    let text = format!("body of entry {index} ");
    Bytes::from(text.repeat(1 + usize::try_from(index % 23).unwrap()))
}
fn leaf(index: u64) -> LeafHash {
    block::body_leaf(act(index), &body(index))
}
fn act(index: u64) -> Act {
    match index % 4 {
        0 => Act::Accepted,
        1 => Act::Received,
        2 => Act::ReceiptStored,
        _ => Act::ActorNamed,
    }
}
fn batch(first: u64, count: u64) -> Batch {
    Batch {
        signed: Arc::new(SignedHeader {
            header: Bytes::from(format!("header {first}")),
            signature: Bytes::from_static(&[7; 64]),
        }),
        leaves: (first..first + count).map(leaf).collect(),
    }
}
fn receipt(index: u64) -> Bytes {
    Bytes::from(format!("receipt for {index}"))
}
fn header(index: u64) -> EntryHeader {
    EntryHeader {
        index,
        time: Still.now(),
        act: act(index),
        reason: None,
        actor: Actor::NODE,
        subject: None,
        peer: None,
        leaf: Some(leaf(index)),
        body_bytes: u32::try_from(body(index).len()).unwrap(),
        count: 0,
    }
}
fn block(ticket: u64, first: u64, count: u64, done: Box<dyn FnOnce() + Send>) -> Block {
    let link = |index: u64, batch| Some((batch, u32::try_from(index - first).unwrap()));
    let entries = (first..first + count).map(|index| NewEntry {
        header: header(index),
        body: body(index),
        signature: link(index, 0),
        receipt: (index % 4 == 1).then(|| link(index, 1)).flatten(),
    });
    let whole = BatchRecord {
        signed: Signed::Whole(batch(first, count)),
        documents: Vec::new(),
    };
    let proofs =
        (0..u32::try_from(count).unwrap()).map(|at| batch(first, count).proof(at).unwrap());
    let parts = BatchRecord {
        signed: Signed::Parts(proofs.collect()),
        documents: (first..first + count).map(receipt).collect(),
    };
    Block {
        ticket,
        entries: entries.collect(),
        batches: vec![whole, parts],
        done,
    }
}

/// Everything from 0 to the end is there, as it was written, and the root is over exactly that.
fn assert_whole(journal: &Journal, least: u64, case: &str) -> u64 {
    let (size, root) = journal.head();
    assert!(
        size >= least,
        "{case}: {least} were acknowledged, {size} are here"
    );
    let mut frontier = Frontier::default();
    let mut count = 0;
    for entry in journal.entries(0) {
        let entry = entry.unwrap();
        assert_eq!(entry.header, header(count), "{case}");
        assert_eq!(entry.body, body(count), "{case}");
        frontier.push(merkle::leaf(&entry.header_bytes));
        count += 1;
    }
    assert_eq!((count, frontier.root()), (size, root), "{case}");
    size
}
fn segment_file(id: u32) -> PathBuf {
    segment::path(Path::new(FOLDER), id)
}
/// Offset and header of every group of a segment, as they stand.
fn groups(disk: &SimulatedDisk, id: u32) -> Vec<(u64, group::GroupHeader)> {
    let file = disk.open(&segment_file(id)).unwrap();
    let (mut found, mut offset) = (Vec::new(), segment::FIRST_GROUP);
    while let Some(group) = group::read(&*file, offset, file.len().unwrap(), |_| true).unwrap() {
        found.push((offset, group.header.clone()));
        offset += group.header.bytes_on_disk();
    }
    found
}

#[test]
fn what_was_written_is_read_back_with_its_proofs() {
    let bench = Bench::new(1 << 20);
    let mut writer = bench.opened(&SimulatedDisk::new());
    writer.write(9);
    writer.write(5);
    assert_whole(&writer.journal, 14, "plain");
    let entry = writer.journal.read(5).unwrap();
    assert_eq!(entry.proof, batch(0, 9).proof(5));
    assert_eq!(
        entry.receipt,
        Some((receipt(5), batch(0, 9).proof(5).unwrap()))
    );
    assert_eq!(writer.journal.read(11).unwrap().receipt, None);
    assert_eq!(writer.journal.read(11).unwrap().proof, batch(9, 5).proof(2));
    let headers: Vec<_> = writer.journal.headers(12).map(|h| h.unwrap().0).collect();
    assert_eq!(headers, [12, 13]);
    let error = writer.journal.read(14).unwrap_err().to_string();
    assert_eq!(
        error,
        "entry 14 is not in the journal, which has 14 entries"
    );
}

#[test]
fn opened_and_closed_many_times_it_stays_one_journal_in_one_segment() {
    let bench = Bench::new(1 << 20);
    let disk = SimulatedDisk::new();
    for round in 0..20 {
        let mut writer = bench.opened(&disk);
        assert_eq!(writer.index, round * 2);
        writer.write(2);
        writer.journal.close().unwrap();
    }
    let (journal, recovery) = bench.open(&disk).unwrap();
    assert_eq!((recovery.entries, recovery.resynced_entries), (40, 0));
    assert_whole(&journal, 40, "many starts");
    assert_eq!(journal.figures().segments, 1);
}

#[test]
fn eight_threads_with_shuffled_tickets_make_one_order() {
    let bench = Bench::new(1 << 20);
    let journal = Arc::new(bench.open(&SimulatedDisk::new()).unwrap().0);
    let order = Arc::new(Mutex::new(Vec::new()));
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let (journal, order) = (journal.clone(), order.clone());
            std::thread::spawn(move || {
                // Each thread goes backwards through its share: tickets come as shuffled as can be.
                for ticket in (0..50).rev().map(|at| at * 8 + thread) {
                    let order = order.clone();
                    let done = Box::new(move || order.lock().unwrap().push(ticket));
                    journal.append(block(ticket, ticket * 2, 2, done));
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    Arc::into_inner(journal).map_or_else(|| panic!("shared"), |journal| journal.close().unwrap());
    assert_eq!(*order.lock().unwrap(), (0..400).collect::<Vec<_>>());
}

#[test]
fn a_hole_stops_the_journal() {
    let bench = Bench::new(64 * 1024);
    let mut writer = bench.opened(&SimulatedDisk::new());
    writer.write(2);
    writer.index += 1;
    writer.hand(1);
    assert!(
        writer
            .wait_for_failure()
            .contains("entry 3 where 2 was due")
    );
    let mut writer = bench.opened(&SimulatedDisk::new());
    writer.ticket = 1;
    writer.hand(1);
    let error = writer.journal.close().unwrap_err().to_string();
    assert!(
        error.contains("waiting for block 0, which never came"),
        "{error}"
    );
}

#[test]
fn a_real_disk_keeps_it_for_its_owner_alone_and_locks_it() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new(64 * 1024);
    let folder = bench.keys.path().join("store");
    let open = || {
        let config = JournalConfig {
            folder: folder.clone(),
            ..bench.config()
        };
        Journal::open(config, Arc::new(RealDisk))
    };
    let mut writer = Writer::of(open().unwrap().0);
    for _ in 0..40 {
        writer.write(8);
    }
    let error = open().err().unwrap().to_string();
    assert!(error.contains("in use by another process"), "{error}");
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for file in ["lock", "keyring", "journal/0000000000.segment"] {
        assert_eq!(mode(folder.join(file)), 0o600, "{file}");
    }
    assert_eq!(
        [mode(folder.clone()), mode(folder.join("journal"))],
        [0o700; 2]
    );
    // Dropped without a seal, as if killed.
    drop(writer);
    let (journal, recovery) = open().unwrap();
    assert_eq!((recovery.entries, recovery.resynced_entries), (320, 8));
    assert_whole(&journal, 320, "real");
    assert!(journal.figures().segments > 2);
    let length = |id: u64| {
        let file = folder.join(format!("journal/{id:010}.segment"));
        std::fs::metadata(file).unwrap().len()
    };
    let last = journal.figures().segments - 1;
    assert!((0..last).all(|id| length(id) < 64 * 1024), "shortened");
    assert_eq!(length(last), 64 * 1024);
    let stored = std::fs::read(folder.join("journal/0000000000.segment")).unwrap();
    let leaks = stored.windows(13).any(|window| window == b"body of entry");
    assert!(!leaks, "bodies are sealed");
}

proptest::proptest! {
    #[test]
    fn a_group_header_comes_back_as_it_was(
        length: u32, segment: u32, sequence: u64, first_index: u64, entries: u32, blocks: u32,
        tag: [u8; 8], chain: [u8; 32], crc: u32, at in 0..96usize, bit in 0..8,
    ) {
        let kind = group::GroupKind::Entries;
        let header = group::GroupHeader {
            kind, length, segment, sequence, first_index, entries, blocks, tag, chain,
        };
        let mut bytes = header.encode(crc);
        let found = group::GroupHeader::decode(&bytes);
        proptest::prop_assert_eq!(found.as_ref().map(|found| &found.0), Some(&header));
        bytes[at] ^= 1u8 << bit;
        proptest::prop_assert_ne!(group::GroupHeader::decode(&bytes), found);
    }
    #[test]
    fn blocks_come_back_whole_and_no_flipped_bit_of_a_front_is_taken(count in 1..6u64, flip: u16, bit in 0..8) {
        let bench = Bench::new(1 << 16);
        let disk = SimulatedDisk::new();
        disk.create_dir(Path::new(FOLDER)).unwrap();
        let wrapping = KeyEncryptionKey::load(&bench.config().key_file).unwrap();
        let key = Keyring::create(&disk, Path::new(FOLDER), wrapping).unwrap().add(&disk, 0).unwrap();
        let encoded = block::encode(block(0, 40, count, Box::new(|| {})), &key).unwrap();
        let mut bytes = encoded.bytes;
        let found = block::split(&Bytes::from(bytes.clone())).unwrap();
        proptest::prop_assert_eq!(found.len(), 1);
        let front = &found[0].2;
        for at in 0..usize::try_from(count).unwrap() {
            let entry = front.stored(at, &bytes[front.body(at)], |_| Some(key.clone())).unwrap();
            proptest::prop_assert_eq!(entry.body, body(40 + at as u64));
        }
        let at = usize::from(flip) % front.body(0).start;
        bytes[at] ^= 1u8 << bit;
        proptest::prop_assert!(block::split(&Bytes::from(bytes)).is_err());
    }
}
