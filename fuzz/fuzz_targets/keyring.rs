//! The keyring file, under a key that it was not written with.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    allpoints::store::keyring::fuzz::keyring(data);
});
