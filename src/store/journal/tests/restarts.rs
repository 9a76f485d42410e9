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
