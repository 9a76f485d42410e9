//! The journal on a real disk: groups and bytes a second with one `fdatasync` a group, and the time to open.
//!
//! `cargo bench --bench journal [-- FOLDER]`. Median of five. Entries of 1 KiB bodies, 256 a block, two threads.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement: it measures time, prints, and stops at the first fault"
)]

use std::{
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use allpoints::{
    domain::time::{Clock, Timestamp},
    store::{
        disk::RealDisk,
        entry::{Act, Actor, EntryHeader},
        journal::{Block, Journal, JournalConfig, NewEntry},
        keyring::KeyEncryptionKey,
    },
    trust::pae::{self, DocumentType},
};
use bytes::Bytes;

const THREADS: u64 = 2;
const BLOCK_ENTRIES: u64 = 256;
const BODY_BYTES: usize = 1024;

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

fn main() {
    let folder = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let place = tempfile::tempdir_in(folder.as_deref().unwrap_or(".")).unwrap();
    let blocks = 800;
    let mut rates: Vec<_> = (0..5)
        .map(|round| write(&place.path().join(format!("store{round}")), blocks))
        .collect();
    rates.sort_by(|one, other| one.1.total_cmp(&other.1));
    let (groups, mebibytes, entries) = rates[2];
    println!("write: {groups:.0} groups/s, {mebibytes:.0} MiB/s, {entries:.0} entries/s");
    let mut opens: Vec<_> = (0..5).map(|_| open(&place.path().join("store0"))).collect();
    opens.sort_by_key(|open| open.0);
    let (time, entries) = opens[2];
    println!("open: {entries} entries in {time:.2?}");
}

fn config(folder: &Path) -> JournalConfig {
    let key_file: PathBuf = folder.with_extension("key");
    if !key_file.exists() {
        KeyEncryptionKey::generate(&key_file).unwrap();
    }
    JournalConfig {
        folder: folder.to_owned(),
        key_file,
        segment_bytes: allpoints::domain::limits::SEGMENT_BYTES,
        clock: Arc::new(Still),
    }
}
fn open(folder: &Path) -> (Duration, u64) {
    let began = Instant::now();
    let (journal, recovery) = Journal::open(config(folder), Arc::new(RealDisk)).unwrap();
    let time = began.elapsed();
    journal.close().unwrap();
    (time, recovery.entries)
}
/// Groups, MiB and entries a second; at most 16 blocks are under way, as a window would have it.
fn write(folder: &Path, blocks: u64) -> (f64, f64, f64) {
    let (journal, _) = Journal::open(config(folder), Arc::new(RealDisk)).unwrap();
    let body = Bytes::from(vec![7; BODY_BYTES]);
    let leaf = pae::leaf_hash(DocumentType::Note, &body);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (journal, body) = (&journal, body.clone());
            scope.spawn(move || {
                let (tell, told) = mpsc::sync_channel(8);
                let (mut ahead, mine) = (0, (thread..blocks).step_by(2));
                for ticket in mine {
                    let tell = tell.clone();
                    let entries = (0..BLOCK_ENTRIES).map(|at| NewEntry {
                        header: header(ticket * BLOCK_ENTRIES + at, leaf),
                        body: body.clone(),
                        signature: None,
                        receipt: None,
                    });
                    journal.append(Block {
                        ticket,
                        entries: entries.collect(),
                        batches: Vec::new(),
                        done: Box::new(move || tell.send(()).unwrap()),
                    });
                    ahead += 1;
                    if ahead == 8 {
                        told.recv().unwrap();
                        ahead -= 1;
                    }
                }
                (0..ahead).for_each(|_| told.recv().unwrap());
            });
        }
    });
    let seconds = began.elapsed().as_secs_f64();
    let figures = journal.figures();
    journal.close().unwrap();
    let rate = |count: u64| count as f64 / seconds;
    (
        rate(figures.groups),
        rate(figures.bytes) / 1_048_576.0,
        rate(figures.entries),
    )
}
fn header(index: u64, leaf: allpoints::domain::receipt::LeafHash) -> EntryHeader {
    EntryHeader {
        index,
        time: Still.now(),
        act: Act::ActorNamed,
        reason: None,
        actor: Actor::NODE,
        subject: None,
        peer: None,
        leaf: Some(leaf),
        body_bytes: u32::try_from(BODY_BYTES).unwrap(),
        count: 0,
    }
}
