//! A checkpoint as a signed note.
#![no_main]

use allpoints::trust::note::Checkpoint;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = str::from_utf8(data) {
        let _ = Checkpoint::verify(text, &[3; 32]);
    }
});
