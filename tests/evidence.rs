//! What leaves the node as evidence proves itself offline, and nothing else does.
//!
//! ```text
//!  XA-POL ==alert==> XB-POL          XC-POL is down: it gives no receipt
//!         <=hit, sighting==
//!         ==instruction, recall==>   auditor of XA-POL --export--> file --verify--> claims
//! ```

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

mod common;

use allpoints::{
    cli::verify::{
        check,
        report::{Report, Standing, Verdict},
    },
    domain::id::MessageId,
    proto::{
        alert::v1::{self as alert, payload::Kind},
        desk::v1 as pb,
        envelope::v1::{Recipient, StatementRef, TransferGround},
        evidence::v1::Export,
    },
    trust::{
        keys::{KeyUse, SigningKey},
        merkle,
        note::{Checkpoint, log_origin},
        tls::Role,
    },
};
use common::{Desk, Net, until};
use prost::Message as _;
use std::collections::BTreeMap;

/// The life of one alert, exported by its origin, and what a court would hold against it.
#[tokio::test(flavor = "multi_thread")]
async fn row_75_a_whole_thread_is_proved_and_every_change_of_it_is_refused() {
    let mut net = Net::of(&["XA-POL", "XB-POL", "XC-POL"]).await;
    net.stop("XC-POL").await;
    let (alert, other) = live_through(&net).await;
    let bytes = export(&net, "XA-POL", &alert).await;
    let second = export(&net, "XA-POL", &other).await;
    let court = Court::of(&net);

    let report = court.judges(&bytes);
    assert_eq!(report.verdict, Verdict::Proved, "{}", report.render());
    insta::assert_snapshot!(redacted(&report.render()));
    assert!(court.judges(&second).verdict == Verdict::Proved);

    let receiver = export(&net, "XB-POL", &alert).await;
    let report = court.judges(&receiver);
    assert_eq!(report.verdict, Verdict::Proved, "{}", report.render());
    assert!(
        report.not_said.is_empty(),
        "it claims nothing for others: {}",
        report.render()
    );

    without_the_anchor_nothing_is_proved(&bytes, &net);
    the_program_says_the_same(&bytes, &net);
    forgeries_are_named(&court, &bytes, &second);
    a_thousand_changed_bytes_are_refused(&court, &bytes);
    a_look_alike_federation_is_refused(&court).await;
}

/// Verifies that one statement of a batch of many proves itself alone: on its own path, not at leaf 0.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_out_of_a_batch_of_many_verifies_alone() {
    let net = Net::of(&["XA-POL", "XB-POL"]).await;
    let mut sender = net.desk("XA-POL", Role::Officer).await;
    let drafts = (0..9).map(|_| net.draft(&["XB-POL"])).collect();
    let sent = submit(&mut sender, drafts).await;
    let chosen = sent.get(6).expect("nine were accepted").reference.clone();
    delivered(&sender, &chosen, "XB-POL").await;

    let bytes = export(&net, "XA-POL", &chosen).await;
    let file = Export::decode(bytes.as_slice()).expect("evidence");
    let [statement] = file.statements.as_slice() else {
        panic!("one statement alone");
    };
    let item = &statement.batch.as_ref().expect("signed").items[0];
    assert_eq!((item.index, item.path.len()), (6, 4));
    let court = Court::of(&net);
    assert_eq!(court.judges(&bytes).verdict, Verdict::Proved);

    let mut moved = file;
    moved.statements[0].batch.as_mut().expect("signed").items[0].index = 5;
    let report = court.judges(&moved.encode_to_vec());
    assert_refused(&report, "BAD_BATCH", "a leaf at another place");
}

/// Who verifies, with the anchor from outside and a clock of its own.
struct Court {
    anchor: allpoints::trust::directory::Anchor,
    now: allpoints::domain::time::Timestamp,
}

impl Court {
    fn of(net: &Net) -> Self {
        Self {
            anchor: net.anchor(),
            now: net.now(),
        }
    }

    fn judges(&self, bytes: &[u8]) -> Report {
        check(bytes, Some(self.anchor), self.now)
    }
}

fn without_the_anchor_nothing_is_proved(bytes: &[u8], net: &Net) {
    let report = check(bytes, None, net.now());
    assert_eq!(report.verdict, Verdict::Consistent);
    let hour = std::time::Duration::from_secs(3600);
    let report = check(bytes, Some(net.anchor()), net.now().minus(hour));
    assert_refused(&report, "exported in the past", "from the future");
}

/// `audit verify` on the file itself: exit 0 when proved, 7 for anything less.
fn the_program_says_the_same(bytes: &[u8], net: &Net) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("thread.evidence");
    let run = |bytes: &[u8], anchor: Option<String>, code: i32, words: &str| {
        std::fs::write(&file, bytes).expect("written");
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_allpoints"));
        command.args(["audit", "verify"]).arg(&file);
        if let Some(anchor) = anchor {
            command.args(["--federation", &anchor]);
        }
        let ended = command.assert().code(code);
        let said = String::from_utf8_lossy(&ended.get_output().stdout).into_owned();
        let verdict = said.lines().last().unwrap_or_default();
        assert!(verdict.starts_with(words), "{words}: {said}");
    };
    let anchor = Some(net.anchor().to_string());
    run(bytes, anchor.clone(), 0, "proved: ");
    run(bytes, None, 7, "consistent, not proved: ");
    let mut changed = bytes.to_vec();
    changed[bytes.len() / 2] ^= 1;
    run(&changed, anchor, 7, "not proved: ");
    let other = Some(format!("sha256:{}", "0".repeat(64)));
    run(bytes, other, 7, "not proved: ");
}

/// Each forgery is refused, and the report names what is wrong with it.
fn forgeries_are_named(court: &Court, bytes: &[u8], second: &[u8]) {
    type Forgery<'a> = &'a dyn Fn(&mut Export);
    let second = Export::decode(second).expect("evidence");
    let table: [(&str, &str, Forgery<'_>); 14] = [
        ("a receipt is dropped", "kept a receipt for", &|it| {
            it.statements[0].receipts.clear();
        }),
        ("a receipt stands twice", "it stands twice", &|it| {
            let receipt = it.statements[0].receipts[0].clone();
            it.statements[0].receipts.push(receipt);
        }),
        ("a receipt of another statement", "other bytes", &|it| {
            let receipt = it.statements[0].receipts.remove(0);
            it.statements.last_mut().expect("many").receipts = vec![receipt];
        }),
        ("the alert is dropped", "is not there", &|it| {
            it.statements.remove(0);
        }),
        ("a statement is dropped", "accepted", &|it| {
            it.statements.pop();
        }),
        ("a statement stands twice", "stands twice", &|it| {
            let statement = it.statements[0].clone();
            it.statements.push(statement);
        }),
        ("a log entry is dropped", "no entry of the log", &|it| {
            it.entries.retain(|entry| entry.header[2] != 1);
        }),
        (
            "the export's own entry is dropped",
            "no entry of its log",
            &|it| {
                it.entries.retain(|entry| entry.header[2] != 11);
            },
        ),
        ("an entry header is changed", "checkpoint's root", &|it| {
            it.entries[1].header[16] ^= 1;
        }),
        ("two exports are spliced", "belongs to the thread", &|it| {
            it.statements.extend(second.statements.clone());
            it.entries.extend(second.entries.clone());
            it.entries.sort_by_key(|entry| entry.index);
            it.entries.dedup_by_key(|entry| entry.index);
        }),
        ("it names another thread", "belongs to the thread", &|it| {
            it.thread.clone_from(&second.thread);
        }),
        (
            "another key signs the checkpoint",
            "no signature of the expected key",
            &|it| {
                let key = SigningKey::generate(KeyUse::Log);
                it.checkpoint = forged_log(it, "XA-POL").sign(&key);
            },
        ),
        ("it names another exporter", "checkpoint", &|it| {
            it.exporter = "XB-POL".to_owned();
        }),
        ("a later time of export", "no entry of its log", &|it| {
            it.exported_at_us += 1;
        }),
    ];
    for (what, named, forge) in table {
        let mut export = Export::decode(bytes).expect("evidence");
        forge(&mut export);
        let report = court.judges(&export.encode_to_vec());
        assert_refused(&report, named, what);
    }
    let trailing = [bytes, &[0]].concat();
    assert_refused(&court.judges(&trailing), "is evidence", "a trailing byte");
    let unknown = [bytes, &[0x78, 1]].concat();
    assert_refused(&court.judges(&unknown), "unknown", "an unknown field");
    dropped_with_its_entry_a_receipt_is_named_as_not_given(court, bytes);
    a_statement_cut_out_with_all_its_traces_leaves_a_gap(court, bytes);
}

/// Then nobody claims it: the rest stands, and the file says by whom nothing is proved.
fn dropped_with_its_entry_a_receipt_is_named_as_not_given(court: &Court, bytes: &[u8]) {
    let mut export = Export::decode(bytes).expect("evidence");
    let alert = export.thread.clone().expect("named");
    export.statements[0].receipts.clear();
    export
        .entries
        .retain(|entry| !(entry.header[2] == 4 && is_about(&entry.header, &alert)));
    let report = court.judges(&export.encode_to_vec());
    assert_eq!(report.verdict, Verdict::Proved, "the rest stands");
    let silent = &report.not_said;
    assert!(
        silent
            .iter()
            .any(|it| it.contains("not receipted by XB-POL")),
        "{}",
        report.render()
    );
}

/// The numbers of what an origin sent to each recipient have no gaps.
fn a_statement_cut_out_with_all_its_traces_leaves_a_gap(court: &Court, bytes: &[u8]) {
    let mut export = Export::decode(bytes).expect("evidence");
    let instruction = export.statements.len() - 2;
    let cut = export.statements.remove(instruction);
    let document = &cut.batch.expect("signed").items[0].document;
    let id = allpoints::wire::decode_kept_statement(document).expect("a statement");
    let cut = StatementRef {
        origin: id.0.statement.origin.to_string(),
        id: id.0.statement.id.as_bytes().to_vec(),
    };
    export
        .entries
        .retain(|entry| !is_about(&entry.header, &cut));
    let report = court.judges(&export.encode_to_vec());
    assert_refused(&report, "number 1 is not in the file", "a cut");
}

fn is_about(header: &[u8], statement: &StatementRef) -> bool {
    header[64..80] == statement.id[..]
}

/// A tree in which every entry of the file stands, for a log of the forger's own.
fn forged_log(export: &mut Export, exporter: &str) -> Checkpoint {
    let leaves: Vec<_> = export
        .entries
        .iter()
        .map(|entry| merkle::leaf(&entry.header))
        .collect();
    let size = leaves.len() as u64;
    for (place, entry) in export.entries.iter_mut().enumerate() {
        let path = merkle::path(&leaves, place).expect("a leaf");
        entry.path = path.iter().map(|hash| hash.to_vec()).collect();
    }
    Checkpoint {
        origin: log_origin(&exporter.parse().expect("legal"), 1),
        size,
        root: merkle::root(&leaves),
    }
}

/// 1,000 seeded changes of one byte each, anywhere in the file: none is proved.
fn a_thousand_changed_bytes_are_refused(court: &Court, bytes: &[u8]) {
    let seed = std::env::var("ALLPOINTS_SEED").ok();
    let seed = seed
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(20_261_124);
    let mut random = Random(seed);
    for round in 0..1000 {
        let mut changed = bytes.to_vec();
        let at = random.below(changed.len() as u64) as usize;
        let change = 1 + random.below(255) as u8;
        changed[at] ^= change;
        let report = court.judges(&changed);
        assert_eq!(
            report.verdict,
            Verdict::Failed,
            "ALLPOINTS_SEED={seed}, round {round}: byte {at} ^ {change} of {}:\n{}",
            bytes.len(),
            report.render()
        );
    }
}

/// SplitMix64: the same changes from the same seed everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// Threat 75: everything is there and fits together, but under roots that the court does not know.
async fn a_look_alike_federation_is_refused(court: &Court) {
    let fake = Net::of(&["XA-POL", "XB-POL"]).await;
    let mut sender = fake.desk("XA-POL", Role::Officer).await;
    let sent = submit(&mut sender, vec![fake.draft(&["XB-POL"])]).await;
    delivered(&sender, &sent[0].reference, "XB-POL").await;
    let bytes = export(&fake, "XA-POL", &sent[0].reference).await;
    let own = Court::of(&fake);
    assert_eq!(own.judges(&bytes).verdict, Verdict::Proved);
    let report = check(&bytes, Some(court.anchor), own.now);
    assert_refused(&report, "directory version", "a look-alike federation");
    let holding = report.claims.iter().filter(|claim| {
        matches!(claim.standing, Standing::Holds(_)) && claim.what.starts_with("issued")
    });
    assert_eq!(holding.count(), 0, "{}", report.render());
}

fn assert_refused(report: &Report, named: &str, what: &str) {
    let shown = report.render();
    assert_eq!(report.verdict, Verdict::Failed, "{what}: {shown}");
    let mut failing = shown.lines().filter(|line| line.starts_with("FAILS"));
    assert!(
        failing.any(|line| line.contains(named)),
        "{what} should be named by `{named}`:\n{shown}"
    );
}

/// An alert to XB-POL and XC-POL with hit, sighting, instruction and recall; and another alert beside it.
async fn live_through(net: &Net) -> (String, String) {
    let mut sender = net.desk("XA-POL", Role::Officer).await;
    let mut receiver = net.desk("XB-POL", Role::Officer).await;
    let alert = submit(&mut sender, vec![net.draft(&["XB-POL", "XC-POL"])]).await;
    let alert = alert[0].reference.clone();
    let other = submit(&mut sender, vec![net.draft(&["XB-POL"])]).await;
    let other = other[0].reference.clone();
    delivered(&sender, &alert, "XB-POL").await;
    delivered(&sender, &other, "XB-POL").await;

    let hit = alert::Answer {
        code: alert::AnswerCode::Hit.into(),
        ..<_>::default()
    };
    let sighting = alert::Sighting {
        place: "Port of Bensalem".to_owned(),
        country: "XB".to_owned(),
        seen_at: net.now().to_string(),
        presence: alert::Presence::Present.into(),
        awareness: alert::Awareness::NotKnown.into(),
        ..<_>::default()
    };
    let found = [Kind::Answer(hit), Kind::Sighting(sighting)];
    let found = found.map(|kind| follow_up(net, &alert, &["XA-POL"], kind));
    let found = submit(&mut receiver, found.to_vec()).await;
    for one in &found {
        assert_eq!(one.recipients[0].ground(), TransferGround::Safeguards);
        delivered(&receiver, &one.reference, "XA-POL").await;
    }
    let instruction = alert::Instruction {
        code: alert::InstructionCode::Hold.into(),
        ..<_>::default()
    };
    let hold = Kind::Instruction(instruction);
    let hold = follow_up(net, &found[1].reference, &["XB-POL"], hold);
    let hold = submit(&mut sender, vec![hold]).await;
    delivered(&sender, &hold[0].reference, "XB-POL").await;
    let recall = alert::Recall {
        reason: alert::RecallReason::WrongPerson.into(),
        ..<_>::default()
    };
    let recall = follow_up(net, &alert, &["XB-POL", "XC-POL"], Kind::Recall(recall));
    let recall = submit(&mut sender, vec![recall]).await;
    let grounds = recall[0].recipients.iter().map(Recipient::ground);
    let adequacy = TransferGround::Adequacy;
    assert_eq!(grounds.collect::<Vec<_>>(), [adequacy, adequacy]);
    delivered(&sender, &recall[0].reference, "XB-POL").await;
    (alert, other)
}

fn follow_up(net: &Net, target: &str, to: &[&str], kind: Kind) -> alert::Draft {
    alert::Draft {
        in_reply_to: target.to_owned(),
        // Left to the node: as the thread went, or the authority's default.
        ground: 0,
        payload: Some(alert::Payload {
            kind: Some(kind),
            ..<_>::default()
        }),
        ..net.draft(to)
    }
}

/// Each under an id of its own.
async fn submit(desk: &mut Desk, mut drafts: Vec<alert::Draft>) -> Vec<pb::Submitted> {
    for draft in &mut drafts {
        draft.id = String::new();
    }
    let request = pb::SubmitRequest {
        drafts,
        dry_run: false,
        ..<_>::default()
    };
    let accepted = desk.submit(request).await.expect("accepted");
    accepted.into_inner().submitted
}

async fn delivered(desk: &Desk, id: &str, to: &str) {
    until("delivered", || async {
        let request = pb::TrackRequest { id: id.to_owned() };
        let track = desk.clone().track(request).await.expect("tracked");
        let deliveries = track.into_inner().deliveries;
        let one = deliveries.into_iter().find(|it| it.recipient == to)?;
        (one.state() == pb::DeliveryState::Delivered).then_some(())
    })
    .await;
}

async fn export(net: &Net, authority: &str, id: &str) -> Vec<u8> {
    let mut auditor = net.desk(authority, Role::Auditor).await;
    let request = pb::AuditExportRequest {
        id: id.to_owned(),
        reason: "a test".to_owned(),
    };
    let exported = auditor.audit_export(request).await.expect("exported");
    let mut chunks = exported.into_inner();
    let mut bytes = Vec::new();
    while let Some(part) = chunks.message().await.expect("a chunk") {
        bytes.extend_from_slice(&part.chunk);
    }
    bytes
}

/// Ids, keys and hashes by the order in which they first appear; times and places in the log without numbers.
fn redacted(text: &str) -> String {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut shown = String::new();
    let mut word = String::new();
    // How often the exporter's desk was called hangs on which came first, answer or sighting.
    let lines = text.lines();
    let lines: Vec<&str> = lines
        .filter(|line| !line.contains("called its duty desk"))
        .collect();
    let text = lines.join("\n");
    for letter in text.chars().chain(['\n']) {
        if letter.is_ascii_alphanumeric() || matches!(letter, '-' | ':' | '.') {
            word.push(letter);
            continue;
        }
        let end = word.trim_end_matches([':', '.']).len();
        let behind = word.split_off(end);
        shown.push_str(&name_of(&word, &mut names));
        shown.push_str(&behind);
        shown.push(letter);
        word.clear();
    }
    shown
}

fn name_of(word: &str, names: &mut BTreeMap<String, String>) -> String {
    let hex = |text: &str| text.len() >= 8 && text.bytes().all(|it| it.is_ascii_hexdigit());
    let kind = match word {
        word if word.parse::<MessageId>().is_ok() => "id",
        word if word.len() == 20 && word.ends_with('Z') => return "TIME".to_owned(),
        word if word.strip_prefix("sha256:").is_some_and(hex) => "hash",
        word if word.rsplit('-').next().is_some_and(hex) && word.contains('-') => "person",
        word if hex(word) => "key",
        word if word.parse::<u64>().is_ok_and(|number| number > 1) => return "#".to_owned(),
        word => return word.to_owned(),
    };
    let next = names.values().filter(|it| it.starts_with(kind)).count() + 1;
    let name = names.entry(word.to_owned());
    name.or_insert_with(|| format!("{kind}-{next}")).clone()
}
