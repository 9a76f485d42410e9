//! What one sync of this disk costs now: every latency is judged beside it.

use std::{fs::File, os::unix::fs::FileExt as _, path::Path, time::Instant};

const WRITES: usize = 300;
const WRITE_BYTES: usize = 4096;

/// Median and 99th percentile of an `fdatasync` after 4 KiB into a file filled with zeros, in ms.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct SyncCost {
    pub p50_ms: f64,
    pub p99_ms: f64,
}

pub fn fdatasync(folder: &Path) -> SyncCost {
    let file = File::create(folder.join("fdatasync")).expect("a file");
    file.write_all_at(&vec![0; WRITES * WRITE_BYTES], 0)
        .expect("zeros");
    file.sync_all().expect("synced");
    let mut costs: Vec<f64> = (0..WRITES)
        .map(|at| {
            file.write_all_at(&[7; WRITE_BYTES], (at * WRITE_BYTES) as u64)
                .expect("written");
            let from = Instant::now();
            file.sync_data().expect("synced");
            from.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    costs.sort_by(f64::total_cmp);
    SyncCost {
        p50_ms: costs[WRITES / 2],
        p99_ms: costs[WRITES * 99 / 100],
    }
}
