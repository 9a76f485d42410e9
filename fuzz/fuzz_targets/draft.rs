//! A draft as JSON, from an officer or a system of the own authority.
#![no_main]

use allpoints::{domain::time::Timestamp, wire};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    if let Ok(draft) = wire::alert::read_draft_json(text) {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let _ = wire::alert::parse_draft(&draft, now);
    }
});
