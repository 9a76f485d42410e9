//! A message of a peer on the exchange: greeting, frame with its batches, or heartbeat.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = allpoints::exchange::fuzz::request(data);
});
