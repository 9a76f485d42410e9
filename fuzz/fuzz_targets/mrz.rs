//! The machine-readable zone of a travel document.
#![no_main]

use allpoints::domain::mrz::Mrz;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = str::from_utf8(data) {
        if let Ok(mrz) = Mrz::parse(text) {
            assert!(!mrz.lines().is_empty());
        }
    }
});
