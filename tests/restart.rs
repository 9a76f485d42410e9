//! What a node finds again when it starts: after damage to its view, to the end of its journal and to its middle,
//! and after SIGKILL between a commit and its answer. The real program, real files.
//!
//! ```text
//!  officer --desk--> XA-POL ==exchange==> XB-POL     child processes; between two starts their files are changed
//! ```

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot be set up fails"
)]

#[path = "common/fleet.rs"]
mod fleet;

use std::{
    fs,
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use allpoints::{
    domain::{
        id::{MessageId, StatementRef},
        routing::Status,
        time::Clock as _,
    },
    proto::{
        alert::v1::Draft,
        desk::v1::{
            Box as ListBox, DeliveryState, ListRequest, StatusRequest, SubmitRequest, Submitted,
            Summary,
        },
    },
    store::{
        disk::RealDisk,
        entry::{Act, EntryHeader},
        journal::{Journal, check},
    },
    trust::merkle::{Frontier, leaf},
    wire::generate::{Recipe, drafts},
};
use fleet::{Desk, Fleet};

const XA: usize = 0;
const XB: usize = 1;

fn founded() -> Fleet {
    let program = env!("CARGO_BIN_EXE_allpoints");
    Fleet::found(program.as_ref(), &["XA-POL", "XB-POL"]).unwrap()
}

fn alerts(fleet: &Fleet, seed: u64, count: usize) -> Vec<Draft> {
    let recipe = Recipe {
        seed,
        to: vec!["XB-POL".to_owned()],
        status: Status::Exercise,
        priority: None,
        now: fleet.clock().now(),
        payload_bytes: None,
    };
    drafts(recipe).take(count).collect()
}

async fn desk(fleet: &Fleet, at: usize) -> Desk {
    fleet.members()[at].door.open().await.unwrap()
}

async fn submit(desk: &mut Desk, drafts: Vec<Draft>) -> Result<Vec<Submitted>, tonic::Status> {
    let request = SubmitRequest {
        drafts,
        dry_run: false,
        ..<_>::default()
    };
    Ok(desk.submit(request).await?.into_inner().submitted)
}

/// A whole box, newest first.
async fn listed(fleet: &Fleet, at: usize, list: ListBox) -> Vec<Summary> {
    let mut desk = desk(fleet, at).await;
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let request = ListRequest {
            r#box: list.into(),
            limit: 200,
            cursor,
            ..<_>::default()
        };
        let page = desk.list(request).await.unwrap().into_inner();
        all.extend(page.items);
        if page.next_cursor.is_empty() {
            return all;
        }
        cursor = page.next_cursor;
    }
}

/// Two nodes, some alerts from one to the other, delivered; both stopped. Gives XA's outbox and XB's inbox.
async fn exchanged(count: usize) -> (Fleet, Vec<Summary>, Vec<Summary>) {
    let mut fleet = founded();
    fleet.start(XA).unwrap();
    fleet.start(XB).unwrap();
    let drafts = alerts(&fleet, 11, count);
    submit(&mut desk(&fleet, XA).await, drafts).await.unwrap();
    let outbox = delivered(&fleet, count).await;
    let inbox = listed(&fleet, XB, ListBox::In).await;
    assert_eq!(inbox.len(), count);
    fleet.stop(XA).unwrap();
    fleet.stop(XB).unwrap();
    (fleet, outbox, inbox)
}

/// XA's outbox, once all of it is delivered.
async fn delivered(fleet: &Fleet, count: usize) -> Vec<Summary> {
    for _ in 0..1500 {
        let outbox = listed(fleet, XA, ListBox::Out).await;
        let is_there = |it: &Summary| it.deliveries[0].state() == DeliveryState::Delivered;
        if outbox.len() == count && outbox.iter().all(is_there) {
            return outbox;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("waited in vain for {count} deliveries");
}

fn view_of(fleet: &Fleet, at: usize) -> PathBuf {
    fleet.members()[at].config.store.folder.join("view")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    let (folders, mut found): (Vec<_>, Vec<_>) = all.partition(|path| path.is_dir());
    found.extend(folders.iter().flat_map(|folder| files(folder)));
    found
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&file, target).unwrap();
    }
}

fn flip(file: &Path, at: u64) {
    let mut open = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(file)
        .unwrap();
    let mut byte = [0];
    open.seek(SeekFrom::Start(at)).unwrap();
    open.read_exact(&mut byte).unwrap();
    open.seek(SeekFrom::Start(at)).unwrap();
    open.write_all(&[byte[0] ^ 0x5a]).unwrap();
}

type Damage = (&'static str, fn(&Path, &Path));

/// What may become of sled's folder between two starts; the second folder is another store's view.
const DAMAGES: [Damage; 6] = [
    ("untouched", |_, _| ()),
    ("deleted", |view, _| fs::remove_dir_all(view).unwrap()),
    ("truncated", |view, _| {
        for file in files(view) {
            let open = fs::OpenOptions::new().write(true).open(file).unwrap();
            open.set_len(open.metadata().unwrap().len() / 3).unwrap();
        }
    }),
    ("bytes flipped", |view, _| {
        for file in files(view) {
            let length = fs::metadata(&file).unwrap().len().min(1 << 16);
            (0..length).step_by(61).for_each(|at| flip(&file, at));
        }
    }),
    ("emptied", |view, _| {
        files(view)
            .iter()
            .for_each(|file| fs::write(file, b"").unwrap());
    }),
    ("of another store", |view, other| {
        fs::remove_dir_all(view).unwrap();
        copy(other, view);
    }),
];

/// Verifies that whatever became of the view, both boxes are as they were, with every state in them.
#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_is_damaged_between_two_starts_comes_back_whole() {
    let (mut fleet, outbox, inbox) = exchanged(120).await;
    let (own, other) = (view_of(&fleet, XA), view_of(&fleet, XB));
    let spare = tempfile::tempdir().unwrap();
    let (own_kept, other_kept) = (spare.path().join("xa"), spare.path().join("xb"));
    copy(&own, &own_kept);
    copy(&other, &other_kept);
    for (damage, spoil) in DAMAGES {
        spoil(&own, &other_kept);
        spoil(&other, &own_kept);
        fleet.start(XA).expect(damage);
        fleet.start(XB).expect(damage);
        assert_eq!(listed(&fleet, XA, ListBox::Out).await, outbox, "{damage}");
        assert_eq!(listed(&fleet, XB, ListBox::In).await, inbox, "{damage}");
        fleet.stop(XA).unwrap();
        fleet.stop(XB).unwrap();
    }
}

/// The segments of a stopped node's journal, in order.
fn segments(fleet: &Fleet, at: usize) -> Vec<PathBuf> {
    let folder = fleet.members()[at].config.store.folder.join("journal");
    let mut all = files(&folder);
    all.retain(|file| file.extension().is_some_and(|it| it == "segment"));
    all.sort();
    all
}

/// Where what was written ends: behind it the file is zeros.
fn written_bytes(file: &Path) -> u64 {
    let bytes = fs::read(file).unwrap();
    bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at as u64 + 1)
}

/// Headers of a stopped node's journal, and what the check of it found.
fn journal_of(fleet: &Fleet, at: usize) -> (Vec<EntryHeader>, Frontier) {
    let config = || fleet.members()[at].journal(fleet.clock());
    let report = check(&config(), &RealDisk, &mut |_| {}).unwrap();
    assert_eq!(report.findings, []);
    let (journal, _) = Journal::open(config(), Arc::new(RealDisk)).unwrap();
    let mut tree = Frontier::default();
    let mut headers = Vec::new();
    for header in journal.headers(0) {
        let (_, bytes) = header.unwrap();
        tree.push(leaf(&bytes));
        headers.push(EntryHeader::decode(&bytes).unwrap());
    }
    assert_eq!(journal.head(), (tree.size(), tree.root()));
    journal.close().unwrap();
    (headers, tree)
}

fn tails_cut(headers: &[EntryHeader]) -> usize {
    headers.iter().filter(|it| it.act == Act::TailCut).count()
}

/// Verifies that garbage behind the last group, and a last group of which a part is missing, are cut, that the
/// cut is journaled, and that everything acknowledged before is still there.
#[tokio::test(flavor = "multi_thread")]
async fn a_torn_end_is_cut_and_the_cut_is_journaled() {
    let (mut fleet, outbox, _) = exchanged(20).await;
    assert_eq!(tails_cut(&journal_of(&fleet, XA).0), 0);
    let newest = |fleet: &Fleet| {
        let in_use = |file: &PathBuf| written_bytes(file) > 512;
        segments(fleet, XA).into_iter().rfind(in_use).unwrap()
    };
    // Half a group: a copy of what a group begins with, behind the last.
    let file = newest(&fleet);
    let end = written_bytes(&file).next_multiple_of(512);
    let mut open = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&file)
        .unwrap();
    open.seek(SeekFrom::Start(end)).unwrap();
    open.write_all(&[0xA5; 1500]).unwrap();
    drop(open);
    fleet.start(XA).unwrap();
    assert_eq!(listed(&fleet, XA, ListBox::Out).await, outbox);
    fleet.stop(XA).unwrap();
    assert_eq!(
        tails_cut(&journal_of(&fleet, XA).0),
        1,
        "garbage behind the end"
    );
    // The last group loses its end.
    let file = newest(&fleet);
    flip(&file, written_bytes(&file) - 1);
    fleet.start(XA).unwrap();
    assert_eq!(listed(&fleet, XA, ListBox::Out).await, outbox);
    fleet.stop(XA).unwrap();
    assert_eq!(
        tails_cut(&journal_of(&fleet, XA).0),
        2,
        "a last group that is torn"
    );
}

/// Verifies that damage before the last group refuses the start, names the file and the command, and that the
/// node starts again when the file is as it was.
#[tokio::test(flavor = "multi_thread")]
async fn damage_in_the_middle_refuses_the_start_and_names_the_file() {
    let (mut fleet, outbox, _) = exchanged(20).await;
    let file = segments(&fleet, XA).remove(0);
    let place = written_bytes(&file) / 3;
    flip(&file, place);
    let refused = fleet.start(XA).unwrap_err().to_string();
    let name = file.file_name().unwrap().to_string_lossy();
    for named in [&*name, "damaged", "allpoints store check"] {
        assert!(refused.contains(named), "expected `{named}` in: {refused}");
    }
    fleet.kill(XA);
    flip(&file, place);
    fleet.start(XA).unwrap();
    assert_eq!(listed(&fleet, XA, ListBox::Out).await, outbox);
}

/// Verifies that over restarts and kills every root told is the root of a prefix of the log (RFC 6962).
#[tokio::test(flavor = "multi_thread")]
async fn row_36_the_log_only_grows_over_restarts_and_kills() {
    let mut fleet = founded();
    let mut told = Vec::new();
    for round in 0..6 {
        fleet.start(XA).unwrap();
        let mut desk = desk(&fleet, XA).await;
        let drafts = alerts(&fleet, round, 3);
        submit(&mut desk, drafts).await.unwrap();
        let status = desk.status(StatusRequest {}).await.unwrap().into_inner();
        told.push((status.journal_entries, status.journal_root));
        if round % 2 == 0 {
            fleet.kill(XA);
        } else {
            fleet.stop(XA).unwrap();
        }
    }
    assert!(told.is_sorted_by_key(|(size, _)| *size));
    let config = fleet.members()[XA].journal(fleet.clock());
    let (journal, _) = Journal::open(config, Arc::new(RealDisk)).unwrap();
    let mut tree = Frontier::default();
    let mut found = Vec::new();
    for header in journal.headers(0) {
        tree.push(leaf(&header.unwrap().1));
        found.push((tree.size(), tree.root().to_vec()));
    }
    for head in &told {
        assert!(
            found.contains(head),
            "the log of {} entries had another root",
            head.0
        );
    }
    let mut other = told[0].clone();
    other.1[0] ^= 1;
    assert!(!found.contains(&other), "the look can fail");
}

/// Where the node ends itself after a submit has left, and whether the alert must then be here, or must not.
const PLACES: [(&str, u64, Option<bool>); 9] = [
    // Between commit and reply.
    ("acknowledge-before", 1, Some(true)),
    ("acknowledge-after", 1, Some(true)),
    // Some of these groups hold the start, some the submit.
    ("write-before", 3, None),
    ("write-before", 4, None),
    ("write-after", 3, None),
    ("write-after", 4, None),
    ("sync-after", 3, None),
    ("sync-after", 4, None),
    ("sync-after", 5, None),
];

/// Verifies that a node that dies after the submit left, before or after the commit or right between commit and
/// reply, has the alert once when the submit is repeated with the same id, and says whether it knew it.
#[tokio::test(flavor = "multi_thread")]
async fn row_36_a_submit_that_is_repeated_after_a_death_at_each_point_makes_one_alert() {
    let mut fleet = founded();
    let mut ids = Vec::new();
    for (number, (point, time, expected)) in (0..).zip(PLACES) {
        let draft = alerts(&fleet, 100 + number, 1).remove(0);
        ids.push(draft.id.clone());
        fleet.launch_failing(XA, point, time).unwrap();
        // It may end while it starts: then the submit does not even leave.
        let ready = fleet.ready(XA).is_ok();
        let door = fleet.members()[XA].door.clone();
        let answered = match door.open().await {
            Ok(mut desk) if ready => submit(&mut desk, vec![draft.clone()]).await.is_ok(),
            _ => false,
        };
        for _ in 0..100 {
            if fleet.has_ended(XA).unwrap() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if expected.is_some() {
            assert!(fleet.has_ended(XA).unwrap(), "{point} was not reached");
        }
        fleet.kill(XA);
        fleet.start(XA).unwrap();
        let here = held(&fleet, &draft.id).await;
        assert!(here || !answered, "answered, and gone: {point}");
        if let Some(expected) = expected {
            assert_eq!(here, expected, "{point}");
        }
        if point == "acknowledge-before" {
            assert!(!answered, "it died before its word");
        }
        let again = submit(&mut desk(&fleet, XA).await, vec![draft.clone()])
            .await
            .unwrap();
        assert_eq!(again[0].repeated_submission, here, "{point} {time}");
        assert!(held(&fleet, &draft.id).await);
        fleet.kill(XA);
    }
    let (headers, _) = journal_of(&fleet, XA);
    for id in ids {
        let statement = StatementRef {
            origin: fleet.members()[XA].id,
            id: id.parse::<MessageId>().unwrap(),
        };
        let accepted = |it: &&EntryHeader| it.act == Act::Accepted && it.subject == Some(statement);
        assert_eq!(headers.iter().filter(accepted).count(), 1, "{id}");
    }
}

/// `allpoints store` on a member's configuration: exit code, and all that it said.
fn store(fleet: &Fleet, at: usize, command: &str) -> (i32, String) {
    let id = fleet.members()[at].id.to_string();
    let config = fleet.folder().join(id).join("node.toml");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_allpoints"))
        .args(["store", command])
        .arg(config)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// Verifies that `store repair` lets a node start whose journal is damaged in the middle, that the node asks its
/// partner by itself, that everything comes back once, and that both sides journal it.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_damaged_is_repaired_and_comes_back_from_the_partner() {
    let (mut fleet, _, inbox) = exchanged(20).await;
    let file = segments(&fleet, XB).remove(0);
    let bytes = fs::read(&file).unwrap();
    let sectors = bytes.chunks(512).enumerate();
    let groups = sectors.filter(|(_, sector)| sector.starts_with(b"APGR\x01\0\0\0"));
    let groups: Vec<u64> = groups.map(|(at, _)| at as u64 * 512).collect();
    assert!(groups.len() > 4, "{groups:?}");
    // The largest group holds statements; its first entry header, and all behind it in that block, are lost.
    let length = |at: &u64| {
        let at = usize::try_from(*at).unwrap() + 8;
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
    };
    let last = groups[groups.len() - 1];
    let inner = groups.iter().filter(|at| **at > groups[1] && **at < last);
    let largest = inner.max_by_key(|at| length(at)).unwrap();
    flip(&file, largest + 96 + 20);
    let refused = fleet.start(XB).unwrap_err().to_string();
    assert!(refused.contains("allpoints store repair"), "{refused}");
    fleet.kill(XB);
    let (code, said) = store(&fleet, XB, "check");
    assert!(code == 6 && said.contains("1 group, entries"), "{said}");
    let (code, said) = store(&fleet, XB, "repair");
    assert!(code == 0 && said.contains("lost: "), "{said}");
    assert!(said.contains("damaged-1"), "{said}");
    let (code, said) = store(&fleet, XB, "check");
    assert!(
        code == 0 && said.contains("are missing since a repair"),
        "{said}"
    );
    fleet.start(XA).unwrap();
    fleet.start(XB).unwrap();
    let mut alarms = Vec::new();
    for _ in 0..400 {
        let status = desk(&fleet, XB).await.status(StatusRequest {}).await;
        alarms = status.unwrap().into_inner().alarms;
        if !alarms.iter().any(|it| it.contains("not asked yet")) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let waiting = alarms.iter().any(|it| it.contains("not asked yet"));
    assert!(!waiting, "{alarms:?}");
    let names = |box_: &[Summary]| -> std::collections::BTreeSet<Vec<u8>> {
        let named = box_.iter().filter_map(|it| it.statement.as_ref());
        named.map(|it| it.id.clone()).collect()
    };
    let back = listed(&fleet, XB, ListBox::In).await;
    assert_eq!(back.len(), inbox.len(), "once each");
    assert_eq!(names(&back), names(&inbox));
    fleet.stop(XA).unwrap();
    fleet.stop(XB).unwrap();
    let count = |headers: &[EntryHeader], act| headers.iter().filter(|it| it.act == act).count();
    let (given, _) = journal_of(&fleet, XA);
    let (regained, _) = journal_of(&fleet, XB);
    assert!(count(&given, Act::GivenBack) > 0);
    assert_eq!(
        count(&given, Act::GivenBack),
        count(&regained, Act::Reclaimed)
    );
    assert_eq!(count(&regained, Act::ReclaimEnded), 1);
    assert_eq!(count(&regained, Act::EpochBegun), 1);
}

async fn held(fleet: &Fleet, id: &str) -> bool {
    let outbox = listed(fleet, XA, ListBox::Out).await;
    let id: MessageId = id.parse().unwrap();
    let mut named = outbox.iter().filter_map(|it| it.statement.as_ref());
    named.any(|it| it.id == id.as_bytes())
}
