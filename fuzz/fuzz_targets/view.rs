//! A row of the view, which may have lost or turned anything.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    allpoints::store::view::fuzz::row(data);
});
