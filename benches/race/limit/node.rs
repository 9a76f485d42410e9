//! Node A (takes, forwards, keeps receipts) and node B (verifies, keeps, receipts).

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc as threads,
    },
    thread,
};

use allpoints::{
    domain::receipt::LeafHash,
    trust::{
        merkle,
        pae::{self, DocumentType},
    },
};
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, ParsedPublicKey},
};
use bytes::Bytes;
use tokio::sync::{Semaphore, mpsc};

use super::{
    Bodies, RECEIPT_BYTES, Reply,
    journal::Block,
    relay::{ReplySender, Taker},
};
use crate::clock;

const HEADER_BYTES: usize = 72;
const ENTRY_BYTES: usize = 144;
const FRAME_BYTES: usize = 1 << 20;

/// Which end it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    A,
    B,
}

/// A batch on its way from A to B, and what A must remember of it.
pub struct Forward {
    pub bodies: Bodies,
    pending: Pending,
}

struct Pending {
    ids: Arc<Vec<[u8; 16]>>,
    leaves: Vec<LeafHash>,
    clients: Vec<(ReplySender, usize)>,
    units: u32,
}

enum Job {
    Submit(Vec<Bytes>, ReplySender),
    Frame(Bodies, ReplySender),
    Receipts(Reply),
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    ticket: u64,
    index: u64,
}

/// One end of the limit.
pub struct Node {
    role: Role,
    queue: Mutex<Queue>,
    filled: Condvar,
    journal: Mutex<threads::Sender<Block>>,
    key: Ed25519KeyPair,
    peer: ParsedPublicKey,
    seal: LessSafeKey,
    nonce: AtomicU64,
    batches: AtomicU64,
    pending: Mutex<HashMap<u64, Pending>>,
    forward: mpsc::UnboundedSender<Forward>,
    window: Arc<Semaphore>,
    batch: usize,
}

impl Taker for Node {
    fn take(&self, bodies: Bodies, reply: ReplySender) {
        self.push(match self.role {
            Role::A => Job::Submit(bodies.bodies, reply),
            Role::B => Job::Frame(bodies, reply),
        });
    }
}

impl Node {
    /// Starts the workers. `window_bytes` may be under way from A to B.
    pub fn start(
        role: Role,
        journal: threads::Sender<Block>,
        workers: usize,
        window_bytes: usize,
        batch: usize,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<Forward>) {
        let key = |seed| Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("seed");
        let (own, other) = if role == Role::A {
            (key(1), key(2))
        } else {
            (key(2), key(1))
        };
        let (forward, forwarded) = mpsc::unbounded_channel();
        let node = Arc::new(Self {
            role,
            queue: Mutex::default(),
            filled: Condvar::new(),
            journal: Mutex::new(journal),
            key: own,
            peer: ParsedPublicKey::new(&ED25519, other.public_key().as_ref()).expect("key"),
            seal: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[9; 32]).expect("key")),
            nonce: AtomicU64::new(0),
            batches: AtomicU64::new(0),
            pending: Mutex::default(),
            forward,
            window: Arc::new(Semaphore::new(window_bytes / 1024)),
            batch,
        });
        for _ in 0..workers {
            let node = Arc::clone(&node);
            thread::spawn(move || node.work());
        }
        (node, forwarded)
    }

    /// Waits for room in the window, remembers the batch, gives what to send.
    pub async fn admit(&self, forward: Forward) -> Bodies {
        if let Ok(permit) = self.window.acquire_many(forward.pending.units).await {
            permit.forget();
        }
        self.pending
            .lock()
            .expect("lock")
            .insert(forward.bodies.number, forward.pending);
        forward.bodies
    }

    /// A reply from B.
    pub fn receipts(&self, reply: Reply) {
        self.push(Job::Receipts(reply));
    }

    fn push(&self, job: Job) {
        self.queue.lock().expect("lock").jobs.push_back(job);
        self.filled.notify_one();
    }

    fn work(self: Arc<Self>) {
        let journal = self.journal.lock().expect("lock").clone();
        loop {
            let (jobs, ticket, index) = self.next_jobs();
            let block = match jobs {
                Work::Submits(bodies, clients) => self.accept(ticket, index, bodies, clients),
                Work::Frame(frame, reply) => self.hold(ticket, index, &frame, reply),
                Work::Receipts(reply) => self.settle(ticket, index, &reply),
            };
            if journal.send(block).is_err() {
                return;
            }
        }
    }

    /// The next job, with as many submits as fit one batch; index and ticket are given under the lock.
    fn next_jobs(&self) -> (Work, u64, u64) {
        let mut queue = self.queue.lock().expect("lock");
        let first = loop {
            match queue.jobs.pop_front() {
                Some(job) => break job,
                None => queue = self.filled.wait(queue).expect("lock"),
            }
        };
        let (work, count) = match first {
            Job::Submit(bodies, client) => {
                let mut size: usize = bodies.iter().map(Bytes::len).sum();
                let mut clients = vec![(client, bodies.len())];
                let mut all = bodies;
                while let Some(Job::Submit(more, _)) = queue.jobs.front() {
                    size += more.iter().map(Bytes::len).sum::<usize>();
                    if all.len() + more.len() > self.batch || size > FRAME_BYTES {
                        break;
                    }
                    if let Some(Job::Submit(more, client)) = queue.jobs.pop_front() {
                        clients.push((client, more.len()));
                        all.extend(more);
                    }
                }
                let count = all.len();
                (Work::Submits(all, clients), count)
            }
            Job::Frame(frame, reply) => {
                let count = frame.bodies.len();
                (Work::Frame(frame, reply), count)
            }
            Job::Receipts(reply) => {
                let count = reply.leaves.len() / 32;
                (Work::Receipts(reply), count)
            }
        };
        let given = (queue.ticket, queue.index);
        queue.ticket += 1;
        queue.index += count as u64;
        (work, given.0, given.1)
    }

    fn accept(
        self: &Arc<Self>,
        ticket: u64,
        index: u64,
        bodies: Vec<Bytes>,
        clients: Vec<(ReplySender, usize)>,
    ) -> Block {
        let time = clock::now_ns();
        let leaves = statement_leaves(&bodies);
        let ids = ids_of(&bodies);
        let (header, signature) = self.sign(1, &leaves);
        let number = self.batches.fetch_add(1, Relaxed);
        let total: usize = bodies.iter().map(Bytes::len).sum();
        let mut out = Vec::with_capacity(256 + bodies.len() * (32 + ENTRY_BYTES + 36) + total);
        out.extend_from_slice(&header);
        out.extend_from_slice(&signature);
        leaves
            .iter()
            .for_each(|leaf| out.extend_from_slice(&leaf.0));
        let log = self.entries(&mut out, index, time, 1, &ids, &leaves, &bodies);
        let node = Arc::clone(self);
        finish(ticket, out, log, move || {
            tell(&clients, &ids, 1);
            let units = u32::try_from(total / 1024).unwrap_or(u32::MAX).max(1);
            let bodies = Bodies {
                bodies,
                header: header.to_vec().into(),
                signature: signature.to_vec().into(),
                number,
            };
            let _ = node.forward.send(Forward {
                bodies,
                pending: Pending {
                    ids,
                    leaves,
                    clients,
                    units,
                },
            });
        })
    }

    fn hold(
        self: &Arc<Self>,
        ticket: u64,
        index: u64,
        frame: &Bodies,
        reply: ReplySender,
    ) -> Block {
        let time = clock::now_ns();
        let message = pae::encode(DocumentType::Batch, &frame.header);
        self.peer
            .verify_sig(&message, &frame.signature)
            .expect("batch signature");
        let leaves = statement_leaves(&frame.bodies);
        assert_eq!(header_of(1, &leaves)[..], frame.header[..], "batch header");
        let ids = ids_of(&frame.bodies);
        let receipts = receipt_leaves(&ids, &leaves, time, index);
        let (header, signature) = self.sign(2, &receipts);
        let total: usize = frame.bodies.iter().map(Bytes::len).sum();
        let mut out =
            Vec::with_capacity(400 + frame.bodies.len() * (64 + ENTRY_BYTES + 36) + total);
        out.extend_from_slice(&frame.header);
        out.extend_from_slice(&frame.signature);
        leaves
            .iter()
            .for_each(|leaf| out.extend_from_slice(&leaf.0));
        out.extend_from_slice(&header);
        out.extend_from_slice(&signature);
        let joined: Vec<u8> = receipts.iter().flat_map(|leaf| leaf.0).collect();
        out.extend_from_slice(&joined);
        let log = self.entries(&mut out, index, time, 2, &ids, &leaves, &frame.bodies);
        let number = frame.number;
        finish(ticket, out, log, move || {
            let _ = reply.send(Ok(Reply {
                kind: 3,
                number,
                header: header.to_vec().into(),
                signature: signature.to_vec().into(),
                leaves: joined.into(),
                time,
                index,
                ..Reply::default()
            }));
        })
    }

    fn settle(self: &Arc<Self>, ticket: u64, index: u64, reply: &Reply) -> Block {
        let time = clock::now_ns();
        let pending = self
            .pending
            .lock()
            .expect("lock")
            .remove(&reply.number)
            .expect("pending batch");
        self.window.add_permits(pending.units as usize);
        let receipts = receipt_leaves(&pending.ids, &pending.leaves, reply.time, reply.index);
        let joined: Vec<u8> = receipts.iter().flat_map(|leaf| leaf.0).collect();
        assert_eq!(joined[..], reply.leaves[..], "receipts");
        assert_eq!(
            header_of(2, &receipts)[..],
            reply.header[..],
            "receipt header"
        );
        let message = pae::encode(DocumentType::Batch, &reply.header);
        self.peer
            .verify_sig(&message, &reply.signature)
            .expect("receipt signature");
        let mut out = Vec::with_capacity(200 + receipts.len() * (32 + ENTRY_BYTES));
        out.extend_from_slice(&reply.header);
        out.extend_from_slice(&reply.signature);
        out.extend_from_slice(&reply.leaves);
        let log = self.entries(&mut out, index, time, 3, &pending.ids, &receipts, &[]);
        finish(ticket, out, log, move || {
            tell(&pending.clients, &pending.ids, 2);
        })
    }

    fn sign(&self, purpose: u8, leaves: &[LeafHash]) -> ([u8; HEADER_BYTES], [u8; 64]) {
        let header = header_of(purpose, leaves);
        let signature = self.key.sign(&pae::encode(DocumentType::Batch, &header));
        (header, signature.as_ref().try_into().expect("64 bytes"))
    }

    /// Entry headers, then sealed bodies; the log's leaves come back.
    #[allow(
        clippy::too_many_arguments,
        reason = "one flat record, written in one place"
    )]
    fn entries(
        &self,
        out: &mut Vec<u8>,
        index: u64,
        time: u64,
        act: u16,
        ids: &[[u8; 16]],
        leaves: &[LeafHash],
        bodies: &[Bytes],
    ) -> Vec<merkle::Hash> {
        let mut log = Vec::with_capacity(ids.len());
        for (at, (id, leaf)) in ids.iter().zip(leaves).enumerate() {
            let mut header = [0u8; ENTRY_BYTES];
            header[..2].copy_from_slice(&act.to_le_bytes());
            header[8..16].copy_from_slice(&(index + at as u64).to_le_bytes());
            header[16..24].copy_from_slice(&time.to_le_bytes());
            header[56..72].copy_from_slice(id);
            header[88..120].copy_from_slice(&leaf.0);
            log.push(merkle::leaf(&header));
            out.extend_from_slice(&header);
        }
        for (body, leaf) in bodies.iter().zip(leaves) {
            let mut nonce = [0u8; 12];
            nonce[..8].copy_from_slice(&self.nonce.fetch_add(1, Relaxed).to_le_bytes());
            out.extend_from_slice(&nonce);
            let start = out.len();
            out.extend_from_slice(body);
            let tag = self
                .seal
                .seal_in_place_separate_tag(
                    Nonce::assume_unique_for_key(nonce),
                    Aad::from(&leaf.0),
                    &mut out[start..],
                )
                .expect("seal");
            out.extend_from_slice(tag.as_ref());
        }
        log
    }
}

enum Work {
    Submits(Vec<Bytes>, Vec<(ReplySender, usize)>),
    Frame(Bodies, ReplySender),
    Receipts(Reply),
}

fn finish(
    ticket: u64,
    bytes: Vec<u8>,
    log: Vec<merkle::Hash>,
    done: impl FnOnce() + Send + 'static,
) -> Block {
    Block {
        ticket,
        checksum: crc32c::crc32c(&bytes),
        bytes,
        log,
        done: Box::new(done),
    }
}

fn tell(clients: &[(ReplySender, usize)], ids: &[[u8; 16]], kind: u32) {
    let mut from = 0;
    for (client, count) in clients {
        let ids: Vec<u8> = ids[from..from + count]
            .iter()
            .flat_map(|id| id[..8].to_vec())
            .collect();
        let _ = client.send(Ok(Reply {
            kind,
            ids: ids.into(),
            ..Reply::default()
        }));
        from += count;
    }
}

fn statement_leaves(bodies: &[Bytes]) -> Vec<LeafHash> {
    bodies
        .iter()
        .map(|body| pae::leaf_hash(DocumentType::Statement, body))
        .collect()
}

fn ids_of(bodies: &[Bytes]) -> Arc<Vec<[u8; 16]>> {
    Arc::new(
        bodies
            .iter()
            .map(|body| body[..16].try_into().expect("16 bytes"))
            .collect(),
    )
}

fn header_of(purpose: u8, leaves: &[LeafHash]) -> [u8; HEADER_BYTES] {
    let hashes: Vec<merkle::Hash> = leaves.iter().map(|leaf| leaf.0).collect();
    let mut header = [0u8; HEADER_BYTES];
    header[..16].copy_from_slice(b"federation-00001");
    header[24] = purpose;
    header[36..40].copy_from_slice(
        &u32::try_from(leaves.len())
            .unwrap_or(u32::MAX)
            .to_be_bytes(),
    );
    header[40..].copy_from_slice(&merkle::root(&hashes));
    header
}

fn receipt_leaves(ids: &[[u8; 16]], leaves: &[LeafHash], time: u64, index: u64) -> Vec<LeafHash> {
    let mut receipt = [0u8; RECEIPT_BYTES];
    receipt[..32].copy_from_slice(b"federation-00001XB-POL  XA-POL  ");
    let mut of = |at: usize| {
        receipt[32..48].copy_from_slice(&ids[at]);
        receipt[48..80].copy_from_slice(&leaves[at].0);
        receipt[84..92].copy_from_slice(&time.to_be_bytes());
        receipt[100..].copy_from_slice(&(index + at as u64).to_be_bytes());
        pae::leaf_hash(DocumentType::Receipt, &receipt)
    };
    (0..ids.len()).map(&mut of).collect()
}
