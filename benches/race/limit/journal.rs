//! Appends and syncs, and never reads: blocks in the order of their tickets, one `fdatasync` a group.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{IoSlice, Write as _},
    iter,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc,
    },
    thread,
};

use allpoints::{
    domain::limits,
    trust::merkle::{Frontier, Hash},
};
use aws_lc_rs::digest::{Context, SHA256};

const SEGMENT_BYTES: u64 = limits::SEGMENT_BYTES;
const GROUP_BYTES: usize = limits::GROUP_MAX_BYTES;

/// Bytes in front of a group.
const HEAD_BYTES: usize = 48;
/// Parts of one vectored write.
const WRITE_PARTS: usize = 512;

/// One worker's output.
pub struct Block {
    pub ticket: u64,
    pub bytes: Vec<u8>,
    pub checksum: u32,
    pub log: Vec<Hash>,
    pub done: Box<dyn FnOnce() + Send>,
}

/// What it did.
#[derive(Default)]
pub struct Counters {
    pub groups: AtomicU64,
    pub entries: AtomicU64,
    pub bytes: AtomicU64,
}

/// Starts the threads that prepare segments, commit, and grow the tree.
pub fn start(folder: &Path) -> (mpsc::Sender<Block>, Arc<Counters>) {
    std::fs::create_dir_all(folder).expect("bench folder");
    let (prepared, segments) = mpsc::sync_channel(1);
    let prepare_in = folder.to_path_buf();
    thread::spawn(move || {
        for number in 0.. {
            if prepared.send(zeroed_segment(&prepare_in, number)).is_err() {
                return;
            }
        }
    });
    let (grown, leaves) = mpsc::channel::<Vec<Hash>>();
    thread::spawn(move || {
        let mut frontier = Frontier::default();
        while let Ok(hashes) = leaves.recv() {
            hashes.into_iter().for_each(|hash| frontier.push(hash));
        }
    });
    let counters = Arc::new(Counters::default());
    let (sender, blocks) = mpsc::channel();
    let counted = Arc::clone(&counters);
    thread::spawn(move || {
        Committer {
            segments,
            grown,
            counters: counted,
            sequence: 0,
            chain: [0; 32],
        }
        .run(&blocks);
    });
    (sender, counters)
}

struct Committer {
    segments: mpsc::Receiver<File>,
    grown: mpsc::Sender<Vec<Hash>>,
    counters: Arc<Counters>,
    sequence: u64,
    /// Hash over all entry headers so far.
    chain: Hash,
}

impl Committer {
    fn run(mut self, blocks: &mpsc::Receiver<Block>) {
        let mut segment = self.segments.recv().expect("first segment");
        let (mut offset, mut next) = (0, 0);
        let mut waiting = BTreeMap::new();
        while let Some(group) = next_group(blocks, &mut waiting, &mut next) {
            let bytes: usize = group.iter().map(|block| block.bytes.len()).sum();
            if offset + (HEAD_BYTES + bytes + 4) as u64 > SEGMENT_BYTES {
                segment = self.segments.recv().expect("next segment");
                offset = 0;
            }
            offset += self.write(&segment, offset, &group, bytes);
            segment.sync_data().expect("fdatasync");
            for block in group {
                self.counters
                    .entries
                    .fetch_add(block.log.len() as u64, Relaxed);
                let _ = self.grown.send(block.log);
                (block.done)();
            }
        }
    }

    fn write(&mut self, segment: &File, offset: u64, group: &[Block], bytes: usize) -> u64 {
        let mut head = [0u8; HEAD_BYTES];
        head[..8].copy_from_slice(&(bytes as u64).to_le_bytes());
        head[8..16].copy_from_slice(&self.sequence.to_le_bytes());
        head[16..48].copy_from_slice(&self.chain);
        self.sequence += 1;
        let mut chain = Context::new(&SHA256);
        chain.update(&self.chain);
        let mut checksum = crc32c::crc32c(&head);
        for block in group {
            block.log.iter().for_each(|leaf| chain.update(leaf));
            checksum = crc32c::crc32c_combine(checksum, block.checksum, block.bytes.len());
        }
        self.chain.copy_from_slice(chain.finish().as_ref());
        let tail = checksum.to_le_bytes();
        let parts = iter::once(&head[..])
            .chain(group.iter().map(|block| &block.bytes[..]))
            .chain(iter::once(&tail[..]));
        let parts: Vec<&[u8]> = parts.collect();
        write_all(segment, offset, &parts);
        let written = (HEAD_BYTES + bytes + tail.len()) as u64;
        self.counters.groups.fetch_add(1, Relaxed);
        self.counters.bytes.fetch_add(written, Relaxed);
        written
    }
}

/// Everything that waits, in order, up to a group; blocks for the first. `None` when all senders are gone.
fn next_group(
    blocks: &mpsc::Receiver<Block>,
    waiting: &mut BTreeMap<u64, Block>,
    next: &mut u64,
) -> Option<Vec<Block>> {
    let mut group = Vec::new();
    let mut bytes = 0;
    loop {
        while let Some(block) = waiting.remove(next) {
            *next += 1;
            bytes += block.bytes.len();
            group.push(block);
            if bytes >= GROUP_BYTES {
                return Some(group);
            }
        }
        let block = if group.is_empty() {
            blocks.recv().ok()?
        } else {
            match blocks.try_recv() {
                Ok(block) => block,
                Err(_) => return Some(group),
            }
        };
        waiting.insert(block.ticket, block);
    }
}

/// Nothing is copied together: one system call for each `WRITE_PARTS` parts.
fn write_all(segment: &File, mut offset: u64, parts: &[&[u8]]) {
    for parts in parts.chunks(WRITE_PARTS) {
        let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
        let mut slices = &mut slices[..];
        while !slices.is_empty() {
            let written = rustix::io::pwritev(segment, slices, offset).expect("write");
            offset += written as u64;
            IoSlice::advance_slices(&mut slices, written);
        }
    }
}

fn zeroed_segment(folder: &Path, number: u64) -> File {
    let path: PathBuf = folder.join(format!("{number:06}.segment"));
    let mut file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .open(path)
        .expect("segment");
    let zeros = vec![0u8; 1 << 20];
    for _ in 0..SEGMENT_BYTES >> 20 {
        file.write_all(&zeros).expect("zeros");
    }
    file.sync_all().expect("sync segment");
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .expect("sync folder");
    file
}
