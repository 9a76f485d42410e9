//! A journal file: segment header, group, blocks, entries.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    allpoints::store::journal::fuzz::segment(data);
});
