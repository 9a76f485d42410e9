//! The header of a journal entry, which is a leaf of the log.
#![no_main]

use allpoints::store::entry::EntryHeader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(bytes) = data.try_into() {
        if let Ok(header) = EntryHeader::decode(bytes) {
            assert_eq!(&header.encode(), bytes, "one spelling alone");
        }
    }
});
