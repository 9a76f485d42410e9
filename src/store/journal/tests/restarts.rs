//! A process that is killed leaves behind what only the page cache shows; the power goes later. Nothing that the
//! next process acknowledged on top of it may be lost then.

use super::*;

/// A start on a disk that a killed process left, some work on it, and then a power cut: all that was said before
/// and during it is there.
fn assert_survives(bench: &Bench, found: &SimulatedDisk, said: u64, case: &str) {
    let (journal, _) = bench.open(found).expect(case);
    assert_whole(&journal, said, case);
    let mut writer = Writer::of(journal);
    for _ in 0..4 {
        writer.write(3);
    }
    let all = writer.index;
    let ends: Vec<_> = (0..6)
        .map(|seed| (format!("{case}, cut {seed}"), found.cut(seed)))
        .chain([(format!("{case}, killed again"), found.killed())])
        .collect();
    drop(writer);
    for (case, end) in ends {
        let (journal, _) = bench.open(&end).expect(&case);
        assert_whole(&journal, all, &case);
        let mut writer = Writer::of(journal);
        writer.write(2);
        let all = writer.index;
        let last = end.cut(1);
        drop(writer);
        let (journal, _) = bench.open(&last).expect(&case);
        assert_whole(&journal, all, &case);
    }
}

#[test]
fn a_key_seen_only_in_the_page_cache_is_made_durable_before_it_is_used() {
    let bench = Bench::new(8 * 1024);
    let disk = SimulatedDisk::new();
    disk.create_dir(Path::new(FOLDER)).unwrap();
    let wrapping = || KeyEncryptionKey::load(&bench.config().key_file).unwrap();
    let folder = Path::new(FOLDER);
    let mut keyring = Keyring::create(&disk, folder, wrapping()).unwrap();
    // The sync of the folder, after the rename: the second sync of a writing.
    disk.inject(Fault::Sync(disk.counts().1 + 1));
    assert!(keyring.add(&disk, 3).is_err());
    let restarted = disk.killed();
    let mut keyring = Keyring::open(&restarted, folder, wrapping()).unwrap();
    assert!(keyring.key(3).unwrap().is_some(), "the rename is seen");
    keyring.add(&restarted, 3).unwrap();
    for seed in 0..20 {
        let found = Keyring::open(&restarted.cut(seed), folder, wrapping()).unwrap();
        assert!(found.key(3).unwrap().is_some(), "cut {seed}");
    }
}

#[test]
fn i1_holds_when_a_process_is_killed_after_any_write_and_the_power_goes_later() {
    let bench = Bench::new(8 * 1024);
    let disk = SimulatedDisk::new();
    let mut writer = bench.opened(&disk);
    disk.keep_moments();
    let mut acknowledged = vec![(0, 0)];
    for block in 0..14 {
        writer.write(1 + block % 5);
        acknowledged.push((disk.counts().0, writer.index));
    }
    let moments = disk.moments();
    assert!(writer.journal.figures().segments > 3);
    drop(writer);
    for (at, (write, moment)) in moments.into_iter().enumerate() {
        let before = acknowledged.iter().rfind(|(writes, _)| *writes <= write);
        let said = before.map_or(0, |(_, entries)| *entries);
        let case = format!("moment {at} at write {write}");
        assert_survives(&bench, &moment.killed(), said, &case);
        assert_survives(&bench, &moment.cut(write), said, &format!("{case}, cut"));
    }
}

#[test]
fn i1_holds_when_any_sync_fails_and_the_power_goes_after_the_restart() {
    let mut failed = 0;
    for sync in 0..40 {
        let bench = Bench::new(8 * 1024);
        let disk = SimulatedDisk::new();
        let mut writer = bench.opened(&disk);
        disk.inject(Fault::Sync(disk.counts().1 + sync));
        for block in 0..14 {
            writer.hand(1 + block % 5);
            while writer.said.load(Ordering::SeqCst) < writer.index
                && writer.journal.failure().borrow().is_none()
            {
                std::thread::yield_now();
            }
        }
        failed += u64::from(writer.journal.failure().borrow().is_some());
        let said = writer.said.load(Ordering::SeqCst);
        let found = disk.killed();
        drop(writer);
        assert_survives(&bench, &found, said, &format!("sync {sync}"));
    }
    assert!(failed > 14, "{failed} syncs failed");
}

/// Bytes of every segment file, in order.
fn lengths(disk: &SimulatedDisk) -> Vec<usize> {
    let files = disk.snapshot().into_iter();
    let segments = files.filter(|(path, _)| path.extension().is_some_and(|e| e == "segment"));
    segments.map(|(_, bytes)| bytes.len()).collect()
}

#[test]
fn i1_holds_when_a_start_is_cut_short_at_any_write() {
    let bench = Bench::new(8 * 1024);
    let disk = SimulatedDisk::new();
    let mut writer = bench.opened(&disk);
    disk.keep_moments();
    let mut acknowledged = vec![(0, 0)];
    for block in 0..12 {
        writer.write(1 + block % 5);
        acknowledged.push((disk.counts().0, writer.index));
    }
    drop(writer);
    let mut shortened = 0;
    for (at, (write, moment)) in disk.moments().into_iter().enumerate() {
        let before = acknowledged.iter().rfind(|(writes, _)| *writes <= write);
        let said = before.map_or(0, |(_, entries)| *entries);
        let restarted = moment.killed();
        let before = lengths(&restarted);
        restarted.keep_moments();
        let (journal, _) = bench.open(&restarted).unwrap();
        // What is served may be relied on from here; what an unfinished start shows may not.
        let served = journal.head().0;
        let after = restarted.clone();
        drop(journal);
        shortened += u64::from(
            lengths(&after)
                .iter()
                .zip(before)
                .any(|(now, was)| *now < was),
        );
        for (inner, (_, moment)) in restarted.moments().into_iter().enumerate() {
            let case = format!("moment {at}, start cut short at {inner}");
            let found = (0..4).map(|seed| moment.cut(seed));
            for found in found.chain([moment.killed()]) {
                let mut writer = Writer::of(bench.open(&found).expect(&case).0);
                assert_whole(&writer.journal, said, &case);
                writer.write(2);
                let (all, last) = (writer.index, found.cut(9));
                drop(writer);
                assert_whole(&bench.open(&last).expect(&case).0, all, &case);
            }
        }
        for seed in 0..4 {
            let case = format!("moment {at}, after the start");
            assert_whole(&bench.open(&after.cut(seed)).expect(&case).0, served, &case);
        }
    }
    assert!(shortened > 8, "{shortened} starts gave space back");
}

#[test]
fn a_start_that_fails_at_any_write_or_sync_loses_nothing() {
    let bench = Bench::new(8 * 1024);
    let disk = SimulatedDisk::new();
    let mut writer = bench.opened(&disk);
    for block in 0..5 {
        writer.write(1 + block % 5);
    }
    let said = writer.index;
    let found = disk.killed();
    drop(writer);
    let mut refused = 0;
    for at in 0..14 {
        for fault in [Fault::Write(at), Fault::Sync(at)] {
            let case = format!("{fault:?}");
            let disk = found.killed();
            disk.inject(fault);
            refused += u64::from(bench.open(&disk).is_err());
            assert_survives(&bench, &disk.killed(), said, &case);
            assert_survives(&bench, &disk.cut(at), said, &case);
        }
    }
    assert!(refused > 6, "{refused} starts were refused");
}

#[test]
fn starts_that_end_by_a_kill_take_no_more_space_than_what_was_written() {
    let bench = Bench::new(64 * 1024);
    let mut disk = SimulatedDisk::new();
    for life in 0..30u64 {
        let mut writer = bench.opened(&disk);
        // Every third does no work at all.
        if life % 3 > 0 {
            writer.write(2);
            writer.write(1);
        }
        let (all, next) = (writer.index, disk.killed());
        drop(writer);
        disk = next;
        let lengths = lengths(&disk);
        let (last, finished) = lengths.split_last().unwrap();
        assert_eq!(*last, 64 * 1024);
        let kept = finished.iter().sum::<usize>() as u64;
        assert!(
            kept <= all * 4096,
            "life {life}: {all} entries in {kept} bytes"
        );
        assert_whole(&bench.open(&disk.cut(life)).unwrap().0, all, "killed");
    }
    let writer = bench.opened(&disk);
    assert!(writer.journal.figures().segments <= 21);
    assert_eq!(bench.check(&disk.killed()).findings, []);
}

#[test]
fn a_segment_ends_behind_its_last_group_when_the_next_comes_into_use() {
    let bench = Bench::new(8 * 1024);
    let disk = SimulatedDisk::new();
    let mut writer = bench.opened(&disk);
    for block in 0..14 {
        writer.write(1 + block % 5);
    }
    let used = lengths(&disk);
    // The last of them may be prepared only.
    let finished = writer.journal.figures().segments - 1;
    for (id, length) in (0..).zip(&used).take(usize::try_from(finished).unwrap()) {
        let (offset, last) = groups(&disk, id).pop().unwrap();
        assert_eq!(
            *length as u64,
            offset + last.bytes_on_disk(),
            "segment {id}"
        );
    }
    assert!(finished > 2);
    assert_whole(&writer.journal, writer.index, "read in short segments");
    writer.journal.close().unwrap();
    assert_eq!(bench.check(&disk).findings, []);
}
