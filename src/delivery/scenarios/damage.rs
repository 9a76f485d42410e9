//! 500 times one thing is wrong in the folder of a stopped node: a bit, or the end of a file.
//!
//! ```text
//!   XA-POL <==> XB-POL, XC-POL     statements both ways, answers, receipts
//!      |
//!   stopped: journal, keyring, view --one bit or a shorter file--> opened: all as it was, or told
//!                                                            \--> refused: repaired, opened, all as it was but
//!                                                                 what the repair calls lost
//! ```
//!
//! Verifies that nothing damaged is served, that no damage makes a start that is silently empty or shorter, and that
//! a repair keeps all that it does not call lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::net::{Net, id, update};
use crate::{
    domain::time::{Clock, Timestamp},
    store::{
        OpenError, Recovery, Store,
        disk::{Disk as _, simulated::SimulatedDisk},
        testing::TestDisk,
        view::{memory::MemoryView, sled::SledView},
    },
    trust::testing::NOW,
};

const TRIALS: u64 = 500;
const SEED: u64 = 7;
const SEGMENT: &str = "/store/journal/0000000000.segment";
const KEYRING: &str = "/store/keyring";

#[derive(Debug)]
struct Still;
impl Clock for Still {
    fn now(&self) -> Timestamp {
        NOW
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// What is damaged in a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    LiveJournal,
    LastGroup,
    Seal,
    Zeros,
    Padding,
    Keyring,
    View,
    JournalCut,
    KeyringCut,
    ViewCut,
}

impl Target {
    /// Of 20 trials, how many.
    const SHARES: [(Self, u64); 10] = [
        (Self::LiveJournal, 8),
        (Self::LastGroup, 2),
        (Self::Seal, 1),
        (Self::Zeros, 1),
        (Self::Padding, 1),
        (Self::Keyring, 2),
        (Self::View, 2),
        (Self::JournalCut, 1),
        (Self::KeyringCut, 1),
        (Self::ViewCut, 1),
    ];

    fn of(trial: u64) -> Self {
        let mut at = trial % 20;
        for (target, share) in Self::SHARES {
            if at < share {
                return target;
            }
            at -= share;
        }
        Self::LiveJournal
    }
}

/// What came of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    /// The start was refused, and the fault named.
    Refused,
    /// It was, and the journal was repaired.
    Repaired,
    /// The last group was cut, and that was journaled.
    Cut,
    /// The view was thrown away and made anew.
    ViewRebuilt,
    /// Everything is as it was.
    Harmless,
}

struct Dice(u64);
impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound.max(1)
    }
}

/// The stopped node as it was.
struct Truth {
    disk: TestDisk,
    view: tempfile::TempDir,
    /// Header and body of every entry.
    entries: Vec<(Vec<u8>, Vec<u8>)>,
    records: usize,
    /// Where each group with entries begins, and its bytes up to its padding.
    groups: Vec<(u64, u64)>,
    seal: u64,
    end: u64,
}

/// Statements both ways, answered, all delivered; stopped in order.
async fn real_content() -> TestDisk {
    let mut net = Net::new();
    net.well().await;
    for round in 0..12 {
        let own = net.send("XA", &["XB", "XC"]).await;
        net.until_delivered("XA", own, "XB").await;
        let foreign = net.send("XB", &["XA"]).await;
        net.until_delivered("XB", foreign, "XA").await;
        if round % 3 == 0 {
            let more = net.about(own, update("more is known"));
            let more = net.submit("XA", more).await.unwrap().statement;
            net.until_delivered("XA", more, "XC").await;
        }
    }
    let mut stopped = None;
    net.restart_after("XA", |disk| {
        stopped = Some(disk.over(disk.files().killed()));
    })
    .await;
    stopped.unwrap()
}

impl Truth {
    async fn of(disk: TestDisk) -> Self {
        let bytes = disk.files().snapshot()[Path::new(SEGMENT)].clone();
        let offsets = |magic: &[u8]| -> Vec<u64> {
            let sectors = bytes.chunks(512).enumerate();
            let found = sectors.filter(|(_, sector)| sector.starts_with(magic));
            found.map(|(at, _)| at as u64 * 512).collect()
        };
        let length = |offset: u64| {
            let at = offset as usize + 8;
            96 + u64::from(u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()))
        };
        let groups = offsets(b"APGR\x01\0\0\0").into_iter();
        let groups: Vec<(u64, u64)> = groups.map(|at| (at, length(at))).collect();
        let seal = *offsets(b"APGR\x02\0\0\0").last().unwrap();
        assert!(groups.iter().all(|(at, _)| *at < seal), "stopped in order");
        let view = tempfile::tempdir().unwrap();
        let over = disk.over(disk.files().killed());
        let (store, _) = opened(&over, Some(view.path())).unwrap();
        let truth = Self {
            entries: content(&store),
            records: store.read(|ledger| ledger.message_count()).await.unwrap() as usize,
            disk,
            view,
            groups,
            seal,
            end: seal + 96,
        };
        store.close().await.unwrap();
        assert!(truth.entries.len() > 60 && truth.records >= 28);
        truth
    }

    /// A byte of the segment's header, or of any group but the seals.
    fn live(&self, dice: &mut Dice) -> u64 {
        let all: u64 = self.groups.iter().map(|(_, length)| length).sum();
        let mut at = dice.below(80 + all);
        if at < 80 {
            return at;
        }
        at -= 80;
        for (offset, length) in &self.groups {
            if at < *length {
                return offset + at;
            }
            at -= length;
        }
        0
    }

    fn is_live(&self, at: u64) -> bool {
        let in_group = |(offset, length): &(u64, u64)| (*offset..offset + length).contains(&at);
        at < self.end && (at % 512 < 96 || self.groups.iter().any(in_group))
    }
}

fn opened(disk: &TestDisk, view: Option<&Path>) -> Result<(Store, Recovery), OpenError> {
    let own = id("XA");
    match view {
        None => disk.open_over(Arc::new(MemoryView::default()), own, Arc::new(Still)),
        Some(folder) => {
            let (view, _) = SledView::open(folder).unwrap();
            disk.open_over(Arc::new(view), own, Arc::new(Still))
        }
    }
}

/// Everything that a store serves, entry by entry; nothing for what it says is lost.
fn content(store: &Store) -> Vec<(Vec<u8>, Vec<u8>)> {
    let headers = store.headers(0).map(|header| header.unwrap());
    headers
        .map(|(index, header)| {
            let body = store.entry(index).map(|entry| entry.body.to_vec());
            (header.to_vec(), body.unwrap_or_default())
        })
        .collect()
}

/// Damages what is copied here.
fn damage(target: Target, dice: &mut Dice, truth: &Truth, disk: &SimulatedDisk, view: &Path) {
    let flip = |file: &str, at: u64, bit: u64| {
        disk.corrupt(Path::new(file), at, |bytes| bytes[0] ^= 1 << bit);
    };
    let bit = dice.below(8);
    match target {
        Target::LiveJournal => flip(SEGMENT, truth.live(dice), bit),
        Target::LastGroup => {
            let (at, length) = truth.groups[truth.groups.len() - 1];
            flip(SEGMENT, at + dice.below(length), bit);
        }
        Target::Seal => flip(SEGMENT, truth.seal + dice.below(96), bit),
        Target::Zeros => {
            let bytes = disk.snapshot()[Path::new(SEGMENT)].clone();
            let zeros: Vec<u64> = (0..bytes.len() as u64)
                .filter(|at| !truth.is_live(*at) && *at > 512)
                .collect();
            flip(SEGMENT, zeros[dice.below(zeros.len() as u64) as usize], bit);
        }
        Target::Padding => {
            // Behind the blocks of a group, up to the next sector: no checksum covers what nothing reads.
            let (at, length) = truth.groups[dice.below(truth.groups.len() as u64) as usize];
            let end = (at + length).next_multiple_of(512);
            if end > at + length {
                flip(SEGMENT, at + length + dice.below(end - at - length), bit);
            }
        }
        Target::Keyring => {
            let length = disk.snapshot()[Path::new(KEYRING)].len() as u64;
            flip(KEYRING, dice.below(length), bit);
        }
        Target::JournalCut => cut(disk, SEGMENT, dice.below(truth.end)),
        Target::KeyringCut => {
            let length = disk.snapshot()[Path::new(KEYRING)].len() as u64;
            cut(disk, KEYRING, dice.below(length));
        }
        Target::View | Target::ViewCut => {
            let mut files: Vec<PathBuf> = files(view);
            files.retain(|file| fs::metadata(file).unwrap().len() > 0);
            let file = &files[dice.below(files.len() as u64) as usize];
            let mut bytes = fs::read(file).unwrap();
            let mut at = dice.below(bytes.len() as u64) as usize;
            if target == Target::View {
                let written: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
                at = written[dice.below(written.len() as u64) as usize];
                bytes[at] ^= 1 << bit;
            } else {
                bytes.truncate(at);
            }
            fs::write(file, bytes).unwrap();
        }
    }
}

fn cut(disk: &SimulatedDisk, file: &str, length: u64) {
    let open = disk.open(Path::new(file)).unwrap();
    open.truncate(length).unwrap();
    open.sync_all().unwrap();
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

fn copied(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for file in files(from) {
        let target = to.path().join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&file, target).unwrap();
    }
    to
}

async fn trial(target: Target, dice: &mut Dice, truth: &Truth) -> End {
    let disk = truth.disk.over(truth.disk.files().killed());
    let touches_view = matches!(target, Target::View | Target::ViewCut);
    let view = touches_view.then(|| copied(truth.view.path()));
    let folder = view.as_ref().map(tempfile::TempDir::path);
    damage(
        target,
        dice,
        truth,
        disk.files(),
        folder.unwrap_or(Path::new("")),
    );
    match opened(&disk, folder) {
        Ok((store, recovery)) => {
            let had = view.as_ref().map_or(View::None, |_| View::Kept);
            let end = started(&store, &recovery, truth, had).await;
            store.close().await.unwrap();
            end
        }
        Err(error) => {
            let told = error.to_string();
            let named = ["segment", "keyring"]
                .iter()
                .any(|name| told.contains(name));
            assert!(named, "the file is named: {told}");
            if matches!(target, Target::Keyring | Target::KeyringCut) {
                return End::Refused;
            }
            repaired(&disk, truth).await;
            End::Repaired
        }
    }
}

/// Whether a trial has a view beside its journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    Kept,
    None,
}

/// It started: all is as it was, or the end was cut and that was said.
async fn started(store: &Store, recovery: &Recovery, truth: &Truth, view: View) -> End {
    let found = content(store);
    let before = usize::try_from(recovery.entries).unwrap();
    assert_eq!(
        found[..before],
        truth.entries[..before],
        "nothing else is served"
    );
    let records = store.read(|ledger| ledger.message_count()).await.unwrap() as usize;
    if before < truth.entries.len() {
        assert!(recovery.tail_cut_bytes > 0, "never silently shorter");
        assert!(recovery.loss.ask_since.is_some(), "partners are asked");
        assert!(before > 60, "only the last group");
        return End::Cut;
    }
    assert_eq!(records, truth.records);
    // Without a view all is replayed.
    let had_none = view == View::None;
    match (recovery.tail_cut_bytes, recovery.replayed) {
        (1.., _) => End::Cut,
        (0, 1..) if !had_none => End::ViewRebuilt,
        (0, _) => End::Harmless,
    }
}

/// Repaired: what is not called lost is as it was, under its index; what is, is not served.
async fn repaired(disk: &TestDisk, truth: &Truth) {
    let checked = disk.check(Arc::new(Still)).unwrap();
    assert!(
        !checked.findings.is_empty(),
        "check finds what start refuses"
    );
    let report = disk.repair(Arc::new(Still));
    assert_eq!(report.holes, checked.holes, "and says what repair mends");
    assert_eq!(disk.check(Arc::new(Still)).unwrap().findings, []);
    let (store, recovery) = opened(disk, None).unwrap();
    let found = content(&store);
    let known = usize::try_from(recovery.entries).unwrap();
    let lost: BTreeSet<u64> = report
        .missing
        .iter()
        .chain(&report.bodies_lost)
        .copied()
        .collect();
    for (index, (header, body)) in (0..).zip(&truth.entries).take(known) {
        let (found_header, found_body) = &found[index as usize];
        if lost.contains(&index) {
            assert!(found_body.is_empty() || found_body == body);
            assert!(found_header == header || report.missing.contains(&index));
            continue;
        }
        assert_eq!((found_header, found_body), (header, body), "entry {index}");
    }
    let told: Vec<u64> = recovery
        .loss
        .missing
        .iter()
        .map(|entry| entry.index)
        .collect();
    assert_eq!(told, lost.iter().copied().collect::<Vec<_>>());
    let is_less = known < truth.entries.len() || !lost.is_empty();
    assert_eq!(
        recovery.loss.ask_since.is_some(),
        is_less,
        "partners are asked"
    );
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::print_stdout, reason = "the spread is what is reported")]
async fn five_hundred_flips_and_cuts_are_found_or_harmless() {
    let truth = Truth::of(real_content().await).await;
    let mut dice = Dice(SEED);
    let mut spread: BTreeMap<(Target, End), u64> = BTreeMap::new();
    for number in 0..TRIALS {
        let target = Target::of(number);
        let end = trial(target, &mut dice, &truth).await;
        *spread.entry((target, end)).or_default() += 1;
    }
    println!(
        "{TRIALS} trials, seed {SEED}, {} entries:",
        truth.entries.len()
    );
    for ((target, end), count) in &spread {
        println!("{count:4} {target:?}: {end:?}");
    }
    let of = |wanted: Target| -> u64 {
        let counts = spread.iter().filter(|((target, _), _)| *target == wanted);
        counts.map(|(_, count)| count).sum()
    };
    let live = of(Target::LiveJournal) + of(Target::LastGroup) + of(Target::Seal);
    assert!(live * 2 >= TRIALS, "{live} inside live journal bytes");
    for (target, _) in Target::SHARES {
        assert!(of(target) > 0, "{target:?}");
    }
    let found = |target, end| spread.contains_key(&(target, end));
    assert!(found(Target::LiveJournal, End::Repaired) && found(Target::View, End::ViewRebuilt));
    let harmless: Vec<_> = [Target::LiveJournal, Target::LastGroup, Target::Keyring]
        .into_iter()
        .filter(|target| found(*target, End::Harmless))
        .collect();
    assert_eq!(harmless, [], "every flip of a live byte is found");
}
