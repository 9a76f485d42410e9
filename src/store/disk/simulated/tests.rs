//! The simulated disk is no kinder than a real one.

use super::*;

fn written(sync: bool) -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    disk.create_dir(Path::new("/d")).unwrap();
    let file = disk.create(Path::new("/d/f")).unwrap();
    file.write_all_at(&[7; 4096], 0).unwrap();
    if sync {
        file.sync_all().unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
    }
    disk
}

#[test]
fn what_is_synced_survives_every_cut() {
    for seed in 0..100 {
        let found = written(true).cut(seed).snapshot();
        assert_eq!(found[Path::new("/d/f")], vec![7; 4096]);
    }
}
#[test]
fn what_is_not_synced_is_lost_kept_and_torn() {
    let fates: BTreeSet<_> = (0..100)
        .map(|seed| {
            let found = written(false).cut(seed).snapshot();
            found
                .get(Path::new("/d/f"))
                .map(|f| f.iter().filter(|b| **b == 7).count())
        })
        .collect();
    assert!(fates.contains(&None) && fates.contains(&Some(4096)) && fates.len() > 4);
}
#[test]
fn a_failed_sync_leaves_visible_what_is_not_durable() {
    let disk = written(true);
    let file = disk.open(Path::new("/d/f")).unwrap();
    file.write_all_at(&[8; 512], 0).unwrap();
    disk.inject(Fault::Sync(disk.counts().1));
    assert!(file.sync_data().is_err());
    assert!(file.sync_data().is_ok(), "the kernel forgot");
    assert_eq!(disk.killed().snapshot()[Path::new("/d/f")][0], 8);
    assert_eq!(disk.cut(1).snapshot()[Path::new("/d/f")][0], 7);
}
#[test]
fn what_is_shortened_is_short_after_a_cut_only_when_it_was_synced() {
    let lengths = |sync: bool| -> BTreeSet<usize> {
        let cut = |seed| {
            let disk = written(true);
            let file = disk.open(Path::new("/d/f")).unwrap();
            file.truncate(1024).unwrap();
            assert_eq!(file.len().unwrap(), 1024);
            if sync {
                file.sync_all().unwrap();
            }
            disk.cut(seed).snapshot()[Path::new("/d/f")].len()
        };
        (0..40).map(cut).collect()
    };
    assert_eq!(lengths(true), BTreeSet::from([1024]));
    assert_eq!(lengths(false), BTreeSet::from([1024, 4096]));
}
#[test]
fn a_cut_keeps_just_what_is_asked_for() {
    let disk = written(false);
    assert_eq!(disk.unsynced(), 1 + 4096 / SECTOR_BYTES);
    let mut asked = 0;
    let kept = disk.cut_keeping(|| {
        asked += 1;
        asked != 3
    });
    let found = kept.snapshot()[Path::new("/d/f")].clone();
    assert_eq!(
        found.iter().filter(|b| **b == 7).count(),
        4096 - SECTOR_BYTES
    );
    assert!(found[512..1024].iter().all(|b| *b == 0));
    assert_eq!(written(true).unsynced(), 0);
    assert!(disk.cut_keeping(|| false).snapshot().is_empty());
}
#[test]
fn after_the_power_failed_nothing_changes() {
    let disk = written(true);
    let file = disk.open(Path::new("/d/f")).unwrap();
    disk.go_dark_after(1);
    file.write_all_at(&[9], 0).unwrap();
    assert!(disk.is_dark());
    let before = disk.snapshot();
    assert!(file.write_all_at(&[8], 0).is_err());
    assert!(file.sync_data().is_err());
    assert!(file.truncate(0).is_err());
    assert!(disk.create(Path::new("/d/g")).is_err());
    assert!(disk.remove(Path::new("/d/f")).is_err());
    assert_eq!(disk.snapshot(), before);
    assert!(!disk.cut(1).is_dark());
}
#[test]
fn full_is_full() {
    let disk = written(true);
    disk.limit_capacity(Some(4096));
    let file = disk.open(Path::new("/d/f")).unwrap();
    assert!(file.write_all_at(&[1], 4095).is_ok());
    let error = file.write_all_at(&[1], 4096).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    disk.limit_capacity(Some(0));
    assert!(file.write_all_at(&[1], 0).is_ok(), "its room is taken");
    let other = disk.create(Path::new("/d/g")).unwrap();
    disk.limit_capacity(Some(4096));
    assert!(other.write_all_at(&[1], 0).is_err());
    disk.remove(Path::new("/d/f")).unwrap();
    assert!(other.write_all_at(&[1], 0).is_ok(), "room was given back");
}
