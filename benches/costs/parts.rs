//! What each part of the work costs alone, in processor time of this process, and what two whole nodes use.
//!
//! Parts run on the same statements as the race. What a whole node uses beyond its parts is gRPC, HTTP/2, the
//! kernel, waking and waiting.

use std::{
    path::Path,
    sync::{Arc, mpsc},
};

use allpoints::{
    domain::{
        id::{AuthorityId, StatementRef},
        receipt::{Receipt, Verdict},
        routing::{Priority, Recipient, Routing, Status, TransferGround},
        time::{Clock, Timestamp},
    },
    node::system::SystemClock,
    proto::{alert::v1::Draft, envelope::v1 as envelope, exchange::v1::Frame},
    store::{
        disk::RealDisk,
        entry::{Act, Actor, EntryHeader},
        journal::{Block, Journal, JournalConfig, NewEntry},
        keyring::KeyEncryptionKey,
    },
    trust::{
        batch::{BatchSigner, Purpose, Unverified, UnverifiedItem, Verifier},
        keys::{KeyUse, SigningKey},
        pae::{self, DocumentType},
    },
    wire::{
        alert::{ParsedDraft, parse_draft},
        decode_statement, encode_receipt, encode_statement,
        generate::{Recipe, drafts},
    },
};
use bytes::Bytes;
use prost::Message as _;

use crate::{
    Extent, accepting,
    net::{Member, Net, RECEIVER, SENDER},
    plan::{MESSAGE_BYTES, Mode},
    processes::Usage,
    secure, table, us,
};

/// Statements under one signature, in one frame and one block.
pub const BATCH: usize = 256;
/// Different batches: none is verified twice by the same verifier.
const BATCHES: usize = 40;

/// One part, and whose work it is.
struct Part {
    name: &'static str,
    us: f64,
    /// How often each side does it for a message.
    times: [f64; 2],
}

pub fn measure(folder: &Path, extent: Extent) {
    std::fs::create_dir_all(folder).expect("a folder");
    let net = Net::found(folder, 1);
    let rounds = match extent {
        Extent::Full => 20,
        Extent::Quick => 2,
    };
    let bench = Bench::new(&net, rounds);
    let (sender, receiver) = (Member::read(folder, SENDER), Member::read(folder, RECEIVER));
    let part = |name, us, times| Part { name, us, times };
    let frame_bytes = bench.frames[0].len();
    let mut parts = vec![
        part(
            "draft: decoded, every field checked",
            bench.draft(),
            [1.0, 0.0],
        ),
        part("statement encoded", bench.encode(), [1.0, 0.0]),
        part("statements hashed and signed", bench.sign(), [1.0, 0.0]),
        part("statements verified", bench.verify(&receiver), [0.0, 1.0]),
        part("statement decoded", bench.decode(&receiver), [0.0, 1.0]),
        part(
            "receipts encoded, hashed, signed",
            bench.receipts(),
            [0.0, 1.0],
        ),
        part(
            "receipts verified, as statements are",
            bench.verify(&receiver),
            [1.0, 0.0],
        ),
        part(
            "protobuf of a frame: encoded",
            bench.frame_encode(),
            [1.0, 0.0],
        ),
        part(
            "protobuf of a frame: decoded",
            bench.frame_decode(),
            [0.0, 1.0],
        ),
        // Both ends together: a half for each.
        part(
            "TLS of a frame",
            secure::cost(&sender, &receiver, frame_bytes, rounds),
            [0.5, 0.5],
        ),
        part(
            "journal: sealed, written, synced",
            bench.journal(folder),
            [2.0, 1.0],
        ),
    ];
    let [memory, sled] = accepting::cost(&sender, &bench.parsed, rounds);
    parts.push(part("view: sled", (sled - memory).max(0.0), [2.0, 1.0]));
    show(&parts, whole(&net, extent));
    println!("accepting alone, over a view in memory {memory:.1} us, over sled {sled:.1} us");
}

/// Processor time of two whole nodes in the saturated race, us a message.
fn whole(net: &Net, extent: Extent) -> [f64; 2] {
    let seconds = match extent {
        Extent::Full => 8,
        Extent::Quick => 2,
    };
    let mode = Mode::Saturated(std::time::Duration::from_secs(seconds));
    let run = us::run(net, mode);
    [run.sender, run.receiver].map(|node| {
        let node = node.expect("both nodes are measured");
        node.cpu_seconds * 1e6 / run.loaded.messages as f64
    })
}

fn show(parts: &[Part], whole: [f64; 2]) {
    let mut shown = table(["part", "us once", "us at the sender", "us at the receiver"]);
    let cell = |us: f64| match us {
        0.0 => String::new(),
        us => format!("{us:.2}"),
    };
    let mut sums = [0.0; 2];
    for part in parts {
        let sides = part.times.map(|times| times * part.us);
        sums = [sums[0] + sides[0], sums[1] + sides[1]];
        shown.add_row([
            part.name.to_owned(),
            cell(part.us),
            cell(sides[0]),
            cell(sides[1]),
        ]);
    }
    let rest = [whole[0] - sums[0], whole[1] - sums[1]];
    let total = |name: &str, [sender, receiver]: [f64; 2]| {
        [name.to_owned(), String::new(), cell(sender), cell(receiver)]
    };
    shown.add_row(total("the rest: gRPC, HTTP/2, kernel, threads", rest));
    shown.add_row(total("a whole node, saturated", whole));
    println!("{shown}");
}

/// Processor time of this process for `work`, in us for each of so many messages.
pub fn cpu_us(messages: usize, work: impl FnOnce()) -> f64 {
    let used = || Usage::of(std::process::id()).cpu_seconds;
    let before = used();
    work();
    (used() - before) * 1e6 / messages as f64
}

/// What the parts work on.
struct Bench {
    rounds: usize,
    encoded: Vec<Bytes>,
    parsed: Vec<ParsedDraft>,
    routings: Vec<Routing>,
    /// All batches, one after the other.
    documents: Vec<Bytes>,
    signer: BatchSigner,
    receipt_signer: BatchSigner,
    batches: Vec<Unverified>,
    frames: Vec<Bytes>,
}

impl Bench {
    fn new(net: &Net, rounds: usize) -> Self {
        let (sender, receiver) = (
            Member::read(&net.folder, SENDER),
            Member::read(&net.folder, RECEIVER),
        );
        let now = SystemClock::new().now();
        let recipe = Recipe {
            seed: 7,
            to: vec![RECEIVER.to_owned()],
            status: Status::Exercise,
            priority: Some(Priority::Routine),
            now,
            payload_bytes: Some(MESSAGE_BYTES),
        };
        let drafts: Vec<Draft> = drafts(recipe).take(BATCH * BATCHES).collect();
        let parsed: Vec<ParsedDraft> = drafts
            .iter()
            .map(|draft| parse_draft(draft, now).expect("legal"))
            .collect();
        let routings: Vec<Routing> = parsed
            .iter()
            .map(|draft| routing(draft, sender.id, receiver.id, now))
            .collect();
        let documents: Vec<Bytes> = routings
            .iter()
            .zip(&parsed)
            .map(|(routing, draft)| encode_statement(routing, [7; 16], &draft.payload))
            .collect();
        let signer = signer(&sender, Purpose::Statement);
        let batches: Vec<Unverified> = documents
            .chunks(BATCH)
            .map(|chunk| signed(&signer, DocumentType::Statement, chunk))
            .collect();
        let frames = batches
            .iter()
            .map(|batch| frame(batch).encode_to_vec().into());
        Self {
            rounds,
            encoded: drafts
                .iter()
                .map(|draft| draft.encode_to_vec().into())
                .collect(),
            routings,
            frames: frames.collect(),
            receipt_signer: self::signer(&receiver, Purpose::Receipt),
            parsed,
            documents,
            signer,
            batches,
        }
    }

    /// Every statement, as often as there are rounds.
    fn each(&self, mut work: impl FnMut()) -> f64 {
        cpu_us(self.rounds * self.documents.len(), || {
            (0..self.rounds).for_each(|_| work());
        })
    }

    fn draft(&self) -> f64 {
        let now = SystemClock::new().now();
        self.each(|| {
            for bytes in &self.encoded {
                let draft = Draft::decode(bytes.clone()).expect("a draft");
                std::hint::black_box(parse_draft(&draft, now).expect("legal"));
            }
        })
    }

    fn encode(&self) -> f64 {
        self.each(|| {
            for (routing, draft) in self.routings.iter().zip(&self.parsed) {
                std::hint::black_box(encode_statement(routing, [7; 16], &draft.payload));
            }
        })
    }

    fn sign(&self) -> f64 {
        self.each(|| {
            for chunk in self.documents.chunks(BATCH) {
                let leaf = |bytes: &Bytes| pae::leaf_hash(DocumentType::Statement, bytes);
                std::hint::black_box(self.signer.sign(chunk.iter().map(leaf).collect()));
            }
        })
    }

    fn verify(&self, receiver: &Member) -> f64 {
        let now = SystemClock::new().now();
        let signer: AuthorityId = SENDER.parse().expect("legal id");
        let verifiers: Vec<Verifier> = (0..self.rounds)
            .map(|_| Verifier::new(receiver.directory().load_full()))
            .collect();
        let mut verifiers = verifiers.iter();
        self.each(|| {
            let verifier = verifiers.next().expect("one a round");
            for batch in &self.batches {
                let verified = verifier.verify(Purpose::Statement, &signer, batch, now);
                assert!(verified.iter().all(Result::is_ok), "genuine");
            }
        })
    }

    /// Verified first, which is not counted.
    fn decode(&self, receiver: &Member) -> f64 {
        let now = SystemClock::new().now();
        let signer: AuthorityId = SENDER.parse().expect("legal id");
        let verifier = Verifier::new(receiver.directory().load_full());
        let verified: Vec<_> = self
            .batches
            .iter()
            .flat_map(|batch| verifier.verify(Purpose::Statement, &signer, batch, now))
            .map(|verified| verified.expect("genuine"))
            .collect();
        self.each(|| {
            for verified in &verified {
                std::hint::black_box(decode_statement(verified.clone()).expect("legal"));
            }
        })
    }

    fn receipts(&self) -> f64 {
        let now = SystemClock::new().now();
        let receipt = |routing: &Routing| Receipt {
            federation: "race".to_owned(),
            recipient: routing.recipients[0].authority,
            sender: routing.statement.origin,
            message: routing.statement.id,
            leaf: pae::leaf_hash(DocumentType::Receipt, b"the leaf of the statement"),
            verdict: Verdict::Held,
            time: now,
            directory_version: 1,
            journal_index: 1_000_000,
        };
        self.each(|| {
            for chunk in self.routings.chunks(BATCH) {
                let leaves = chunk.iter().map(|routing| {
                    let document = encode_receipt(&receipt(routing));
                    pae::leaf_hash(DocumentType::Receipt, &document)
                });
                std::hint::black_box(self.receipt_signer.sign(leaves.collect()));
            }
        })
    }

    fn frame_encode(&self) -> f64 {
        self.each(|| {
            for batch in &self.batches {
                std::hint::black_box(frame(batch).encode_to_vec());
            }
        })
    }

    fn frame_decode(&self) -> f64 {
        self.each(|| {
            for bytes in &self.frames {
                std::hint::black_box(Frame::decode(bytes.clone()).expect("a frame"));
            }
        })
    }

    /// As a node has it: blocks of a batch, up to 16 under way, one sync a group.
    fn journal(&self, folder: &Path) -> f64 {
        let key_file = folder.join("journal.key");
        KeyEncryptionKey::generate(&key_file).expect("a key");
        let config = JournalConfig {
            folder: folder.join("journal"),
            key_file,
            segment_bytes: allpoints::domain::limits::SEGMENT_BYTES,
            clock: Arc::new(SystemClock::new()),
        };
        let (journal, _) = Journal::open(config, Arc::new(RealDisk)).expect("a journal");
        let (tell, told) = mpsc::sync_channel(16);
        let mut ticket = 0;
        let cost = self.each(|| {
            for chunk in self.documents.chunks(BATCH) {
                let first = ticket * BATCH as u64;
                let entries = (first..).zip(chunk).map(|(index, body)| entry(index, body));
                let tell = tell.clone();
                journal.append(Block {
                    ticket,
                    entries: entries.collect(),
                    batches: Vec::new(),
                    done: Box::new(move || tell.send(()).expect("heard")),
                });
                ticket += 1;
                if ticket > 16 {
                    told.recv().expect("durable");
                }
            }
        });
        (0..ticket.min(16)).for_each(|_| told.recv().expect("durable"));
        journal.close().expect("closed");
        cost
    }
}

fn routing(draft: &ParsedDraft, from: AuthorityId, to: AuthorityId, now: Timestamp) -> Routing {
    let statement = StatementRef {
        origin: from,
        id: draft.id.expect("generated drafts have ids"),
    };
    Routing {
        statement,
        thread: statement,
        recipients: vec![Recipient {
            authority: to,
            thread_seq: 0,
            ground: TransferGround::Adequacy,
            ground_reason: String::new(),
        }],
        kind: draft.kind,
        status: draft.status,
        priority: draft.priority,
        handling: draft.handling,
        handling_text: draft.handling_text.clone(),
        issued_at: now,
        carried_until: now.plus(allpoints::domain::limits::CARRIAGE_MAX / 2),
        in_reply_to: None,
        supersedes: None,
        release: None,
        effect: draft.effect,
        terms: draft.terms.clone(),
    }
}

pub fn signer(member: &Member, purpose: Purpose) -> BatchSigner {
    let (file, key_use) = match purpose {
        Purpose::Statement => (&member.config.keys.statement, KeyUse::Statement),
        Purpose::Receipt => (&member.config.keys.receipt, KeyUse::Receipt),
    };
    let key = SigningKey::load(file, key_use).expect("a key");
    BatchSigner::new("race", member.id, purpose, key)
}

fn signed(signer: &BatchSigner, kind: DocumentType, documents: &[Bytes]) -> Unverified {
    let leaf = |bytes: &Bytes| pae::leaf_hash(kind, bytes);
    let batch = signer.sign(documents.iter().map(leaf).collect());
    let items = (0..)
        .zip(documents)
        .map(|(index, document)| UnverifiedItem {
            document: document.clone(),
            index,
            path: Vec::new(),
        });
    Unverified {
        signed: (*batch.signed).clone(),
        items: items.collect(),
    }
}

fn frame(batch: &Unverified) -> Frame {
    let items = batch.items.iter().map(|item| envelope::SignedItem {
        document: item.document.clone(),
        index: item.index,
        path: Vec::new(),
    });
    Frame {
        number: 1,
        batches: vec![envelope::SignedBatch {
            header: batch.signed.header.clone(),
            signature: batch.signed.signature.clone(),
            items: items.collect(),
        }],
    }
}

fn entry(index: u64, body: &Bytes) -> NewEntry {
    NewEntry {
        header: EntryHeader {
            index,
            time: SystemClock::new().now(),
            act: Act::ActorNamed,
            reason: None,
            actor: Actor::NODE,
            subject: None,
            peer: None,
            leaf: Some(pae::leaf_hash(DocumentType::Note, body)),
            body_bytes: u32::try_from(body.len()).expect("short"),
            count: 0,
        },
        body: body.clone(),
        signature: None,
        receipt: None,
    }
}
