//! A payload of any kind, opened for its officer.
#![no_main]

use allpoints::{domain::routing::Kind, wire};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = wire::alert::decode_payload(data);
    for kind in Kind::ALL {
        let _ = wire::alert::inspect_payload(*kind, data);
    }
});
