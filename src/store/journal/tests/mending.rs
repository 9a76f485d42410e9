//! Damage to each part of a journal, what repair makes of it, and what it must leave alone.

use std::collections::BTreeSet;

use super::*;

const SEGMENT: u64 = 8 * 1024;

/// A journal over some segments, closed in order; gives its entries.
fn written(bench: &Bench) -> (SimulatedDisk, u64) {
    let disk = SimulatedDisk::new();
    let mut writer = bench.opened(&disk);
    for block in 0..14 {
        writer.write(1 + block % 3);
    }
    let entries = writer.index;
    writer.journal.close().unwrap();
    (disk.killed(), entries)
}

/// Every entry that is not missing is as it was written; gives those that are missing, and those without a body.
fn assert_kept(journal: &Journal, entries: u64) -> (BTreeSet<u64>, BTreeSet<u64>) {
    let (mut missing, mut bodiless) = (BTreeSet::new(), BTreeSet::new());
    let mut tree = Frontier::default();
    for entry in journal.entries(0) {
        let entry = entry.unwrap();
        let index = entry.header.index;
        tree.push(merkle::leaf(&entry.header_bytes));
        if entry.header.act == Act::Missing {
            missing.insert(index);
            continue;
        }
        assert_eq!(entry.header, header(index));
        if entry.is_lost {
            assert!(entry.body.is_empty());
            bodiless.insert(index);
        } else {
            assert_eq!(entry.body, body(index));
        }
    }
    assert_eq!(journal.head(), (entries, tree.root()));
    (missing, bodiless)
}

fn head(bench: &Bench, disk: &SimulatedDisk) -> (u64, [u8; 32]) {
    bench.open(&disk.killed()).unwrap().0.head()
}

#[test]
fn a_whole_journal_is_left_alone() {
    let bench = Bench::new(SEGMENT);
    let (disk, _) = written(&bench);
    let before = disk.snapshot();
    let report = repair(&bench.config(), &disk).unwrap();
    assert_eq!(report, RepairReport::default());
    assert_eq!(disk.snapshot(), before);
}

#[test]
fn a_flipped_body_costs_that_body_alone_and_the_log_stays() {
    let bench = Bench::new(SEGMENT);
    let (disk, entries) = written(&bench);
    let whole = head(&bench, &disk);
    let (offset, group) = groups(&disk, 0)
        .into_iter()
        .find(|(_, group)| group.entries == 3)
        .unwrap();
    // The last byte of the last body's tag.
    disk.corrupt(
        &segment_file(0),
        offset + 95 + u64::from(group.length),
        |bytes| bytes[0] ^= 4,
    );
    assert!(bench.open(&disk).is_err());
    let checked = bench.check(&disk);
    let hole = &checked.holes[0];
    assert_eq!(
        (hole.offset, hole.groups, hole.first_entry, hole.entries),
        (offset, 1, group.first_index, 3)
    );
    let report = repair(&bench.config(), &disk).unwrap();
    let last = group.first_index + 2;
    assert_eq!((report.saved, report.missing.as_slice()), (2, &[][..]));
    assert_eq!(report.bodies_lost, [last]);
    let aside = disk.snapshot()[&report.aside[0]].clone();
    assert!(!aside.is_empty(), "the damaged file is kept");
    let (journal, recovery) = bench.open(&disk).unwrap();
    assert_eq!(
        assert_kept(&journal, entries),
        (BTreeSet::new(), [last].into())
    );
    assert_eq!(journal.head(), whole, "every header is proved: one log");
    assert_eq!(recovery.loss.broken_at, None);
    let missing: Vec<u64> = recovery.loss.missing.iter().map(|it| it.index).collect();
    assert_eq!(missing, [last]);
    assert!(recovery.loss.missing[0].header.is_some() && recovery.loss.ask_since.is_some());
}

#[test]
fn flipped_headers_cost_their_block_and_the_log_is_broken_there() {
    let bench = Bench::new(SEGMENT);
    let (disk, entries) = written(&bench);
    let (offset, group) = groups(&disk, 0)
        .into_iter()
        .find(|(_, group)| group.entries == 3)
        .unwrap();
    disk.corrupt(&segment_file(0), offset + 96 + 30, |bytes| bytes[0] ^= 4);
    let report = repair(&bench.config(), &disk).unwrap();
    let first = group.first_index;
    assert_eq!(report.missing, [first, first + 1, first + 2]);
    let (journal, recovery) = bench.open(&disk).unwrap();
    let lost: BTreeSet<u64> = (first..first + 3).collect();
    assert_eq!(assert_kept(&journal, entries), (lost, BTreeSet::new()));
    let mut prefix = Frontier::default();
    for entry in journal.headers(0).take(usize::try_from(first).unwrap()) {
        prefix.push(merkle::leaf(&entry.unwrap().1));
    }
    assert_eq!(
        recovery.loss.broken_at,
        Some((first, prefix.root())),
        "the last good head is named"
    );
    let mut writer = Writer::of(journal);
    writer.write(3);
    writer.journal.close().unwrap();
    assert_eq!(bench.check(&disk).findings, []);
}

#[test]
fn a_flipped_group_header_costs_nothing_but_work() {
    let bench = Bench::new(SEGMENT);
    let (disk, entries) = written(&bench);
    let whole = head(&bench, &disk);
    let (offset, _) = groups(&disk, 0)[2];
    disk.corrupt(&segment_file(0), offset + 17, |bytes| bytes[0] ^= 1);
    let report = repair(&bench.config(), &disk).unwrap();
    assert_eq!((report.missing.len(), report.bodies_lost.len()), (0, 0));
    let (journal, recovery) = bench.open(&disk).unwrap();
    assert_eq!(
        assert_kept(&journal, entries),
        (BTreeSet::new(), BTreeSet::new())
    );
    assert_eq!((journal.head(), recovery.loss.ask_since), (whole, None));
}

#[test]
fn a_flipped_segment_header_is_made_again_from_what_is_around_it() {
    for id in [0, 1] {
        let bench = Bench::new(SEGMENT);
        let (disk, entries) = written(&bench);
        let whole = head(&bench, &disk);
        disk.corrupt(&segment_file(id), 40, |bytes| bytes[0] ^= 1);
        assert!(bench.open(&disk).is_err(), "segment {id}");
        assert_eq!(bench.check(&disk).findings[0].offset, 0);
        let report = repair(&bench.config(), &disk).unwrap();
        assert!(report.missing.is_empty());
        let (journal, _) = bench.open(&disk).unwrap();
        assert_whole(&journal, entries, "all is there");
        assert_eq!(journal.head(), whole);
    }
}

#[test]
fn a_segment_that_is_gone_or_emptied_leaves_stand_ins_for_all_its_entries() {
    type Spoil = fn(&SimulatedDisk, &Path);
    let spoils: [Spoil; 2] = [
        |disk, file| disk.remove(file).unwrap(),
        |disk, file| {
            let open = disk.open(file).unwrap();
            open.truncate(0).unwrap();
            open.sync_all().unwrap();
        },
    ];
    for spoil in spoils {
        let bench = Bench::new(SEGMENT);
        let (disk, entries) = written(&bench);
        let all = groups(&disk, 1);
        let (first, last) = (&all[0].1, &all[all.len() - 1].1);
        let lost: BTreeSet<u64> =
            (first.first_index..last.first_index + u64::from(last.entries)).collect();
        spoil(&disk, &segment_file(1));
        assert!(bench.open(&disk).is_err());
        assert_eq!(bench.check(&disk).findings[0].file, segment_file(1));
        repair(&bench.config(), &disk).unwrap();
        let (journal, _) = bench.open(&disk).unwrap();
        assert_eq!(assert_kept(&journal, entries).0, lost);
    }
}

#[test]
fn no_truncation_makes_an_empty_or_shorter_start() {
    let bench = Bench::new(SEGMENT);
    let (disk, entries) = written(&bench);
    let files: Vec<PathBuf> = disk.list(&segment::folder(Path::new(FOLDER))).unwrap();
    for file in &files {
        for length in [0, 50, 512, 700, 2048] {
            let cut = disk.killed();
            let open = cut.open(file).unwrap();
            if open.len().unwrap() <= length {
                continue;
            }
            open.truncate(length).unwrap();
            open.sync_all().unwrap();
            let case = format!("{} to {length}", file.display());
            match bench.open(&cut) {
                // Prepared and not used.
                Ok((journal, _)) => {
                    assert_eq!(assert_whole(&journal, entries, &case), entries);
                    continue;
                }
                Err(error) => assert!(error.to_string().contains("damaged"), "{case}: {error}"),
            }
            let report = repair(&bench.config(), &cut).unwrap();
            assert!(!report.holes.is_empty(), "{case}");
            let (journal, recovery) = bench.open(&cut).expect(&case);
            let kept = journal.head().0;
            assert_kept(&journal, kept);
            assert!(recovery.loss.ask_since.is_some(), "{case}");
            assert!(kept < entries || recovery.loss.missing.len() as u64 <= entries);
        }
    }
}

#[test]
fn a_repair_that_is_cut_off_may_be_run_again() {
    let bench = Bench::new(SEGMENT);
    let (disk, entries) = written(&bench);
    let (offset, _) = groups(&disk, 0)[1];
    disk.corrupt(&segment_file(0), offset + 100, |bytes| bytes[0] ^= 1);
    for sync in 0..6 {
        let failing = disk.killed();
        failing.inject(Fault::Sync(failing.counts().1 + sync));
        let outcome = repair(&bench.config(), &failing);
        for seed in 0..8 {
            let after = failing.cut(seed);
            repair(&bench.config(), &after).unwrap();
            let (journal, _) = bench.open(&after).unwrap();
            assert_kept(&journal, entries);
        }
        assert!(outcome.is_err() || sync > 3, "sync {sync}");
    }
}
