//! What can go wrong, named after invariant or row. A simulated disk loses what it may lose.

use super::*;

#[test]
fn i1_nothing_acknowledged_is_missing_after_a_power_cut_row_37() {
    for seed in 0..60 {
        let bench = Bench::new(16 * 1024);
        let disk = SimulatedDisk::new();
        let mut writer = bench.opened(&disk);
        for round in 0..seed % 12 {
            writer.hand(1 + (round * seed) % 7);
            if (seed + round).is_multiple_of(3) {
                writer.wait();
            }
        }
        // What is acknowledged is asked for before the power goes.
        let said = writer.said.load(Ordering::SeqCst);
        let after = disk.cut(seed);
        drop(writer);
        let case = format!("seed {seed}");
        let (journal, recovery) = bench.open(&after).expect(&case);
        assert_eq!(recovery.entries, assert_whole(&journal, said, &case));
        let mut writer = Writer::of(journal);
        writer.write(3);
        let all = writer.index;
        let again = after.cut(seed + 1);
        drop(writer);
        assert_whole(&bench.open(&again).unwrap().0, all, &case);
    }
}

#[test]
fn i1_holds_through_cut_after_cut_with_failing_syncs() {
    for seed in 0..40u64 {
        let bench = Bench::new(8 * 1024);
        let mut disk = SimulatedDisk::new();
        let mut said = 0;
        for round in 0..6 {
            let case = format!("seed {seed}, round {round}");
            let (journal, _) = bench.open(&disk).expect(&case);
            assert_whole(&journal, said, &case);
            let mut writer = Writer::of(journal);
            if (seed + round).is_multiple_of(2) {
                disk.inject(Fault::Sync(disk.counts().1 + (seed * round) % 5));
            }
            for block in 0..=(seed + round) % 5 {
                writer.hand(1 + block);
                std::thread::sleep(Duration::from_micros(200 * ((seed * block) % 4)));
            }
            said = writer.said.load(Ordering::SeqCst);
            let killed = (seed * 7 + round).is_multiple_of(3);
            let next = if killed {
                disk.killed()
            } else {
                disk.cut(seed * 100 + round)
            };
            drop(writer);
            disk = next;
        }
    }
}

#[test]
fn i1_holds_when_the_power_goes_right_after_any_write() {
    let bench = Bench::new(8 * 1024);
    let disk = SimulatedDisk::new();
    let mut writer = bench.opened(&disk);
    disk.keep_moments();
    // Entries acknowledged, and the writes that had been made by then.
    let mut acknowledged = vec![(0, 0)];
    for block in 0..24 {
        writer.write(1 + block % 5);
        acknowledged.push((disk.counts().0, writer.index));
    }
    let moments = disk.moments();
    assert!(writer.journal.figures().segments > 3 && moments.len() > 24);
    for (write, moment) in moments {
        let before = acknowledged
            .iter()
            .rev()
            .find(|(writes, _)| *writes <= write);
        let said = before.map_or(0, |(_, entries)| *entries);
        for seed in 0..6 {
            let case = format!("write {write}, seed {seed}");
            let after = moment.cut(write * 6 + seed);
            assert_whole(&bench.open(&after).expect(&case).0, said, &case);
        }
    }
}

#[test]
fn torn_at_every_sector_the_last_group_is_cut_and_nothing_else() {
    let bench = Bench::new(64 * 1024);
    let disk = SimulatedDisk::new();
    let mut writer = bench.opened(&disk);
    writer.write(4);
    writer.write(20);
    writer.journal.close().unwrap();
    let found = groups(&disk, 0);
    let (offset, last) = found.iter().rev().find(|g| g.1.entries == 20).unwrap();
    for sectors in 0..last.bytes_on_disk() / 512 {
        let torn = disk.killed();
        torn.corrupt(&segment_file(0), offset + sectors * 512, |rest| {
            rest.fill(0);
        });
        let (journal, recovery) = bench.open(&torn).unwrap();
        assert_eq!(assert_whole(&journal, 4, "torn"), 4, "{sectors} sectors");
        assert_eq!(recovery.torn_bytes > 0, sectors > 0);
        assert!(recovery.torn_bytes <= sectors * 512);
        let mut writer = Writer::of(journal);
        writer.write(2);
        writer.journal.close().unwrap();
        assert_whole(&bench.open(&torn).unwrap().0, 6, "after the cut");
        assert_eq!(bench.check(&torn).findings, []);
    }
}

#[test]
fn row_39_a_failed_write_or_sync_is_never_tried_again() {
    for at in [0, 1] {
        for sync in [true, false] {
            let bench = Bench::new(64 * 1024);
            let disk = SimulatedDisk::new();
            let mut writer = bench.opened(&disk);
            writer.write(3);
            // The group, and the seal behind it: nothing more is written by itself.
            while writer.journal.figures().groups < 2 {
                std::thread::sleep(Duration::from_millis(1));
            }
            let (writes, syncs) = disk.counts();
            disk.inject(if sync {
                Fault::Sync(syncs + at)
            } else {
                Fault::Write(writes + at)
            });
            for _ in 0..at {
                writer.write(2);
            }
            writer.hand(2);
            let reason = writer.wait_for_failure();
            assert!(reason.contains("os error 5"), "{reason}");
            let acknowledged = 3 + 2 * at;
            assert_eq!(writer.said.load(Ordering::SeqCst), acknowledged);
            let counts = disk.counts();
            writer.hand(1);
            std::thread::sleep(Duration::from_millis(100));
            assert_eq!(disk.counts(), counts, "nothing is written any more");
            assert_eq!(writer.said.load(Ordering::SeqCst), acknowledged);
            assert_eq!(writer.journal.head().0, acknowledged);
            assert!(writer.journal.close().is_err());
        }
    }
}

#[test]
fn row_74_what_only_the_page_cache_shows_is_written_and_synced_anew() {
    let bench = Bench::new(64 * 1024);
    let disk = SimulatedDisk::new();
    let mut writer = bench.opened(&disk);
    writer.write(3);
    std::thread::sleep(Duration::from_millis(120));
    disk.inject(Fault::Sync(disk.counts().1));
    writer.hand(2);
    writer.wait_for_failure();
    drop(writer);
    assert_eq!(
        bench.open(&disk.cut(0)).unwrap().1.entries,
        3,
        "not on disk"
    );
    let restarted = disk.killed();
    let (journal, recovery) = bench.open(&restarted).unwrap();
    assert_eq!((recovery.entries, recovery.resynced_entries), (5, 2));
    for seed in 0..40 {
        let (again, _) = bench.open(&restarted.cut(seed)).unwrap();
        assert_whole(&again, 5, "what was served survives");
    }
    drop(journal);
}

#[test]
fn row_40_and_73_a_bad_group_with_a_good_one_after_it_stops_the_start() {
    let bench = Bench::new(64 * 1024);
    let disk = SimulatedDisk::new();
    let mut writer = bench.opened(&disk);
    writer.write(3);
    writer.write(3);
    writer.journal.close().unwrap();
    let found = groups(&disk, 0);
    assert_eq!(found.last().unwrap().1.kind, group::GroupKind::Seal);
    for (offset, header) in found.iter().take(found.len() - 1) {
        for at in [0, 9, 40, 90, header.length.max(1) + 95] {
            let damaged = disk.killed();
            let place = offset + u64::from(at).min(header.bytes_on_disk() - 1);
            damaged.corrupt(&segment_file(0), place, |bytes| bytes[0] ^= 0x40);
            let before = damaged.snapshot();
            let padding = place >= offset + 96 + u64::from(header.length);
            if padding {
                continue;
            }
            let error = bench.open(&damaged).err().unwrap().to_string();
            assert!(error.contains("0000000000.segment"), "{error}");
            assert!(error.contains(&format!("at byte {offset}")), "{error}");
            assert!(error.contains("allpoints store check"), "{error}");
            assert_eq!(damaged.snapshot(), before, "nothing was changed");
            assert_eq!(bench.check(&damaged).findings[0].offset, *offset);
        }
    }
}

#[test]
fn row_73_a_bad_last_group_without_a_seal_is_cut() {
    let bench = Bench::new(64 * 1024);
    let disk = SimulatedDisk::new();
    let mut writer = bench.opened(&disk);
    writer.write(3);
    writer.write(3);
    drop(writer);
    let found = groups(&disk, 0);
    let (offset, last) = found.last().unwrap();
    assert_eq!(last.kind, group::GroupKind::Entries);
    disk.corrupt(&segment_file(0), offset + 100, |bytes| bytes[0] ^= 1);
    let (journal, recovery) = bench.open(&disk).unwrap();
    assert_eq!(assert_whole(&journal, 3, "cut"), 3);
    assert!(recovery.torn_bytes > 96);
}

#[test]
fn row_51_a_second_process_is_refused() {
    let bench = Bench::new(64 * 1024);
    let disk = SimulatedDisk::new();
    let first = bench.opened(&disk);
    let error = bench.open(&disk).err().unwrap().to_string();
    assert_eq!(
        error,
        "the store in /store is in use by another process: stop that one first"
    );
    drop(first);
    assert!(bench.open(&disk).is_ok());
}

#[test]
fn row_77_a_missing_or_wrong_key_refuses_the_start_and_touches_nothing() {
    let bench = Bench::new(64 * 1024);
    let disk = SimulatedDisk::new();
    let mut writer = bench.opened(&disk);
    writer.write(3);
    writer.journal.close().unwrap();
    let before = disk.snapshot();
    let file = bench.config().key_file;
    std::fs::rename(&file, file.with_extension("kept")).unwrap();
    let error = bench.open(&disk).err().unwrap().to_string();
    assert!(error.contains("is missing"), "{error}");
    KeyEncryptionKey::generate(&file).unwrap();
    let error = bench.open(&disk).err().unwrap().to_string();
    assert!(error.contains("put the right key there"), "{error}");
    assert_eq!(disk.snapshot(), before);
    std::fs::rename(file.with_extension("kept"), &file).unwrap();
    assert_whole(&bench.open(&disk).unwrap().0, 3, "with the right key");
}

#[test]
fn row_77_a_keyring_older_than_the_journal_refuses_the_start_and_touches_nothing() {
    let bench = Bench::new(8 * 1024);
    let disk = SimulatedDisk::new();
    let mut writer = bench.opened(&disk);
    writer.write(3);
    let keyring = Keyring::path(Path::new(FOLDER));
    let copy = disk.snapshot()[&keyring].clone();
    for _ in 0..12 {
        writer.write(3);
    }
    assert!(writer.journal.figures().segments > 2);
    let all = writer.index;
    writer.journal.close().unwrap();
    let put = |bytes: &[u8]| {
        disk.remove(&keyring).unwrap();
        disk.create(&keyring)
            .unwrap()
            .write_all_at(bytes, 0)
            .unwrap();
    };
    let newest = disk.snapshot()[&keyring].clone();
    assert_ne!(copy, newest);
    put(&copy);
    let before = disk.snapshot();
    let error = bench.open(&disk).err().unwrap().to_string();
    assert!(error.contains("is older than the journal"), "{error}");
    assert!(error.contains("put its newest copy back"), "{error}");
    assert_eq!(disk.snapshot(), before);
    put(&newest);
    assert_whole(&bench.open(&disk).unwrap().0, all, "with the newest");
}

#[test]
fn row_38_a_full_disk_is_told_before_the_reserve_is_used_and_recovers() {
    let bench = Bench::new(32 * 1024);
    let disk = SimulatedDisk::new();
    let mut writer = bench.opened(&disk);
    disk.limit_capacity(Some(34 * 1024));
    while writer.journal.has_room() {
        writer.write(2);
        std::thread::sleep(Duration::from_millis(2));
    }
    writer.write(2);
    assert_whole(
        &writer.journal,
        writer.index,
        "reads work, the reserve takes more",
    );
    disk.limit_capacity(None);
    for _ in 0..300 {
        std::thread::sleep(Duration::from_millis(10));
        if writer.journal.has_room() {
            break;
        }
    }
    assert!(writer.journal.has_room(), "room again");
    for _ in 0..30 {
        writer.write(2);
    }
    let all = writer.index;
    writer.journal.close().unwrap();
    let (journal, _) = bench.open(&disk).unwrap();
    assert!(journal.figures().segments > 1);
    assert_whole(&journal, all, "over more segments");
}

#[test]
fn a_body_that_was_changed_is_not_served_and_is_found_by_check() {
    let bench = Bench::new(64 * 1024);
    let disk = SimulatedDisk::new();
    let mut writer = bench.opened(&disk);
    writer.write(3);
    std::thread::sleep(Duration::from_millis(120));
    let (offset, header) = groups(&disk, 0)
        .into_iter()
        .find(|g| g.1.entries == 3)
        .unwrap();
    // The last byte of the last body's tag.
    let place = offset + 95 + u64::from(header.length);
    disk.corrupt(&segment_file(0), place, |bytes| bytes[0] ^= 1);
    assert!(writer.journal.read(0).is_ok());
    let error = writer.journal.read(2).unwrap_err().to_string();
    assert!(error.contains("entry 2 is damaged"), "{error}");
    assert_eq!(writer.journal.entries(0).filter(Result::is_err).count(), 1);
    writer.journal.close().unwrap();
    assert_eq!(bench.check(&disk).findings.len(), 1);
}

#[test]
fn check_names_all_damage_in_all_files() {
    let bench = Bench::new(8 * 1024);
    let disk = SimulatedDisk::new();
    let mut writer = bench.opened(&disk);
    for _ in 0..12 {
        writer.write(2);
    }
    writer.journal.close().unwrap();
    let whole = bench.check(&disk);
    assert_eq!(
        (whole.entries, whole.findings.as_slice()),
        (24, [].as_slice())
    );
    let before = disk.snapshot();
    for id in [0, 1] {
        let (offset, _) = groups(&disk, id)[0];
        disk.corrupt(&segment_file(id), offset + 100, |bytes| bytes[0] ^= 1);
    }
    let report = bench.check(&disk);
    let files: Vec<_> = report
        .findings
        .iter()
        .map(|found| found.file.clone())
        .collect();
    assert_eq!(files, [segment_file(0), segment_file(1)]);
    assert!(report.entries < 24 && report.entries > 12, "{report:?}");
    assert_eq!(before.len(), disk.snapshot().len());
    disk.remove(&segment_file(1)).unwrap();
    let files: Vec<_> = bench
        .check(&disk)
        .findings
        .into_iter()
        .map(|f| f.file)
        .collect();
    assert!(files.contains(&segment_file(1)), "{files:?}");
}
