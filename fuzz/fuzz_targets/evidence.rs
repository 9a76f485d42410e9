//! An evidence file that a court was given.
#![no_main]

use allpoints::{cli::verify, domain::time::Timestamp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let now = Timestamp::from_micros(1_800_000_000_000_000);
    let _ = verify::check(data, None, now);
});
