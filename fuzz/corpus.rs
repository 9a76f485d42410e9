//! Writes small seeds for every target, from the program's own generators: synthetic data, and no key of anybody.
//!
//! `cargo run --manifest-path fuzz/Cargo.toml --bin corpus` writes `fuzz/corpus/TARGET/NAME`. What is signed is signed by
//! keys that are thrown away with the folder they were made in.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
};

use allpoints::{
    domain::{
        id::{AuthorityId, MessageId, StatementRef},
        limits::CARRIAGE_MAX,
        reason::Reason,
        receipt::{LeafHash, Receipt, Verdict},
        routing::{
            Effect, Handling, HandlingSet, Priority, Recipient, Routing, Status, TransferGround,
        },
        time::{Clock, Timestamp},
    },
    node::{CONFIG_REFERENCE, system::SystemClock},
    proto::{
        directory::v1::Bundle, envelope::v1 as envelope, evidence::v1 as evidence,
        exchange::v1 as exchange,
    },
    store::{
        disk::RealDisk,
        event::Event,
        journal::{Block, Journal, JournalConfig, NewEntry},
        keyring::{KeyEncryptionKey, Keyring},
    },
    trust::{
        federation::{self, Change, Setup, Terms},
        keys::{KeyUse, SigningKey},
        merkle,
        note::Checkpoint,
        pki::{self, AuthorityPlan, Contact},
    },
    wire::{
        self,
        generate::{Recipe, drafts},
    },
};
use prost::Message as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, pem::PemObject as _};

type Outcome<T> = Result<T, Box<dyn Error>>;

const ID: &str = "XA-POL";
/// Of all seeds: none follows the day on which they were made, where a clock can be chosen.
const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
/// Drafts of each kind, and what follows from them.
const EACH: usize = 11;

fn main() -> Outcome<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let put = |target: &str, name: &str, bytes: &[u8]| -> Outcome<()> {
        let folder = root.join(target);
        fs::create_dir_all(&folder)?;
        Ok(fs::write(folder.join(name), bytes)?)
    };
    alerts(&put)?;
    let folder = tempfile::tempdir()?;
    let bundle = directory(folder.path(), &put)?;
    evidence_file(bundle, &put)?;
    journal(folder.path(), &put)?;
    small_things(&put)
}

type Put<'a> = &'a dyn Fn(&str, &str, &[u8]) -> Outcome<()>;

/// Drafts, payloads, statements, receipts and frames.
fn alerts(put: Put<'_>) -> Outcome<()> {
    let id: AuthorityId = ID.parse()?;
    let other: AuthorityId = "XB-POL".parse()?;
    let recipe = Recipe {
        seed: 1,
        to: vec![other.to_string()],
        status: Status::Exercise,
        priority: None,
        now: NOW,
        payload_bytes: None,
    };
    for (number, draft) in drafts(recipe).take(EACH).enumerate() {
        let name = format!("generated-{number}");
        put("draft", &name, serde_json::to_string(&draft)?.as_bytes())?;
        let parsed = wire::alert::parse_draft(&draft, NOW).map_err(|it| format!("{it:?}"))?;
        put("payload", &name, &parsed.payload)?;
        let statement = StatementRef {
            origin: id,
            id: MessageId::from_parts(number as u64, [7; 10]),
        };
        let routing = Routing {
            statement,
            thread: statement,
            recipients: vec![Recipient {
                authority: other,
                thread_seq: 0,
                ground: TransferGround::Adequacy,
                ground_reason: String::new(),
            }],
            kind: parsed.kind,
            status: parsed.status,
            priority: Priority::Urgent,
            handling: HandlingSet::new([Handling::H1])?,
            handling_text: String::new(),
            issued_at: NOW,
            carried_until: NOW.plus(CARRIAGE_MAX / 30),
            in_reply_to: None,
            supersedes: None,
            release: None,
            effect: Effect::Starts,
            terms: <_>::default(),
        };
        let document = wire::encode_statement(&routing, [9; 16], &parsed.payload);
        put("statement", &name, &document)?;
        put("frame", &name, &frame(document.clone()))?;
    }
    let receipt = |verdict| Receipt {
        federation: "corpus".to_owned(),
        recipient: other,
        sender: id,
        message: MessageId::from_parts(3, [7; 10]),
        leaf: LeafHash([4; 32]),
        verdict,
        time: NOW,
        directory_version: 2,
        journal_index: 5,
    };
    put(
        "receipt",
        "held",
        &wire::encode_receipt(&receipt(Verdict::Held)),
    )?;
    let refused = receipt(Verdict::Refused(Reason::NotAddressed));
    put("receipt", "refused", &wire::encode_receipt(&refused))?;
    let greeting = exchange::Greeting {
        versions: vec![1],
        federation: "corpus".to_owned(),
        directory_version: 2,
        directory_hash: vec![1; 32],
        clock_us: NOW.as_micros(),
        lane: exchange::Lane::Fast.into(),
        limits: Some(exchange::Limits {
            statements_per_frame: 256,
            bytes_per_frame: 1 << 20,
            bytes_per_statement: 256 << 10,
            window_statements: 1024,
            window_bytes: 4 << 20,
        }),
    };
    let request = exchange::DeliverRequest {
        message: Some(exchange::deliver_request::Message::Greeting(greeting)),
    };
    put("frame", "greeting", &request.encode_to_vec())
}

/// A frame of one statement; its signature is of nobody, as the target never gets that far.
fn frame(document: bytes::Bytes) -> Vec<u8> {
    let batch = envelope::SignedBatch {
        header: vec![8; 80].into(),
        signature: vec![9; 64].into(),
        items: vec![envelope::SignedItem {
            document,
            index: 0,
            path: vec![],
        }],
    };
    let frame = exchange::Frame {
        number: 1,
        batches: vec![batch],
    };
    exchange::DeliverRequest {
        message: Some(exchange::deliver_request::Message::Frame(frame)),
    }
    .encode_to_vec()
}

/// A federation of one: its bundle, and its member's certificates and lists.
fn directory(folder: &Path, put: Put<'_>) -> Outcome<Vec<u8>> {
    let clock = SystemClock::new();
    let (home, council) = (folder.join(ID), folder.join("federation"));
    fs::create_dir_all(&home)?;
    let setup = Setup {
        name: "corpus".to_owned(),
        roots: 1,
        threshold: 1,
    };
    federation::init(&council, &setup, &clock)?;
    let plan = AuthorityPlan {
        id: ID.parse()?,
        name: "Police of nowhere".to_owned(),
        country: "XA".to_owned(),
        endpoints: vec!["127.0.0.1:1".to_owned()],
        contact: Contact {
            function: "Duty officer".to_owned(),
            telephone: "+999 1".to_owned(),
            email: "duty@example.invalid".to_owned(),
        },
        groups: vec![],
        federation: setup.name.clone(),
        desk_hosts: vec![],
    };
    pki::init(&home, &plan, &clock)?;
    let application = federation::read_application(&home.join("application.json"))?;
    let changes = [Change::Admit(Box::new(application))];
    let proposed = federation::propose(&council, &changes, Terms::default(), &clock)?;
    let root = SigningKey::load(&council.join("root-1.key"), KeyUse::Root)?;
    federation::sign(&proposed.to_sign.ok_or("nothing to sign")?, &root)?;
    let bundle = fs::read(federation::publish(&council, &clock)?.file)?;
    put("directory", "one-member", &bundle)?;

    for (name, file) in [("node", "node/exchange.pem"), ("ca", "ca/exchange-ca.pem")] {
        let certificate = CertificateDer::from_pem_file(home.join(file))?;
        put("certificate", name, &certificate)?;
    }
    let list = CertificateRevocationListDer::from_pem_file(home.join("exchange.crl"));
    if let Ok(list) = list {
        put("certificate", "list", &list)?;
    }
    let key = SigningKey::load(&home.join("keys/log.key"), KeyUse::Log)?;
    let checkpoint = Checkpoint {
        origin: format!("allpoints/{ID}/log/1"),
        size: 20,
        root: [6; 32],
    };
    put("note", "checkpoint", checkpoint.sign(&key).as_bytes())?;
    Ok(bundle)
}

/// A file that is written as evidence is, and proves nothing.
fn evidence_file(bundle: Vec<u8>, put: Put<'_>) -> Outcome<()> {
    let export = evidence::Export {
        version: 1,
        federation: "corpus".to_owned(),
        exporter: ID.to_owned(),
        exported_at_us: NOW.as_micros(),
        thread: Some(envelope::StatementRef {
            origin: ID.to_owned(),
            id: vec![7; 16],
        }),
        directories: vec![evidence::DirectoryVersion {
            version: 1,
            bundle: Some(Bundle::decode(bundle.as_slice())?),
        }],
        ..<_>::default()
    };
    put("evidence", "empty-thread", &export.encode_to_vec())
}

/// A journal of two entries: its segment header, group header and blocks, each by itself.
fn journal(folder: &Path, put: Put<'_>) -> Outcome<()> {
    const GROUP_AT: usize = 4096;
    let store = folder.join("store");
    fs::create_dir_all(&store)?;
    let key_file = folder.join("store.key");
    KeyEncryptionKey::generate(&key_file)?;
    let config = JournalConfig {
        folder: store.clone(),
        key_file,
        segment_bytes: 1 << 20,
        clock: Arc::new(SystemClock::new()) as Arc<dyn Clock>,
    };
    let (journal, _) = Journal::open(config, Arc::new(RealDisk))?;
    let refused = Event::RefusedInput {
        peer: "XB-POL".parse()?,
        reason: Reason::BadSignature,
        leaf: Some(LeafHash([3; 32])),
    };
    let (done, synced) = mpsc::channel();
    let mut entries = Vec::new();
    for (index, event) in (0..).zip([Event::Started, refused]) {
        let (header, body) = event.to_entry(index, NOW);
        put("entry", &format!("act-{index}"), &header.encode())?;
        entries.push(NewEntry {
            header,
            body,
            signature: None,
            receipt: None,
        });
    }
    journal.append(Block {
        ticket: 0,
        entries,
        batches: vec![],
        // Nobody waits any more only when this program has ended.
        done: Box::new(move || done.send(()).unwrap_or_default()),
    });
    synced.recv()?;
    let bytes = fs::read(first_segment(&store)?)?;
    let part = |from: usize, to: usize| bytes.get(from..to).unwrap_or_default();
    put("journal", "segment-header", part(0, GROUP_AT))?;
    put("journal", "group", part(GROUP_AT, GROUP_AT + 4096))?;
    for skip in [96, 128] {
        let blocks = part(GROUP_AT + skip, GROUP_AT + 2048);
        put("journal", &format!("blocks-{skip}"), blocks)?;
    }
    // The head alone: what is wrapped stays here.
    let mut keyring = fs::read(Keyring::path(&store))?;
    keyring.iter_mut().skip(32).for_each(|byte| *byte = 0);
    put("keyring", "head", &keyring)?;
    journal.close()?;
    Ok(())
}

fn first_segment(store: &Path) -> Outcome<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(store.join("journal"))?
        .map(|entry| entry.map(|it| it.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    Ok(files.into_iter().next().ok_or("no segment")?)
}

/// What is written in one line.
fn small_things(put: Put<'_>) -> Outcome<()> {
    let leaves: Vec<_> = (0..5u8).map(|leaf| merkle::leaf(&[leaf])).collect();
    for index in 0..leaves.len() {
        let path = merkle::path(&leaves, index).ok_or("a path")?;
        let head = [index as u64, leaves.len() as u64].map(u64::to_le_bytes);
        let seed = [head.as_flattened(), &leaves[index], path.as_flattened()].concat();
        put("proofs", &format!("leaf-{index}-of-5"), &seed)?;
    }
    // The specimens of ICAO Doc 9303, parts 4 to 7.
    for (name, zone) in [
        (
            "td3",
            "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10",
        ),
        (
            "td1",
            "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<",
        ),
        (
            "td2",
            "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<6",
        ),
    ] {
        put("mrz", name, zone.as_bytes())?;
    }
    for (number, name) in [
        "XA-POL",
        "allpoints://XA-POL/node/1",
        "allpoints://XA-POL/desk/officer/duty-7",
        "XA\u{202e}POL",
    ]
    .iter()
    .enumerate()
    {
        put("names", &number.to_string(), name.as_bytes())?;
    }
    put("configuration", "reference", CONFIG_REFERENCE.as_bytes())?;
    let frames = [
        &[7][..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &[0, 0, 0, 4, 0, 0, 0, 0, 0],
        &[0, 0, 3, 1, 4, 0, 0, 0, 1, 0x83, 0x86, 0x84],
        &[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 11],
    ];
    put("http2", "a-call-and-a-farewell", &frames.concat())?;
    // A record of the view is written by the program alone; a few bytes are enough to begin with.
    put(
        "view",
        "short",
        &[1, 0, 0, 2, 6, b'X', b'A', b'-', b'P', b'O', b'L'],
    )
}
