//! The power goes after every write, rename and shortening of a recording, and of what was not synced by then any
//! part may be on disk.
//!
//! Verifies that each of these disks opens, has everything that was acknowledged, and that nothing else is served
//! before it was synced anew: another power cut right after the start takes nothing of it away.

use super::*;

const SEGMENT: u64 = 4096;
/// Up to so many unsynced things every subset is tried.
const SUBSETS_UP_TO: usize = 10;
const SAMPLES: u64 = 1000;

/// What was replayed.
#[derive(Debug, Default)]
struct Counts {
    moments: u64,
    subsets: u64,
    prefixes: u64,
    samples: u64,
    /// Cuts after which more was there than was acknowledged.
    unacknowledged_seen: u64,
}

fn opens(bench: &Bench, after: &SimulatedDisk, said: u64, case: &str, counts: &mut Counts) {
    let (journal, _) = bench.open(after).expect(case);
    let served = assert_whole(&journal, said, case);
    counts.unacknowledged_seen += u64::from(served > said);
    let again = after.cut_keeping(|| false);
    drop(journal);
    let (journal, _) = bench.open(&again).expect(case);
    assert_whole(
        &journal,
        served,
        &format!("{case}: what was served survives"),
    );
}

fn replay(bench: &Bench, moment: &SimulatedDisk, said: u64, case: &str, counts: &mut Counts) {
    counts.moments += 1;
    let unsynced = moment.unsynced();
    if unsynced <= SUBSETS_UP_TO {
        for subset in 0..1u32 << unsynced {
            let mut left = subset;
            let after = moment.cut_keeping(|| {
                let keep = left & 1 == 1;
                left >>= 1;
                keep
            });
            opens(
                bench,
                &after,
                said,
                &format!("{case}, subset {subset:b}"),
                counts,
            );
            counts.subsets += 1;
        }
        return;
    }
    for prefix in 0..=unsynced {
        let mut left = prefix;
        let after = moment.cut_keeping(|| {
            let keep = left > 0;
            left = left.saturating_sub(1);
            keep
        });
        opens(
            bench,
            &after,
            said,
            &format!("{case}, first {prefix}"),
            counts,
        );
        counts.prefixes += 1;
    }
    for seed in 0..SAMPLES {
        opens(
            bench,
            &moment.cut(seed),
            said,
            &format!("{case}, seed {seed}"),
            counts,
        );
        counts.samples += 1;
    }
}

#[test]
#[allow(clippy::print_stdout, reason = "the counts are what is reported")]
fn row_37_a_cut_at_every_write_of_a_recording_takes_nothing_acknowledged() {
    let bench = Bench::new(SEGMENT);
    let disk = SimulatedDisk::new();
    disk.keep_moments();
    let mut writer = bench.opened(&disk);
    // Entries acknowledged, and the writes that had been made by then.
    let mut acknowledged = vec![(0, 0)];
    for block in 0..10 {
        writer.write(1 + block % 2);
        acknowledged.push((disk.counts().0, writer.index));
    }
    let segments = writer.journal.figures().segments;
    drop(writer);
    let mut counts = Counts::default();
    for (at, (write, moment)) in disk.moments().into_iter().enumerate() {
        let before = acknowledged.iter().rev();
        let said = before.into_iter().find(|(writes, _)| *writes <= write);
        let said = said.map_or(0, |(_, entries)| *entries);
        replay(&bench, &moment, said, &format!("moment {at}"), &mut counts);
    }
    println!("{counts:?}, {segments} segments");
    assert!(segments > 2 && counts.moments > 30, "{counts:?}");
    assert!(counts.subsets > 100 && counts.prefixes > 10, "{counts:?}");
    assert!(
        counts.samples >= SAMPLES && counts.unacknowledged_seen > 0,
        "{counts:?}"
    );
}
