//! The frames of a connection, however they are cut.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    allpoints::trust::tls::fuzz::frames(data);
});
